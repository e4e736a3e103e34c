"""Check runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.behaviour import Refusal
from sandbox.rest.call import Answer, Call, found, route
from sandbox.state import CheckRun, timestamp

if TYPE_CHECKING:
    from sandbox.state import Repo


@route("GET /repos/{owner}/{repo}/commits/{ref}/check-runs")
def _check_runs(call: Call) -> Answer:
    repo, query = call.repo(permission="checks"), call.query
    sha = call.commit(repo, "ref")
    runs = [
        run
        for run in repo.checks
        if run.sha == sha
        and query.get("check_name") in (None, run.name)
        and query.get("app_id") in (None, str(run.app))
    ]
    if query.get("filter", "latest") == "latest":
        # `latest` is "the most recent check runs"; that they are so by name and app is a guess.
        runs = list({(run.name, run.app): run for run in runs}.values())
    runs = [run for run in runs if query.get("status") in (None, run.status)]
    return 200, {"total_count": len(runs), "check_runs": [call.payloads.check_run(repo, run) for run in runs]}


@route("GET /repos/{owner}/{repo}/check-runs/{check_run_id}")
def _check_run(call: Call) -> Answer:
    repo = call.repo(permission="checks")
    return 200, call.payloads.check_run(repo, _known(call, repo))


@route("POST /repos/{owner}/{repo}/check-runs")
def _create_check_run(call: Call) -> Answer:
    repo, body = _of_an_app(call), call.body
    if repo.git.resolve(body["head_sha"]) != body["head_sha"]:
        raise Refusal(422, f"No commit found for SHA: {body['head_sha']}")
    run = CheckRun(call.state.new_id(), body["name"], body["head_sha"], app=call.token.user.id)
    run.bare = not any(pull.head_sha == run.sha for pull in repo.pulls.values() if pull.state == "open")
    repo.checks.append(run)
    return 201, _reported(call, repo, run)


@route("PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}")
def _update_check_run(call: Call) -> Answer:
    repo = _of_an_app(call)
    run = _known(call, repo)
    run.name = call.body.get("name", run.name)
    return 200, _reported(call, repo, run)


def _reported(call: Call, repo: Repo, run: CheckRun) -> object:
    """Have *run* say what the call reports: one with a conclusion is completed (OpenAPI, `conclusion`)."""
    run.conclusion = call.body.get("conclusion", None if "status" in call.body else run.conclusion)
    run.status = "completed" if run.conclusion else call.body.get("status", run.status)
    run.completed = timestamp() if run.conclusion else None
    call.behaviour.carry_out_wishes(repo)
    return call.payloads.check_run(repo, run)


def _of_an_app(call: Call) -> Repo:
    """Return the repository of the path to an App; no person reports checks (actions/github-script#118)."""
    repo = call.repo()
    if call.token.user.kind != "Bot":
        raise Refusal(403, "You must authenticate via a GitHub App.", kind="FORBIDDEN")
    call.repo("write", "checks")
    return repo


def _known(call: Call, repo: Repo) -> CheckRun:
    number = call.number("check_run_id")
    return found(next((run for run in repo.checks if run.id == number), None))  # type: ignore[no-any-return]
