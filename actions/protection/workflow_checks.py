"""What workflows report on a pull request, and which branches they run for: from their texts alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from actions.api.patterns import passes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FOLDER = ".github/workflows"
LOCAL = re.compile(r"\./(?P<path>\.github/workflows/[^@]+)")
EXPRESSION = re.compile(r"\$\{\{.*?\}\}")
ON_PULL_REQUESTS = ("pull_request", "pull_request_target", "push")
# GitHub takes ten levels of reusable workflows (docs.github.com, "Reusing workflow configurations").
DEEPEST = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkflowCheck:
    """A check that a job reports: its *name*, in which `*` stands for what only a run knows, and its *workflow*.

    *filtered* tells that the workflow runs for some paths only, so that the check may never come.
    """

    name: str
    workflow: str
    filtered: bool

    def is_named(self, name: str) -> bool:
        """Tell whether the check can have *name*."""
        return re.fullmatch(".*".join(map(re.escape, self.name.split("*"))), name) is not None


def reported_checks(workflows: Mapping[str, str]) -> list[WorkflowCheck]:
    """Return the checks that *workflows*, texts by path, report on the head of a pull request.

    A job reports by its name, else by its id; one that calls a workflow by `name / name of the job in there`; one of a
    matrix with its values behind it (docs.github.com, "Troubleshooting required status checks").
    """
    parsed = _parsed(workflows)
    checks: list[WorkflowCheck] = []
    for path, workflow in parsed.items():
        events = {name: value for name, value in _events(workflow).items() if name in ON_PULL_REQUESTS}
        filtered = all("paths" in given or "paths-ignore" in given for given in events.values())
        names = _names(workflow, parsed, DEEPEST) if events else ()
        checks += [WorkflowCheck(name=name, workflow=path, filtered=filtered) for name in names]
    return checks


def publishes(workflows: Mapping[str, str], branch: str) -> str:
    """Return the path of a workflow that a push to *branch* starts because its filter names such branches, or ""."""
    for path, workflow in _parsed(workflows).items():
        push = _events(workflow).get("push", {})
        wanted = push.get("branches")
        if isinstance(wanted, list) and passes(branch, wanted=_texts(wanted), ignored=[]):
            return path
    return ""


def _parsed(workflows: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return those of *workflows* that are mappings; GitHub runs no other, and says so itself."""
    parsed = {}
    for path, text in workflows.items():
        try:
            # Everything is text, so `on` is not taken for a boolean.
            document = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - it makes nothing but texts
        except (yaml.YAMLError, RecursionError):
            continue
        if isinstance(document, dict):
            parsed[path] = document
    return parsed


def _events(workflow: dict[str, Any]) -> dict[str, dict[str, Any]]:
    on = workflow.get("on")
    if isinstance(on, dict):
        return {name: value if isinstance(value, dict) else {} for name, value in on.items()}
    return {name: {} for name in _texts(on if isinstance(on, list) else [on])}


def _names(workflow: dict[str, Any], all_: Mapping[str, dict[str, Any]], depth: int) -> Iterator[str]:
    jobs = workflow.get("jobs")
    for key, job in (jobs if isinstance(jobs, dict) else {}).items():
        if isinstance(job, dict):
            for name in _own_names(str(key), job):
                yield from (f"{name} / {inner}" for inner in _called(job, all_, depth)) if "uses" in job else [name]


def _own_names(key: str, job: dict[str, Any]) -> list[str]:
    given = job.get("name")
    name = EXPRESSION.sub("*", given) if isinstance(given, str) and given else key
    strategy = job.get("strategy")
    if isinstance(strategy, dict) and "matrix" in strategy:
        return [f"{name} (*)", *([name] if "*" in name else [])]
    return [name]


def _called(job: dict[str, Any], all_: Mapping[str, dict[str, Any]], depth: int) -> Iterator[str]:
    """Yield the names of the checks of the workflow that *job* calls; `*` for one of another repository."""
    match = LOCAL.fullmatch(str(job["uses"]))
    if not match:
        yield "*"
    elif depth and match["path"] in all_:
        yield from _names(all_[match["path"]], all_, depth - 1)


def _texts(items: list[Any]) -> list[str]:
    return [item for item in items if isinstance(item, str)]
