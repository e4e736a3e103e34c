"""The facts of one change of an environment. As they are here, so they stand in the record: names are interface.

Moments are text, as GitHub writes them (ISO 8601, UTC). What could not be read is named in `Change.unknown`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actions.api.checks import RequiredCheck
    from actions.gates.approval import Review


class Kind(StrEnum):
    """What a change of an environment is."""

    FIRST = "first"  # the first commit of the branch: there was nobody yet to approve it
    UPDATE = "update"
    ROLLBACK = "rollback"
    HOTFIX = "hotfix"
    SETTINGS = "settings"  # no tag moves: what the env file says beside, or what gitops.yml asks for


EMERGENCIES = (Kind.ROLLBACK, Kind.HOTFIX)


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckRecord:
    """How a check ended on a commit, and which app said so; *run* is the number of the check run."""

    name: str
    app: int | None
    conclusion: str
    at: str
    run: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Pull:
    """A pull request that was merged.

    *writers* are the authors, committers and co-authors of its commits; *unattributed_commits* belong to no account;
    *requesters* had a bot make it. *complete*: all commits, reviews and checks were read.
    """

    number: int
    url: str
    title: str
    author: str
    by_bot: bool
    branch: str
    base: str
    created_at: str
    merged_at: str
    merged_by: str
    head: str
    merge_commit: str
    labels: tuple[str, ...]
    tickets: tuple[str, ...]
    writers: tuple[str, ...]
    unattributed_commits: tuple[str, ...]
    requesters: tuple[str, ...]
    reviews: tuple[Review, ...]
    checks: tuple[CheckRecord, ...]
    complete: bool = True
    last_pusher: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Commit:
    """A commit of the infra repository or of an app; *pull* is the pull request that brought it, None if none did."""

    sha: str
    title: str
    author: str
    at: str
    verified: bool
    pull: Pull | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """A tag that moved: what it was, what it is, how the two relate, and the commits of the app that came with it.

    *released* is by which kind of branch the commit behind the tag was released. *commits_in_all* counts those that the
    tag brings, be they listed or not. A *repository* "" is that of somebody else.
    """

    service: str
    file: str
    before: str
    after: str
    order: str
    repository: str
    sha: str = ""
    built_at: str = ""
    released: str = ""
    required_checks: tuple[str, ...] = ()
    missing_checks: tuple[str, ...] = ()
    skipped_checks: tuple[str, ...] = ()
    commits: tuple[Commit, ...] = ()
    commits_in_all: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """A ruleset as it was in force: since when, what it says as a SHA-256, and who may bypass it, if one may know."""

    id: int
    name: str
    source: str
    since: str
    sha256: str
    rules: tuple[str, ...]
    required_checks: tuple[RequiredCheck, ...]
    bypass: tuple[str, ...] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Suite:
    """How GitHub found the change by its rules: `pass`, `fail` or `bypass`, and the rules that were not kept."""

    id: int
    result: str
    actor: str
    at: str
    broken: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Movement:
    """How the commit came to the branch: `pr_merge`, `push`, `force_push` and so on, by whom and when."""

    kind: str
    actor: str
    at: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Rewrite:
    """That the branch lost commits, by a forced push or because it was deleted, or got back what it had lost."""

    id: int
    kind: str
    actor: str
    at: str
    before: str
    after: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """The workflow run that deployed, and who let it go on where the environment asks for that."""

    id: int
    attempt: int
    event: str
    workflow: str
    actor: str
    triggering_actor: str
    head_sha: str
    url: str
    approvals: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployment:
    """A deployment that succeeded, of a commit that has the change; *failed_before* counts the tries that did not."""

    id: int
    environment: str
    sha: str
    creator: str
    created_at: str
    succeeded_at: str
    failed_before: int
    url: str
    run: Run | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One commit of the base branch that changed an environment, with all that is known of it.

    *tags* are those of the environment after it. *undeployed* are the services that it changed and that no deployment
    has reached; "" is the environment as a whole.
    """

    environment: str
    commit: Commit
    parents: tuple[str, ...]
    kind: Kind
    needs_review: bool
    reason: str
    bots: tuple[str, ...]
    moves: tuple[Move, ...]
    tags_before: Mapping[str, str]
    tags: Mapping[str, str]
    checks_required: tuple[RequiredCheck, ...] = ()
    rules: tuple[Rules, ...] | None = None
    suite: Suite | None = None
    movement: Movement | None = None
    deployments: tuple[Deployment, ...] = ()
    undeployed: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def is_emergency(self) -> bool:
        """Tell whether it is a change that cannot wait: a hotfix or a rollback."""
        return self.kind in EMERGENCIES
