"""Is a change as it should be? Facts in, exceptions out; the list of exceptions is closed.

What could not be read is an exception too: unknown is never a pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from actions import approval
from actions.evidence.facts import Kind
from actions.gates import Release

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from actions.approval import Approval
    from actions.evidence.facts import Change, Check, Move, Pull

GOOD = ("success", "neutral")


class CheckResult(Protocol):
    """A check, and how it ended."""

    @property
    def name(self) -> str: ...
    @property
    def conclusion(self) -> str: ...


class Problem(StrEnum):
    """What can be wrong with a change; an auditor calls it an exception."""

    DIRECT_PUSH = "direct-push"
    NO_PULL_REQUEST = "no-pull-request"
    NOT_APPROVED = "not-approved"
    SELF_APPROVED = "self-approved"
    STALE_APPROVAL = "stale-approval"
    CHECK_MISSING = "check-missing"
    CHECK_SKIPPED = "check-skipped"
    BYPASS_WITHOUT_REASON = "bypass-without-reason"
    UNSIGNED = "unsigned"
    CHANGE_WITHOUT_DEPLOYMENT = "change-without-deployment"
    DEPLOYMENT_WITHOUT_CHANGE = "deployment-without-change"
    UNRELEASED_TAG = "unreleased-tag"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One exception, and in words what it is about."""

    problem: Problem
    detail: str


def judge(change: Change) -> list[Finding]:
    """Return what is wrong with *change*, nothing if it is as it should be."""
    found = [*_infra(change), *(finding for move in change.moves for finding in _app(change, move))]
    found += [Finding(problem=Problem.UNKNOWN, detail=what) for what in change.unknown]
    return list(dict.fromkeys(found))


def unrequired(checks: Collection[CheckResult]) -> list[str]:
    """Return what is wrong with *checks* where none is required: each that failed, or that none succeeded."""
    failed = [f"{check.name} {check.conclusion}" for check in checks if check.conclusion not in (*GOOD, "skipped")]
    return failed or ([] if any(check.conclusion in GOOD for check in checks) else ["no check that succeeded"])


def approved(pull: Pull, bots: Collection[str], *, later: bool = False) -> Approval:
    """Return whose approval of *pull* counts, given before the merge, or *later*: of nobody who had a part in it."""
    named = {bot.casefold() for bot in bots}
    return approval.approval(
        [review for review in pull.reviews if (review.at > pull.merged_at) is later],
        head=pull.head,
        involved=(pull.author, pull.merged_by, pull.last_pusher, *pull.writers, *pull.requesters),
        strangers=pull.strangers,
        is_bot=lambda login: login.casefold() in named,
        long_ago=True,
    )


def _infra(change: Change) -> Iterator[Finding]:
    pull, commit = change.commit.pull, change.commit
    if change.movement and change.movement.kind in ("push", "force_push"):
        text = f"{change.movement.actor} pushed {commit.sha[:12]} to the branch ({change.movement.kind})"
        yield Finding(problem=Problem.DIRECT_PUSH, detail=text)
    if change.kind is not Kind.FIRST:
        yield from (
            _reviewed(change, pull)
            if pull
            else [Finding(problem=Problem.NO_PULL_REQUEST, detail=f"no pull request brought {commit.sha[:12]}")]
        )
        if not commit.verified:
            yield Finding(problem=Problem.UNSIGNED, detail=f"{commit.sha[:12]} has no signature that GitHub verified")
    if change.suite and change.suite.result == "bypass" and not change.reason and change.needs_review:
        text = f"{change.suite.actor} bypassed {', '.join(change.suite.broken) or 'a rule'}"
        yield Finding(problem=Problem.BYPASS_WITHOUT_REASON, detail=text)
    if change.undeployed:
        services = ", ".join(filter(None, change.undeployed))
        text = f"{services or 'it'} is not deployed to {change.environment} as of {commit.sha[:12]}"
        yield Finding(problem=Problem.CHANGE_WITHOUT_DEPLOYMENT, detail=text)


def _reviewed(change: Change, pull: Pull) -> Iterator[Finding]:
    given = approved(pull, change.bots)
    if given.lack and change.needs_review:
        yield Finding(problem=Problem(given.lack), detail=f"#{pull.number}: {given.detail}")
    if not pull.complete:
        yield Finding(problem=Problem.UNKNOWN, detail=f"all commits, reviews and checks of #{pull.number}")
    done = [check for check in pull.checks if check.at <= pull.merged_at]  # what was run again since proves nothing
    for required in change.checks_required:
        reported = [c for c in done if c.name == required.name and required.app in (None, c.app)]
        yield from _checked(required.name, reported, pull)
    for name in () if change.checks_required else unrequired(done):
        yield Finding(problem=Problem.CHECK_MISSING, detail=f"{name} on #{pull.number}; none is required")


def _checked(name: str, found: Collection[Check], pull: Pull) -> Iterator[Finding]:
    conclusions = {check.conclusion for check in found}
    if "skipped" in conclusions and conclusions <= {"skipped", *GOOD}:
        yield Finding(problem=Problem.CHECK_SKIPPED, detail=f"{name} was skipped on #{pull.number}")
    elif not conclusions or not conclusions <= set(GOOD):
        how = ", ".join(sorted(conclusions)) or "not reported"
        yield Finding(problem=Problem.CHECK_MISSING, detail=f"{name} on #{pull.number}: {how}")


def _app(change: Change, move: Move) -> Iterator[Finding]:
    if not move.repository or not move.after or change.kind is Kind.FIRST:
        return
    where = f"{move.service} {move.after[:12]}"
    if move.released == Release.NONE:
        text = f"{where} is on no released branch of {move.repository}"
        yield Finding(problem=Problem.UNRELEASED_TAG, detail=text)
    for name in move.missing_checks:
        yield Finding(problem=Problem.CHECK_MISSING, detail=f"{name} on {where}")
    for name in move.skipped_checks:
        yield Finding(problem=Problem.CHECK_SKIPPED, detail=f"{name} on {where}")
    for commit in move.commits:
        if not commit.pull:
            text = f"no pull request brought {commit.sha[:12]} of {move.repository}"
            yield Finding(problem=Problem.NO_PULL_REQUEST, detail=text)
            continue
        given = approved(commit.pull, change.bots)
        if given.lack:
            yield Finding(problem=Problem(given.lack), detail=f"{move.repository}#{commit.pull.number}: {given.detail}")
        if not commit.pull.complete:
            yield Finding(problem=Problem.UNKNOWN, detail=f"all of #{commit.pull.number} of {move.repository}")
    unseen = move.commits_in_all - len(move.commits)
    if unseen > 0:
        yield Finding(problem=Problem.UNKNOWN, detail=f"{unseen} more commits of {move.repository} in {where}")
