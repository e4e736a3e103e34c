"""Whether somebody who had no part in a pull request approved it as it is: the one rule for gates and for evidence."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from actions.gates import trailers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

GITHUB = "web-flow"  # who commits what is merged or edited on GitHub's own pages
USER = "user { login }"
# What a query of a pull request must ask of `commits` and of `reviews`.
COMMITS = f"""totalCount pageInfo {{ hasNextPage endCursor }} nodes {{ commit {{
    oid message author {{ {USER} }} committer {{ {USER} }} authors(first: 20) {{ nodes {{ {USER} }} }} }} }}"""
REVIEWS = """totalCount nodes {
    state submittedAt author { login __typename } authorCanPushToRepository commit { oid } }"""


class RejectionReason(StrEnum):
    """Why no approval counts."""

    NOT_APPROVED = "not-approved"
    SELF_APPROVED = "self-approved"
    STALE_APPROVAL = "stale-approval"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class Review:
    """What a reviewer said of which commit."""

    user: str
    is_person: bool
    may_push: bool
    state: str
    at: str
    commit: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Authorship:
    """Who wrote the commits of a pull request.

    *writers* are their authors, committers and co-authors; *unattributed_commits* belong to no account; *requesters*
    had a bot make them.
    """

    writers: tuple[str, ...]
    unattributed_commits: tuple[str, ...]
    requesters: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Approval:
    """Who approved; or why nobody did whose approval counts."""

    by: str = ""
    at: str = ""
    rejection: RejectionReason | None = None
    detail: str = ""


def find_approval(
    reviews: Iterable[Review],
    *,
    head: str,
    involved: Iterable[str],
    unattributed_commits: Sequence[str],
    is_bot: Callable[[str], bool],
    long_ago: bool = False,
) -> Approval:
    """Return whose approval counts: of the commit *head*, by a person with the right to push who is not *involved*.

    The last review of each reviewer counts, comments aside. The author of an unattributed commit is not known, so any
    reviewer may be that author. GitHub says who may push today, not who might push *long_ago*.
    """
    latest = {review.user: review for review in reviews if review.state != "COMMENTED"}
    approving = [review for review in latest.values() if review.state == "APPROVED"]
    humans = [review for review in approving if review.is_person and not is_bot(review.user)]
    part = {name.casefold() for name in involved} - {"", GITHUB}
    people = [review for review in humans if review.may_push]
    independent = [review for review in people if review.user.casefold() not in part]
    counting = [review for review in independent if review.commit == head]
    without_right = [r for r in humans if not r.may_push and r.commit == head and r.user.casefold() not in part]
    if long_ago and without_right and not counting:
        return Approval(
            rejection=RejectionReason.UNKNOWN,
            detail=f"whether {without_right[0].user}, who approved it, had the right to push then",
        )
    if counting and unattributed_commits:
        which = ", ".join(sha[:12] for sha in unattributed_commits)
        return Approval(
            rejection=RejectionReason.UNKNOWN, detail=f"who wrote {which}: its e-mail address belongs to no account"
        )
    if counting:
        return Approval(by=counting[0].user, at=counting[0].at)
    if independent:
        text = f"{independent[0].user} approved an earlier commit than {head[:12]}, the last one"
        return Approval(rejection=RejectionReason.STALE_APPROVAL, detail=text)
    if people:
        return Approval(
            rejection=RejectionReason.SELF_APPROVED, detail=f"{people[0].user} approved it and contributed to it"
        )
    return Approval(rejection=RejectionReason.NOT_APPROVED, detail="no human who did not contribute approved it")


def read_authorship(nodes: Sequence[Mapping[str, Any]]) -> Authorship:
    """Return who wrote the commits that are the *nodes* of a query of COMMITS."""
    commits = [node["commit"] for node in nodes]
    own = {commit["oid"]: [_user(commit[role]) for role in ("author", "committer")] for commit in commits}
    writers = {login for logins in own.values() for login in logins}
    writers |= {_user(author) for commit in commits for author in commit["authors"]["nodes"]}
    return Authorship(
        writers=tuple(sorted(writers - {""})),
        unattributed_commits=tuple(sha for sha, logins in own.items() if "" in logins),
        requesters=tuple(sorted(trailers.requesters("\n\n".join(commit["message"] for commit in commits)))),
    )


def read_reviews(nodes: Sequence[Mapping[str, Any]]) -> tuple[Review, ...]:
    """Return the reviews that are the *nodes* of a query of REVIEWS."""
    return tuple(
        Review(
            user=login(node["author"]),
            is_person=(node["author"] or {}).get("__typename") == "User",
            may_push=node["authorCanPushToRepository"],
            state=node["state"],
            at=node["submittedAt"] or "",
            commit=(node["commit"] or {}).get("oid", ""),
        )
        for node in nodes
    )


def login(actor: Mapping[str, Any] | None) -> str:
    """Return the name of an actor as GitHub answers with it, "" for one that is gone."""
    return str((actor or {}).get("login") or "")


def _user(person: Mapping[str, Any] | None) -> str:
    return login((person or {}).get("user"))
