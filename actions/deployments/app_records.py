"""Read the deployment records of an app repository."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from actions.api.client import query
from actions.deployments.writer import READ

if TYPE_CHECKING:
    from actions.api.client import Client

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
    """Read the deployment records of one app repository."""

    client: Client

    def newest(self, environment: str) -> AppDeployment | None:
        """Return the newest deployment to *environment*, None if there is none."""
        answer = self.client.repository(NEWEST, {"environment": environment}, permission=READ)
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


def _loaded(payload: str | None) -> Any:
    try:
        return json.loads(payload or "null")
    except ValueError:
        return payload
