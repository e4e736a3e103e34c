"""What is wrong with a change."""

from __future__ import annotations

from actions.evidence.facts import Change, Commit, Kind, Move
from actions.evidence.judgement import find_exceptions
from tests.unit.evidence.records import moment


def test_commits_that_are_not_listed_are_unknown() -> None:
    commit = Commit(sha="a" * 40, title="x", author="alice", at=moment(0), verified=True, pull=None)
    move = Move(
        service="api", file="envs/prod.json", before="1", after="2", order="ahead", repository="your-org/app",
        sha="b" * 40, released="main", commits_in_all=3,
    )  # fmt: skip
    found = Change(
        environment="prod", commit=commit, parents=("c" * 40,), kind=Kind.UPDATE, needs_review=True, reason="",
        bots=(), moves=(move,), tags_before={}, tags={},
    )  # fmt: skip

    assert "3 more commits of your-org/app in api 2" in [finding.detail for finding in find_exceptions(found)]
