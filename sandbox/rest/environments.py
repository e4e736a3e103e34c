"""Environments: their policies and secrets by name, and jobs that wait for somebody to approve them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.behaviour import Refusal
from sandbox.environments import Environment, Policy, environment
from sandbox.rest.call import Answer, Call, found, route
from sandbox.state import timestamp

if TYPE_CHECKING:
    from sandbox.state import Repo


@route("GET /repos/{owner}/{repo}/environments")
def _environments(call: Call) -> Answer:
    repo = call.repo(permission="actions")
    listed = [_shown(call, repo, known) for known in repo.environments.values()]
    return 200, {"total_count": len(listed), "environments": listed}


@route("GET /repos/{owner}/{repo}/environments/{environment_name}")
def _environment(call: Call) -> Answer:
    repo = call.repo(permission="actions")
    return 200, _shown(call, repo, _named(call, repo))


@route("PUT /repos/{owner}/{repo}/environments/{environment_name}")
def _put_environment(call: Call) -> Answer:
    """Make or replace an environment: what is not said is taken away (OpenAPI, "Create or update an environment")."""
    repo, body = call.repo("admin", "administration"), call.body or {}
    name = call.path["environment_name"]
    known = environment(repo, name) or Environment(call.state.new_id(), name)
    repo.environments[name.casefold()] = known
    policy = body.get("deployment_branch_policy") or {}
    if policy and policy["protected_branches"] == policy["custom_branch_policies"]:  # the words are a guess
        raise Refusal(422, "protected_branches and custom_branch_policies cannot have the same value")
    custom = policy.get("custom_branch_policies", False)
    known.policies = (known.policies or []) if custom else None
    known.protected_branches = policy.get("protected_branches", False)
    known.wait = body.get("wait_timer", 0)
    known.prevent_self_review = body.get("prevent_self_review", False)
    known.reviewers = [(each["type"], each["id"]) for each in body.get("reviewers") or []]
    known.updated = timestamp()
    return 200, _shown(call, repo, known)


@route("DELETE /repos/{owner}/{repo}/environments/{environment_name}")
def _delete_environment(call: Call) -> Answer:
    repo = call.repo("admin", "administration")
    del repo.environments[_named(call, repo).name.casefold()]
    return 204, None


POLICIES = "/repos/{owner}/{repo}/environments/{environment_name}/deployment-branch-policies"


@route(f"GET {POLICIES}")
def _policies(call: Call) -> Answer:
    policies = _named(call, call.repo(permission="actions")).policies or []
    return 200, {"total_count": len(policies), "branch_policies": [_policy(policy) for policy in policies]}


@route(f"POST {POLICIES}")
def _create_policy(call: Call) -> Answer:
    """Add a policy; one that is there already is a 303, and an environment without own policies a 404 (OpenAPI)."""
    known = _named(call, call.repo("admin", "administration"))
    policies: list[Policy] = found(known.policies)
    kind = call.body.get("type", "branch")
    if any((policy.name, policy.type) == (call.body["name"], kind) for policy in policies):
        raise Refusal(303, "The policy is there already.")
    policies.append(Policy(call.state.new_id(), call.body["name"], kind))
    return 200, _policy(policies[-1])


@route(f"DELETE {POLICIES}/{{branch_policy_id}}")
def _delete_policy(call: Call) -> Answer:
    known = _named(call, call.repo("admin", "administration"))
    number = call.number("branch_policy_id")
    (known.policies or []).remove(found(next((each for each in known.policies or [] if each.id == number), None)))
    return 204, None


@route("GET /repos/{owner}/{repo}/environments/{environment_name}/secrets")
def _secrets(call: Call) -> Answer:
    secrets = _named(call, call.repo(permission="environments")).secrets
    listed = [{"name": name, "created_at": timestamp(), "updated_at": timestamp()} for name in secrets]
    return 200, {"total_count": len(listed), "secrets": listed}


@route("GET /repos/{owner}/{repo}/actions/runs/{run_id}/pending_deployments")
def _pending(call: Call) -> Answer:
    repo, run = call.repo(permission="actions"), call.number("run_id")
    return 200, [
        {
            "environment": {"id": known.id, "name": known.name},
            "wait_timer": known.wait,
            "wait_timer_started_at": None,
            "current_user_can_approve": _may_approve(call, known),
            "reviewers": _reviewers(call, known),
        }
        for name in repo.waiting.get(run, ())
        if (known := environment(repo, name))
    ]


@route("POST /repos/{owner}/{repo}/actions/runs/{run_id}/pending_deployments")
def _review_pending(call: Call) -> Answer:
    """Approve or reject what waits, as one who may (OpenAPI); that others are a 422 is a guess."""
    repo, number = call.repo("read", "deployments"), call.number("run_id")
    run = found(next((run for run in repo.runs if run.id == number), None))
    waiting = repo.waiting.setdefault(number, [])
    for name in [name for name in waiting if repo.environments[name].id in call.body["environment_ids"]]:
        known = repo.environments[name]
        own = known.prevent_self_review and call.token.user is run.actor
        if own or not _may_approve(call, known):
            raise Refusal(422, f"{call.token.user.login} may not review deployments to {known.name}")
        waiting.remove(name)
        run.approvals.append(
            {
                "state": call.body["state"],
                "comment": call.body["comment"],
                "environments": [{"id": known.id, "name": known.name}],
                "user": call.payloads.user(call.token.user),
            }
        )
    return 200, []


def _named(call: Call, repo: Repo) -> Environment:
    return found(environment(repo, call.path["environment_name"]))  # type: ignore[no-any-return]


def _policy(policy: Policy) -> dict[str, Any]:
    return {"id": policy.id, "node_id": f"GA_{policy.id}", "name": policy.name, "type": policy.type}


def _shown(call: Call, repo: Repo, known: Environment) -> dict[str, Any]:
    body = known.body()
    for rule in body["protection_rules"]:
        if rule["type"] == "required_reviewers":
            rule |= {"prevent_self_review": known.prevent_self_review, "reviewers": _reviewers(call, known)}
    url = f"{call.payloads.api}/repos/{repo.full_name}/environments/{known.name}"
    return {"node_id": f"EN_{known.id}", "url": url, "html_url": url, **body}


def _reviewers(call: Call, known: Environment) -> list[dict[str, Any]]:
    return [{"type": kind, "reviewer": _reviewer(call, kind, number)} for kind, number in known.reviewers]


def _reviewer(call: Call, kind: str, number: int) -> dict[str, Any]:
    if kind == "User":
        return call.payloads.user(next(user for user in call.state.users.values() if user.id == number))
    team = next(team for user in call.state.users.values() for team in user.teams if team.id == number)
    return {"id": team.id, "slug": team.slug, "name": team.slug}


def _may_approve(call: Call, known: Environment) -> bool:
    user = call.token.user
    teams = [team.id for owner in call.state.users.values() for team in owner.teams if user.login in team.members]
    return any(number == user.id if kind == "User" else number in teams for kind, number in known.reviewers)
