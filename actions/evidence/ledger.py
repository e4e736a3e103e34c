"""The records of one environment as they add up: what each change was, with all that became known of it later."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from actions.evidence.facts import Change, Deployment, Kind, Move
from actions.evidence.judgement import ExceptionKind, FoundException, find_approval, find_exceptions
from actions.gates.approval import Approval

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from actions.evidence.deployments import DeploymentRecord
    from actions.evidence.facts import Rewrite

SCHEMA = 1
PASS = "pass"  # noqa: S105 - a result


@dataclass(frozen=True, kw_only=True, slots=True)
class Ledger:
    """What a file of evidence says: where it *begins*, the changes with what was learned later, and what is no change.

    *strays* are deployments of what is not on the branch, rewrites of the branch, and gaps between changes; each with
    the commit of the change that was recorded before it.
    """

    begins: Mapping[str, Any]
    changes: Sequence[dict[str, Any]]
    strays: Sequence[dict[str, Any]]

    @classmethod
    def of(cls, records: Iterable[Mapping[str, Any]]) -> Ledger:
        """Add up *records*, oldest first."""
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
                open_exceptions = [
                    found for found in change["exceptions"] if found["exception"] not in record["settles"]
                ]
                change |= {**record["adds"], "exceptions": open_exceptions}
        for change in changes.values():
            change["result"] = result_of(change["exceptions"])
        return cls(begins=begins, changes=list(changes.values()), strays=strays)

    @property
    def exceptions(self) -> list[dict[str, Any]]:
        """Return what is wrong, as `{commit, exception, detail}`."""
        return [
            {"commit": record["commit"]["sha"] if record["record"] == "change" else record["sha"], **found}
            for record in (*self.changes, *self.strays)
            for found in record["exceptions"]
        ]

    @property
    def waiting(self) -> list[dict[str, Any]]:
        """Return the changes of which something is still to come: a deployment, or a later review."""
        return [c for c in self.changes if c["undeployed"] or (c["emergency"] and not c["later_review"] and _failed(c))]


def start(server: str, infra: str, env: str, branch: str, after: str, collected: Mapping[str, Any]) -> dict[str, Any]:
    """Return the first record of a file: of what it is, and after which commit it begins, "" for the first."""
    return {
        "record": "start",
        "schema": SCHEMA,
        "server": server,
        "repository": infra,
        "environment": env,
        "branch": branch,
        "after": after,
        "collected": collected,
    }


def record_of(change: Change, collected: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record of *change*, judged."""
    exceptions = [_as_entry(exception) for exception in find_exceptions(change)]
    pull = change.commit.pull
    approval = find_approval(pull, change.bots) if pull else Approval()
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
    """Return *move* with who approved each commit that came with it."""
    commits = [
        {**asdict(commit), "approved_by": find_approval(commit.pull, bots).by if commit.pull else ""}
        for commit in move.commits
    ]
    return {**asdict(move), "commits": commits}


def later_review(change: Change) -> dict[str, str] | None:
    """Return who approved an emergency change after it was merged, None if nobody did or it is none."""
    pull = change.commit.pull
    approval = find_approval(pull, change.bots, later=True) if pull and change.is_emergency else Approval()
    return {"by": approval.by, "at": approval.at} if approval.by else None


def deployed_later(
    change: Mapping[str, Any],
    deployments: Sequence[Deployment],
    undeployed: Sequence[str],
    collected: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the record that *change* has more *deployments* now, and what is still *undeployed*."""
    known = {each["id"]: each for each in change["deployments"]}
    return {
        "record": "amendment",
        "schema": SCHEMA,
        "commit": change["commit"]["sha"],
        "settles": [] if undeployed else [ExceptionKind.CHANGE_WITHOUT_DEPLOYMENT],
        "adds": {
            "deployments": [*(known | {each.id: asdict(each) for each in deployments}).values()],
            "undeployed": list(undeployed),
        },
        "collected": collected,
    }


def reviewed_later(
    change: Mapping[str, Any], review: Mapping[str, str], collected: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the record that *change*, an emergency, was approved after it was merged; the exception stays."""
    return {
        "record": "amendment",
        "schema": SCHEMA,
        "commit": change["commit"]["sha"],
        "settles": [],
        "adds": {"later_review": dict(review)},
        "collected": collected,
    }


def stray(record: DeploymentRecord, branch: str, collected: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record of a deployment of a commit that was not on the branch then."""
    text = f"{record.sha[:12]} was deployed to {record.name} by {record.creator} and was not on {branch}"
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
    """Return the record of a rewrite of the branch."""
    text = f"{rewrite.actor} took {branch} from {rewrite.before[:12]} to {rewrite.after[:12]} ({rewrite.kind})"
    facts = {"id": rewrite.id, "environment": "", "at": rewrite.at, "by": rewrite.actor, "url": ""}
    return _no_change(
        "rewrite", rewrite.before, facts, FoundException(kind=ExceptionKind.DIRECT_PUSH, detail=text), collected
    )


def gap(
    sha: str, expected: Mapping[str, str], found: Mapping[str, str], collected: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the record that at the commit *sha* the tags are not those that the changes before it led to."""
    services = sorted(name for name in {*expected, *found} if expected.get(name) != found.get(name))
    moved = ", ".join(f"{name} from {expected.get(name) or 'none'} to {found.get(name) or 'none'}" for name in services)
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
    """Return `pass`, or what is wrong, each once; of what is unknown, what it is."""
    names = [
        f"{ExceptionKind.UNKNOWN}: {found['detail']}"
        if found["exception"] == ExceptionKind.UNKNOWN
        else found["exception"]
        for found in exceptions
    ]
    return list(dict.fromkeys(names)) or PASS


def _failed(change: Mapping[str, Any]) -> bool:
    """Tell whether a change went without an approval that counts."""
    return bool(change["kind"] != Kind.FIRST and not change["approved_by"] and change["needs_review"])


def _as_entry(exception: FoundException) -> dict[str, str]:
    return {"exception": str(exception.kind), "detail": exception.detail}
