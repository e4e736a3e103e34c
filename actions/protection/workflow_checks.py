"""Work out from the texts of workflows which checks they report on pull requests, and for which branches they run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import yaml

from actions.api.patterns import passes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

FOLDER = ".github/workflows"
LOCAL = re.compile(r"\./(?P<path>\.github/workflows/[^@]+)")
EXPRESSION = re.compile(r"\$\{\{.*?\}\}")
ON_PULL_REQUESTS = ("pull_request", "pull_request_target", "push")
# GitHub allows ten levels of reusable workflows (docs.github.com, "Reusing workflow configurations").
DEEPEST = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkflowCheck:
    """A check that a job reports; `*` in its *name* stands for a part that only a run knows.

    *filtered* means that the *workflow* runs only for some paths, so the check may never be reported.
    """

    name: str
    workflow: str
    filtered: bool

    def is_named(self, name: str) -> bool:
        """Tell whether the check can have *name*."""
        return re.fullmatch(".*".join(map(re.escape, self.name.split("*"))), name) is not None


def reported_checks(workflows: Mapping[str, str], on: Collection[str] = ON_PULL_REQUESTS) -> list[WorkflowCheck]:
    """Return the checks that *workflows* (path to text) report for the events *on*: on the head of a pull request.

    The check of a job has its name, or else its id. A job of a called workflow is `caller / job`, and a matrix appends
    its values in brackets (docs.github.com, "Troubleshooting required status checks").
    """
    parsed = parse(workflows)
    checks: list[WorkflowCheck] = []
    for path, workflow in parsed.items():
        events = {name: value for name, value in events_of(workflow).items() if name in on}
        filtered = all("paths" in event or "paths-ignore" in event for event in events.values())
        names = _names(workflow, parsed, DEEPEST) if events else ()
        checks += [WorkflowCheck(name=name, workflow=path, filtered=filtered) for name in names]
    return checks


def publishes(workflows: Mapping[str, str], branch: str) -> str:
    """Return the path of a workflow whose branch filter lets a push to *branch* start it, "" if there is none."""
    for path, workflow in parse(workflows).items():
        push = events_of(workflow).get("push", {})
        wanted = push.get("branches")
        if isinstance(wanted, list) and passes(branch, wanted=_texts(wanted), ignored=[]):
            return path
    return ""


def parse(workflows: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Parse *workflows* (path to text), leaving out invalid ones, which GitHub does not run and reports itself."""
    parsed = {path: _document(text) for path, text in workflows.items()}
    return {path: document for path, document in parsed.items() if document is not None}


@cache
def _document(text: str) -> dict[str, Any] | None:
    """Parse *text*, which each question about a workflow asks for once more; whoever gets the result changes nothing.

    BaseLoader reads every scalar as text; other loaders take the key `on` for a boolean.
    """
    try:
        document = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - it creates only text
    except (yaml.YAMLError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def events_of(workflow: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the events that start *workflow*, each with its filters."""
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
    title = job.get("name")
    name = EXPRESSION.sub("*", title) if isinstance(title, str) and title else key
    strategy = job.get("strategy")
    if isinstance(strategy, dict) and "matrix" in strategy:
        return [f"{name} (*)", *([name] if "*" in name else [])]
    return [name]


def _called(job: dict[str, Any], all_: Mapping[str, dict[str, Any]], depth: int) -> Iterator[str]:
    """Yield the names of the checks of the workflow that *job* calls, `*` if it is in another repository."""
    match = LOCAL.fullmatch(str(job["uses"]))
    if not match:
        yield "*"
    elif depth and match["path"] in all_:
        yield from _names(all_[match["path"]], all_, depth - 1)


def _texts(items: list[Any]) -> list[str]:
    return [item for item in items if isinstance(item, str)]
