"""What an environment ran, and when: computed from records of what reached it, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from actions.infra.layout import Snapshot

Dated = TypeVar("Dated", bound="DatedRecord")


class DatedRecord(Protocol):
    """A record that an infra commit, with its commit date *made*, reached an environment or a service of it."""

    @property
    def name(self) -> str: ...
    @property
    def sha(self) -> str: ...
    @property
    def made(self) -> datetime: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """At the moment *at*, the infra commit *sha*, with its commit date *made*, reached *name*, as in *snapshot*.

    The name is that of the environment, or `env/service` where only that service was deployed. *tags* are those that
    reached it.
    """

    at: datetime
    name: str
    sha: str
    made: datetime
    snapshot: Snapshot
    tags: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class DeployedPeriod:
    """A tag that was in place from *since* until *until*, None while it still is."""

    tag: str
    since: datetime
    until: datetime | None


def drop_superseded(records: Sequence[Dated], positions: Mapping[str, int]) -> list[Dated]:
    """Return *records*, newest first, without those of jobs that were superseded by one for a newer infra commit.

    Such a job deploys nothing but ends as a success, and GitHub records that for its commit. *positions* are those of
    the newest commits on the branch, the newest first. For other commits, their commit dates count.
    """

    def age(record: DatedRecord) -> tuple[int, float]:
        position = positions.get(record.sha)
        return (len(positions), -record.made.timestamp()) if position is None else (position, 0)

    kept: list[Dated] = []
    newest: dict[str, tuple[int, float]] = {}
    for record in reversed(records):
        if age(record) <= newest.get(record.name, age(record)):
            newest[record.name] = age(record)
            kept.append(record)
    return kept[::-1]


def count_decidable(records: Sequence[Record]) -> int:
    """Return how many of *records*, newest first, are known to be superseded or not.

    Only a record of the same name that comes before can supersede a job.
    """
    names = [record.name for record in records]
    return next((index for index, name in enumerate(names) if name not in names[index + 1 :]), len(names))


def deployed_periods(records: Iterable[Record], service: str) -> Iterator[DeployedPeriod]:
    """Yield which tag of *service* was in place from when to when; *records* and periods come newest first.

    A record of the whole environment without the service ends the period of the tag before.
    """
    tag, since, until = "", None, None
    for record in records:
        reached = record.tags.get(service, "")
        if not reached and "/" in record.name:
            continue  # a record of another service
        if reached != tag:
            if tag and since:
                yield DeployedPeriod(tag=tag, since=since, until=until)
            tag, until = reached, since
        since = record.at
    if tag and since:
        yield DeployedPeriod(tag=tag, since=since, until=until)


def earlier_tag(periods: Iterable[DeployedPeriod], present: str, steps: int) -> str:
    """Return the tag *steps* back from *present*, "" if there is none; each tag counts once, where it ran last."""
    tags = dict.fromkeys(period.tag for period in periods if period.tag != present)
    return next(islice(tags, steps - 1, None), "")
