"""`gitops.yml`, at the root of an infra repository. All of it is optional; what is there must be right.

environments:                # in the order of promotion
  dev: {review: none}        # the bot may merge here on its own
  staging: {after: dev}      # only what ran in dev
  prod: {after: staging, soak: 24h, freeze: ["Fri 15:00 - Mon 08:00 Europe/Paris"]}
files: envs/{env}.json       # where the env files are
tag: "{service}.tag"         # where in them the tags are
services:
  api: {repo: your-org/app}  # where the commits behind the tags are
  redis: {repo: none}        # of somebody else: there are no commits to look at
bots: [gitops-bot]           # accounts that may change tags and nothing else, and whose approval counts for nothing
hotfix-prefix: hotfixes/     # what the names of hotfix branches start with
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from actions.infra.layout import Layout, natural

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import timedelta

    from actions.infra.freeze import Window
    from actions.infra.tag_path import TagPath

PATH = "gitops.yml"
HOTFIX_PREFIX = "hotfixes/"


@dataclass(frozen=True, kw_only=True, slots=True)
class Environment:
    """What `gitops.yml` says of one environment: what a change must meet before it may go there.

    It must have run in *after*, for as long as *soak*, and it may not go there within one of *freeze*.
    """

    review: Literal["required", "none"] = "required"
    after: str = ""
    soak: timedelta | None = None
    freeze: tuple[Window, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """What `gitops.yml` says; without the file, nothing. A repository "" in *repos* means that there is none."""

    environments: Mapping[str, Environment] = field(default_factory=dict)
    files: str = ""
    tag: TagPath | None = None
    repos: Mapping[str, str] = field(default_factory=dict)
    bots: tuple[str, ...] = ()
    hotfix_prefix: str = HOTFIX_PREFIX

    def layout(self, envs_dir: str) -> Layout:
        """Return where the env files are: as written, else in *envs_dir*."""
        default = Layout.default(envs_dir)
        return Layout(patterns=(self.files,) if self.files else default.patterns, tag_path=self.tag or default.tag_path)

    def in_order(self, envs: Iterable[str]) -> list[str]:
        """Return *envs* in the order of promotion; those that the file does not name come last, in natural order."""
        declared = list(self.environments)
        return sorted(envs, key=lambda env: (declared.index(env) if env in declared else len(declared), natural(env)))

    def environment(self, env: str) -> Environment:
        """Return what the file says of *env*; if it does not name it, what holds for any."""
        return self.environments.get(env, Environment())

    def needs_review(self, env: str) -> bool:
        """Tell whether a person must approve a change of *env*; yes, unless the file says otherwise."""
        return self.environment(env).review == "required"

    def is_bot(self, login: str) -> bool:
        """Tell whether *login* is no person: an App, which GitHub marks so, or one that the file names."""
        return login.endswith("[bot]") or login.casefold() in {bot.casefold() for bot in self.bots}

    def repo_of(self, service: str, default: str) -> str:
        """Return the repository in which the commits behind the tags of *service* are, "" if there is none."""
        return self.repos.get(service, default)
