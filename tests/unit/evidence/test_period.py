"""A period of the evidence."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.evidence.ledger import View
from actions.evidence.period import Period
from tests.unit.evidence.records import at, begin, between, moment, pull


def of(period: Period, changes: list[dict[str, Any]], strays: list[dict[str, Any]] | None = None) -> list[str]:
    found = period.of(View(begins=begin(), changes=changes, others=strays or []))
    return [each["commit"]["title"] for each in found.changes] + [each["sha"] for each in found.others]


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        (None, None, ["1", "2", "3"]),
        (2, None, ["2", "3"]),
        (None, 2, ["1"]),
        (2, 3, ["2"]),
        (2.5, 2.7, []),
        (4, None, []),
    ],
)
def test_a_period_has_what_came_to_the_branch_within_it(
    since: float | None, until: float | None, expected: list[str]
) -> None:
    assert of(between(since, until), [at(1), at(2), at(3)]) == expected


def test_without_a_record_of_its_move_a_change_came_when_its_pull_request_was_merged() -> None:
    merged = at(None)
    merged["commit"]["pull"] = pull("x")

    assert of(between(0, 1), [merged]) == ["None"]
    assert of(between(1, None), [merged]) == []


@pytest.mark.parametrize(("since", "until", "there"), [(0, 1, False), (0, 2, True), (2, 3, True), (4, 5, False)])
def test_a_change_of_which_nobody_knows_when_it_came_is_wherever_it_may_have(
    since: float, until: float, *, there: bool
) -> None:
    assert ("None" in of(between(since, until), [at(1), at(None), at(3)])) is there


@given(st.lists(st.none() | st.integers(0, 9), max_size=8), st.integers(-1, 10))
def test_what_is_not_before_a_moment_is_after_it(hours: list[int | None], then: int) -> None:
    changes = [at(hour) for hour in hours]
    before, after = ({id(each) for each in period.of(View(begins={}, changes=changes, others=[])).changes}
                     for period in (between(None, then), between(then, None)))  # fmt: skip

    assert before | after == {id(each) for each in changes}
    assert not any(id(each) in before & after for each in changes if each["movement"])


def test_what_is_no_change_has_its_time_or_came_between_what_was_before_it_and_its_record() -> None:
    known = {"follows": at(4)["commit"]["sha"], "collected": {"at": moment(6)}}
    strays = [{"sha": "then", "at": moment(1), **known}, {"sha": "gap", "at": "", **known}]

    found = {
        (since, until): of(between(since, until), [at(4)], strays) for since, until in ((0, 2), (2, 4), (4, 5), (5, 7))
    }

    assert found == {(0, 2): ["then"], (2, 4): [], (4, 5): ["4", "gap"], (5, 7): ["gap"]}
    assert of(between(7, None), [], strays) == []
    assert of(between(0, 1), [], strays) == ["gap"]  # with nothing recorded before it


@pytest.mark.parametrize(
    ("since", "until", "said"),
    [
        (None, None, ""),
        (0, None, "from 2026-01-01"),
        (None, 48, "to 2026-01-02"),
        (1, 49, "from 2026-01-01 01:00:00 UTC until 2026-01-03 01:00:00 UTC"),
    ],
)
def test_a_period_says_its_days(since: float | None, until: float | None, said: str) -> None:
    assert str(between(since, until)) == said
