"""Who asks, and what carries it out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.behaviour import Behaviour, Refusal
from sandbox.rest.call import allowed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandbox import state
    from sandbox.payloads import Payloads


class Context:
    """Who asks, and what carries it out."""

    def __init__(self, behaviour: Behaviour, payloads: Payloads, token: state.Token) -> None:
        self.behaviour = behaviour
        self.state = behaviour.state
        self.payloads = payloads
        self.token = token

    def repo(self, full_name: str, need: str = "read", permission: str = "contents") -> state.Repo:
        """Return a repository, if the token may *need* it."""
        repo = self.state.repository(full_name)  # GraphQL answers to former names
        try:
            return allowed(repo, self.token, need, permission)
        except Refusal as refusal:
            if refusal.kind == "NOT_FOUND":
                text = f"Could not resolve to a Repository with the name '{full_name}'."
                raise Refusal(404, text, kind="NOT_FOUND") from refusal
            raise

    def repo_by_id(self, node_id: str, need: str, permission: str = "contents") -> state.Repo:
        """Return the repository of a node id such as R_1001 or REF_1001_refs/heads/main."""
        number = int(node_id.split("_")[1])
        names = [repo.full_name for repo in self.state.repos.values() if repo.id == number]
        if not names:
            raise Refusal(404, f"Could not resolve to a node with the global id of '{node_id}'", kind="NOT_FOUND")
        return self.repo(names[0], need, permission)


class Node:
    """An object within a repository."""

    def __init__(self, context: Context, repo: state.Repo) -> None:
        self._context = context
        self._repo = repo


def connection(
    nodes: Sequence[Any],
    *,
    first: int | None = None,
    last: int | None = None,
    after: str | None = None,
    before: str | None = None,
    **_: Any,
) -> dict[str, Any]:
    """Return the *first* or *last* of *nodes* between the cursors *after* and *before*, as a connection."""
    low, high = _position(after, 0), _position(before, len(nodes) + 1) - 1
    start = max(low, high - last) if last else low
    end = high if last else min(high, low + (first or 0))
    shown = list(nodes[start:end])
    return {
        "nodes": shown,
        "edges": [{"node": node, "cursor": str(start + index + 1)} for index, node in enumerate(shown)],
        "totalCount": len(nodes),
        "pageInfo": {
            "hasNextPage": end < len(nodes) and bool(first),
            "hasPreviousPage": start > 0 and bool(last),
            "startCursor": str(start + 1) if shown else None,
            "endCursor": str(end) if shown else None,
        },
    }


def _position(cursor: str | None, default: int) -> int:
    """Return after how many nodes *cursor* stands."""
    if cursor is None:
        return default
    if not cursor.isdecimal():  # refused; words and type are a guess
        raise Refusal(422, f"`{cursor}` does not appear to be a valid cursor.", kind="INVALID_CURSOR_ARGUMENTS")
    return int(cursor)
