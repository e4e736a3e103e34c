"""Records added up: changes as they were amended, and what is no change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from actions.evidence.facts import ChangeFacts, Deployment, Kind, Rewrite
from actions.evidence.ledger import Ledger, deployed_later, gap, record_of, result_of, reviewed_later, rewritten
from tests.unit.evidence.records import begin, change, moment
from tests.unit.evidence.test_judgement import APP, CHANGE, COMMIT, review, with_move, with_pull

MISSING = {"exception": "change-without-deployment", "detail": "api is not deployed"}
OTHER = {"exception": "not-approved", "detail": "nobody"}


def undeployed(**more: Any) -> dict[str, Any]:
    return change("a", 1, deployments=[], undeployed=["api", "web"], exceptions=[MISSING, OTHER], **more)


def deployment(number: int, hours: float) -> Deployment:
    return Deployment(
        id=number, environment="prod", sha="d" * 40, creator="x", created_at=moment(hours), succeeded_at=moment(hours),
        failed_before=0, url="",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("still", "expected"),
    [
        pytest.param([], [OTHER], id="all of it"),
        pytest.param(["web"], [MISSING, OTHER], id="a part of it"),
    ],
)
def test_a_later_deployment_settles_that_it_was_missing(still: list[str], expected: list[dict[str, str]]) -> None:
    first = undeployed()
    amendment = deployed_later(first, [deployment(1, 2)], still, {})

    (found,) = Ledger.of([begin(), first, amendment]).changes

    assert found["exceptions"] == expected
    assert found["undeployed"] == still
    assert [each["id"] for each in found["deployments"]] == [1]
    assert found["result"] == [each["exception"] for each in expected]


def test_a_deployment_that_is_known_is_not_added_again() -> None:
    first = undeployed()
    once = Ledger.of([begin(), first, deployed_later(first, [deployment(1, 2)], ["web"], {})]).changes[0]

    twice = deployed_later(once, [deployment(1, 2), deployment(2, 3)], [], {})

    assert [each["id"] for each in twice["adds"]["deployments"]] == [1, 2]


def test_a_later_review_settles_nothing() -> None:
    first = change("a", 1, "rollback", exceptions=[OTHER])
    review = {"by": "bob", "at": moment(5)}

    before = Ledger.of([begin(), first])
    after = Ledger.of([begin(), first, reviewed_later(first, review, {})])

    assert (before.waiting, after.waiting) == (before.changes, [])
    assert after.changes[0]["later_review"] == review
    assert after.changes[0]["exceptions"] == [OTHER]


@pytest.mark.parametrize(
    ("found", "waits"),
    [
        pytest.param(change("a", 1), False, id="an approved update"),
        pytest.param(change("a", 1, undeployed=["api"]), True, id="not deployed yet"),
        pytest.param(change("a", 1, "hotfix"), True, id="an emergency that nobody approved"),
        pytest.param(change("a", 1, "hotfix", approved_by="bob"), False, id="an approved emergency"),
        pytest.param(change("a", 1, "hotfix", needs_review=False), False, id="an emergency that needs no approval"),
        pytest.param(change("a", 1, "first", emergency=True), False, id="the first commit"),
    ],
)
def test_a_change_waits_for_what_it_still_misses(found: dict[str, Any], *, waits: bool) -> None:
    assert bool(Ledger.of([begin(), found]).waiting) is waits


def test_what_is_no_change_follows_the_change_before_it() -> None:
    one, two = change("a", 1), change("b", 2)
    rewrite = rewritten(
        Rewrite(id=7, kind="force_push", actor="bob", at=moment(3), before="a" * 40, after="b" * 40), "main", {}
    )
    hole = gap("e" * 40, {"api": "1", "web": "1", "same": "1"}, {"api": "2", "job": "1", "same": "1"}, {})

    found = Ledger.of([begin(), hole, one, two, rewrite]).strays

    assert [each["follows"] for each in found] == ["", two["commit"]["sha"]]
    assert [each["exceptions"][0]["detail"] for each in found] == [
        "which commit moved api from 1 to 2, job from none to 1, web from 1 to none",
        f"bob moved main from {'a' * 12} to {'b' * 12} (force_push)",
    ]
    assert [each["result"] for each in found] == [[f"unknown: {found[0]['exceptions'][0]['detail']}"], ["direct-push"]]


def test_exceptions_name_their_commits() -> None:
    one = change("a", 1, exceptions=[OTHER])
    hole = gap("e" * 40, {"api": "1"}, {}, {})

    assert [each["commit"] for each in Ledger.of([begin(), one, hole]).exceptions] == [one["commit"]["sha"], "e" * 40]


def test_a_result_names_each_exception_once() -> None:
    assert result_of([]) == "pass"
    assert result_of([OTHER, OTHER, {"exception": "unknown", "detail": "x"}]) == ["not-approved", "unknown: x"]


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        pytest.param(CHANGE, ("bob", moment(1), ["bob"], None, False), id="approved"),
        pytest.param(
            replace(CHANGE, commit=replace(COMMIT, pull=None)), ("", "", ["bob"], None, False), id="no pull request"
        ),
        pytest.param(
            with_move(commits=(replace(APP, pull=None),)), ("bob", moment(1), [""], None, False), id="none in the app"
        ),
        pytest.param(
            replace(with_pull(reviews=(review(at=moment(3)),)), kind=Kind.HOTFIX),
            ("", "", ["bob"], {"by": "bob", "at": moment(3)}, True),
            id="an emergency that was reviewed later",
        ),
    ],
)
def test_a_record_names_who_approved_what(made: ChangeFacts, expected: tuple[Any, ...]) -> None:
    found = record_of(made, {"at": moment(9)})

    commits = [commit["approved_by"] for commit in found["moves"][0]["commits"]]
    assert (
        found["approved_by"], found["approved_at"], commits, found["later_review"], found["emergency"]
    ) == expected  # fmt: skip
    assert (found["record"], found["schema"], found["collected"]) == ("change", 1, {"at": moment(9)})


def test_every_record_names_its_schema() -> None:
    first = undeployed()
    hole = gap("e" * 40, {"api": "1"}, {}, {})

    records = [deployed_later(first, [], [], {}), reviewed_later(first, {}, {}), hole]

    assert [record["schema"] for record in records] == [1, 1, 1]
    assert hole["id"] == 0
