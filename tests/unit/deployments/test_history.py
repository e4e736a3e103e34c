from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.deployments.history import Record, deployed_periods, earlier_tag
from actions.infra.layout import Snapshot

START = datetime(2026, 1, 1, tzinfo=UTC)


def records(*tags: str) -> list[Record]:
    """One record an hour with these tags of the api, oldest first; as they are read, newest first."""
    return [
        Record(
            at=START + timedelta(hours=n), name="prod", sha=str(n),
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


def test_a_record_of_the_service_alone_begins_a_period() -> None:
    deployed = records("a", "b")
    deployed[0] = replace(deployed[0], name="prod/api")

    assert hours(deployed) == [("b", 1, None), ("a", 0, 1)]


def test_a_tag_that_names_another_commit_is_another_one() -> None:
    ran = [replace(record, commits={"api": sha}) for record, sha in zip(records("1", "1", "1"), "xxy", strict=True)]

    assert [(period.tag, period.commit) for period in deployed_periods(ran, "api")] == [("1", "x"), ("1", "y")]
    assert hours(ran) == [("1", 1, None), ("1", 0, 1)]


def test_a_commit_names_itself() -> None:
    (ran,) = records("a" * 40)

    assert (ran.commit_of("api"), ran.commit_of("web")) == ("a" * 40, "")
