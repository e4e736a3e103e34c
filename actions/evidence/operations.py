"""Show what people decided beside the changes: who lifted a hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actions.evidence.html import table, when

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
    if not rows:
        return ""
    caption = "Issues that kept the environment or a service of it as it was"
    return f"<h2>Holds that were lifted</h2>\n{table(caption, ('issue', 'label', 'since', 'lifted by'), rows)}"
