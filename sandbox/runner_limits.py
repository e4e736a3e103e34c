"""What this machine does as a runner: which jobs run here, how long a step may take, what is skipped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox import checkout_action

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MACHINE = "ubuntu-latest"
ELSEWHERE = ("windows", "macos")  # a job for such a machine does not run
MINUTES = 30  # a step may take, if neither it nor its job says less; GitHub's limit is six hours
CHECKOUT = "actions/checkout@"


def machine_of(job: Mapping[str, Any]) -> str:
    """Return what act is told of where *job* runs: here, unless it names a machine of another kind.

    Labels of self-hosted and of larger runners, and what only a run knows, mean this machine too.
    """
    declared = job.get("runs-on", MACHINE)
    labels = declared.get("labels", []) if isinstance(declared, dict) else declared
    named = [str(label).lower() for label in ([labels] if isinstance(labels, str) else labels)]
    return next((label for label in named if label.startswith(ELSEWHERE)), MACHINE)


def limit_of(step: Mapping[str, Any], job: Mapping[str, Any]) -> int:
    """Return how many minutes *step* of *job* may take: act knows no limit of a job, so each step has it."""
    declared = [each["timeout-minutes"] for each in (step, job) if "timeout-minutes" in each]
    return min([MINUTES, *(max(1, int(minutes)) for minutes in declared if str(minutes).isdecimal())])


def runnable(step: Mapping[str, Any], there: Callable[[str], bool]) -> dict[str, Any]:
    """Return *step* as this machine can run it: what is not *there* is skipped, with a word in the log."""
    uses = str(step.get("uses", ""))
    if not uses or uses.startswith("./"):
        return dict(step)
    if uses.startswith(CHECKOUT):
        return _checkout(step)
    if there(uses):
        return dict(step)
    kept = {key: step[key] for key in ("id", "name", "if", "continue-on-error") if key in step}
    said = f"sandbox: {uses} is not on this machine; the step is skipped, and its outputs are empty"
    return {"name": f"Run {uses}", **kept, **saying(said)}


def _checkout(step: Mapping[str, Any]) -> dict[str, Any]:
    given = {key: value for key, value in (step.get("with") or {}).items() if value not in ("", None)}
    if str(given.get("fetch-depth", 1)) == "1":
        given.pop("fetch-depth", None)
    if set(given) <= checkout_action.COPIED:
        return dict(step)
    given = {key: given[key] for key in checkout_action.INPUTS if key in given}
    return {**step, "uses": checkout_action.USES, "with": {"token": "${{ github.token }}", **given}}


def without_containers(job: dict[str, Any]) -> str:
    """Take what needs a container engine out of *job*; return what is to be said of it, "" if it was nothing."""
    gone = [key for key in ("container", "services") if job.pop(key, None)]
    return f"sandbox: there is no container engine; the job runs without its {' and '.join(gone)}" if gone else ""


def skipped_job(job: Mapping[str, Any]) -> dict[str, Any]:
    """Return *job*, which calls a workflow of another repository, as one that says that it is skipped."""
    kept = {key: job[key] for key in ("name", "needs", "if", "strategy") if key in job}
    said = f"sandbox: {job['uses']} is not on this machine; the job is skipped, and its outputs are empty"
    return {**kept, "runs-on": MACHINE, "steps": [{"name": "Set up job", **saying(said)}]}


def saying(said: str) -> dict[str, Any]:
    """Return what makes a step say *said*, whatever the job's `defaults` are."""
    return {"shell": "bash", "working-directory": ".", "env": {"SAID": said}, "run": 'echo "$SAID"'}
