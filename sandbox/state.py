"""What the sandbox knows beside git: people and their tokens, repositories, pull requests, reviews, checks."""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any, Literal

from sandbox.gitrepo import BRANCH, GitRepo, Person

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandbox.apps import App
    from sandbox.attestations import Attestation
    from sandbox.environments import Environment

Role = Literal["none", "read", "write", "admin"]
ROLES: tuple[Role, ...] = ("none", "read", "write", "admin")
ACTIONS_APP = 15368  # the id of GitHub Actions' own app
ZEROS = "0" * 40
MADE_UP = 100_000  # pull requests from this number on were never opened


def timestamp() -> str:
    """Return the present moment as GitHub writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(eq=False, slots=True)
class Team:
    """Some members of an organization, with a role in each of some repositories, by their names."""

    id: int
    slug: str
    members: set[str]
    roles: dict[str, Role] = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class User:
    """A person, a bot or an organization, which has *owners*, *apps* for all repositories, *teams*, rulesets.

    The names of its *secrets* are those that it shares with all of its repositories.
    """

    id: int
    login: str
    kind: Literal["User", "Bot", "Organization"] = "User"
    owners: set[str] = field(default_factory=set)
    apps: set[str] = field(default_factory=set)
    teams: list[Team] = field(default_factory=list)
    rulesets: list[dict[str, Any]] = field(default_factory=list)
    ruleset_versions: list[RulesetVersion] = field(default_factory=list)
    secrets: set[str] = field(default_factory=set)

    @property
    def person(self) -> Person:
        """Return this user as the author of a commit."""
        return Person(self.login, f"{self.id}+{self.login}@users.noreply.github.com")


@dataclass(eq=False, slots=True)
class Token:
    """A way to act as *user*; *permissions* narrow it to `{"contents": "write"}`, as an App's, or as fine-grained ones.

    What is done with a run's own token (*of_run*) starts no further runs. An App's is for *repos* alone; with *app* it
    is a JWT, which opens nothing but the App's own affairs.
    """

    user: User
    permissions: dict[str, str] | None = None
    of_run: bool = False
    repos: list[Repo] | None = None
    app: App | None = None

    def grants(self, permission: str) -> str:
        """Return what this token grants of *permission*, which its user must have too.

        GitHub offers no permission for checks to the fine-grained tokens of people, and gives every token that of
        metadata.
        """
        if self.permissions is None:
            return "admin"
        if permission == "checks" and self.user.kind == "User":
            return "none"
        return self.permissions.get(permission, "read" if permission == "metadata" else "none")

    @property
    def is_of_app(self) -> bool:
        """Tell whether the permissions alone decide, as for an App wherever it is installed."""
        return self.permissions is not None and self.user.kind == "Bot"


@dataclass(eq=False, slots=True)
class Review:
    """What a reviewer said of a pull request at one commit."""

    id: int
    user: User
    state: str
    body: str
    commit: str
    at: str


@dataclass(eq=False, slots=True)
class Comment:
    """What somebody said of a pull request."""

    id: int
    user: User
    body: str
    at: str = field(default_factory=timestamp)


@dataclass(eq=False, slots=True)
class Label:
    """What pull requests are marked with."""

    id: int
    name: str
    color: str = "ededed"  # of a label that was made by adding it to an issue
    description: str | None = None


@dataclass(eq=False, slots=True)
class CheckRun:
    """One check on one commit; that of a job has the *run* of a workflow that it is of, its *steps*, and its *log*.

    One that was posted on a *bare* commit, of no pull request, counts for none
    (AlexanderMattTurner/agent-sanitizer#364).
    """

    id: int
    name: str
    sha: str
    app: int
    run: int = 0
    status: str = "queued"
    conclusion: str | None = None
    started: str = field(default_factory=timestamp)
    completed: str | None = None
    bare: bool = False
    attempt: int = 1
    steps: dict[str, str] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)

    def end_step(self, name: str, conclusion: str) -> None:
        """Have the step *name* be done."""
        self.steps[name] = conclusion


@dataclass(eq=False, slots=True)
class CommitStatus:
    """A status of the older kind on one commit, by *context*."""

    id: int
    context: str
    sha: str
    state: str
    creator: User
    description: str | None = None
    target_url: str | None = None
    at: str = field(default_factory=timestamp)


@dataclass(slots=True)
class Limits:
    """What GraphQL has taken of the hour's points so far."""

    points_an_hour: int = 5000
    points_used: int = 0


@dataclass(eq=False, slots=True)
class DeploymentStatus:
    """How far a deployment was at one moment."""

    id: int
    state: str
    creator: User
    description: str = ""
    log_url: str = ""
    environment_url: str = ""
    at: str = field(default_factory=timestamp)


@dataclass(eq=False, slots=True)
class Deployment:
    """A commit on its way to an environment."""

    id: int
    sha: str
    ref: str
    environment: str
    creator: User
    payload: Any = ""
    task: str = "deploy"
    description: str | None = None
    created: str = field(default_factory=timestamp)
    statuses: list[DeploymentStatus] = field(default_factory=list)
    transient: bool = False
    production: bool = False


@dataclass(eq=False, slots=True)
class AutoMerge:
    """Somebody's wish that a pull request be merged as soon as the rules allow."""

    token: Token
    method: str
    title: str
    message: str


@dataclass(eq=False, slots=True)
class Pull:
    """A pull request; *head_sha* stays when its branch goes."""

    id: int
    number: int
    title: str
    body: str
    author: User
    head: str
    head_sha: str
    base: str
    draft: bool
    created: str = field(default_factory=timestamp)
    updated: str = field(default_factory=timestamp)
    state: Literal["open", "closed"] = "open"
    closed: str | None = None
    closed_by: User | None = None
    merged_by: User | None = None
    merge_sha: str | None = None
    labels: list[str] = field(default_factory=list)
    labeled: list[tuple[User, str]] = field(default_factory=list)
    reviewers: list[str] = field(default_factory=list)
    team_reviewers: list[str] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    last_pusher: User | None = None
    queued: bool = False
    queued_by: Token | None = None
    group: str = ""  # the commit that the merge queue tests it at, on top of
    group_base: str = ""
    locked: bool = False
    auto_merge: AutoMerge | None = None

    @property
    def pusher(self) -> User:
        """Return who pushed to the branch last."""
        return self.last_pusher or self.author

    @property
    def graphql_state(self) -> str:
        """Return the state as GraphQL has it, where merged is one of its own."""
        return "MERGED" if self.merge_sha else self.state.upper()


@dataclass(eq=False, slots=True)
class Issue:
    """An issue that is no pull request; *closed* is when, and by whom. *events* are kind, moment, actor and label."""

    id: int
    number: int
    title: str
    body: str | None
    author: User
    created: str = field(default_factory=timestamp)
    state: Literal["open", "closed"] = "open"
    labels: list[str] = field(default_factory=list)
    closed: tuple[str, User] | None = None
    events: list[tuple[str, str, User, str]] = field(default_factory=list)

    @property
    def updated(self) -> str:
        return max(self.created, *(at for _, at, _, _ in self.events), self.closed[0] if self.closed else "")


@dataclass(eq=False, slots=True)
class RuleSuite:
    """How an update of a ref fared by the rules; *evaluations* are as the API has them."""

    id: int
    actor: User
    ref: str
    before: str
    after: str
    result: Literal["pass", "fail", "bypass"]
    evaluations: list[dict[str, Any]]
    at: str = field(default_factory=timestamp)


@dataclass(eq=False, slots=True)
class RulesetVersion:
    """A ruleset as it was from one moment on."""

    id: int
    ruleset: int
    actor: User
    state: dict[str, Any]
    at: str = field(default_factory=timestamp)


@dataclass(eq=False, slots=True)
class Activity:
    """A ref that moved from *before* to *after*, how (`push`, `pr_merge` …) and by whom."""

    id: int
    ref: str
    before: str
    after: str
    kind: str
    actor: User
    at: str = field(default_factory=timestamp)


@dataclass(eq=False, slots=True)
class Release:
    """What is published of a tag, with its notes."""

    id: int
    tag: str
    body: str
    author: User
    prerelease: bool
    latest: bool
    at: str = field(default_factory=timestamp)


@dataclass(eq=False, slots=True)
class DeployKey:
    """A key that opens one repository to whoever has it."""

    id: int
    title: str
    read_only: bool = True


@dataclass(eq=False, slots=True)
class WorkflowRun:
    """A run of a workflow, as the API knows it: its *number* among those of the workflow, and its *attempt*.

    *branch* is that of the event. *reruns* are when further attempts started, and for whom; *again*
    starts one, and *stop* ends the one that is *running*. *ended* is how a run without jobs ended.
    """

    id: int
    path: str
    event: str
    actor: User
    sha: str
    approvals: list[dict[str, Any]] = field(default_factory=list)
    name: str = ""
    number: int = 1
    branch: str | None = None
    created: str = field(default_factory=timestamp)
    attempt: int = 1
    reruns: dict[int, tuple[str, User]] = field(default_factory=dict)
    again: Callable[[], None] | None = None
    stop: Callable[[], None] | None = None
    ended: str = ""
    running: bool = False

    def start_of(self, attempt: int) -> tuple[str, User]:
        """Return when *attempt* started, and for whom."""
        return self.reruns.get(attempt, (self.created, self.actor))


@dataclass(eq=False, slots=True)
class Repo:
    """A repository with all that belongs to it; *waiting* are environments that a run waits for, by its number."""

    id: int
    owner: User
    name: str
    git: GitRepo
    default_branch: str = "main"
    members: dict[str, Role] = field(default_factory=dict)
    pulls: dict[int, Pull] = field(default_factory=dict)
    issues: dict[int, Issue] = field(default_factory=dict)
    checks: list[CheckRun] = field(default_factory=list)
    statuses: list[CommitStatus] = field(default_factory=list)
    deployments: list[Deployment] = field(default_factory=list)
    rulesets: list[dict[str, Any]] = field(default_factory=list)
    ruleset_versions: list[RulesetVersion] = field(default_factory=list)
    rule_suites: list[RuleSuite] = field(default_factory=list)
    activities: list[Activity] = field(default_factory=list)
    runs: list[WorkflowRun] = field(default_factory=list)
    releases: list[Release] = field(default_factory=list)
    labels: dict[str, Label] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    dependabot_secrets: set[str] = field(default_factory=set)
    keys: list[DeployKey] = field(default_factory=list)
    runners: list[str] = field(default_factory=list)
    runs_may_write: bool = False
    runs_may_approve: bool = False
    environments: dict[str, Environment] = field(default_factory=dict)
    waiting: dict[int, list[str]] = field(default_factory=dict)
    verified: set[str] = field(default_factory=set)
    authors: dict[str, User] = field(default_factory=dict)
    delete_branch_on_merge: bool = False
    allow_auto_merge: bool = True
    allow_drafts: bool = True
    archived: bool = False
    has_issues: bool = True
    former_names: set[str] = field(default_factory=set)
    attestations: list[Attestation] = field(default_factory=list)
    merge_methods: set[str] = field(default_factory=lambda: {"merge", "squash", "rebase"})

    @property
    def full_name(self) -> str:
        """Return owner/name."""
        return f"{self.owner.login}/{self.name}"

    def role(self, user: User) -> Role:
        """Return what *user* may do here."""
        return self.members.get(user.login, "none")

    @property
    def opened(self) -> dict[int, Pull]:
        """Return the pull requests that somebody opened."""
        return {number: pull for number, pull in self.pulls.items() if number < MADE_UP}

    def next_number(self) -> int:
        """Return the number of the next pull request or issue; those that are merely made up have higher ones."""
        return 1 + max([*self.opened, *self.issues], default=0)

    def ruleset(self, name: str) -> dict[str, Any]:
        """Return the ruleset called *name*, which must be there."""
        return next(ruleset for ruleset in self.rulesets if ruleset["name"] == name)

    def newest_statuses(self, sha: str) -> list[CommitStatus]:
        """Return the newest status of each context on the commit *sha*."""
        return list({status.context: status for status in self.statuses if status.sha == sha}.values())

    def progress(self, run: WorkflowRun, attempt: int = 0) -> tuple[str, str | None]:
        """Return status and conclusion of an *attempt* of *run*, the last one if none is given, by its jobs."""
        jobs = self.jobs(run, attempt)
        if not jobs and run.ended:
            return "completed", run.ended
        if run.running and attempt in (0, run.attempt):
            return ("in_progress" if jobs else "queued"), None  # a job that is over may not be the last one
        if not jobs or any(job.conclusion is None for job in jobs):
            return ("in_progress" if jobs else "queued"), None
        bad = [job.conclusion for job in jobs if job.conclusion not in ("success", "skipped", "neutral")]
        return "completed", bad[0] if bad else "success"

    def jobs(self, run: WorkflowRun, attempt: int = 0) -> list[CheckRun]:
        """Return the jobs of an *attempt* of *run*, the last one if none is given."""
        return [check for check in self.checks if check.run == run.id and check.attempt == (attempt or run.attempt)]

    def base_of(self, pull: Pull) -> str:
        """Return the commit that *pull* is compared with: where its branch left its base."""
        if pull.merge_sha:
            return str(self.git.get(pull.merge_sha).parent_ids[0])
        base = self.git.head(pull.base)
        return (base and self.git.merge_base(base, pull.head_sha)) or ZEROS

    def commits_of(self, pull: Pull) -> list[str]:
        """Return the commits of *pull*, oldest first."""
        return self.git.between(self.base_of(pull), pull.head_sha)

    def open_pulls(self, head: str) -> list[Pull]:
        """Return the open pull requests from the branch *head*."""
        return [pull for pull in self.pulls.values() if pull.state == "open" and pull.head == head]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a repository, with the payload that GitHub sends for it."""

    name: str
    repo: Repo
    actor: User
    payload: dict[str, Any]
    ref: str
    sha: str


class State:
    """All of it, under *folder*. Whoever changes it holds *lock*; who starts processes does so in *process_group*."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lock = threading.RLock()
        self.process_group = 0
        self.limits = Limits()
        self.users: dict[str, User] = {}
        self.tokens: dict[str, Token] = {}
        self.repos: dict[str, Repo] = {}
        self.apps: dict[str, App] = {}
        self.listeners: list[Callable[[Event], None]] = []
        self._offered: dict[str, tuple[float, bytes]] = {}
        self._ids = count(1001)
        self.users["github-actions[bot]"] = User(ACTIONS_APP, "github-actions[bot]", "Bot")
        self.add_user("web-flow")

    def offer(self, content: bytes) -> str:
        """Return a path at which *content* can be fetched, without a token, for a minute (OpenAPI, of logs)."""
        path = f"/downloads/{secrets.token_urlsafe(32)}"
        self._offered[path] = (time.monotonic() + 60, content)
        return path

    def offered(self, path: str) -> bytes | None:
        """Return what is offered at *path*, None if nothing is, or not any more."""
        until, content = self._offered.get(path, (0.0, b""))
        return content if time.monotonic() < until else None

    def new_id(self) -> int:
        """Return a number that nothing else has."""
        return next(self._ids)

    def add_user(self, login: str, *, kind: Literal["User", "Bot", "Organization"] = "User") -> User:
        """Add a user."""
        self.users[login] = User(self.new_id(), login, kind)
        return self.users[login]

    def add_token(
        self,
        login: str,
        *,
        permissions: dict[str, str] | None = None,
        of_run: bool = False,
        repos: list[Repo] | None = None,
    ) -> str:
        """Return a new token of the user *login*, for *repos* if it is not for all."""
        token = f"{'ghs' if of_run else 'ghp'}_{login.strip('[]').replace('[', '-')}{self.new_id():024d}"
        self.tokens[token] = Token(self.users[login], permissions, of_run, repos)
        return token

    def add_repo(self, owner: str, name: str, members: dict[str, Role], branch: str = "main") -> Repo:
        """Add an empty repository, whose default branch is to be *branch*."""
        path = self.folder / "git" / owner / f"{name}.git"
        repo = Repo(self.new_id(), self.users[owner], name, GitRepo(path, branch), branch, members=dict(members))
        self.repos[repo.full_name.lower()] = repo
        return repo

    def repository(self, full_name: str) -> Repo | None:
        """Return the repository that is, or was, called *full_name*."""
        former = (repo for repo in self.repos.values() if full_name.lower() in repo.former_names)
        return self.repos.get(full_name.lower()) or next(former, None)

    def report(
        self, repo: Repo, check: str, sha: str, conclusion: str | None = "success", *, branch: str = "main"
    ) -> None:
        """Report the check of a job on a commit, as if a push to *branch* had run a workflow.

        Without *conclusion* it still does.
        """
        path, actor = f".github/workflows/{check}.yml", self.users["github-actions[bot]"]
        run = WorkflowRun(self.new_id(), path, "push", actor, sha, branch=branch)
        repo.runs.append(run)
        status = "completed" if conclusion else "in_progress"
        done = CheckRun(self.new_id(), check, sha, ACTIONS_APP, run.id, status=status, conclusion=conclusion)
        repo.checks.append(done)

    def slug(self, app: int) -> str:
        """Return the short name of the App with the id *app*, "" if nobody knows it."""
        known = (user.login for user in self.users.values() if user.id == app)
        return next(known, "").removesuffix("[bot]")

    def account(self, email: str) -> User | None:
        """Return whose address *email* is, as GitHub links a commit to an account; None if nobody's."""
        known = (user for user in self.users.values() if email in (user.person.email, f"{user.login}@example.com"))
        return next(known, None)

    def emit(self, event: Event) -> None:
        """Tell everybody who listens."""
        for listener in self.listeners:
            listener(event)


def branch_of(ref: str) -> str:
    """Return the short name of the branch *ref*, "" if it is none."""
    return ref.removeprefix(BRANCH) if ref.startswith(BRANCH) else ""
