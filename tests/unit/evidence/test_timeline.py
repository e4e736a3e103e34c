"""The picture of what ran when."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from actions.evidence.period import FIRST
from actions.evidence.timeline import timeline
from tests.unit.evidence.records import START, change


def test_a_service_that_goes_ends_its_bar() -> None:
    gone = change("", 2)

    picture = timeline([change("a", 1), gone], FIRST, START + timedelta(hours=3))

    assert picture.count("<rect x=") == 1 + 4  # and four of the legend
    assert timeline([], FIRST, START) == ""


def test_the_picture_of_a_period_has_what_ran_in_it_whenever_that_came() -> None:
    changes = [change("old", 1), change("mid", 20), change("new", 60), change("next", 90)]
    since, until = (START + timedelta(hours=hours) for hours in (30, 70))

    picture = timeline(changes, since, until)

    tags = re.findall(r"<title>api (\w+), update, since ([^<]*)</title>", picture)
    assert tags == [("mid", "2026-01-01 20:00 UTC"), ("new", "2026-01-03 12:00 UTC")]
    (mid, new) = [(float(x), float(w)) for x, w in re.findall(r"<rect x=([\d.]+) y=26 width=([\d.]+)", picture)]
    assert mid[0] == 130
    assert mid[0] + mid[1] == pytest.approx(new[0], abs=0.2)
    assert new[0] + new[1] == pytest.approx(1070, abs=0.2)


def test_a_change_with_an_exception_stands_out() -> None:
    wrong = [{"exception": "unsigned", "detail": "x"}]
    good, bad = (
        timeline([change("a", 1, exceptions=exceptions)], FIRST, START + timedelta(hours=3))
        for exceptions in ([], wrong)
    )

    assert bad.count("#cf222e") == good.count("#cf222e") + 1
