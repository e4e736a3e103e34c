"""What an App does with its own key: find where it is installed, and exchange the key for a token."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sandbox.apps import exceeds
from sandbox.behaviour import Refusal
from sandbox.rest.call import Answer, Call, found, route

if TYPE_CHECKING:
    from sandbox.apps import App


@route("GET /repos/{owner}/{repo}/installation")
def _installation(call: Call) -> Answer:
    app = _app(call)
    repo = call.state.repos.get(f"{call.path['owner']}/{call.path['repo']}".lower())
    found(repo if repo in app.repos else None)
    return 200, {
        "id": app.id,
        "app_id": app.user.id,
        "app_slug": app.slug,
        "account": call.payloads.user(app.repos[0].owner),
        "permissions": app.permissions,
        "repository_selection": "selected",
        "events": [],
        "target_type": "Organization",
    }


@route("POST /app/installations/{installation_id}/access_tokens")
def _access_token(call: Call) -> Answer:
    """Return a token (OpenAPI; the second text is what several issues of create-github-app-token quote)."""
    app = _app(call)
    if call.number("installation_id") != app.id:
        raise Refusal(404, "Not Found", kind="NOT_FOUND")
    body: dict[str, Any] = call.body or {}
    permissions = body.get("permissions", app.permissions)
    if exceeds(app, permissions):
        raise Refusal(422, "The permissions requested are not granted to this installation.")
    names = body.get("repositories", [repo.name for repo in app.repos])
    repos = [repo for repo in app.repos if repo.name in names]
    if len(repos) != len(set(names)):
        text = "There is at least one repository that does not exist or is not accessible to the parent installation."
        raise Refusal(422, text)
    token = call.state.add_token(app.user.login, permissions=dict(permissions), repos=repos)
    over = datetime.now(UTC) + timedelta(hours=1)
    return 201, {
        "token": token,
        "expires_at": f"{over:%Y-%m-%dT%H:%M:%SZ}",
        "permissions": permissions,
        "repository_selection": "selected",
    }


def _app(call: Call) -> App:
    """Return the App whose key signed the call; the words of the refusal are those of recordings."""
    if not call.token.app:
        raise Refusal(401, "A JSON web token could not be decoded", kind="FORBIDDEN")
    return call.token.app
