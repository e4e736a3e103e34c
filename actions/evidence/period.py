"""Select the changes that came to the branch in a period."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from actions.evidence.metrics import came_at, moment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from actions.evidence.ledger import View

FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    """From *since* until just before *until*."""

    since: datetime = FIRST
    until: datetime = LAST

    def __str__(self) -> str:
        begin = f"from {_text(self.since)}" if self.since > FIRST else ""
        last_day = _is_midnight(self.until)
        end = f"to {self.until - timedelta(days=1):%Y-%m-%d}" if last_day else f"until {_text(self.until)}"
        return " ".join(part for part in (begin, end if self.until < LAST else "") if part)

    def holds(self, earliest: datetime, latest: datetime) -> bool:
        """Tell whether something that came between *earliest* and *latest* may have come within this period."""
        return earliest < self.until and latest >= self.since

    def of(self, view: View) -> View:
        """Return *view* with only the changes of this period, including everything learned about them since.

        The time of GitHub's branch activity counts. A change without one came between its neighbours and is part of
        every period that this allows. A gap came between the change before it
        and its record.
        """
        came = [came_at(change) for change in view.changes]
        after = [*accumulate(came, _nearest)]
        before = [*accumulate(reversed(came), _nearest)][::-1]
        bounds = [sorted((low or FIRST, high or LAST)) for low, high in zip(after, before, strict=True)]
        latest = {change["commit"]["sha"]: low for change, low in zip(view.changes, after, strict=True)}

        def holds(stray: Mapping[str, Any]) -> bool:
            if stray["at"]:
                return self.holds(moment(stray["at"]), moment(stray["at"]))
            return self.holds(latest.get(stray["follows"]) or FIRST, moment(stray["collected"]["at"]))

        changes = zip(view.changes, bounds, strict=True)
        return replace(
            view,
            changes=[change for change, (low, high) in changes if self.holds(low, high)],
            others=[stray for stray in view.others if holds(stray)],
            access=self._access(view.access),
        )

    def _access(self, seen: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Return what was *seen* in this period, beginning with what was recorded last before it."""
        until = [each for each in seen if moment(each["at"]) < self.until]
        before = [each for each in until if moment(each["at"]) <= self.since]
        return until[max(len(before) - 1, 0) :]


def _nearest(neighbour: datetime | None, own: datetime | None) -> datetime | None:
    return own or neighbour


def _text(at: datetime) -> str:
    return f"{at:%Y-%m-%d}" if _is_midnight(at) else f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _is_midnight(at: datetime) -> bool:
    return (at.hour, at.minute, at.second, at.microsecond) == (0, 0, 0, 0)
