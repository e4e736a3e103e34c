"""What an environment ran, and when: from records of what reached it, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from actions.layout import Snapshot

Reaching = TypeVar("Reaching", bound="Reached")


class Reached(Protocol):
    """That an infra commit, which was made then, reached an environment, or a service of it."""

    @property
    def name(self) -> str: ...
    @property
    def sha(self) -> str: ...
    @property
    def made(self) -> datetime: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """At the moment *at*, the infra commit *sha*, which was *made* then, reached *name*, as *snapshot* has it.

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
class Stay:
    """A tag that was in place from *since* until *until*, None while it still is."""

    tag: str
    since: datetime
    until: datetime | None


def not_overtaken(records: Sequence[Reaching], positions: Mapping[str, int]) -> list[Reaching]:
    """Return *records*, newest first, without those of jobs that were overtaken by one for a newer infra commit.

    Such a job finds that out and deploys nothing, but ends as a success, and GitHub records that for its commit.
    *positions* are those of the newest commits on the branch, the newest first. Of what is not among them, the moments
    tell at which GitHub made the commits.
    """

    def age(record: Reached) -> tuple[int, float]:
        position = positions.get(record.sha)
        return (len(positions), -record.made.timestamp()) if position is None else (position, 0)

    kept: list[Reaching] = []
    newest: dict[str, tuple[int, float]] = {}
    for record in reversed(records):
        if age(record) <= newest.get(record.name, age(record)):
            newest[record.name] = age(record)
            kept.append(record)
    return kept[::-1]


def settled(records: Sequence[Record]) -> int:
    """Return of how many of *records*, newest first, it can be told whether they were overtaken.

    Only one before it, of the same name, can have overtaken a job.
    """
    names = [record.name for record in records]
    return next((index for index, name in enumerate(names) if name not in names[index + 1 :]), len(names))


def stays(records: Iterable[Record], service: str) -> Iterator[Stay]:
    """Yield which tag of *service* was in place from when to when, newest first; *records* are newest first too.

    A record of the whole environment that has no such service ends the stay of what it had before.
    """
    tag, since, until = "", None, None
    for record in records:
        found = record.tags.get(service, "")
        if not found and "/" in record.name:
            continue  # that of another service
        if found != tag:
            if tag and since:
                yield Stay(tag=tag, since=since, until=until)
            tag, until = found, since
        since = record.at
    if tag and since:
        yield Stay(tag=tag, since=since, until=until)


def earlier(ran: Iterable[Stay], present: str, steps: int) -> str:
    """Return the tag *steps* back from *present*, each tag counted once, by when it was last in place; "" if none."""
    tags = dict.fromkeys(stay.tag for stay in ran if stay.tag != present)
    return next(islice(tags, steps - 1, None), "")
