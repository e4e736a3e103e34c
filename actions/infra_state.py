"""What the infra repository says at one commit: its env files, its gitops.yml, its open pull requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from actions.config import PATH, Config
from actions.layout import Layout, Snapshot, unknown_env

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actions.infra_settings import Settings
    from actions.repository import Base, Repository


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """The base branch, and the environment that is to change (*target*) or to be copied (*source*) on it."""

    base: Base
    config: Config
    layout: Layout
    target: Snapshot
    source: Snapshot | None


def read(infra: Repository, settings: Settings) -> State:
    """Read what matters of *infra*, all at one commit; raise UnknownEnvError if an environment is not there."""
    request = settings.request
    envs = [env for env in (request.env, request.from_env) if env]
    base, config, layout, found = _environments(infra, settings.base, settings.envs_dir, envs)
    return State(
        base=base,
        config=config,
        layout=layout,
        target=found[request.env],
        source=found.get(request.from_env),
    )


def read_one(infra: Repository, envs_dir: str, env: str) -> tuple[Config, Snapshot]:
    """Return *env* as it is on the default branch, with the config there; raise UnknownEnvError if it is not there."""
    _, config, _, found = _environments(infra, "", envs_dir, [env])
    return config, found[env]


def _environments(
    infra: Repository, branch: str, envs_dir: str, envs: Sequence[str]
) -> tuple[Base, Config, Layout, dict[str, Snapshot]]:
    expected = Layout.default(envs_dir)
    base = infra.base(branch, [PATH, *(path for env in envs for path in expected.paths(env))])
    config = Config.parse(base.files.get(PATH, ""))
    layout = config.layout(envs_dir)
    if layout.patterns != expected.patterns:
        base = infra.base(branch, [PATH, *_paths(infra, base.head, layout, envs)])
    layout.require_one_file(path for path in base.files if path != PATH)
    found = layout.group(base.files)
    for env in envs:
        if env not in found:
            raise unknown_env(env, layout, config.in_order(layout.envs(infra.paths(base.head))))
    return base, config, layout, found


def environment(infra: Repository, layout: Layout, head: str, env: str) -> Snapshot | None:
    """Return *env* as it is at the commit *head*, None if it is not there."""
    texts = infra.files_at(head, _paths(infra, head, layout, [env])) or {}
    layout.require_one_file(texts)
    return layout.group(texts).get(env)


def _paths(infra: Repository, head: str, layout: Layout, envs: Sequence[str]) -> list[str]:
    if not layout.per_service:
        return [path for env in envs for path in layout.paths(env)]
    return [path for path in infra.paths(head) if (layout.owner(path) or ("",))[0] in envs]
