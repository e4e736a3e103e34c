"""Scratch repositories to try things in: made through the product's own doors, and deleted afterwards."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field, replace
from functools import cached_property
from http import HTTPStatus
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

from actions.api.client import Client
from actions.api.pulls import NewPull, PullRequests
from actions.api.repository import Repository
from actions.errors import ActionError, BaseMovedError, ChecksPendingError, GitHubError, UnavailableError
from tests.conformance.assumptions import DifferentError, NotTriedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from actions.api.pulls import Progress, Pull
    from actions.api.repository import Base, Branch
    from actions.runner.clock import Clock
    from tests.conformance.settings import Settings

    Found = TypeVar("Found")

PREFIX = "gitops-conformance-"
LONGEST_PAUSE = 8.0
ADMINISTRATION = "administration: write"
NOT_YET = (UnavailableError, ChecksPendingError, BaseMovedError)
POINTS = "query { rateLimit { used } }"


@dataclass(eq=False)
class Ground:
    """The organization, and the scratch repositories that were made in it.

    GitHub does much a moment later: *patience* is how many seconds to wait for that, 0 where nothing is ever late, and
    at *end* nothing is waited for any more. *workflows* tells whether the server runs any.
    """

    settings: Settings
    clock: Clock
    patience: float = 0
    end: float = float("inf")
    workflows: bool = False
    made: list[str] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    _run: str = field(default_factory=lambda: f"{time.strftime('%Y%m%d')}-{secrets.token_hex(3)}")

    def client(self, name: str, token: str = "") -> Client:
        """Return a client for *name*, a repository or the organization; the token is the owner's if none is given."""
        return Client(name, token or self.settings.token, {"GITHUB_API_URL": self.settings.api_url})

    @cached_property
    def organization(self) -> Client:
        """Return a client for the organization."""
        return self.client(self.settings.organization)

    @cached_property
    def shared(self) -> Scratch:
        """Return the scratch repository for everything that does not change its settings."""
        scratch = self.make(allow_auto_merge=True)
        if self.settings.second_token:
            self._let_in(scratch)
        for token in filter(None, (self.settings.app_token, self.settings.fine_grained_token)):
            self._wait_for_access(replace(scratch.client, token=token))
        return scratch

    def make(self, **settings: object) -> Scratch:
        """Make a private scratch repository with one commit, and *settings* as the API has them."""
        name = f"{PREFIX}{self._run}-{self.fresh('r')}"
        self.made.append(name)  # first: a call whose answer is lost may have made it
        body = {"name": name, "private": True, "auto_init": True, **settings}
        made = self.organization.rest("POST", "/repos", body, permission=ADMINISTRATION)
        client = self.client(made["full_name"])
        base = self.eventually(lambda: Repository(client).base(made["default_branch"], []), "the first commit")
        return Scratch(self, client, base)

    def leftovers(self) -> list[str]:
        """Return the scratch repositories of this run and of earlier ones that are still there."""
        pages = self.organization.pages("/repos?per_page=100", permission="metadata: read")
        return [repo["name"] for page in pages for repo in page if repo["name"].startswith(PREFIX)]

    def delete_all(self) -> list[str]:
        """Delete the scratch repositories of this run, and return those for which that failed."""
        left = []
        for name in reversed(self.made):  # a new name before the old one, which leads to it
            client = self.client(f"{self.settings.organization}/{name}")
            try:
                client.rest("DELETE", "", permission=ADMINISTRATION, absent=(HTTPStatus.NOT_FOUND,))
            except ActionError:
                left.append(name)
        return left

    def points(self) -> int | None:
        """Return the points that GraphQL has counted of the owner's token this hour, None if the server does not count.

        Enterprise Server has no limits unless an administrator sets them.
        """
        limit = self.organization.graphql(POINTS, {})["rateLimit"]
        return int(limit["used"]) if limit else None

    def fresh(self, word: str) -> str:
        """Return a name that begins with *word* and that nothing else in this run has."""
        return f"{word}-{next(self._numbers)}"

    def eventually(self, ask: Callable[[], Found | None], what: str, *, times: int = 1) -> Found:
        """Return what *ask* returns, asking again while that is nothing yet, or GitHub says "not yet".

        The patience is taken several *times* for what a machine has to be found for.
        """
        patience = max(0.0, min(times * self.patience, self.end - self.clock.now()))
        deadline, pause, seen = self.clock.now() + patience, 1.0, ""
        while True:
            try:
                found = ask()
            except NOT_YET as error:
                found, seen = None, f": {error}"
            if found is not None:
                return found
            if self.clock.now() + pause > deadline:
                raise DifferentError(f"{what} did not come within {patience:.0f} seconds{seen}")
            self.clock.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def pause(self, seconds: float) -> None:
        """Wait as long as GitHub asks to, within the patience."""
        if self.patience:
            self.clock.sleep(min(seconds, self.patience))

    def _wait_for_access(self, client: Client) -> None:
        """Wait until GitHub shows a new repository to a token for all repositories."""
        absent = (HTTPStatus.NOT_FOUND,)
        self.eventually(lambda: client.rest("GET", "", permission="metadata: read", absent=absent), "access")

    def _let_in(self, scratch: Scratch) -> None:
        """Let the second person write to *scratch*, who accepts if GitHub makes that an invitation."""
        second = replace(scratch.client, token=self.settings.second_token)
        login = second.rest("GET", "/user", permission="metadata: read", root="")["login"]
        path, body = f"/collaborators/{login}", {"permission": "push"}
        invited = scratch.client.rest("PUT", path, body, permission=ADMINISTRATION)
        if invited:
            path = f"/user/repository_invitations/{invited['id']}"
            second.rest("PATCH", path, permission="metadata: read", root="")


@dataclass
class Scratch:
    """A scratch repository as one account sees it; *start* is its default branch with one commit."""

    ground: Ground
    client: Client
    start: Base

    @cached_property
    def repository(self) -> Repository:
        """Return the product's door to branches, commits and files."""
        return Repository(self.client)

    @cached_property
    def pulls(self) -> PullRequests:
        """Return the product's door to pull requests."""
        return PullRequests(self.client)

    @cached_property
    def login(self) -> str:
        """Return the login of whoever the token is of."""
        return str(self.client.rest("GET", "/user", permission="metadata: read", root="")["login"])

    def as_second(self) -> Scratch:
        """Return this repository as the second person sees it."""
        return self._as(self.ground.settings.second_token, "CONFORMANCE_SECOND_TOKEN")

    def as_fine_grained(self) -> Scratch:
        """Return this repository as the fine-grained token sees it."""
        return self._as(self.ground.settings.fine_grained_token, "CONFORMANCE_FINE_GRAINED_TOKEN")

    def as_app(self) -> Scratch:
        """Return this repository as the App sees it."""
        return self._as(self.ground.settings.app_token, "CONFORMANCE_APP_TOKEN")

    def _as(self, token: str, variable: str) -> Scratch:
        if not token:
            raise NotTriedError(f"{variable} is not set")
        return Scratch(self.ground, replace(self.client, token=token), self.start)

    def rest(self, verb: str, path: str, body: object = None, permission: str = "contents: write") -> Any:
        """Make a call of the REST API about this repository."""
        return self.client.rest(verb, path, body, permission=permission)

    def guarded(self, *rules: Mapping[str, object]) -> str:
        """Return a new branch at the first commit, for which *rules* hold, and nobody may bypass them."""
        name = self.ground.fresh("base")
        self.repository.create_branch(name, self.start.head)
        if rules:
            self.ruleset(f"refs/heads/{name}", *rules)
        return name

    def ruleset(self, ref: str, *rules: Mapping[str, object]) -> int:
        """Put *rules* in force for *ref* and return the number of the ruleset."""
        body = {
            "name": self.ground.fresh("ruleset"),
            "target": "branch",
            "enforcement": "active",
            "conditions": {"ref_name": {"include": [ref], "exclude": []}},
            "rules": list(rules),
        }
        return int(self.rest("POST", "/rulesets", body, ADMINISTRATION)["id"])

    def commit(self, files: Mapping[str, str] | None = None, branch: str = "") -> Branch:
        """Return a new branch with one commit on top of the first one."""
        name = branch or self.ground.fresh("change")
        return self.repository.commit_files(self.start, branch=name, files=files or {name: name}, message="Change")

    def open(self, base: str, files: Mapping[str, str] | None = None, *, draft: bool = False) -> Pull:
        """Open a pull request to *base* from a new branch with *files*."""
        return self.propose(base, self.commit(files).name, draft=draft)

    def propose(self, base: str, branch: str, *, draft: bool = False) -> Pull:
        """Open a pull request from *branch* to *base*, and wait until GitHub knows whether it conflicts."""
        pull = self.ground.eventually(
            lambda: self.open_now(base, branch, draft=draft), "the branch of the pull request"
        )
        self.progress(pull, lambda progress: not progress.mergeability_unknown, "the mergeability")
        return pull

    def open_now(self, base: str, branch: str, *, draft: bool = False) -> Pull:
        """Open a pull request from *branch* to *base*."""
        repository = self.start.repository_id
        new = NewPull(repository_id=repository, base=base, branch=branch, title="Change", body="", draft=draft)
        return self.pulls.open(new)[0]

    def progress(self, pull: Pull, wanted: Callable[[Progress], bool], what: str) -> Progress:
        """Return the progress of *pull* when it is as *wanted*."""

        def found() -> Progress | None:
            progress = self.pulls.progress(pull)
            return progress if wanted(progress) else None

        return self.ground.eventually(found, what)

    def merge(self, pull: Pull, method: str = "squash") -> str:
        """Merge *pull* and return the SHA of the merged commit."""
        merged = self.pulls.merge(pull, method=method, title="Change", message="")
        return merged.sha if merged else ""

    def merge_soon(self, pull: Pull) -> str:
        """Merge *pull*, whose rules are met as soon as GitHub has noticed."""
        return self.ground.eventually(lambda: self.merge(pull), "the merge")

    def status(self, sha: str, context: str, state: str = "success") -> None:
        """Report a commit status."""
        self.rest("POST", f"/statuses/{sha}", {"context": context, "state": state}, "commit statuses: write")

    def check_run(self, sha: str, name: str, conclusion: str = "success") -> Any:
        """Report a check run, which only an App can."""
        body = {"name": name, "head_sha": sha, "status": "completed", "conclusion": conclusion}
        return self.rest("POST", "/check-runs", body, "checks: write")

    def pull(self, pull: Pull) -> Any:
        """Return *pull* as REST has it."""
        return self.rest("GET", f"/pulls/{pull.number}", permission="pull requests: read")

    def ask(self, fields: str, **variables: object) -> Any:
        """Return *fields* of the repository from GraphQL."""
        document = f"query($owner: String!, $name: String!) {{ repository(owner: $owner, name: $name) {{ {fields} }} }}"
        return self.client.graphql(document, variables)["repository"]


def required_check(name: str, app: int | None = None) -> dict[str, object]:
    """Return a rule that requires the check *name*, of the App *app* alone if one is given."""
    check = {"context": name} | ({"integration_id": app} if app else {})
    parameters = {"required_status_checks": [check], "strict_required_status_checks_policy": False}
    return {"type": "required_status_checks", "parameters": parameters}


def reviewed(count: int, *, code_owners: bool = False) -> dict[str, object]:
    """Return a rule that requires a pull request with *count* approvals."""
    parameters = {
        "required_approving_review_count": count,
        "dismiss_stale_reviews_on_push": False,
        "require_code_owner_review": code_owners,
        "require_last_push_approval": False,
        "required_review_thread_resolution": False,
    }
    return {"type": "pull_request", "parameters": parameters}


def plan_lacks(error: GitHubError) -> bool:
    """Tell whether GitHub says that the organization's plan does not have this."""
    return "upgrade to" in error.said.casefold()
