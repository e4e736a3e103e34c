"""The event that started a run, typed.

What its fields hold on which event: docs.github.com, "Events that trigger workflows" and "Webhook events and payloads".
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
    """The pull request of an event: what happened to it, where it comes from and where it goes."""

    action: str
    number: int
    merged: bool
    head_sha: str
    base_ref: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MergeGroup:
    """The part of a merge queue that is tested together, and the pull request that was put last into it.

    Its base is the group before it, or the branch.
    """

    number: int
    head_sha: str
    base_ref: str
    base_sha: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """What happened, to which ref, in which repository."""

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
        """Return the short name of the branch that the event is about, "" if it is about none."""
        return self.ref.removeprefix(BRANCH) if self.ref.startswith(BRANCH) else ""

    @classmethod
    def read(cls, environment: Mapping[str, str], payload: Mapping[str, object]) -> Event:
        """Read the event from the runner's variables and its payload; what is not there is empty."""
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

    One with a further slash would be outside of the branch filters and rulesets that say `hotfixes/*`.
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
    """Return the commit that the event is about, "" if its branch is gone.

    GITHUB_SHA of an open pull request is a test merge that no one keeps, so its head counts; that of a deleted
    branch is some other commit.
    """
    if payload.get("deleted") is True:
        return ""
    if pull_request and not pull_request.merged:
        return pull_request.head_sha
    return environment.get("GITHUB_SHA", "")


def _has_new_commits(payload: Mapping[str, object]) -> bool:
    """Tell whether the push brought commits that were on no branch before (`distinct` in the payload)."""
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
