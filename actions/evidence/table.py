"""Write the evidence as CSV for spreadsheets: one row per change, and no cell that is taken for a formula."""

from __future__ import annotations

import csv
from io import StringIO
from typing import TYPE_CHECKING, Any

from actions.evidence.access_history import in_words
from actions.evidence.ledger import answer_to
from actions.evidence.metrics import deployed_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actions.evidence.ledger import View

COLUMNS = (
    "environment", "commit", "committed_at", "kind", "emergency", "reason", "result", "changes", "pull_request",
    "title", "tickets", "author", "requested_by", "approved_by", "approved_at", "later_review", "merged_by",
    "merged_at", "checks", "rule_evaluation", "verified", "deployed_at", "deployed_by", "details", "answers",
)  # fmt: skip
# A cell that starts with one of these may be taken for a formula (OWASP, "CSV Injection").
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def evidence_table(view: View) -> str:
    """Return the changes of *view* as CSV (RFC 4180), oldest first, followed by the records that are no changes."""
    text = StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    rows = (*map(_change, view.changes), *map(_stray, view.others))
    records = (*view.changes, *view.others)
    answered = ({**row, "answers": _answers(record)} for row, record in zip(rows, records, strict=True))
    for row in (*answered, *(_access(seen, view) for seen in view.access)):
        writer.writerow([safe(row.get(column, "")) for column in COLUMNS])
    return text.getvalue()


def _answers(record: Mapping[str, Any]) -> str:
    """Return the answers to the exceptions of *record*, each with the exception that it is to."""
    answers = {entry["exception"]: answer_to(entry) for entry in record["exceptions"]}
    return "; ".join(f"{exception}: {answer}" for exception, answer in answers.items() if answer)


def safe(value: object) -> str:
    """Return *value* as a cell that every spreadsheet reads as text."""
    text = " ".join(str(value).split())
    return f"'{text}" if text.startswith(FORMULA) else text


def _change(change: Mapping[str, Any]) -> dict[str, object]:
    pull = change["commit"]["pull"] or {}
    later, suite = change["later_review"] or {}, change["suite"] or {}
    reached = deployed_at(change)
    runs = [deployment["run"] for deployment in change["deployments"] if deployment["run"]]
    return {
        "environment": change["environment"],
        "commit": change["commit"]["sha"],
        "committed_at": change["commit"]["at"],
        "kind": change["kind"],
        "emergency": "yes" if change["emergency"] else "no",
        "reason": change["reason"],
        "result": change["result"] if isinstance(change["result"], str) else "; ".join(change["result"]),
        "changes": "; ".join(
            f"{m['service']} {m['before'] or '(none)'} -> {m['after'] or '(none)'}" for m in change["moves"]
        ),
        "pull_request": pull.get("url", ""),
        "title": pull.get("title", change["commit"]["title"]),
        "tickets": " ".join(pull.get("tickets", ())),
        "author": pull.get("author", change["commit"]["author"]),
        "requested_by": " ".join(pull.get("requesters", ())),
        "approved_by": change["approved_by"],
        "approved_at": change["approved_at"],
        "later_review": f"{later['by']} {later['at']}" if later else "",
        "merged_by": pull.get("merged_by", ""),
        "merged_at": pull.get("merged_at", ""),
        "checks": "; ".join(f"{check['name']} {check['conclusion']}" for check in pull.get("checks", ())),
        "rule_evaluation": suite.get("result", ""),
        "verified": "yes" if change["commit"]["verified"] else "no",
        "deployed_at": f"{reached:%Y-%m-%dT%H:%M:%SZ}" if reached else "",
        "deployed_by": "; ".join(f"{run['triggering_actor']} (run {run['id']})" for run in runs),
        "details": "; ".join(exception["detail"] for exception in change["exceptions"]),
    }


def _access(seen: Mapping[str, Any], view: View) -> dict[str, object]:
    return {"environment": view.begins["environment"], "kind": "access", "details": in_words(seen)}


def _stray(record: Mapping[str, Any]) -> dict[str, object]:
    return {
        "environment": record["environment"],
        "commit": record["sha"],
        "committed_at": record["at"] if record["record"] == "commit" else "",
        "title": record.get("title", ""),
        "merged_by": record["by"] if record["record"] == "commit" else "",
        "pull_request": record["url"] if record["record"] == "commit" else "",
        "kind": record["record"],
        "result": record["result"] if isinstance(record["result"], str) else "; ".join(record["result"]),
        "deployed_at": record["at"] if record["record"] == "deployment" else "",
        "deployed_by": record["by"] if record["record"] == "deployment" else "",
        "details": record.get("details") or "; ".join(exception["detail"] for exception in record["exceptions"]),
    }
