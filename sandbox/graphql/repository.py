"""Repositories, their refs and the rules of these."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

from sandbox.behaviour import Refusal
from sandbox.gitrepo import BRANCH
from sandbox.graphql.commits import Commit
from sandbox.graphql.context import Node, connection
from sandbox.graphql.deployments import Deployment
from sandbox.graphql.files import Blob, Tree
from sandbox.graphql.issues import Issue, issues_of
from sandbox.graphql.pulls import PullRequest
from sandbox.rest.call import allowed
from sandbox.rules import rules_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandbox import state
    from sandbox.graphql.context import Context


class Repository(Node):
    def id(self) -> str:
        return f"R_{self._repo.id}"

    def name(self) -> str:
        return self._repo.name

    def nameWithOwner(self) -> str:
        return self._repo.full_name

    def deleteBranchOnMerge(self) -> bool:
        return self._repo.delete_branch_on_merge

    def defaultBranchRef(self) -> Ref | None:
        return self.ref(BRANCH + self._repo.default_branch)

    def ref(self, qualifiedName: str) -> Ref | None:
        sha = self._repo.git.refs(qualifiedName).get(qualifiedName)
        return Ref(self._context, self._repo, qualifiedName, sha) if sha else None

    def squashMergeAllowed(self) -> bool:
        return "squash" in self._repo.merge_methods

    def rebaseMergeAllowed(self) -> bool:
        return "rebase" in self._repo.merge_methods

    def mergeCommitAllowed(self) -> bool:
        return "merge" in self._repo.merge_methods

    def autoMergeAllowed(self) -> bool:
        return self._repo.allow_auto_merge

    def object(self, oid: str = "", expression: str = "") -> Commit | Tree | Blob | None:
        revision, _, path = expression.partition(":")
        if path:
            commit = self._repo.git.resolve(self._repo.default_branch if revision == "HEAD" else revision)
            if not commit:
                return None
            file = self._repo.git.file(commit, path)
            return Blob(file[1]) if file else Tree(self._repo, commit, path)
        sha = self._repo.git.resolve(oid or expression)
        return Commit(self._context, self._repo, sha) if sha else None

    def deployments(
        self, environments: Sequence[str] | None = None, orderBy: dict[str, Any] | None = None, **page: Any
    ) -> dict[str, Any]:
        allowed(self._repo, self._context.token, "read", "deployments")
        deployments = [
            deployment
            for deployment in _ordered(self._repo.deployments, orderBy)
            if environments is None or deployment.environment in environments
        ]
        return connection([Deployment(self._context, self._repo, deployment) for deployment in deployments], **page)

    def hasIssuesEnabled(self) -> bool:
        return self._repo.has_issues

    def issues(
        self,
        labels: Sequence[str] | None = None,
        states: Sequence[str] | None = None,
        orderBy: dict[str, Any] | None = None,
        **page: Any,
    ) -> dict[str, Any]:
        allowed(self._repo, self._context.token, "read", "issues")
        issues: Sequence[Any] = [*self._repo.issues.values()]
        if orderBy and orderBy["field"] == "UPDATED_AT":
            issues = sorted(issues, key=attrgetter("updated"))
        issues = _ordered(issues, orderBy)
        return issues_of(self._context, self._repo, issues, labels=labels, states=states, **page)

    def issue(self, number: int) -> Issue:
        allowed(self._repo, self._context.token, "read", "issues")
        return Issue(self._context, self._repo, self._repo.issues[number])

    def pullRequest(self, number: int) -> PullRequest:
        allowed(self._repo, self._context.token, "read", "pull_requests")
        if number not in self._repo.pulls:
            text = f"Could not resolve to a PullRequest with the number of {number}."
            raise Refusal(404, text, kind="NOT_FOUND")
        return PullRequest(self._context, self._repo, self._repo.pulls[number])

    def pullRequests(
        self,
        headRefName: str = "",
        baseRefName: str = "",
        states: Sequence[str] = (),
        labels: Sequence[str] = (),
        orderBy: dict[str, Any] | None = None,
        **page: Any,
    ) -> dict[str, Any]:
        allowed(self._repo, self._context.token, "read", "pull_requests")
        pulls = [
            pull
            for pull in _ordered([*self._repo.pulls.values()], orderBy)
            if headRefName in ("", pull.head)
            and baseRefName in ("", pull.base)
            and (not states or pull.graphql_state in states)
            and (not labels or set(labels) & set(pull.labels))
        ]
        return connection([PullRequest(self._context, self._repo, pull) for pull in pulls], **page)


class Ref(Node):
    def __init__(self, context: Context, repo: state.Repo, name: str, sha: str) -> None:
        super().__init__(context, repo)
        self._name = name
        self._sha = sha

    def id(self) -> str:
        return f"REF_{self._repo.id}_{self._name}"

    def name(self) -> str:
        return self._name.split("/", 2)[2]

    def target(self) -> Commit:
        return Commit(self._context, self._repo, self._sha)

    def rules(self, **page: Any) -> dict[str, Any]:
        return connection([RepositoryRule(*found) for found in rules_for(self._repo, self._name)], **page)

    def refUpdateRule(self) -> None:
        return None  # branch protection is not modelled; rulesets are

    def repository(self) -> Repository:
        return Repository(self._context, self._repo)


class RepositoryRule:
    def __init__(self, ruleset: dict[str, Any], rule: dict[str, Any]) -> None:
        self._ruleset, self._rule = ruleset, rule

    def repositoryRuleset(self) -> dict[str, Any]:
        return {"databaseId": self._ruleset["id"], "updatedAt": self._ruleset["updated_at"]}

    def type(self) -> str:
        return str(self._rule["type"]).upper()

    def parameters(self) -> Any:
        known = {"required_status_checks": RequiredStatusChecksParameters, "pull_request": PullRequestParameters}
        kind = known.get(self._rule["type"])
        return kind(self._rule["parameters"]) if kind else None


class RequiredStatusChecksParameters:
    def __init__(self, parameters: dict[str, Any]) -> None:
        self._parameters = parameters

    def requiredStatusChecks(self) -> list[dict[str, Any]]:
        return [
            {"context": check["context"], "integrationId": check.get("integration_id")}
            for check in self._parameters["required_status_checks"]
        ]


class PullRequestParameters:
    def __init__(self, parameters: dict[str, Any]) -> None:
        self._parameters = parameters

    def requiredApprovingReviewCount(self) -> int:
        return int(self._parameters["required_approving_review_count"])

    def requireLastPushApproval(self) -> bool:
        return bool(self._parameters["require_last_push_approval"])

    def allowedMergeMethods(self) -> list[str] | None:
        methods = self._parameters.get("allowed_merge_methods")
        return [method.upper() for method in methods] if methods else None


def _ordered(records: Sequence[Any], order: dict[str, Any] | None) -> Sequence[Any]:
    """Return *records*, which are in the order of their creation, as *order* asks; without it, oldest first."""
    return records[::-1] if order and order["direction"] == "DESC" else records
