"""Commit statuses, the older kind of checks."""

from __future__ import annotations

from sandbox import events
from sandbox.behaviour import Refusal
from sandbox.rest.call import Answer, Call, route
from sandbox.state import CommitStatus

MOST = 1000  # of one context on one commit (OpenAPI, "Create a commit status")


@route("POST /repos/{owner}/{repo}/statuses/{sha}")
def _create_status(call: Call) -> Answer:
    repo, sha, body = call.repo("write", "statuses"), call.path["sha"], call.body
    if repo.git.resolve(sha) != sha:
        raise Refusal(422, f"No commit found for SHA: {sha}")
    context = body.get("context", "default")
    if sum(status.sha == sha and status.context == context for status in repo.statuses) >= MOST:  # the words: a guess
        error = {
            "resource": "Status",
            "code": "custom",
            "message": "This SHA and context has reached the maximum number of statuses.",
        }
        raise Refusal(422, "Validation Failed", errors=[error])
    status = CommitStatus(
        call.state.new_id(),
        context,
        sha,
        body["state"],
        call.token.user,
        body.get("description"),
        body.get("target_url"),
    )
    repo.statuses.append(status)
    call.behaviour.carry_out_wishes(repo)
    events.status_reported(call.behaviour, repo, call.token, status)
    return 201, call.payloads.commit_status(repo, status)


@route("GET /repos/{owner}/{repo}/commits/{ref}/statuses")
def _statuses(call: Call) -> Answer:
    repo = call.repo(permission="statuses")
    sha = call.commit(repo, "ref")
    return 200, [call.payloads.commit_status(repo, status) for status in reversed(repo.statuses) if status.sha == sha]


@route("GET /repos/{owner}/{repo}/commits/{ref}/status")
def _combined_status(call: Call) -> Answer:
    """Return the newest status of each context, and what they come to (OpenAPI, "Get the combined status")."""
    repo = call.repo(permission="statuses")
    sha = call.commit(repo, "ref")
    newest = repo.newest_statuses(sha)
    states = {status.state for status in newest}
    bad = states & {"failure", "error"}
    return 200, {
        "state": "failure" if bad else "success" if states == {"success"} else "pending",
        "statuses": [call.payloads.commit_status(repo, status) for status in newest],
        "sha": sha,
        "total_count": len(newest),
        "repository": call.payloads.repo(repo),
        "url": f"{call.payloads.api}/repos/{repo.full_name}/commits/{sha}/status",
        "commit_url": f"{call.payloads.api}/repos/{repo.full_name}/commits/{sha}",
    }
