"""The GraphQL API: GitHub's own schema, executed over what the sandbox knows.

A class here is a type of the schema, and its methods are the fields, named as the schema names them. A field that the
schema has and the class has not is an error, never null: what is not modelled must not look like an answer.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from graphql import DocumentNode, ExecutionResult, GraphQLError, GraphQLResolveInfo, execute_sync, parse, validate

from sandbox.behaviour import Behaviour, Refusal
from sandbox.descriptions import graphql_schema
from sandbox.gitrepo import BRANCH
from sandbox.payloads import moment
from sandbox.rest import allowed
from sandbox.rules import rules_for
from sandbox.state import ZEROS, AutoMerge

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sandbox import state
    from sandbox.payloads import Payloads

# By the address that GitHub gives everybody.
CO_AUTHOR = re.compile(r"(?im)^Co-authored-by: [^<\n]*<\d+\+([A-Za-z0-9-]+)@users\.noreply\.github\.com>")


class Context:
    """Who asks, and what carries it out."""

    def __init__(self, behaviour: Behaviour, payloads: Payloads, token: state.Token) -> None:
        self.behaviour = behaviour
        self.state = behaviour.state
        self.payloads = payloads
        self.token = token

    def repo(self, full_name: str, need: str = "read", permission: str = "contents") -> state.Repo:
        """Return a repository, if the token may *need* it."""
        repo = self.state.repos.get(full_name.lower())
        try:
            return allowed(repo, self.token, need, permission)
        except Refusal as refusal:
            if refusal.kind == "NOT_FOUND":
                text = f"Could not resolve to a Repository with the name '{full_name}'."
                raise Refusal(404, text, kind="NOT_FOUND") from refusal
            raise

    def repo_by_id(self, node_id: str, need: str, permission: str = "contents") -> state.Repo:
        """Return the repository of a node id such as R_1001 or REF_1001_refs/heads/main."""
        number = int(node_id.split("_")[1])
        names = [repo.full_name for repo in self.state.repos.values() if repo.id == number]
        if not names:
            raise Refusal(404, f"Could not resolve to a node with the global id of '{node_id}'", kind="NOT_FOUND")
        return self.repo(names[0], need, permission)


def answer(context: Context, document: str, variables: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the answer to *document*, and what GitHub's schema has against the document."""
    parsed, invalid = _checked(document)
    if not parsed:
        return {"errors": [error.formatted for error in invalid]}, [error.message for error in invalid]
    result = execute_sync(
        graphql_schema(),
        parsed,
        root_value=Root(context),
        variable_values=dict(variables),
        field_resolver=_resolve,
        type_resolver=lambda value, *_: type(value).__name__,
    )
    return _formatted(result), []


@lru_cache(maxsize=512)
def _checked(document: str) -> tuple[DocumentNode | None, list[GraphQLError]]:
    """Return *document*, parsed, or what is wrong with it; the same ones come again and again."""
    try:
        parsed = parse(document)
    except GraphQLError as error:
        return None, [error]
    invalid = validate(graphql_schema(), parsed)
    return (None, invalid) if invalid else (parsed, [])


def _formatted(result: ExecutionResult) -> dict[str, Any]:
    if not result.errors:
        return {"data": result.data}
    errors = []
    for error in result.errors:
        entry: dict[str, Any] = {
            "message": error.message,
            "path": error.path,
            "locations": error.formatted["locations"],
        }
        if isinstance(error.original_error, Refusal):
            entry = {"type": error.original_error.kind, **entry}
        errors.append(entry)
    return {"data": result.data, "errors": errors}


def _resolve(source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
    if isinstance(source, dict):
        return source[info.field_name]
    method = getattr(source, info.field_name, None)
    if method is None:
        raise GraphQLError(f"the sandbox does not model {info.parent_type.name}.{info.field_name}")
    return method(**arguments)


def _page(nodes: Sequence[Any], first: int, after: str | None) -> dict[str, Any]:
    """Return a connection of the *first* nodes of those that come after the cursor *after*."""
    start = int(after or 0)
    end = start + first
    return {
        "nodes": list(nodes[start:end]),
        "totalCount": len(nodes),
        "pageInfo": {"hasNextPage": end < len(nodes), "endCursor": str(end)},
    }


class Root:
    """Query and Mutation."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def repository(self, owner: str, name: str, **_: Any) -> Repository:
        return Repository(self._context, self._context.repo(f"{owner}/{name}"))

    def createRef(self, input: dict[str, Any]) -> dict[str, Any]:
        repo = self._context.repo_by_id(input["repositoryId"], "write")
        if input["name"] in repo.git.refs(input["name"]):
            raise Refusal(422, f'A ref named "{input["name"]}" already exists in the repository.')
        self._context.behaviour.update_ref(repo, self._context.token, input["name"], input["oid"])
        return {"ref": Ref(self._context, repo, input["name"], input["oid"]), "clientMutationId": None}

    def createCommitOnBranch(self, input: dict[str, Any]) -> dict[str, Any]:
        branch = input["branch"]
        repo = self._context.repo(branch["repositoryNameWithOwner"], "write")
        name = branch["branchName"].removeprefix(BRANCH)
        changes = input.get("fileChanges") or {}
        files: dict[str, bytes | None] = {
            addition["path"]: base64.b64decode(addition["contents"], validate=True)
            for addition in changes.get("additions") or []
        }
        files |= {deletion["path"]: None for deletion in changes.get("deletions") or []}
        message = f"{input['message']['headline']}\n\n{input['message'].get('body') or ''}".strip()
        sha = self._context.behaviour.commit_on_branch(
            repo, self._context.token, name, input["expectedHeadOid"], files, message
        )
        return {
            "commit": Commit(self._context, repo, sha),
            "ref": Ref(self._context, repo, BRANCH + name, sha),
            "clientMutationId": None,
        }

    def updateRefs(self, input: dict[str, Any]) -> dict[str, Any]:
        repo = self._context.repo_by_id(input["repositoryId"], "write")
        updates = input["refUpdates"]
        for update in updates:
            there = repo.git.refs(update["name"]).get(update["name"], ZEROS)
            if update.get("beforeOid") not in (None, there):
                text = f'Expected {update["name"]} to point to "{update["beforeOid"]}" but it did not.'
                raise Refusal(409, text, kind="STALE_DATA")
        for update in updates:
            after = None if update["afterOid"] == ZEROS else update["afterOid"]
            self._context.behaviour.update_ref(repo, self._context.token, update["name"], after)
        return {"clientMutationId": None}

    def enablePullRequestAutoMerge(self, input: dict[str, Any]) -> dict[str, Any]:
        repo, pull = self._pull(input["pullRequestId"])
        wish = AutoMerge(
            self._context.token,
            input["mergeMethod"].lower(),
            input.get("commitHeadline") or pull.title,
            input.get("commitBody") or "",
        )
        self._context.behaviour.merge_when_ready(repo, pull, wish)
        return {"clientMutationId": None}

    def enqueuePullRequest(self, input: dict[str, Any]) -> dict[str, Any]:
        _, pull = self._pull(input["pullRequestId"])
        if pull.queued:
            raise Refusal(422, "Pull request is already in the queue")
        pull.queued = True
        return {"clientMutationId": None}

    def _pull(self, node_id: str) -> tuple[state.Repo, state.Pull]:
        repo = self._context.repo_by_id(node_id, "write", "pull_requests")
        return repo, repo.pulls[int(node_id.split("_")[2])]


class Node:
    """An object within a repository."""

    def __init__(self, context: Context, repo: state.Repo) -> None:
        self._context = context
        self._repo = repo


class Repository(Node):
    def id(self) -> str:
        return f"R_{self._repo.id}"

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

    def object(self, oid: str = "", expression: str = "") -> Commit | Tree | None:
        revision, _, folder = expression.partition(":")
        if folder:
            commit = self._repo.git.resolve(self._repo.default_branch if revision == "HEAD" else revision)
            return Tree(self._repo, commit, folder) if commit else None
        sha = self._repo.git.resolve(oid or expression)
        return Commit(self._context, self._repo, sha) if sha else None

    def deployments(
        self, first: int, environments: Sequence[str] | None = None, after: str | None = None, **_: Any
    ) -> dict[str, Any]:
        allowed(self._repo, self._context.token, "read", "deployments")
        found = [
            deployment
            for deployment in reversed(self._repo.deployments)
            if environments is None or deployment.environment in environments
        ]
        return _page([Deployment(self._context, self._repo, deployment) for deployment in found], first, after)

    def pullRequest(self, number: int) -> PullRequest:
        allowed(self._repo, self._context.token, "read", "pull_requests")
        return PullRequest(self._context, self._repo, self._repo.pulls[number])

    def pullRequests(self, headRefName: str = "", states: Sequence[str] = (), **_: Any) -> dict[str, Any]:
        allowed(self._repo, self._context.token, "read", "pull_requests")
        pulls = [
            pull
            for pull in reversed(self._repo.pulls.values())
            if headRefName in ("", pull.head) and (not states or pull.graphql_state in states)
        ]
        return {"nodes": [PullRequest(self._context, self._repo, pull) for pull in pulls]}


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

    def rules(self, **_: Any) -> dict[str, Any]:
        return {"nodes": [RepositoryRule(rule) for _, rule in rules_for(self._repo, self._name)]}

    def refUpdateRule(self) -> None:
        return None  # branch protection is not modelled; rulesets are

    def repository(self) -> Repository:
        return Repository(self._context, self._repo)


class RepositoryRule:
    def __init__(self, rule: dict[str, Any]) -> None:
        self._rule = rule

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

    def authors(self, **_: Any) -> dict[str, Any]:
        named = CO_AUTHOR.findall(self._repo.git.get(self._sha).message)
        users = [self._author(), *(self._context.state.users.get(login) for login in named)]
        return {"nodes": [{"user": User(user) if user else None} for user in users]}

    def committer(self) -> dict[str, Any]:
        verified = self._sha in self._repo.verified
        user = self._context.state.users["web-flow"] if verified else self._author()
        return {"name": self._repo.git.get(self._sha).committer.name, "user": User(user) if user else None}

    def parents(self, **_: Any) -> dict[str, Any]:
        parents = [str(parent) for parent in self._repo.git.get(self._sha).parent_ids]
        return {"totalCount": len(parents), "nodes": [Commit(self._context, self._repo, sha) for sha in parents]}

    def additions(self) -> int:
        return sum(patch.line_stats[1] for patch in self._repo.git.patches(self._sha).values())

    def deletions(self) -> int:
        return sum(patch.line_stats[2] for patch in self._repo.git.patches(self._sha).values())

    def changedFilesIfAvailable(self) -> int:
        return len(self._repo.git.patches(self._sha))

    def history(
        self, first: int, after: str | None = None, path: str | None = None, since: str = "", **_: Any
    ) -> dict[str, Any]:
        git = self._repo.git
        shas = [sha for sha in git.history(self._sha, path) if moment(git.get(sha).committer) >= since]
        return _page([Commit(self._context, self._repo, sha) for sha in shas], first, after)

    def associatedPullRequests(self, **_: Any) -> dict[str, Any]:
        allowed(self._repo, self._context.token, "read", "pull_requests")
        pulls = [pull for pull in self._repo.pulls.values() if self._sha in (pull.merge_sha, pull.head_sha)]
        return {"nodes": [PullRequest(self._context, self._repo, pull) for pull in pulls]}

    def messageHeadline(self) -> str:
        return self.message().partition("\n")[0]

    def signature(self) -> GpgSignature | None:
        return GpgSignature() if self._sha in self._repo.verified else None

    def file(self, path: str) -> TreeEntry | None:
        found = self._repo.git.file(self._sha, path)
        return TreeEntry(*found) if found else None

    def statusCheckRollup(self) -> StatusCheckRollup | None:
        """Return the checks; a token that may not read them is shown how many there are, and refused each."""
        runs = [run for run in self._repo.checks if run.sha == self._sha]
        return StatusCheckRollup([self._check(run) for run in runs]) if runs else None

    def _check(self, run: state.CheckRun) -> CheckRun | Refusal:
        try:
            allowed(self._repo, self._context.token, "read", "checks")
        except Refusal as refusal:
            return refusal
        return CheckRun(run)


class Deployment(Node):
    def __init__(self, context: Context, repo: state.Repo, deployment: state.Deployment) -> None:
        super().__init__(context, repo)
        self._deployment = deployment

    def databaseId(self) -> int:
        return self._deployment.id

    def payload(self) -> str:
        payload = self._deployment.payload
        return payload if isinstance(payload, str) else json.dumps(payload)

    def latestStatus(self) -> dict[str, Any] | None:
        statuses = self._deployment.statuses
        return {"state": statuses[-1].state.upper()} if statuses else None

    def environment(self) -> str:
        return self._deployment.environment

    def commitOid(self) -> str:
        return self._deployment.sha

    def commit(self) -> Commit | None:
        sha = self._repo.git.resolve(self._deployment.sha)
        return Commit(self._context, self._repo, sha) if sha else None

    def createdAt(self) -> str:
        return self._deployment.created

    def creator(self) -> User:
        return actor(self._deployment.creator)

    def statuses(self, **_: Any) -> dict[str, Any]:
        return {
            "nodes": [
                {"state": status.state.upper(), "createdAt": status.at, "logUrl": status.log_url or None}
                for status in self._deployment.statuses
            ]
        }


class Tree:
    """A folder at a commit."""

    def __init__(self, repo: state.Repo, sha: str, folder: str) -> None:
        self._repo = repo
        self._sha = sha
        self._folder = folder

    def entries(self) -> list[TreeEntry]:
        paths = sorted(path for path in self._repo.git.paths(self._sha) if path.rpartition("/")[0] == self._folder)
        return [TreeEntry(*(self._repo.git.file(self._sha, path) or (0, b"")), path) for path in paths]


class GpgSignature:
    def isValid(self) -> bool:
        return True


class TreeEntry:
    def __init__(self, mode: int, content: bytes, path: str = "") -> None:
        self._mode = mode
        self._content = content
        self._path = path

    def path(self) -> str:
        return self._path

    def mode(self) -> int:
        return self._mode

    def oid(self) -> str:
        return hashlib.sha1(b"blob %d\0" % len(self._content) + self._content, usedforsecurity=False).hexdigest()

    def object(self) -> Blob:
        return Blob(self._content)


class Blob:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def isBinary(self) -> bool:
        return b"\0" in self._content

    def isTruncated(self) -> bool:
        return len(self._content) > 512 * 1024

    def text(self) -> str | None:
        return None if self.isBinary() else self._content.decode("utf-8", "replace")


class StatusCheckRollup:
    def __init__(self, runs: Sequence[CheckRun | Refusal]) -> None:
        self._runs = runs

    def contexts(self, first: int, after: str | None = None) -> dict[str, Any]:
        return _page(self._runs, first, after)


class CheckRun:
    def __init__(self, run: state.CheckRun) -> None:
        self._run = run

    def name(self) -> str:
        return self._run.name

    def status(self) -> str:
        return self._run.status.upper()

    def completedAt(self) -> str | None:
        return self._run.completed

    def conclusion(self) -> str | None:
        return self._run.conclusion.upper() if self._run.conclusion else None

    def checkSuite(self) -> dict[str, Any]:
        return {"app": {"databaseId": self._run.app}}


class PullRequest(Node):
    def __init__(self, context: Context, repo: state.Repo, pull: state.Pull) -> None:
        super().__init__(context, repo)
        self._pull = pull

    def id(self) -> str:
        return f"PR_{self._repo.id}_{self._pull.number}"

    def number(self) -> int:
        return self._pull.number

    def files(self, first: int) -> dict[str, Any]:
        git = self._repo.git
        after = self._pull.merge_sha or self._pull.head_sha
        before = f"{after}^" if self._pull.merge_sha else git.merge_base(git.head(self._pull.base) or "", after)
        paths = git.changed_paths(before or "", after)
        return {"totalCount": len(paths), "nodes": [{"path": path} for path in paths[:first]]}

    def url(self) -> str:
        return f"{self._context.payloads.server}/{self._repo.full_name}/pull/{self._pull.number}"

    def state(self) -> str:
        return self._pull.graphql_state

    def isCrossRepository(self) -> bool:
        return False

    def headRefName(self) -> str:
        return self._pull.head

    def baseRefName(self) -> str:
        return self._pull.base

    def body(self) -> str:
        return self._pull.body

    def title(self) -> str:
        return self._pull.title

    def createdAt(self) -> str:
        return self._pull.created

    def mergedAt(self) -> str | None:
        return self._pull.closed if self._pull.merge_sha else None

    def mergedBy(self) -> User | None:
        return actor(self._pull.merged_by) if self._pull.merged_by else None

    def closingIssuesReferences(self, **_: Any) -> dict[str, Any]:
        return {"nodes": []}

    def author(self) -> User:
        return actor(self._pull.author)

    def comments(self, **_: Any) -> dict[str, Any]:
        asking = self._context.token.user
        return {
            "nodes": [
                {"databaseId": comment.id, "body": comment.body, "viewerDidAuthor": comment.user is asking}
                for comment in self._pull.comments
            ]
        }

    def commits(self, first: int = 0, after: str | None = None, last: int = 0, **_: Any) -> dict[str, Any]:
        git = self._repo.git
        base = git.merge_base(git.head(self._pull.base) or "", self._pull.head_sha)
        if self._pull.merge_sha:
            base = str(git.get(self._pull.merge_sha).parent_ids[0])
        shas = git.between(base or "", self._pull.head_sha)
        nodes = [{"commit": Commit(self._context, self._repo, sha)} for sha in shas]
        return _page(nodes, first, after) if first else {**_page(nodes[-last:], last, None), "totalCount": len(shas)}

    def labels(self, **_: Any) -> dict[str, Any]:
        return {"nodes": [{"name": label} for label in self._pull.labels]}

    def reviewRequests(self, **_: Any) -> dict[str, Any]:
        return {"totalCount": len(self._pull.reviewers) + len(self._pull.team_reviewers)}

    def reviews(self, last: int = 100, **_: Any) -> dict[str, Any]:
        nodes = [
            {
                "state": review.state,
                "author": actor(review.user),
                "authorCanPushToRepository": self._repo.role(review.user) in ("write", "admin"),
                "submittedAt": review.at,
                "commit": Commit(self._context, self._repo, review.commit),
            }
            for review in self._pull.reviews
        ]
        return {"totalCount": len(nodes), "nodes": nodes[-last:]}

    def mergeable(self) -> str:
        base = self._repo.git.head(self._pull.base) or ""
        clean = self._repo.git.merge_tree(base, self._pull.head_sha) is not None
        return "MERGEABLE" if clean else "CONFLICTING"

    def reviewDecision(self) -> str:
        approved = any(review.state == "APPROVED" for review in self._pull.reviews)
        return "APPROVED" if approved else "REVIEW_REQUIRED"

    def isInMergeQueue(self) -> bool:
        return self._pull.queued

    def headRefOid(self) -> str:
        return self._pull.head_sha

    def mergeCommit(self) -> Commit | None:
        sha = self._pull.merge_sha
        return Commit(self._context, self._repo, sha) if sha else None

    def timelineItems(self, **_: Any) -> dict[str, Any]:
        closer = self._pull.closed_by
        return {"nodes": [ClosedEvent(closer)] if closer else []}


class ClosedEvent:
    def __init__(self, user: state.User) -> None:
        self._user = user

    def actor(self) -> User:
        return User(self._user)


def actor(user: state.User) -> User:
    """Return *user* as the type of the schema that it is."""
    return Bot(user) if user.kind == "Bot" else User(user)


class User:
    def __init__(self, user: state.User) -> None:
        self._user = user

    def login(self) -> str:
        return self._user.login


class Bot(User):
    pass
