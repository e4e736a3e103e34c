"""What each environment runs, by its deployment records: the base line for what is to be deployed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from actions import deployments
from actions.matrix import Difference, difference

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from actions.deployments import Deployments
    from actions.layout import Layout, Snapshot
    from actions.past import Record
    from actions.repository import Repository


MOST_RECORDS = 100  # for a service that was never deployed


@dataclass(frozen=True, kw_only=True, slots=True)
class Beside:
    """An environment beside what it runs: the difference, and the services of which something newer runs already.

    *known* tells whether there is any record of it.
    """

    difference: Difference
    overtaken: tuple[str, ...]
    known: bool


def beside(infra: Repository, layout: Layout, snapshots: Sequence[Snapshot], head: str) -> list[Beside]:
    """Return each of *snapshots*, which are those of the commit *head*, beside what it runs."""
    newer: dict[str, bool] = {}

    def is_newer(sha: str) -> bool:
        if sha not in newer:
            found = infra.compare(head, sha) if sha != head else None
            newer[sha] = found is not None and found.status == "ahead"
        return newer[sha]

    pasts = deployments.read(infra, layout, snapshots, first=deployments.FEW)
    return [_beside(past.now, past, is_newer) for past in pasts]


def _beside(now: Snapshot, past: Deployments, is_newer: Callable[[str], bool]) -> Beside:
    """Compare each service of *now* with what was deployed of it last, be it on its own or with the others."""
    last = _last(past, set(now.tags()))
    whole = difference(now, None)
    overtaken, parts = [], []
    for service in now.tags():
        record = last.get(service)
        if record and is_newer(record.sha):
            overtaken.append(service)
        parts.append(difference(now, record.snapshot if record else None).only([service]))
    newest = next(iter(last.values()), None)
    gone = difference(now, newest.snapshot).removed if newest else ()
    changed = tuple(service for part in parts for service in part.changed if service not in overtaken)
    previous = {service: tag for part in parts for service, tag in part.previous.items()}
    compared = {service: newest.snapshot for service in gone if newest}
    compared |= {service: record.snapshot for service, record in last.items()}
    found = replace(whole, previous=previous, changed=changed, removed=() if overtaken else gone, beside=compared)
    return Beside(difference=found, overtaken=tuple(overtaken), known=bool(last))


def _last(past: Deployments, services: set[str]) -> dict[str, Record]:
    """Return the newest record of each service; reads no further than to where each has one."""
    found: dict[str, Record] = {}
    for record in islice(past.succeeded(), MOST_RECORDS):
        for service in record.tags:
            found.setdefault(service, record)
        if services <= found.keys():
            break
    return found
