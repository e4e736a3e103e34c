"""The rulesets of a repository or an organization on GitHub: read, written, and who their actors are."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from github import GithubException

from actions.api import Api
from actions.errors import InputError
from actions.rulesets import Ruleset, of_api
from actions.workflow_checks import FOLDER

if TYPE_CHECKING:
    from collections.abc import Mapping

ADMINISTRATION = "administration: write"
# The ids that the roles of every repository have.
ROLES = {"maintain": 2, "write": 4, "admin": 5}
FACTS = """
query($owner: String!, $name: String!, $tree: String!) { repository(owner: $owner, name: $name) {
    squashMergeAllowed rebaseMergeAllowed mergeCommitAllowed
    defaultBranchRef { name }
    object(expression: $tree) { ... on Tree { entries { path object { ... on Blob { text } } } } }
} }"""


class RulesetStore(Api):
    """The rulesets of *name*: a repository as owner/name, or an organization."""

    @property
    def scope(self) -> str:
        """Return what *name* names: `repository` or `organization`."""
        return "repository" if "/" in self.name else "organization"

    @property
    def _root(self) -> str:
        return f"/repos/{self.name}" if self.scope == "repository" else f"/orgs/{self.name}"

    def all(self) -> list[Ruleset]:
        """Return the rulesets of it alone, not those it has from above. A repository has at most 75."""
        above = "&includes_parents=false" if self.scope == "repository" else ""
        with self._asking("metadata: read"):
            listed = self._rest("GET", f"/rulesets?per_page=100{above}")
            return [of_api(self._rest("GET", f"/rulesets/{summary['id']}")) for summary in listed]

    def create(self, ruleset: Ruleset) -> Ruleset:
        """Create *ruleset* and return what GitHub made of it."""
        with self._asking(ADMINISTRATION):
            return of_api(self._rest("POST", "/rulesets", ruleset.body()))

    def update(self, number: int, ruleset: Ruleset) -> Ruleset:
        """Make the ruleset *number* what *ruleset* says, whole, and return what GitHub made of it."""
        with self._asking(ADMINISTRATION):
            return of_api(self._rest("PUT", f"/rulesets/{number}", ruleset.body()))

    def delete(self, number: int) -> None:
        """Delete the ruleset *number*; it is no error if it is gone."""
        with self._asking(ADMINISTRATION):
            try:
                self._rest("DELETE", f"/rulesets/{number}")
            except GithubException as error:
                if error.status != HTTPStatus.NOT_FOUND:
                    raise

    def facts(self, revision: str) -> tuple[str, dict[str, str], frozenset[str]]:
        """Return the default branch, the workflows at *revision* by path, and the ways to merge that are allowed."""
        found = self.ask(FACTS, {"tree": f"{revision}:{FOLDER}"})
        entries = (found["object"] or {}).get("entries") or []
        workflows = {entry["path"]: (entry["object"] or {}).get("text") or "" for entry in entries}
        allowed = {"squash": "squashMergeAllowed", "rebase": "rebaseMergeAllowed", "merge": "mergeCommitAllowed"}
        return (
            (found["defaultBranchRef"] or {}).get("name", ""),
            {path: text for path, text in workflows.items() if path.endswith((".yml", ".yaml"))},
            frozenset(method for method, key in allowed.items() if found[key]),
        )

    def actor(self, kind: str, name: str) -> int:
        """Return the id of the actor *name* of *kind*; raise InputError, saying what to look for, if there is none."""
        if kind == "RepositoryRole":
            if name not in ROLES:
                raise InputError(f"role '{name}' is not known; it can be {', '.join(ROLES)}, or an actor_id")
            return ROLES[name]
        owner = self.name.partition("/")[0]
        paths = {
            "User": f"/users/{name}",
            "Integration": f"/apps/{name}",
            "Team": f"/orgs/{owner}/teams/{name}",
        }
        if kind not in paths:
            raise InputError(f"a bypass of kind {kind} cannot be named; give its actor_id")
        with self._asking("members: read" if kind == "Team" else "metadata: read"):
            try:
                found: Mapping[str, Any] = self._send("GET", paths[kind])[1]
            except GithubException as error:
                if error.status == HTTPStatus.NOT_FOUND:
                    raise InputError(f"there is no {kind} '{name}' that this token can see") from error
                raise
        return int(found["id"])
