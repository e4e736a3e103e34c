"""Read what runs where from the deployment records, and what keeps the next tag back from the gates."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from actions.app.facts import Unknown
from actions.gates.facts import Decision, known
from actions.pull_request.proposal import tags_in
from actions.status.table import Status, status_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from actions.deployments.history import DeployedPeriod
    from actions.gates.collect import EvaluatedChange, GateEvaluator
    from actions.gates.deploy_plan import DeployPlan
    from actions.infra.layout import Snapshot

MOST_SHOWN = 100  # commits of the default branch that are read


@dataclass(frozen=True, kw_only=True)
class StatusReader:
    """Read the status of *snapshots*, of which *evaluated* are changes that are not deployed yet."""

    evaluator: GateEvaluator
    snapshots: Sequence[Snapshot]
    evaluated: Sequence[EvaluatedChange] = ()

    def statuses(self) -> list[Status]:
        """Return a status for each service of each environment, in the order of promotion."""
        proposed = self._proposed()
        return [
            self._status(snapshot.env, service, proposed.get((snapshot.env, service), ()))
            for snapshot in self.snapshots
            for service in snapshot.tags()
        ]

    def _status(self, env: str, service: str, pulls: tuple[str, ...]) -> Status:
        last = self.running(env, service)
        status = Status(env=env, service=service, kept_by=self._kept_by(env, service), pulls=pulls)
        if isinstance(last, Unknown) or not last:
            return status
        behind = known(partial(self._behind, service, last.commit))
        return Status(
            env=env,
            service=service,
            tag=last.tag,
            since=last.since,
            behind="unknown" if isinstance(behind, Unknown) else behind,
            kept_by=status.kept_by,
            pulls=pulls,
        )

    def running(self, env: str, service: str) -> DeployedPeriod | Unknown | None:
        """Return the period of the tag of *service* that runs in *env*, None if nothing was deployed there."""
        return known(lambda: next(iter(self.evaluator.periods(env, service)), None))

    def _behind(self, service: str, commit: str) -> str:
        """Return how many of the newest commits of the app's default branch came after *commit*, "" without an app."""
        app = self.evaluator.app(service)
        if not app or not commit:
            return ""
        app.prefetch([commit])
        newest = app.newest_commits()
        return str(newest.index(commit)) if commit in newest else f"{MOST_SHOWN} or more, or another branch"

    def _kept_by(self, env: str, service: str) -> tuple[str, ...]:
        """Return why what the file says is not deployed, or else what would keep the next tag back now."""
        closed = [
            result.message
            for item in self.evaluated
            if (item.change.env, item.change.service) == (env, service)
            for result in item.results
            if result.decision is not Decision.ALLOW
        ]
        return tuple(closed) or (*self._frozen(env), *self._held(env, service))

    def _frozen(self, env: str) -> tuple[str, ...]:
        freeze, now = self.evaluator.config.environment(env).freeze, self.evaluator.now
        if not freeze:
            return ()
        from actions.infra.freeze import thaw  # loads time zones, which only a freeze needs

        opens = thaw(freeze, now)
        if opens == now:
            return ()
        return (f"frozen until {opens:%Y-%m-%d %H:%M} UTC" if opens else "frozen",)

    def _held(self, env: str, service: str) -> tuple[str, ...]:
        if not self.evaluator.config.hold:
            return ()
        holds = self.evaluator.holds.of(env, service)
        if isinstance(holds, Unknown):
            return (f"unknown: {holds.missing}",)
        return tuple(f"held by issue #{hold.number}: {hold.title}" for hold in holds)

    def _proposed(self) -> Mapping[tuple[str, str], tuple[str, ...]]:
        """Return the open pull requests of ours, by environment and service."""
        pulls = known(lambda: self.evaluator.infra.base("", []).open_pulls)
        found: dict[tuple[str, str], tuple[str, ...]] = {}
        for pull in () if isinstance(pulls, Unknown) else pulls:
            for snapshot in self.snapshots:
                for service in tags_in(pull.body, snapshot.env):
                    key = snapshot.env, service
                    found[key] = (*found.get(key, ()), pull.url)
        return found


def status_of(plan: DeployPlan, evaluator: GateEvaluator, snapshots: Sequence[Snapshot]) -> str:
    """Return the status table of *snapshots*, of which *plan* says what is not deployed yet."""
    evaluated = plan.gated.evaluated if plan.gated else ()
    return status_table(StatusReader(evaluator=evaluator, snapshots=snapshots, evaluated=evaluated).statuses())
