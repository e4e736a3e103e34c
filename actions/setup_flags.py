"""action-setup-flags: say what this run may do: publish, open the infra pull request, deploy.

Pull requests are tested and nothing else; what counts is what reached a branch. One case surprises: creating a branch
publishes nothing unless it brings new commits. The commit it points at was published when it was pushed first.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from actions.errors import InputError
from actions.runner.clock import Clock
from actions.runner.environment import event_payload
from actions.runner.event import TAG, ZEROS, Event, is_hotfix
from actions.runner.inputs import Inputs
from actions.runner.outcome import Outcome, run
from actions.tags import is_commit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import ModuleType

    from actions.api.repository import Repository
    from actions.app.sources import ReleaseTag

UNSET = {
    "publish": False,
    "open-infra-pr": False,
    "deploy": False,
    "hotfix": False,
    "tag": "",
    "version": "",
    "services": [],
    "tags": "",
}
MOST_FILES = 300  # GitHub lists no more in a comparison
LONGEST_TRY = 120


class Reason(StrEnum):
    """What kind of event it was."""

    PUSH_TO_DEFAULT_BRANCH = "push-to-default-branch"
    PUSH_TO_HOTFIX = "push-to-hotfix"
    PUSH_TO_OTHER_BRANCH = "push-to-other-branch"
    PUSH_OF_TAG = "push-of-tag"
    PUSH_OF_RELEASE_TAG = "push-of-release-tag"
    TAG_NOT_RELEASED = "tag-not-released"
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
    """The inputs of the action: the folders of the sources of *services*, and how *release_tags* begin."""

    main_branch: str
    hotfix_prefix: str
    services: Mapping[str, Sequence[str]]
    release_tags: Sequence[ReleaseTag]
    token: str = field(repr=False)

    @classmethod
    def read(cls, inputs: Inputs) -> Settings:
        """Read the inputs; raise InputError if one cannot be used."""
        lines, patterns = inputs.lines("services"), inputs.names("release-tags")
        sources = _sources() if lines or patterns else None
        return cls(
            main_branch=inputs.branch("main-branch"),
            hotfix_prefix=inputs.required("hotfix-prefix"),
            services=sources.read_sources(lines) if sources else {},
            release_tags=[sources.ReleaseTag.parse(pattern) for pattern in patterns] if sources else (),
            token=inputs.secret("token") if inputs.text("token") and sources else "",
        )


def _sources() -> ModuleType:
    from actions.app import sources  # most runs need neither this nor GitHub

    return sources


def main(clock: Clock | None = None) -> int:
    """Run the action and return its exit code."""
    clock = clock or Clock()
    return run(lambda: _act(clock), unset=UNSET, clock=clock)


def _act(clock: Clock) -> Outcome:
    settings = Settings.read(Inputs())
    event = Event.read(os.environ, event_payload())
    default_branch = settings.main_branch or event.default_branch
    if not default_branch:
        raise InputError(f"the {event.name or 'missing'} event names no default branch; set input main-branch")
    flags = decide(event, default_branch=default_branch, hotfix_prefix=settings.hotfix_prefix)
    subject = Subject(services=(), published={}, version="")
    if settings.services or settings.release_tags:
        flags, subject = _of_services(settings, event, flags, default_branch, clock)
    outputs = {
        "publish": flags.publish,
        "open-infra-pr": flags.open_infra_pr,
        "deploy": flags.deploy,
        "hotfix": flags.hotfix,
        "tag": flags.tag,
        "version": subject.version,
        "services": list(subject.services),
        "tags": "\n".join(f"{service}={tag}" for service, tag in subject.published.items()),
    }
    about = f" ({', '.join(subject.services) or 'no service'})" if settings.services else ""
    return Outcome(
        outputs={**outputs, "reason": flags.reason},
        notice=f"{flags.reason}: {event.name} on {event.ref}{about}",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """What a run is about: *services*, the tags of those to be *published*, and the *version* that is released."""

    services: Sequence[str]
    published: Mapping[str, str]
    version: str


def _of_services(
    settings: Settings, event: Event, flags: Flags, default_branch: str, clock: Clock
) -> tuple[Flags, Subject]:
    """Return the flags of a run in a repository with several services, or with releases, and what it is about."""
    from actions.api.client import Client
    from actions.api.repository import Repository
    from actions.api.retry import retry

    app, sources = Repository(Client(event.repository, settings.token)), _sources()
    if flags.reason is Reason.PUSH_OF_TAG:
        service, version = sources.released_version(settings.release_tags, event.ref.removeprefix(TAG))
        if not version or event.deleted:
            return flags, Subject(services=(), published={}, version="")
        kind = retry(lambda: _released(app, event.sha, default_branch, settings), timeout=LONGEST_TRY, clock=clock)
        published = {service: version} if service else {}
        reason = Reason.PUSH_OF_RELEASE_TAG if kind else Reason.TAG_NOT_RELEASED
        flags = replace(flags, publish=kind, tag=version, reason=reason)
        return flags, Subject(
            services=tuple(filter(None, [service])), published=published if kind else {}, version=version
        )
    files = retry(lambda: _changed_files(app, event), timeout=LONGEST_TRY, clock=clock) if settings.services else ()
    services = sources.changed_services(settings.services, files)
    by_tag = {tag.service for tag in settings.release_tags}
    published = {} if "" in by_tag else {service: flags.tag for service in services if service not in by_tag}
    publish = flags.publish and (bool(published) if settings.services else "" not in by_tag)
    flags = replace(flags, publish=publish, open_infra_pr=flags.open_infra_pr and publish)
    return flags, Subject(services=services, published=published if publish else {}, version="")


def _released(app: Repository, sha: str, default_branch: str, settings: Settings) -> bool:
    """Tell whether the commit *sha* is on the default branch or on a hotfix branch."""
    from actions.app.release import Release, ReleaseBranches, find_release, merged_into

    branches = ReleaseBranches(
        default_branch=default_branch, head=app.head(default_branch), hotfix_prefix=settings.hotfix_prefix
    )
    found = find_release(app, sha, branches, merged_into=merged_into(app, sha))
    return found.kind is not Release.NONE


def _changed_files(app: Repository, event: Event) -> Sequence[str] | None:
    """Return the files that the event changes, None if that is not known, so that any may be."""
    known = is_commit(event.base) and event.base != ZEROS and is_commit(event.sha) and not event.forced
    comparison = app.compare(event.base, event.sha) if known else None
    return comparison.files if comparison and len(comparison.files) < MOST_FILES else None


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
