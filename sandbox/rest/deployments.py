"""Deployments and their statuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox import events
from sandbox.behaviour import Refusal
from sandbox.rest.call import Answer, Call, found, route
from sandbox.rules import GOOD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandbox.state import Repo


@route("GET /repos/{owner}/{repo}/deployments")
def _deployments(call: Call) -> Answer:
    repo = call.repo(permission="deployments")
    wanted = {name: call.query[name] for name in ("sha", "ref", "environment", "task") if name in call.query}
    listed = [
        deployment
        for deployment in reversed(repo.deployments)
        if all(getattr(deployment, name) == value for name, value in wanted.items())
    ]
    return 200, [call.payloads.deployment(repo, deployment) for deployment in listed]


@route("POST /repos/{owner}/{repo}/deployments")
def _create_deployment(call: Call) -> Answer:
    repo = call.repo("write", "deployments")
    body = call.body
    sha = repo.git.resolve(body["ref"])
    if not sha:
        raise Refusal(422, f"No ref found for: {body['ref']}")
    _require_green(repo, body["ref"], sha, body.get("required_contexts"))
    deployment = call.behaviour.deploy(
        repo, call.token.user, sha=sha, ref=body["ref"], environment=body.get("environment", "production")
    )
    deployment.payload, deployment.description = body.get("payload", ""), body.get("description")
    deployment.task = body.get("task", deployment.task)
    deployment.transient = body.get("transient_environment", False)
    deployment.production = body.get("production_environment", deployment.production)
    events.deployment_recorded(call.behaviour, repo, call.token, deployment)
    return 201, call.payloads.deployment(repo, deployment)


def _require_green(repo: Repo, ref: str, sha: str, required: Sequence[str] | None) -> None:
    """Raise Refusal if a context is not green: one that is *required*, of all that are there if nothing is said.

    OpenAPI, `required_contexts`; the words are of recordings (atmos/hubot-deploy). That check runs are judged like
    statuses is what people met (409 with `"context":"test (20)","state":"cancelled"`).
    """
    states = {run.name: run.conclusion in GOOD for run in repo.checks if run.sha == sha}
    states |= {status.context: status.state == "success" for status in repo.newest_statuses(sha)}
    if not all(states.get(name, False) for name in (states if required is None else required)):
        error = {"resource": "Deployment", "field": "required_contexts", "code": "invalid"}
        raise Refusal(409, f"Conflict: Commit status checks failed for {ref}.", errors=[error])


@route("GET /repos/{owner}/{repo}/deployments/{deployment_id}")
def _deployment(call: Call) -> Answer:
    repo = call.repo(permission="deployments")
    return 200, call.payloads.deployment(repo, call.deployment(repo))


@route("GET /repos/{owner}/{repo}/deployments/{deployment_id}/statuses")
def _deployment_statuses(call: Call) -> Answer:
    repo = call.repo(permission="deployments")
    deployment = call.deployment(repo)
    return 200, [call.payloads.deployment_status(repo, deployment, status) for status in reversed(deployment.statuses)]


@route("GET /repos/{owner}/{repo}/deployments/{deployment_id}/statuses/{status_id}")
def _deployment_status(call: Call) -> Answer:
    repo = call.repo(permission="deployments")
    deployment, number = call.deployment(repo), call.number("status_id")
    status = found(next((known for known in deployment.statuses if known.id == number), None))
    return 200, call.payloads.deployment_status(repo, deployment, status)


@route("POST /repos/{owner}/{repo}/deployments/{deployment_id}/statuses")
def _create_deployment_status(call: Call) -> Answer:
    repo = call.repo("write", "deployments")
    deployment, body = call.deployment(repo), call.body
    status = call.behaviour.deployed(
        repo, deployment, call.token.user, body["state"], auto_inactive=body.get("auto_inactive", True)
    )
    status.description, status.log_url = body.get("description", ""), body.get("log_url", body.get("target_url", ""))
    status.environment_url = body.get("environment_url", "")
    deployment.environment = body.get("environment", deployment.environment)
    events.deployment_changed(call.behaviour, repo, call.token, deployment, status)
    return 201, call.payloads.deployment_status(repo, deployment, status)
