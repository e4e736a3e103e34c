"""action-deploy-matrix: say which environments are to be deployed, and with what."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from actions import matrix
from actions.clock import Clock
from actions.errors import EnvFileError, GitHubError, InputError, UnknownServiceError
from actions.event import ZEROS, Event
from actions.layout import unknown_env
from actions.matrix import Difference, Per
from actions.report import shown
from actions.retry import persist
from actions.runtime import Inputs, Outcome, event_payload, markdown, run, workspace_root
from actions.tags import is_commit, short
from actions.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from actions.config import Config
    from actions.holding import Holding
    from actions.layout import Layout, Snapshot

UNSET = {
    "matrix": {"include": []},
    "has-changes": False,
    "environments": [],
    "count": 0,
    "shards": {"include": []},
    "held": [],
}
FAILURES = (InputError, EnvFileError, GitHubError)
BEFORE = "before"
DEPLOYMENT = "deployment"
LONGEST_TRY = 300


class Reason(StrEnum):
    """What the matrix holds, and why."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    ALL = "all"
    NO_BASE = "no-base"
    NEW_BRANCH = "new-branch"
    FORCED_PUSH = "forced-push"
    LOST_HISTORY = "lost-history"
    NO_DEPLOYMENT = "no-deployment"
    SUPERSEDED = "superseded"
    HELD = "held"


BECAUSE = {
    Reason.ALL: "only-changed is false",
    Reason.NO_BASE: "the event names no commit before it",
    Reason.NEW_BRANCH: "the branch is new",
    Reason.FORCED_PUSH: "the branch was rewritten by a forced push",
    Reason.LOST_HISTORY: "the commit before is in neither the checkout nor the repository",
    Reason.NO_DEPLOYMENT: "nothing is recorded as deployed",
    Reason.SUPERSEDED: "a newer commit is deployed already",
    Reason.HELD: "the gates hold it back",
}
# Nothing goes, though something changed.
NOTHING = (Reason.SUPERSEDED, Reason.HELD)


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The inputs of the action."""

    envs_dir: str
    environments: tuple[str, ...]
    services: tuple[str, ...]
    per: Per
    only_changed: bool
    since: str
    enforce_gates: bool
    app_repo: str
    token: str = field(repr=False)
    app_token: str = field(repr=False)

    @classmethod
    def read(cls, inputs: Inputs) -> Settings:
        """Read the inputs; raise InputError if one cannot be used."""
        token = inputs.secret("token") if inputs.text("token") else ""
        app_token = inputs.secret("app-token") if inputs.text("app-token") else token
        since = inputs.required("since")
        if since not in (BEFORE, DEPLOYMENT) and not is_commit(since):
            raise InputError(
                f"input since is {since[:200]!r}; it can be 'before', 'deployment' or a commit SHA, all 40 digits"
            )
        settings = cls(
            envs_dir=inputs.required("envs-dir"),
            environments=tuple(inputs.names("environments")),
            services=tuple(inputs.names("service")),
            per=inputs.choice("per", Per),
            only_changed=inputs.flag("only-changed"),
            since=since,
            enforce_gates=inputs.flag("enforce-gates"),
            app_repo=inputs.text("app-repo"),
            token=token,
            app_token=app_token,
        )
        if since == DEPLOYMENT and settings.services and settings.per is Per.ENV:
            raise InputError(
                "service needs per: service, because GitHub records that the whole environment is deployed"
            )
        if (since == DEPLOYMENT or settings.enforce_gates) and not token:
            raise InputError("since: deployment and enforce-gates need a token")
        return settings


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What is different, beside which commit or why beside none, and what of it is left out.

    *overtaken* names what a newer commit is deployed of already, *holding* is what the gates say.
    """

    differences: Sequence[Difference]
    reason: Reason
    revision: str = ""
    overtaken: Sequence[str] = ()
    holding: Holding | None = None


def main(clock: Clock | None = None) -> int:
    """Run the action and return its exit code."""
    clock = clock or Clock()
    return run(lambda: persist(lambda: _act(clock), timeout=LONGEST_TRY, clock=clock), unset=UNSET)


def _act(clock: Clock) -> Outcome:
    settings = Settings.read(Inputs())
    workspace = Workspace(workspace_root())
    config = workspace.config()
    layout = config.layout(settings.envs_dir)
    now = workspace.environments(layout)
    names = config.in_order(_chosen(now, settings.environments, layout))
    event = Event.read(os.environ, event_payload())
    snapshots = [now[env] for env in names]
    if settings.since == DEPLOYMENT and settings.only_changed:
        found = _since_deployment(settings, layout, snapshots, event)
    else:
        found = _since_revision(settings, workspace, layout, snapshots, event)
    _require_services(settings.services, found.differences)
    found = replace(found, differences=[difference.only(settings.services) for difference in found.differences])
    if settings.enforce_gates:
        found = _held(settings, config, layout, now, found, event, clock)
    return _outcome(found, settings)


def _since_deployment(settings: Settings, layout: Layout, snapshots: Sequence[Snapshot], event: Event) -> Found:
    from actions.deployed import beside  # only those who ask GitHub pay for its client
    from actions.repository import Repository

    found = beside(Repository(event.repository, settings.token), layout, snapshots, event.sha)
    overtaken = [f"{each.difference.env}/{service}" for each in found for service in each.overtaken]
    known = any(each.known for each in found)
    return Found(
        differences=[each.difference for each in found],
        reason=Reason.CHANGED if known else Reason.NO_DEPLOYMENT,
        overtaken=overtaken,
    )


def _since_revision(
    settings: Settings, workspace: Workspace, layout: Layout, snapshots: Sequence[Snapshot], event: Event
) -> Found:
    revision, reason = _revision(settings, event)
    before = _environments_at(revision, workspace, layout, snapshots, settings, event) if revision else None
    if revision and before is None:
        reason = Reason.LOST_HISTORY
    differences = [matrix.difference(snapshot, (before or {}).get(snapshot.env)) for snapshot in snapshots]
    return Found(differences=differences, reason=reason, revision=revision)


def _held(
    settings: Settings,
    config: Config,
    layout: Layout,
    now: Mapping[str, Snapshot],
    found: Found,
    event: Event,
    clock: Clock,
) -> Found:
    from actions.holding import hold
    from actions.judging import Judge
    from actions.repository import Repository

    judge = Judge(
        infra=Repository(event.repository, settings.token),
        config=config,
        layout=layout,
        snapshot=now.get,
        app_repo=settings.app_repo or event.repository,
        app_token=settings.app_token,
        now=datetime.fromtimestamp(clock.wall(), UTC),
    )
    holding = hold(judge, event.sha, found.differences, whole=settings.per is Per.ENV)
    return replace(found, differences=holding.differences, holding=holding)


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
    snapshots: Sequence[Snapshot],
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
    paths = [file.path for snapshot in snapshots for file in snapshot.files]
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


def _outcome(found: Found, settings: Settings) -> Outcome:
    # What a gate holds back is not to be deployed, whether it changed or not.
    only_changed = found.reason is Reason.CHANGED or found.holding is not None
    entries = matrix.entries(found.differences, per=settings.per, only_changed=only_changed)
    reason = _reason(found, entries)
    fits = matrix.fits(entries)
    shards = matrix.shards(entries, services=settings.services)
    if not matrix.fits(shards):
        raise InputError(
            f"{len(entries)} jobs are more than two levels of matrices hold; narrow environments or service"
        )
    held = found.holding.as_output() if found.holding else []
    because = _because(found, reason)
    total = len(found.differences)
    what = f"{len(entries)} of {total} environments" if settings.per is Per.ENV else f"{len(entries)} services"
    too_many = (
        f"{len(entries)} jobs are more than one matrix holds: use the output shards, see the README of the action"
    )
    return Outcome(
        outputs={
            # Not an empty matrix: a workflow that does not know of shards must fail, not deploy nothing.
            "matrix": {"include": entries} if fits else "",
            "has-changes": bool(entries),
            "environments": list(dict.fromkeys(entry["env"] for entry in entries)),
            "count": len(entries),
            "shards": {"include": shards},
            "held": held,
            "reason": reason,
        },
        notice=(f"deploy {what}{because}" if entries else f"nothing to deploy{because}") + _left_out(found),
        summary=_summary(found, entries, because),
        warnings=() if fits else (too_many,),
    )


def _reason(found: Found, entries: Sequence[object]) -> Reason:
    if entries or found.reason is not Reason.CHANGED:
        return Reason.HELD if found.holding and found.holding.held and not entries else found.reason
    if found.holding and found.holding.held:
        return Reason.HELD
    return Reason.SUPERSEDED if found.overtaken else Reason.UNCHANGED


def _because(found: Found, reason: Reason) -> str:
    if reason in BECAUSE:
        return f" ({BECAUSE[reason]})"
    return f" since {short(found.revision)}" if found.revision else ""


def _left_out(found: Found) -> str:
    parts = []
    if found.overtaken:
        parts.append(f"; a newer commit is deployed already of {', '.join(found.overtaken)}")
    held = found.holding.held if found.holding else ()
    parts += [f"; held: {h.change.env} {h.change.service}: {h.worst.message}" for h in held if h.worst]
    return "".join(parts)


def _summary(found: Found, entries: Sequence[Mapping[str, object]], because: str) -> str:
    deployed = {(entry["env"], entry.get("service")) for entry in entries}
    held = {(h.change.env, h.change.service) for h in found.holding.held} if found.holding else set()
    rows = []
    for difference in found.differences:
        for service, tag in difference.tags.items():
            goes = {(difference.env, None), (difference.env, service)} & deployed
            before = difference.previous.get(service, "")
            came = f"{shown(before)} → " if before and before != tag else ""
            mark = "🚀" if goes else "✋" if (difference.env, service) in held else "–"
            rows.append(f"| {markdown(difference.env)} | {markdown(service)} | {came}{shown(tag)} | {mark} |\n")
    head = f"### Deploy{because}\n\n| environment | service | tag | deploy |\n|---|---|---|:-:|\n"
    return f"{head}{''.join(rows)}{_gates(found)}"


def _gates(found: Found) -> str:
    if not found.holding or not found.holding.judged:
        return ""
    from actions import gate_report

    return f"\n#### Gates\n\n{gate_report.table(found.holding.judged)}"
