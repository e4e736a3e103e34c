"""Compare environments with their baseline: what they run according to their deployment records."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import TYPE_CHECKING

from actions.deployments.matrix import Difference, difference
from actions.deployments.records import FIRST_RECORDS, read_history

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from actions.api.repository import Repository
    from actions.deployments.history import Record
    from actions.deployments.records import EnvironmentHistory
    from actions.infra.layout import Layout, Snapshot

MOST_RECORDS = 100  # the limit of records to read for a service that was never deployed


@dataclass(frozen=True, kw_only=True, slots=True)
class DeployedDiff:
    """The difference between an environment's files and what it runs.

    Services in *superseded* already run something newer. Of those in *unfinished*, a deployment of something else began
    after the last one that succeeded, and did not succeed. *known* is False if the environment has no record.
    """

    difference: Difference
    superseded: tuple[str, ...]
    unfinished: tuple[str, ...]
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
    """Compare every service of *now* with its last deployment, alone or as part of the environment.

    What a deployment that did not succeed has left behind is unknown, so what differs from it has changed too.
    """
    last, attempts = _last_records(history, set(now.tags()))
    began = list(chain.from_iterable(attempts.values()))
    compared = {id(record): difference(now, record.snapshot) for record in (*last.values(), *began)}
    everything = difference(now, None)
    since = {service: compared[id(last[service])] if service in last else everything for service in now.tags()}
    superseded = [service for service in now.tags() if service in last and is_newer(last[service].sha)]
    unfinished = [
        service
        for service in now.tags()
        if service not in superseded and any(service in compared[id(attempt)].changed for attempt in attempts[service])
    ]
    changed = {service for service, found in since.items() if service in found.changed} | set(unfinished)
    gone = {
        service: record.snapshot
        for record in (*list(last.values())[:1], *began)
        for service in compared[id(record)].removed
    }
    before = gone | {service: last[service].snapshot for service in now.tags() if service in last}
    return DeployedDiff(
        difference=replace(
            everything,
            previous={service: snapshot.tags()[service] for service, snapshot in before.items()},
            changed=tuple(
                service for service in everything.changed if service in changed and service not in superseded
            ),
            removed=() if superseded else tuple(gone),
            snapshots_before=before,
        ),
        superseded=tuple(superseded),
        unfinished=tuple(unfinished),
        known=bool(last),
    )


def _last_records(
    history: EnvironmentHistory, services: set[str]
) -> tuple[dict[str, Record], Mapping[str, Sequence[Record]]]:
    """Return the last success of every service in *services*, and the attempts since, reading as few as possible."""
    last: dict[str, Record] = {}
    attempts: dict[str, list[Record]] = {service: [] for service in services}
    for record in islice(history.attempts(), MOST_RECORDS):
        if record.succeeded:
            for service in record.tags:
                last.setdefault(service, record)
        else:
            _, _, only = record.name.partition("/")
            for service in services - last.keys():
                if only in ("", service):
                    attempts[service].append(record)
        if services <= last.keys():
            break
    return last, attempts
