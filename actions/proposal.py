"""The change in the words of a pull request, and the names by which a later run finds it again."""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from actions import report
from actions.infra_settings import BRANCH_NAME
from actions.tags import is_tag, short

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actions.change import Plan
    from actions.infra_settings import Settings
    from actions.infra_state import State
    from actions.order import Order
    from actions.repository import Comparison

MARKER = re.compile(r"<!-- gitops-actions (\{.*?\}) -->")


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """What is to be committed to *branch*, and how the pull request presents it."""

    branch: str
    title: str
    body: str
    message: str
    files: Mapping[str, str]


def branch_name(env: str, wanted: Mapping[str, str]) -> str:
    """Return a name that the same wish always has, so that a second run finds what the first one made."""
    service, tag = next(iter(wanted.items()))
    name = f"gitops/{env}/{service}-{short(tag)}"
    if len(wanted) == 1 and BRANCH_NAME.fullmatch(name):
        return name
    digest = hashlib.sha256("\n".join(f"{s}={wanted[s]}" for s in sorted(wanted)).encode()).hexdigest()
    return f"gitops/{env}/{len(wanted)}-{'services' if len(wanted) > 1 else 'service'}-{digest[:12]}"


def propose(
    settings: Settings,
    state: State,
    planned: Plan,
    *,
    branch: str,
    orders: Mapping[str, tuple[Order, Comparison | None]],
) -> Proposal:
    """Return the pull request for *planned*; *orders* say how each new tag relates to the one in place."""
    changes = planned.changes
    server = os.environ.get("GITHUB_SERVER_URL", "https://github.com")
    apps = {c.service: state.config.repo_of(c.service, settings.app_repo) for c in changes}
    links = {
        c.service: f"{server}/{apps[c.service]}/compare/{c.before}...{c.after}" for c in changes if is_tag(c.before)
    }
    left_alone = settings.request.left_alone(state.target, state.source)
    title = settings.title or report.title(changes, from_env=settings.request.from_env)
    run_url = f"{server}/{os.environ.get('GITHUB_REPOSITORY', '')}/actions/runs/{os.environ.get('GITHUB_RUN_ID', '')}"
    marker = {"env": state.target.env, "tags": {c.service: c.after for c in changes}}
    parts = [
        f"{settings.body}\n" if settings.body else "",
        report.changes_table(state.target.env, changes, left_alone=left_alone, links=links),
        report.allowed(settings.allow_diverged, {c.service: orders[c.service][0] for c in changes}),
        report.pull_body(
            {c.service: orders[c.service][1] for c in changes},
            run_url=run_url,
            actor=os.environ.get("GITHUB_TRIGGERING_ACTOR") or os.environ.get("GITHUB_ACTOR", ""),
        ),
        f"<!-- gitops-actions {json.dumps(marker, separators=(',', ':'))} -->\n",
    ]
    return Proposal(
        branch=branch,
        title=title,
        body="\n".join(part for part in parts if part),
        message=report.commit_message(title, changes),
        files={
            new.path: new.text
            for old, new in zip(state.target.files, planned.after.files, strict=True)
            if old.text != new.text
        },
    )


def tags_in(body: str, env: str) -> dict[str, str]:
    """Return the tags that the pull request with *body* proposes for *env*, none if it is not one of ours."""
    match = MARKER.search(body)
    try:
        marker = json.loads(match[1]) if match else {}
        tags = marker["tags"] if marker.get("env") == env else {}
        return {str(service): str(tag) for service, tag in tags.items()}
    except (ValueError, KeyError, AttributeError):
        return {}  # somebody has edited it
