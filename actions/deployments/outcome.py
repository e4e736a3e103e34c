"""Tell how the deployments of a run ended, by the jobs and steps that GitHub says it had."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from actions.api.client import Client

PERMISSION = "actions: read"
SUCCESS, FAILURE, GIVEN_UP = "success", "failure", "inactive"


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """A step of a job in one attempt of a run; its *conclusion* is GitHub's word, "" while it runs."""

    job: str
    attempt: int
    name: str
    conclusion: str


def steps_of_run(client: Client, run: str) -> list[Step]:
    """Return the steps of all jobs of *run*, of every attempt."""
    pages = client.pages(f"/actions/runs/{run}/jobs?filter=all&per_page=100", permission=PERMISSION)
    with client.parsing():
        return [step for page in pages for job in page["jobs"] for step in _steps(job)]


def _steps(job: Mapping[str, Any]) -> list[Step]:
    name, attempt = str(job["name"]), int(job.get("run_attempt") or 1)
    return [
        Step(job=name, attempt=attempt, name=str(step["name"]), conclusion=str(step["conclusion"] or ""))
        for step in job.get("steps") or ()  # none before the job has begun
    ]


def state_of(steps: Sequence[Step], *, job: str, step: str, since: int = 1) -> str:
    """Return the state of a deployment that the step *step* of *job* carried out, in the attempt *since* or later.

    A step that succeeded is a success, whatever came after it. Where none began, nothing was deployed. All else failed:
    what it has left behind is unknown. A job of a called workflow is `caller / job`.
    """
    ended = [
        each.conclusion
        for each in steps
        if each.attempt >= since and each.name == step and (each.job == job or each.job.endswith(f" / {job}"))
    ]
    if "success" in ended:
        return SUCCESS
    return FAILURE if any(conclusion != "skipped" for conclusion in ended) else GIVEN_UP
