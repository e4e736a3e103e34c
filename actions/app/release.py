"""Decide whether a commit was released; gates, hotfixes and evidence share this rule.

The existence of a commit proves nothing: GitHub finds every commit of every fork by its SHA, even those of unreviewed
pull requests.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from actions.api.client import query
from actions.runner.event import is_hotfix

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from actions.api.comparison import Comparison
    from actions.api.repository import Repository

MERGED_INTO = "associatedPullRequests(first: 10) { nodes { state baseRefName mergeCommit { oid } } }"
PULLS_OF_COMMIT = query(
    variables={"oid": "GitObjectID!"}, fields=f"object(oid: $oid) {{ ... on Commit {{ oid {MERGED_INTO} }} }}"
)


class Release(StrEnum):
    """The kind of branch that released a commit."""

    DEFAULT_BRANCH = "default-branch"
    HOTFIX = "hotfix"
    NONE = "none"


@dataclass(frozen=True, kw_only=True, slots=True)
class ReleasedBy:
    """The *branch* that released a commit, "" if none did; *beyond* compares the commit with the default branch."""

    kind: Release
    branch: str = ""
    beyond: Comparison | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class ReleaseBranches:
    """The branches that release commits; *newest* are commits known to be on the default branch, which ends at *head*.

    Branches are compared by their commits: whoever may push could make a git tag with the name of a branch.
    """

    default_branch: str
    head: str
    hotfix_prefix: str
    newest: Collection[str] = ()

    def is_hotfix(self, branch: str) -> bool:
        """Tell whether *branch* is a hotfix branch."""
        return is_hotfix(branch, self.hotfix_prefix)


def find_release(
    repository: Repository, sha: str, branches: ReleaseBranches, *, merged_into: Sequence[str]
) -> ReleasedBy:
    """Return the branch that released the commit *sha*.

    *merged_into* are the base branches of the pull requests that created it. They prove a release even if the hotfix
    branch was deleted.
    """
    default_branch = branches.default_branch
    known = sha in branches.newest or default_branch in merged_into
    beyond = None if known else repository.compare(branches.head, sha)
    if known or _is_contained(beyond):
        return ReleasedBy(kind=Release.DEFAULT_BRANCH, branch=default_branch)
    hotfix = next(filter(branches.is_hotfix, merged_into), "")
    if not hotfix:
        existing = repository.branches(branches.hotfix_prefix).items()
        hotfixes = ((name, head) for name, head in existing if branches.is_hotfix(name))
        hotfix = next((name for name, head in hotfixes if contains(repository, head, sha)), "")
    return ReleasedBy(kind=Release.HOTFIX if hotfix else Release.NONE, branch=hotfix, beyond=beyond)


def merged_into(repository: Repository, sha: str) -> tuple[str, ...]:
    """Return the base branches of the pull requests whose merge created the commit *sha*."""
    answer = repository.client.repository(
        PULLS_OF_COMMIT, {"oid": sha}, permission="contents: read, pull requests: read"
    )
    with repository.client.parsing():
        return read_merged_into(answer["object"]) if answer["object"] else ()


def read_merged_into(commit: Mapping[str, Any]) -> tuple[str, ...]:
    """Read the base branches of merged pull requests from a *commit* with the fields MERGED_INTO."""
    return tuple(
        pull["baseRefName"]
        for pull in commit["associatedPullRequests"]["nodes"]
        if pull["state"] == "MERGED" and (pull["mergeCommit"] or {}).get("oid") == commit["oid"]
    )


def contains(repository: Repository, revision: str, sha: str) -> bool:
    """Tell whether the commit *revision* contains the commit *sha*."""
    return _is_contained(repository.compare(revision, sha))


def _is_contained(comparison: Comparison | None) -> bool:
    return comparison is not None and comparison.status in ("behind", "identical")
