"""Open the pull request of a proposed change, or find it, and clear away what is obsolete.

Every function looks for what is there before it makes it. So a run can begin anywhere: after another run, after it was
killed itself, after an answer of GitHub was lost.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from actions.api.pulls import NewPull, PullRequests
from actions.errors import BaseMovedError, ClosedByUserError, ConflictError
from actions.pull_request.description import TRAILER
from actions.runner.log import say

if TYPE_CHECKING:
    from collections.abc import Callable

    from actions.api.comparison import Comparison
    from actions.api.pulls import Progress, Pull
    from actions.api.repository import Base, Branch, Repository
    from actions.pull_request.proposal import Proposal
    from actions.pull_request.settings import Settings
    from actions.pull_request.side_work import SideWork


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposed:
    """The *branch* and the pull request of a change.

    *opened* is how far a pull request is whose commit, too, was made by this attempt.
    """

    branch: Branch
    pull: Pull
    is_new: bool
    opened: Progress | None = None


@dataclass(frozen=True, kw_only=True)
class Target:
    """The *base* branch of *infra* that a change is proposed for, which accounts are bots, and the *side_work*."""

    infra: Repository
    base: Base
    is_bot: Callable[[str], bool]
    side_work: SideWork

    @property
    def pulls(self) -> PullRequests:
        """Return the pull requests of the repository."""
        return PullRequests(self.infra.client)

    def was_closed_by_person(self, pull: Pull) -> bool:
        """Tell whether a person closed *pull*: not its author, no App, and no account in `bots`."""
        return pull.state == "CLOSED" and bool(pull.closed_by) and not self.is_bot(pull.closed_by)


def ensure_pull_request(target: Target, proposal: Proposal, settings: Settings) -> Proposed:
    """Return the branch and the pull request of *proposal*, made now or found."""
    infra, base, pulls = target.infra, target.base, target.pulls
    branch, origin = _ensure_commit(infra, base, proposal)
    newest = _newest(branch, base.branch)
    if newest and newest.state == "OPEN":
        if origin == "reworked":
            pulls.update(newest, title=proposal.title, body=proposal.body)
        _add_labels_and_reviewers(target, newest, settings)
        return Proposed(branch=branch, pull=replace(newest, head_sha=branch.head), is_new=False)
    if newest and newest.state == "MERGED":
        require_merged_before(infra, base, newest)
    if newest and target.was_closed_by_person(newest):
        if origin == "made":
            infra.delete_branch(branch.name)  # it was gone before
        raise ClosedByUserError(
            f"{newest.url} proposed the same change and was closed by {newest.closed_by}; reopen it to have it merged"
        )
    new = NewPull(
        repository_id=base.repository_id,
        base=base.branch,
        branch=branch.name,
        title=proposal.title,
        body=proposal.body,
        draft=settings.draft,
    )
    pull, progress = pulls.open(new)
    say(f"opened {pull.url}")
    _add_labels_and_reviewers(target, pull, settings)
    # What is merged is what this run committed, whoever may have pushed since.
    pull = replace(pull, head_sha=branch.head)
    return Proposed(branch=branch, pull=pull, is_new=True, opened=progress if origin == "made" else None)


def close_obsolete(target: Target, name: str) -> Pull | None:
    """Clear away the branch *name* of a change that is not needed; return the pull request that merged it, if any."""
    branch = target.infra.branch(name, ())
    if not branch:
        return None
    newest = _newest(branch, target.base.branch)
    if newest and target.was_closed_by_person(newest):
        return None
    if newest and newest.state == "OPEN":
        close_pull(target, newest, comment="Nothing is left to change: the base branch has this, or something newer.")
        return None
    target.side_work.attempt(f"branch {name} is not deleted", lambda: target.infra.delete_branch(name))
    return newest if newest and newest.state == "MERGED" else None


def close_pull(target: Target, pull: Pull, *, comment: str) -> bool:
    """Close *pull*, saying why in a *comment*, and delete its branch; tell whether it is closed."""
    attempt = target.side_work.attempt
    attempt(f"no comment on {pull.url}", lambda: target.pulls.comment(pull.number, comment, replaces=0))
    closed = attempt(f"{pull.url} is not closed", lambda: target.pulls.close(pull))
    if closed:
        attempt(f"branch {pull.branch} is not deleted", lambda: target.infra.delete_branch(pull.branch))
    return closed


def require_merged_before(infra: Repository, base: Base, pull: Pull) -> None:
    """Raise BaseMovedError if *pull* was merged after *base* was read: the same change would be made once more.

    A pull request that was merged before has been rolled back since, and there is something to do.
    """
    comparison = infra.compare(base.head, pull.merge_sha)
    if not comparison or comparison.status not in ("behind", "identical"):
        raise BaseMovedError(f"{pull.url} was merged meanwhile")


def _newest(branch: Branch, base: str) -> Pull | None:
    """Return the newest pull request from *branch* to *base*; one to another branch is none of ours."""
    return next((pull for pull in branch.pulls if pull.base == base), None)


def _add_labels_and_reviewers(target: Target, pull: Pull, settings: Settings) -> None:
    """Add the labels to *pull* and request its reviews, unless an earlier run has done so."""
    pulls, attempt = target.pulls, target.side_work.attempt
    if set(settings.labels) - set(pull.labels):
        attempt(f"labels of {pull.url}", lambda: pulls.add_labels(pull, settings.labels))
    if not settings.reviewers and not settings.team_reviewers:
        return
    if pull.reviews_requested:
        say(f"{pull.url} has review requests or reviews already; reviewers and team-reviewers do not change them")
        return
    # One by one: GitHub refuses a request as a whole if one of them is no collaborator (Dolibarr#32024).
    for user in settings.reviewers:
        attempt(f"review by {user}", lambda user=user: pulls.request_reviews(pull, users=[user], teams=[]))  # type: ignore[misc]
    for team in settings.team_reviewers:
        attempt(f"review by team {team}", lambda team=team: pulls.request_reviews(pull, users=[], teams=[team]))  # type: ignore[misc]


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
