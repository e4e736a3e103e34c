"""Commits: who made them, what stands before them, their checks, their pull requests."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sandbox.behaviour import Refusal
from sandbox.graphql.checks import CheckRun, StatusCheckRollup, StatusContext, suites_of
from sandbox.graphql.context import Node, connection
from sandbox.graphql.files import TreeEntry
from sandbox.graphql.users import User
from sandbox.payloads import moment
from sandbox.rest.call import allowed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandbox import state
    from sandbox.graphql.context import Context

# By the address that GitHub gives everybody.
CO_AUTHOR = re.compile(r"(?im)^Co-authored-by: [^<\n]*<\d+\+([A-Za-z0-9-]+)@users\.noreply\.github\.com>")


class Commit(Node):
    def __init__(self, context: Context, repo: state.Repo, sha: str) -> None:
        super().__init__(context, repo)
        self._sha = sha

    def oid(self) -> str:
        return self._sha

    def message(self) -> str:
        return self._repo.git.get(self._sha).message

    def committedDate(self) -> str:
        return moment(self._repo.git.get(self._sha).committer)

    def author(self) -> dict[str, Any]:
        user = self._author()
        name = self._repo.git.get(self._sha).author.name
        return {"name": name, "user": User(user) if user else None}

    def _author(self) -> state.User | None:
        email = self._repo.git.get(self._sha).author.email
        return self._repo.authors.get(self._sha) or self._context.state.account(email)

    def authors(self, **page: Any) -> dict[str, Any]:
        named = CO_AUTHOR.findall(self._repo.git.get(self._sha).message)
        users = [self._author(), *(self._context.state.users.get(login) for login in named)]
        return connection([{"user": User(user) if user else None} for user in users], **page)

    def committer(self) -> dict[str, Any]:
        verified = self._sha in self._repo.verified
        user = self._context.state.users["web-flow"] if verified else self._author()
        return {"name": self._repo.git.get(self._sha).committer.name, "user": User(user) if user else None}

    def parents(self, **page: Any) -> dict[str, Any]:
        parents = [str(parent) for parent in self._repo.git.get(self._sha).parent_ids]
        return connection([Commit(self._context, self._repo, sha) for sha in parents], **page)

    def additions(self) -> int:
        return sum(patch.line_stats[1] for patch in self._repo.git.patches(self._sha).values())

    def deletions(self) -> int:
        return sum(patch.line_stats[2] for patch in self._repo.git.patches(self._sha).values())

    def changedFilesIfAvailable(self) -> int:
        return len(self._repo.git.patches(self._sha))

    def history(self, path: str | None = None, since: str = "", **page: Any) -> dict[str, Any]:
        git = self._repo.git
        shas = [sha for sha in git.history(self._sha, path) if moment(git.get(sha).committer) >= since]
        return connection([Commit(self._context, self._repo, sha) for sha in shas], **page)

    def associatedPullRequests(self, **page: Any) -> dict[str, Any]:
        from sandbox.graphql.pulls import PullRequest  # which knows of commits

        allowed(self._repo, self._context.token, "read", "pull_requests")
        pulls = [pull for pull in self._repo.pulls.values() if self._sha in (pull.merge_sha, pull.head_sha)]
        return connection([PullRequest(self._context, self._repo, pull) for pull in pulls], **page)

    def messageHeadline(self) -> str:
        return self.message().partition("\n")[0]

    def signature(self) -> GpgSignature | None:
        return GpgSignature() if self._sha in self._repo.verified else None

    def file(self, path: str) -> TreeEntry | None:
        found = self._repo.git.file(self._sha, path)
        return TreeEntry(*found) if found else None

    def statusCheckRollup(self) -> StatusCheckRollup | None:
        """Return every check run and status; a token that may not read them is refused each, and sees their number."""
        runs = [CheckRun(run, self._context.state.slug(run.app)) for run in self._repo.checks if run.sha == self._sha]
        statuses = [StatusContext(status) for status in self._repo.newest_statuses(self._sha)]
        contexts = [*self._shown(runs, "checks"), *self._shown(statuses, "statuses")]
        return StatusCheckRollup(contexts) if contexts else None

    def checkSuites(self, filterBy: dict[str, Any] | None = None, **page: Any) -> dict[str, Any]:
        allowed(self._repo, self._context.token, "read", "checks")
        app = (filterBy or {}).get("appId")
        suites = [suite for suite in suites_of(self._context, self._repo, self._sha) if app in (None, suite.app_id)]
        return connection(suites, **page)

    def _shown(
        self, contexts: Sequence[CheckRun | StatusContext], permission: str
    ) -> Sequence[CheckRun | StatusContext | Refusal]:
        try:
            allowed(self._repo, self._context.token, "read", permission)
        except Refusal as refusal:
            return [refusal for _ in contexts]
        return contexts


class GpgSignature:
    def isValid(self) -> bool:
        return True
