"""Work out when an environment is frozen: windows of local time in which nothing is deployed to it.

    Fri 15:00 - Mon 08:00 Europe/Paris                  every week
    18:00 - 08:00 America/New_York                      every day
    2026-12-24 18:00 - 2027-01-02 08:00 Europe/Paris    once

Zones are those of the IANA database, with daylight saving time. If a change of the clock skips or repeats the hour that
a window names, the longer freeze applies.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
TIME = r"(?P<{0}_hour>[01]\d|2[0-3]):(?P<{0}_minute>[0-5]\d)"
END = rf"(?:(?P<{{0}}_day>{'|'.join(DAYS)}) |(?P<{{0}}_date>\d{{{{4}}}}-\d\d-\d\d) )?{TIME}"
WINDOW = re.compile(rf"{END.format('from')} - {END.format('to')} (?P<zone>[A-Za-z0-9_+/-]{{1,60}})")
DAY = timedelta(days=1)
FIRST_YEAR, LAST_YEAR = 2000, 2999
MOST_WINDOWS_IN_A_ROW = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """A freeze from *start* to *end*, local times that repeat every *period* (None: never); *text* as it was given."""

    start: datetime
    end: datetime
    zone: ZoneInfo
    period: timedelta | None
    text: str = field(compare=False)

    @classmethod
    def parse(cls, text: str) -> Window:
        """Parse *text*; raise ValueError with the problem if it is not a window."""
        match = WINDOW.fullmatch(text)
        if not match:
            raise ValueError(f"{text!r} is not a freeze; write it like 'Fri 15:00 - Mon 08:00 Europe/Paris'")
        try:
            zone = ZoneInfo(match["zone"])
        except (ZoneInfoNotFoundError, OSError) as error:
            raise ValueError(f"{match['zone']!r} is not a time zone of the IANA database") from error
        kinds = {"day" if match[f"{end}_day"] else "date" if match[f"{end}_date"] else "" for end in ("from", "to")}
        if len(kinds) > 1:
            raise ValueError(f"{text!r}: give a day, a date or neither, the same for both ends")
        period = {"day": 7 * DAY, "date": None, "": DAY}[kinds.pop()]
        start, end = (_local(match, group) for group in ("from", "to"))
        if period and end < start:
            end += period
        if not all(FIRST_YEAR <= moment.year <= LAST_YEAR for moment in (start, end)):
            raise ValueError(f"{text!r}: give years from {FIRST_YEAR} to {LAST_YEAR}")
        if end <= start:
            raise ValueError(f"{text!r} does not end after its start")
        return cls(start=start, end=end, zone=zone, period=period, text=text)

    def end_around(self, now: datetime) -> datetime | None:
        """Return the end of the freeze at *now*, None if there is none."""
        ends = [end for start, end in self._around(now) if start <= now < end]
        return max(ends, default=None)

    def _around(self, now: datetime) -> Iterator[tuple[datetime, datetime]]:
        if not self.period:
            return iter([self._span(timedelta())])
        passed = (now.astimezone(self.zone).replace(tzinfo=None) - self.start) // self.period
        return (self._span(times * self.period) for times in (passed, passed + 1))  # the next: an hour may occur twice

    def _span(self, shift: timedelta) -> tuple[datetime, datetime]:
        starts, ends = (
            [(local + shift).replace(tzinfo=self.zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
            for local in (self.start, self.end)
        )
        return min(starts), max(ends)


def thaw(windows: Iterable[Window], now: datetime) -> datetime | None:
    """Return the first moment from *now* on that is in none of *windows*, None if there is none in sight."""
    windows, moment = tuple(windows), now
    for _ in range(MOST_WINDOWS_IN_A_ROW):
        ends = [end for window in windows if (end := window.end_around(moment))]
        if not ends:
            return moment
        moment = max(ends)
    return None


def _local(match: re.Match[str], which: str) -> datetime:
    """Return one end of a window as a local time; without a date, in the week of Monday, 1 January 2001."""
    day = DAYS.index(match[f"{which}_day"]) if match[f"{which}_day"] else 0
    date = match[f"{which}_date"] or f"2001-01-0{day + 1}"
    return datetime.fromisoformat(f"{date}T{match[f'{which}_hour']}:{match[f'{which}_minute']}")
