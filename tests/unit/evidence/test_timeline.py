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

    assert picture.count("<rect x=") == 1 + 5  # and five of the legend
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


PICTURE = """<h2>Deployed versions over time</h2>
<figure><svg viewBox="0 0 1080 170" width="100%" role="img" aria-labelledby="tt td">
<title id=tt>Deployed versions over time</title>
<desc id=td>api v1 from 2026-01-01 00:00; api v2 from 2026-01-01 02:00; api v1 from 2026-01-01 05:00; \
web-of-a-very-long-name w from 2026-01-01 06:00</desc>
<line x1=130.0 x2=130.0 y1=16 y2=140 stroke="#d0d7de" />
<text x=130.0 y=12 fill="#57606a">01 Jan 00:00</text>
<line x1=286.7 x2=286.7 y1=16 y2=140 stroke="#d0d7de" />
<text x=286.7 y=12 fill="#57606a">01 Jan 01:40</text>
<line x1=443.3 x2=443.3 y1=16 y2=140 stroke="#d0d7de" />
<text x=443.3 y=12 fill="#57606a">01 Jan 03:20</text>
<line x1=600.0 x2=600.0 y1=16 y2=140 stroke="#d0d7de" />
<text x=600.0 y=12 fill="#57606a">01 Jan 05:00</text>
<line x1=756.7 x2=756.7 y1=16 y2=140 stroke="#d0d7de" />
<text x=756.7 y=12 fill="#57606a">01 Jan 06:40</text>
<line x1=913.3 x2=913.3 y1=16 y2=140 stroke="#d0d7de" />
<text x=913.3 y=12 fill="#57606a">01 Jan 08:20</text>
<text x=0 y=45.0>api</text>
<text x=0 y=97.0>web-of-a-very-long</text>
<g><title>api v1, first, since 2026-01-01 00:00 UTC</title>
<rect x=130.0 y=26 width=188.0 height=30 rx=3 fill="#8c959f" stroke="#fff" stroke-width=2 />
<text x=135.0 y=45.0 fill="#fff">v1</text></g>
<g><title>api v2, update, since 2026-01-01 02:00 UTC</title>
<rect x=318.0 y=26 width=282.0 height=30 rx=3 fill="#0969da" stroke="#fff" stroke-width=2 />
<text x=323.0 y=45.0 fill="#fff">v2</text></g>
<g><title>api v1, rollback, since 2026-01-01 05:00 UTC</title>
<rect x=600.0 y=26 width=470.0 height=30 rx=3 fill="#bf8700" stroke="#cf222e" stroke-width=2 />
<text x=605.0 y=45.0 fill="#fff">v1</text></g>
<g><title>web-of-a-very-long-name w, update, since 2026-01-01 06:00 UTC</title>
<rect x=694.0 y=78 width=376.0 height=30 rx=3 fill="#0969da" stroke="#fff" stroke-width=2 />
<text x=699.0 y=97.0 fill="#fff">w</text></g>
<rect x=130 y=150 width=12 height=12 rx=2 fill="#0969da" />
<text x=148 y=160>update</text>
<rect x=240 y=150 width=12 height=12 rx=2 fill="#bf8700" />
<text x=258 y=160>rollback</text>
<rect x=350 y=150 width=12 height=12 rx=2 fill="#8250df" />
<text x=368 y=160>hotfix</text>
<rect x=460 y=150 width=12 height=12 rx=2 fill="#8c959f" />
<text x=478 y=160>first commit</text>
<rect x=570 y=150 width=12 height=12 rx=2 fill="#fff" stroke="#cf222e" stroke-width=2 />
<text x=588 y=160>has an exception</text></svg></figure>"""


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


def test_every_service_has_a_lane_and_every_tag_a_bar() -> None:
    web = change("w", 6)
    web["moves"][0]["service"] = "web-of-a-very-long-name"
    wrong = [{"exception": "unsigned", "detail": "x"}]
    changes = [change("v1", 0, "first"), change("v2", 2), change("v1", 5, "rollback", exceptions=wrong), web]

    picture = timeline(changes, FIRST, START + hours(10))

    assert re.sub(r">\n?<(?!/)", ">\n<", picture).replace("<figure>\n", "<figure>").replace("<g>\n", "<g>") == PICTURE


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        pytest.param(timedelta(seconds=719), "00:01:59", id="less than twelve minutes"),
        pytest.param(timedelta(minutes=12), "01 Jan 00:02", id="twelve minutes"),
        pytest.param(timedelta(days=17), "03 Jan 20:00", id="seventeen days"),
        pytest.param(timedelta(days=18), "2026-01-04", id="eighteen days"),
    ],
)
def test_a_moment_is_written_as_precisely_as_the_axis_is_long(span: timedelta, expected: str) -> None:
    picture = timeline([change("a", 0)], FIRST, START + span)

    assert re.findall(r'y=12 fill="#57606a">([^<]*)<', picture)[1] == expected


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        pytest.param(0, 10, [], id="it comes when the period ends"),
        pytest.param(0, 11, ["a"], id="it comes before the period ends"),
        pytest.param(19, 30, ["a", "b"], id="it goes after the period begins"),
        pytest.param(20, 30, ["b"], id="it goes when the period begins"),
        pytest.param(30, 40, ["b"], id="it does not go"),
    ],
)
def test_a_period_shows_what_ran_in_it(since: float, until: float, expected: list[str]) -> None:
    picture = timeline([change("a", 10), change("b", 20)], START + hours(since), START + hours(until))

    assert re.findall(r"<title>api (\w+),", picture) == expected


@pytest.mark.parametrize(("end", "shown"), [(44, ["b"]), (44.1, ["aaaaa", "b"])])
def test_a_tag_is_written_where_its_bar_is_wide_enough(end: float, shown: list[str]) -> None:
    """The axis has 940 units, and a character takes 7.2 of them."""
    picture = timeline([change("aaaaa", 0), change("b", end)], FIRST, START + hours(940))

    assert re.findall(r'fill="#fff">(\w+)<', picture) == shown


def test_a_bar_can_always_be_seen() -> None:
    picture = timeline([change("a", 0), change("b", 1)], FIRST, START + hours(9400))

    assert re.findall(r"<rect x=[\d.]+ y=26 width=([\d.]+)", picture) == ["2.0", "939.9"]


def test_an_axis_without_length_is_drawn() -> None:
    assert timeline([change("a", 0)], FIRST, START + timedelta(microseconds=1)).count("<line x1=130.0") == 6


def test_the_description_names_the_last_tags() -> None:
    picture = timeline([change(f"v{number}", number) for number in range(21)], FIRST, START + hours(30))

    (words,) = re.findall(r"<desc id=td>([^<]*)</desc>", picture)
    assert [text.split()[1] for text in words.split("; ")] == [f"v{number}" for number in range(1, 21)]
