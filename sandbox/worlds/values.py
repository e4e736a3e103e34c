"""The secrets and variables that the workflows of a repository use, and where they are kept."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sandbox.worlds.description import AppDescription, EnvironmentDescription, OfApp, Value
from sandbox.worlds.members import guard_keys
from sandbox.worlds.workflow_facts import MATRIX, TokenStep, WorkflowFacts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MADE_UP = "made-up"


@dataclass(frozen=True, kw_only=True, slots=True)
class Values:
    """What each secret and variable is; *places* are the environments of the jobs that use a secret, "" for none."""

    secrets: Mapping[str, Value] = field(repr=False)
    places: Mapping[str, tuple[str, ...]]
    variables: Mapping[str, Value]

    def in_environments(
        self, described: Iterable[EnvironmentDescription], named: Iterable[str]
    ) -> tuple[EnvironmentDescription, ...]:
        """Return the environments *described*, and those that are only *named*, with their secrets.

        GitHub makes an environment that a job names, and protects it by nothing ("Managing environments for
        deployment").
        """
        known = {each.name.casefold(): each for each in described}
        for name in named:
            known.setdefault(name.casefold(), EnvironmentDescription(name=name))
        return tuple(replace(each, secrets=self._kept_in(key)) for key, each in known.items())

    def of_repository(self) -> dict[str, Value]:
        """Return the secrets of jobs without an environment."""
        return {name: value for name, value in self.secrets.items() if "" in self.places[name]}

    def named(self, value: Value) -> list[str]:
        """Return the secrets and variables that are *value*."""
        return [name for name, known in {**self.secrets, **self.variables}.items() if known == value]

    def _kept_in(self, environment: str) -> dict[str, Value]:
        return {
            name: value
            for name, value in self.secrets.items()
            if environment in [place.casefold() for place in self.places[name]]
        }


def find_values(
    facts: WorkflowFacts,
    tokens: Sequence[TokenStep],
    apps: tuple[AppDescription, AppDescription],
    environments: Sequence[str],
    given: Mapping[str, str],
) -> Values:
    """Return the secrets and variables that *facts* name: of an App, *given*, or made up.

    A job whose environment only a run knows uses any of *environments*.
    """
    of_apps = _of_apps(tokens, apps)
    places = {
        name: tuple(place for found in used for place in (environments if found == MATRIX else (found,)))
        for name, used in facts.secrets.items()
    }

    def value_of(name: str) -> Value:
        return of_apps.get(name) or given.get(name, MADE_UP)

    return Values(
        secrets={name: value_of(name) for name in facts.secrets},
        places=places,
        variables={name: value_of(name) for name in facts.variables},
    )


def _of_apps(tokens: Sequence[TokenStep], apps: tuple[AppDescription, AppDescription]) -> dict[str, OfApp]:
    """Return which secret is the key, and which variable the id, of which App."""
    bot, guard = apps
    guards = guard_keys(tokens)
    found: dict[str, OfApp] = {}
    for token in tokens:
        slug = (guard if token.key in guards else bot).slug
        found |= {token.key: OfApp(slug, "key"), token.client: OfApp(slug, "id")}
    return found
