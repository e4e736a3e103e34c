"""Read who could change an environment: in infra, in the apps behind its tags, in their organizations."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from actions.access.bypasses import read_bypasses
from actions.access.inventory import (
    ADMINISTRATION,
    METADATA,
    ORGANIZATION,
    read_deploy_keys,
    read_installations,
    read_people,
    read_teams,
)
from actions.errors import AccessError
from actions.evidence.access import Access, AccessKind, AccessPart
from actions.evidence.access_history import NONE
from actions.protection.actors import ROLES
from actions.protection.environment_lint import KEYS
from actions.protection.environment_store import READ, EnvironmentStore

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from actions.access.inventory import Installation
    from actions.api.client import Client
    from actions.protection.environment import Environment
    from actions.protection.ruleset import Bypass


@dataclass(frozen=True)
class AccessReader:
    """Read the access to *infra* and to *apps*, the repositories of the clients; the names of actors are kept."""

    infra: Client
    apps: Sequence[Client]
    _names: dict[tuple[str, int], str] = field(default_factory=dict, repr=False)

    def read(self) -> Access:
        """Return the access; what GitHub hides from a token is unknown, with the permission that it lacks."""
        self._names.update({("RepositoryRole", number): role for role, number in ROLES.items()})
        clients = (self.infra, *self.apps)
        owners = {client.name.partition("/")[0]: client for client in reversed(clients)}
        found = [self._installed(replace(client, name=owner)) for owner, client in owners.items()]
        for client in clients:
            found += self._of_repository(client)
        return Access(parts=tuple(sorted(found, key=lambda part: (part.where, part.kind))))

    def _of_repository(self, client: Client) -> list[AccessPart]:
        return [
            self._people(client),
            self._teams(client),
            _part(
                client,
                AccessKind.DEPLOY_KEYS,
                ADMINISTRATION,
                lambda: {f"key {key.number}": "write" if key.may_write else "read" for key in read_deploy_keys(client)},
            ),
            _part(client, AccessKind.ENVIRONMENTS, READ, lambda: self._environments(client)),
            self._bypasses(client),
        ]

    def _installed(self, client: Client) -> AccessPart:
        def read() -> dict[str, str]:
            installed = read_installations(client)
            self._names.update({("Integration", app.number): app.slug for app in installed})
            return {app.slug: _rights(app) for app in installed}

        return _part(client, AccessKind.APPS, ORGANIZATION, read)

    def _people(self, client: Client) -> AccessPart:
        def read() -> dict[str, str]:
            people = read_people(client)
            self._names.update({("User", person.number): person.login for person in people})
            return {person.login: person.role for person in people}

        return _part(client, AccessKind.PEOPLE, METADATA, read)

    def _teams(self, client: Client) -> AccessPart:
        def read() -> dict[str, str]:
            teams = read_teams(client)
            self._names.update({("Team", team.number): team.slug for team in teams})
            return {team.slug: team.role for team in teams}

        return _part(client, AccessKind.TEAMS, ADMINISTRATION, read)

    def _environments(self, client: Client) -> dict[str, str]:
        """Return all environments of infra; of an app, which may have one for each pull request, those with keys."""
        store, is_infra = EnvironmentStore(client), client is self.infra
        found = store.all() if is_infra else [each for each in store.all(KEYS) if each.name.casefold() in KEYS]
        return {each.name: _admission(each) for each in found}

    def _bypasses(self, client: Client) -> AccessPart:
        def read() -> dict[str, str]:
            found = read_bypasses(client)
            lacking.update(each.needs for each in found if each.actors is None)
            return {
                each.ruleset: ", ".join(sorted(map(self._named, each.actors))) or NONE
                for each in found
                if each.actors is not None
            }

        lacking: set[str] = set()
        part = _part(client, AccessKind.BYPASSES, METADATA, read)
        return replace(part, lacks=", ".join(sorted(lacking))) if lacking else part

    def _named(self, actor: Bypass) -> str:
        name = self._names.get((actor.kind, actor.number or 0), "")
        return str(replace(actor, name=name))


def _part(client: Client, kind: AccessKind, permission: str, read: Callable[[], dict[str, str]]) -> AccessPart:
    try:
        found = read()
    except AccessError:
        return AccessPart(where=client.name, kind=kind, holders={}, lacks=permission)
    return AccessPart(where=client.name, kind=kind, holders=dict(sorted(found.items())))


def _rights(app: Installation) -> str:
    """Return where an App is installed, and with which permissions."""
    suspended, where = "suspended, " if app.suspended else "", "all" if app.on_all else "selected"
    permissions = ", ".join(f"{name}: {level}" for name, level in sorted(app.permissions.items()))
    return f"{suspended}{where} repositories, {permissions}"


def _admission(environment: Environment) -> str:
    """Return which refs may use *environment*, and who approves its jobs."""
    refs = environment.admits or ", ".join(sorted(map(str, environment.policies))) or "no branch"
    reviewers = ", ".join(sorted(map(str, environment.reviewers))) or NONE
    alone = ", not who started the run" if environment.prevent_self_review else ""
    return f"admits {refs}; reviewers: {reviewers}{alone}"
