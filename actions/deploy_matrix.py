"""action-deploy-matrix: say which environments are to be deployed, and with what."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any

from actions.api.retry import retry
from actions.artifacts.login import RegistryLogin
from actions.deployments import matrix
from actions.deployments.matrix import Per
from actions.errors import EnvFileError, InputError, InvalidTagError, UnknownServiceError
from actions.gates.deploy_plan import DeployPlan, Reason, because_of, held_back, left_out, summary
from actions.infra.checkout import Checkout
from actions.infra.layout import unknown_env
from actions.runner.clock import Clock
from actions.runner.environment import event_payload, this_run, workspace_root
from actions.runner.event import ZEROS, Event
from actions.runner.inputs import Inputs
from actions.runner.outcome import Outcome, run
from actions.tags import is_commit

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from actions.api.repository import Repository
    from actions.deployments.baseline import DeployedDiff
    from actions.deployments.matrix import Difference
    from actions.deployments.records import RecordReader
    from actions.errors import ActionError
    from actions.gates.collect import GateEvaluator
    from actions.infra.config import Config
    from actions.infra.layout import Layout, Snapshot

UNSET = {
    "matrix": {"include": []},
    "has-changes": False,
    "environments": [],
    "count": 0,
    "shards": {"include": []},
    "held": [],
}
BEFORE = "before"
DEPLOYMENT = "deployment"
LONGEST_TRY = 300


class Gates(StrEnum):
    """Which gates are asked: none; all; or once more those that may have shut since, before a late job deploys."""

    NONE = "false"
    ALL = "true"
    AGAIN = "again"


# Nothing goes, though something changed.
NOTHING = (Reason.SUPERSEDED, Reason.HELD)


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The inputs of the action."""

    envs_dir: str
    environments: tuple[str, ...]
    services: tuple[str, ...]
    per: Per
    only_changed: bool
    since: str
    gates: Gates
    record: bool
    status: bool
    app_repo: str
    token: str = field(repr=False)
    app_token: str = field(repr=False)
    login: RegistryLogin

    @classmethod
    def read(cls, inputs: Inputs) -> Settings:
        """Read the inputs; raise InputError if one cannot be used."""
        token = inputs.secret("token") if inputs.text("token") else ""
        since = inputs.required("since")
        if since not in (BEFORE, DEPLOYMENT) and not is_commit(since):
            raise InputError(
                f"input since is {since[:200]!r}; it can be 'before', 'deployment' or a commit SHA, all 40 digits"
            )
        settings = cls(
            envs_dir=inputs.required("envs-dir"),
            environments=tuple(inputs.names("environments")),
            services=tuple(inputs.names("service")),
            per=inputs.choice("per", Per),
            only_changed=inputs.flag("only-changed"),
            since=since,
            gates=inputs.choice("enforce-gates", Gates),
            record=inputs.flag("record"),
            status=inputs.flag("show-status"),
            app_repo=inputs.text("app-repo"),
            token=token,
            app_token=inputs.optional_secret("app-token", token),
            login=RegistryLogin.read(inputs),
        )
        if since == DEPLOYMENT and settings.services and settings.per is Per.ENV:
            raise InputError(
                "service needs per: service, because GitHub records that the whole environment is deployed"
            )
        if (since == DEPLOYMENT or settings.gates is not Gates.NONE) and not token:
            raise InputError("since: deployment and enforce-gates need a token")
        if settings.gates is not Gates.NONE and since != DEPLOYMENT:
            raise InputError("enforce-gates needs since: deployment: the gates judge what is not deployed yet")
        if settings.record and settings.gates is not Gates.ALL:
            raise InputError("record needs enforce-gates: true")
        if settings.status and settings.gates is not Gates.ALL:
            raise InputError("show-status needs enforce-gates: true")
        return settings


def main(clock: Clock | None = None) -> int:
    """Run the action and return its exit code."""
    clock = clock or Clock()
    return run(lambda: retry(lambda: _act(clock), timeout=LONGEST_TRY, clock=clock), unset=UNSET, clock=clock)


def _act(clock: Clock) -> Outcome:
    settings = Settings.read(Inputs())
    checkout = Checkout(workspace_root())
    config = checkout.config()
    layout = config.layout(settings.envs_dir)
    environments = checkout.environments(layout)
    if environments:
        config.require_files(environments)
    return _Run(
        settings=settings,
        event=Event.read(os.environ, event_payload()),
        checkout=checkout,
        config=config,
        layout=layout,
        environments=environments,
        clock=clock,
    ).outcome()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Run:
    """One run: its settings, its event, and the checkout with all its *environments*."""

    settings: Settings
    event: Event
    checkout: Checkout
    config: Config
    layout: Layout
    environments: Mapping[str, Snapshot]
    clock: Clock

    def outcome(self) -> Outcome:
        """Return the matrix; raise what is wrong with an environment if nothing else is to be deployed."""
        snapshots, problems = self._readable()
        outcome = self._outcome_of(snapshots)
        if problems and not outcome.outputs["has-changes"]:
            raise problems[0]
        return replace(outcome, warnings=(*outcome.warnings, *(f"left out: {problem}" for problem in problems)))

    def _readable(self) -> tuple[list[Snapshot], list[ActionError]]:
        """Return the chosen environments that can be read, and what is wrong with the others, which stop none."""
        readable: list[Snapshot] = []
        problems: list[ActionError] = []
        for env in self.config.in_order(self._chosen()):
            try:
                matrix.difference(self.environments[env], None)
                readable.append(self.environments[env])
            except (EnvFileError, InvalidTagError) as error:
                problems.append(error)
        if problems and not readable:
            raise problems[0]
        return readable, problems

    def _outcome_of(self, snapshots: Sequence[Snapshot]) -> Outcome:
        if self.settings.since == DEPLOYMENT:
            plan = self._since_deployment(snapshots)
        else:
            plan = self._since_revision(snapshots)
        _require_services(self.settings.services, plan.differences)
        plan = replace(plan, differences=[diff.only(self.settings.services) for diff in plan.differences])
        if self.settings.gates is Gates.NONE:
            return _outcome(plan, self.settings, _entries(plan, self.settings))
        evaluator = self._evaluator()
        plan = self._with_gates(plan, evaluator)
        entries = _entries(plan, self.settings)
        if self.settings.record:
            self._begin(plan, entries, evaluator)
        outcome = _outcome(plan, self.settings, entries)
        if self.settings.record and self.config.show_held:
            from actions.status.held_issue import show_held

            warnings = show_held(self._infra(), plan, this_run().url, self.clock)
            outcome = replace(outcome, warnings=(*outcome.warnings, *warnings))
        if self.settings.status:
            from actions.status.reader import status_of

            outcome = replace(outcome, summary=outcome.summary + status_of(plan, evaluator, snapshots))
        return outcome

    def _chosen(self) -> Collection[str]:
        wanted = self.settings.environments
        for env in wanted or ("*",) * (not self.environments):
            if env not in self.environments:
                raise unknown_env(env, self.layout, self.environments)
        return [env for env in self.environments if not wanted or env in wanted]

    def _infra(self) -> Repository:
        from actions.api.client import Client  # only those who ask GitHub pay for its client
        from actions.api.repository import Repository

        return Repository(Client(self.event.repository, self.settings.token))

    def _since_deployment(self, snapshots: Sequence[Snapshot]) -> DeployPlan:
        from actions.deployments.baseline import compare_with_deployed
        from actions.deployments.records import RecordReader

        reader = RecordReader(infra=self._infra(), config=self.config, layout=self.layout)
        diffs = compare_with_deployed(reader, snapshots, self.event.sha)
        adopted = self._adopt(reader, diffs, snapshots) if self.settings.record else []
        if adopted:
            diffs = compare_with_deployed(reader, snapshots, self.event.sha)
        reason = Reason.CHANGED if any(diff.known for diff in diffs) else Reason.NO_DEPLOYMENT
        return DeployPlan(
            differences=[diff.difference if self.settings.only_changed else diff.everything for diff in diffs],
            reason=reason if self.settings.only_changed else Reason.ALL,
            deployed=diffs,
            adopted=adopted,
        )

    def _adopt(self, reader: RecordReader, diffs: Sequence[DeployedDiff], snapshots: Sequence[Snapshot]) -> list[str]:
        from actions.deployments.adoption import adopt
        from actions.deployments.records import DefaultBranch
        from actions.deployments.writer import DeploymentWriter

        unknown = [
            snapshot for snapshot, diff in zip(snapshots, diffs, strict=True) if not (diff.known or diff.superseded)
        ]
        branch = DefaultBranch(infra=reader.infra, newest=(self.event.sha,))
        return adopt(reader, branch, DeploymentWriter(reader.infra.client), unknown, this_run().url)

    def _begin(self, plan: DeployPlan, entries: Sequence[Mapping[str, Any]], evaluator: GateEvaluator) -> None:
        """Record what is being deployed, before anything is."""
        from actions.deployments.writer import DeploymentWriter

        known_before = {diff.difference.env: diff.commits for diff in plan.deployed}
        names: dict[str, dict[str, str]] = {}
        for entry in entries:
            env = str(entry["env"])
            tags = entry.get("tags") or {entry["service"]: entry["tag"]}
            new = entry.get("changed") or [entry.get("service")]
            name = f"{env}/{entry['service']}" if "service" in entry else env
            names[name] = {
                service: evaluator.commit_of(service, tag) if service in new else known_before[env].get(service, "")
                for service, tag in tags.items()
            }
        DeploymentWriter(self._infra().client).begin(self.config, self.event.sha, names, this_run())

    def _since_revision(self, snapshots: Sequence[Snapshot]) -> DeployPlan:
        revision, reason = _revision(self.settings, self.event)
        before = self._environments_at(revision, snapshots) if revision else None
        if revision and before is None:
            reason = Reason.LOST_HISTORY
        touched = self._touched(snapshots, revision) if before is not None else ()
        differences = [
            matrix.difference(snapshot, (before or {}).get(snapshot.env), beside=snapshot.env in touched)
            for snapshot in snapshots
        ]
        return DeployPlan(differences=differences, reason=reason, revision=revision)

    def _environments_at(self, revision: str, snapshots: Sequence[Snapshot]) -> dict[str, Snapshot] | None:
        """Return the environments at *revision*: from the checkout, else from GitHub; None if neither knows it."""
        checked_out = self.checkout.environments_at(revision, self.layout)
        if checked_out is not None or not self.settings.token:
            return checked_out
        infra = self._infra()
        texts = infra.files_at(revision, [file.path for snapshot in snapshots for file in snapshot.files])
        if texts is None:
            return None
        # A file that was there and is gone now has changed too.
        gone = [path for path in infra.paths(revision) if self.layout.owner(path) and path not in texts]
        return self.layout.group(texts | ((infra.files_at(revision, gone) or {}) if gone else {}))

    def _touched(self, snapshots: Sequence[Snapshot], revision: str) -> list[str]:
        """Return the environments to which something that changed since *revision* belongs beside their env files."""
        folders = [snapshot for snapshot in snapshots if snapshot.folders]
        changed = self.checkout.changed_since(revision) if folders else []
        if changed is not None:
            return [snapshot.env for snapshot in folders if self.layout.touches(snapshot, changed)]
        from actions.deployments.baseline import touched

        compare, layout, head = cache(self._infra().compare), self.layout, self.event.sha
        return [now.env for now in folders if touched(compare, layout, now, since=revision, commit=head)]

    def _evaluator(self) -> GateEvaluator:
        from actions.gates.collect import GateEvaluator

        return GateEvaluator(
            infra=self._infra(),
            head=self.event.sha,
            config=self.config,
            layout=self.layout,
            app_repo=self.settings.app_repo or self.event.repository,
            app_token=self.settings.app_token,
            now=self.clock.utc(),
            snapshots=self.environments,
            login=self.settings.login,
            again=self.settings.gates is Gates.AGAIN,
        )

    def _with_gates(self, plan: DeployPlan, evaluator: GateEvaluator) -> DeployPlan:
        from actions.gates.enforce import Deployable, apply_gates

        deployables = [
            Deployable(difference=difference, since=deployed.since)
            for difference, deployed in zip(plan.differences, plan.deployed, strict=True)
        ]
        gated = apply_gates(evaluator, deployables, whole=self.settings.per is Per.ENV)
        return replace(plan, differences=gated.differences, gated=gated)


def _revision(settings: Settings, event: Event) -> tuple[str, Reason]:
    """Return the commit to compare with, "" if there is none and everything counts; and the reason in that case."""
    if not settings.only_changed:
        return "", Reason.ALL
    if settings.since != BEFORE:
        return settings.since, Reason.CHANGED
    if event.forced:
        return "", Reason.FORCED_PUSH
    if event.created or event.base == ZEROS:
        return "", Reason.NEW_BRANCH
    return (event.base, Reason.CHANGED) if is_commit(event.base) else ("", Reason.NO_BASE)


def _require_services(wanted: Sequence[str], differences: Sequence[Difference]) -> None:
    known = sorted({service for difference in differences for service in difference.tags})
    for service in wanted:
        if service not in known:
            raise UnknownServiceError(
                f"no environment has a service '{service}'; there is: {', '.join(known) or 'none'}"
            )


def _entries(plan: DeployPlan, settings: Settings) -> list[dict[str, object]]:
    # What a gate holds back is not deployed, whether it changed or not; nor what is superseded.
    only_changed = plan.reason is Reason.CHANGED or bool(plan.gated or plan.deployed)
    return matrix.entries(plan.differences, per=settings.per, only_changed=only_changed)


def _outcome(plan: DeployPlan, settings: Settings, entries: Sequence[Mapping[str, object]]) -> Outcome:
    reason = _reason(plan, entries)
    fits = matrix.fits(entries)
    shards = matrix.shards(entries, services=settings.services)
    if not matrix.fits(shards):
        raise InputError(
            f"{len(entries)} jobs are more than two levels of matrices hold; narrow environments or service"
        )
    because = because_of(plan, reason)
    total = len(plan.differences)
    what = f"{len(entries)} of {total} environments" if settings.per is Per.ENV else f"{len(entries)} services"
    too_many = f"{len(entries)} jobs are more than one matrix holds: use the output shards, see the action's README"
    return Outcome(
        outputs={
            # Not an empty matrix: a workflow that does not know of shards must fail, not deploy nothing.
            "matrix": {"include": entries} if fits else "",
            "has-changes": bool(entries),
            "environments": list(dict.fromkeys(entry["env"] for entry in entries)),
            "count": len(entries),
            "shards": {"include": shards},
            "held": plan.gated.as_output() if plan.gated else [],
            "reason": reason,
        },
        notice=(f"deploy {what}{because}" if entries else f"nothing to deploy{because}") + left_out(plan),
        summary=summary(plan, entries, because),
        warnings=held_back(plan) if fits else (*held_back(plan), too_many),
    )


def _reason(plan: DeployPlan, entries: Sequence[object]) -> Reason:
    if entries:
        return plan.reason
    if plan.held:
        return Reason.HELD
    if plan.superseded:
        return Reason.SUPERSEDED
    return Reason.UNCHANGED if plan.reason is Reason.CHANGED else plan.reason
