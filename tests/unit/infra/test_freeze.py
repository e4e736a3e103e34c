from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.infra.freeze import Window, thaw

WEEKEND = "Fri 15:00 - Mon 08:00 Europe/Paris"
NIGHT = "18:00 - 08:00 America/New_York"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("window", "now", "end"),
    [
        pytest.param(WEEKEND, "2026-11-27 13:59", None, id="a minute before"),
        pytest.param(WEEKEND, "2026-11-27 14:00", "2026-11-30 07:00", id="from its first moment"),
        pytest.param(WEEKEND, "2026-11-30 06:59", "2026-11-30 07:00", id="to its last minute"),
        pytest.param(WEEKEND, "2026-11-30 07:00", None, id="not at its end"),
        pytest.param(WEEKEND, "2026-07-31 13:00", "2026-08-03 06:00", id="an hour earlier in summer"),
        pytest.param(WEEKEND, "2026-03-28 12:00", "2026-03-30 06:00", id="over the night that is an hour shorter"),
        pytest.param(WEEKEND, "2026-10-24 12:00", "2026-10-26 07:00", id="over the night that is an hour longer"),
        pytest.param("Mon 08:00 - Fri 15:00 UTC", "2026-11-25 00:00", "2026-11-27 15:00", id="within a week"),
        pytest.param("Sun 00:00 - Mon 00:00 UTC", "2026-11-29 23:59", "2026-11-30 00:00", id="over the end of a week"),
        pytest.param(NIGHT, "2026-11-24 23:00", "2026-11-25 13:00", id="a night"),
        pytest.param(NIGHT, "2026-11-24 12:59", "2026-11-24 13:00", id="its morning"),
        pytest.param(NIGHT, "2026-11-24 13:00", None, id="a day"),
        pytest.param("12:00 - 13:00 UTC", "2026-11-24 12:30", "2026-11-24 13:00", id="lunch"),
        pytest.param("2026-12-24 18:00 - 2027-01-02 08:00 UTC", "2026-12-31 23:00", "2027-01-02 08:00", id="once"),
        pytest.param("2026-12-24 18:00 - 2027-01-02 08:00 UTC", "2027-12-31 23:00", None, id="and not again"),
        pytest.param("02:30 - 03:30 Europe/Paris", "2026-03-29 00:30", "2026-03-29 01:30", id="skipped"),
        pytest.param("02:30 - 04:00 Europe/Paris", "2026-10-25 00:30", "2026-10-25 03:00", id="occurs twice"),
        pytest.param("01:00 - 02:30 Europe/Paris", "2026-10-25 01:29", "2026-10-25 01:30", id="and that it ends with"),
        pytest.param(
            "02:45 - 02:30 Europe/Paris", "2026-10-25 01:00", "2026-10-26 01:30", id="two nights that overlap"
        ),
    ],
)
def test_a_freeze_holds_from_its_start_to_its_end(window: str, now: str, end: str | None) -> None:
    assert Window.parse(window).end_around(at(now)) == (at(end) if end else None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("weekends", "is not a freeze", id="words"),
        pytest.param("Fri 15:00 - Mon 08:00", "is not a freeze", id="no zone"),
        pytest.param("Fri 25:00 - Mon 08:00 UTC", "is not a freeze", id="no hour"),
        pytest.param("Fri 15:00 - 08:00 UTC", "the same for both ends", id="a day at one end"),
        pytest.param("Fri 15:00 - Fri 15:00 UTC", "does not end after its start", id="no time"),
        pytest.param("2026-01-02 00:00 - 2026-01-01 00:00 UTC", "does not end after its start", id="backwards"),
        pytest.param("2026-02-30 00:00 - 2026-03-01 00:00 UTC", "day is out of range", id="no date"),
        pytest.param("00:00 - 01:00 Mars/Olympus", "not a time zone of the IANA database", id="no zone of this world"),
        pytest.param("00:00 - 01:00 ../../etc/passwd", "is not a freeze", id="a path"),
        pytest.param("00:00 - 01:00 Europe", "not a time zone of the IANA database", id="a folder of zones"),
    ],
)
def test_what_is_no_freeze_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Window.parse(text)


def test_freezes_that_follow_one_another_thaw_after_the_last() -> None:
    windows = [Window.parse("Mon 00:00 - Wed 00:00 UTC"), Window.parse("Tue 12:00 - Thu 06:00 UTC")]

    assert thaw(windows, at("2026-11-23 01:00")) == at("2026-11-26 06:00")
    assert thaw(windows, at("2026-11-27 01:00")) == at("2026-11-27 01:00")
    assert thaw([], at("2026-11-27 01:00")) == at("2026-11-27 01:00")


def test_freezes_that_leave_no_gap_never_thaw() -> None:
    assert thaw([Window.parse("00:00 - 12:00 UTC"), Window.parse("12:00 - 00:00 UTC")], at("2026-11-24 01:00")) is None


@pytest.mark.parametrize(("days", "opens"), [(99, "2026-04-10 00:00"), (100, None)])
def test_a_hundred_freezes_in_a_row_have_no_end_in_sight(days: int, opens: str | None) -> None:
    starts = [at("2026-01-01 00:00") + timedelta(days=day) for day in range(days)]
    windows = [Window.parse(f"{day:%Y-%m-%d} 00:00 - {day + timedelta(days=1):%Y-%m-%d} 00:00 UTC") for day in starts]

    assert thaw(windows, starts[0]) == (at(opens) if opens else None)


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ("2000-01-01 00:00 - 2000-01-02 00:00 UTC", True),
        ("1999-12-31 00:00 - 2000-01-02 00:00 UTC", False),
        ("2999-12-30 00:00 - 2999-12-31 23:59 UTC", True),
        ("2999-12-30 00:00 - 3000-01-01 00:00 UTC", False),
    ],
)
def test_a_freeze_is_within_a_thousand_years(text: str, *, accepted: bool) -> None:
    with nullcontext() if accepted else pytest.raises(ValueError, match="give years from 2000 to 2999"):
        Window.parse(text)


WINDOWS = st.sampled_from(
    [WEEKEND, NIGHT, "12:00 - 13:00 UTC", "Sun 01:30 - Sun 02:30 America/New_York", "23:00 - 01:00 Australia/Lord_Howe"]
)
MOMENTS = st.integers(1_700_000_000, 1_900_000_000).map(lambda second: datetime.fromtimestamp(second, UTC))


@given(st.lists(WINDOWS, max_size=3), WINDOWS, MOMENTS)
def test_a_freeze_more_never_thaws_earlier(windows: list[str], more: str, now: datetime) -> None:
    some = [Window.parse(window) for window in windows]
    before, after = thaw(some, now), thaw([*some, Window.parse(more)], now)

    assert after is None or (before is not None and after >= before)


@given(WINDOWS, MOMENTS)
def test_when_it_has_thawed_it_is_thawed_and_a_moment_before_it_was_not(window: str, now: datetime) -> None:
    parsed = Window.parse(window)
    opens = thaw([parsed], now)

    assert opens
    assert parsed.end_around(opens) is None
    assert opens == now or parsed.end_around(opens - timedelta(seconds=1))
