from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.layout import Snapshot
from actions.past import Record, earlier, not_overtaken, stays

START = datetime(2026, 1, 1, tzinfo=UTC)


def records(*tags: str) -> list[Record]:
    """One record an hour with these tags of the api, oldest first; as they are read, newest first."""
    return [
        Record(
            at=START + timedelta(hours=n), name="prod", sha=str(n), snapshot=Snapshot(env="prod", files=()),
            tags={"api": tag} if tag else {},
        )
        for n, tag in enumerate(tags)
    ][::-1]  # fmt: skip


def hours(ran: list[Record]) -> list[tuple[str, float, float | None]]:
    return [
        (
            stay.tag,
            (stay.since - START) / timedelta(hours=1),
            (stay.until - START) / timedelta(hours=1) if stay.until else None,
        )
        for stay in stays(ran, "api")
    ]


def test_a_tag_stays_from_its_first_deployment_to_that_of_the_next() -> None:
    assert hours(records("a", "a", "b", "", "b", "a")) == [("a", 5, None), ("b", 2, 5), ("a", 0, 2)]
    assert hours([]) == []


@pytest.mark.parametrize(
    ("present", "steps", "expected"),
    [("c", 1, "b"), ("c", 2, "a"), ("c", 3, ""), ("b", 1, "c"), ("x", 1, "c"), ("x", 3, "a")],
)
def test_earlier_tags_are_counted_once_each(present: str, steps: int, expected: str) -> None:
    assert earlier(stays(records("a", "b", "a", "b", "c"), "api"), present, steps) == expected


@given(st.lists(st.sampled_from("abc"), max_size=12))
def test_stays_follow_one_another_without_a_gap_and_never_repeat_a_tag(tags: list[str]) -> None:
    found = list(stays(records(*tags), "api"))[::-1]

    for one, next_ in pairwise(found):
        assert one.until == next_.since
        assert one.tag != next_.tag
    if found:
        assert (found[-1].until, found[-1].tag) == (None, tags[-1])


def test_a_job_that_was_overtaken_deployed_nothing() -> None:
    """The commits are 2, 1, 0 from the newest; the job for 1 ended last."""
    newest_first = [records("a", "b", "c")[i] for i in (1, 0, 2)]

    assert [record.sha for record in not_overtaken(newest_first, {"2": 0, "1": 1, "0": 2})] == ["2", "0"]


def test_of_commits_that_are_not_on_the_branch_any_more_none_is_newer() -> None:
    assert len(not_overtaken(records("a", "b"), {})) == 2
