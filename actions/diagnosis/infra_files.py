"""Read the files of the infra repository, all at one commit: gitops.yml, env files, protection."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from actions.errors import ActionError, EnvFileError, InvalidEnvironmentError, InvalidRulesetError
from actions.infra.config import PATH, Config
from actions.infra.config_file import parse_config
from actions.protection.environment import parse_environment
from actions.protection.ruleset import parse_ruleset
from actions.protection.target import ENVIRONMENTS, ORGANIZATION, RULESETS, Target

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from actions.api.repository import Repository
    from actions.infra.layout import Layout, Snapshot

INVALID = (EnvFileError, InvalidRulesetError, InvalidEnvironmentError)


@dataclass(frozen=True, kw_only=True, slots=True)
class InfraFiles:
    """What the files say: *config* (the default one if `gitops.yml` is invalid), *snapshots* of the environments.

    *targets* are the repositories of protection, by name in lower case. *problems* are what is wrong with files.
    """

    config: Config
    layout: Layout
    snapshots: Mapping[str, Snapshot] = field(default_factory=dict)
    targets: Mapping[str, Target] = field(default_factory=dict)
    problems: tuple[ActionError, ...] = ()

    @property
    def environments(self) -> list[str]:
        """Return the names of the environments, in the order of promotion."""
        return self.config.in_order(dict.fromkeys([*self.config.environments, *self.snapshots]))


def read_infra_files(infra: Repository, head: str, *, envs_dir: str, protection_dir: str) -> InfraFiles:
    """Read the files of *infra* at the commit *head*."""
    paths = infra.paths(head)
    config, problems = _config(infra, head, paths)
    layout = config.layout(envs_dir)
    env_files = [path for path in paths if layout.owner(path)]
    declared = [path for path in paths if path.startswith(f"{protection_dir}/") and path.endswith(".json")]
    snapshots: Mapping[str, Snapshot] = {}
    texts: dict[str, str] = {}
    try:
        layout.require_one_file(env_files)
        texts = infra.files_at(head, [*env_files, *declared]) or {}
        snapshots = layout.group({path: texts[path] for path in env_files})
    except EnvFileError as error:
        problems.append(error)
    owner = infra.name.partition("/")[0]
    names = dict.fromkeys(path.removeprefix(f"{protection_dir}/").partition("/")[0] for path in declared)
    targets = {}
    for name in names:
        if name != ORGANIZATION:
            target, wrong = _target(texts, f"{protection_dir}/{name}", f"{owner}/{name}")
            targets[target.name.casefold()] = target
            problems += wrong
    return InfraFiles(
        config=config,
        layout=layout,
        snapshots=snapshots,
        targets=targets,
        problems=tuple(problems),
    )


def _config(infra: Repository, head: str, paths: Iterable[str]) -> tuple[Config, list[ActionError]]:
    if PATH not in paths:
        return Config(), []
    try:
        return parse_config((infra.files_at(head, [PATH]) or {})[PATH]), []
    except EnvFileError as error:
        return Config(), [error]


def _target(texts: Mapping[str, str], folder: str, name: str) -> tuple[Target, list[ActionError]]:
    """Return the repository *name* by its files in *folder*, and what is wrong with those that are left out."""
    rulesets, environments, problems = [], [], list[ActionError]()
    for path in sorted(texts):
        try:
            if path.startswith(f"{folder}/{RULESETS}/"):
                rulesets.append(parse_ruleset(texts[path], path, scope="repository"))
            elif path.startswith(f"{folder}/{ENVIRONMENTS}/"):
                environments.append(parse_environment(texts[path], path))
        except INVALID as error:
            problems.append(error)
    return Target(name=name, folder=folder, rulesets=tuple(rulesets), environments=tuple(environments)), problems
