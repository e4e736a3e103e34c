"""What a workflow run may do: publish, open the infra pull request, deploy.

Pull requests are tested and nothing else; what counts is what reached a branch. The one surprise is a branch that is
created: unless it brings commits of its own, what it points at was published when it was pushed the first time.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from actions.event import TAG, is_hotfix

if TYPE_CHECKING:
    from actions.event import Event


class Reason(StrEnum):
    """What kind of event it was."""

    PUSH_TO_MAIN = "push-to-main"
    PUSH_TO_HOTFIX = "push-to-hotfix"
    PUSH_TO_OTHER_BRANCH = "push-to-other-branch"
    PUSH_OF_TAG = "push-of-tag"
    BRANCH_CREATED = "branch-created"
    BRANCH_DELETED = "branch-deleted"
    PULL_REQUEST = "pull-request"
    PULL_REQUEST_MERGED = "pull-request-merged"
    PULL_REQUEST_CLOSED = "pull-request-closed"
    MERGE_GROUP = "merge-group"
    MANUAL = "manual"
    SCHEDULE = "schedule"
    OTHER_EVENT = "other-event"


@dataclass(frozen=True, kw_only=True, slots=True)
class Flags:
    """What the run may do, the tag it is about, and why."""

    publish: bool = False
    open_infra_pr: bool = False
    deploy: bool = False
    hotfix: bool = False
    tag: str
    reason: Reason


def decide(event: Event, *, main_branch: str, hotfix_prefix: str) -> Flags:
    """Return what a run started by *event* may do.

    *hotfix_prefix* is what the names of hotfix branches start with; the rest of such a name has no slash.
    """
    branch = _branch_at_stake(event)
    on_main = branch == main_branch
    hotfix = is_hotfix(branch, hotfix_prefix)
    reason = _reason(event, on_main=on_main, hotfix=hotfix)
    publish = reason in (Reason.PUSH_TO_MAIN, Reason.PUSH_TO_HOTFIX)
    return Flags(
        publish=publish,
        open_infra_pr=publish and on_main,
        deploy=on_main and (_is_living_push(event) or reason in (Reason.MANUAL, Reason.SCHEDULE)),
        hotfix=hotfix,
        tag=event.sha,
        reason=reason,
    )


def _branch_at_stake(event: Event) -> str:
    """Return the branch that changed or, for a pull request, the one that it would change."""
    if event.pull_request:
        return event.pull_request.base_ref
    return event.merge_group.base_ref if event.merge_group else event.branch


def _is_living_push(event: Event) -> bool:
    return event.name == "push" and not event.deleted


def _reason(event: Event, *, on_main: bool, hotfix: bool) -> Reason:
    if event.pull_request:
        if event.pull_request.action != "closed":
            return Reason.PULL_REQUEST
        return Reason.PULL_REQUEST_MERGED if event.pull_request.merged else Reason.PULL_REQUEST_CLOSED
    if event.name == "push":
        return _reason_of_push(event, on_main=on_main, hotfix=hotfix)
    other = {
        "merge_group": Reason.MERGE_GROUP,
        "workflow_dispatch": Reason.MANUAL,
        "schedule": Reason.SCHEDULE,
    }
    return other.get(event.name, Reason.OTHER_EVENT)


def _reason_of_push(event: Event, *, on_main: bool, hotfix: bool) -> Reason:
    if event.ref.startswith(TAG):
        return Reason.PUSH_OF_TAG
    if event.deleted:
        return Reason.BRANCH_DELETED
    if event.created and not event.has_new_commits:
        return Reason.BRANCH_CREATED
    if on_main:
        return Reason.PUSH_TO_MAIN
    return Reason.PUSH_TO_HOTFIX if hotfix else Reason.PUSH_TO_OTHER_BRANCH
