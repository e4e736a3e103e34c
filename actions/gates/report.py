"""Report the results of gates: as a table for people, as the errors of a run, as an output."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actions.errors import ActionError
from actions.gates import refusals  # noqa: F401 - its errors are found as subclasses
from actions.gates.facts import Decision, Gate, Reason
from actions.gates.rules import severity
from actions.runner import markdown
from actions.runner.markdown import MOST_ROWS, escape, format_tag

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from actions.gates.collect import EvaluatedChange
    from actions.gates.config_changes import ConfigChange
    from actions.gates.facts import GateResult

MARKS = {Decision.ALLOW: "✅", Decision.WAIT: "⏳", Decision.REFUSE: "❌"}


def gates_table(evaluated: Sequence[EvaluatedChange]) -> str:
    """Return a table with a row per change and a column per gate, followed by why each closed gate is closed.

    A line between the two names the changes that need a review and have no digest: whoever may push packages could
    overwrite what was reviewed.
    """
    if not evaluated:
        return ""
    gates = [gate for gate in Gate if any(result.gate is gate for item in evaluated for result in item.results)]
    rows = [_row(item, gates) for item in evaluated[:MOST_ROWS]]
    headers = ["environment", "service", "tag", *gates]
    labels = [(f"{item.change.env} {item.change.service}: ", result) for item in evaluated for result in item.results]
    return markdown.table(headers, rows, centered=len(gates)) + _by_name_only(evaluated) + _notes(labels)


def config_changes(changes: Sequence[ConfigChange]) -> str:
    """Return the changes of `gitops.yml` as a list, those that loosen a gate first; "" if there are none."""
    if not changes:
        return ""
    lines = [f"- {'⚠️ loosens: ' if change.loosens else ''}{escape(change.text)}\n" for change in changes]
    lines.sort(key=lambda line: "⚠️" not in line)
    return f"\n**Changes of `gitops.yml`**, for whoever reviews them:\n\n{''.join(lines)}"


def notes(results: Sequence[GateResult]) -> str:
    """List the closed gates among *results*, which are about the pull request as a whole."""
    return _notes([("", result) for result in results])


def _by_name_only(evaluated: Sequence[EvaluatedChange]) -> str:
    changes = [item.change for item in evaluated if item.needs_review and item.change.after and not item.change.digest]
    if not changes:
        return ""
    names = [f"{escape(change.service)} in {escape(change.env)}" for change in changes[:MOST_ROWS]]
    unlisted = f" and {len(changes) - MOST_ROWS} more" if len(changes) > MOST_ROWS else ""
    return f"\nbound by name only: {', '.join(names)}{unlisted}\n"


def _notes(labels: Sequence[tuple[str, GateResult]]) -> str:
    lines = [
        f"- {MARKS[result.decision]} **{result.reason}**: {escape(label + result.message)}\n"
        for label, result in labels
        if result.decision is not Decision.ALLOW
    ]
    return "\n" + "".join(lines) if lines else ""


def _row(item: EvaluatedChange, gates: Sequence[Gate]) -> list[str]:
    marks = {result.gate: MARKS[result.decision] for result in item.results}
    change = item.change
    tags = f"{format_tag(change.before, change.digest_before)} → {format_tag(change.after, change.digest)}"
    return [escape(change.env), escape(change.service), tags, *(marks.get(gate, "–") for gate in gates)]


def errors(evaluated: Sequence[EvaluatedChange], *, waits: bool = True) -> list[ActionError]:
    """Return an error for each closed gate, the worst first.

    Without *waits*, gates that open later are left out, except for unfinished checks.
    """
    closed = [
        (result, item)
        for item in evaluated
        for result in item.results
        if result.reason and (waits or result.decision is Decision.REFUSE or result.reason is Reason.CHECKS_PENDING)
    ]
    closed.sort(key=lambda pair: severity(pair[0]), reverse=True)
    return [error_of(result, item) for result, item in closed]


def error_of(result: GateResult, item: EvaluatedChange | None = None) -> ActionError:
    """Return *result* as the error of its reason; without *item* it is about a whole pull request."""
    kind = {kind.reason: kind for kind in _kinds(ActionError)}[str(result.reason)]
    if not item:
        return kind(result.message)
    change = item.change
    return kind(f"{change.service} in {change.env}: {result.message}", file=change.file, line=item.line)


def as_output(evaluated: Sequence[EvaluatedChange], whole: Sequence[GateResult]) -> list[dict[str, str]]:
    """Return the results as the `gates` output; those in *whole* are about the pull request as a whole."""
    entries = [
        ({"env": item.change.env, "service": item.change.service, "tag": item.change.after}, result)
        for item in evaluated
        for result in item.results
    ]
    entries += [({"env": "", "service": "", "tag": ""}, result) for result in whole]
    return [
        {
            **labels,
            "gate": result.gate,
            "decision": result.decision,
            "reason": result.reason or "",
            "message": result.message,
            "opens-at": result.opens.isoformat() if result.opens else "",
        }
        for labels, result in entries
    ]


def _kinds(kind: type[ActionError]) -> Iterator[type[ActionError]]:
    for subclass in kind.__subclasses__():
        yield subclass
        yield from _kinds(subclass)
