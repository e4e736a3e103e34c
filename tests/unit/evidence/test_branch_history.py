"""The history of a branch."""

from __future__ import annotations

import dataclasses

from actions.evidence.branch_history import BranchHistory
from tests.unit.evidence.records import moment


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
