"""What a person reads of rulesets: what is wrong with the files, what differs, what is done about it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from actions.report import fenced
from actions.runtime import markdown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actions.ruleset_plan import Result
    from actions.rulesets import Difference

LONGEST_VALUE = 300


def summary(result: Result, target: str, mode: str, *, failed: bool, in_sync: bool) -> str:
    """Return the summary of a run in *mode* on the rulesets of *target*."""
    state = "❌" if failed else "✅" if in_sync else "📋"
    parts = [f"### {state} Rulesets of {markdown(target)}: {mode}\n"]
    if in_sync and not result.done:
        parts.append("They are those of the files.\n")
    if result.failure:
        parts.append(f"**{result.failure.reason}**: {markdown(str(result.failure))}\n")
    if result.findings:
        rows = "".join(
            f"| {'❌' if finding.fatal else '⚠️'} | `{finding.ruleset.file}` | {markdown(finding.message)} |\n"
            for finding in result.findings
        )
        parts.append(f"| | file | what is wrong with it |\n|---|---|---|\n{rows}")
    if result.steps:
        rows = "".join(
            f"| {number} | {step.verb} | {markdown(step.ruleset.name)} |"
            f" {'done' if step in result.done else 'to do'} |\n"
            for number, step in enumerate(result.steps, start=1)
        )
        parts.append(f"| | step | ruleset | |\n|---|---|---|---|\n{rows}")
    if result.drift:
        parts.append("What GitHub has, and what the files say:\n\n" + fenced(_diff(result.drift), "diff"))
    return "\n".join(parts)


def in_words(found: Difference) -> str:
    """Return *found* as part of a sentence."""
    if found.kind == "missing":
        return "GitHub does not have it"
    if found.kind == "extra":
        return "no file has it"
    return f"{found.what} is {_value(found.github)} on GitHub, {_value(found.file)} in the file"


def _diff(drift: Iterable[Difference]) -> str:
    """Return *drift* as a diff, from what GitHub has to what the files say."""
    text, name = "", None
    for found in drift:
        if found.ruleset != name:
            name = found.ruleset
            text += f"  {name}\n"
        if found.kind == "missing":
            text += "+   all of it: GitHub has no such ruleset\n"
        elif found.kind == "extra":
            text += "-   all of it: no file has such a ruleset\n"
        else:
            github = "this token cannot see it" if found.kind == "unknown" else _value(found.github)
            text += f"-   {found.what}: {github}\n+   {found.what}: {_value(found.file)}\n"
    return text


def _value(value: object) -> str:
    return "not there" if value is None else json.dumps(value, ensure_ascii=False)[:LONGEST_VALUE]
