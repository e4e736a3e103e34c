"""Work out what an environment ran, and when, from its records."""

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
    """A record that the infra commit *sha*, with the commit date *made*, was deployed to the environment *name*."""

    @property
    def name(self) -> str: ...
    @property
    def sha(self) -> str: ...
    @property
    def made(self) -> datetime: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """The infra commit *sha*, with the commit date *made*, was deployed to *name* at the moment *at*.

    *name* is the environment, or `env/service` if only that service was deployed. *snapshot* is the environment at the
    commit, *tags* are the deployed tags. If the attempt has not *succeeded*, nobody knows which of them run.
    """

    at: datetime
    name: str
    sha: str
    made: datetime
    snapshot: Snapshot
    tags: Mapping[str, str]
    succeeded: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class DeployedPeriod:
    """A tag that ran from *since* to *until* (None: still running)."""

    tag: str
    since: datetime
    until: datetime | None


def drop_superseded(records: Sequence[Dated], positions: Mapping[str, int]) -> list[Dated]:
    """Return *records*, newest first, without superseded ones: those after a record of a newer infra commit.

    A superseded job deploys nothing but ends with success, which GitHub records for its commit. *positions* holds the
    newest commits of the branch, 0 for the newest; other commits are compared by their dates.
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
    """Return how many of *records*, newest first, are decided to be superseded or not.

    A job is only superseded by an earlier record of the same name, so a record is decided once one follows it here.
    """
    names = [record.name for record in records]
    return next((index for index, name in enumerate(names) if name not in names[index + 1 :]), len(names))


def deployed_periods(records: Iterable[Record], service: str) -> Iterator[DeployedPeriod]:
    """Yield the periods of the tags of *service*; *records* and periods come newest first.

    A record of the whole environment without the service ends the period of its tag.
    """
    tag, since, until = "", None, None
    for record in records:
        deployed = record.tags.get(service, "")
        if not deployed and "/" in record.name:
            continue  # a record of another service
        if deployed != tag:
            if tag and since:
                yield DeployedPeriod(tag=tag, since=since, until=until)
            tag, until = deployed, since
        since = record.at
    if tag and since:
        yield DeployedPeriod(tag=tag, since=since, until=until)


def earlier_tag(periods: Iterable[DeployedPeriod], present: str, steps: int) -> str:
    """Return the tag *steps* before *present*, "" if there is none; every tag counts once, at its last run."""
    tags = dict.fromkeys(period.tag for period in periods if period.tag != present)
    return next(islice(tags, steps - 1, None), "")
