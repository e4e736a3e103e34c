"""Propose a change: its branch, its commit, its pull request, and the names by which a later run finds them."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from actions.gates import report as gate_report
from actions.infra import change_report
from actions.pull_request import description
from actions.runner.environment import actors, run_url, server_url, this_run
from actions.runner.inputs import BRANCH_NAME
from actions.runner.markdown import escape
from actions.tags import short

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actions.infra.change import Request
    from actions.pull_request.plan import PullRequestPlan, State
    from actions.pull_request.settings import Settings
    from actions.tags import Artifact

LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}(\[bot\])?")
MARKER, MARKER_END = "<!-- gitops-actions ", " -->"


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """The commit to *branch*, and the text of its pull request."""

    branch: str
    title: str
    body: str
    message: str
    files: Mapping[str, str]


def branch_name(request: Request, wanted: Mapping[str, Artifact]) -> str:
    """Return a branch name that depends on *wanted* alone, so that a second run finds what the first one made."""
    env, back = request.env, "rollback-" if request.rollback else ""
    service, artifact = next(iter(wanted.items()))
    name = f"gitops/{env}/{back}{service}-{short(artifact.tag, artifact.digest)}"
    if len(wanted) == 1 and BRANCH_NAME.fullmatch(name):
        return name
    digest = hashlib.sha256("\n".join(f"{s}={wanted[s]}" for s in sorted(wanted)).encode()).hexdigest()
    return f"gitops/{env}/{back}{len(wanted)}-{'services' if len(wanted) > 1 else 'service'}-{digest[:12]}"


def propose(settings: Settings, state: State, plan: PullRequestPlan, *, branch: str) -> Proposal:
    """Return the pull request for *plan*."""
    changes, request = plan.changes, settings.request
    title = settings.title or description.title(changes, from_env=request.from_env, is_rollback=bool(request.rollback))
    trailers = replace(settings.trailers, requested_by=_requesters(), requested_in=_requested_in()).as_lines()
    return Proposal(
        branch=branch,
        title=title,
        body=_body(settings, state, plan),
        message=description.commit_message(title, changes, trailers),
        files={
            new.path: new.text
            for old, new in zip(state.target.files, plan.planned.after.files, strict=True)
            if old.text != new.text
        },
    )


def _body(settings: Settings, state: State, plan: PullRequestPlan) -> str:
    changes, request, env = plan.changes, settings.request, state.target.env
    apps = {c.service: state.config.repo_of(c.service, settings.app_repo) for c in changes}
    compare = {
        item.change.service: f"{server_url()}/{apps[item.change.service]}/compare/{item.compared}"
        for item in plan.evaluated
        if item.compared
    }
    left_alone = request.left_alone(state.target, state.source)
    marker = {"env": env, "tags": {change.service: change.after for change in changes}}
    parts = [
        f"{settings.body}\n" if settings.body else "",
        f"↩️ Rolled back because: {escape(settings.reason)}\n" if request.rollback else "",
        change_report.changes_table(env, changes, left_alone=left_alone, newer=plan.superseded, links=compare),
        f"In {request.from_env}: {escape('; '.join(plan.in_source))}\n" if plan.in_source else "",
        description.allowed(settings.allow_diverged, {item.change.service: item.order for item in plan.evaluated}),
        f"**Gates**\n\n{gate_report.gates_table(plan.evaluated)}",
        description.histories(
            {item.change.service: item.comparison for item in plan.evaluated},
            pulls={service: f"{server_url()}/{app}/pull" for service, app in apps.items()},
        ),
        "" if settings.dry_run else description.opened_by(run_url(), actors()[0]),
    ]
    tail = f"{MARKER}{json.dumps(marker, separators=(',', ':'))}{MARKER_END}\n"
    return description.fitted("\n".join(part for part in parts if part), tail)


def _requesters() -> str:
    """Return who triggered the run, and who re-ran it."""
    triggering, first = actors()
    return ", ".join(dict.fromkeys(name for name in (first, triggering) if LOGIN.fullmatch(name)))


def _requested_in() -> str:
    run = this_run()
    return f"{run.url}/attempts/{run.attempt}" if run.id else ""


def tags_in(body: str, env: str) -> dict[str, str]:
    """Return the tags that our pull request with *body* proposes for *env*, none if its marker is for another.

    The marker is the last one: whatever the workflow or a person wrote, stands before it.
    """
    text = body.rpartition(MARKER)[2].partition(MARKER_END)[0]
    try:
        marker = json.loads(text)
        tags = marker["tags"] if marker["env"] == env else {}
        return {str(service): str(tag) for service, tag in tags.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}  # somebody has edited it
