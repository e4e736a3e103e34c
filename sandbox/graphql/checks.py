"""Checks on a commit: runs of apps, and statuses of the older kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.gitrepo import BRANCH
from sandbox.graphql.context import Node, connection
from sandbox.graphql.users import actor
from sandbox.rest.call import allowed
from sandbox.state import ACTIONS_APP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandbox import state
    from sandbox.behaviour import Refusal
    from sandbox.graphql.context import Context
    from sandbox.graphql.users import User


class StatusCheckRollup:
    def __init__(self, contexts: Sequence[CheckRun | StatusContext | Refusal]) -> None:
        self._contexts = contexts

    def contexts(self, **page: Any) -> dict[str, Any]:
        return connection(self._contexts, **page)


class CheckRun:
    def __init__(self, run: state.CheckRun, app: str) -> None:
        self._run = run
        self._app = app

    def databaseId(self) -> int:
        return self._run.id

    def name(self) -> str:
        return self._run.name

    def status(self) -> str:
        return self._run.status.upper()

    def startedAt(self) -> str | None:
        return self._run.started

    def completedAt(self) -> str | None:
        return self._run.completed

    def conclusion(self) -> str | None:
        return self._run.conclusion.upper() if self._run.conclusion else None

    def checkSuite(self) -> dict[str, Any]:
        return {"app": {"databaseId": self._run.app, "slug": self._app}}

    def steps(self, **page: Any) -> dict[str, Any]:
        """Return the steps of a job that began, the first of which sets it up; what is posted has none (OpenAPI)."""
        began = self._run.run and self._run.status != "queued" and self._run.conclusion != "skipped"
        names = ["Set up job", *self._run.steps] if began else []
        return connection([{"name": name, "number": number} for number, name in enumerate(names, 1)], **page)


class CheckSuite(Node):
    def __init__(
        self, context: Context, repo: state.Repo, checks: Sequence[state.CheckRun], run: state.WorkflowRun | None
    ) -> None:
        super().__init__(context, repo)
        self._checks, self._run = checks, run

    @property
    def app_id(self) -> int:
        """Return the number of the App that the suite is of."""
        return ACTIONS_APP if self._run else self._checks[0].app

    def branch(self) -> dict[str, Any] | None:
        """Return the branch of the run; that there is none where it was deleted is what the type Ref says."""
        name = (self._run.branch or self._repo.default_branch) if self._run else ""
        return {"name": name, "prefix": BRANCH} if name and self._repo.git.head(name) else None

    def workflowRun(self) -> WorkflowRun | None:
        if not self._run:
            return None
        allowed(self._repo, self._context.token, "read", "actions")  # beside checks (liquibase#7429)
        return WorkflowRun(self._context, self._repo, self._run)

    def checkRuns(self, filterBy: dict[str, Any] | None = None, **page: Any) -> dict[str, Any]:
        assert filterBy == {"checkType": "ALL"}, "what else a suite shows is not modelled"
        slug = self._context.state.slug
        return connection([CheckRun(check, slug(check.app)) for check in self._checks], **page)


def suites_of(context: Context, repo: state.Repo, sha: str) -> list[CheckSuite]:
    """Return the check suites of a commit: one for each run, one for each other App that reported.

    What a workflow posts by the API stands in the suite of the first run (JetBrains/qodana-action#599,
    bencherdev/bencher#536).
    """
    runs = [run for run in repo.runs if run.sha == sha]
    checks = [check for check in repo.checks if check.sha == sha]
    posted = [check for check in checks if check.app == ACTIONS_APP and not check.run]
    others = {check.app for check in checks if not check.run} - ({ACTIONS_APP} if runs else set())
    of_runs = [
        CheckSuite(
            context, repo, [check for check in checks if check.run == run.id] + (posted if run is runs[0] else []), run
        )
        for run in runs
    ]
    of_others = [[check for check in checks if check.app == app and not check.run] for app in others]
    return of_runs + [CheckSuite(context, repo, reported, None) for reported in of_others]


class WorkflowRun(Node):
    def __init__(self, context: Context, repo: state.Repo, run: state.WorkflowRun) -> None:
        super().__init__(context, repo)
        self._run = run

    def databaseId(self) -> int:
        return self._run.id

    def event(self) -> str:
        return self._run.event

    def deploymentReviews(self, **page: Any) -> dict[str, Any]:
        return connection([DeploymentReview(self._context, review) for review in self._run.approvals], **page)


class DeploymentReview:
    def __init__(self, context: Context, review: dict[str, Any]) -> None:
        self._context, self._review = context, review

    def state(self) -> str:
        return str(self._review["state"]).upper()

    def user(self) -> User:
        return actor(self._context.state.users[self._review["user"]["login"]])

    def environments(self, **page: Any) -> dict[str, Any]:
        return connection([{"name": each["name"]} for each in self._review["environments"]], **page)


class StatusContext:
    def __init__(self, status: state.CommitStatus) -> None:
        self._status = status

    def context(self) -> str:
        return self._status.context

    def state(self) -> str:
        return self._status.state.upper()

    def createdAt(self) -> str:
        return self._status.at

    def creator(self) -> User:
        return actor(self._status.creator)
