"""How a proposed change gets onto the base branch: a branch, a pull request, a merge, whoever made the half of it.

Every function here looks for what is there before it makes it, so that a run can begin anywhere: after another run,
after itself was killed, after an answer of GitHub was lost.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from actions.checks import Verdict, judge
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
from actions.infra_settings import Route
from actions.report import TRAILER
from actions.runtime import say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from actions.clock import Clock
    from actions.infra_settings import Settings
    from actions.proposal import Proposal
    from actions.repository import Base, Branch, Comparison, Progress, Pull, Repository

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 15.0
PATIENCE = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Landed:
    """How a pull request was merged: by which route, as which commit ("" if not yet), past which rules."""

    route: Route
    sha: str = ""
    bypassed: bool = False


def offer(infra: Repository, base: Base, proposal: Proposal, settings: Settings) -> tuple[Branch, Pull, bool]:
    """Return the branch and the pull request that offer *proposal*, made now or found, and whether it is new."""
    branch, came = _commit(infra, base, proposal)
    newest = _newest(branch, base.branch)
    if newest and newest.state == "OPEN":
        if came == "reworked":
            infra.update_pull(newest, title=proposal.title, body=proposal.body)
        _dress(infra, newest, settings)
        return branch, replace(newest, head_sha=branch.head), False
    if newest and newest.state == "MERGED":
        _require_merged_before(infra, base, newest)
    if newest and newest.state == "CLOSED" and newest.closed_by:
        if came == "made":
            infra.delete_branch(branch.name)  # it was gone before
        raise ClosedByUserError(
            f"{newest.url} offered the same change and was closed by {newest.closed_by}; reopen it to have it merged"
        )
    pull = infra.open_pull(
        base=base.branch, branch=branch.name, title=proposal.title, body=proposal.body, draft=settings.draft
    )
    say(f"opened {pull.url}")
    _dress(infra, pull, settings)
    # What is merged is what this run committed, whoever may have pushed since.
    return branch, replace(pull, head_sha=branch.head), True


def land(infra: Repository, base: Base, pull: Pull, proposal: Proposal, *, settings: Settings, clock: Clock) -> Landed:
    """Merge *pull* by the route that *settings* name, and remove its branch.

    Raises BaseMovedError if the change must be made again on what the base is now.
    """
    progress = infra.progress(pull)
    # Of two runs with one wish, one may have opened, merged and closed its pull request before this one opened its own.
    for twin in progress.twins:
        _require_merged_before(infra, base, twin)
    route: Callable[..., Landed] = {Route.DIRECT: _direct, Route.AUTO: _auto, Route.QUEUE: _queue}[settings.merge]
    landed = route(infra, base, pull, proposal, progress, settings=settings, clock=clock)
    if landed.sha:
        say(f"merged {pull.url} as {landed.sha}")
        infra.delete_branch(pull.branch)
    return landed


def settle(infra: Repository, name: str, base: str) -> Pull | None:
    """Clear away what is left of a change that is no longer needed; return the pull request that merged it, if any."""
    branch = infra.branch(name, ())
    if not branch:
        return None
    newest = _newest(branch, base)
    if newest and newest.state == "CLOSED" and newest.closed_by:
        return None
    if newest and newest.state == "OPEN":
        infra.close_pull(newest, comment="Nothing is left to change: the base branch has this, or something newer.")
        return None
    infra.delete_branch(name)
    return newest if newest and newest.state == "MERGED" else None


def _require_merged_before(infra: Repository, base: Base, pull: Pull) -> None:
    """Raise BaseMovedError if *pull* was merged after *base* was read: the same change would be made once more.

    Merged before that, it has been rolled back since, and there is something to do.
    """
    found = infra.compare(base.head, pull.merge_sha)
    if not found or found.status not in ("behind", "identical"):
        raise BaseMovedError(f"{pull.url} was merged meanwhile")


def _newest(branch: Branch, base: str) -> Pull | None:
    """Return the newest pull request from *branch* to *base*; one to another branch is none of ours."""
    return next((pull for pull in branch.pulls if pull.base == base), None)


def _dress(infra: Repository, pull: Pull, settings: Settings) -> None:
    """Give *pull* its labels and ask for its reviews, unless an earlier run has done that."""
    if set(settings.labels) - set(pull.labels):
        infra.add_labels(pull, settings.labels)
    if (settings.reviewers or settings.team_reviewers) and not pull.reviews_asked:
        infra.request_reviews(pull, users=settings.reviewers, teams=settings.team_reviewers)


def _commit(infra: Repository, base: Base, proposal: Proposal) -> tuple[Branch, Literal["made", "found", "reworked"]]:
    """Return the branch with the commit of *proposal*, and how it came to be."""
    try:
        branch = infra.commit(base, branch=proposal.branch, files=proposal.files, message=proposal.message)
    except BaseMovedError:
        own = infra.branch(proposal.branch, list(proposal.files))
        if not own:
            raise
        held = _require_ours(infra, base, own, proposal)
        newest = _newest(own, base.branch)
        fits = not newest.conflicting if newest and newest.state == "OPEN" else held.status == "ahead"
        if own.files == proposal.files and fits:
            say(f"found {own.head} on {own.name}")
            return own, "found"
        branch = infra.rework(own, base, files=proposal.files, message=proposal.message)
        say(f"committed {branch.head} to {branch.name} again, on {base.head[:12]}")
        return branch, "reworked"
    say(f"committed {branch.head} to {branch.name}")
    return branch, "made"


def _require_ours(infra: Repository, base: Base, own: Branch, proposal: Proposal) -> Comparison:
    """Return what *own* holds beside the base; raise ConflictError if any of it is not of this change.

    Whoever may push to the branch could otherwise have the bot merge, or throw away, something that nobody reviewed.
    """
    held = infra.compare(base.head, own.head)
    if not held:
        raise BaseMovedError(f"{own.head} is not in {infra.name} any more")
    foreign = [commit.sha[:12] for commit in held.commits if not commit.message.endswith(TRAILER)]
    foreign += [path for path in held.files if path not in proposal.files]
    if foreign:
        raise ConflictError(
            f"branch {own.name} of {infra.name} holds something else beside this change ({', '.join(foreign)});"
            " merge it by hand, or delete it and run again"
        )
    return held


def _direct(
    infra: Repository,
    base: Base,
    pull: Pull,
    proposal: Proposal,
    progress: Progress,
    *,
    settings: Settings,
    clock: Clock,
) -> Landed:
    progress, passed = _wait_for_checks(infra, base, pull, progress, settings=settings, clock=clock)
    if progress.merge_sha:
        return Landed(route=Route.DIRECT, sha=progress.merge_sha)
    unapproved = bool(base.required_approvals) and not progress.approved
    return replace(_merge(infra, pull, proposal, settings), bypassed=unapproved or not passed)


def _merge(infra: Repository, pull: Pull, proposal: Proposal, settings: Settings) -> Landed:
    title, message = _message(proposal, pull)
    try:
        sha = infra.merge(pull, method=settings.method, title=title, message=message)
    except NotMergeableError as error:
        progress = infra.progress(pull)
        if progress.merge_sha:
            return Landed(route=Route.DIRECT, sha=progress.merge_sha)
        moved = progress.head_sha != pull.head_sha or progress.state != "OPEN"
        if moved or progress.conflicting or progress.unknown or "Base branch was modified" in str(error):
            raise BaseMovedError(str(error)) from error
        raise
    return Landed(route=Route.DIRECT, sha=sha)


def _auto(
    infra: Repository,
    base: Base,
    pull: Pull,
    proposal: Proposal,
    progress: Progress,
    *,
    settings: Settings,
    clock: Clock,
) -> Landed:
    title, message = _message(proposal, pull)
    if infra.merge_when_ready(pull, method=settings.method, title=title, message=message):
        say(f"GitHub merges {pull.url} when its rules allow it")
        return Landed(route=Route.AUTO)
    # GitHub does not wait for what is there already.
    return _direct(infra, base, pull, proposal, progress, settings=settings, clock=clock)


def _queue(
    infra: Repository,
    _base: Base,
    pull: Pull,
    _proposal: Proposal,
    progress: Progress,
    *,
    settings: Settings,
    clock: Clock,
) -> Landed:
    if not progress.queued:
        infra.enqueue(pull)
    pauses = _pauses(clock)
    while True:
        waited = next(pauses)
        progress = infra.progress(pull)
        if progress.merge_sha or not progress.queued:
            break
        if waited >= settings.timeout:
            raise TooLateError(f"{pull.url} is still in the merge queue after {settings.timeout} s")
        say(f"waiting for the merge queue of {pull.url}: {waited:.0f} of {settings.timeout} s")
    if progress.merge_sha:
        return Landed(route=Route.QUEUE, sha=progress.merge_sha)
    failed = [f"{check.name} ({check.conclusion})" for check in progress.checks.shown if check.state == "failure"]
    why = ", ".join(failed) or ("it conflicts with its base" if progress.conflicting else "GitHub does not say why")
    raise EjectedError(f"the merge queue put {pull.url} out: {why}")


def _wait_for_checks(
    infra: Repository, base: Base, pull: Pull, progress: Progress, *, settings: Settings, clock: Clock
) -> tuple[Progress, bool]:
    """Return how far *pull* is when every check that its base requires has succeeded on its head, and whether it has.

    A merge by one who may bypass the rules would not wait for them; so we do. *progress* is how far it was at first.
    """
    pauses = _pauses(clock)
    shown = 0.0  # when all checks could be read, last
    while True:
        waited = next(pauses)
        progress = infra.progress(pull) if waited else progress
        if progress.merge_sha:
            return progress, True
        time_left = waited < settings.timeout and waited - shown < PATIENCE
        verdict, hidden = _verdict(infra, base, progress, patient=time_left or not settings.wait_for_checks)
        shown = shown if hidden else waited
        if verdict.passed or not settings.wait_for_checks:
            return progress, verdict.passed
        if verdict.failed:
            raise ChecksFailedError(f"{pull.url} is not merged: {', '.join(verdict.failed)} did not succeed")
        if progress.conflicting or progress.state != "OPEN" or progress.head_sha != pull.head_sha:
            raise BaseMovedError(f"{pull.url} has changed, or conflicts with its base")
        names = ", ".join(verdict.waiting)
        if waited >= settings.timeout:
            raise TooLateError(f"{pull.url} is not merged: {names} did not finish within {settings.timeout} s")
        say(f"waiting for {names} on {pull.head_sha[:12]}: {waited:.0f} of {settings.timeout} s")


def _verdict(infra: Repository, base: Base, progress: Progress, *, patient: bool) -> tuple[Verdict, bool]:
    """Return how the required checks stand, and whether any is hidden; if *patient*, such a one is waited for.

    GitHub may have a check before it lists the job, and the other way round.
    """
    if not base.required_checks:
        return judge((), ()), False
    try:
        return judge(base.required_checks, infra.checks(progress.checks)), False
    except HiddenChecksError:
        if not patient:
            raise
        return Verdict(failed=(), waiting=tuple(check.name for check in base.required_checks)), True


def _pauses(clock: Clock) -> Iterator[float]:
    """Yield how many seconds have passed, at first at once, then after ever longer pauses."""
    started, pause = clock.now(), FIRST_PAUSE
    yield 0.0
    while True:
        clock.sleep(pause)
        yield clock.now() - started
        pause = min(pause * 1.5, LONGEST_PAUSE)


def _message(proposal: Proposal, pull: Pull) -> tuple[str, str]:
    return f"{proposal.title} (#{pull.number})", proposal.message.partition("\n\n")[2]
