"""Read and write the deployment records of an app repository."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from actions.api.client import query

if TYPE_CHECKING:
    from actions.api.client import Client

WRITE = "deployments: write"
NEWEST = query(
    variables={"environment": "String!"},
    fields="""deployments(environments: [$environment], first: 1, orderBy: {field: CREATED_AT, direction: DESC}) {
        nodes { databaseId commitOid payload latestStatus { state } } }""",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class AppDeployment:
    """A deployment of the commit *sha*; *payload* identifies the change, *state* is "" before the first status."""

    number: int
    sha: str
    payload: Any
    state: str


@dataclass(frozen=True)
class AppDeployments:
    """Read and write the deployment records of one app repository."""

    client: Client

    def newest(self, environment: str) -> AppDeployment | None:
        """Return the newest deployment to *environment*, None if there is none."""
        answer = self.client.repository(NEWEST, {"environment": environment}, permission=WRITE)
        with self.client.parsing():
            nodes = answer["deployments"]["nodes"]
            if not nodes:
                return None
            return AppDeployment(
                number=nodes[0]["databaseId"],
                sha=nodes[0]["commitOid"],
                payload=_loaded(nodes[0]["payload"]),
                state=(nodes[0]["latestStatus"] or {}).get("state", ""),
            )

    def create(self, environment: str, sha: str, payload: object) -> int:
        """Create a deployment record of *sha* to *environment*, and return its number.

        By default GitHub merges the default branch first and requires all checks to succeed. Both are switched off,
        because the gates have decided already (docs.github.com, "Create a deployment").
        """
        values = {
            "ref": sha,
            "environment": environment,
            "auto_merge": False,
            "required_contexts": [],
            "payload": payload,
            "description": "Deployed from the infra repository",
        }
        with self.client.parsing():
            return int(self.client.rest("POST", "/deployments", values, permission=WRITE)["id"])

    def conclude(self, number: int, state: str, log_url: str) -> None:
        """Set the *state* of the deployment *number*. A success makes the deployments before it inactive."""
        values = {"state": state, "log_url": log_url}
        self.client.rest("POST", f"/deployments/{number}/statuses", values, permission=WRITE, fresh=True)


def _loaded(payload: str | None) -> Any:
    try:
        return json.loads(payload or "null")
    except ValueError:
        return payload
