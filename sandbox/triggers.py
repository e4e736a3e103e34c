"""Which workflows of a repository an event starts (docs.github.com, "Workflow syntax", `on`)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import yaml

from sandbox.patterns import filter_passes
from sandbox.state import branch_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.state import Event, Repo

FOLDER = ".github/workflows/"
DEFAULT_TYPES = ("opened", "synchronize", "reopened")  # of pull requests; other events start by every type
BY_PATH = ("workflow_dispatch", "schedule")  # they start one workflow, which their payload names
SKIPPED = ("[skip ci]", "[ci skip]", "[no ci]", "[skip actions]", "[actions skip]")
SKIP_TRAILER = re.compile(r"\n\nskip-checks: ?true\s*$")
# What happens here; GitHub has more (docs.github.com, "Events that trigger workflows").
FIRED = frozenset((
    "create", "delete", "deployment", "deployment_status", "issue_comment", "merge_group", "pull_request",
    "pull_request_review", "pull_request_target", "push", "release", "repository_dispatch", "schedule", "status",
    "workflow_call", "workflow_dispatch", "workflow_run",
))  # fmt: skip


def started(event: Event) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield path and content of every workflow, as it is at the commit of *event*, that the event starts.

    A push starts, and fails, what is no workflow at all: then the content is empty.
    """
    if event.payload.get("deleted"):
        return  # a workflow is read at the commit of the ref, and there is none
    if event.name in ("push", "pull_request") and _is_skipped(event):
        return
    for path, workflow in workflows_at(event.repo, event.sha):
        asked = event.payload.get("workflow") if event.name in BY_PATH else path
        if (workflow and _fits(triggers_of(workflow), event) and asked == path) or (
            not workflow and event.name == "push"
        ):
            yield path, workflow


def _is_skipped(event: Event) -> bool:
    """Tell whether the message of the commit asks for no runs (docs.github.com, "Skipping workflow runs")."""
    head = event.payload.get("pull_request", {}).get("head", {}).get("sha", event.sha)
    message = event.repo.git.get(head).message
    return any(word in message for word in SKIPPED) or bool(SKIP_TRAILER.search(message))


def workflows_at(repo: Repo, sha: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield path and content of every workflow in the commit *sha*; of what is none, the content is empty."""
    for path in sorted(repo.git.paths(sha)):
        if path.startswith(FOLDER) and path.count("/") == 2 and path.endswith((".yml", ".yaml")):
            _, content = repo.git.file(sha, path) or (0, b"")
            yield path, parsed(content)


@lru_cache(maxsize=512)
def parsed(content: bytes) -> dict[str, Any]:
    """Return a workflow, all of it as text; {} if it is none."""
    try:
        # BaseLoader: everything is text, so `on` is not taken for a boolean.
        workflow = yaml.load(content, Loader=yaml.BaseLoader)  # noqa: S506 - it makes nothing but texts
    except (yaml.YAMLError, UnicodeDecodeError):
        return {}
    if not isinstance(workflow, dict) or not isinstance(workflow.get("jobs"), dict):
        return {}
    return workflow if isinstance(workflow.get("on"), (str, list, dict)) else {}


def triggers_of(workflow: dict[str, Any]) -> dict[str, Any]:
    """Return the events that start *workflow*, each with its filters."""
    on = workflow["on"]
    if isinstance(on, str):
        return {on: {}}
    if isinstance(on, list):
        return {name: {} for name in on}
    return {name: value or {} for name, value in on.items()}


def never_fired(repo: Repo, sha: str) -> list[tuple[str, str]]:
    """Return path and event of what the workflows in the commit *sha* wait for and the sandbox never tells of."""
    return [
        (path, name)
        for path, workflow in workflows_at(repo, sha)
        for name in (triggers_of(workflow) if workflow else ())
        if name not in FIRED
    ]


def _fits(triggers: dict[str, Any], event: Event) -> bool:
    if event.name not in triggers:
        return False
    filters = triggers[event.name]
    if event.name in ("pull_request", "pull_request_target"):
        branch = event.payload["pull_request"]["base"]["ref"]
        types = filters.get("types", DEFAULT_TYPES)
        fits = event.payload["action"] in types and _passes(filters, "branches", branch)
        return fits and _touched(filters, event)
    if event.name == "push":
        branch = branch_of(event.ref)
        if not branch:
            return "branches" not in filters and _passes(filters, "tags", event.ref.removeprefix("refs/tags/"))
        fits = ("tags" not in filters or "branches" in filters) and _passes(filters, "branches", branch)
        return fits and _touched(filters, event)
    if event.name == "schedule":
        return any(each.get("cron") == event.payload["schedule"] for each in filters)
    if event.name == "workflow_run":
        run = event.payload["workflow_run"]
        named = run["name"] in _list(filters.get("workflows"))
        return named and _of_type(filters, event) and _passes(filters, "branches", run["head_branch"])
    if event.name == "merge_group":
        branch = branch_of(event.payload["merge_group"]["base_ref"])
        return _of_type(filters, event) and _passes(filters, "branches", branch)
    return _of_type(filters, event)


def _of_type(filters: dict[str, Any], event: Event) -> bool:
    """Tell whether the event's type is asked for; without `types`, every one is."""
    return "types" not in filters or event.payload.get("action") in _list(filters["types"])


def _list(value: object) -> list[str]:
    return [value] if isinstance(value, str) else list(value) if isinstance(value, list) else []


def _touched(filters: dict[str, Any], event: Event) -> bool:
    """Tell whether a file that *event* changes passes the filter `paths`; that of a new branch always does."""
    kinds = [kind for kind in ("paths", "paths-ignore") if kind in filters]
    if not kinds:
        return True
    pull = event.payload.get("pull_request")
    before = pull["base"]["sha"] if pull else event.payload["before"]
    changed = event.repo.git.changed_paths(before, event.sha) if int(before, 16) else None
    return changed is None or any(_passes(filters, "paths", path) for path in changed)


def _passes(filters: dict[str, Any], kind: str, name: str) -> bool:
    wanted = _list(filters[kind]) if kind in filters else None
    return filter_passes(name, wanted=wanted, ignored=_list(filters.get(f"{kind}-ignore")))
