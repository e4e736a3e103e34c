"""Find the approval that counts: of the last commit, by a human who did not contribute. Gates and evidence share it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from actions.gates import trailers

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

GITHUB = "web-flow"  # the committer of merges and edits made on github.com
USER = "user { login }"
# The fields of `commits` and of `reviews` that a query of a pull request has to request.
COMMITS = f"""totalCount pageInfo {{ hasNextPage endCursor }} nodes {{ commit {{
    oid message committedDate signature {{ isValid }} author {{ {USER} }} committer {{ {USER} }}
    authors(first: 20) {{ nodes {{ {USER} }} }} }} }}"""
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
    """A review of one commit. *may_push* is the reviewer's permission today."""

    user: str
    is_person: bool
    may_push: bool
    state: str
    at: str
    commit: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PullCommit:
    """The commit *sha* of a pull request, made at the time *at*.

    It *is_attributed* if the e-mail addresses of *author* and committer belong to GitHub accounts. *requesters* asked
    a bot for it in *run*, by its trailers.
    """

    sha: str
    at: str
    author: str
    is_attributed: bool
    is_signed: bool
    requesters: tuple[str, ...]
    run: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Authorship:
    """The *commits* of a pull request. *writers* are their authors, committers and co-authors."""

    writers: tuple[str, ...]
    commits: tuple[PullCommit, ...]

    @property
    def requesters(self) -> tuple[str, ...]:
        """Return who asked a bot for the commits."""
        return tuple(sorted({login for commit in self.commits for login in commit.requesters}))


@dataclass(frozen=True, kw_only=True, slots=True)
class ReviewedChange:
    """The change that an approval has to cover: everything up to *head*, made by *contributors*."""

    head: str
    contributors: Collection[str]
    doubts: Sequence[str] = ()

    def has_contributor(self, login: str) -> bool:
        """Tell whether *login* contributed; logins are compared regardless of case."""
        return login.casefold() in {name.casefold() for name in self.contributors} - {"", GITHUB}


@dataclass(frozen=True, kw_only=True, slots=True)
class Approval:
    """The approval that counts; if none does, *rejection* and *detail* say why."""

    by: str = ""
    at: str = ""
    rejection: RejectionReason | None = None
    detail: str = ""


def find_approval(
    reviews: Iterable[Review], change: ReviewedChange, *, is_bot: Callable[[str], bool], long_ago: bool = False
) -> Approval:
    """Return the approval that counts: of the last commit, by a human with push permission who did not contribute.

    A reviewer's last review counts, comments aside. A commit in doubt may be anyone's, so no approval counts. With
    *long_ago*, a missing push permission is unknown: GitHub only tells who may push today.
    """
    latest = {review.user: review for review in reviews if review.state != "COMMENTED"}
    approvals = [review for review in latest.values() if review.state == "APPROVED"]
    by_humans = [review for review in approvals if review.is_person and not is_bot(review.user)]
    independent = [review for review in by_humans if not change.has_contributor(review.user)]
    permitted = [review for review in independent if review.may_push]
    counting = [review for review in permitted if review.commit == change.head]
    not_permitted = [review for review in independent if not review.may_push and review.commit == change.head]
    if counting and change.doubts:
        return _reject(RejectionReason.UNKNOWN, "; ".join(change.doubts))
    if counting:
        return Approval(by=counting[0].user, at=counting[0].at)
    if long_ago and not_permitted:
        return _reject(
            RejectionReason.UNKNOWN, f"push permission of {not_permitted[0].user}, who approved it, at that time"
        )
    if permitted:
        text = f"{permitted[0].user} approved an earlier commit than {change.head[:12]}, the last one"
        return _reject(RejectionReason.STALE_APPROVAL, text)
    own = next((review.user for review in by_humans if review.may_push), "")
    if own:
        return _reject(RejectionReason.SELF_APPROVED, f"{own} approved it and contributed to it")
    return _reject(RejectionReason.NOT_APPROVED, "no human who did not contribute approved it")


def _reject(reason: RejectionReason, detail: str) -> Approval:
    return Approval(rejection=reason, detail=detail)


def read_authorship(nodes: Sequence[Mapping[str, Any]]) -> Authorship:
    """Read who wrote the commits in *nodes*, the answer to a query of COMMITS."""
    commits = [node["commit"] for node in nodes]
    writers = {_user(commit[role]) for commit in commits for role in ("author", "committer")}
    writers |= {_user(author) for commit in commits for author in commit["authors"]["nodes"]}
    return Authorship(writers=tuple(sorted(writers - {""})), commits=tuple(map(_read_commit, commits)))


def _read_commit(commit: Mapping[str, Any]) -> PullCommit:
    return PullCommit(
        sha=commit["oid"],
        at=commit["committedDate"],
        author=_user(commit["author"]),
        is_attributed=bool(_user(commit["author"]) and _user(commit["committer"])),
        is_signed=bool(commit["signature"] and commit["signature"]["isValid"]),
        requesters=tuple(sorted(trailers.requesters(commit["message"]))),
        run=trailers.read(commit["message"]).requested_in,
    )


def find_doubts(
    commits: Sequence[PullCommit], *, by_bot: bool, is_listed_bot: Callable[[str], bool]
) -> tuple[str, ...]:
    """Say why nobody knows who is behind some of *commits*, those of a pull request that is *by_bot* or by a human.

    Whoever may push to a bot's branch can write the bot's name into a commit, but no signature that GitHub verifies.
    Somebody asks a bot that `gitops.yml` lists for each of its commits.
    """
    made = [commit for commit in commits if is_listed_bot(commit.author)]
    doubts = {
        "the e-mail address belongs to no GitHub account": [c for c in commits if not c.is_attributed],
        "no signature says who pushed to the branch of a bot": [c for c in commits if by_bot and not c.is_signed],
        "it does not say in which run the bot was asked": [c for c in made if not c.run],
    }
    return tuple(
        f"who is behind {', '.join(commit.sha[:12] for commit in found)}: {why}"
        for why, found in doubts.items()
        if found
    )


def read_reviews(nodes: Sequence[Mapping[str, Any]]) -> tuple[Review, ...]:
    """Read the reviews in *nodes*, the answer to a query of REVIEWS."""
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
    """Return the login of *actor*, "" for a deleted account."""
    return str((actor or {}).get("login") or "")


def _user(person: Mapping[str, Any] | None) -> str:
    return login((person or {}).get("user"))
