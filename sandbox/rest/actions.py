"""Workflow runs, their jobs, and dispatches."""

from __future__ import annotations

import io
import zipfile
from typing import Any

from sandbox import events
from sandbox.behaviour import Refusal
from sandbox.gitrepo import BRANCH
from sandbox.payloads import workflow_id
from sandbox.rest.call import Answer, Call, Redirect, found, route
from sandbox.state import CheckRun, Repo, WorkflowRun, branch_of, timestamp
from sandbox.triggers import parsed, triggers_of, workflows_at

MOST_RESULTS = 1000
SEARCHED = frozenset({"actor", "branch", "check_suite_id", "created", "event", "head_sha", "status"})


@route("GET /repos/{owner}/{repo}/actions/runs")
def _workflow_runs(call: Call) -> Answer:
    repo = call.repo(permission="actions")
    # Newest first (cli/cli#6678); by status means by conclusion too (OpenAPI).
    oldest_first = sorted(repo.runs, key=lambda run: run.created)
    runs = [run for run in reversed(oldest_first) if _asked_for(call, repo, run)]
    # "up to 1,000 results for each search" (OpenAPI); that the count says how many there are is a guess.
    shown = runs[:MOST_RESULTS] if SEARCHED & call.query.keys() else runs
    return 200, {"total_count": len(runs), "workflow_runs": [call.payloads.workflow_run(repo, run) for run in shown]}


@route("GET /repos/{owner}/{repo}/actions/runs/{run_id}/jobs")
def _jobs(call: Call) -> Answer:
    repo = call.repo(permission="actions")
    run = _run_of(call, repo)
    of_run = [check for check in repo.checks if check.run == run.id]
    shown = of_run if call.query.get("filter") == "all" else repo.jobs(run)
    jobs = [call.payloads.job(repo, check) for check in shown]
    return 200, {"total_count": len(jobs), "jobs": jobs}


@route("GET /repos/{owner}/{repo}/actions/runs/{run_id}")
def _workflow_run(call: Call) -> Answer:
    repo = call.repo(permission="actions")
    return 200, call.payloads.workflow_run(repo, _run_of(call, repo))


@route("GET /repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number}")
def _attempt(call: Call) -> Answer:
    repo = call.repo(permission="actions")
    run, attempt = _run_of(call, repo), call.number("attempt_number")
    found(1 <= attempt <= run.attempt or None)
    return 200, call.payloads.workflow_run(repo, run, attempt)


@route("GET /repos/{owner}/{repo}/actions/runs/{run_id}/approvals")
def _approvals(call: Call) -> Answer:
    return 200, _run_of(call, call.repo(permission="actions")).approvals


@route("POST /repos/{owner}/{repo}/actions/runs/{run_id}/rerun")
def _rerun(call: Call) -> Answer:
    """Run a workflow once more: the same commit and event, the same actor's rights ("Re-running workflows and jobs").

    The words of the refusals are a guess; that they are a 403 is not (cli/cli#9221).
    """
    repo = call.repo("write", "actions")
    run = _run_of(call, repo)
    if repo.progress(run)[0] != "completed":
        raise Refusal(403, "The workflow run cannot be rerun: it is already running.", kind="FORBIDDEN")
    if not run.again:
        raise Refusal(403, "Unable to retry this workflow run because it was created over a month ago")
    run.attempt += 1
    run.reruns[run.attempt] = timestamp(), call.token.user
    run.again()
    return 201, {}


def _asked_for(call: Call, repo: Repo, run: WorkflowRun) -> bool:
    wanted = {name: call.query.get(name) for name in ("head_sha", "event", "actor", "branch")}
    known = {
        "head_sha": run.sha,
        "event": run.event,
        "actor": run.actor.login,
        "branch": run.branch or repo.default_branch,
    }
    begin, _, end = call.query.get("created", "..").partition("..")
    in_time = begin <= run.created <= (end or run.created)  # moments in one form ("Understanding the search syntax")
    return (
        all(value in (None, known[name]) for name, value in wanted.items())
        and in_time
        and (call.query.get("status") in (None, *repo.progress(run)))
    )


def _run_of(call: Call, repo: Repo) -> WorkflowRun:
    number = call.number("run_id")
    return found(next((run for run in repo.runs if run.id == number), None))  # type: ignore[no-any-return]


@route("POST /repos/{owner}/{repo}/actions/runs/{run_id}/cancel")
def _cancel(call: Call) -> Answer:
    """Stop a run; one that is over is a 409 in these words (Homebrew/actions#70, auto-cancel-redundant-workflow#68)."""
    repo = call.repo("write", "actions")
    run = _run_of(call, repo)
    if repo.progress(run)[0] == "completed" or not run.stop:
        raise Refusal(409, "Cannot cancel a workflow run that is completed.")
    run.stop()
    return 202, {}


@route("GET /repos/{owner}/{repo}/actions/jobs/{job_id}")
def _job(call: Call) -> Answer:
    repo = call.repo(permission="actions")
    return 200, call.payloads.job(repo, _job_of(call, repo))


@route("GET /repos/{owner}/{repo}/actions/jobs/{job_id}/logs")
def _job_logs(call: Call) -> Answer:
    """Lead to the log of a job, for a minute; there is none before its end, in words that are a guess."""
    job = _job_of(call, call.repo(permission="actions"))
    if not job.completed:
        raise Refusal(404, "Not Found", kind="NOT_FOUND")
    return 302, Redirect(call.state.offer("\n".join([*job.log, ""]).encode()))


@route("GET /repos/{owner}/{repo}/actions/runs/{run_id}/logs")
def _run_logs(call: Call) -> Answer:
    """Lead to an archive with a file for each job of the last attempt (OpenAPI, "Download workflow run logs")."""
    repo = call.repo(permission="actions")
    run = _run_of(call, repo)
    jobs = found(repo.jobs(run) or None) if repo.progress(run)[0] == "completed" else found(None)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as files:
        for number, job in enumerate(jobs):
            files.writestr(f"{number}_{job.name.replace('/', '_')}.txt", "\n".join([*job.log, ""]))
    return 302, Redirect(call.state.offer(archive.getvalue()))


def _job_of(call: Call, repo: Repo) -> CheckRun:
    number = call.number("job_id")
    return found(next((check for check in repo.checks if check.run and check.id == number), None))  # type: ignore[no-any-return]


@route("GET /repos/{owner}/{repo}/actions/workflows")
def _workflows(call: Call) -> Answer:
    repo = call.repo(permission="actions")
    listed = [call.payloads.workflow(repo, path, name) for path, name in _names(repo).items()]
    return 200, {"total_count": len(listed), "workflows": listed}


@route("GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}")
def _workflow(call: Call) -> Answer:
    repo = call.repo(permission="actions")
    path = _path_of(call, repo)
    return 200, call.payloads.workflow(repo, path, _names(repo)[path])


@route("GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs")
def _runs_of_workflow(call: Call) -> Answer:
    repo = call.repo(permission="actions")
    path = _path_of(call, repo)
    runs = [run for run in reversed(repo.runs) if run.path == path and _asked_for(call, repo, run)]
    return 200, {"total_count": len(runs), "workflow_runs": [call.payloads.workflow_run(repo, run) for run in runs]}


def _names(repo: Repo) -> dict[str, str]:
    """Return the names of the workflows of the default branch, by path: a workflow elsewhere has to have run first."""
    head = repo.git.head(repo.default_branch)
    listed = workflows_at(repo, head) if head else ()
    return {path: workflow.get("name", path) for path, workflow in listed}


def _path_of(call: Call, repo: Repo) -> str:
    """Return the path of the workflow that the path of the call has the number of, or the name of the file."""
    wanted = call.path["workflow_id"]
    known = {
        wanted_id: path
        for path in _names(repo)
        for wanted_id in (path.rpartition("/")[2], str(workflow_id(repo, path)))
    }
    return found(known.get(wanted))  # type: ignore[no-any-return]


@route("POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches")
def _dispatch(call: Call) -> Answer:
    repo = call.repo("write", "actions")
    path = _path_of(call, repo)  # it has to be on the default branch ("Events that trigger workflows")
    ref = call.body["ref"]
    name = ref if ref.startswith("refs/") else BRANCH + ref
    sha = repo.git.refs(name).get(name)
    content = repo.git.file(sha, path) if sha else None
    if not sha or not content:
        raise Refusal(422, f"No ref found for: {branch_of(name) or name}")
    workflow = parsed(content[1])
    if not workflow or "workflow_dispatch" not in triggers_of(workflow):  # llm-d/llm-d#1572
        raise Refusal(422, "Workflow does not have 'workflow_dispatch' trigger")
    payload = {
        "ref": name,
        "workflow": path,
        "inputs": _inputs(workflow, call.body.get("inputs") or {}),
        "repository": call.payloads.repo(repo),
        "sender": call.payloads.user(call.token.user),
    }
    call.behaviour.dispatch(repo, call.token, payload, name, sha)
    return 204, None


def _inputs(workflow: dict[str, Any], given: dict[str, str]) -> dict[str, str]:
    """Return the inputs of a run that is started by hand, with the defaults of those that are not *given*."""
    declared = triggers_of(workflow).get("workflow_dispatch", {}).get("inputs") or {}
    unexpected = [name for name in given if name not in declared]
    if unexpected:
        raise Refusal(422, f"Unexpected inputs provided: {unexpected}")
    inputs = {}
    for name, described in declared.items():
        value = given.get(name) or described.get("default", "")
        if not value and described.get("required") == "true":
            raise Refusal(422, f"Required input '{name}' not provided")
        if value and value not in described.get("options", [value]):
            raise Refusal(422, f"Provided value '{value}' for input '{name}' not in the list of allowed values")
        inputs[name] = value
    return inputs


@route("POST /repos/{owner}/{repo}/dispatches")
def _repository_dispatch(call: Call) -> Answer:
    """Tell of an event from elsewhere, which a run's own token may do too ("Triggering a workflow")."""
    repo, body = call.repo("write"), call.body
    events.dispatched(call.behaviour, repo, call.token, body["event_type"], body.get("client_payload") or {})
    return 204, None
