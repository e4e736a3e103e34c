"""Query and Mutation."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from sandbox.behaviour import Refusal, name_is_taken
from sandbox.gitrepo import BRANCH
from sandbox.graphql.commits import Commit
from sandbox.graphql.pulls import PullRequest
from sandbox.graphql.repository import Ref, Repository
from sandbox.graphql.users import User, actor
from sandbox.rest.call import allowed
from sandbox.state import ZEROS, AutoMerge, timestamp

if TYPE_CHECKING:
    from sandbox import state
    from sandbox.graphql.context import Context
    from sandbox.graphql.cost import Cost


class Root:
    """Query and Mutation."""

    def __init__(self, context: Context, cost: Cost) -> None:
        self._context = context
        self._cost = cost

    def rateLimit(self, **_: Any) -> dict[str, Any]:
        limits = self._context.state.limits
        remaining = max(0, limits.points_an_hour - limits.points_used)
        return {
            "cost": self._cost.points,
            "limit": limits.points_an_hour,
            "nodeCount": self._cost.nodes,
            "remaining": remaining,
            "used": limits.points_used,
            "resetAt": timestamp(),
        }

    def viewer(self) -> User:
        return actor(self._context.token.user)

    def repository(self, owner: str, name: str, **_: Any) -> Repository:
        return Repository(self._context, self._context.repo(f"{owner}/{name}"))

    def createRef(self, input: dict[str, Any]) -> dict[str, Any]:
        repo = self._context.repo_by_id(input["repositoryId"], "write")
        if input["name"] in repo.git.refs(input["name"]):
            raise Refusal(422, f'A ref named "{input["name"]}" already exists in the repository.')
        if name_is_taken(repo, input["name"]):  # microsoft/vscode-remote-repositories-github#122
            raise Refusal(422, "Ref cannot be created.")
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
        after = {each["name"]: None if each["afterOid"] == ZEROS else each["afterOid"] for each in updates}
        self._context.behaviour.update_refs(repo, self._context.token, after)
        return {"clientMutationId": None}

    def createPullRequest(self, input: dict[str, Any]) -> dict[str, Any]:
        # JetBrains/intellij-platform-plugin-template#268
        repo = self._context.repo_by_id(input["repositoryId"], "write", "pull_requests")
        allowed(repo, self._context.token, "read", "contents")  # guess: as whatever reads a branch
        if not repo.git.head(input["headRefName"]):  # cli/cli#10238
            between = f"No commits between {input['baseRefName']} and {input['headRefName']}"
            text = f"Head sha can't be blank, Base sha can't be blank, {between}, Head ref must be a branch"
            raise Refusal(422, text)
        try:
            pull = self._context.behaviour.open_pull(
                repo,
                self._context.token,
                head=input["headRefName"],
                base=input["baseRefName"],
                title=input["title"],
                body=input.get("body") or "",
                draft=input.get("draft") or False,
            )
        except Refusal as refusal:
            raise Refusal(refusal.status, _words(refusal)) from refusal
        return {"pullRequest": PullRequest(self._context, repo, pull), "clientMutationId": None}

    def mergePullRequest(self, input: dict[str, Any]) -> dict[str, Any]:
        # Contents, says openemr#13619; that pull requests are not needed as well, nobody says.
        repo, pull = self._pull(input["pullRequestId"])
        allowed(repo, self._context.token, "write", "contents")
        behaviour = self._context.behaviour
        behaviour.merge(
            repo,
            self._context.token,
            pull,
            method=(input.get("mergeMethod") or "MERGE").lower(),
            sha=input.get("expectedHeadOid"),
            title=input.get("commitHeadline") or f"{pull.title} (#{pull.number})",
            message=input.get("commitBody", behaviour.squash_message(repo, pull)),
        )
        return {"pullRequest": PullRequest(self._context, repo, pull), "clientMutationId": None}

    def enablePullRequestAutoMerge(self, input: dict[str, Any]) -> dict[str, Any]:
        repo, pull = self._pull(input["pullRequestId"])
        allowed(repo, self._context.token, "write", "contents")  # as well (whme/csshw#234)
        wish = AutoMerge(
            self._context.token,
            input["mergeMethod"].lower(),
            input.get("commitHeadline") or pull.title,
            input.get("commitBody") or "",
        )
        self._context.behaviour.merge_when_ready(repo, pull, wish)
        return {"clientMutationId": None}

    def enqueuePullRequest(self, input: dict[str, Any]) -> dict[str, Any]:
        repo, pull = self._pull(input["pullRequestId"])
        allowed(repo, self._context.token, "write", "contents")  # guess: as to auto-merge (gh-stack#497)
        self._context.behaviour.enqueue(repo, self._context.token, pull)
        return {"clientMutationId": None}

    def _pull(self, node_id: str) -> tuple[state.Repo, state.Pull]:
        repo = self._context.repo_by_id(node_id, "write", "pull_requests")
        number = node_id.split("_")[2]
        if not number.isdecimal() or int(number) not in repo.pulls:
            raise Refusal(404, f"Could not resolve to a node with the global id of '{node_id}'", kind="NOT_FOUND")
        return repo, repo.pulls[int(number)]


def _words(refusal: Refusal) -> str:
    """Return what REST says beside "Validation Failed", which GraphQL says alone (odigos-io/odigos#3138)."""
    said = [error["message"] for error in refusal.errors if isinstance(error, dict) and "message" in error]
    return ", ".join(said) or str(refusal)
