"""Two checkouts, read as the description of an organization: what they say, else what a new pair would be called.

A name that is given wins over what `gitops.yml` and the workflows say, and that over the names of the folders. GitHub
itself is asked nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from sandbox.worlds.checkout import Checkout, CheckoutError
from sandbox.worlds.description import Description, RepositoryDescription
from sandbox.worlds.members import find_apps, find_people, find_teams
from sandbox.worlds.protection import Protection, read_protection
from sandbox.worlds.values import MADE_UP, Values, find_values
from sandbox.worlds.workflow_facts import WorkflowFacts, read_workflows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ORGANIZATION = "your-org"
NAME = re.compile(r"(?!\.)[A-Za-z0-9._-]{1,100}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """What somebody who starts a sandbox says, where the checkouts say nothing or something else.

    *values* are those of secrets and variables, by name.
    """

    organization: str = ""
    app: str = ""
    infra: str = ""
    branch: str = ""
    values: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Side:
    """One of the two repositories, as far as it is read."""

    name: str
    checkout: Checkout
    protection: Protection
    facts: WorkflowFacts

    def described(self, values: Values, environments: Iterable[str], branch: str) -> RepositoryDescription:
        protected = self.protection
        stated = branch or protected.default_branch or self.checkout.default or self.checkout.branch
        return RepositoryDescription(
            name=self.name,
            checkout=self.checkout,
            default_branch=stated or "main",
            rulesets=protected.rulesets,
            environments=values.in_environments(protected.environments, [*environments, *self.facts.environments]),
            secrets=values.of_repository(),
            variables=values.variables,
        )


def describe(app: Checkout, infra: Checkout, given: Given | None = None) -> Description:
    """Return the organization that the checkouts *app* and *infra* are made for."""
    given = given or Given()
    gitops = _gitops(infra)
    sources = _services(gitops)
    app_facts, infra_facts = read_workflows(app.files), read_workflows(infra.files)
    tokens = [*app_facts.tokens, *infra_facts.tokens]
    named = [f"{token.owner}/{name}" for token in tokens for name in token.repositories]
    targets = app_facts.inputs.get("infra-repo", ())
    organization = given.organization or _part((*named, *targets, *sources), 0) or ORGANIZATION
    infra_name = given.infra or _part(targets, 1) or infra.name
    app_name = given.app or _other_than(infra_name, sources) or _other_than(infra_name, named) or app.name
    _require_names(organization, app_name, infra_name)
    sides = [
        _Side(name=name, checkout=checkout, protection=read_protection(infra.files, name), facts=facts)
        for name, checkout, facts in ((app_name, app, app_facts), (infra_name, infra, infra_facts))
    ]
    shared = read_protection(infra.files, "organization")
    protections = [*(side.protection for side in sides), shared]
    bot, guard = find_apps(_texts(gitops.get("bots")), protections, tokens)
    environments = _texts(gitops.get("environments")) or _with_files(gitops, infra.paths)
    values = [find_values(side.facts, tokens, (bot, guard), environments, given.values) for side in sides]
    served = {f"{organization}/{name}".lower() for name in (app_name, infra_name)}
    mentioned = dict.fromkeys(name if name[0] != "/" else f"{organization}{name}" for name in (*sources, *named))
    people = find_people(organization, (app, infra), protections)
    return Description(
        organization=organization,
        app=sides[0].described(values[0], (), given.branch),
        infra=sides[1].described(values[1], environments, given.branch),
        environments=environments,
        bot=bot,
        guard=guard,
        people=people,
        teams=find_teams(organization, (app, infra), protections, people),
        rulesets=shared.rulesets,
        absent=tuple(name for name in mentioned if name.lower() not in served),
        made_up=tuple(dict.fromkeys(name for each in values for name in each.named(MADE_UP))),
    )


def _require_names(organization: str, app: str, infra: str) -> None:
    """Raise CheckoutError unless GitHub could have an organization with two repositories called so."""
    for name in (organization, app, infra):
        if not NAME.fullmatch(name):
            raise CheckoutError(f"'{name}' is no name that GitHub knows; give another one")
    if app.lower() == infra.lower():
        raise CheckoutError(f"both repositories would be {organization}/{app}; give one of them another name")


def _gitops(infra: Checkout) -> Mapping[str, Any]:
    """Return `gitops.yml`, all of it as text; of one that is no YAML, nothing: the actions say so of it."""
    try:
        document = yaml.load(infra.files.get("gitops.yml", ""), Loader=yaml.BaseLoader)  # noqa: S506 - texts
    except yaml.YAMLError:
        return {}
    return document if isinstance(document, dict) else {}


def _services(gitops: Mapping[str, Any]) -> list[str]:
    """Return the repositories of the services, as owner/name."""
    services = gitops.get("services")
    described = services.values() if isinstance(services, dict) else ()
    repos = [str(each.get("repo", "")) for each in described if isinstance(each, dict)]
    return list(dict.fromkeys(repo for repo in repos if repo.count("/") == 1))


def _with_files(gitops: Mapping[str, Any], paths: Iterable[str]) -> tuple[str, ...]:
    """Return the environments that have a file, where `gitops.yml` names none."""
    pattern = re.escape(str(gitops.get("files", "envs/{env}.{extension}")))
    pattern = pattern.replace(r"\{extension\}", "(?:json|ya?ml|toml)").replace(r"\{env\}", "(?P<env>[^/]+)", 1)
    pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", pattern)
    found = (re.fullmatch(pattern, path) for path in paths if "(?P<env>" in pattern)
    return tuple(dict.fromkeys(match["env"] for match in found if match))


def _texts(value: object) -> tuple[str, ...]:
    """Return the texts of a list, or the keys of a mapping."""
    return tuple(str(each) for each in value) if isinstance(value, (list, dict)) else ()


def _other_than(name: str, named: Iterable[str]) -> str:
    """Return the name of the only repository among *named* that is not *name*, "" if there are several, or none."""
    others = dict.fromkeys(each.partition("/")[2] for each in named if each.partition("/")[2].lower() != name.lower())
    return next(iter(others)) if len(others) == 1 else ""


def _part(names: Iterable[str], index: int) -> str:
    """Return the owner (0) or the name (1) of the first of *names* that is written owner/name."""
    parts = (name.split("/")[index] for name in names if name.count("/") == 1)
    return next((part for part in parts if part), "")
