"""Metrics, from the records."""

from __future__ import annotations

from datetime import timedelta

import pytest

from actions.evidence.metrics import measure
from tests.unit.evidence.records import change


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


def test_failures_of_other_changes_do_not_count() -> None:
    good, bad, mended, later = change("a", 1), change("b", 5), change("a", 8, "rollback"), change("c", 20)

    found = measure([later], [good, bad, mended, later])

    assert (found.failure_rate, found.time_to_restore) == (0, None)
