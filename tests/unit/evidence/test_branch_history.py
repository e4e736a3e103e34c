"""The history of a branch."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from actions.evidence.branch_history import BranchHistory, last_pusher, movements, rewrites
from actions.evidence.facts import Movement
from tests.unit.evidence.records import moment
from tests.unit.evidence.test_judgement import PULL


def line_of(*commits: tuple[str, str]) -> BranchHistory:
    """Return the line of commits, each with the names of its parents, newest first."""
    return BranchHistory.of(
        {"oid": sha, "committedDate": moment(0), "parents": {"nodes": [{"oid": parent} for parent in parents]}}
        for sha, parents in commits
    )


def test_a_merge_that_brought_what_is_known_is_no_change_by_itself() -> None:
    """The branch was merged into a pull request, which was then merged."""
    line = line_of(("m", "bg"), ("g", "fb"), ("b", "a"), ("f", "a"), ("a", ""))

    assert line.merges_without("b") == ["m"]
    assert line.merges_without("f") == ["g"]
    assert line.merges_without("a") == ["m", "g"]
    assert line.sorted("mgbfa") == ["a", "b", "f", "g", "m"]


def test_evidence_that_begins_after_a_merge_begins_after_all_that_it_brought() -> None:
    line = line_of(("n", "m"), ("m", "bf"), ("f", "a"), ("b", "a"), ("a", ""))
    dated = dataclasses.replace(line, made={**line.made, "n": moment(9)})

    begins = dated.before(moment(5))

    assert begins == "m"
    assert line.ancestors(begins) == {"m", "f", "b", "a"}


def test_what_a_commit_contains_goes_by_its_parents() -> None:
    """The wrong way round: the branch that was there is the second parent."""
    line = line_of(("m", "hb"), ("b", "a"), ("h", "a"), ("a", ""))

    contained = {(one, other) for one in "mbha" for other in "mbha" if line.contains(one, other)}

    assert {one for one, other in contained if other == "h"} == {"m", "h"}
    assert {one for one, other in contained if other == "b"} == {"m", "b"}
    assert not line.contains("x", "a")
    assert not line.contains("a", "x")


def test_a_branch_has_a_first_commit_if_only_one_has_no_parent() -> None:
    assert line_of(("b", "a"), ("a", "")).first == "a"
    assert line_of(("m", "ab"), ("b", ""), ("a", "")).first == ""


def test_a_branch_without_commits_has_no_history() -> None:
    none = line_of()

    assert (none.first, none.before(moment(5)), none.merges_without(""), none.trunk) == ("", "", [], frozenset())


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        pytest.param({"a": 1, "b": 2, "c": 3}, "c", id="all before it"),
        pytest.param({"a": 1, "b": 2, "c": 5}, "b", id="one made at that moment"),
        pytest.param({"a": 1, "b": 6, "c": 3}, "a", id="one on a later one"),
        pytest.param({"a": 6, "b": 2, "c": 3}, "", id="all on a later one"),
    ],
)
def test_evidence_begins_after_the_last_commit_before_a_moment(made: dict[str, int], expected: str) -> None:
    line = dataclasses.replace(
        line_of(("c", "b"), ("b", "a"), ("a", "")), made={sha: moment(hour) for sha, hour in made.items()}
    )

    assert line.before(moment(5)) == expected


def test_a_merge_within_a_merge_brought_its_own_commits() -> None:
    """The merge g came with the merge m, and brought f to what had d."""
    line = line_of(("m", "bg"), ("g", "df"), ("f", "a"), ("d", "a"), ("b", "a"), ("a", ""))

    assert line.merges_without("f") == []
    assert line.merges_without("d") == ["g"]
    assert line.merges_without("b") == ["m", "g"]


def update(before: str, after: str, hours: float, kind: str = "push", **given: Any) -> dict[str, Any]:
    """An update of main, as GitHub tells it."""
    known: dict[str, Any] = {
        "id": int(hours), "activity_type": kind, "actor": {"login": "alice"}, "ref": "refs/heads/main",
        "timestamp": moment(hours), "before": before, "after": after,
    }  # fmt: skip
    return known | given


def test_a_commit_came_by_the_first_update_that_brought_it() -> None:
    line = line_of(("d", "c"), ("c", "bf"), ("f", "a"), ("b", "a"), ("a", ""))
    activity = [
        update("c", "d", 4, actor=None),
        update("b", "c", 3, "pr_merge"),
        update("a", "b", 2),
        update("0", "d", 1, ref="refs/heads/other"),
    ]

    found = movements(activity, "main", line)

    assert found == {
        "b": Movement(kind="push", actor="alice", at=moment(2)),
        "c": Movement(kind="pr_merge", actor="alice", at=moment(3)),
        "f": Movement(kind="pr_merge", actor="alice", at=moment(3)),
        "d": Movement(kind="push", actor="", at=moment(4)),
    }


@pytest.mark.parametrize(
    ("activity", "expected"),
    [
        pytest.param([("a", "b", "push"), ("b", "c", "pr_merge")], [], id="commits were added"),
        pytest.param([("a", "c", "push"), ("c", "b", "force_push")], [2], id="a forced push"),
        pytest.param([("a", "c", "push"), ("c", "0", "branch_deletion")], [2], id="a deletion"),
        pytest.param([("a", "c", "push"), ("c", "b", "force_push"), ("b", "c", "push")], [2, 3], id="regained"),
        pytest.param([("b", "c", "push"), ("a", "d", "push")], [2], id="lost in between, by what GitHub says"),
        pytest.param([("0", "a", "branch_creation"), ("a", "d", "push")], [], id="a new branch"),
        pytest.param([("a", "b", "push"), ("b", "m", "pr_merge")], [], id="a merge of an older commit"),
    ],
)
def test_updates_by_which_commits_were_lost_or_regained(
    activity: list[tuple[str, str, str]], expected: list[int]
) -> None:
    line = line_of(("m", "bf"), ("f", "a"), ("d", "c"), ("c", "b"), ("b", "a"), ("a", ""))
    updates = [update(before, after, number, kind) for number, (before, after, kind) in enumerate(activity, 1)]

    found = rewrites([*reversed(updates), update("c", "a", 0, "force_push", ref="refs/heads/x")], "main", line)

    assert [rewrite.id for rewrite in found] == expected
    for rewrite in found:
        before, after, kind = activity[rewrite.id - 1]
        assert (rewrite.before, rewrite.after, rewrite.kind) == (before, after, kind)
        assert (rewrite.actor, rewrite.at) == ("alice", moment(rewrite.id))


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        pytest.param({}, "bob", id="before the merge"),
        pytest.param({"timestamp": PULL.merged_at}, "bob", id="at the merge"),
        pytest.param({"timestamp": moment(3)}, "", id="after the merge"),
        pytest.param({"ref": "refs/heads/main"}, "", id="to another branch"),
        pytest.param({"after": "e" * 40}, "", id="another commit"),
        pytest.param({"actor": None}, "", id="by an account that is gone"),
    ],
)
def test_who_pushed_the_last_commit_of_a_pull_request(given_: dict[str, Any], expected: str) -> None:
    push = update("d" * 40, PULL.head, 1, ref=f"refs/heads/{PULL.branch}", actor={"login": "bob"})

    assert last_pusher([push | given_], PULL) == expected
