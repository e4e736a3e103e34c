"""Read what each environment runs, by which records, and what the gates hold back since when."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from actions.api.client import query
from actions.deployments.baseline import compare_with_deployed
from actions.deployments.matrix import difference
from actions.deployments.records import RecordReader
from actions.diagnosis.finding import Unreadable, attempt
from actions.errors import EnvFileError, InvalidTagError
from actions.gates.collect import GateEvaluator
from actions.gates.enforce import Deployable, apply_gates

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from actions.api.repository import Repository
    from actions.deployments.baseline import DeployedDiff
    from actions.deployments.records import EnvironmentHistory
    from actions.diagnosis.infra_files import InfraFiles
    from actions.gates.collect import EvaluatedChange
    from actions.infra.layout import Snapshot

GATES = "read: actions, checks, contents, pull requests, statuses of the app repository; deployments of infra"
READ = "deployments: read"
CHANGES = query(
    variables={"oid": "GitObjectID!", "path": "String!"},
    fields="object(oid: $oid) { ... on Commit { history(first: 100, path: $path) { nodes { oid committedDate } } } }",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldChange:
    """A *change* that a gate keeps from being deployed, and the moment *since* it is on the default branch, or ""."""

    change: EvaluatedChange
    since: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DeployedEnvironment:
    """What *env* runs: the newest commit deployed there (*sha*, "" if none), and when.

    *by* made the newest record that counts, and *others* made records that do not. *pending* is what differs from the
    files, *unfinished* what an attempt may have left half done, *held* what the gates hold back.
    """

    env: str
    is_empty: bool
    sha: str
    at: str
    by: str
    others: tuple[str, ...]
    pending: tuple[str, ...]
    unfinished: tuple[str, ...]
    held: tuple[HeldChange, ...] | Unreadable


@dataclass(frozen=True, kw_only=True, slots=True)
class DeploymentReader:
    """Read the deployments of *infra*, whose files at *head* are *files*.

    The gates are asked as they are at *now*, with *app_token*; *app_repo* is that of services for which gitops.yml
    names none.
    """

    infra: Repository
    head: str
    files: InfraFiles
    app_token: str = field(repr=False)
    app_repo: str
    now: datetime

    def read(self) -> list[DeployedEnvironment] | Unreadable:
        """Return what the environments run whose files can be read."""
        return attempt(self._read, READ)

    def _read(self) -> list[DeployedEnvironment]:
        snapshots = [self.files.snapshots[env] for env in self.files.environments if env in self.files.snapshots]
        snapshots = [snapshot for snapshot in snapshots if _is_readable(snapshot)]
        reader = RecordReader(infra=self.infra, config=self.files.config, layout=self.files.layout)
        histories = reader.histories(snapshots)
        diffs = compare_with_deployed(reader, snapshots, self.head)
        held = attempt(lambda: self._held(diffs, histories), GATES)
        return [
            _deployed(history, diff, held if isinstance(held, Unreadable) else held.get(history.now.env, ()))
            for history, diff in zip(histories, diffs, strict=True)
        ]

    def _held(
        self, diffs: Sequence[DeployedDiff], histories: Sequence[EnvironmentHistory]
    ) -> dict[str, tuple[HeldChange, ...]]:
        evaluator = GateEvaluator(
            infra=self.infra,
            head=self.head,
            config=self.files.config,
            layout=self.files.layout,
            app_repo=self.app_repo,
            app_token=self.app_token,
            now=self.now,
            snapshots=self.files.snapshots,
        )
        deployables = [
            Deployable(difference=diff.difference, since=diff.since)
            for diff in diffs
            if diff.known and (diff.difference.changed or diff.difference.removed)
        ]
        newest = histories[0].branch.newest if histories else ()
        deployed = {diff.difference.env: diff.since for diff in diffs}
        found: dict[str, tuple[HeldChange, ...]] = {}
        for change in apply_gates(evaluator, deployables, whole=True).held if deployables else ():
            env = change.change.env
            since = self._since(change.change.file, deployed[env], newest)
            found[env] = (*found.get(env, ()), HeldChange(change=change, since=since))
        return found

    def _since(self, path: str, deployed: str, newest: Sequence[str]) -> str:
        """Return when the first commit after *deployed* changed the file at *path*; *newest* are the branch's."""
        after = set(newest[: newest.index(deployed)] if deployed in newest else newest)
        commit = self.infra.client.repository(CHANGES, {"oid": self.head, "path": path})["object"]
        with self.infra.client.parsing():
            moments = [node["committedDate"] for node in commit["history"]["nodes"] if node["oid"] in after]
        return str(moments[-1]) if moments else ""


def _is_readable(snapshot: Snapshot) -> bool:
    try:
        difference(snapshot, None)
    except (EnvFileError, InvalidTagError):
        return False
    return True


def _deployed(
    history: EnvironmentHistory, diff: DeployedDiff, held: tuple[HeldChange, ...] | Unreadable
) -> DeployedEnvironment:
    last = next(history.succeeded(), None)
    config = history.reader.config
    makers = [_maker(node) for node in history.first_page["nodes"]]
    ours = [login for login in makers if config.is_deployer(login)]
    return DeployedEnvironment(
        env=history.now.env,
        is_empty=not diff.difference.tags,
        sha=last.sha if last else "",
        at=f"{last.at:%Y-%m-%d %H:%M} UTC" if last else "",
        by=ours[0] if ours else "",
        others=tuple(dict.fromkeys(login for login in makers if login not in ours)),
        pending=diff.difference.changed,
        unfinished=diff.unfinished,
        held=held,
    )


def _maker(node: Mapping[str, object]) -> str:
    creator = node["creator"]
    return str(creator.get("login") or "") if isinstance(creator, dict) else ""
