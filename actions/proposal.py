"""The change in the words of a pull request, and the names by which a later run finds it again."""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from actions import gate_report, report
from actions.runtime import BRANCH_NAME, markdown
from actions.tags import is_tag, short

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actions.change import Request
    from actions.infra_settings import Settings
    from actions.infra_state import State
    from actions.intent import Intent

LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}(\[bot\])?")
MARKER = re.compile(r"<!-- gitops-actions (\{.*?\}) -->")


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """What is to be committed to *branch*, and how the pull request presents it."""

    branch: str
    title: str
    body: str
    message: str
    files: Mapping[str, str]


def branch_name(request: Request, wanted: Mapping[str, str]) -> str:
    """Return a name that the same wish always has, so that a second run finds what the first one made."""
    env, back = request.env, "rollback-" if request.rollback else ""
    service, tag = next(iter(wanted.items()))
    name = f"gitops/{env}/{back}{service}-{short(tag)}"
    if len(wanted) == 1 and BRANCH_NAME.fullmatch(name):
        return name
    digest = hashlib.sha256("\n".join(f"{s}={wanted[s]}" for s in sorted(wanted)).encode()).hexdigest()
    return f"gitops/{env}/{back}{len(wanted)}-{'services' if len(wanted) > 1 else 'service'}-{digest[:12]}"


def propose(settings: Settings, state: State, intent: Intent, *, branch: str) -> Proposal:
    """Return the pull request for *intent*."""
    changes, request = intent.changes, settings.request
    server = os.environ.get("GITHUB_SERVER_URL", "https://github.com")
    apps = {c.service: state.config.repo_of(c.service, settings.app_repo) for c in changes}
    links = {
        c.service: f"{server}/{apps[c.service]}/compare/{c.before}...{c.after}"
        for c in changes
        if is_tag(c.before) and apps[c.service]
    }
    title = settings.title or report.title(changes, from_env=request.from_env, rolls_back=bool(request.rollback))
    run_url = f"{server}/{os.environ.get('GITHUB_REPOSITORY', '')}/actions/runs/{os.environ.get('GITHUB_RUN_ID', '')}"
    marker = {"env": state.target.env, "tags": {c.service: c.after for c in changes}}
    parts = [
        f"{settings.body}\n" if settings.body else "",
        f"↩️ Rolled back because: {markdown(settings.reason)}\n" if request.rollback else "",
        report.changes_table(
            state.target.env,
            changes,
            left_alone=request.left_alone(state.target, state.source),
            newer=intent.behind,
            links=links,
        ),
        f"In {request.from_env}: {markdown('; '.join(intent.in_source))}\n" if intent.in_source else "",
        report.allowed(settings.allow_diverged, {each.change.service: each.order for each in intent.judged}),
        f"**Gates**\n\n{gate_report.table(intent.judged)}",
        report.pull_body(
            {each.change.service: each.comparison for each in intent.judged},
            pulls={service: f"{server}/{app}/pull" for service, app in apps.items()},
            run_url=run_url,
            actor=os.environ.get("GITHUB_TRIGGERING_ACTOR") or os.environ.get("GITHUB_ACTOR", ""),
        ),
        f"<!-- gitops-actions {json.dumps(marker, separators=(',', ':'))} -->\n",
    ]
    return Proposal(
        branch=branch,
        title=title,
        body="\n".join(part for part in parts if part),
        message=report.commit_message(title, changes, replace(settings.said, requested_by=_requesters()).trailers()),
        files={
            new.path: new.text
            for old, new in zip(state.target.files, intent.planned.after.files, strict=True)
            if old.text != new.text
        },
    )


def _requesters() -> str:
    """Return who started the run, and who started it again."""
    names = (os.environ.get("GITHUB_ACTOR", ""), os.environ.get("GITHUB_TRIGGERING_ACTOR", ""))
    return ", ".join(dict.fromkeys(name for name in names if LOGIN.fullmatch(name)))


def tags_in(body: str, env: str) -> dict[str, str]:
    """Return the tags that the pull request with *body* proposes for *env*, none if it is not one of ours."""
    match = MARKER.search(body)
    try:
        marker = json.loads(match[1]) if match else {}
        tags = marker["tags"] if marker.get("env") == env else {}
        return {str(service): str(tag) for service, tag in tags.items()}
    except (ValueError, KeyError, AttributeError):
        return {}  # somebody has edited it
