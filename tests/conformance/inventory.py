"""What GitHub shows of people, keys, secrets, runners and Apps, and to whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actions.access.bypasses import read_bypasses
from actions.access.inventory import ORGANIZATION, read_installations, read_teams
from actions.diagnosis.finding import Unreadable, attempt
from actions.diagnosis.repository_state import read_repository
from tests.conformance.assumptions import assumption, require

if TYPE_CHECKING:
    from actions.diagnosis.repository_state import RepositoryState
    from tests.conformance.ground import Ground

PERMISSIONS = "docs.github.com, Permissions required for GitHub Apps"


def unreadable(state: RepositoryState) -> set[str]:
    """Return what of *state* GitHub does not show."""
    facts = {name: getattr(state, name) for name in ("rules", "rulesets", "people", "keys", "runs", "runners")}
    facts |= {f"{name} secrets": getattr(state.secrets, name) for name in ("repository", "organization", "dependabot")}
    return {name for name, fact in facts.items() if isinstance(fact, Unreadable)}


@assumption("An owner's classic token shows everything that doctor looks at in a repository", source="OpenAPI")
def _owner(ground: Ground) -> None:
    scratch = ground.shared
    state = read_repository(scratch.client)

    require(not unreadable(state), unreadable(state))
    people = state.people if not isinstance(state.people, Unreadable) else ()
    require(scratch.login in [person.login for person in people if person.may_administer], people)


@assumption(
    "An owner's classic token shows the teams of a repository, and who may bypass its rulesets", source="OpenAPI"
)
def _access(ground: Ground) -> None:
    scratch = ground.shared
    hidden = [each for each in read_bypasses(scratch.client) if each.actors is None]

    require(read_teams(scratch.client) is not None, "teams")
    require(not hidden, hidden)


@assumption(
    "A classic token of somebody who may write shows rules, people and secrets, and no setting of an administrator",
    source="OpenAPI",
)
def _writer(ground: Ground) -> None:
    state = read_repository(ground.shared.as_second().client)

    require(unreadable(state) == {"keys", "runs", "runners"}, unreadable(state))


@assumption(
    "A fine-grained token without the permissions for it shows neither settings, keys, runners nor secrets",
    source="docs.github.com, Permissions required for fine-grained personal access tokens",
)
def _fine_grained(ground: Ground) -> None:
    hidden = unreadable(read_repository(ground.shared.as_fine_grained().client))
    expected = {"keys", "runs", "runners", "repository secrets", "organization secrets", "dependabot secrets"}

    require(hidden == expected, hidden)


@assumption(
    "An App that may not read secrets sees no name of one, and sees who may use the repository", source=PERMISSIONS
)
def _app(ground: Ground) -> None:
    hidden = unreadable(read_repository(ground.shared.as_app().client))

    require({"repository secrets", "organization secrets", "dependabot secrets"} <= hidden, hidden)
    require("people" not in hidden, hidden)


@assumption("An App without an organization's administration does not see which Apps are installed", source=PERMISSIONS)
def _installations(ground: Ground) -> None:
    client = ground.client(ground.settings.organization, ground.shared.as_app().client.token)
    found = attempt(lambda: read_installations(client), ORGANIZATION)

    require(isinstance(found, Unreadable), found)
