"""Deployments and their statuses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sandbox.graphql.commits import Commit
from sandbox.graphql.context import Node, connection
from sandbox.graphql.users import actor

if TYPE_CHECKING:
    from sandbox import state
    from sandbox.graphql.context import Context
    from sandbox.graphql.users import User


class Deployment(Node):
    def __init__(self, context: Context, repo: state.Repo, deployment: state.Deployment) -> None:
        super().__init__(context, repo)
        self._deployment = deployment

    def databaseId(self) -> int:
        return self._deployment.id

    def payload(self) -> str:
        payload = self._deployment.payload
        return payload if isinstance(payload, str) else json.dumps(payload)

    def latestStatus(self) -> dict[str, Any] | None:
        statuses = self._deployment.statuses
        return {"state": statuses[-1].state.upper()} if statuses else None

    def environment(self) -> str:
        return self._deployment.environment

    def commitOid(self) -> str:
        return self._deployment.sha

    def commit(self) -> Commit | None:
        sha = self._repo.git.resolve(self._deployment.sha)
        return Commit(self._context, self._repo, sha) if sha else None

    def createdAt(self) -> str:
        return self._deployment.created

    def creator(self) -> User:
        return actor(self._deployment.creator)

    def statuses(self, **page: Any) -> dict[str, Any]:
        nodes = [
            {
                "state": status.state.upper(),
                "createdAt": status.at,
                "logUrl": status.log_url or None,
                "creator": actor(status.creator),
            }
            for status in self._deployment.statuses
        ]
        return connection(nodes, **page)
