"""What the two repositories shall look like."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from actions.errors import InputError
from actions.names import require_name

if TYPE_CHECKING:
    from collections.abc import Mapping

OWNER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,37}[A-Za-z0-9])?")
REPOSITORY = re.compile(r"(?!\.)[A-Za-z0-9._-]{1,100}")
BRANCH = re.compile(r"(?!.*(?:\.\.|//|\.lock$))[A-Za-z0-9][A-Za-z0-9._/-]{0,98}[A-Za-z0-9_-]?")
PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/")
FOLDER = re.compile(r"(?!/)(?!.*(?:^|/)\.\.?(?:/|$))[A-Za-z0-9._/@+-]{1,200}")
TEAM = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")
USED = re.compile(r"(?P<repository>[A-Za-z0-9-]+/[A-Za-z0-9._-]+)@(?P<ref>[A-Za-z0-9._/-]+)(?P<comment> # v[0-9.]+)?")
LONGEST_APP = 34  # GitHub takes no longer name of an App


class Layout(StrEnum):
    """Where the tags are."""

    JSON = "json"
    KUSTOMIZE = "kustomize"
    HELM = "helm"


class Deploy(StrEnum):
    """What deploys."""

    MAKE = "make"
    KUSTOMIZE = "kustomize"
    HELM = "helm"


class Tags(StrEnum):
    """What publishes: every commit, or a git tag of a version."""

    SHA = "sha"
    VERSION = "version"


class Plan(StrEnum):
    """The plan of GitHub, which says what there is."""

    FREE = "free"
    TEAM = "team"
    ENTERPRISE = "enterprise"
    GHES = "ghes"


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What an existing infra repository has.

    *keys* of `gitops.yml` say where its tags are, and *layout* is the one of ours that it is, if it is one. *files* are
    those of the first environment, *tags* the tags there by service. *said* is for people.
    """

    keys: str
    layout: Layout | None
    tags: Mapping[str, str]
    envs: tuple[str, ...]
    services: tuple[str, ...]
    files: tuple[str, ...]
    commit: str
    said: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """The shape of the repositories *app* and *infra* of *org*; *services* are names with the folders of their sources.

    *git_tags* are how the git tags of services are called that have versions. *actions* is where the workflows find the
    actions: `owner/name@commit # v1.2.3`. *team*, if there is one, reviews.
    """

    org: str
    app: str
    infra: str
    services: Mapping[str, tuple[str, ...]]
    envs: tuple[str, ...]
    actions: str
    branch: str = "main"
    hotfix_prefix: str = "hotfixes/"
    layout: Layout = Layout.JSON
    deploy: Deploy = Deploy.MAKE
    tags: Tags = Tags.SHA
    plan: Plan = Plan.TEAM
    team: str = ""
    found: Found | None = None
    git_tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise InputError for what cannot be."""
        _require(OWNER, self.org, "an organization")
        for name in (self.app, self.infra):
            _require(REPOSITORY, name, "a repository")
        if self.app == self.infra:
            raise InputError(f"app and infra are both {self.app!r}; they are two repositories")
        _require(BRANCH, self.branch, "a branch")
        _require(PREFIX, self.hotfix_prefix, "a prefix of hotfix branches, a word and a slash")
        _require(USED, self.actions, "where the actions are, like owner/gitops-actions@<commit>")
        if self.deploy is Deploy.KUSTOMIZE and self.layout is not Layout.KUSTOMIZE and not self.found:
            raise InputError(f"kustomize deploys the tags of its overlays; with the layout {self.layout}, take another")
        if self.team:
            _require(TEAM, self.team, "the slug of a team")
        for kind, names in (("an environment", self.envs), ("a service", self.services)):
            seen = [require_name(kind, name).casefold() for name in names]
            if len(set(seen)) < len(seen):
                raise InputError(f"{kind} is named twice: {', '.join(names)}")
        for folder in (folder for folders in self.services.values() for folder in folders):
            _require(FOLDER, folder, "a folder in the app repository")

    @property
    def is_one_service(self) -> bool:
        """Tell whether the app repository is one service, published by commits: the smallest workflows do then."""
        return len(self.services) == 1 and self.tags is Tags.SHA

    @property
    def bot(self) -> str:
        """Return the slug of the bot's App; names of Apps are one world."""
        return f"{self.org.lower()[: LONGEST_APP - 7]}-gitops"

    @property
    def guard(self) -> str:
        """Return the slug of the guard's App."""
        return f"{self.org.lower()[: LONGEST_APP - 6]}-guard"


def _require(pattern: re.Pattern[str], value: str, what: str) -> None:
    if not pattern.fullmatch(value):
        raise InputError(f"{value[:200]!r} cannot be {what}")
