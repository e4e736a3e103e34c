"""Define the facts that the records of an environment hold.

They are written under these names, which are therefore part of the interface. Moments are text as GitHub writes them
(ISO 8601, UTC). Facts that could not be read are listed in `unknown`. What follows from the facts is in no record.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

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
    *own_tickets* are those that its title, branch or commits name.
    *freeze_override* is the reason for which a freeze was overridden, *freeze_label_by* who marked it so. *complete*
    means that all commits, reviews and checks were read.
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
    own_tickets: tuple[str, ...] = ()
    freeze_override: str = ""
    freeze_label_by: str = ""
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

    *order* is how *after* relates to *before*; *released* is the kind of branch that released the commit of *after*. A
    hotfix brings *only_fixes* if no commit of the default branch came with it. *commits_in_all* also counts commits
    that are not listed, *compared* is how GitHub's pages name the comparison. A service without an app repository has
    *repository* "".
    """

    service: str
    file: str
    before: str
    after: str
    order: str
    repository: str
    sha: str = ""
    built_at: str = ""
    compared: str = ""
    released: str = ""
    only_fixes: bool = False
    required_checks: tuple[str, ...] = ()
    missing_checks: tuple[str, ...] = ()
    skipped_checks: tuple[str, ...] = ()
    commits: tuple[CommitFacts, ...] = ()
    commits_in_all: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """A ruleset that was in force, with the SHA-256 of its content; *bypass* is None if the token cannot see it.

    One that was changed afterwards has *since* "" and *sha256* "": GitHub's rule evaluation tells only its *rules*.
    """

    id: int
    name: str
    source: str
    since: str
    sha256: str
    rules: tuple[str, ...]
    required_checks: tuple[RequiredCheck, ...]
    bypass: tuple[str, ...] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluatedRule:
    """What GitHub found of one *rule* of the ruleset *id* (0: protection of the old kind), called *source*."""

    id: int
    source: str
    rule: str
    enforcement: str
    result: str

    def __str__(self) -> str:
        return f"{self.rule} ({self.source})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Suite:
    """GitHub's rule evaluation (rule suite) of a change: `pass` or `bypass`; `none` if it evaluated no rule."""

    id: int
    result: str
    actor: str
    at: str
    evaluated: tuple[EvaluatedRule, ...]

    @property
    def broken(self) -> tuple[str, ...]:
        """Return the rules that the change broke."""
        return tuple(str(rule) for rule in self.evaluated if rule.result == "fail")

    @property
    def required_a_pull_request(self) -> bool:
        """Tell whether a rule that was in force asked for a pull request."""
        return any(rule.rule == "pull_request" and rule.enforcement != "evaluate" for rule in self.evaluated)


@dataclass(frozen=True, kw_only=True, slots=True)
class Movement:
    """The update that brought a commit to the branch; *kind* is GitHub's: `pr_merge`, `push`, `force_push` ..."""

    kind: str
    actor: str
    at: str


@dataclass(frozen=True, kw_only=True, slots=True)
class OtherCommit:
    """A *commit* that changed nothing of the environment, but was pushed, bypassed a rule, or was not approved.

    It *needs_review* unless all it changed is tags of environments that need none.
    """

    commit: CommitFacts
    needs_review: bool
    reason: str
    bots: tuple[str, ...]
    suite: Suite | None
    movement: Movement | None
    unknown: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class StrayDeployment:
    """A successful deployment of a commit that was not on the branch, or (not *counts*) that is not the pipeline's."""

    id: int
    environment: str
    sha: str
    by: str
    counts: bool
    at: str
    url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """The tags at the commit *sha* are not those, *expected*, that the changes before it led to."""

    sha: str
    expected: Mapping[str, str]
    actual: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class LiftedHold:
    """The issue *number* that *by* opened held what its *label* names, until somebody closed it or took the label."""

    number: int
    title: str
    label: str
    by: str
    since: str
    lifted_by: str
    lifted_at: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """*why* an *exception* of *commit* is acceptable: *author* wrote it into a file, and somebody approved that.

    *sha* is the commit that brought the answer.
    """

    commit: str
    exception: str
    why: str
    ticket: str
    sha: str
    author: str
    approved_by: str
    approved_at: str
    url: str


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
class Verdict:
    """What a *gate* said of a service when it was deployed, worked out anew from the records of that time."""

    service: str
    gate: str
    decision: str
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployment:
    """A successful deployment of a commit that contains the change; *failed_before* counts earlier failed attempts.

    An *adopted* one was none: by `adopt` of `gitops.yml`, the change ran before there were records.
    """

    id: int
    environment: str
    sha: str
    creator: str
    created_at: str
    succeeded_at: str
    failed_before: int
    url: str
    run: RunFacts | None = None
    verdicts: tuple[Verdict, ...] = ()
    adopted: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangeFacts:
    """One commit of the branch that changed an environment, with all facts known about it.

    *ticket* is the pattern of what it had to name. *asked_in_emergency* means that those asked for a rollback who may
    have it without a review. *tags* are those of the environment after the commit. *undeployed*
    are the changed services that are not deployed yet; "" stands for the whole environment.
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
    ticket: str = ""
    asked_in_emergency: bool = False
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Amendment:
    """What became known of the change *commit* after it was recorded: further *deployments*, and further *reviews*."""

    commit: str
    deployments: tuple[Deployment, ...] = ()
    undeployed: tuple[str, ...] = ()
    reviews: tuple[Review, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """What a file of evidence covers: the *environment* on a *branch*, *after* a commit ("": from the first one on)."""

    server: str
    repository: str
    environment: str
    branch: str
    after: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """The list is complete up to the commit *head* of the branch; the environment was looked for at *paths*."""

    head: str
    paths: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Collected:
    """How a record was made: when, in which *run* (its address), for whom, by which version of the action.

    *head* is the commit that the branch ended with, *kept* the one that the branch of the evidence ended with.
    """

    at: str
    run: str
    actor: str
    action: str
    head: str
    kept: str
