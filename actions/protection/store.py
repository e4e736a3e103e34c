"""Read and write the rulesets of a repository or an organization on GitHub."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from actions.protection.lint import RepositoryFacts
from actions.protection.ruleset import Ruleset, read_ruleset
from actions.protection.workflow_checks import FOLDER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actions.api.client import Client

# What GitHub asks for to read and to write; of an organization, it lists no rulesets to anybody who may not write them.
NEEDS = {
    "repository": ("metadata: read", "administration: write"),
    "organization": ("organization administration: write", "organization administration: write"),
}
FACTS = """
query($owner: String!, $name: String!, $tree: String!) { repository(owner: $owner, name: $name) { nameWithOwner
    squashMergeAllowed rebaseMergeAllowed mergeCommitAllowed
    defaultBranchRef { name }
    object(expression: $tree) { ... on Tree { entries { path object { ... on Blob { text } } } } }
} }"""


@dataclass(frozen=True)
class RulesetStore:
    """Read and write the rulesets of the client's repository or organization."""

    client: Client

    @property
    def scope(self) -> str:
        """Return the kind of the client's target: `repository` or `organization`."""
        return "repository" if "/" in self.client.name else "organization"

    @property
    def _needs(self) -> tuple[str, str]:
        return NEEDS[self.scope]

    def all(self) -> list[Ruleset]:
        """Return the rulesets of the target itself, without inherited ones. A repository has at most 75."""
        inherited = "&includes_parents=false" if self.scope == "repository" else ""
        read, _ = self._needs
        listed = self.client.rest("GET", f"/rulesets?per_page=100{inherited}", permission=read)
        with self.client.parsing():
            numbers = [int(entry["id"]) for entry in listed]
        return [self._read(self.client.rest("GET", f"/rulesets/{number}", permission=read)) for number in numbers]

    def create(self, ruleset: Ruleset) -> Ruleset:
        """Create *ruleset*, and return it as GitHub stored it."""
        return self._read(self.client.rest("POST", "/rulesets", ruleset.body(), permission=self._needs[1]))

    def update(self, number: int, ruleset: Ruleset) -> Ruleset:
        """Replace the ruleset *number* by *ruleset*, and return it as GitHub stored it."""
        return self._read(self.client.rest("PUT", f"/rulesets/{number}", ruleset.body(), permission=self._needs[1]))

    def delete(self, number: int) -> None:
        """Delete the ruleset *number* if it exists."""
        self.client.rest("DELETE", f"/rulesets/{number}", permission=self._needs[1], absent=(HTTPStatus.NOT_FOUND,))

    def facts(self, revision: str) -> RepositoryFacts:
        """Return the facts that the lint needs, with the workflows at *revision*."""
        answer = self.client.repository(FACTS, {"tree": f"{revision}:{FOLDER}"})
        entries = (answer["object"] or {}).get("entries") or []
        workflows = {entry["path"]: (entry["object"] or {}).get("text") or "" for entry in entries}
        allowed = {"squash": "squashMergeAllowed", "rebase": "rebaseMergeAllowed", "merge": "mergeCommitAllowed"}
        return RepositoryFacts(
            default_branch=(answer["defaultBranchRef"] or {}).get("name", ""),
            workflows={path: text for path, text in workflows.items() if path.endswith((".yml", ".yaml"))},
            methods=frozenset(method for method, key in allowed.items() if answer[key]),
        )

    def _read(self, answer: Mapping[str, Any]) -> Ruleset:
        with self.client.parsing():
            return read_ruleset(answer)
