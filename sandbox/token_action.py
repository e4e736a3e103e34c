"""A stand-in for actions/create-github-app-token: it exchanges an App's key for a token, by the API, as that one does.

By what is in its README: the token is for *repositories* of *owner*, or for this repository alone, with the permissions
that are asked for, or with all that the App has; it is masked.
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import jwt

USES = "actions/create-github-app-token@"  # of whatever version
PERMISSIONS = (  # attestations: since 3.1.0 (actions/create-github-app-token#310, #358)
    "actions", "administration", "attestations", "checks", "contents", "deployments", "dependabot-secrets",
    "environments", "issues", "members", "organization-administration", "pull-requests", "secrets", "statuses",
    "workflows",
)  # fmt: skip
INPUTS = (
    "client-id",
    "app-id",
    "private-key",
    "owner",
    "repositories",
    *(f"permission-{name}" for name in PERMISSIONS),
)
OUTPUTS = ("token", "installation-id", "app-slug")


def write(folder: Path) -> Path:
    """Write the action to *folder*."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mint.py").write_text(Path(__file__).read_text(encoding="utf-8"), encoding="utf-8")
    step = {
        "id": "mint",
        "shell": "bash",
        "env": {_variable(name): f"${{{{ inputs.{name} }}}}" for name in INPUTS},
        "run": f'"{sys.executable}" "$GITHUB_ACTION_PATH/mint.py"',
    }
    action = {
        "name": "Create GitHub App Token",
        "inputs": {name: {"required": False} for name in INPUTS},
        "outputs": {name: {"value": f"${{{{ steps.mint.outputs.{name} }}}}"} for name in OUTPUTS},
        "runs": {"using": "composite", "steps": [step]},
    }
    (folder / "action.yml").write_text(json.dumps(action), encoding="utf-8")  # YAML takes JSON
    return folder


def main() -> None:
    """Say a token in the output `token`."""
    given = {name: os.environ.get(_variable(name), "") for name in INPUTS}
    now = int(time.time())
    claims = {"iat": now - 30, "exp": now + 300, "iss": given["client-id"] or given["app-id"]}
    signed = jwt.encode(claims, given["private-key"], algorithm="RS256")
    owner, _, this = os.environ["GITHUB_REPOSITORY"].partition("/")
    names = [name.strip() for name in given["repositories"].replace("\n", ",").split(",") if name.strip()] or [this]
    wanted = {name.replace("-", "_"): level for name in PERMISSIONS if (level := given[f"permission-{name}"])}
    body: dict[str, Any] = {"repositories": names} | ({"permissions": wanted} if wanted else {})
    installation = _call(signed, "GET", f"/repos/{given['owner'] or owner}/{names[0]}/installation")
    token = _call(signed, "POST", f"/app/installations/{installation['id']}/access_tokens", body)["token"]
    print(f"::add-mask::{token}")
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as outputs:
        outputs.write(f"token={token}\ninstallation-id={installation['id']}\napp-slug={installation['app_slug']}\n")


def _variable(name: str) -> str:
    return f"MINT_{name.replace('-', '_').upper()}"


def _call(signed: str, verb: str, path: str, body: object = None) -> Any:
    request = urllib.request.Request(  # noqa: S310 - the address is the sandbox's own
        os.environ["GITHUB_API_URL"] + path,
        method=verb,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {signed}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return json.loads(answer.read())


if __name__ == "__main__":
    main()
