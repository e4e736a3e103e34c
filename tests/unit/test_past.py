from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.layout import Snapshot
from actions.past import Record, earlier, not_overtaken, settled, stays

START = datetime(2026, 1, 1, tzinfo=UTC)


def records(*tags: str) -> list[Record]:
    """One record an hour with these tags of the api, oldest first; as they are read, newest first."""
    return [
        Record(
            at=START + timedelta(hours=n), name="prod", sha=str(n), made=START + timedelta(hours=n),
            snapshot=Snapshot(env="prod", files=()), tags={"api": tag} if tag else {},
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
    assert hours(records("a", "a", "b", "", "b", "a")) == [
        ("a", 5, None), ("b", 4, 5), ("b", 2, 3), ("a", 0, 2),
    ]  # fmt: skip
    assert hours([]) == []


def test_the_record_of_another_service_ends_no_stay() -> None:
    ran = records("a", "", "a")
    ran[1] = replace(ran[1], name="prod/web")

    assert hours(ran) == [("a", 0, None)]


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


def test_of_commits_too_far_back_the_moment_they_were_made_tells() -> None:
    newer, older = records("a", "b")

    assert not_overtaken([newer, older], {"x": 0}) == [newer, older]
    assert not_overtaken([older, newer], {"x": 0}) == [newer]
    assert not_overtaken([older, newer], {newer.sha: 0}) == [newer]


def test_what_was_overtaken_is_known_by_a_record_before_it() -> None:
    ran = records("a", "b", "c")

    assert settled(ran) == 2
    assert settled([replace(ran[0], name="prod/web"), *ran[1:]]) == 0
    assert settled([]) == 0
