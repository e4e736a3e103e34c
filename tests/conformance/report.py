"""The report: a table of the assumptions, what they cost, and what was left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actions.runner.markdown import table
from tests.conformance.assumptions import Verdict

if TYPE_CHECKING:
    from tests.conformance.runner import Report

HEADERS = ("about", "assumption or question", "result", "seen", "source")


def render(report: Report) -> str:
    """Return *report* in Markdown."""
    rows = [
        [
            _cell(cell)
            for cell in (
                result.assumption.subject,
                result.assumption.text,
                result.verdict,
                result.seen,
                result.assumption.source,
            )
        ]
        for result in report.results
    ]
    counts = ", ".join(f"{report.count(verdict)} {verdict}" for verdict in Verdict)
    points = "points not counted by the server" if report.points is None else f"{report.points} points"
    parts = [table(HEADERS, rows), f"{counts}. Cost: {points}, {report.seconds:.0f} seconds."]
    if report.left:
        parts.append(f"Could not be deleted; delete them by hand: {', '.join(report.left)}")
    if report.earlier:
        parts.append(f"Left by an earlier run, or in use by another one: {', '.join(report.earlier)}")
    return "\n\n".join(parts)


def _cell(text: str) -> str:
    """Return *text* as people read it in a terminal, and still one cell."""
    return " ".join(text.split()).replace("|", "\\|")
