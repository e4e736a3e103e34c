"""What the folder `protection/` of an infra checkout says of a repository: rulesets, environments, who is in them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.worlds.description import EnvironmentDescription

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

WILD = set("*?[]\\")


@dataclass(frozen=True, kw_only=True, slots=True)
class Protection:
    """The rulesets of a repository, actors by name, and its environments."""

    rulesets: tuple[Mapping[str, Any], ...] = ()
    environments: tuple[EnvironmentDescription, ...] = ()

    @property
    def default_branch(self) -> str:
        """Return the branch that the environments admit, literally: docs/setup.md has it be the default one."""
        policies = [policy for each in self.environments for policy in each.policies or ()]
        return next((name for name, kind in policies if kind == "branch" and not WILD & set(name)), "")

    @property
    def apps(self) -> list[str]:
        """Return the Apps that may bypass a ruleset."""
        return [name for kind, name in _bypassing(self.rulesets) if kind == "Integration"]

    @property
    def people(self) -> list[str]:
        """Return the people who may bypass a ruleset or approve a deployment."""
        asked = [name for each in self.environments for kind, name in each.reviewers if kind == "User"]
        return [*asked, *(name for kind, name in _bypassing(self.rulesets) if kind == "User")]

    @property
    def teams(self) -> list[str]:
        """Return the teams that review, approve deployments, or may bypass a ruleset."""
        asked = [name for each in self.environments for kind, name in each.reviewers if kind == "Team"]
        bypassing = [name for kind, name in _bypassing(self.rulesets) if kind == "Team"]
        return [*asked, *bypassing, *_reviewing(self.rulesets)]


def read_protection(files: Mapping[str, str], name: str) -> Protection:
    """Return what *files* say of the repository *name*, whose case does not matter."""
    folders = {path.split("/")[1] for path in files if path.startswith("protection/") and path.count("/") > 1}
    folder = next((folder for folder in sorted(folders) if folder.lower() == name.lower()), "")
    environments = [_environment(document) for document in _documents(files, f"protection/{folder}/environments/")]
    return Protection(
        rulesets=tuple(_documents(files, f"protection/{folder}/rulesets/")), environments=tuple(environments)
    )


def _documents(files: Mapping[str, str], folder: str) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects in *folder*; what is none is left out, and sync-protection says so of it."""
    for path in sorted(files):
        if path.startswith(folder) and path.endswith(".json"):
            try:
                document = json.loads(files[path])
            except json.JSONDecodeError:
                continue
            if isinstance(document, dict) and "name" in document:
                yield document


def _environment(document: Mapping[str, Any]) -> EnvironmentDescription:
    return EnvironmentDescription(
        name=document["name"],
        policies=tuple((each["name"], each["type"]) for each in document.get("deployment_branch_policies", ())),
        reviewers=tuple((each["type"], each["name"]) for each in document.get("reviewers", ())),
        prevent_self_review=document.get("prevent_self_review", False),
        wait=document.get("wait_timer", 0),
    )


def _bypassing(rulesets: tuple[Mapping[str, Any], ...]) -> list[tuple[str, str]]:
    entries = [entry for ruleset in rulesets for entry in ruleset.get("bypass_actors") or ()]
    return [(entry["actor_type"], entry["actor"]) for entry in entries if entry.get("actor")]


def _reviewing(rulesets: tuple[Mapping[str, Any], ...]) -> list[str]:
    rules = [rule for ruleset in rulesets for rule in ruleset.get("rules") or ()]
    asked = [each for rule in rules for each in (rule.get("parameters") or {}).get("required_reviewers") or ()]
    return [each["reviewer"]["name"] for each in asked if each["reviewer"].get("name")]
