"""Report on rulesets and environments: problems of the files, differences from GitHub, steps."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from actions.runner import markdown
from actions.runner.markdown import code_block, escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from actions.errors import ActionError
    from actions.protection.difference import Difference
    from actions.protection.plan import TargetPlan

LONGEST_VALUE = 300


def summary(
    plans: Sequence[TargetPlan], mode: str, refusals: Sequence[ActionError], *, failed: bool, in_sync: bool
) -> str:
    """Return the summary of a run in *mode* on the targets of *plans*; *refusals* are what no plan shows."""
    state = "❌" if failed else "✅" if in_sync else "📋"
    names = ", ".join(escape(plan.target.name) for plan in plans)
    parts = [f"### {state} Protection of {names}: {mode}\n"]
    if in_sync and not any(plan.done for plan in plans):
        parts.append("The rulesets and environments on GitHub match the files.\n")
    parts += [f"**{error.reason}**: {escape(str(error))}\n" for error in refusals]
    for plan in plans:
        parts += _details(plan)
    return "\n".join(parts)


def in_words(difference: Difference) -> str:
    """Describe *difference* as part of a sentence."""
    if difference.kind == "missing":
        return "missing on GitHub"
    if difference.kind == "extra":
        return "not in the files"
    return f"{difference.what} is {_value(difference.github)} on GitHub, {_value(difference.file)} in the file"


def _details(plan: TargetPlan) -> list[str]:
    """Return problems, steps and differences of one target, each under its name; nothing if there are none."""
    parts: list[str] = []
    if plan.problems:
        rows = [
            ["❌" if problem.fatal else "⚠️", f"`{problem.subject.source.file}`", escape(problem.message)]
            for problem in plan.problems
        ]
        parts.append(markdown.table(("severity", "file", "problem"), rows))
    if plan.steps:
        rows = [
            [str(number), step.verb, step.thing, escape(step.subject.name), "done" if step in plan.done else "not done"]
            for number, step in enumerate(plan.steps, start=1)
        ]
        parts.append(markdown.table(("step", "action", "what", "name", "state"), rows))
    if plan.unreadable:
        parts.append(f"Unknown: {escape(plan.unreadable)}\n")
    elif plan.drift:
        parts.append("Differences between GitHub (-) and the files (+):\n\n" + code_block(_diff(plan.drift), "diff"))
    return [f"#### {escape(plan.target.name)}\n", *parts] if parts else []


def _diff(drift: Iterable[Difference]) -> str:
    """Return *drift* as a diff from GitHub to the files."""
    text, shown = "", ("", "")
    for difference in drift:
        thing = difference.thing
        if (thing, difference.name) != shown:
            shown = (thing, difference.name)
            text += f"  {thing} {difference.name}\n"
        if difference.kind == "missing":
            text += f"+   the whole {thing}: missing on GitHub\n"
        elif difference.kind == "extra":
            text += f"-   the whole {thing}: not in the files\n"
        else:
            github = "cannot be read with this token" if difference.kind == "unknown" else _value(difference.github)
            text += f"-   {difference.what}: {github}\n+   {difference.what}: {_value(difference.file)}\n"
    return text


def _value(value: object) -> str:
    return "not set" if value is None else json.dumps(value, ensure_ascii=False)[:LONGEST_VALUE]
