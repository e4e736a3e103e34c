"""Metrics, from the records."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from actions.evidence.metrics import came_at, deployed_at, measure, ran
from tests.unit.evidence.records import START, at, change, moment, pull


def test_metrics_are_computed_from_the_records() -> None:
    """Two good changes, a bad one that is rolled back after two hours, and a hotfix of the last good one."""
    changes = [
        change("first", 0, "first"),
        change("a", 24),
        change("b", 100),
        change("a", 102, "rollback"),
        change("c", 24 * 10),
        change("d", 24 * 10 + 6, "hotfix"),
    ]

    found = measure(changes, changes)

    assert found.lead_time == timedelta(hours=1)
    assert found.failure_rate == pytest.approx(2 / 3)
    assert found.time_to_restore == timedelta(hours=4)
    assert found.per_week == pytest.approx(5 / ((24 * 9 + 6) / (24 * 7)))


def test_a_change_that_failed_after_the_others_that_are_measured_has_failed_all_the_same() -> None:
    good, bad, mended = change("a", 1), change("b", 5), change("a", 8, "rollback")

    found = measure([good, bad], [good, bad, mended])

    assert (found.failure_rate, found.time_to_restore) == (1 / 2, timedelta(hours=3))


def test_where_there_is_nothing_to_tell_from_nothing_is_told() -> None:
    changes = [change("a", 0, deployments=[])]

    found = measure(changes, changes)

    assert (found.lead_time, found.per_week, found.failure_rate, found.time_to_restore) == (None,) * 4


def test_what_was_adopted_was_not_deployed() -> None:
    adopted = change("a", 0)
    adopted["deployments"][0]["adopted"] = True

    found = measure([adopted, change("b", 5)], [adopted, change("b", 5)])

    assert (found.lead_time, found.per_week) == (timedelta(hours=1), None)
    assert measure([adopted], [adopted]).lead_time is None


def test_failures_of_other_changes_do_not_count() -> None:
    good, bad, mended, later = change("a", 1), change("b", 5), change("a", 8, "rollback"), change("c", 20)

    found = measure([later], [good, bad, mended, later])

    assert (found.failure_rate, found.time_to_restore) == (0, None)


def of(service: str, name: str, hours: float, kind: str = "update", **move: Any) -> dict[str, Any]:
    """One change of *service* to *name*."""
    found = change(name, hours, kind)
    found["moves"] = [{**found["moves"][0], "service": service, **move}]
    return found


def in_hours(span: timedelta | None) -> float | None:
    return None if span is None else span / timedelta(hours=1)


def test_a_tag_ran_until_the_next_of_its_service_was_deployed() -> None:
    changes = [of("api", "b", 2), of("web", "x", 4), of("api", "a", 1), of("api", "", 3), of("api", "c", 5)]

    found = [(each.service, each.tag, in_hours(each.since - START), each.until) for each in ran(changes)]

    hour = timedelta(hours=1)
    assert found == [
        ("api", "a", 1, START + 2 * hour),
        ("api", "b", 2, START + 3 * hour),
        ("api", "c", 5, None),
        ("web", "x", 4, None),
    ]
    assert ran([change("a", 1, deployments=[])]) == []


@pytest.mark.parametrize(("hours", "expected"), [(167, None), (168, 2.0), (336, 1.0)])
def test_a_rate_per_week_needs_a_week(hours: float, expected: float | None) -> None:
    changes = [change("a", 0), change("b", hours)]

    assert measure(changes, changes).per_week == expected
    assert measure(changes[:1], changes).per_week is None


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        pytest.param([], 2, id="the median of all"),
        pytest.param([of("api", "x", 50, built_at=moment(1))], 3, id="one that took long"),
        pytest.param([of("api", "x", 50, "rollback", built_at=moment(1))], 2, id="a rollback"),
        pytest.param([of("api", "x", 50, "hotfix", built_at=moment(1))], 2, id="a hotfix"),
        pytest.param([of("api", "x", 50, "first", built_at=moment(1))], 2, id="the first commit"),
        pytest.param([of("api", "x", 50, built_at="")], 2, id="of no known commit"),
    ],
)
def test_the_lead_time_is_the_median_of_regular_changes(more: list[dict[str, Any]], expected: float) -> None:
    changes = [of("api", "a", 10, built_at=moment(9)), of("api", "b", 20, built_at=moment(17)), *more]

    assert in_hours(measure(changes, changes).lead_time) == expected


@pytest.mark.parametrize(
    ("changes", "rate", "hours"),
    [
        pytest.param([of("api", "a", 1), of("api", "b", 5)], 0, None, id="no failure"),
        pytest.param([of("api", "a", 1), of("api", "b", 5, "hotfix")], 1, 4, id="a hotfix"),
        pytest.param([of("api", "a", 1), of("api", "b", 5, "rollback")], 1, 4, id="a rollback"),
        pytest.param([of("api", "a", 1, "first"), of("api", "b", 5, "hotfix")], None, None, id="of the first"),
        pytest.param(
            [of("api", "a", 1), of("api", "b", 5, "hotfix"), of("api", "c", 6, "hotfix")], 1, 4, id="a second hotfix"
        ),
        pytest.param([of("api", "a", 1), of("web", "b", 5, "hotfix")], 0, None, id="of another service"),
        pytest.param(
            [of("api", "a", 1), of("api", "", 2), of("api", "b", 5, "hotfix")], 0, None, id="of one that was gone"
        ),
    ],
)
def test_a_change_failed_if_an_emergency_follows_it(
    changes: list[dict[str, Any]], rate: float | None, hours: float | None
) -> None:
    found = measure(changes, changes)

    assert (found.failure_rate, in_hours(found.time_to_restore)) == (rate, hours)


def test_a_change_of_two_services_that_both_failed_failed_once() -> None:
    both = change("a", 1)
    both["moves"] = [{**both["moves"][0], "service": name} for name in ("api", "web")]
    changes = [both, of("api", "b", 5, "hotfix"), of("web", "b", 9, "hotfix")]

    found = measure(changes, changes)

    assert (found.failure_rate, in_hours(found.time_to_restore)) == (1, 6)


def test_a_change_was_deployed_when_it_first_was() -> None:
    later, first = (change("a", hours)["deployments"][0] for hours in (5, 2))

    assert deployed_at(change("a", 1, deployments=[later, first])) == START + timedelta(hours=2)
    assert deployed_at(change("a", 1, deployments=[])) is None


def test_a_change_came_by_its_movement_else_by_its_merge() -> None:
    moved, merged = at(4), at(None)
    for each in (moved, merged):
        each["commit"]["pull"] = pull("x")

    assert (came_at(moved), came_at(merged), came_at(at(None))) == (START + timedelta(hours=4), START, None)
