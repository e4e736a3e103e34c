"""Read how one repository is set up; what the token cannot read is Unreadable and keeps nothing else from being read.

What each call needs is in "Permissions required for GitHub Apps" (docs.github.com). GraphQL says which merge methods
are allowed: REST leaves them out for some tokens (s4k10503/velvet#320, terraform-provider-github#679).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from actions.access.inventory import ADMINISTRATION, METADATA, read_deploy_keys, read_people
from actions.diagnosis.finding import Unreadable, attempt
from actions.diagnosis.workflow import Workflow, read_workflows
from actions.errors import ConflictError
from actions.protection.environment_store import READ as READ_ENVIRONMENTS
from actions.protection.environment_store import EnvironmentStore
from actions.protection.lint import RepositoryFacts
from actions.protection.store import RulesetStore
from actions.protection.workflow_checks import FOLDER

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from actions.access.inventory import DeployKey, Person
    from actions.api.client import Client
    from actions.protection.environment import Environment
    from actions.protection.ruleset import Ruleset

SETTINGS = f"""
query($owner: String!, $name: String!) {{ repository(owner: $owner, name: $name) {{ nameWithOwner
    squashMergeAllowed rebaseMergeAllowed mergeCommitAllowed autoMergeAllowed deleteBranchOnMerge
    defaultBranchRef {{ name target {{ oid }} }}
    object(expression: "HEAD:{FOLDER}") {{ ... on Tree {{ entries {{ path object {{ ... on Blob {{ text }} }} }} }} }}
}} }}"""
METHODS = {"squash": "squashMergeAllowed", "rebase": "rebaseMergeAllowed", "merge": "mergeCommitAllowed"}
SECRETS = "secrets: read"
DEPENDABOT_SECRETS = "dependabot secrets: read"
ENVIRONMENT_SECRETS = "environments: read"


@dataclass(frozen=True, kw_only=True, slots=True)
class Runs:
    """What workflows may do: the *default* permission of GITHUB_TOKEN, and whether it *may_approve* pull requests."""

    default: str
    may_approve: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Secrets:
    """The names of the secrets that every branch can read."""

    repository: Sequence[str] | Unreadable
    organization: Sequence[str] | Unreadable
    dependabot: Sequence[str] | Unreadable


@dataclass(frozen=True, kw_only=True, slots=True)
class RepositoryState:
    """A repository: the *head* of its default branch, its workflows, its settings, who and what may do what there."""

    name: str
    head: str
    facts: RepositoryFacts
    workflows: tuple[Workflow, ...]
    auto_merge: bool
    deletes_branches: bool
    rules: Sequence[Mapping[str, Any]] | Unreadable
    rulesets: Sequence[Ruleset] | Unreadable
    people: Sequence[Person] | Unreadable
    keys: Sequence[DeployKey] | Unreadable
    runs: Runs | Unreadable
    secrets: Secrets
    runners: Sequence[str] | Unreadable

    @property
    def default_branch(self) -> str:
        """Return the name of the default branch."""
        return self.facts.default_branch


def read_repository(client: Client) -> RepositoryState:
    """Read the repository of *client*; raise AccessError if the token cannot see it, ConflictError if it is empty."""
    answer = client.repository(SETTINGS, {})
    with client.parsing():
        if not answer["defaultBranchRef"]:
            raise ConflictError(f"{client.name} has no commit yet")
        texts = {
            entry["path"]: (entry["object"] or {}).get("text") or ""
            for entry in (answer["object"] or {}).get("entries") or ()
            if entry["path"].endswith((".yml", ".yaml"))
        }
        facts = RepositoryFacts(
            default_branch=answer["defaultBranchRef"]["name"],
            workflows=texts,
            methods=frozenset(method for method, key in METHODS.items() if answer[key]),
        )
        return RepositoryState(
            name=client.name,
            head=answer["defaultBranchRef"]["target"]["oid"],
            facts=facts,
            workflows=read_workflows(texts),
            auto_merge=answer["autoMergeAllowed"],
            deletes_branches=answer["deleteBranchOnMerge"],
            rules=attempt(lambda: _rules(client, facts.default_branch), METADATA),
            rulesets=attempt(RulesetStore(client).all, METADATA),
            people=attempt(lambda: read_people(client), METADATA),
            keys=attempt(lambda: read_deploy_keys(client), ADMINISTRATION),
            runs=attempt(lambda: _runs(client), ADMINISTRATION),
            secrets=Secrets(
                repository=attempt(lambda: _names(client, "/actions/secrets", SECRETS), SECRETS),
                organization=attempt(lambda: _names(client, "/actions/organization-secrets", SECRETS), SECRETS),
                dependabot=attempt(
                    lambda: _names(client, "/dependabot/secrets", DEPENDABOT_SECRETS), DEPENDABOT_SECRETS
                ),
            ),
            runners=attempt(lambda: _runners(client), ADMINISTRATION),
        )


def read_environments(client: Client, wanted: Collection[str]) -> list[Environment] | Unreadable:
    """Return the environments of the repository, those that are *wanted* with the refs that they admit."""
    names = {name.casefold() for name in wanted}
    return attempt(lambda: EnvironmentStore(client).all(names), READ_ENVIRONMENTS)


def read_environment_secrets(client: Client, environment: str) -> list[str] | Unreadable:
    """Return the names of the secrets of *environment*."""
    path = f"/environments/{quote(environment, safe='')}/secrets"
    return attempt(lambda: _names(client, path, ENVIRONMENT_SECRETS), ENVIRONMENT_SECRETS)


def _rules(client: Client, branch: str) -> list[Mapping[str, Any]]:
    """Return every rule for *branch* that is active, of the repository, its organization or its enterprise."""
    path = f"/rules/branches/{quote(branch, safe='')}?per_page=100"
    return [rule for page in client.pages(path, permission=METADATA) for rule in page]


def _runs(client: Client) -> Runs:
    answer = client.rest("GET", "/actions/permissions/workflow", permission=ADMINISTRATION)
    with client.parsing():
        return Runs(
            default=answer["default_workflow_permissions"],
            may_approve=answer["can_approve_pull_request_reviews"],
        )


def _names(client: Client, path: str, permission: str) -> list[str]:
    with client.parsing():
        return [
            str(secret["name"])
            for page in client.pages(f"{path}?per_page=100", permission=permission)
            for secret in page["secrets"]
        ]


def _runners(client: Client) -> list[str]:
    with client.parsing():
        return [
            str(runner["name"])
            for page in client.pages("/actions/runners?per_page=100", permission=ADMINISTRATION)
            for runner in page["runners"]
        ]
