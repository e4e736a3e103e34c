"""Look up the ids of the users, Apps, teams and roles that files name."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from actions.errors import InputError
from actions.protection.ruleset import with_team_ids

if TYPE_CHECKING:
    from actions.api.client import Client
    from actions.protection.environment import Environment
    from actions.protection.ruleset import Bypass, Ruleset
    from actions.protection.source import Source

# The ids of the built-in repository roles.
ROLES = {"maintain": 2, "write": 4, "admin": 5}


@dataclass(frozen=True)
class Actors:
    """Look up actors, each once; teams are those of the owner of the client's repository or organization."""

    client: Client
    _known: dict[tuple[str, str], int] = field(default_factory=dict, repr=False)

    def in_ruleset(self, ruleset: Ruleset) -> Ruleset:
        """Return *ruleset* with the ids of the actors that its file names; raise its error if one does not exist."""
        source = ruleset.source
        return replace(
            ruleset,
            bypass=tuple(self._bypass(entry, source) for entry in ruleset.bypass or ()),
            rules=with_team_ids(ruleset.rules, lambda name: self._id("Team", name, source)),
        )

    def in_environment(self, environment: Environment) -> Environment:
        """Return *environment* with the ids of its reviewers; raise its error if one does not exist."""
        reviewers = (
            replace(reviewer, number=self._id(reviewer.type, reviewer.name, environment.source))
            for reviewer in environment.reviewers
        )
        return replace(environment, reviewers=tuple(reviewers))

    def _bypass(self, entry: Bypass, source: Source) -> Bypass:
        return replace(entry, number=self._id(entry.kind, entry.name, source)) if entry.name else entry

    def _id(self, kind: str, name: str, source: Source) -> int:
        key = (kind, name)
        try:
            self._known[key] = self._known.get(key) or self._look_up(kind, name)
        except InputError as error:
            raise source.error(str(error), f'"{name}"') from error
        return self._known[key]

    def _look_up(self, kind: str, name: str) -> int:
        """Return the id of the actor *name* of *kind*; raise InputError if it does not exist."""
        if kind == "RepositoryRole":
            if name not in ROLES:
                raise InputError(f"role '{name}' is not known; it must be one of {', '.join(ROLES)}, or an actor_id")
            return ROLES[name]
        owner = self.client.name.partition("/")[0]
        paths = {
            "User": f"/users/{name}",
            "Integration": f"/apps/{name}",
            "Team": f"/orgs/{owner}/teams/{name}",
        }
        if kind not in paths:
            raise InputError(f"a bypass of kind {kind} cannot be given by name; use actor_id")
        permission = "members: read" if kind == "Team" else "metadata: read"
        actor = self.client.rest("GET", paths[kind], permission=permission, absent=(HTTPStatus.NOT_FOUND,), root="")
        if actor is None:
            raise InputError(f"{kind} '{name}' not found: it does not exist, or this token cannot see it")
        with self.client.parsing():
            return int(actor["id"])
