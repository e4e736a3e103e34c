"""Compare one repository or organization on GitHub with its files, and plan the steps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from actions.protection.environment_lint import lint_environments
from actions.protection.environment_store import EnvironmentStore
from actions.protection.lint import lint
from actions.protection.plan import (
    TargetPlan,
    find_drift,
    find_environment_drift,
    plan_environment_steps,
    plan_steps,
)
from actions.protection.store import RulesetStore

if TYPE_CHECKING:
    from actions.api.client import Client
    from actions.protection.actors import Actors
    from actions.protection.target import Target
    from actions.runner.event import Event


@dataclass(frozen=True, kw_only=True, slots=True)
class Planner:
    """Plan for one target after the other; with *prune*, what no file names is a difference."""

    actors: Actors
    event: Event
    prune: bool

    def plan(self, target: Target, client: Client) -> TargetPlan:
        """Return the plan for *target*, which *client* reads."""
        facts = None
        if target.scope == "repository":
            # The workflows that the run's own repository will have; of another one, those of its default branch.
            revision = self.event.sha if target.name == self.event.repository else "HEAD"
            facts = RulesetStore(client).facts(revision)
        plan = TargetPlan(target=target)
        if target.rulesets:
            wanted = [self.actors.in_ruleset(ruleset) for ruleset in target.rulesets]
            current = RulesetStore(client).all()
            plan = replace(
                plan,
                problems=lint(wanted, facts),
                drift=find_drift(wanted, current, prune=self.prune),
                steps=plan_steps(wanted, current, prune=self.prune),
            )
        return self._with_environments(plan, client, facts.default_branch) if facts and target.environments else plan

    def _with_environments(self, plan: TargetPlan, client: Client, default_branch: str) -> TargetPlan:
        wanted = [self.actors.in_environment(environment) for environment in plan.target.environments]
        current = EnvironmentStore(client).all({environment.name.casefold() for environment in wanted})
        return replace(
            plan,
            problems=[*plan.problems, *lint_environments(wanted, default_branch)],
            drift=[*plan.drift, *find_environment_drift(wanted, current, prune=self.prune)],
            steps=[*plan.steps, *plan_environment_steps(wanted, current)],
        )
