"""Check runs."""

from __future__ import annotations

from sandbox.rest.call import Answer, Call, found, route
from sandbox.state import CheckRun, timestamp


@route("GET /repos/{owner}/{repo}/commits/{ref}/check-runs")
def _check_runs(call: Call) -> Answer:
    repo = call.repo(permission="checks")
    sha = found(repo.git.resolve(call.path["ref"]))
    runs = [call.payloads.check_run(repo, run) for run in repo.checks if run.sha == sha]
    return 200, {"total_count": len(runs), "check_runs": runs}


@route("POST /repos/{owner}/{repo}/check-runs")
def _create_check_run(call: Call) -> Answer:
    repo = call.repo("write", "checks")
    body = call.body
    run = CheckRun(call.state.new_id(), body["name"], body["head_sha"], app=call.token.user.id)
    run.status, run.conclusion = body.get("status", "queued"), body.get("conclusion")
    run.completed = timestamp() if run.conclusion else None
    run.bare = not any(pull.head_sha == run.sha for pull in repo.pulls.values() if pull.state == "open")
    repo.checks.append(run)
    call.behaviour.carry_out_wishes(repo)
    return 201, call.payloads.check_run(repo, run)
