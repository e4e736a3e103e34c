"""What an environment ran, and when: from records of what reached it, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """At the moment *at*, the infra commit *sha* reached the environment, with these *tags* for its services."""

    at: datetime
    sha: str
    tags: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Stay:
    """A tag that was in place from *since* until *until*, None while it still is."""

    tag: str
    since: datetime
    until: datetime | None


def stays(records: Iterable[Record], service: str) -> Iterator[Stay]:
    """Yield which tag of *service* was in place from when to when, newest first; *records* are newest first too."""
    tag, since, until = "", None, None
    for record in records:
        found = record.tags.get(service, "")
        if not found:
            continue
        if found != tag:
            if since:
                yield Stay(tag=tag, since=since, until=until)
            tag, until = found, since
        since = record.at
    if since:
        yield Stay(tag=tag, since=since, until=until)


def earlier(ran: Iterable[Stay], present: str, steps: int) -> str:
    """Return the tag *steps* back from *present*, each tag counted once, by when it was last in place; "" if none."""
    tags = dict.fromkeys(stay.tag for stay in ran if stay.tag != present)
    return next(islice(tags, steps - 1, None), "")
