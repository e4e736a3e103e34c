"""Build the records of one environment, and add them up to what is known about every change."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from actions.evidence.facts import ChangeFacts, Deployment, Kind, Move
from actions.evidence.judgement import ExceptionKind, FoundException, find_exceptions, recorded_approval
from actions.gates.approval import Approval

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from actions.evidence.deployments import DeploymentRecord
    from actions.evidence.facts import Rewrite

SCHEMA = 1
PASS = "pass"  # noqa: S105 - a result


@dataclass(frozen=True, kw_only=True, slots=True)
class Ledger:
    """All records added up: the start record (*begins*), the *changes* as amended later, and the *strays*.

    *strays* are deployments of commits that were not on the branch, rewrites of the branch, and gaps between changes.
    Every stray names in `follows` the change recorded before it.
    """

    begins: Mapping[str, Any]
    changes: Sequence[dict[str, Any]]
    strays: Sequence[dict[str, Any]]

    @classmethod
    def of(cls, records: Iterable[Mapping[str, Any]]) -> Ledger:
        """Add up *records*, which come oldest first."""
        begins: Mapping[str, Any] = {}
        changes: dict[str, dict[str, Any]] = {}
        strays = []
        for record in records:
            if record["record"] == "start":
                begins = record
            elif record["record"] == "change":
                changes[record["commit"]["sha"]] = dict(record)
            elif record["record"] in ("deployment", "rewrite", "gap"):
                strays.append({**record, "follows": next(reversed(changes), "")})
            else:
                change = changes[record["commit"]]
                unsettled = [entry for entry in change["exceptions"] if entry["exception"] not in record["settles"]]
                change |= {**record["adds"], "exceptions": unsettled}
        for change in changes.values():
            change["result"] = result_of(change["exceptions"])
        return cls(begins=begins, changes=list(changes.values()), strays=strays)

    @property
    def exceptions(self) -> list[dict[str, Any]]:
        """Return all exceptions as `{commit, exception, detail}`."""
        return [
            {"commit": record["commit"]["sha"] if record["record"] == "change" else record["sha"], **entry}
            for record in (*self.changes, *self.strays)
            for entry in record["exceptions"]
        ]

    @property
    def waiting(self) -> list[dict[str, Any]]:
        """Return the changes that still miss a deployment or, after an unapproved emergency, a review."""
        return [change for change in self.changes if change["undeployed"] or _awaits_review(change)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """What a file of evidence covers: the *environment* on a *branch*, *after* a commit ("": from the first one on)."""

    server: str
    repository: str
    environment: str
    branch: str
    after: str

    def as_record(self, collected: Mapping[str, Any]) -> dict[str, Any]:
        """Return the first record of the file."""
        return {"record": "start", "schema": SCHEMA, **asdict(self), "collected": collected}


def record_of(change: ChangeFacts, collected: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record of *change*, with its approval and exceptions."""
    exceptions = [_as_entry(exception) for exception in find_exceptions(change)]
    pull = change.commit.pull
    approval = recorded_approval(pull, change.bots) if pull else Approval()
    return {
        "record": "change",
        "schema": SCHEMA,
        **asdict(change),
        "moves": [_with_approvals(move, change.bots) for move in change.moves],
        "emergency": change.is_emergency,
        "approved_by": approval.by,
        "approved_at": approval.at,
        "later_review": later_review(change),
        "exceptions": exceptions,
        "result": result_of(exceptions),
        "collected": collected,
    }


def _with_approvals(move: Move, bots: Sequence[str]) -> dict[str, Any]:
    """Return *move* with the approver of every commit that came with it."""
    commits = [
        {**asdict(commit), "approved_by": recorded_approval(commit.pull, bots).by if commit.pull else ""}
        for commit in move.commits
    ]
    return {**asdict(move), "commits": commits}


def later_review(change: ChangeFacts) -> dict[str, str] | None:
    """Return who approved an emergency change after its merge; None if nobody did, or if it is no emergency."""
    pull = change.commit.pull
    approval = recorded_approval(pull, change.bots, later=True) if pull and change.is_emergency else Approval()
    return {"by": approval.by, "at": approval.at} if approval.by else None


def deployed_later(
    change: Mapping[str, Any],
    deployments: Sequence[Deployment],
    undeployed: Sequence[str],
    collected: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the amendment that adds *deployments* to *change* and lists what is still *undeployed*."""
    known = {deployment["id"]: deployment for deployment in change["deployments"]}
    new = {deployment.id: asdict(deployment) for deployment in deployments}
    return {
        "record": "amendment",
        "schema": SCHEMA,
        "commit": change["commit"]["sha"],
        "settles": [] if undeployed else [ExceptionKind.CHANGE_WITHOUT_DEPLOYMENT],
        "adds": {"deployments": [*(known | new).values()], "undeployed": list(undeployed)},
        "collected": collected,
    }


def reviewed_later(
    change: Mapping[str, Any], review: Mapping[str, str], collected: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the amendment that adds the *review* of an emergency after its merge; its exception stays."""
    return {
        "record": "amendment",
        "schema": SCHEMA,
        "commit": change["commit"]["sha"],
        "settles": [],
        "adds": {"later_review": dict(review)},
        "collected": collected,
    }


def stray(record: DeploymentRecord, branch: str, collected: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record of a deployment of a commit that was not on the branch at the time."""
    text = f"{record.creator} deployed {record.sha[:12]} to {record.name}, which was not on {branch}"
    facts = {
        "id": record.number,
        "environment": record.name,
        "at": record.succeeded_at,
        "by": record.creator,
        "url": record.url,
    }
    return _no_change(
        "deployment",
        record.sha,
        facts,
        FoundException(kind=ExceptionKind.DEPLOYMENT_WITHOUT_CHANGE, detail=text),
        collected,
    )


def rewritten(rewrite: Rewrite, branch: str, collected: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record of an update by which the branch lost or regained commits."""
    text = f"{rewrite.actor} moved {branch} from {rewrite.before[:12]} to {rewrite.after[:12]} ({rewrite.kind})"
    facts = {"id": rewrite.id, "environment": "", "at": rewrite.at, "by": rewrite.actor, "url": ""}
    return _no_change(
        "rewrite", rewrite.before, facts, FoundException(kind=ExceptionKind.DIRECT_PUSH, detail=text), collected
    )


def gap(
    sha: str, expected: Mapping[str, str], actual: Mapping[str, str], collected: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the record that the tags at the commit *sha* are not those that the changes before it led to.

    A gap is recorded once, as long as its detail is the same; so the words of the detail must not change.
    """
    services = sorted(name for name in {*expected, *actual} if expected.get(name) != actual.get(name))
    moved = ", ".join(
        f"{name} from {expected.get(name) or 'none'} to {actual.get(name) or 'none'}" for name in services
    )
    facts = {"id": 0, "environment": "", "at": "", "by": "", "url": ""}
    return _no_change(
        "gap", sha, facts, FoundException(kind=ExceptionKind.UNKNOWN, detail=f"which commit moved {moved}"), collected
    )


def _no_change(
    kind: str, sha: str, facts: Mapping[str, Any], exception: FoundException, collected: Mapping[str, Any]
) -> dict[str, Any]:
    exceptions = [_as_entry(exception)]
    return {
        "record": kind,
        "schema": SCHEMA,
        "sha": sha,
        **facts,
        "exceptions": exceptions,
        "result": result_of(exceptions),
        "collected": collected,
    }


def result_of(exceptions: Sequence[Mapping[str, str]]) -> str | list[str]:
    """Return `pass`, or the distinct exceptions; `unknown` comes with its detail."""
    names = [
        f"{ExceptionKind.UNKNOWN}: {entry['detail']}"
        if entry["exception"] == ExceptionKind.UNKNOWN
        else entry["exception"]
        for entry in exceptions
    ]
    return list(dict.fromkeys(names)) or PASS


def _awaits_review(change: Mapping[str, Any]) -> bool:
    """Tell whether an emergency was merged without a required approval and has not been reviewed since."""
    unapproved = change["kind"] != Kind.FIRST and not change["approved_by"] and change["needs_review"]
    return bool(change["emergency"] and not change["later_review"] and unapproved)


def _as_entry(exception: FoundException) -> dict[str, str]:
    return {"exception": str(exception.kind), "detail": exception.detail}
