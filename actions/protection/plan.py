"""Plan the changes of rulesets in an order in which no branch is ever less protected than before.

New rulesets are created first, then rulesets that only gain protection are updated, then those that lose some, and
obsolete ones are deleted last. If several rulesets lose protection, one may lose a rule that another is about to gain;
therefore copies of them (guards) apply until the end. A killed run leaves its guards, and the next run deletes them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from actions.protection.ruleset import RulesetDifference, differences

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actions.errors import ActionError
    from actions.protection.lint import LintProblem
    from actions.protection.ruleset import Ruleset

GUARD = " (guard while rulesets are applied)"


class Verb(StrEnum):
    """The changes of a ruleset."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, kw_only=True, slots=True)
class RulesetStep:
    """One request; *ruleset* is the wanted one or, for a deletion, the current one, and *number* the current id."""

    verb: Verb
    ruleset: Ruleset
    number: int = 0

    @property
    def guards(self) -> bool:
        """Tell whether the ruleset is a guard: a copy that applies during a run."""
        return self.ruleset.name.endswith(GUARD)

    def __str__(self) -> str:
        return f"{self.verb} '{self.ruleset.name}'"


@dataclass(slots=True)
class Result:
    """The problems, the drift, the planned steps and those *done*; *failure* is the error that ended the run."""

    problems: Sequence[LintProblem]
    drift: Sequence[RulesetDifference]
    steps: Sequence[RulesetStep]
    done: list[RulesetStep] = field(default_factory=list)
    failure: ActionError | None = None


def find_drift(wanted: Sequence[Ruleset], current: Sequence[Ruleset], *, prune: bool) -> list[RulesetDifference]:
    """Return the differences of *current* from *wanted*; with *prune*, surplus rulesets count too."""
    by_name = {ruleset.name: ruleset for ruleset in current}
    drift: list[RulesetDifference] = []
    for ruleset in wanted:
        if ruleset.name in by_name:
            drift += differences(ruleset, by_name[ruleset.name])
        else:
            drift.append(RulesetDifference(ruleset=ruleset.name, kind="missing"))
    extra = _extra(wanted, current, prune=prune)
    return [*drift, *(RulesetDifference(ruleset=ruleset.name, kind="extra") for ruleset in extra)]


def plan_steps(wanted: Sequence[Ruleset], current: Sequence[Ruleset], *, prune: bool) -> list[RulesetStep]:
    """Return the steps from the *current* rulesets to the *wanted* ones."""
    by_name = {ruleset.name: ruleset for ruleset in current}
    creations = [RulesetStep(verb=Verb.CREATE, ruleset=ruleset) for ruleset in wanted if ruleset.name not in by_name]
    changed = [
        (ruleset, by_name[ruleset.name])
        for ruleset in wanted
        if ruleset.name in by_name and _differs(ruleset, by_name[ruleset.name])
    ]
    gaining = [pair for pair in changed if _only_gains(*pair)]
    losing = [pair for pair in changed if pair not in gaining]
    updates = [RulesetStep(verb=Verb.UPDATE, ruleset=new, number=old.number) for new, old in (*gaining, *losing)]
    deletions = [
        RulesetStep(verb=Verb.DELETE, ruleset=ruleset, number=ruleset.number)
        for ruleset in _extra(wanted, current, prune=prune)
    ]
    if len(losing) > 1:
        missing = [old for _, old in losing if old.name + GUARD not in by_name]
        creations += [RulesetStep(verb=Verb.CREATE, ruleset=_guard(old)) for old in missing]
        deletions += [RulesetStep(verb=Verb.DELETE, ruleset=_guard(old)) for old in missing]
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
