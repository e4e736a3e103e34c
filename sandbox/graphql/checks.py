"""Checks on a commit: runs of apps, and statuses of the older kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.graphql.context import connection
from sandbox.graphql.users import actor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandbox import state
    from sandbox.behaviour import Refusal
    from sandbox.graphql.users import User


class StatusCheckRollup:
    def __init__(self, contexts: Sequence[CheckRun | StatusContext | Refusal]) -> None:
        self._contexts = contexts

    def contexts(self, **page: Any) -> dict[str, Any]:
        return connection(self._contexts, **page)


class CheckRun:
    def __init__(self, run: state.CheckRun, app: str) -> None:
        self._run = run
        self._app = app

    def databaseId(self) -> int:
        return self._run.id

    def name(self) -> str:
        return self._run.name

    def status(self) -> str:
        return self._run.status.upper()

    def startedAt(self) -> str | None:
        return self._run.started

    def completedAt(self) -> str | None:
        return self._run.completed

    def conclusion(self) -> str | None:
        return self._run.conclusion.upper() if self._run.conclusion else None

    def checkSuite(self) -> dict[str, Any]:
        return {"app": {"databaseId": self._run.app, "slug": self._app}}


class StatusContext:
    def __init__(self, status: state.CommitStatus) -> None:
        self._status = status

    def context(self) -> str:
        return self._status.context

    def state(self) -> str:
        return self._status.state.upper()

    def createdAt(self) -> str:
        return self._status.at

    def creator(self) -> User:
        return actor(self._status.creator)
