"""Compare environments with their baseline: what they run according to their deployment records."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from actions.deployments.matrix import Difference, difference
from actions.deployments.records import FIRST_RECORDS, read_history

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from actions.api.repository import Repository
    from actions.deployments.history import Record
    from actions.deployments.records import EnvironmentHistory
    from actions.infra.layout import Layout, Snapshot

MOST_RECORDS = 100  # the limit of records to read for a service that was never deployed


@dataclass(frozen=True, kw_only=True, slots=True)
class DeployedDiff:
    """The difference between an environment's files and what it runs.

    Services in *superseded* already run something newer. *known* is False if the environment has no record.
    """

    difference: Difference
    superseded: tuple[str, ...]
    known: bool


def compare_with_deployed(
    infra: Repository, layout: Layout, snapshots: Sequence[Snapshot], head: str
) -> list[DeployedDiff]:
    """Compare *snapshots*, read at the commit *head*, with what their environments run."""
    newer: dict[str, bool] = {}

    def is_newer(sha: str) -> bool:
        if sha not in newer:
            comparison = infra.compare(head, sha) if sha != head else None
            newer[sha] = comparison is not None and comparison.status == "ahead"
        return newer[sha]

    histories = read_history(infra, layout, snapshots, first=FIRST_RECORDS)
    return [_compare(history.now, history, is_newer) for history in histories]


def _compare(now: Snapshot, history: EnvironmentHistory, is_newer: Callable[[str], bool]) -> DeployedDiff:
    """Compare every service of *now* with its last deployment, alone or as part of the environment."""
    last = _last_records(history, set(now.tags()))
    superseded, parts = [], []
    for service in now.tags():
        record = last.get(service)
        if record and is_newer(record.sha):
            superseded.append(service)
        parts.append(difference(now, record.snapshot if record else None).only([service]))
    newest = next(iter(last.values()), None)
    removed = difference(now, newest.snapshot).removed if newest else ()
    before = dict.fromkeys(removed, newest.snapshot) if newest else {}
    before |= {service: record.snapshot for service, record in last.items()}
    return DeployedDiff(
        difference=replace(
            difference(now, None),
            previous={service: tag for part in parts for service, tag in part.previous.items()},
            changed=tuple(service for part in parts for service in part.changed if service not in superseded),
            removed=() if superseded else removed,
            snapshots_before=before,
        ),
        superseded=tuple(superseded),
        known=bool(last),
    )


def _last_records(history: EnvironmentHistory, services: set[str]) -> dict[str, Record]:
    """Return the newest record of every service in *services*, reading as few records as possible."""
    last: dict[str, Record] = {}
    for record in islice(history.succeeded(), MOST_RECORDS):
        for service in record.tags:
            last.setdefault(service, record)
        if services <= last.keys():
            break
    return last
