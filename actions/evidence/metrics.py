"""Compute the four DORA metrics, and which tag ran when, from the records of an environment."""

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
    """A tag that ran from *since* to *until* (None: still running), and the change that brought it."""

    service: str
    tag: str
    since: datetime
    until: datetime | None
    change: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Metrics:
    """The four DORA metrics: medians and rates, None without enough data."""

    lead_time: timedelta | None
    per_week: float | None
    failure_rate: float | None
    time_to_restore: timedelta | None


def moment(text: str) -> datetime:
    """Parse a moment in a record."""
    return datetime.fromisoformat(text)


def came_at(change: Mapping[str, Any]) -> datetime | None:
    """Return when *change* came to the branch by GitHub's records, None if they do not say.

    The commit date does not count, because committers choose it.
    """
    movement, pull = change["movement"] or {}, change["commit"]["pull"] or {}
    at = movement.get("at") or pull.get("merged_at")
    return moment(at) if at else None


def deployed_at(change: Mapping[str, Any]) -> datetime | None:
    """Return when *change* was first deployed, None if it was not."""
    return min((moment(deployment["succeeded_at"]) for deployment in change["deployments"]), default=None)


def ran(changes: Sequence[Mapping[str, Any]]) -> list[Ran]:
    """Return which tag ran when, grouped by service, oldest first."""
    reached = sorted(((at, c) for c in changes if (at := deployed_at(c))), key=lambda pair: pair[0])
    history: list[Ran] = []
    services = dict.fromkeys(move["service"] for _, change in reached for move in change["moves"])
    for service in services:
        steps = [(at, m["after"], c) for at, c in reached for m in c["moves"] if m["service"] == service]
        for index, (at, tag, change) in enumerate(steps):
            until = steps[index + 1][0] if index + 1 < len(steps) else None
            if tag:
                history.append(Ran(service=service, tag=tag, since=at, until=until, change=change))
    return history


def measure(changes: Sequence[Mapping[str, Any]], history: Sequence[Mapping[str, Any]]) -> Metrics:
    """Compute the metrics of *changes*, a part of *history*; both oldest first.

    Lead time runs from the app commit to its deployment; what was adopted was not deployed. A change failed if the next
    change of the same service is a rollback or a hotfix, and the service is restored when that is deployed.
    """
    measured = {id(change) for change in changes}
    counted = [change for change in changes if not all(d["adopted"] for d in change["deployments"])]
    deployed = [(at, change) for change in counted if (at := deployed_at(change)) and change["kind"] != "first"]
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
    for tag, successor in pairwise(ran(changes)):
        follows = tag.service == successor.service and tag.until == successor.since
        if follows and successor.change["kind"] in EMERGENCIES and tag.change["kind"] not in (*EMERGENCIES, "first"):
            yield tag.change, successor.since - tag.since
