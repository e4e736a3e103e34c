"""Which workflows of a repository an event starts (docs.github.com, "Workflow syntax", `on`)."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

import yaml

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
            if _fits(_triggers(workflow), event) and event.payload.get("workflow") in (None, path):
                yield path, workflow


def _triggers(workflow: dict[str, Any]) -> dict[str, Any]:
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
    if event.name == "pull_request":
        branch = event.payload["pull_request"]["base"]["ref"]
        types = filters.get("types", DEFAULT_TYPES)
        return event.payload["action"] in types and _passes(filters, "branches", branch)
    if event.name == "push":
        branch = branch_of(event.ref)
        if not branch:
            return "branches" not in filters and _passes(filters, "tags", event.ref.removeprefix("refs/tags/"))
        return ("tags" not in filters or "branches" in filters) and _passes(filters, "branches", branch)
    return True


def _passes(filters: dict[str, Any], kind: str, name: str) -> bool:
    ignored = filters.get(f"{kind}-ignore", [])
    if any(_glob(pattern).fullmatch(name) for pattern in ignored):
        return False
    matched = kind not in filters
    for pattern in filters.get(kind, []):
        if _glob(pattern.removeprefix("!")).fullmatch(name):
            matched = not pattern.startswith("!")
    return matched


@cache
def _glob(pattern: str) -> re.Pattern[str]:
    """Return a filter pattern as GitHub Actions reads it: `**` crosses slashes, `*` does not; not like a ruleset's."""
    parts = re.findall(r"\*\*|\*|\?|\+|\[[^\]]*\]|.", pattern)
    special = {"**": ".*", "*": "[^/]*", "?": "?", "+": "+"}
    return re.compile("".join(special.get(part, part if part.startswith("[") else re.escape(part)) for part in parts))
