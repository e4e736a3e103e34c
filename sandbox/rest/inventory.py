"""What an administrator looks at: people, deploy keys, secrets by name, runners, installed Apps, what workflows may do.

Which permission each call takes is in docs.github.com, "Permissions required for GitHub Apps" and "Permissions required
for fine-grained personal access tokens".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.behaviour import Refusal
from sandbox.rest.call import Answer, Call, found, require_grant, route
from sandbox.state import ROLES, timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sandbox.state import Repo, Role

NAMES: dict[Role, str] = {"read": "pull", "write": "push", "admin": "admin"}


@route("GET /repos/{owner}/{repo}/collaborators")
def _collaborators(call: Call) -> Answer:
    """List the people who may use a repository; an App is none. The words are in aenix-io/aeman#161."""
    repo, token = call.repo(permission="metadata"), call.token
    if not token.is_of_app and ROLES.index(repo.role(token.user)) < ROLES.index("write"):
        raise Refusal(403, "Must have push access to view repository collaborators.", kind="FORBIDDEN")
    people = [call.state.users[login] for login in repo.members]
    return 200, [
        {
            **call.payloads.user(person),
            "role_name": repo.role(person),
            "permissions": {name: ROLES.index(repo.role(person)) >= ROLES.index(role) for role, name in NAMES.items()},
        }
        for person in people
        if person.kind == "User"
    ]


@route("GET /repos/{owner}/{repo}/teams")
def _teams(call: Call) -> Answer:
    """List the teams of a repository, with the old names of their roles (OpenAPI, `permission` of a team)."""
    repo = _administered(call)
    api, owner = call.payloads.api, repo.owner.login
    return 200, [
        {
            "id": team.id,
            "node_id": f"T_{team.id}",
            "name": team.slug,
            "slug": team.slug,
            "description": None,
            "permission": NAMES[team.roles[repo.full_name]],
            "type": "organization",
            "parent": None,
            "url": f"{api}/organizations/{repo.owner.id}/team/{team.id}",
            "html_url": f"{call.payloads.server}/orgs/{owner}/teams/{team.slug}",
            "members_url": f"{api}/organizations/{repo.owner.id}/team/{team.id}/members{{/member}}",
            "repositories_url": f"{api}/organizations/{repo.owner.id}/team/{team.id}/repos",
        }
        for team in repo.owner.teams
        if repo.full_name in team.roles
    ]


@route("GET /repos/{owner}/{repo}/keys")
def _keys(call: Call) -> Answer:
    repo = _administered(call)
    url = f"{call.payloads.api}/repos/{repo.full_name}/keys"
    return 200, [
        {
            "id": key.id,
            "key": "ssh-ed25519 AAAA",
            "url": f"{url}/{key.id}",
            "title": key.title,
            "verified": True,
            "created_at": timestamp(),
            "read_only": key.read_only,
        }
        for key in repo.keys
    ]


@route("GET /repos/{owner}/{repo}/actions/permissions/workflow")
def _workflow_permissions(call: Call) -> Answer:
    repo = _administered(call)
    return 200, {
        "default_workflow_permissions": "write" if repo.runs_may_write else "read",
        "can_approve_pull_request_reviews": repo.runs_may_approve,
    }


@route("GET /repos/{owner}/{repo}/actions/runners")
def _runners(call: Call) -> Answer:
    repo = _administered(call)
    runners = [
        {"id": number, "name": name, "os": "linux", "status": "online", "busy": False, "labels": []}
        for number, name in enumerate(repo.runners, start=1)
    ]
    return 200, {"total_count": len(runners), "runners": runners}


@route("GET /repos/{owner}/{repo}/actions/secrets")
def _secrets(call: Call) -> Answer:
    return 200, _named(_written(call, "secrets").secrets)


@route("GET /repos/{owner}/{repo}/actions/organization-secrets")
def _organization_secrets(call: Call) -> Answer:
    return 200, _named(sorted(_written(call, "secrets").owner.secrets))


@route("GET /repos/{owner}/{repo}/dependabot/secrets")
def _dependabot_secrets(call: Call) -> Answer:
    return 200, _named(sorted(_written(call, "dependabot_secrets").dependabot_secrets))


@route("GET /orgs/{org}/installations")
def _installations(call: Call) -> Answer:
    """List the Apps of an organization to its owners (OpenAPI), and to Apps that may read its administration."""
    owner, token = found(call.state.users.get(call.path["org"])), call.token
    if owner.kind != "Organization":
        raise Refusal(404, "Not Found", kind="NOT_FOUND")
    if not token.is_of_app and token.user.login not in owner.owners:
        raise Refusal(404, "Not Found", kind="NOT_FOUND")
    require_grant(token, "read", "organization_administration")
    known = [app for app in call.state.apps.values() if any(repo.owner is owner for repo in app.repos)]
    installations = [
        {
            "id": app.id,
            "app_id": app.user.id,
            "app_slug": app.slug,
            "account": call.payloads.user(owner),
            "repository_selection": "all" if app.on_all else "selected",
            "permissions": app.permissions,
            "events": [],
            "target_id": owner.id,
            "target_type": "Organization",
            "created_at": timestamp(),
            "updated_at": timestamp(),
            "suspended_at": app.suspended,
        }
        for app in known
    ]
    return 200, {"total_count": len(installations), "installations": installations}


def _administered(call: Call) -> Repo:
    """Return the repository of the path to an administrator; that others get a 404 is a guess."""
    repo = call.repo(permission="administration")
    if repo.role(call.token.user) != "admin" and not call.token.is_of_app:
        raise Refusal(404, "Not Found", kind="NOT_FOUND")
    return repo


def _written(call: Call, permission: str) -> Repo:
    """Return the repository of the path to those who may write (OpenAPI: collaborators)."""
    repo, token = call.repo(permission=permission), call.token
    if not token.is_of_app and ROLES.index(repo.role(token.user)) < ROLES.index("write"):
        raise Refusal(403, "Resource not accessible by personal access token", kind="FORBIDDEN")
    return repo


def _named(names: Iterable[str]) -> dict[str, Any]:
    """Return secrets by their *names*, without what they hold."""
    secrets = [{"name": name, "created_at": timestamp(), "updated_at": timestamp()} for name in names]
    return {"total_count": len(secrets), "secrets": secrets}
