"""Tell whether those asked for a change who may roll back without a review before it (`emergency` in gitops.yml).

It counts who started the run in which the bot was asked, and who started it again: a run by hand, of the workflow on
the default branch. What a commit says of that is checked against the run.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from actions.app.facts import Unknown
from actions.errors import AccessError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actions.api.client import Client
    from actions.infra.config import Emergency

TEAM = "team/"
ACTIVE = "active"


@dataclass(frozen=True)
class EmergencyTeam:
    """Look up who may ask: people, and members of teams of the organization that owns the repository of *client*."""

    client: Client
    _known: dict[tuple[str, str], bool] = field(default_factory=dict, repr=False)

    def may_ask(self, rule: Emergency, logins: Iterable[str]) -> bool | Unknown:
        """Tell whether each of *logins*, of which there is one at least, is named by *rule*."""
        asked = sorted({login.casefold() for login in logins})
        try:
            return bool(asked) and all(self._is_named(rule, login) for login in asked)
        except AccessError as error:
            return Unknown(f"who is on the teams that may ask for an emergency: {error}")

    def _is_named(self, rule: Emergency, login: str) -> bool:
        people = {name.casefold() for name in rule.by if not name.startswith(TEAM)}
        teams = [name.removeprefix(TEAM) for name in rule.by if name.startswith(TEAM)]
        return login in people or any(self._is_member(team, login) for team in teams)

    def _is_member(self, team: str, login: str) -> bool:
        if (team, login) not in self._known:
            owner = self.client.name.partition("/")[0]
            path = f"/orgs/{owner}/teams/{team}/memberships/{login}"
            answer = self.client.rest("GET", path, permission="members: read", absent=[404], root="")
            self._known[team, login] = bool(answer and answer["state"] == ACTIVE)
        return self._known[team, login]
