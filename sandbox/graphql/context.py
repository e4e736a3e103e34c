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
    nodes: Sequence[Any], *, first: int = 0, last: int = 0, after: str | None = None, **_: Any
) -> dict[str, Any]:
    """Return the *first* or *last* of *nodes* that come after the cursor *after*, as a connection."""
    start, end = int(after or 0), len(nodes)
    if first:
        end = min(end, start + first)
    elif last:
        start = max(start, end - last)
    else:
        start = end
    return {
        "nodes": list(nodes[start:end]),
        "totalCount": len(nodes),
        "pageInfo": {"hasNextPage": end < len(nodes) and bool(first), "endCursor": str(end)},
    }
