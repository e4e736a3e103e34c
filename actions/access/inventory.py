"""Read who and what may use a repository: people, teams, deploy keys, and the Apps of its organization.

Each function raises AccessError if GitHub does not show it to the token. What each call needs is in "Permissions
required for GitHub Apps" (docs.github.com).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actions.api.client import Client

METADATA = "metadata: read"
ADMINISTRATION = "administration: read"
ORGANIZATION = "organization administration: read"
# Teams have the old names of these roles ("REST API endpoints for teams").
ROLES = {"pull": "read", "push": "write"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """Somebody who may use the repository, with a *role*: read, triage, write, maintain, admin or one of their own.

    *may_write* and *may_administer* say what the role allows.
    """

    number: int
    login: str
    role: str
    may_write: bool
    may_administer: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Team:
    """A team that may use the repository, with the *role* of its members."""

    number: int
    slug: str
    role: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DeployKey:
    """A deploy key, which belongs to no person."""

    number: int
    title: str
    may_write: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Installation:
    """An App as it is installed: its *permissions*, on all repositories or on some, at work or *suspended*."""

    number: int
    slug: str
    permissions: Mapping[str, str]
    on_all: bool
    suspended: bool


def read_people(client: Client) -> list[Person]:
    """Return everybody who may use the repository of *client*: directly, by a team, or as an owner."""
    with client.parsing():
        return [
            Person(
                number=person["id"],
                login=person["login"],
                role=person["role_name"],
                may_write=bool(person["permissions"]["push"]),
                may_administer=bool(person["permissions"]["admin"]),
            )
            for page in client.pages("/collaborators?per_page=100", permission=METADATA)
            for person in page
        ]


def read_teams(client: Client) -> list[Team]:
    """Return the teams that may use the repository of *client*."""
    with client.parsing():
        return [
            Team(number=team["id"], slug=team["slug"], role=ROLES.get(team["permission"], team["permission"]))
            for page in client.pages("/teams?per_page=100", permission=ADMINISTRATION)
            for team in page
        ]


def read_deploy_keys(client: Client) -> list[DeployKey]:
    """Return the deploy keys of the repository of *client*."""
    with client.parsing():
        return [
            DeployKey(number=key["id"], title=key["title"], may_write=not key["read_only"])
            for page in client.pages("/keys?per_page=100", permission=ADMINISTRATION)
            for key in page
        ]


def read_installations(client: Client) -> list[Installation]:
    """Return the Apps that are installed in the organization of *client*."""
    with client.parsing():
        return [
            Installation(
                number=found["app_id"],
                slug=found["app_slug"],
                permissions=found["permissions"],
                on_all=found["repository_selection"] == "all",
                suspended=found["suspended_at"] is not None,
            )
            for page in client.pages("/installations?per_page=100", permission=ORGANIZATION)
            for found in page["installations"]
        ]
