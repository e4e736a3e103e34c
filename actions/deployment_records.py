"""The deployment records of a repository: which is the newest of an environment, and new ones."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from actions.api import query
from actions.app_repository import AppRepository

WRITE = "deployments: write"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reported:
    """A deployment as the repository has it: of which commit, for which change (*payload*), and how far it is."""

    number: int
    sha: str
    payload: Any
    state: str


class DeploymentRecords(AppRepository):
    """The repository of an app, as the one who deploys it sees it."""

    def newest(self, environment: str) -> Reported | None:
        """Return the newest deployment to *environment*, None if there is none."""
        fields = """deployments(environments: [$environment], first: 1, orderBy: {field: CREATED_AT, direction: DESC}) {
            nodes { databaseId commitOid payload latestStatus { state } } }"""
        document = query(variables={"environment": "String!"}, paths=(), fields=fields)
        found = self.ask(document, {"environment": environment}, permission=WRITE)["deployments"]["nodes"]
        if not found:
            return None
        (node,) = found
        return Reported(
            number=node["databaseId"],
            sha=node["commitOid"],
            payload=_loaded(node["payload"]),
            state=(node["latestStatus"] or {}).get("state", ""),
        )

    def create(self, environment: str, sha: str, payload: object) -> int:
        """Record that *sha* is on its way to *environment*, and return the number of the record.

        What GitHub would do by default, merge the default branch and require all checks, is not wanted: it was decided
        elsewhere that this goes (docs.github.com, "Create a deployment").
        """
        given = {
            "ref": sha,
            "environment": environment,
            "auto_merge": False,
            "required_contexts": [],
            "payload": payload,
            "description": "Deployed from the infra repository",
        }
        with self._asking(WRITE):
            return int(self._rest("POST", "/deployments", given)["id"])

    def conclude(self, number: int, state: str, log_url: str) -> None:
        """Say how the deployment *number* ended; one that succeeded makes those before it inactive."""
        with self._asking(WRITE, fresh=True):
            self._rest("POST", f"/deployments/{number}/statuses", {"state": state, "log_url": log_url})


def _loaded(payload: str | None) -> Any:
    try:
        return json.loads(payload or "null")
    except ValueError:
        return payload
