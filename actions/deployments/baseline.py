"""Compare environments with their baseline: what they run according to their deployment records."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from itertools import chain, islice
from typing import TYPE_CHECKING

from actions.deployments.matrix import Difference, difference
from actions.deployments.records import FIRST_RECORDS, DefaultBranch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from actions.api.comparison import Comparison
    from actions.deployments.history import Record
    from actions.deployments.records import EnvironmentHistory, RecordReader
    from actions.infra.layout import Layout, Snapshot

MOST_RECORDS = 100  # the limit of records to read for a service that was never deployed
MOST_FILES = 300  # GitHub lists no more of a comparison


@dataclass(frozen=True, kw_only=True, slots=True)
class DeployedDiff:
    """The difference between an environment's files and what it runs.

    It *differs* if anything does. If it is *superseded*, the branch says something else by now, and nothing is
    deployed. In *unfinished* services a deployment of something else began after the last one that succeeded, and did
    not succeed. *known* is False if the environment has no record. *commits* are those that the tags of services named
    when they were deployed last; *since* is the commit of this repository that was deployed last, "" if none was.
    """

    difference: Difference
    differs: bool
    superseded: bool
    unfinished: tuple[str, ...]
    known: bool
    since: str
    commits: Mapping[str, str] = field(default_factory=dict)

    @property
    def everything(self) -> Difference:
        """Return the difference as if all that may be deployed had changed."""
        return self.difference if self.superseded else replace(self.difference, changed=tuple(self.difference.tags))


def compare_with_deployed(reader: RecordReader, snapshots: Sequence[Snapshot], commit: str) -> list[DeployedDiff]:
    """Compare *snapshots*, read at *commit*, with what their environments run."""
    histories = reader.histories(snapshots, first=FIRST_RECORDS)
    changed = changed_since(histories[0].branch, commit) if histories else ()
    compare = cache(reader.infra.compare)
    return [
        _compare(
            history,
            lambda now, since: touched(compare, reader.layout, now, since=since, commit=commit),
            superseded=_is_superseded(reader.layout, history.now, changed),
        )
        for history in histories
    ]


def changed_since(branch: DefaultBranch, commit: str) -> tuple[str, ...] | None:
    """Return the files that changed on *branch* since *commit*; None if they are not known, or it is not on it.

    A late job, and one that is run again, deploys only what the head of the branch says.
    """
    if branch.head == commit:
        return ()
    comparison = branch.infra.compare(commit, branch.head) if branch.head else None
    if not comparison or comparison.status != "ahead" or len(comparison.files) >= MOST_FILES:
        return None
    return comparison.files


def _is_superseded(layout: Layout, now: Snapshot, changed: Sequence[str] | None) -> bool:
    """Tell whether a file in *changed* has to do with the environment: only env files of others have not."""
    owners = [layout.owner(path) for path in changed] if changed is not None else [None]
    return any(owner is None or owner[0].casefold() == now.env.casefold() for owner in owners)


def touched(
    compare: Callable[[str, str], Comparison | None], layout: Layout, now: Snapshot, *, since: str, commit: str
) -> bool:
    """Tell whether something that belongs to *now*, read at *commit*, beside its env files changed *since*.

    It did if the changes, which *compare* reads, are not known.
    """
    if not now.folders or since == commit:
        return False
    comparison = compare(since, commit)
    if not comparison or comparison.status not in ("ahead", "identical") or len(comparison.files) >= MOST_FILES:
        return True
    return layout.touches(now, comparison.files)


def _compare(
    history: EnvironmentHistory, is_touched: Callable[[Snapshot, str], bool], *, superseded: bool
) -> DeployedDiff:
    """Compare every service with its last deployment, alone or as part of the environment.

    What a deployment that did not succeed has left behind is unknown, so what differs from it has changed too.
    """
    now = history.now
    last, attempts = _last_records(history, set(now.tags()))
    began = list(chain.from_iterable(attempts.values()))
    records = (*last.values(), *began)
    beside = {sha: is_touched(now, sha) for sha in dict.fromkeys(record.sha for record in records)}
    compared = {id(record): difference(now, record.snapshot, beside=beside[record.sha]) for record in records}
    everything = difference(now, None)
    since = {service: compared[id(last[service])] if service in last else everything for service in now.tags()}
    unfinished = [
        service for service in now.tags() if any(service in compared[id(each)].changed for each in attempts[service])
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
            changed=() if superseded else tuple(service for service in everything.changed if service in changed),
            removed=() if superseded else tuple(gone),
            snapshots_before=before,
        ),
        differs=bool(changed or gone),
        superseded=superseded,
        unfinished=() if superseded else tuple(unfinished),
        known=bool(last),
        since=_oldest(last, history.branch),
        commits={service: record.commit_of(service) for service, record in last.items()},
    )


def _oldest(last: Mapping[str, Record], branch: DefaultBranch) -> str:
    """Return the commit of the oldest of the *last* deployments: what came after it may not run everywhere yet."""
    shas = dict.fromkeys(record.sha for record in last.values())
    newest = {sha: position for position, sha in enumerate(branch.newest)}
    return max(shas, key=lambda sha: newest.get(sha, len(newest)), default="")


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
