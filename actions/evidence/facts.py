"""Define the facts about one change of an environment.

They are written to the records under these names, which are therefore part of the interface. Moments are text as GitHub
writes them (ISO 8601, UTC). Facts that could not be read are listed in `Change.unknown`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actions.api.checks import RequiredCheck
    from actions.gates.approval import PullCommit, Review


class Kind(StrEnum):
    """The kind of a change."""

    FIRST = "first"  # the first commit of the branch, which nobody could approve
    UPDATE = "update"
    ROLLBACK = "rollback"
    HOTFIX = "hotfix"
    SETTINGS = "settings"  # no tag moves; other values in an env file, or gitops.yml, change


EMERGENCIES = (Kind.ROLLBACK, Kind.HOTFIX)


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckRecord:
    """The conclusion of a check on a commit, the id of the app that reported it, and the id of the check *run*."""

    name: str
    app: int | None
    conclusion: str
    at: str
    run: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class PullFacts:
    """A merged pull request.

    *writers* are the authors, committers and co-authors of its *commits*. *requesters* asked a bot for it.
    *freeze_override* is the reason for which a freeze was overridden. *complete* means that all commits, reviews and
    checks were read.
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
    commits: tuple[PullCommit, ...]
    requesters: tuple[str, ...]
    reviews: tuple[Review, ...]
    checks: tuple[CheckRecord, ...]
    freeze_override: str = ""
    complete: bool = True
    last_pusher: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class CommitFacts:
    """A commit of the infra repository or of an app; *pull* is the pull request that brought it, if any."""

    sha: str
    title: str
    author: str
    at: str
    verified: bool
    pull: PullFacts | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """A tag that moved, and the app *commits* that came with it.

    *order* is how *after* relates to *before*; *released* is the kind of branch that released the commit of *after*.
    *commits_in_all* also counts commits that are not listed. A service without an app repository has *repository* "".
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
    commits: tuple[CommitFacts, ...] = ()
    commits_in_all: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """A ruleset that was in force, with the SHA-256 of its content; *bypass* is None if the token cannot see it."""

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
    """GitHub's rule evaluation (rule suite) of a change: `pass`, `fail` or `bypass`, and the *broken* rules."""

    id: int
    result: str
    actor: str
    at: str
    broken: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Movement:
    """The update that brought a commit to the branch; *kind* is GitHub's: `pr_merge`, `push`, `force_push` ..."""

    kind: str
    actor: str
    at: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Rewrite:
    """An update by which the branch lost commits (forced push or deletion) or regained lost ones."""

    id: int
    kind: str
    actor: str
    at: str
    before: str
    after: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RunFacts:
    """The workflow run that deployed, and the reviews that its environment required (*approvals*)."""

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
    """A successful deployment of a commit that contains the change; *failed_before* counts earlier failed attempts."""

    id: int
    environment: str
    sha: str
    creator: str
    created_at: str
    succeeded_at: str
    failed_before: int
    url: str
    run: RunFacts | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangeFacts:
    """One commit of the branch that changed an environment, with all facts known about it.

    *tags* are those of the environment after the commit. *undeployed* are the changed services that are not deployed
    yet; "" stands for the whole environment.
    """

    environment: str
    commit: CommitFacts
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
        """Tell whether the change is a hotfix or a rollback."""
        return self.kind in EMERGENCIES
