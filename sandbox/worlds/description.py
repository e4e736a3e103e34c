"""An organization with an app and an infra repository, as the sandbox is to make it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.state import Role
    from sandbox.worlds.checkout import Checkout

# What the Apps may do, as docs/setup.md has it made: each token is for less.
BOT_MAY = {
    **dict.fromkeys(("contents", "pull_requests", "deployments", "workflows", "issues"), "write"),
    **dict.fromkeys(("actions", "checks", "statuses", "metadata"), "read"),
}
READ = ("actions", "checks", "deployments", "pull_requests", "statuses", "environments", "members")
NAMES = ("secrets", "dependabot_secrets", "organization_administration")  # for action-doctor alone
GUARD_MAY = {
    **dict.fromkeys((*READ, *NAMES), "read"), "metadata": "read", "administration": "write", "contents": "write",
}  # fmt: skip
PEOPLE: dict[str, Role] = {"olivia": "admin", "alice": "write", "bob": "write"}


@dataclass(frozen=True, slots=True)
class OfApp:
    """The value of a secret or a variable that is the key, or the id, of the App *slug*."""

    slug: str
    what: Literal["key", "id"]


Value = str | OfApp


@dataclass(frozen=True, kw_only=True, slots=True)
class AppDescription:
    """An App that is installed on both repositories; its *client_id* is any if it is empty."""

    slug: str
    permissions: Mapping[str, str]
    client_id: str = ""

    @property
    def login(self) -> str:
        """Return how REST and commits call it."""
        return f"{self.slug}[bot]"


@dataclass(frozen=True, kw_only=True, slots=True)
class EnvironmentDescription:
    """An environment of a repository; with *policies* None every ref may use it. *reviewers* are kinds with names."""

    name: str
    policies: tuple[tuple[str, Literal["branch", "tag"]], ...] | None = None
    reviewers: tuple[tuple[str, str], ...] = ()
    prevent_self_review: bool = False
    wait: int = 0
    secrets: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class RepositoryDescription:
    """A repository: its *rulesets* as its files have them, actors by name, and the *checks* that they require."""

    name: str
    checkout: Checkout
    default_branch: str
    rulesets: tuple[Mapping[str, Any], ...] = ()
    environments: tuple[EnvironmentDescription, ...] = ()
    secrets: Mapping[str, Value] = field(default_factory=dict)
    variables: Mapping[str, Value] = field(default_factory=dict)

    @property
    def checks(self) -> list[str]:
        """Return the checks that the rulesets of the default branch require."""
        return [
            check["context"]
            for ruleset in self.rulesets
            if {"~DEFAULT_BRANCH", "~ALL", f"refs/heads/{self.default_branch}"} & _included(ruleset)
            for rule in ruleset.get("rules", ())
            if rule["type"] == "required_status_checks"
            for check in rule["parameters"]["required_status_checks"]
        ]


@dataclass(frozen=True, kw_only=True, slots=True)
class Description:
    """The organization with its two repositories, its *environments* in the order of promotion, people, teams, Apps.

    *absent* are repositories that something in the checkouts names and that are not served. *made_up* are secrets and
    variables of which nothing says the value.
    """

    organization: str
    app: RepositoryDescription
    infra: RepositoryDescription
    environments: tuple[str, ...]
    bot: AppDescription
    guard: AppDescription
    people: Mapping[str, Role]
    teams: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rulesets: tuple[Mapping[str, Any], ...] = ()
    absent: tuple[str, ...] = ()
    made_up: tuple[str, ...] = ()


def _included(ruleset: Mapping[str, Any]) -> set[str]:
    return set((ruleset.get("conditions") or {}).get("ref_name", {}).get("include") or ())
