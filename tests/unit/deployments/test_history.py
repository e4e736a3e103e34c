from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.deployments.history import Record, count_decidable, deployed_periods, drop_superseded, earlier_tag
from actions.infra.layout import Snapshot

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
            period.tag,
            (period.since - START) / timedelta(hours=1),
            (period.until - START) / timedelta(hours=1) if period.until else None,
        )
        for period in deployed_periods(ran, "api")
    ]


def test_a_tag_is_in_place_from_its_first_deployment_to_that_of_the_next() -> None:
    assert hours(records("a", "a", "b", "", "b", "a")) == [
        ("a", 5, None), ("b", 4, 5), ("b", 2, 3), ("a", 0, 2),
    ]  # fmt: skip
    assert hours([]) == []
    assert hours(records("", "a")) == [("a", 1, None)]


def test_the_record_of_another_service_ends_no_period() -> None:
    ran = records("a", "", "a")
    ran[1] = replace(ran[1], name="prod/web")

    assert hours(ran) == [("a", 0, None)]


@pytest.mark.parametrize(
    ("present", "steps", "expected"),
    [("c", 1, "b"), ("c", 2, "a"), ("c", 3, ""), ("b", 1, "c"), ("x", 1, "c"), ("x", 3, "a")],
)
def test_earlier_tags_are_counted_once_each(present: str, steps: int, expected: str) -> None:
    assert earlier_tag(deployed_periods(records("a", "b", "a", "b", "c"), "api"), present, steps) == expected


@given(st.lists(st.sampled_from("abc"), max_size=12))
def test_periods_follow_one_another_without_a_gap_and_never_repeat_a_tag(tags: list[str]) -> None:
    periods = list(deployed_periods(records(*tags), "api"))[::-1]

    for one, next_ in pairwise(periods):
        assert one.until == next_.since
        assert one.tag != next_.tag
    if periods:
        assert (periods[-1].until, periods[-1].tag) == (None, tags[-1])


def test_a_superseded_job_deployed_nothing() -> None:
    """The commits are 2, 1, 0 from the newest; the job for 1 ended last."""
    newest_first = [records("a", "b", "c")[i] for i in (1, 0, 2)]

    assert [record.sha for record in drop_superseded(newest_first, {"2": 0, "1": 1, "0": 2})] == ["2", "0"]


def test_of_commits_too_far_back_the_moment_they_were_made_tells() -> None:
    newer, older = records("a", "b")

    assert drop_superseded([newer, older], {"x": 0}) == [newer, older]
    assert drop_superseded([older, newer], {"x": 0}) == [newer]
    assert drop_superseded([older, newer], {newer.sha: 0}) == [newer]


def test_a_superseded_record_is_known_by_a_record_before_it() -> None:
    ran = records("a", "b", "c")

    assert count_decidable(ran) == 2
    assert count_decidable([replace(ran[0], name="prod/web"), *ran[1:]]) == 0
    assert count_decidable([]) == 0


def test_a_record_of_the_service_alone_begins_a_period() -> None:
    deployed = records("a", "b")
    deployed[0] = replace(deployed[0], name="prod/api")

    assert hours(deployed) == [("b", 1, None), ("a", 0, 1)]
