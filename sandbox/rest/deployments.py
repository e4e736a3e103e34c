"""Deployments and their statuses."""

from __future__ import annotations

from sandbox.behaviour import Refusal
from sandbox.rest.call import Answer, Call, route


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
    deployment = call.behaviour.deploy(
        repo, call.token.user, sha=sha, ref=body["ref"], environment=body.get("environment", "production")
    )
    deployment.payload, deployment.description = body.get("payload", ""), body.get("description")
    return 201, call.payloads.deployment(repo, deployment)


@route("GET /repos/{owner}/{repo}/deployments/{deployment_id}/statuses")
def _deployment_statuses(call: Call) -> Answer:
    repo = call.repo(permission="deployments")
    deployment = call.deployment(repo)
    return 200, [call.payloads.deployment_status(repo, deployment, status) for status in reversed(deployment.statuses)]


@route("POST /repos/{owner}/{repo}/deployments/{deployment_id}/statuses")
def _create_deployment_status(call: Call) -> Answer:
    repo = call.repo("write", "deployments")
    deployment, body = call.deployment(repo), call.body
    status = call.behaviour.deployed(repo, deployment, call.token.user, body["state"])
    status.description, status.log_url = body.get("description", ""), body.get("log_url", "")
    return 201, call.payloads.deployment_status(repo, deployment, status)
