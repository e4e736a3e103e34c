"""Define the content of `gitops.yml`, at the root of an infra repository. Every key is optional.

environments:                # in the order of promotion
  dev: {review: none}        # the bot may merge here on its own
  staging: {after: dev}      # only tags that ran in dev
  prod: {after: staging, soak: 24h, freeze: ["Fri 15:00 - Mon 08:00 Europe/Paris"]}
  qa: {paths: [overlays/qa, base]}  # what belongs to it beside its env files
  us: {emergency: {by: [alice, team/on-call], review-within: 24h}}  # who may roll back first, and be reviewed then
  eu: {checks: [e2e], ticket: "OPS-[0-9]+"}  # what must have succeeded there too, and what changes must name
  jp: {artifact: [exists, attested]}  # what of the images must be in the registry, and where they were built
files: envs/{env}.json       # the paths of the env files
tag: "{service}.tag"         # the place of a tag in an env file
format: yaml                 # the format of files whose names do not say it
digest: drop                 # what happens to the digest beside a tag when a bump gives a tag alone; else it is refused
services:
  api: {repo: your-org/app}  # the repository with the commits behind the tags
  job: {image: ghcr.io/org/x, path: job.tag, files: "jobs/{env}.yaml", shared: change-all}  # where this one is
  web: {repo: your-org/web, checks: [gate]}  # what must have succeeded, in place of what the branch requires
  worker: {tag-format: "sha-{short}"}           # how its tags are written
  docs: {git-tag: "docs-v{version}"}            # how the git tags of its versions are called
  redis: {repo: none}        # a third party's service, without commits to check
  mail: {image: ghcr.io/org/mail, attested-by: mail.yml}  # the workflow of its repository that builds it
bots: [gitops-bot]           # accounts that may change only tags, and whose approvals do not count
deployments: {by: [argo]}    # Apps whose deployment records count beside those of the bots
adopt: <commit>              # what ran before the gates: this commit and all before it are taken as they are
hotfix-prefix: hotfixes/     # the prefix of hotfix branches
tickets: SHOP-[0-9]+         # how tickets are named in pull requests, for the evidence
hold: issues                 # an open issue labelled hold:prod or hold:prod/api holds what it names
show-held: issue             # what the gates hold is shown as an issue too, open for as long as it is held
access: record               # the evidence records who could change the environment
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from actions.errors import ConfigError
from actions.infra.layout import APP, Layout, natural
from actions.infra.tag_path import SERVICE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import timedelta

    from actions.api.checks import NamedCheck
    from actions.infra.freeze import Window
    from actions.infra.layout import ServiceLayout
    from actions.infra.tag_path import TagPath
    from actions.tag_names import TagNames

PATH = "gitops.yml"
EXISTS, ATTESTED = "exists", "attested"
PUBLISH = "publish.yml"
HOTFIX_PREFIX = "hotfixes/"


@dataclass(frozen=True, kw_only=True, slots=True)
class Emergency:
    """The people and teams (`team/on-call`) *by* whom a rollback goes without a review, which follows within a time."""

    by: tuple[str, ...]
    review_within: timedelta


@dataclass(frozen=True, kw_only=True, slots=True)
class Environment:
    """The rules of one environment in `gitops.yml`.

    A tag must have run in the environment *after*, for at least *soak*; nothing is deployed during a *freeze*. A change
    in *paths* deploys it. *checks* must have succeeded beside those of the service. A change must name what the pattern
    *ticket* finds. A rollback in an *emergency* is reviewed afterwards. *artifact* is what is asked of images: EXISTS,
    ATTESTED.
    """

    review: Literal["required", "none"] = "required"
    after: str = ""
    soak: timedelta | None = None
    freeze: tuple[Window, ...] = ()
    paths: tuple[str, ...] = ()
    checks: tuple[NamedCheck, ...] = ()
    ticket: str = ""
    emergency: Emergency | None = None
    artifact: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """The content of `gitops.yml`; a repository "" in *repos* is a service without one.

    A service that is not in *checks* needs those that its repository requires. *tag_names* tell which commits the tags
    of a service name. *services* are all that are named. *deployers* make deployment records that count, beside the
    bots. *adopt* is the commit whose state is taken as it is, *tickets* the pattern of their names. With *hold*, open
    issues of the infra repository hold what their labels name. With *show_held*, what is held is shown as issues. With
    *access*, the evidence records who has access. *attested_by* are the workflows that build images, where it is not
    PUBLISH.
    """

    environments: Mapping[str, Environment] = field(default_factory=dict)
    files: str = ""
    tag: TagPath | None = None
    extension: str = ""
    drop_digests: bool = False
    services: tuple[ServiceLayout, ...] = ()
    repos: Mapping[str, str] = field(default_factory=dict)
    checks: Mapping[str, tuple[NamedCheck, ...]] = field(default_factory=dict)
    tag_names: Mapping[str, TagNames] = field(default_factory=dict)
    bots: tuple[str, ...] = ()
    deployers: tuple[str, ...] = ()
    adopt: str = ""
    hotfix_prefix: str = HOTFIX_PREFIX
    tickets: str = ""
    hold: bool = False
    show_held: bool = False
    access: bool = False
    attested_by: Mapping[str, str] = field(default_factory=dict)

    def layout(self, envs_dir: str) -> Layout:
        """Return the layout of the env files: the one in the file, else files in *envs_dir*.

        The defaults do not hold beside services that have files or paths of their own.
        """
        default = Layout.default(envs_dir)
        own = tuple(dict.fromkeys(service.files for service in self.services if service.files))
        shared = (self.files,) if self.files else default.patterns if not own else ()
        return Layout(
            patterns=(*shared, *own),
            tag_path=self.tag or default.tag_path,
            services=tuple(service for service in self.services if service.is_special),
            only_own=not self.tag and any(service.path for service in self.services),
            app=self._app(shared),
            extension=self.extension,
            folders=tuple((env, rules.paths) for env, rules in self.environments.items() if rules.paths),
        )

    def _app(self, patterns: Collection[str]) -> str:
        """Return the only service in the files of *patterns*; "" if something names the services."""
        if not self.tag or self.tag.names_service or not patterns or any(SERVICE in pattern for pattern in patterns):
            return ""
        names = [service.name for service in self.services if not (service.path or service.files)]
        if len(names) > 1:
            raise _error(
                f"services names {' and '.join(names)}, and nothing says whose tag is at {self.tag.text}; put {SERVICE}"
                " in 'files' or 'tag', or give them a path or files of their own"
            )
        return names[0] if names else APP

    def in_order(self, envs: Iterable[str]) -> list[str]:
        """Sort *envs* in the order of promotion; those that the file does not name come last, in natural order."""
        declared = list(self.environments)
        return sorted(envs, key=lambda env: (declared.index(env) if env in declared else len(declared), natural(env)))

    def environment(self, env: str) -> Environment:
        """Return the rules of *env*, the default ones if the file does not name it.

        GitHub ignores the case of environment names, so `Prod` has the rules of `prod`.
        """
        found = (rules for name, rules in self.environments.items() if name.casefold() == env.casefold())
        return next(found, Environment())

    def require_named(self, envs: Iterable[str]) -> None:
        """Raise ConfigError unless the file names all of *envs*, which have files, or no environment at all."""
        unnamed = [env for env in envs if env not in self.environments] if self.environments else []
        if unnamed:
            known = ", ".join(self.environments)
            raise _error(
                f"environments does not name '{unnamed[0]}', which has a file; it names {known}. Name it there, or"
                f" move the file: it is at a path of {self.files or 'env files'}"
            )

    def require_files(self, envs: Collection[str]) -> None:
        """Raise ConfigError unless the environments that the file names are *envs*, those that have files."""
        self.require_named(envs)
        missing = [env for env in self.environments if env not in envs]
        if missing:
            raise _error(f"environments names '{missing[0]}', which has no file")

    def needs_review(self, env: str) -> bool:
        """Tell whether a human must approve changes to *env*, which is the default."""
        return self.environment(env).review == "required"

    def is_bot(self, login: str) -> bool:
        """Tell whether *login* is a GitHub App or listed as a bot in the file."""
        return login.endswith("[bot]") or self.is_listed_bot(login)

    def is_listed_bot(self, login: str) -> bool:
        """Tell whether *login* is listed as a bot in the file: one that people ask for changes."""
        return _account(login) in {_account(bot) for bot in self.bots}

    def is_deployer(self, login: str) -> bool:
        """Tell whether the deployment records of *login* count: a bot's or a deployer's; anybody's if none is named.

        Whoever may write can make a record, and `github-actions` is every branch's workflow.
        """
        named = {_account(account) for account in (*self.bots, *self.deployers)}
        return not named or _account(login) in named

    def image_of(self, service: str) -> str:
        """Return what the image of *service* is called, "" if the file does not say."""
        return next((found.image for found in self.services if found.name == service), "")

    def workflow_of(self, service: str) -> str:
        """Return the workflow of its repository that builds the image of *service*."""
        return self.attested_by.get(service, PUBLISH)

    def repo_of(self, service: str, default: str) -> str:
        """Return the app repository of *service*, "" if it has none."""
        return self.repos.get(service, default)


def _account(login: str) -> str:
    """Return *login* without the suffix that REST gives to the logins of Apps, and GraphQL does not."""
    return login.casefold().removesuffix("[bot]")


def _error(message: str) -> ConfigError:
    return ConfigError(f"{PATH}:1: {message}", file=PATH, line=1)
