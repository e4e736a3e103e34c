"""Show what people decided beside the changes: who lifted a hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actions.evidence.html import as_text, when

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from actions.evidence.ledger import View


def operations(view: View) -> str:
    """Return a table for each kind of decision that *view* has, "" if it has none."""
    return _holds([other for other in view.others if other["record"] == "hold"])


def _holds(holds: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (f"#{hold['number']} {hold['title']}", hold["label"], f"{hold['opened_by']}, {when(hold['since'])}",
         f"{hold['by']}, {when(hold['at'])}")
        for hold in holds
    ]  # fmt: skip
    return _table("Holds that were lifted", ("issue", "label", "since", "lifted by"), rows)


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    head = "".join(f"<th scope=col>{each}</th>" for each in heads)
    body = "".join(f"<tr>{''.join(f'<td>{as_text(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<h2>{title}</h2>\n<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
