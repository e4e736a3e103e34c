"""Issues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.graphql.context import Node, connection
from sandbox.graphql.users import actor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandbox import state
    from sandbox.graphql.context import Context
    from sandbox.graphql.users import User


class Issue(Node):
    def __init__(self, context: Context, repo: state.Repo, issue: state.Issue) -> None:
        super().__init__(context, repo)
        self._issue = issue

    def number(self) -> int:
        return self._issue.number

    def viewerDidAuthor(self) -> bool:
        return self._issue.author is self._context.token.user

    def title(self) -> str:
        return self._issue.title

    def state(self) -> str:
        return self._issue.state.upper()

    def createdAt(self) -> str:
        return self._issue.created

    def updatedAt(self) -> str:
        return self._issue.updated

    def closedAt(self) -> str | None:
        return self._issue.closed[0] if self._issue.closed else None

    def author(self) -> User:
        return actor(self._issue.author)

    def timelineItems(self, itemTypes: Sequence[str] = (), **page: Any) -> dict[str, Any]:
        wanted = [name.title().replace("_", "") for name in itemTypes]
        events = [EVENTS[kind](at, by, label) for kind, at, by, label in self._issue.events if kind in wanted]
        return connection(events, **page)


class Event:
    def __init__(self, at: str, by: state.User, label: str) -> None:
        self._at = at
        self._by = by
        self._label = label

    def createdAt(self) -> str:
        return self._at

    def actor(self) -> User:
        return actor(self._by)

    def label(self) -> dict[str, str]:
        return {"name": self._label}


class LabeledEvent(Event):
    pass


class UnlabeledEvent(Event):
    pass


class ClosedEvent(Event):
    pass


class ReopenedEvent(Event):
    pass


EVENTS = {kind.__name__: kind for kind in (LabeledEvent, UnlabeledEvent, ClosedEvent, ReopenedEvent)}


def issues_of(
    context: Context,
    repo: state.Repo,
    issues: Sequence[state.Issue],
    *,
    labels: Sequence[str] | None,
    states: Sequence[str] | None,
    **page: Any,
) -> dict[str, Any]:
    """Return those of *issues* that bear one of *labels*; which of several counts, GitHub does not document."""
    shown = [
        Issue(context, repo, issue)
        for issue in issues
        if (labels is None or set(labels) & set(issue.labels)) and (not states or issue.state.upper() in states)
    ]
    return connection(shown, **page)
