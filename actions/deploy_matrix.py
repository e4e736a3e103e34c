"""action-deploy-matrix: say which environments are to be deployed, and with what."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from actions import matrix
from actions.errors import EnvFileError, GitHubError, InputError, UnknownServiceError
from actions.event import ZEROS, Event
from actions.layout import unknown_env
from actions.matrix import Difference, Per
from actions.report import shown
from actions.runtime import Inputs, Outcome, event_payload, markdown, run, workspace_root
from actions.tags import is_commit, short
from actions.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from actions.layout import Layout, Snapshot

UNSET = {"matrix": {"include": []}, "has-changes": False, "environments": [], "count": 0, "shards": {"include": []}}
FAILURES = (InputError, EnvFileError, GitHubError)
BEFORE = "before"


class Reason(StrEnum):
    """What the matrix holds, and why."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    ALL = "all"
    NO_BASE = "no-base"
    NEW_BRANCH = "new-branch"
    FORCED_PUSH = "forced-push"
    LOST_HISTORY = "lost-history"


EVERYTHING_BECAUSE = {
    Reason.ALL: "only-changed is false",
    Reason.NO_BASE: "the event names no commit before it",
    Reason.NEW_BRANCH: "the branch is new",
    Reason.FORCED_PUSH: "the branch was rewritten by a forced push",
    Reason.LOST_HISTORY: "the commit before is in neither the checkout nor the repository",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The inputs of the action."""

    envs_dir: str
    environments: tuple[str, ...]
    services: tuple[str, ...]
    per: Per
    only_changed: bool
    since: str
    token: str

    @classmethod
    def read(cls, inputs: Inputs) -> Settings:
        """Read the inputs; raise InputError if one cannot be used."""
        token = inputs.secret("token") if inputs.text("token") else ""
        since = inputs.required("since")
        if since != BEFORE and not is_commit(since):
            raise InputError(
                f"input since is {since[:200]!r}; it can be 'before' or the SHA of a commit, all 40 digits"
            )
        return cls(
            envs_dir=inputs.required("envs-dir"),
            environments=tuple(inputs.names("environments")),
            services=tuple(inputs.names("service")),
            per=inputs.choice("per", Per),
            only_changed=inputs.flag("only-changed"),
            since=since,
            token=token,
        )


def main() -> int:
    """Run the action and return its exit code."""
    return run(_act, unset=UNSET)


def _act() -> Outcome:
    settings = Settings.read(Inputs())
    workspace = Workspace(workspace_root())
    config = workspace.config()
    layout = config.layout(settings.envs_dir)
    now = workspace.environments(layout)
    names = config.in_order(_chosen(now, settings.environments, layout))
    event = Event.read(os.environ, event_payload())
    revision, reason = _revision(settings, event)
    before = _environments_at(revision, workspace, layout, now, settings, event) if revision else None
    if revision and before is None:
        reason = Reason.LOST_HISTORY
    found = [matrix.difference(now[env], (before or {}).get(env)) for env in names]
    _require_services(settings.services, found)
    narrowed = [difference.only(settings.services) for difference in found]
    return _outcome(narrowed, settings, reason, revision)


def _revision(settings: Settings, event: Event) -> tuple[str, Reason]:
    """Return the commit to compare with, "" if there is none and everything counts; and the reason in that case."""
    if not settings.only_changed:
        return "", Reason.ALL
    if settings.since != BEFORE:
        return settings.since, Reason.CHANGED
    if event.forced:
        return "", Reason.FORCED_PUSH
    if event.created or event.before == ZEROS:
        return "", Reason.NEW_BRANCH
    return (event.before, Reason.CHANGED) if is_commit(event.before) else ("", Reason.NO_BASE)


def _environments_at(
    revision: str,
    workspace: Workspace,
    layout: Layout,
    now: Mapping[str, Snapshot],
    settings: Settings,
    event: Event,
) -> dict[str, Snapshot] | None:
    """Return the environments at *revision*: from the checkout, else from GitHub; None if neither knows it."""
    if workspace.has_commit(revision):
        return workspace.environments_at(revision, layout)
    if not settings.token:
        return None
    from actions.repository import Repository  # only a shallow checkout needs GitHub

    repository = Repository(event.repository, settings.token)
    paths = [file.path for snapshot in now.values() for file in snapshot.files]
    texts = repository.files_at(revision, paths)
    if texts is None:
        return None
    # What was there and is gone now has changed too.
    gone = [path for path in repository.paths(revision) if layout.owner(path) and path not in texts]
    return layout.group(texts | ((repository.files_at(revision, gone) or {}) if gone else {}))


def _chosen(now: Mapping[str, Snapshot], wanted: Sequence[str], layout: Layout) -> Collection[str]:
    for env in wanted or ("*",) * (not now):
        if env not in now:
            raise unknown_env(env, layout, now)
    return [env for env in now if not wanted or env in wanted]


def _require_services(wanted: Sequence[str], found: Sequence[Difference]) -> None:
    known = sorted({service for difference in found for service in difference.tags})
    for service in wanted:
        if service not in known:
            raise UnknownServiceError(
                f"no environment has a service '{service}'; there is: {', '.join(known) or 'none'}"
            )


def _outcome(found: Sequence[Difference], settings: Settings, reason: Reason, revision: str) -> Outcome:
    only_changed = reason is Reason.CHANGED
    entries = matrix.entries(found, per=settings.per, only_changed=only_changed)
    if only_changed and not entries:
        reason = Reason.UNCHANGED
    fits = matrix.fits(entries)
    shards = matrix.shards(entries, services=settings.services)
    if not matrix.fits(shards):
        raise InputError(
            f"{len(entries)} jobs are more than two levels of matrices hold; narrow environments or service"
        )
    envs = list(dict.fromkeys(entry["env"] for entry in entries))
    since = f" since {short(revision)}" if revision else ""
    because = f" ({EVERYTHING_BECAUSE[reason]})" if reason in EVERYTHING_BECAUSE else since
    what = f"{len(entries)} of {len(found)} environments" if settings.per is Per.ENV else f"{len(entries)} services"
    too_many = (
        f"{len(entries)} jobs are more than one matrix holds: use the output shards, see the README of the action"
    )
    return Outcome(
        outputs={
            # Not an empty matrix: a workflow that does not know of shards must fail, not deploy nothing.
            "matrix": {"include": entries} if fits else "",
            "has-changes": bool(entries),
            "environments": envs,
            "count": len(entries),
            "shards": {"include": shards},
            "reason": reason,
        },
        notice=f"deploy {what}{because}" if entries else f"nothing to deploy{because}",
        summary=_summary(found, entries, because),
        warnings=() if fits else (too_many,),
    )


def _summary(found: Sequence[Difference], entries: Sequence[Mapping[str, object]], because: str) -> str:
    deployed = {(entry["env"], entry.get("service")) for entry in entries}
    rows = []
    for difference in found:
        for service, tag in difference.tags.items():
            goes = {(difference.env, None), (difference.env, service)} & deployed
            before = difference.previous.get(service, "")
            came = f"{shown(before)} → " if before and before != tag else ""
            mark = "🚀" if goes else "–"
            rows.append(f"| {markdown(difference.env)} | {markdown(service)} | {came}{shown(tag)} | {mark} |\n")
    return f"### Deploy{because}\n\n| environment | service | tag | deploy |\n|---|---|---|:-:|\n{''.join(rows)}"
