"""action-setup-flags: say what this run may do: publish, open the infra pull request, deploy.

Pull requests are tested and nothing else; what counts is what reached a branch. One case surprises: creating a branch
publishes nothing unless it brings new commits. The commit it points at was published when it was pushed first.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum

from actions.errors import InputError
from actions.runner.environment import event_payload
from actions.runner.event import TAG, Event, is_hotfix
from actions.runner.inputs import Inputs
from actions.runner.outcome import Outcome, run

UNSET = {"publish": False, "open-infra-pr": False, "deploy": False, "hotfix": False, "tag": ""}


class Reason(StrEnum):
    """What kind of event it was."""

    PUSH_TO_DEFAULT_BRANCH = "push-to-default-branch"
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The inputs of the action."""

    main_branch: str
    hotfix_prefix: str

    @classmethod
    def read(cls, inputs: Inputs) -> Settings:
        """Read the inputs; raise InputError if one cannot be used."""
        return cls(main_branch=inputs.branch("main-branch"), hotfix_prefix=inputs.required("hotfix-prefix"))


def main() -> int:
    """Run the action and return its exit code."""
    return run(_act, unset=UNSET)


def _act() -> Outcome:
    settings = Settings.read(Inputs())
    event = Event.read(os.environ, event_payload())
    default_branch = settings.main_branch or event.default_branch
    if not default_branch:
        raise InputError(f"the {event.name or 'missing'} event names no default branch; set input main-branch")
    flags = decide(event, default_branch=default_branch, hotfix_prefix=settings.hotfix_prefix)
    outputs = {
        "publish": flags.publish,
        "open-infra-pr": flags.open_infra_pr,
        "deploy": flags.deploy,
        "hotfix": flags.hotfix,
    }
    return Outcome(
        outputs={**outputs, "tag": flags.tag, "reason": flags.reason},
        notice=f"{flags.reason}: {event.name} on {event.ref}",
    )


def decide(event: Event, *, default_branch: str, hotfix_prefix: str) -> Flags:
    """Return what a run started by *event* may do.

    *hotfix_prefix* is what the names of hotfix branches start with; the rest of such a name has no slash.
    """
    branch = _branch_at_stake(event)
    on_default = branch == default_branch
    hotfix = is_hotfix(branch, hotfix_prefix)
    reason = _reason(event, on_default=on_default, hotfix=hotfix)
    publish = reason in (Reason.PUSH_TO_DEFAULT_BRANCH, Reason.PUSH_TO_HOTFIX)
    return Flags(
        publish=publish,
        open_infra_pr=publish and on_default,
        deploy=on_default and (_is_living_push(event) or reason in (Reason.MANUAL, Reason.SCHEDULE)),
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


def _reason(event: Event, *, on_default: bool, hotfix: bool) -> Reason:
    if event.pull_request:
        if event.pull_request.action != "closed":
            return Reason.PULL_REQUEST
        return Reason.PULL_REQUEST_MERGED if event.pull_request.merged else Reason.PULL_REQUEST_CLOSED
    if event.name == "push":
        return _reason_of_push(event, on_default=on_default, hotfix=hotfix)
    other = {
        "merge_group": Reason.MERGE_GROUP,
        "workflow_dispatch": Reason.MANUAL,
        "schedule": Reason.SCHEDULE,
    }
    return other.get(event.name, Reason.OTHER_EVENT)


def _reason_of_push(event: Event, *, on_default: bool, hotfix: bool) -> Reason:
    if event.ref.startswith(TAG):
        return Reason.PUSH_OF_TAG
    if event.deleted:
        return Reason.BRANCH_DELETED
    if event.created and not event.has_new_commits:
        return Reason.BRANCH_CREATED
    if on_default:
        return Reason.PUSH_TO_DEFAULT_BRANCH
    return Reason.PUSH_TO_HOTFIX if hotfix else Reason.PUSH_TO_OTHER_BRANCH
