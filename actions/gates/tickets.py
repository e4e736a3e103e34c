"""Find the tickets that pull requests name, and what a change brings that names none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from actions.api.batches import in_batches
from actions.api.client import query
from actions.app.facts import Unknown
from actions.gates.pull_reader import PERMISSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from actions.api.client import Client
    from actions.api.comparison import Comparison

COMMITS_PER_QUERY = 50
NOTHING: Mapping[str, Any] = {"associatedPullRequests": {"nodes": []}}
PULLS = "associatedPullRequests(first: 5) { nodes { number state title headRefName body } }"


def tickets_in(text: str, patterns: Iterable[str]) -> list[str]:
    """Return what *patterns* find in *text*; an empty pattern finds nothing."""
    return [match[0] for pattern in patterns if pattern for match in re.finditer(pattern, text)]


def text_of(pull: Mapping[str, Any]) -> str:
    """Return what a *pull* request of an app says of itself, in which tickets are looked for."""
    return f"{pull['title']}\n{pull['headRefName']}\n{pull['body']}"


def untracked(client: Client, brought: Comparison | None, pattern: str) -> tuple[str, ...] | Unknown:
    """Describe the pull requests behind the commits *brought* that name no ticket, and commits that have none."""
    if not brought or brought.total > len(brought.commits):
        return Unknown("all commits that the tag brings, and so whether their pull requests name a ticket")
    shas = [commit.sha for commit in brought.commits]
    found: dict[str, bool] = {}
    for _, nodes in in_batches(shas, COMMITS_PER_QUERY, lambda batch: _ask(client, batch)):
        for sha, node in nodes.items():
            merged = [pull for pull in node["associatedPullRequests"]["nodes"] if pull["state"] == "MERGED"]
            found |= {f"#{pull['number']}": bool(tickets_in(text_of(pull), [pattern])) for pull in merged}
            found |= {} if merged else {sha[:12]: False}
    return tuple(f"{client.name} {name}" for name, is_named in found.items() if not is_named)


def _ask(client: Client, shas: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    variables = {f"c{index}": sha for index, sha in enumerate(shas)}
    document = query(
        variables=dict.fromkeys(variables, "GitObjectID!"),
        fields=" ".join(f"{name}: object(oid: ${name}) {{ ... on Commit {{ {PULLS} }} }}" for name in variables),
    )
    answer = client.repository(document, variables, permission=PERMISSION)
    return {sha: answer[name] or NOTHING for name, sha in variables.items()}
