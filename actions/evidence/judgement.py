"""Find the exceptions of a change: facts in, exceptions out. The list of exceptions is closed.

A fact that could not be read is an exception too: what is unknown never passes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from actions.api.checks import PASSED, SKIPPED, newest_runs, without_requirement
from actions.app.release import Release
from actions.evidence.facts import Kind
from actions.gates import approval
from actions.gates.approval import ReviewedChange
from actions.gates.facts import Decision
from actions.infra.config import Config

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from actions.evidence.facts import (
        ChangeFacts,
        CheckRecord,
        CommitFacts,
        Move,
        Movement,
        OtherCommit,
        PullFacts,
        Suite,
    )
    from actions.gates.approval import Approval


class ExceptionKind(StrEnum):
    """The exceptions that a change can have."""

    DIRECT_PUSH = "direct-push"
    NO_PULL_REQUEST = "no-pull-request"
    NOT_APPROVED = "not-approved"
    SELF_APPROVED = "self-approved"
    STALE_APPROVAL = "stale-approval"
    CHECK_MISSING = "check-missing"
    CHECK_SKIPPED = "check-skipped"
    BYPASS_WITHOUT_REASON = "bypass-without-reason"
    UNSIGNED = "unsigned"
    NO_RULES = "no-rules"
    GATE_CLOSED = "gate-closed"
    CHANGE_WITHOUT_DEPLOYMENT = "change-without-deployment"
    DEPLOYMENT_WITHOUT_CHANGE = "deployment-without-change"
    UNRELEASED_TAG = "unreleased-tag"
    NO_TICKET = "no-ticket"
    EMERGENCY_NOT_REVIEWED = "emergency-not-reviewed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundException:
    """One exception; *detail* names what it is about."""

    kind: ExceptionKind
    detail: str


def find_exceptions(change: ChangeFacts) -> list[FoundException]:
    """Return the exceptions of *change*, an empty list if it passes."""
    exceptions = [
        *_infra(change),
        *_tickets(change),
        *(exception for move in change.moves for exception in _app(change, move)),
    ]
    exceptions += [FoundException(kind=ExceptionKind.UNKNOWN, detail=fact) for fact in change.unknown]
    return list(dict.fromkeys(exceptions))


def recorded_approval(pull: PullFacts, bots: Collection[str], *, later: bool = False) -> Approval:
    """Return the approval of *pull* that counts: given before the merge or, with *later*, after it."""
    is_listed_bot = Config(bots=tuple(bots)).is_listed_bot
    change = ReviewedChange(
        head=pull.head,
        contributors=(pull.author, pull.merged_by, pull.last_pusher, *pull.writers, *pull.requesters),
        doubts=approval.find_doubts(
            pull.commits,
            by_bot=pull.by_bot or is_listed_bot(pull.author),
            is_listed_bot=is_listed_bot,
        ),
    )
    return approval.find_approval(
        [review for review in pull.reviews if (review.at > pull.merged_at) is later],
        change,
        is_bot=is_listed_bot,
        long_ago=True,
    )


def find_exceptions_of_other(other: OtherCommit) -> list[FoundException]:
    """Return the exceptions of a commit that changed nothing of the environment; those of `review: none` have few."""
    commit, pull = other.commit, other.commit.pull
    exceptions = [
        *_came(commit, other.movement),
        *_bypassed(other.suite, other.reason, needs_review=other.needs_review),
    ]
    if other.needs_review and pull:
        exceptions += _approved(pull, other.bots)
    elif not pull:
        exceptions.append(_without_pull_request(commit))
    exceptions += [FoundException(kind=ExceptionKind.UNKNOWN, detail=fact) for fact in other.unknown]
    return list(dict.fromkeys(exceptions))


def _infra(change: ChangeFacts) -> Iterator[FoundException]:
    pull, commit = change.commit.pull, change.commit
    yield from _came(commit, change.movement)
    if change.kind is not Kind.FIRST:
        yield from _reviewed(change, pull) if pull else [_without_pull_request(commit)]
        if not commit.verified:
            yield FoundException(
                kind=ExceptionKind.UNSIGNED, detail=f"GitHub did not verify a signature of {commit.sha[:12]}"
            )
        if change.suite and not change.suite.required_a_pull_request:
            evaluated = ", ".join(map(str, change.suite.evaluated)) or "none at all"
            text = f"no rule asked for a pull request when {commit.sha[:12]} came to the branch; evaluated: {evaluated}"
            yield FoundException(kind=ExceptionKind.NO_RULES, detail=text)
    yield from _bypassed(change.suite, change.reason, needs_review=change.needs_review)
    for deployment in change.deployments:
        for verdict in deployment.verdicts:
            if verdict.decision != Decision.ALLOW:
                text = f"{verdict.service} was deployed to {deployment.environment} though {verdict.message}"
                unknown = verdict.message.startswith("unknown: ")
                kind = ExceptionKind.UNKNOWN if unknown else ExceptionKind.GATE_CLOSED
                yield FoundException(kind=kind, detail=f"{verdict.gate}: {text}")
    if change.undeployed:
        services = ", ".join(filter(None, change.undeployed)) or "the change"
        text = f"not deployed to {change.environment} as of {commit.sha[:12]}: {services}"
        yield FoundException(kind=ExceptionKind.CHANGE_WITHOUT_DEPLOYMENT, detail=text)


def _tickets(change: ChangeFacts) -> Iterator[FoundException]:
    """Find what names no ticket where one had to be named: the pull request, or each that it brings."""
    if not change.ticket or change.kind is Kind.FIRST or not change.moves:
        return
    pull = change.commit.pull
    if pull and _name_one(pull.own_tickets, change.ticket):
        return
    brought = [(move.repository, commit) for move in change.moves for commit in move.commits]
    missing = [
        f"{repository}#{commit.pull.number}" if commit.pull else f"{repository} {commit.sha[:12]}"
        for repository, commit in brought
        if not (commit.pull and _name_one(commit.pull.tickets, change.ticket))
    ]
    if missing or not brought:
        listed = ", ".join(dict.fromkeys(missing)) or "what it brings"
        text = f"neither {change.commit.sha[:12]} nor {listed} names a ticket ({change.ticket})"
        yield FoundException(kind=ExceptionKind.NO_TICKET, detail=text)


def _name_one(tickets: Collection[str], pattern: str) -> bool:
    return any(re.search(pattern, ticket) for ticket in tickets)


def _came(commit: CommitFacts, movement: Movement | None) -> Iterator[FoundException]:
    if movement and movement.kind in ("push", "force_push"):
        text = f"{movement.actor} pushed {commit.sha[:12]} to the branch ({movement.kind})"
        yield FoundException(kind=ExceptionKind.DIRECT_PUSH, detail=text)


def _bypassed(suite: Suite | None, reason: str, *, needs_review: bool) -> Iterator[FoundException]:
    if suite and suite.result == "bypass" and not reason and needs_review:
        text = f"{suite.actor} bypassed {', '.join(suite.broken) or 'a rule'}"
        yield FoundException(kind=ExceptionKind.BYPASS_WITHOUT_REASON, detail=text)


def _without_pull_request(commit: CommitFacts) -> FoundException:
    text = f"{commit.sha[:12]} came to the branch without a pull request"
    return FoundException(kind=ExceptionKind.NO_PULL_REQUEST, detail=text)


def _approved(pull: PullFacts, bots: Collection[str]) -> Iterator[FoundException]:
    verdict = recorded_approval(pull, bots)
    if verdict.rejection:
        yield FoundException(kind=ExceptionKind(verdict.rejection), detail=f"#{pull.number}: {verdict.detail}")


def _reviewed(change: ChangeFacts, pull: PullFacts) -> Iterator[FoundException]:
    if change.asked_in_emergency and change.kind is Kind.ROLLBACK and not recorded_approval(pull, change.bots).by:
        if not recorded_approval(pull, change.bots, later=True).by:
            text = f"#{pull.number} was rolled back in an emergency, and nobody independent has reviewed it yet"
            yield FoundException(kind=ExceptionKind.EMERGENCY_NOT_REVIEWED, detail=text)
    elif change.needs_review:
        yield from _approved(pull, change.bots)
    if not pull.complete:
        text = f"some commits, reviews or checks of #{pull.number}"
        yield FoundException(kind=ExceptionKind.UNKNOWN, detail=text)
    # A rerun after the merge proves nothing.
    in_time = newest_runs(check for check in pull.checks if check.at <= pull.merged_at)
    for required in change.checks_required:
        reported = [c for c in in_time if c.name == required.name and required.app in (None, c.app)]
        yield from _checked(required.name, reported, pull)
    for problem in () if change.checks_required else without_requirement(in_time):
        text = f"{problem} on #{pull.number}; which checks were required is not known, or none was"
        yield FoundException(kind=ExceptionKind.CHECK_MISSING, detail=text)


def _checked(name: str, reported: Collection[CheckRecord], pull: PullFacts) -> Iterator[FoundException]:
    conclusions = {check.conclusion for check in reported}
    if SKIPPED in conclusions and conclusions <= {SKIPPED, *PASSED}:
        yield FoundException(kind=ExceptionKind.CHECK_SKIPPED, detail=f"{name} was skipped on #{pull.number}")
    elif not conclusions or not conclusions <= set(PASSED):
        listed = ", ".join(sorted(conclusions)) or "not reported"
        yield FoundException(kind=ExceptionKind.CHECK_MISSING, detail=f"{name} on #{pull.number}: {listed}")


def _app(change: ChangeFacts, move: Move) -> Iterator[FoundException]:
    if not move.repository or not move.after or change.kind is Kind.FIRST:
        return
    where = f"{move.service} {move.after[:12]}"
    if move.released == Release.NONE:
        text = f"{where} is not on a released branch of {move.repository}"
        yield FoundException(kind=ExceptionKind.UNRELEASED_TAG, detail=text)
    for name in move.missing_checks:
        yield FoundException(kind=ExceptionKind.CHECK_MISSING, detail=f"{name} on {where}")
    for name in move.skipped_checks:
        yield FoundException(kind=ExceptionKind.CHECK_SKIPPED, detail=f"{name} on {where}")
    for commit in move.commits:
        if not commit.pull:
            text = f"{commit.sha[:12]} came to {move.repository} without a pull request"
            yield FoundException(kind=ExceptionKind.NO_PULL_REQUEST, detail=text)
            continue
        pull = f"{move.repository}#{commit.pull.number}"
        verdict = recorded_approval(commit.pull, change.bots)
        if verdict.rejection:
            yield FoundException(kind=ExceptionKind(verdict.rejection), detail=f"{pull}: {verdict.detail}")
        if not commit.pull.complete:
            yield FoundException(kind=ExceptionKind.UNKNOWN, detail=f"some commits, reviews or checks of {pull}")
    unseen = move.commits_in_all - len(move.commits)
    if unseen > 0:
        yield FoundException(
            kind=ExceptionKind.UNKNOWN, detail=f"{unseen} more commits of {move.repository} in {where}"
        )
