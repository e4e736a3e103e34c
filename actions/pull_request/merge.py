"""Bring a proposed change onto the base branch: a branch, a pull request, a merge.

Every function looks for what is there before it makes it. So a run can begin anywhere: after another run, after it was
killed itself, after an answer of GitHub was lost.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from actions.api.check_reader import CheckReader
from actions.api.checks import CheckVerdict, evaluate_checks
from actions.api.pulls import PullRequests
from actions.errors import (
    BaseMovedError,
    ChecksFailedError,
    ClosedByUserError,
    ConflictError,
    EjectedError,
    HiddenChecksError,
    NotMergeableError,
    TooLateError,
)
from actions.pull_request.description import TRAILER
from actions.pull_request.settings import Route
from actions.runner.log import say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actions.api.pulls import Progress, Pull
    from actions.api.repository import Base, Branch, Comparison, Repository
    from actions.pull_request.proposal import Proposal
    from actions.pull_request.settings import Settings
    from actions.runner.clock import Clock

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 15.0
PATIENCE = 30.0  # seconds in which GitHub may have a check and not list its job yet, or the other way round


@dataclass(frozen=True, kw_only=True, slots=True)
class MergeResult:
    """How a pull request was merged: by which route, as which commit ("" if not yet), past which rules."""

    route: Route
    sha: str = ""
    bypassed: bool = False


def ensure_pull_request(
    infra: Repository, base: Base, proposal: Proposal, settings: Settings
) -> tuple[Branch, Pull, bool]:
    """Return the branch and the pull request of *proposal*, made now or found, and whether the pull request is new."""
    pulls = PullRequests(infra.client)
    branch, origin = _ensure_commit(infra, base, proposal)
    newest = _newest(branch, base.branch)
    if newest and newest.state == "OPEN":
        if origin == "reworked":
            pulls.update(newest, title=proposal.title, body=proposal.body)
        _add_labels_and_reviewers(pulls, newest, settings)
        return branch, replace(newest, head_sha=branch.head), False
    if newest and newest.state == "MERGED":
        _require_merged_before(infra, base, newest)
    if newest and newest.state == "CLOSED" and newest.closed_by:
        if origin == "made":
            infra.delete_branch(branch.name)  # it was gone before
        raise ClosedByUserError(
            f"{newest.url} proposed the same change and was closed by {newest.closed_by}; reopen it to have it merged"
        )
    pull = pulls.open(
        base=base.branch, branch=branch.name, title=proposal.title, body=proposal.body, draft=settings.draft
    )
    say(f"opened {pull.url}")
    _add_labels_and_reviewers(pulls, pull, settings)
    # What is merged is what this run committed, whoever may have pushed since.
    return branch, replace(pull, head_sha=branch.head), True


def close_obsolete(infra: Repository, name: str, base: str) -> Pull | None:
    """Clear away the branch *name* of a change that is not needed; return the pull request that merged it, if any."""
    branch = infra.branch(name, ())
    if not branch:
        return None
    newest = _newest(branch, base)
    if newest and newest.state == "CLOSED" and newest.closed_by:
        return None
    if newest and newest.state == "OPEN":
        close_pull(infra, newest, comment="Nothing is left to change: the base branch has this, or something newer.")
        return None
    infra.delete_branch(name)
    return newest if newest and newest.state == "MERGED" else None


def close_pull(infra: Repository, pull: Pull, *, comment: str) -> None:
    """Close *pull*, saying why in a *comment*, and delete its branch."""
    PullRequests(infra.client).close(pull, comment=comment)
    infra.delete_branch(pull.branch)


def _require_merged_before(infra: Repository, base: Base, pull: Pull) -> None:
    """Raise BaseMovedError if *pull* was merged after *base* was read: the same change would be made once more.

    A pull request that was merged before has been rolled back since, and there is something to do.
    """
    comparison = infra.compare(base.head, pull.merge_sha)
    if not comparison or comparison.status not in ("behind", "identical"):
        raise BaseMovedError(f"{pull.url} was merged meanwhile")


def _newest(branch: Branch, base: str) -> Pull | None:
    """Return the newest pull request from *branch* to *base*; one to another branch is none of ours."""
    return next((pull for pull in branch.pulls if pull.base == base), None)


def _add_labels_and_reviewers(pulls: PullRequests, pull: Pull, settings: Settings) -> None:
    """Add the labels to *pull* and request its reviews, unless an earlier run has done so."""
    if set(settings.labels) - set(pull.labels):
        pulls.add_labels(pull, settings.labels)
    if (settings.reviewers or settings.team_reviewers) and not pull.reviews_requested:
        pulls.request_reviews(pull, users=settings.reviewers, teams=settings.team_reviewers)


def _ensure_commit(
    infra: Repository, base: Base, proposal: Proposal
) -> tuple[Branch, Literal["made", "found", "reworked"]]:
    """Return the branch with the commit of *proposal*, and how it came to be."""
    try:
        branch = infra.commit_files(base, branch=proposal.branch, files=proposal.files, message=proposal.message)
    except BaseMovedError:
        own = infra.branch(proposal.branch, list(proposal.files))
        if not own:
            raise
        comparison = _require_ours(infra, base, own, proposal)
        newest = _newest(own, base.branch)
        fits = not newest.conflicting if newest and newest.state == "OPEN" else comparison.status == "ahead"
        if own.files == proposal.files and fits:
            say(f"found {own.head} on {own.name}")
            return own, "found"
        branch = infra.replace_commit(own, base, files=proposal.files, message=proposal.message)
        say(f"committed {branch.head} to {branch.name} again, on {base.head[:12]}")
        return branch, "reworked"
    say(f"committed {branch.head} to {branch.name}")
    return branch, "made"


def _require_ours(infra: Repository, base: Base, own: Branch, proposal: Proposal) -> Comparison:
    """Return how *own* differs from *base*; raise ConflictError if it holds more than this change.

    Whoever may push to the branch could otherwise have the bot merge, or throw away, something that nobody reviewed.
    """
    comparison = infra.compare(base.head, own.head)
    if not comparison:
        raise BaseMovedError(f"{own.head} is not in {infra.name} any more")
    foreign = [commit.sha[:12] for commit in comparison.commits if not commit.message.endswith(TRAILER)]
    foreign += [path for path in comparison.files if path not in proposal.files]
    if foreign:
        raise ConflictError(
            f"branch {own.name} of {infra.name} holds more than this change ({', '.join(foreign)});"
            " merge it by hand, or delete it and run again"
        )
    return comparison


@dataclass(frozen=True, kw_only=True)
class Merge:
    """The merge of *pull*, which proposes *proposal*, into *base* by the route that *settings* name."""

    infra: Repository
    base: Base
    pull: Pull
    proposal: Proposal
    settings: Settings
    clock: Clock

    def run(self) -> MergeResult:
        """Merge the pull request and delete its branch; raise BaseMovedError if the change must be made again."""
        progress = self._progress()
        # Of two runs with one wish, one may have opened, merged and closed its pull request before this one opened its.
        for merged in progress.merged_from_same_branch:
            _require_merged_before(self.infra, self.base, merged)
        route = {Route.DIRECT: self._direct, Route.AUTO: self._auto, Route.QUEUE: self._queue}[self.settings.merge]
        result = route(progress)
        if result.sha:
            say(f"merged {self.pull.url} as {result.sha}")
            self.infra.delete_branch(self.pull.branch)
        return result

    @property
    def _pulls(self) -> PullRequests:
        return PullRequests(self.infra.client)

    def _progress(self) -> Progress:
        return self._pulls.progress(self.pull)

    def _direct(self, progress: Progress) -> MergeResult:
        progress, passed = self._wait_for_checks(progress)
        if progress.merge_sha:
            return MergeResult(route=Route.DIRECT, sha=progress.merge_sha)
        unapproved = bool(self.base.required_approvals) and not progress.approved
        return replace(self._merge_now(), bypassed=unapproved or not passed)

    def _merge_now(self) -> MergeResult:
        title, message = self._message()
        try:
            sha = self._pulls.merge(self.pull, method=self.settings.method, title=title, message=message)
        except NotMergeableError as error:
            progress = self._progress()
            if progress.merge_sha:
                return MergeResult(route=Route.DIRECT, sha=progress.merge_sha)
            moved = progress.head_sha != self.pull.head_sha or progress.state != "OPEN"
            stale = progress.conflicting or progress.mergeability_unknown or "Base branch was modified" in str(error)
            if moved or stale:
                raise BaseMovedError(str(error)) from error
            raise
        return MergeResult(route=Route.DIRECT, sha=sha)

    def _auto(self, progress: Progress) -> MergeResult:
        title, message = self._message()
        if self._pulls.enable_auto_merge(self.pull, method=self.settings.method, title=title, message=message):
            say(f"GitHub merges {self.pull.url} when its rules allow it")
            return MergeResult(route=Route.AUTO)
        # GitHub refuses to wait for rules that are met already.
        return self._direct(progress)

    def _queue(self, progress: Progress) -> MergeResult:
        if not progress.queued:
            self._pulls.enqueue(self.pull)
        pauses = _pauses(self.clock)
        while True:
            waited = next(pauses)
            progress = self._progress()
            if progress.merge_sha:
                return MergeResult(route=Route.QUEUE, sha=progress.merge_sha)
            if not progress.queued:
                raise EjectedError(f"the merge queue removed {self.pull.url}: {_why_ejected(progress)}")
            if waited >= self.settings.timeout:
                raise TooLateError(f"{self.pull.url} is still in the merge queue after {self.settings.timeout} s")
            say(f"waiting for the merge queue of {self.pull.url}: {waited:.0f} of {self.settings.timeout} s")

    def _wait_for_checks(self, progress: Progress) -> tuple[Progress, bool]:
        """Return how far the pull request is when every required check has succeeded, and whether all have.

        GitHub would not wait for them in a merge by somebody who may bypass the rules, so we do. *progress* is how far
        it was at first.
        """
        pauses, settings = _pauses(self.clock), self.settings
        last_readable = 0.0
        while True:
            waited = next(pauses)
            progress = self._progress() if waited else progress
            if progress.merge_sha:
                return progress, True
            patient = waited < settings.timeout and waited - last_readable < PATIENCE
            verdict, hidden = self._check_verdict(progress, patient=patient or not settings.wait_for_checks)
            last_readable = last_readable if hidden else waited
            if verdict.passed or not settings.wait_for_checks:
                return progress, verdict.passed
            if verdict.failed:
                raise ChecksFailedError(f"{self.pull.url} is not merged: {', '.join(verdict.failed)} did not succeed")
            if progress.conflicting or progress.state != "OPEN" or progress.head_sha != self.pull.head_sha:
                raise BaseMovedError(f"{self.pull.url} has changed, or conflicts with its base")
            names = ", ".join(verdict.waiting)
            if waited >= settings.timeout:
                raise TooLateError(f"{self.pull.url} is not merged: {names} did not finish within {settings.timeout} s")
            say(f"waiting for {names} on {self.pull.head_sha[:12]}: {waited:.0f} of {settings.timeout} s")

    def _check_verdict(self, progress: Progress, *, patient: bool) -> tuple[CheckVerdict, bool]:
        """Return how the required checks stand, and whether GitHub hides any; if *patient*, hidden ones are waited for.

        GitHub may have a check before it lists the job, and the other way round.
        """
        required = self.base.required_checks
        if not required:
            return CheckVerdict(failed=(), waiting=()), False
        try:
            reported = CheckReader(self.infra.client).complete(progress.checks)
        except HiddenChecksError:
            if not patient:
                raise
            return CheckVerdict(failed=(), waiting=tuple(check.name for check in required)), True
        return evaluate_checks(required, reported, skipped_passes=True), False

    def _message(self) -> tuple[str, str]:
        return f"{self.proposal.title} (#{self.pull.number})", self.proposal.message.partition("\n\n")[2]


def _why_ejected(progress: Progress) -> str:
    failed = [f"{check.name} ({check.conclusion})" for check in progress.checks.shown if check.state == "failure"]
    return ", ".join(failed) or ("it conflicts with its base" if progress.conflicting else "GitHub gives no reason")


def _pauses(clock: Clock) -> Iterator[float]:
    """Yield how many seconds have passed, at first at once, then after ever longer pauses."""
    started, pause = clock.now(), FIRST_PAUSE
    yield 0.0
    while True:
        clock.sleep(pause)
        yield clock.now() - started
        pause = min(pause * 1.5, LONGEST_PAUSE)
