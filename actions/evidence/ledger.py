"""Add the records of one environment up to what is known about every change, and judge it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from actions.errors import TamperedError
from actions.evidence.access import Access
from actions.evidence.access_history import access_history
from actions.evidence.facts import (
    Answer,
    ChangeFacts,
    Gap,
    Kind,
    LiftedHold,
    Listing,
    OtherCommit,
    Rewrite,
    Scope,
    StrayDeployment,
)
from actions.evidence.judgement import (
    ExceptionKind,
    FoundException,
    find_exceptions,
    find_exceptions_of_other,
    recorded_approval,
)
from actions.evidence.records import Record
from actions.gates.approval import Approval

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from actions.evidence.facts import Amendment, Collected, Move

Beside = OtherCommit | StrayDeployment | Rewrite | Gap | LiftedHold  # what is recorded beside the changes
PASS = "pass"  # noqa: S105 - a result


@dataclass(kw_only=True, slots=True)
class Ledger:
    """All records added up: the *scope*, the *changes* as amended later, and what is no change (*others*).

    *listing* is the record of the last run: up to which commit the list is complete. What is no change names in
    `follows` the change recorded before it. *answers* are those to exceptions, by commit and exception. *accesses* are
    who could change the environment, whenever that differed.
    """

    scope: Scope | None = None
    changes: dict[str, Record] = field(default_factory=dict)
    others: list[tuple[Record, str]] = field(default_factory=list)
    answers: dict[tuple[str, str], Answer] = field(default_factory=dict)
    accesses: list[Record] = field(default_factory=list)
    listing: Record | None = None
    _known: set[tuple[str, str]] = field(default_factory=set, repr=False)

    @classmethod
    def of(cls, records: Iterable[Record]) -> Ledger:
        """Add up *records*, which come oldest first; raise TamperedError if one cannot follow those before it."""
        ledger = cls()
        for number, record in enumerate(records, start=1):
            try:
                ledger.add(record)
            except ValueError as error:
                raise TamperedError(f"line {number} of the evidence cannot be right: {error}") from error
        return ledger

    def add(self, record: Record) -> None:
        """Add a *record*; raise ValueError if it cannot follow those before it."""
        facts = record.facts
        if isinstance(facts, Scope):
            self.scope = facts
        elif isinstance(facts, Listing):
            self.listing = record
        elif isinstance(facts, ChangeFacts):
            self._add_change(record, facts)
        elif isinstance(facts, Answer):
            self._add_answer(facts)
        elif isinstance(facts, Access):
            self._add_access(record, facts)
        elif isinstance(facts, Beside):
            if self.has(facts):
                raise ValueError(f"it repeats what is recorded of {_identity(facts)[1]}")
            self._known.add(_identity(facts))
            self.others.append((record, next(reversed(self.changes), "")))
        else:
            self._amend(facts)

    def has(self, facts: Beside) -> bool:
        """Tell whether what is no change is recorded already."""
        return _identity(facts) in self._known

    @property
    def access(self) -> Access | None:
        """Return who could change the environment, as recorded last."""
        return self.accesses[-1].facts if self.accesses else None

    def _add_access(self, record: Record, access: Access) -> None:
        if access == self.access:
            raise ValueError("it repeats the access that is recorded")
        self.accesses.append(record)

    def _add_answer(self, answer: Answer) -> None:
        key = (answer.commit, answer.exception)
        if key in self.answers:
            raise ValueError(f"it answers {answer.exception} of {answer.commit[:12]} a second time")
        self.answers[key] = answer

    def _add_change(self, record: Record, change: ChangeFacts) -> None:
        sha, scope = change.commit.sha, self.scope
        if sha in self.changes:
            raise ValueError(f"{sha[:12]} is recorded already")
        if not scope or change.environment != scope.environment:
            raise ValueError(f"it is of the environment '{change.environment}'")
        self.changes[sha] = record

    def _amend(self, amendment: Amendment) -> None:
        """Add what an *amendment* may: deployments of what was not deployed, and reviews after the merge."""
        record = self.changes.get(amendment.commit)
        if not record:
            raise ValueError(f"it amends {amendment.commit[:12]}, which is not recorded")
        change: ChangeFacts = record.facts
        known = {deployment.id for deployment in change.deployments}
        if any(deployment.id in known for deployment in amendment.deployments):
            raise ValueError(f"it changes a deployment of {amendment.commit[:12]} that is recorded")
        if not set(amendment.undeployed) <= set(change.undeployed):
            raise ValueError(f"it says that more of {amendment.commit[:12]} is not deployed than before")
        if len(amendment.undeployed) < len(change.undeployed) and not amendment.deployments:
            raise ValueError(f"it says that {amendment.commit[:12]} was deployed, and not how")
        pull = change.commit.pull
        if amendment.reviews and (not pull or any(review.at <= pull.merged_at for review in amendment.reviews)):
            raise ValueError(f"it adds a review of {amendment.commit[:12]} that the merge should have had")
        commit = (
            replace(change.commit, pull=replace(pull, reviews=(*pull.reviews, *amendment.reviews)))
            if pull
            else change.commit
        )
        amended = replace(
            change,
            commit=commit,
            deployments=(*change.deployments, *amendment.deployments),
            undeployed=amendment.undeployed,
        )
        self.changes[amendment.commit] = Record(amended, record.collected)

    @property
    def begun(self) -> Scope:
        """Return the scope; raise ValueError without any record."""
        if not self.scope:
            raise ValueError("there is no record")
        return self.scope

    @property
    def waiting(self) -> list[ChangeFacts]:
        """Return the changes that still miss a deployment or, after an unapproved emergency, a review."""
        changes: list[ChangeFacts] = [record.facts for record in self.changes.values()]
        return [change for change in changes if change.undeployed or awaits_review(change)]

    def view(self) -> View:
        """Return the records as they are shown, judged by their facts."""
        branch = self.begun.branch
        changes = [judged(record.facts, record.collected) for record in self.changes.values()]
        others = [{**_judged_other(record, branch), "follows": follows} for record, follows in self.others]
        return View(
            begins=asdict(self.begun),
            changes=[self._answered(change, change["commit"]["sha"]) for change in changes],
            others=[self._answered(other, other["sha"]) for other in others],
            access=access_history(self.accesses),
            listing=self.listing,
        )

    def _answered(self, record: dict[str, Any], sha: str) -> dict[str, Any]:
        """Return *record* with the answer to each of its exceptions, which stay where they are."""
        exceptions = [
            {**entry, "answer": asdict(answer)} if (answer := self.answers.get((sha, entry["exception"]))) else entry
            for entry in record["exceptions"]
        ]
        return {**record, "exceptions": exceptions}


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """The records as they are shown: the scope (*begins*), the *changes*, and what is no change (*others*).

    *access* is who could change the environment, each time that it differed.
    """

    begins: Mapping[str, Any]
    changes: Sequence[Mapping[str, Any]]
    others: Sequence[Mapping[str, Any]]
    access: Sequence[Mapping[str, Any]] = ()
    listing: Record | None = None

    @property
    def exceptions(self) -> list[dict[str, Any]]:
        """Return all exceptions as `{commit, exception, detail}`."""
        return [
            {"commit": record["commit"]["sha"] if record["record"] == "change" else record["sha"], **entry}
            for record in (*self.changes, *self.others)
            for entry in record["exceptions"]
        ]


def unanswered(exceptions: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return those of *exceptions* that nobody has answered."""
    return [entry for entry in exceptions if "answer" not in entry]


def answer_to(exception: Mapping[str, Any]) -> str:
    """Return the answer to *exception* in words, "" if there is none."""
    answer = exception.get("answer")
    if not answer:
        return ""
    ticket = f" ({answer['ticket']})" if answer["ticket"] else ""
    return f"{answer['why']}{ticket}, by {answer['author']}, approved by {answer['approved_by']}"


def judged(change: ChangeFacts, collected: Collected) -> dict[str, Any]:
    """Return *change* with what follows from its facts: its approval, its exceptions, its result."""
    exceptions = [_as_entry(exception) for exception in find_exceptions(change)]
    pull = change.commit.pull
    approval = recorded_approval(pull, change.bots) if pull else Approval()
    return {
        "record": "change",
        **asdict(change),
        "moves": [_with_approvals(move, change.bots) for move in change.moves],
        "emergency": change.is_emergency,
        "approved_by": approval.by,
        "approved_at": approval.at,
        "later_review": later_review(change),
        "exceptions": exceptions,
        "result": result_of(exceptions),
        "collected": asdict(collected),
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


def awaits_review(change: ChangeFacts) -> bool:
    """Tell whether an emergency was merged without a required approval and has not been reviewed since."""
    if not change.is_emergency or not change.needs_review or change.kind is Kind.FIRST or later_review(change):
        return False
    pull = change.commit.pull
    return not (pull and recorded_approval(pull, change.bots).by)


def _judged_other(record: Record, branch: str) -> dict[str, Any]:
    """Return what is no change as it is shown, with its exceptions."""
    facts = record.facts
    if isinstance(facts, OtherCommit):
        shown = _shown_commit(facts)
        exceptions = find_exceptions_of_other(facts)
    elif isinstance(facts, StrayDeployment):
        shown = {"sha": facts.sha, "environment": facts.environment, "at": facts.at, "by": facts.by, "url": facts.url}
        exceptions = [FoundException(kind=ExceptionKind.DEPLOYMENT_WITHOUT_CHANGE, detail=_strayed(facts, branch))]
    elif isinstance(facts, Rewrite):
        shown = {"sha": facts.before, "environment": "", "at": facts.at, "by": facts.actor, "url": ""}
        text = f"{facts.actor} moved {branch} from {facts.before[:12]} to {facts.after[:12]} ({facts.kind})"
        exceptions = [FoundException(kind=ExceptionKind.DIRECT_PUSH, detail=text)]
    elif isinstance(facts, LiftedHold):
        shown, exceptions = _shown_hold(facts), []
    else:
        shown = {"sha": facts.sha, "environment": "", "at": "", "by": "", "url": ""}
        exceptions = [FoundException(kind=ExceptionKind.UNKNOWN, detail=f"which commit moved {_moved(facts)}")]
    entries = [_as_entry(exception) for exception in exceptions]
    return {
        "record": record.kind,
        **shown,
        "exceptions": entries,
        "result": result_of(entries),
        "collected": asdict(record.collected),
    }


def _shown_commit(other: OtherCommit) -> dict[str, Any]:
    pull, movement = other.commit.pull, other.movement
    return {
        "sha": other.commit.sha,
        "environment": "",
        "at": movement.at if movement else (pull.merged_at if pull else other.commit.at),
        "by": movement.actor if movement else (pull.merged_by if pull else other.commit.author),
        "url": pull.url if pull else "",
        "title": other.commit.title,
        "suite": asdict(other.suite) if other.suite else None,
        "reason": other.reason,
        "needs_review": other.needs_review,
    }


def _shown_hold(hold: LiftedHold) -> dict[str, Any]:
    return {
        "sha": "",
        "environment": "",
        "at": hold.lifted_at,
        "by": hold.lifted_by,
        "url": "",
        "title": hold.title,
        "number": hold.number,
        "label": hold.label,
        "opened_by": hold.by,
        "since": hold.since,
        "details": f"issue #{hold.number} of {hold.by} held {hold.label.removeprefix('hold:')} since {hold.since};"
        f" {hold.lifted_by} lifted it at {hold.lifted_at}",
    }


def _strayed(stray: StrayDeployment, branch: str) -> str:
    if not stray.counts:
        return f"{stray.by}, who is no deployer, recorded a deployment of {stray.sha[:12]} to {stray.environment}"
    return f"{stray.by} deployed {stray.sha[:12]} to {stray.environment}, which was not on {branch}"


def _moved(gap: Gap) -> str:
    services = sorted(name for name in {*gap.expected, *gap.actual} if gap.expected.get(name) != gap.actual.get(name))
    return ", ".join(
        f"{name} from {gap.expected.get(name) or 'none'} to {gap.actual.get(name) or 'none'}" for name in services
    )


def _identity(facts: Beside) -> tuple[str, str]:
    """Return by what two records of one thing are known."""
    kind = type(facts).__name__
    if isinstance(facts, OtherCommit):
        return kind, facts.commit.sha
    if isinstance(facts, Gap):
        return kind, f"{facts.sha}: {_moved(facts)}"
    if isinstance(facts, LiftedHold):
        return kind, f"issue #{facts.number} {facts.label} {facts.lifted_at}"
    return kind, str(facts.id)


def result_of(exceptions: Sequence[Mapping[str, str]]) -> str | list[str]:
    """Return `pass`, or the distinct exceptions; `unknown` comes with its detail."""
    names = [
        f"{ExceptionKind.UNKNOWN}: {entry['detail']}"
        if entry["exception"] == ExceptionKind.UNKNOWN
        else entry["exception"]
        for entry in exceptions
    ]
    return list(dict.fromkeys(names)) or PASS


def _as_entry(exception: FoundException) -> dict[str, str]:
    return {"exception": str(exception.kind), "detail": exception.detail}
