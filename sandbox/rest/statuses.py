"""Commit statuses, the older kind of checks."""

from __future__ import annotations

from sandbox.behaviour import Refusal
from sandbox.rest.call import Answer, Call, route
from sandbox.state import CommitStatus


@route("POST /repos/{owner}/{repo}/statuses/{sha}")
def _create_status(call: Call) -> Answer:
    repo, sha = call.repo("write", "statuses"), call.path["sha"]
    if repo.git.resolve(sha) != sha:
        raise Refusal(422, f"No commit found for SHA: {sha}")
    context = call.body.get("context", "default")
    status = CommitStatus(call.state.new_id(), context, sha, call.body["state"], call.token.user)
    repo.statuses.append(status)
    call.behaviour.carry_out_wishes(repo)
    return 201, {
        "id": status.id,
        "context": status.context,
        "state": status.state,
        "creator": call.payloads.user(status.creator),
        "created_at": status.at,
        "updated_at": status.at,
    }
