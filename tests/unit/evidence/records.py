"""Records of changes as the evidence has them, with hours since the start of a year as their times."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from actions.evidence.ledger import View, result_of
from actions.evidence.period import Period

START = datetime(2026, 1, 1, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script>\"'&=cmd|' /C calc'!A0\n\u202e`${{ x }}"


def moment(hours: float) -> str:
    return f"{START + timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}"


def change(name: str, hours: float, kind: str = "update", **more: Any) -> dict[str, Any]:
    """One change of the api to *name*, built an hour before it was deployed."""
    move = {
        "service": "api", "file": "envs/prod.json", "before": "", "after": name, "order": "ahead",
        "repository": "your-org/app", "sha": "c" * 40, "compared": "", "built_at": moment(hours - 1),
        "released": "main",
        "required_checks": [], "missing_checks": [], "skipped_checks": [], "commits_in_all": 1,
        "commits": [{"sha": "c" * 40, "title": name, "author": "alice", "pull": None, "approved_by": ""}],
    }  # fmt: skip
    run = {
        "id": 5,
        "url": "https://github.example/runs/5",
        "triggering_actor": "alice",
        "approvals": ["olivia: approved, prod"],
    }
    deployment = {
        "id": 1, "environment": "prod", "sha": "d" * 40, "creator": "x", "created_at": moment(hours),
        "succeeded_at": moment(hours), "failed_before": 1, "url": "", "run": run, "verdicts": [], "adopted": False,
    }  # fmt: skip
    return {
        "record": "change", "environment": "prod", "kind": kind, "emergency": kind in ("rollback", "hotfix"),
        "commit": {
            "sha": hashlib.sha1(f"{name} {hours}".encode(), usedforsecurity=False).hexdigest(), "title": name,
            "author": "alice", "at": moment(hours), "verified": True, "pull": None,
        },
        "moves": [move], "reason": "", "deployments": [deployment], "undeployed": [], "rules": None, "suite": None,
        "approved_by": "", "approved_at": "", "later_review": None, "needs_review": True, "exceptions": [],
        "movement": None,
    } | more  # fmt: skip


def begin() -> dict[str, Any]:
    return {
        "record": "start", "server": "https://github.example", "repository": "your-org/infra", "environment": "prod",
        "branch": "main", "after": "",
    }  # fmt: skip


def pull(text: str) -> dict[str, Any]:
    return {
        "number": 1, "url": f"javascript:{text}", "title": text, "author": text, "merged_by": text,
        "merged_at": moment(0), "requesters": [text], "writers": [text], "tickets": [text],
        "checks": [{"name": text, "conclusion": text}],
    }  # fmt: skip


def at(hours: float | None) -> dict[str, Any]:
    """A change that came to the branch then; its commit says that it was made on another day."""
    movement = None if hours is None else {"kind": "push", "actor": "alice", "at": moment(hours)}
    return change(f"{hours}", -1000, movement=movement)


def between(since: float | None, until: float | None) -> Period:
    given_ = {"since": since, "until": until}
    return Period(**{name: START + timedelta(hours=hours) for name, hours in given_.items() if hours is not None})


def view(*changes: dict[str, Any], others: tuple[dict[str, Any], ...] = (), **given: Any) -> View:
    """The changes and the others, each with the result that its exceptions give."""
    shown = [{**each, "result": result_of(each["exceptions"])} for each in (*changes, *others)]
    count = len(changes)
    return View(begins=begin(), changes=shown[:count], others=shown[count:], **given)
