"""What has to be done to rulesets, in an order in which no branch is ever less protected than it was.

Until all that is new holds, nothing that held is taken away: what is new comes first, then what only gains, then what
loses something, and what goes is deleted last. If more than one ruleset loses something, one may lose what another is
to gain; so copies of them, guards, hold until the end. A run that dies leaves its guards, and the next one takes them
away when it is done.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from actions.protection.ruleset import Difference, differences

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actions.errors import ActionError
    from actions.protection.lint import LintProblem
    from actions.protection.ruleset import Ruleset

GUARD = " (guard while rulesets are applied)"


class Verb(StrEnum):
    """What can be done to a ruleset."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One request: *ruleset* is what is to be there or, for a deletion, what is; *number* is the id of what is."""

    verb: Verb
    ruleset: Ruleset
    number: int = 0

    @property
    def guards(self) -> bool:
        """Tell whether it is about a copy that holds for the length of a run."""
        return self.ruleset.name.endswith(GUARD)

    def __str__(self) -> str:
        return f"{self.verb} '{self.ruleset.name}'"


@dataclass(slots=True)
class Result:
    """What was found and what was done, as far as the run got; *failure* is why it got no further."""

    problems: Sequence[LintProblem]
    drift: Sequence[Difference]
    steps: Sequence[Step]
    done: list[Step] = field(default_factory=list)
    failure: ActionError | None = None


def find_drift(wanted: Sequence[Ruleset], there: Sequence[Ruleset], *, prune: bool) -> list[Difference]:
    """Return in what *there* differs from *wanted*; what is there beyond that counts if it is to be pruned."""
    by_name = {ruleset.name: ruleset for ruleset in there}
    drift: list[Difference] = []
    for ruleset in wanted:
        if ruleset.name in by_name:
            drift += differences(ruleset, by_name[ruleset.name])
        else:
            drift.append(Difference(ruleset=ruleset.name, kind="missing"))
    return [*drift, *(Difference(ruleset=ruleset.name, kind="extra") for ruleset in _extra(wanted, there, prune=prune))]


def plan_steps(wanted: Sequence[Ruleset], there: Sequence[Ruleset], *, prune: bool) -> list[Step]:
    """Return the steps that make *there* what is *wanted*."""
    by_name = {ruleset.name: ruleset for ruleset in there}
    creations = [Step(verb=Verb.CREATE, ruleset=ruleset) for ruleset in wanted if ruleset.name not in by_name]
    changed = [
        (ruleset, by_name[ruleset.name])
        for ruleset in wanted
        if ruleset.name in by_name and _differs(ruleset, by_name[ruleset.name])
    ]
    gaining = [pair for pair in changed if _only_gains(*pair)]
    losing = [pair for pair in changed if pair not in gaining]
    updates = [Step(verb=Verb.UPDATE, ruleset=new, number=old.number) for new, old in (*gaining, *losing)]
    deletions = [
        Step(verb=Verb.DELETE, ruleset=ruleset, number=ruleset.number) for ruleset in _extra(wanted, there, prune=prune)
    ]
    if len(losing) > 1:
        missing = [old for _, old in losing if old.name + GUARD not in by_name]
        creations += [Step(verb=Verb.CREATE, ruleset=_guard(old)) for old in missing]
        deletions += [Step(verb=Verb.DELETE, ruleset=_guard(old)) for old in missing]
    return [*creations, *updates, *deletions]


def _extra(wanted: Sequence[Ruleset], there: Sequence[Ruleset], *, prune: bool) -> list[Ruleset]:
    """Return what is there and not wanted; the guards of a run that died go in any case."""
    names = {ruleset.name for ruleset in wanted}
    return [ruleset for ruleset in there if ruleset.name not in names and (prune or ruleset.name.endswith(GUARD))]


def _differs(new: Ruleset, old: Ruleset) -> bool:
    return any(difference.kind != "unknown" for difference in differences(new, old))


def _guard(ruleset: Ruleset) -> Ruleset:
    return replace(ruleset, name=ruleset.name + GUARD, number=0)


def _only_gains(new: Ruleset, old: Ruleset) -> bool:
    """Tell whether *new* has all that *old* has, for the same branches and at most the same bypasses."""
    lost = [d for d in differences(new, old) if d.what != "bypass_actors" and d.github is not None]
    return not lost and set(new.bypass or ()) <= set(old.bypass or ())
