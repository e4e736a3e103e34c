"""Take the planned steps, one after the other, and hold what GitHub made of each against what it was to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actions.errors import DriftError, GitHubError
from actions.protection.environment import Environment
from actions.protection.environment import differences as environment_differences
from actions.protection.environment_store import EnvironmentStore
from actions.protection.plan import Verb
from actions.protection.report import in_words
from actions.protection.ruleset import differences
from actions.protection.store import RulesetStore
from actions.runner.log import say

if TYPE_CHECKING:
    from collections.abc import Iterable, MutableMapping, Sequence

    from actions.api.client import Client
    from actions.errors import ActionError
    from actions.protection.difference import Difference
    from actions.protection.plan import Step, TargetPlan
    from actions.protection.ruleset import Ruleset


def apply(plans: Sequence[tuple[TargetPlan, Client]]) -> ActionError | None:
    """Take the steps of all *plans*; stop at the first one that fails, and return why. Each plan says what was done."""
    total = sum(len(plan.steps) for plan, _ in plans)
    number = 0
    for plan, client in plans:
        ids: dict[str, int] = {}
        for step in plan.steps:
            number += 1
            say(f"[{number}/{total}] {plan.target.name}: {step}")
            try:
                _take(step, client, ids)
            except (GitHubError, DriftError) as error:
                return error
            plan.done.append(step)
    return None


def _take(step: Step, client: Client, ids: MutableMapping[str, int]) -> None:
    """Take one step; *ids* are those of the rulesets made in this run, by name."""
    subject = step.subject
    if isinstance(subject, Environment):
        _require_same(subject, environment_differences(subject, EnvironmentStore(client).put(subject)))
        return
    store = RulesetStore(client)
    if step.verb is Verb.DELETE:
        store.delete(step.number or ids[subject.name])
        return
    made = store.create(subject) if step.verb is Verb.CREATE else store.update(step.number, subject)
    ids[subject.name] = made.number
    _require_same(subject, differences(subject, made))


def _require_same(subject: Ruleset | Environment, found: Iterable[Difference]) -> None:
    other = [difference for difference in found if difference.kind != "unknown"]
    if other:
        text = "; ".join(map(in_words, other))
        file = subject.source.file
        raise DriftError(f"GitHub made something else of '{subject.name}': {text}", file=file, line=1)
