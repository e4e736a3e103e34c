"""Read env files and gitops.yml of an infra repository through the API, all at one commit."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from actions.errors import ActionError
from actions.infra.config import PATH, Config
from actions.infra.config_file import parse_config
from actions.infra.layout import Layout, Snapshot, unknown_env

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from actions.api.repository import Base, Repository


@dataclass(frozen=True, kw_only=True, slots=True)
class InfraState:
    """The base branch with its config, layout, and the requested *environments*."""

    base: Base
    config: Config
    layout: Layout
    environments: Mapping[str, Snapshot]


def read_infra(infra: Repository, *, branch: str, envs_dir: str, envs: Sequence[str]) -> InfraState:
    """Read *envs* of *infra* on *branch* ("": the default branch); raise UnknownEnvError if one does not exist."""
    expected = Layout.default(envs_dir)
    base = infra.base(branch, [PATH, *(path for env in envs for path in expected.paths(env))])
    config = parse_config(base.files.get(PATH, ""))
    layout = config.layout(envs_dir)
    if layout.patterns != expected.patterns:
        base = infra.base(branch, [PATH, *_paths(infra, base.head, layout, envs)])
    layout.require_one_file(path for path in base.files if path != PATH)
    environments = layout.group(base.files)
    for env in envs:
        if env not in environments:
            known = config.in_order(layout.envs(infra.paths(base.head)))
            raise unknown_env(env, layout, known, repository=infra.client.name)
    config.require_named(envs)
    return InfraState(base=base, config=config, layout=layout, environments=environments)


@contextmanager
def told_of(repository: str, *, here: str) -> Iterator[None]:
    """Have errors about a file of *repository* name it, unless the run is of it.

    GitHub would show them at the file of the same path in *here*, the repository of the run.
    """
    try:
        yield
    except ActionError as error:
        if error.file and repository.casefold() != here.casefold():
            error.args = (f"{repository}: {error}",)
            error.file = ""
        raise


def read_config_at(infra: Repository, sha: str) -> Config:
    """Read `gitops.yml` at the commit *sha*."""
    return parse_config((infra.files_at(sha, [PATH]) or {}).get(PATH, ""))


def environment(infra: Repository, layout: Layout, head: str, env: str) -> Snapshot | None:
    """Read *env* at the commit *head*, None if it does not exist."""
    texts = infra.files_at(head, _paths(infra, head, layout, [env])) or {}
    layout.require_one_file(texts)
    return layout.group(texts).get(env)


def _paths(infra: Repository, head: str, layout: Layout, envs: Sequence[str]) -> list[str]:
    if not layout.per_service:
        return [path for env in envs for path in layout.paths(env)]
    return [path for path in infra.paths(head) if (layout.owner(path) or ("",))[0] in envs]
