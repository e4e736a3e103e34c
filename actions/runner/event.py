"""Read the event that started a run.

The fields are documented in docs.github.com, "Events that trigger workflows" and "Webhook events and payloads".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ZEROS = "0" * 40
BRANCH = "refs/heads/"
TAG = "refs/tags/"
QUEUED = re.compile(r"^refs/heads/gh-readonly-queue/.+/pr-(\d+)-[0-9a-f]{40}$")


@dataclass(frozen=True, kw_only=True, slots=True)
class PullRequest:
    """The pull request of an event; *action* is what happened to it, *base_sha* the end of its base then."""

    action: str
    number: int
    merged: bool
    head_sha: str
    base_ref: str
    base_sha: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MergeGroup:
    """A merge group: pull requests of a merge queue that are tested together.

    *number* is the last pull request in it. The base is the previous group or, for the first one, the branch.
    """

    number: int
    head_sha: str
    base_ref: str
    base_sha: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """The event: what happened to which *ref* of which *repository*."""

    name: str
    ref: str
    sha: str
    repository: str
    default_branch: str
    before: str = ""
    created: bool = False
    deleted: bool = False
    forced: bool = False
    has_new_commits: bool = False
    pull_request: PullRequest | None = None
    merge_group: MergeGroup | None = None

    @property
    def branch(self) -> str:
        """Return the branch of the event without `refs/heads/`, "" if the ref is not a branch."""
        return self.ref.removeprefix(BRANCH) if self.ref.startswith(BRANCH) else ""

    @property
    def base(self) -> str:
        """Return the commit that the event's is to be compared with: the base of what is tested, or before the push."""
        if self.pull_request:
            return self.pull_request.base_sha
        return self.merge_group.base_sha if self.merge_group else self.before

    @classmethod
    def read(cls, environment: Mapping[str, str], payload: Mapping[str, object]) -> Event:
        """Read the event from the runner's variables and its payload; missing values are empty."""
        name = environment.get("GITHUB_EVENT_NAME", "")
        pull_request = _pull_request(payload) if name.startswith("pull_request") else None
        return cls(
            name=name,
            ref=environment.get("GITHUB_REF", ""),
            sha=_sha(environment, payload, pull_request),
            repository=environment.get("GITHUB_REPOSITORY", ""),
            default_branch=_text(_mapping(payload, "repository"), "default_branch"),
            before=_text(payload, "before"),
            created=payload.get("created") is True,
            deleted=payload.get("deleted") is True,
            forced=payload.get("forced") is True,
            has_new_commits=_has_new_commits(payload),
            pull_request=pull_request,
            merge_group=_merge_group(payload) if name == "merge_group" else None,
        )


def is_hotfix(branch: str, prefix: str) -> bool:
    """Tell whether *branch* is a hotfix branch: *prefix* and one name.

    A name with another slash does not match the branch filters and rulesets for `hotfixes/*`.
    """
    name = branch.removeprefix(prefix)
    return branch.startswith(prefix) and bool(name) and "/" not in name


def _pull_request(payload: Mapping[str, object]) -> PullRequest:
    pull_request = _mapping(payload, "pull_request")
    return PullRequest(
        action=_text(payload, "action"),
        number=_number(pull_request),
        merged=pull_request.get("merged") is True,
        head_sha=_text(_mapping(pull_request, "head"), "sha"),
        base_ref=_text(_mapping(pull_request, "base"), "ref"),
        base_sha=_text(_mapping(pull_request, "base"), "sha"),
    )


def _merge_group(payload: Mapping[str, object]) -> MergeGroup:
    group = _mapping(payload, "merge_group")
    number = QUEUED.search(_text(group, "head_ref"))
    return MergeGroup(
        number=int(number[1]) if number else 0,
        head_sha=_text(group, "head_sha"),
        base_ref=_text(group, "base_ref").removeprefix(BRANCH),
        base_sha=_text(group, "base_sha"),
    )


def _number(pull_request: Mapping[str, object]) -> int:
    number = pull_request.get("number")
    return number if isinstance(number, int) else 0


def _sha(environment: Mapping[str, str], payload: Mapping[str, object], pull_request: PullRequest | None) -> str:
    """Return the commit of the event, "" if it deleted a branch.

    For an open pull request GITHUB_SHA is a temporary test merge, so its head counts; for a deleted branch it is an
    unrelated commit; for the end of another workflow it is that of the default branch, so the head of that run counts.
    """
    if payload.get("deleted") is True:
        return ""
    if pull_request and not pull_request.merged:
        return pull_request.head_sha
    return _text(_mapping(payload, "workflow_run"), "head_sha") or environment.get("GITHUB_SHA", "")


def _has_new_commits(payload: Mapping[str, object]) -> bool:
    """Tell whether the push added commits that were on no branch before (`distinct` in the payload)."""
    commits = payload.get("commits")
    return any(
        isinstance(commit, dict) and commit.get("distinct") is True
        for commit in (commits if isinstance(commits, list) else [])
    )


def _mapping(payload: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = payload.get(key)
    return value if isinstance(value, dict) else {}


def _text(payload: Mapping[str, object], key: str) -> str:
    value = payload.get(key)
    return value if isinstance(value, str) else ""
