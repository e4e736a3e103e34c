"""Pull requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.graphql.context import Node, connection
from sandbox.graphql.users import User, actor
from sandbox.rules import review_decision

if TYPE_CHECKING:
    from sandbox import state
    from sandbox.graphql.commits import Commit
    from sandbox.graphql.context import Context
    from sandbox.graphql.repository import Repository


class PullRequest(Node):
    def __init__(self, context: Context, repo: state.Repo, pull: state.Pull) -> None:
        super().__init__(context, repo)
        self._pull = pull

    def id(self) -> str:
        return f"PR_{self._repo.id}_{self._pull.number}"

    def number(self) -> int:
        return self._pull.number

    def repository(self) -> Repository:
        from sandbox.graphql.repository import Repository  # which knows of pull requests

        return Repository(self._context, self._repo)

    def files(self, **page: Any) -> dict[str, Any]:
        """Return the files that change; one that moved by its new name alone (`changeType` says RENAMED)."""
        files = self._context.payloads.files(
            self._repo,
            self._pull.head_sha,
            self._repo.git.patches(self._pull.merge_sha or self._pull.head_sha, self._repo.base_of(self._pull)),
        )
        kinds = {"removed": "DELETED"}
        nodes = [
            {
                "path": file["filename"],
                "additions": file["additions"],
                "deletions": file["deletions"],
                "changeType": kinds.get(file["status"], file["status"].upper()),
            }
            for file in files
        ]
        return connection(nodes, **page)

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
        return connection([])

    def author(self) -> User:
        return actor(self._pull.author)

    def comments(self, **page: Any) -> dict[str, Any]:
        asking = self._context.token.user
        nodes = [
            {"databaseId": comment.id, "body": comment.body, "viewerDidAuthor": comment.user is asking}
            for comment in self._pull.comments
        ]
        return connection(nodes, **page)

    def commits(self, **page: Any) -> dict[str, Any]:
        from sandbox.graphql.commits import Commit  # which knows of pull requests

        shas = self._repo.commits_of(self._pull)
        return connection([{"commit": Commit(self._context, self._repo, sha)} for sha in shas], **page)

    def labels(self, **page: Any) -> dict[str, Any]:
        return connection([{"name": label} for label in self._pull.labels], **page)

    def reviewRequests(self, **page: Any) -> dict[str, Any]:
        return connection([*self._pull.reviewers, *self._pull.team_reviewers], **page)

    def reviews(self, **page: Any) -> dict[str, Any]:
        from sandbox.graphql.commits import Commit

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
        return connection(nodes, **page)

    def mergeable(self) -> str:
        base = self._repo.git.head(self._pull.base) or ""
        clean = self._repo.git.merge_tree(base, self._pull.head_sha) is not None
        return "MERGEABLE" if clean else "CONFLICTING"

    def reviewDecision(self) -> str | None:
        decision = review_decision(self._repo, self._pull)
        return decision or None

    def mergeStateStatus(self) -> str:
        return self._context.behaviour.merge_state(self._repo, self._pull)

    def autoMergeRequest(self) -> dict[str, Any] | None:
        return {"enabledAt": self._pull.created} if self._pull.auto_merge else None

    def isInMergeQueue(self) -> bool:
        return self._pull.queued

    def headRefOid(self) -> str:
        return self._pull.head_sha

    def mergeCommit(self) -> Commit | None:
        from sandbox.graphql.commits import Commit

        sha = self._pull.merge_sha
        return Commit(self._context, self._repo, sha) if sha else None

    def timelineItems(self, **page: Any) -> dict[str, Any]:
        closer, wanted = self._pull.closed_by, page.pop("itemTypes", None) or ("CLOSED_EVENT", "LABELED_EVENT")
        events: list[Any] = []
        if "LABELED_EVENT" in wanted:
            events += [LabeledEvent(user, label) for user, label in self._pull.labeled]
        if "CLOSED_EVENT" in wanted and closer:
            events.append(ClosedEvent(closer))
        return connection(events, **page)


class LabeledEvent:
    def __init__(self, user: state.User, label: str) -> None:
        self._user = user
        self._label = label

    def actor(self) -> User:
        return actor(self._user)

    def label(self) -> dict[str, Any]:
        return {"name": self._label}


class ClosedEvent:
    def __init__(self, user: state.User) -> None:
        self._user = user

    def actor(self) -> User:
        return actor(self._user)
