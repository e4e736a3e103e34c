"""What the gates say, as a table that people look at: in the job summary, in pull requests and in their comments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actions.gates import Decision, Gate
from actions.report import MOST_ROWS, shown
from actions.runtime import markdown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actions.gates import Finding
    from actions.judging import Judged

MARKS = {Decision.ALLOW: "✅", Decision.WAIT: "⏳", Decision.REFUSE: "❌"}


def table(judged: Sequence[Judged]) -> str:
    """Return one row for each change and one column for each gate that was asked, and in words what is not open."""
    asked = [gate for gate in Gate if any(finding.gate is gate for each in judged for finding in each.findings)]
    if not asked:
        return ""
    rows = [_row(each, asked) for each in judged[:MOST_ROWS]]
    head = f"| environment | service | tag | {' | '.join(asked)} |\n|---|---|---|{':-:|' * len(asked)}\n"
    return head + "".join(rows) + notes([finding for each in judged for finding in each.findings])


def notes(findings: Sequence[Finding]) -> str:
    """Return, as a list, what is not open, each once."""
    lines = [
        f"- {MARKS[finding.decision]} **{finding.reason}**: {markdown(finding.message)}\n"
        for finding in findings
        if finding.decision is not Decision.ALLOW
    ]
    return "\n" + "".join(dict.fromkeys(lines)) if lines else ""


def _row(each: Judged, asked: Sequence[Gate]) -> str:
    marks = {finding.gate: MARKS[finding.decision] for finding in each.findings}
    change = each.change
    cells = [markdown(change.env), markdown(change.service), f"{shown(change.before)} → {shown(change.after)}"]
    return f"| {' | '.join([*cells, *(marks.get(gate, '–') for gate in asked)])} |\n"
