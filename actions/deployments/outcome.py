"""Tell how the deployments of a run ended, by the jobs and steps that GitHub says it had."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from actions.api.client import Client

PERMISSION = "actions: read"
SUCCESS, FAILURE, GIVEN_UP = "success", "failure", "inactive"


def jobs_of_run(client: Client, run: str) -> list[Mapping[str, Any]]:
    """Return the jobs of the last attempt of *run*, each with its steps."""
    pages = client.pages(f"/actions/runs/{run}/jobs?filter=latest&per_page=100", permission=PERMISSION)
    with client.parsing():
        return [job for page in pages for job in page["jobs"]]


def state_of(jobs: Sequence[Mapping[str, Any]], *, job: str, step: str) -> str:
    """Return the state of a deployment that the step *step* of the job *job* carried out.

    A step that succeeded is a success, whatever came after it. Where none began, nothing was deployed. All else failed:
    what it has left behind is unknown. A job of a called workflow is `caller / job`.
    """
    steps = [
        found
        for known in jobs
        if known["name"] == job or known["name"].endswith(f" / {job}")
        for found in known.get("steps") or ()
        if found["name"] == step
    ]
    ended = [str(found["conclusion"] or "") for found in steps]
    if "success" in ended:
        return SUCCESS
    return FAILURE if any(conclusion != "skipped" for conclusion in ended) else GIVEN_UP
