"""How well delivery goes, from the records of an environment: the four keys of DORA, and what ran when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any

from actions.evidence.facts import EMERGENCIES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

WEEK = timedelta(days=7)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ran:
    """A tag that ran from *since* until *until* (None: it still does), and the change that brought it."""

    service: str
    tag: str
    since: datetime
    until: datetime | None
    change: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Metrics:
    """Medians and rates; None where there is nothing to tell from."""

    lead_time: timedelta | None
    per_week: float | None
    failure_rate: float | None
    time_to_restore: timedelta | None


def moment(text: str) -> datetime:
    """Return a moment as a record has it."""
    return datetime.fromisoformat(text)


def came_at(change: Mapping[str, Any]) -> datetime | None:
    """Return when *change* came to the branch, None if GitHub does not say; committers choose the dates of commits."""
    movement, pull = change["movement"] or {}, change["commit"]["pull"] or {}
    at = movement.get("at") or pull.get("merged_at")
    return moment(at) if at else None


def deployed_at(change: Mapping[str, Any]) -> datetime | None:
    """Return when *change* reached the environment, None if it did not yet."""
    return min((moment(each["succeeded_at"]) for each in change["deployments"]), default=None)


def ran(changes: Sequence[Mapping[str, Any]]) -> list[Ran]:
    """Return what ran when, service by service, oldest first."""
    reached = sorted(((at, c) for c in changes if (at := deployed_at(c))), key=lambda pair: pair[0])
    found: list[Ran] = []
    services = dict.fromkeys(move["service"] for _, change in reached for move in change["moves"])
    for service in services:
        steps = [(at, m["after"], c) for at, c in reached for m in c["moves"] if m["service"] == service]
        for index, (at, tag, change) in enumerate(steps):
            until = steps[index + 1][0] if index + 1 < len(steps) else None
            if tag:
                found.append(Ran(service=service, tag=tag, since=at, until=until, change=change))
    return found


def measure(changes: Sequence[Mapping[str, Any]], history: Sequence[Mapping[str, Any]]) -> Metrics:
    """Return the metrics of *changes*, oldest first, which are among those of all *history*.

    Lead time: from the commit of the app to its deployment. A change failed if the next one of the same service is a
    rollback or a hotfix; it is restored when that is deployed.
    """
    measured = {id(change) for change in changes}
    deployed = [(at, change) for change in changes if (at := deployed_at(change)) and change["kind"] != "first"]
    leads = [
        at - moment(move["built_at"])
        for at, change in deployed
        for move in change["moves"]
        if move["built_at"] and change["kind"] not in EMERGENCIES
    ]
    regular = [change for _, change in deployed if change["kind"] not in EMERGENCIES]
    failures = [(failed, restored) for failed, restored in _failures(history) if id(failed) in measured]
    times = [at for at, _ in deployed]
    span = max(times) - min(times) if len(times) > 1 else None
    return Metrics(
        lead_time=_median(leads),
        per_week=len(times) / (span / WEEK) if span and span >= WEEK else None,
        failure_rate=len({id(failed) for failed, _ in failures}) / len(regular) if regular else None,
        time_to_restore=_median([restored for _, restored in failures]),
    )


def _median(spans: Sequence[timedelta]) -> timedelta | None:
    return timedelta(seconds=median(span.total_seconds() for span in spans)) if spans else None


def _failures(changes: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Mapping[str, Any], timedelta]]:
    for one, two in pairwise(ran(changes)):
        follows = one.service == two.service and one.until == two.since
        if follows and two.change["kind"] in EMERGENCIES and one.change["kind"] not in (*EMERGENCIES, "first"):
            yield one.change, two.since - one.since
