"""Plan the changes of rulesets and environments in an order in which no branch is ever less protected than before.

New rulesets are created first, then rulesets that only gain protection are updated, then those that lose some, and
obsolete ones are deleted last. If several rulesets lose protection, one may lose a rule that another is about to gain;
therefore copies of them (guards) apply until the end. A killed run leaves its guards, and the next run deletes them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from actions.protection.difference import Difference
from actions.protection.environment import Environment
from actions.protection.environment import differences as environment_differences
from actions.protection.ruleset import differences

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actions.protection.lint import LintProblem
    from actions.protection.ruleset import Ruleset
    from actions.protection.target import Target

GUARD = " (guard while rulesets are applied)"


class Verb(StrEnum):
    """The changes of a ruleset or an environment."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One change; *subject* is as wanted or, for a deletion, as it is, and *number* is the current id of a ruleset."""

    verb: Verb
    subject: Ruleset | Environment
    number: int = 0

    @property
    def thing(self) -> str:
        """Return what changes: a `ruleset` or an `environment`."""
        return "environment" if isinstance(self.subject, Environment) else "ruleset"

    @property
    def guards(self) -> bool:
        """Tell whether the ruleset is a guard: a copy that applies during a run."""
        return self.subject.name.endswith(GUARD)

    def __str__(self) -> str:
        return f"{self.verb} {self.thing} '{self.subject.name}'"


@dataclass(slots=True)
class TargetPlan:
    """The problems, the drift, the planned steps of *target* and those *done*.

    *unreadable* says why GitHub shows nothing of it to this token, "" if it does.
    """

    target: Target
    problems: Sequence[LintProblem] = ()
    drift: Sequence[Difference] = ()
    steps: Sequence[Step] = ()
    done: list[Step] = field(default_factory=list)
    unreadable: str = ""

    @property
    def left(self) -> list[Step]:
        """Return the steps that are not done."""
        return [step for step in self.steps if step not in self.done]


def required_files(plans: Sequence[TargetPlan]) -> dict[str, str | None]:
    """Return the files that the steps of *plans* use, with their texts; for a deletion the folder, without a text."""
    files: dict[str, str | None] = {}
    for plan in plans:
        for step in plan.steps:
            if step.guards:
                continue
            source = step.subject.source
            files |= {source.file: source.text} if source.file else {f"{plan.target.folder}/rulesets": None}
    return files


def find_drift(wanted: Sequence[Ruleset], current: Sequence[Ruleset], *, prune: bool) -> list[Difference]:
    """Return the differences of *current* from *wanted*; with *prune*, surplus rulesets count too."""
    by_name = {ruleset.name: ruleset for ruleset in current}
    drift: list[Difference] = []
    for ruleset in wanted:
        if ruleset.name in by_name:
            drift += differences(ruleset, by_name[ruleset.name])
        else:
            drift.append(Difference(thing="ruleset", name=ruleset.name, kind="missing"))
    extra = _extra(wanted, current, prune=prune)
    return [*drift, *(Difference(thing="ruleset", name=ruleset.name, kind="extra") for ruleset in extra)]


def find_environment_drift(
    wanted: Sequence[Environment], current: Sequence[Environment], *, prune: bool
) -> list[Difference]:
    """Return the differences of *current* from *wanted*; with *prune*, surplus environments count too."""
    drift: list[Difference] = []
    for environment in wanted:
        there = _of_name(environment, current)
        drift += (
            environment_differences(environment, there)
            if there
            else [Difference(thing="environment", name=environment.name, kind="missing")]
        )
    extra = [environment for environment in current if prune and not _of_name(environment, wanted)]
    return [*drift, *(Difference(thing="environment", name=each.name, kind="extra") for each in extra)]


def plan_environment_steps(wanted: Sequence[Environment], current: Sequence[Environment]) -> list[Step]:
    """Return the steps from the *current* environments to the *wanted* ones; none deletes: secrets would be lost."""
    return [
        Step(verb=Verb.UPDATE if there else Verb.CREATE, subject=environment)
        for environment in wanted
        if not (there := _of_name(environment, current)) or any(environment_differences(environment, there))
    ]


def _of_name(environment: Environment, others: Sequence[Environment]) -> Environment | None:
    return next((other for other in others if other.is_named(environment.name)), None)


def plan_steps(wanted: Sequence[Ruleset], current: Sequence[Ruleset], *, prune: bool) -> list[Step]:
    """Return the steps from the *current* rulesets to the *wanted* ones."""
    by_name = {ruleset.name: ruleset for ruleset in current}
    creations = [Step(verb=Verb.CREATE, subject=ruleset) for ruleset in wanted if ruleset.name not in by_name]
    changed = [
        (ruleset, by_name[ruleset.name])
        for ruleset in wanted
        if ruleset.name in by_name and _differs(ruleset, by_name[ruleset.name])
    ]
    gaining = [pair for pair in changed if _only_gains(*pair)]
    losing = [pair for pair in changed if pair not in gaining]
    updates = [Step(verb=Verb.UPDATE, subject=new, number=old.number) for new, old in (*gaining, *losing)]
    deletions = [
        Step(verb=Verb.DELETE, subject=ruleset, number=ruleset.number)
        for ruleset in _extra(wanted, current, prune=prune)
    ]
    if len(losing) > 1:
        missing = [old for _, old in losing if old.name + GUARD not in by_name]
        creations += [Step(verb=Verb.CREATE, subject=_guard(old)) for old in missing]
        deletions += [Step(verb=Verb.DELETE, subject=_guard(old)) for old in missing]
    return [*creations, *updates, *deletions]


def _extra(wanted: Sequence[Ruleset], current: Sequence[Ruleset], *, prune: bool) -> list[Ruleset]:
    """Return the surplus rulesets; without *prune*, only guards that a killed run left."""
    names = {ruleset.name for ruleset in wanted}
    return [ruleset for ruleset in current if ruleset.name not in names and (prune or ruleset.name.endswith(GUARD))]


def _differs(new: Ruleset, old: Ruleset) -> bool:
    return any(difference.kind != "unknown" for difference in differences(new, old))


def _guard(ruleset: Ruleset) -> Ruleset:
    return replace(ruleset, name=ruleset.name + GUARD, number=0)


def _only_gains(new: Ruleset, old: Ruleset) -> bool:
    """Tell whether *new* keeps all rules of *old*, for the same branches and without further bypasses."""
    lost = [d for d in differences(new, old) if d.what != "bypass_actors" and d.github is not None]
    return not lost and set(new.bypass or ()) <= set(old.bypass or ())
