"""Tell what keeps a run from ending well: files that cannot work, differences, and what cannot be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actions.errors import DriftError, UnknownFactError
from actions.protection.report import in_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from actions.errors import ActionError
    from actions.protection.difference import Difference
    from actions.protection.plan import TargetPlan


def lint_errors(plans: Sequence[TargetPlan]) -> Iterator[ActionError]:
    """Yield the fatal problems of the files."""
    for plan in plans:
        for problem in plan.problems:
            if problem.fatal:
                yield problem.subject.source.error(problem.message, problem.at)


def drift_errors(plans: Sequence[TargetPlan]) -> Iterator[ActionError]:
    """Yield an error for each ruleset and environment that differs."""
    for plan in plans:
        known = [difference for difference in plan.drift if difference.kind != "unknown"]
        for thing, name in dict.fromkeys((difference.thing, difference.name) for difference in known):
            yield _drift_error(plan, [each for each in known if (each.thing, each.name) == (thing, name)])


def unknown_errors(plans: Sequence[TargetPlan]) -> Iterator[ActionError]:
    """Yield an error for each ruleset whose bypass actors GitHub does not show."""
    for plan in plans:
        for difference in plan.drift:
            if difference.kind == "unknown":
                yield UnknownFactError(
                    f"{plan.target.name}: ruleset '{difference.name}': this token cannot read its bypass actors; it"
                    " needs 'administration: write'",
                    file=plan.target.file_of(difference),
                    line=1,
                )


def leftover_errors(plans: Sequence[TargetPlan]) -> Iterator[ActionError]:
    """Yield what differs although all steps were taken: environments without a file, which no step deletes."""
    for plan in plans:
        for difference in plan.drift:
            if (difference.thing, difference.kind) == ("environment", "extra"):
                yield _drift_error(plan, [difference])


def _drift_error(plan: TargetPlan, found: Sequence[Difference]) -> DriftError:
    first, text = found[0], "; ".join(map(in_words, found))
    if (first.thing, first.kind) == ("environment", "extra"):
        text += "; add a file, or delete it on GitHub (this action does not: its secrets would be lost)"
    file = plan.target.file_of(first)
    return DriftError(f"{plan.target.name}: {first.thing} '{first.name}': {text}", file=file, line=1)
