"""What the gates say: as a table that people look at, as the errors of a run, as an output."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actions.errors import ActionError
from actions.gates import Decision, Gate, Reason, severity
from actions.report import MOST_ROWS, shown
from actions.runtime import markdown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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
    about = [(f"{each.change.env} {each.change.service}: ", finding) for each in judged for finding in each.findings]
    return head + "".join(rows) + _notes(about)


def notes(findings: Sequence[Finding]) -> str:
    """Return, as a list, what of *findings*, which are about no single change, is not open."""
    return _notes([("", finding) for finding in findings])


def _notes(findings: Sequence[tuple[str, Finding]]) -> str:
    lines = [
        f"- {MARKS[finding.decision]} **{finding.reason}**: {markdown(about + finding.message)}\n"
        for about, finding in findings
        if finding.decision is not Decision.ALLOW
    ]
    return "\n" + "".join(lines) if lines else ""


def _row(each: Judged, asked: Sequence[Gate]) -> str:
    marks = {finding.gate: MARKS[finding.decision] for finding in each.findings}
    change = each.change
    cells = [markdown(change.env), markdown(change.service), f"{shown(change.before)} → {shown(change.after)}"]
    return f"| {' | '.join([*cells, *(marks.get(gate, '–') for gate in asked)])} |\n"


def closed(judged: Sequence[Judged], *, waits: bool = True) -> list[ActionError]:
    """Return the errors that say which gates are closed, the worst first; with *waits*, those that will open too.

    A check that has not finished counts always: it will soon.
    """
    found = [
        (finding, each)
        for each in judged
        for finding in each.findings
        if finding.reason and (waits or finding.decision is Decision.REFUSE or finding.reason is Reason.CHECKS_PENDING)
    ]
    found.sort(key=lambda pair: severity(pair[0]), reverse=True)
    return [error_of(finding, each) for finding, each in found]


def error_of(finding: Finding, judged: Judged | None = None) -> ActionError:
    """Return *finding*, about a change or about a whole pull request, as the error of its reason."""
    kind = {kind.reason: kind for kind in _kinds(ActionError)}[str(finding.reason)]
    if not judged:
        return kind(finding.message)
    change = judged.change
    return kind(f"{change.service} in {change.env}: {finding.message}", file=change.file, line=judged.line)


def as_output(judged: Sequence[Judged], whole: Sequence[Finding]) -> list[dict[str, str]]:
    """Return what each gate says, in the words of the `gates` output; *whole* is about no single change."""
    about = [
        ({"env": e.change.env, "service": e.change.service, "tag": e.change.after}, f)
        for e in judged
        for f in e.findings
    ]
    about += [({"env": "", "service": "", "tag": ""}, finding) for finding in whole]
    return [
        {
            **what,
            "gate": finding.gate,
            "decision": finding.decision,
            "reason": finding.reason or "",
            "message": finding.message,
            "opens-at": finding.opens.isoformat() if finding.opens else "",
        }
        for what, finding in about
    ]


def _kinds(kind: type[ActionError]) -> Iterator[type[ActionError]]:
    for below in kind.__subclasses__():
        yield below
        yield from _kinds(below)
