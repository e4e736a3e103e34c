"""Report on rulesets: problems of the files, differences from GitHub, steps."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from actions.runner import markdown
from actions.runner.markdown import code_block, escape

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actions.protection.plan import Result
    from actions.protection.ruleset import RulesetDifference

LONGEST_VALUE = 300


def summary(result: Result, target: str, mode: str, *, failed: bool, in_sync: bool) -> str:
    """Return the summary of a run in *mode* on the rulesets of *target*."""
    state = "❌" if failed else "✅" if in_sync else "📋"
    parts = [f"### {state} Rulesets of {escape(target)}: {mode}\n"]
    if in_sync and not result.done:
        parts.append("The rulesets on GitHub match the files.\n")
    if result.failure:
        parts.append(f"**{result.failure.reason}**: {escape(str(result.failure))}\n")
    if result.problems:
        rows = [
            ["❌" if problem.fatal else "⚠️", f"`{problem.ruleset.file}`", escape(problem.message)]
            for problem in result.problems
        ]
        parts.append(markdown.table(("severity", "file", "problem"), rows))
    if result.steps:
        rows = [
            [str(number), step.verb, escape(step.ruleset.name), "done" if step in result.done else "not done"]
            for number, step in enumerate(result.steps, start=1)
        ]
        parts.append(markdown.table(("step", "action", "ruleset", "state"), rows))
    if result.drift:
        parts.append("Differences between GitHub (-) and the files (+):\n\n" + code_block(_diff(result.drift), "diff"))
    return "\n".join(parts)


def in_words(difference: RulesetDifference) -> str:
    """Describe *difference* as part of a sentence."""
    if difference.kind == "missing":
        return "missing on GitHub"
    if difference.kind == "extra":
        return "not in the files"
    return f"{difference.what} is {_value(difference.github)} on GitHub, {_value(difference.file)} in the file"


def _diff(drift: Iterable[RulesetDifference]) -> str:
    """Return *drift* as a diff from GitHub to the files."""
    text, name = "", None
    for difference in drift:
        if difference.ruleset != name:
            name = difference.ruleset
            text += f"  {name}\n"
        if difference.kind == "missing":
            text += "+   the whole ruleset: missing on GitHub\n"
        elif difference.kind == "extra":
            text += "-   the whole ruleset: not in the files\n"
        else:
            github = "cannot be read with this token" if difference.kind == "unknown" else _value(difference.github)
            text += f"-   {difference.what}: {github}\n+   {difference.what}: {_value(difference.file)}\n"
    return text


def _value(value: object) -> str:
    return "not set" if value is None else json.dumps(value, ensure_ascii=False)[:LONGEST_VALUE]
