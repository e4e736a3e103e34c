"""Read the folders of protection: one per repository, or `organization`, with rulesets/ and environments/ in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from actions.errors import EnvFileError, InputError, InvalidEnvironmentError, InvalidRulesetError
from actions.protection.difference import Difference
from actions.protection.environment import parse_environment
from actions.protection.ruleset import parse_ruleset

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actions.errors import ActionError
    from actions.infra.checkout import Checkout
    from actions.protection.environment import Environment
    from actions.protection.ruleset import Ruleset

    Declared = TypeVar("Declared", Ruleset, Environment)

RULESETS, ENVIRONMENTS = "rulesets", "environments"
# The folder of the organization's rulesets, which no repository of that name can have.
ORGANIZATION = "organization"
NAME = re.compile(r"(?!\.)[A-Za-z0-9._-]{1,100}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """A repository, as owner/name, or an organization (*name*), and what the files in *folder* say of it."""

    name: str
    folder: str
    rulesets: tuple[Ruleset, ...]
    environments: tuple[Environment, ...] = ()

    @property
    def scope(self) -> str:
        """Return the kind of the target: `repository` or `organization`."""
        return "repository" if "/" in self.name else "organization"

    @property
    def key(self) -> dict[str, str]:
        """Return the target as a field of an output."""
        return {self.scope: self.name}

    def file_of(self, difference: Difference) -> str:
        """Return the file of what differs, "" if it has none."""
        declared = self.rulesets if difference.thing == "ruleset" else self.environments
        return next((each.source.file for each in declared if each.name == difference.name), "")

    def unknown(self) -> list[Difference]:
        """Return the drift of a target of which nothing can be read."""
        return [
            *(Difference(thing="ruleset", name=each.name, kind="unknown", what="all") for each in self.rulesets),
            *(
                Difference(thing="environment", name=each.name, kind="unknown", what="all")
                for each in self.environments
            ),
        ]


def read_targets(checkout: Checkout, folder: str, *, owner: str, only: str = "") -> list[Target]:
    """Return the repositories of *owner* that have a folder in *folder*: all of them, or *only* the one of that name.

    Raises InputError if there is none, or if one has no files.
    """
    there = sorted(path.name for path in checkout.root.glob(f"{folder}/*") if path.is_dir())
    names = [name for name in there if name != ORGANIZATION and name.casefold() == (only or name).casefold()]
    if not names:
        raise InputError(f"there is no folder {folder}/{only or '<repository>'}; is the repository checked out?")
    for name in names:
        if not NAME.fullmatch(name):
            raise InputError(f"folder {folder}/{name[:200]!r} does not have the name of a repository")
    return [_target(checkout, f"{folder}/{name}", f"{owner}/{name}") for name in names]


def read_organization(checkout: Checkout, folder: str, name: str) -> Target:
    """Return the organization *name* with the rulesets of its folder in *folder*; raise InputError if it has none."""
    return _target(checkout, f"{folder}/{ORGANIZATION}", name)


def _target(checkout: Checkout, folder: str, name: str) -> Target:
    scope = "repository" if "/" in name else "organization"
    rulesets = [
        parse_ruleset(_read(checkout, path, InvalidRulesetError), path, scope=scope)
        for path in _paths(checkout, f"{folder}/{RULESETS}")
    ]
    environments = [
        parse_environment(_read(checkout, path, InvalidEnvironmentError), path)
        for path in (_paths(checkout, f"{folder}/{ENVIRONMENTS}") if scope == "repository" else ())
    ]
    if not rulesets and not environments:
        kinds = f"{RULESETS}/*.json" + (f" and no {ENVIRONMENTS}/*.json" if scope == "repository" else "")
        raise InputError(f"{folder} has no {kinds}; is the repository checked out?")
    _require_different_names(rulesets, [ruleset.name for ruleset in rulesets])
    _require_different_names(environments, [environment.name.casefold() for environment in environments])
    return Target(name=name, folder=folder, rulesets=tuple(rulesets), environments=tuple(environments))


def _paths(checkout: Checkout, folder: str) -> list[str]:
    return sorted(path.relative_to(checkout.root).as_posix() for path in checkout.root.glob(f"{folder}/*.json"))


def _read(checkout: Checkout, path: str, kind: type[ActionError]) -> str:
    try:
        return checkout.read(path)
    except EnvFileError as error:
        raise kind(str(error), file=error.file, line=error.line) from error


def _require_different_names(declared: Sequence[Declared], names: Sequence[str]) -> None:
    for name, each in zip(names, declared, strict=True):
        files = [other.source.file for other_name, other in zip(names, declared, strict=True) if other_name == name]
        if len(files) > 1:
            raise each.source.error(f"the name '{each.name}' is taken twice: {', '.join(files)}", '"name"')
