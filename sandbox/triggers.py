"""Which workflows of a repository an event starts (docs.github.com, "Workflow syntax", `on`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from sandbox.patterns import filter_passes
from sandbox.state import branch_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.state import Event

FOLDER = ".github/workflows/"
DEFAULT_TYPES = ("opened", "synchronize", "reopened")


def started(event: Event) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield path and content of every workflow, as it is at the commit of *event*, that the event starts."""
    if event.payload.get("deleted"):
        return  # a workflow is read at the commit of the ref, and there is none
    for path in sorted(event.repo.git.paths(event.sha)):
        if path.startswith(FOLDER) and path.endswith((".yml", ".yaml")):
            _, content = event.repo.git.file(event.sha, path) or (0, b"")
            # BaseLoader: everything is text, so `on` is not taken for a boolean.
            workflow = yaml.load(content, Loader=yaml.BaseLoader)  # noqa: S506 - it makes nothing but texts
            if _fits(triggers_of(workflow), event) and event.payload.get("workflow") in (None, path):
                yield path, workflow


def triggers_of(workflow: dict[str, Any]) -> dict[str, Any]:
    """Return the events that start *workflow*, each with its filters."""
    on = workflow["on"]
    if isinstance(on, str):
        return {on: {}}
    if isinstance(on, list):
        return {name: {} for name in on}
    return {name: value or {} for name, value in on.items()}


def _fits(triggers: dict[str, Any], event: Event) -> bool:
    if event.name not in triggers:
        return False
    filters = triggers[event.name]
    if event.name in ("pull_request", "pull_request_target"):
        branch = event.payload["pull_request"]["base"]["ref"]
        types = filters.get("types", DEFAULT_TYPES)
        fits = event.payload["action"] in types and _passes(filters, "branches", branch)
        return fits and _touched(filters, event)
    if event.name in ("pull_request_review", "issue_comment"):
        return event.payload["action"] in filters.get("types", [event.payload["action"]])
    if event.name == "push":
        branch = branch_of(event.ref)
        if not branch:
            return "branches" not in filters and _passes(filters, "tags", event.ref.removeprefix("refs/tags/"))
        fits = ("tags" not in filters or "branches" in filters) and _passes(filters, "branches", branch)
        return fits and _touched(filters, event)
    return True


def _touched(filters: dict[str, Any], event: Event) -> bool:
    """Tell whether a file that *event* changes passes the filter `paths`; that of a new branch always does."""
    if "paths" not in filters:
        return True
    pull = event.payload.get("pull_request")
    before = pull["base"]["sha"] if pull else event.payload["before"]
    changed = event.repo.git.changed_paths(before, event.sha) if int(before, 16) else None
    return changed is None or any(_passes(filters, "paths", path) for path in changed)


def _passes(filters: dict[str, Any], kind: str, name: str) -> bool:
    return filter_passes(name, wanted=filters.get(kind), ignored=filters.get(f"{kind}-ignore", []))
