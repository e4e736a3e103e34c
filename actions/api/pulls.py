"""Read and change the pull requests of a repository."""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from actions.api.check_reader import CHECKS, ROLLUP, read_checks
from actions.api.checks import ReportedChecks
from actions.api.client import query
from actions.errors import GitHubError, NotMergeableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from actions.api.client import Client

PULLS = "pull requests: write"
MERGE = "pull requests: write, contents: write"
PULL_FIELDS = """id number url state mergeable isCrossRepository headRefName headRefOid baseRefName body
    author { login ... on User { databaseId } ... on Bot { databaseId } }
    labels(first: 50) { nodes { name } } mergeCommit { oid }
    reviewRequests(first: 1) { totalCount } reviews(first: 1) { totalCount }
    timelineItems(last: 1, itemTypes: CLOSED_EVENT) {
        nodes { ... on ClosedEvent { actor { login __typename } } } }"""
NEWEST_PULLS = "first: 20, orderBy: {field: CREATED_AT, direction: DESC}"
MERGED_COMMIT = "mergeCommit { oid signature { isValid } }"
DETAILS = query(
    variables={"number": "Int!"},
    fields="""pullRequest(number: $number) {
        title headRefName body author { login __typename } labels(first: 100) { nodes { name } }
        commits(last: 100) { nodes { commit { message } } }
        comments(last: 100) { nodes { databaseId body viewerDidAuthor } } }""",
)
PROGRESS = query(
    variables={"oid": "GitObjectID!", "number": "Int!", "branch": "String!"},
    fields=f"""
        pullRequests(headRefName: $branch, states: MERGED, {NEWEST_PULLS}) {{ nodes {{ {PULL_FIELDS} }} }}
        pullRequest(number: $number) {{
            state headRefOid mergeable mergeStateStatus reviewDecision isInMergeQueue {MERGED_COMMIT}
            autoMergeRequest {{ enabledAt }} }}
        object(oid: $oid) {{ ... on Commit {{ {CHECKS} }} }}""",
)
# Beside the pull request: those from the same branch that were merged, read after it was opened.
OPEN = f"""mutation($input: CreatePullRequestInput!, $branch: String!) {{
    createPullRequest(input: $input) {{ pullRequest {{ {PULL_FIELDS}
        repository {{ pullRequests(headRefName: $branch, states: MERGED, {NEWEST_PULLS}) {{
            nodes {{ {PULL_FIELDS} }} }} }} }} }} }}"""
MERGE_PULL = f"""mutation($input: MergePullRequestInput!) {{
    mergePullRequest(input: $input) {{ pullRequest {{ {MERGED_COMMIT} }} }} }}"""
AUTO_MERGE = """mutation($input: EnablePullRequestAutoMergeInput!) {
    enablePullRequestAutoMerge(input: $input) { clientMutationId } }"""
ENQUEUE = """mutation($input: EnqueuePullRequestInput!) {
    enqueuePullRequest(input: $input) { clientMutationId } }"""


NOTHING_TO_WAIT_FOR = re.compile(r"(?i)in (clean|unstable) status|protected branch rules not configured")


@dataclass(frozen=True, kw_only=True, slots=True)
class Pull:
    """A pull request; *state* is OPEN, CLOSED or MERGED. *closed_by* is "" if its own author or an App closed it.

    *author_id* is the number of the account: an App is `name` in GraphQL and `name[bot]` in REST
    (anthropics/claude-code-action#1516).
    """

    number: int
    node_id: str
    url: str
    state: str
    branch: str
    base: str
    body: str
    head_sha: str
    merge_sha: str = ""
    closed_by: str = ""
    conflicting: bool = False
    author_id: int = 0
    labels: tuple[str, ...] = ()
    reviews_requested: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class NewPull:
    """A pull request that is to be opened, from *branch* to *base* of one repository."""

    repository_id: str
    base: str
    branch: str
    title: str
    body: str
    draft: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class MergedCommit:
    """The commit that a pull request was merged as, and whether GitHub shows it as Verified."""

    sha: str
    verified: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far a pull request is on its way to the base branch.

    *mergeability_unknown*: GitHub has not computed yet whether it conflicts. *blocked*: a rule of the base branch is
    not met yet. *auto_merge*: GitHub is to merge it, or to put it into the merge queue, as soon as the rules allow.
    """

    state: str
    head_sha: str
    merged: MergedCommit | None
    checks: ReportedChecks
    approved: bool
    conflicting: bool
    mergeability_unknown: bool
    queued: bool
    blocked: bool
    auto_merge: bool
    merged_from_same_branch: tuple[Pull, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class PullRequestDetails:
    """What the gates read of a pull request, and the newest of our own comments on it (number 0: there is none)."""

    author: str
    is_app: bool
    title: str
    branch: str
    body: str
    labels: tuple[str, ...]
    messages: tuple[str, ...]
    comment_number: int
    comment_body: str


@dataclass(frozen=True)
class PullRequests:
    """Read and change the pull requests of one repository."""

    client: Client

    def open(self, new: NewPull) -> tuple[Pull, Progress]:
        """Open the pull request *new*; return it, and how far it is when only GitHub has seen it."""
        values = {
            "repositoryId": new.repository_id,
            "baseRefName": new.base,
            "headRefName": new.branch,
            "title": new.title,
            "body": new.body,
            "draft": new.draft,
        }
        # Not every server of GitHub may have a branch yet that was made a moment ago.
        answer = self.client.graphql(OPEN, {"input": values, "branch": new.branch}, permission=PULLS, fresh=True)
        with self.client.parsing():
            node = answer["createPullRequest"]["pullRequest"]
            pull = _read_pull(node)
            return pull, _newly_opened(pull, read_pulls(node["repository"]["pullRequests"]))

    def update(self, pull: Pull, *, title: str, body: str) -> None:
        """Replace the title and the body of *pull*."""
        self.client.rest("PATCH", f"/pulls/{pull.number}", {"title": title, "body": body}, permission=PULLS)

    def close(self, pull: Pull) -> None:
        """Close *pull* without merging it."""
        self.client.rest("PATCH", f"/pulls/{pull.number}", {"state": "closed"}, permission=PULLS)

    def add_labels(self, pull: Pull, labels: Sequence[str]) -> None:
        """Add *labels* to *pull*."""
        path, values = f"/issues/{pull.number}/labels", {"labels": list(labels)}
        self.client.rest("POST", path, values, permission=PULLS, fresh=True)

    def request_reviews(self, pull: Pull, *, users: Sequence[str], teams: Sequence[str]) -> None:
        """Ask *users* and *teams* to review *pull*."""
        path, values = f"/pulls/{pull.number}/requested_reviewers", {"reviewers": [*users], "team_reviewers": [*teams]}
        self.client.rest("POST", path, values, permission=PULLS, fresh=True)

    def comment(self, number: int, text: str, *, replaces: int) -> None:
        """Comment on the pull request *number*, or change the comment that it *replaces* (0: there is none)."""
        if replaces:
            self.client.rest("PATCH", f"/issues/comments/{replaces}", {"body": text}, permission=PULLS)
        else:
            self.client.rest("POST", f"/issues/{number}/comments", {"body": text}, permission=PULLS)

    def details(self, number: int, marker: str) -> PullRequestDetails:
        """Return what the gates read of the pull request *number*; *marker* is in the comments that are ours."""
        answer = self.client.repository(DETAILS, {"number": number}, permission="pull requests: read")
        with self.client.parsing():
            node = answer["pullRequest"]
            nodes = node["comments"]["nodes"]
            comments = [comment for comment in nodes if comment["viewerDidAuthor"] and marker in comment["body"]]
            author = node["author"] or {}  # the account may be gone
            return PullRequestDetails(
                author=author.get("login", ""),
                is_app=author.get("__typename") == "Bot",
                title=node["title"],
                branch=node["headRefName"],
                body=node["body"],
                labels=tuple(label["name"] for label in node["labels"]["nodes"]),
                messages=tuple(commit["commit"]["message"] for commit in node["commits"]["nodes"]),
                comment_number=comments[-1]["databaseId"] if comments else 0,
                comment_body=comments[-1]["body"] if comments else "",
            )

    def progress(self, pull: Pull) -> Progress:
        """Return how far *pull* is, in one request."""
        values = {"oid": pull.head_sha, "number": pull.number, "branch": pull.branch}
        answer = self.client.repository(PROGRESS, values, permission="pull requests: read", fresh=True, may_hide=ROLLUP)
        with self.client.parsing():
            node, head = answer["pullRequest"], answer["object"] or {}
            return Progress(
                state=node["state"],
                head_sha=node["headRefOid"],
                merged=_merged_commit(node),
                checks=read_checks(pull.head_sha, head.get(ROLLUP)),
                approved=node["reviewDecision"] == "APPROVED",
                conflicting=node["mergeable"] == "CONFLICTING",
                mergeability_unknown=node["mergeable"] == "UNKNOWN",
                queued=node["isInMergeQueue"],
                blocked=node["mergeStateStatus"] == "BLOCKED",
                auto_merge=bool(node["autoMergeRequest"]),
                merged_from_same_branch=_others(read_pulls(answer["pullRequests"]), pull),
            )

    def merge(self, pull: Pull, *, method: str, title: str, message: str) -> MergedCommit | None:
        """Merge *pull* if its head is still the one we know; return the merged commit, None if GitHub names none yet.

        Raises NotMergeableError with GitHub's own words if GitHub does not merge it.
        """
        values = _merge_input(pull, method=method, title=title, message=message)
        try:
            answer = self.client.graphql(MERGE_PULL, {"input": values}, permission=MERGE, fresh=True)
        except GitHubError as error:
            known = type(error) is not GitHubError  # it has a reason of its own
            if not known and error.status == HTTPStatus.OK:
                raise NotMergeableError(f"{pull.url} cannot be merged: {error.said}") from error
            raise
        with self.client.parsing():
            return _merged_commit(answer["mergePullRequest"]["pullRequest"])

    def enable_auto_merge(self, pull: Pull, *, method: str, title: str, message: str) -> bool:
        """Let GitHub merge *pull* as soon as its rules allow; return False if there is nothing to wait for.

        That is where the rules are met (clean), where only optional checks are not (unstable), and where there are none
        (enable-pull-request-automerge#343 and #355, iterative/cml#955).
        """
        values = _merge_input(pull, method=method, title=title, message=message)
        try:
            self.client.graphql(AUTO_MERGE, {"input": values}, permission=MERGE, fresh=True)
        except GitHubError as error:
            if NOTHING_TO_WAIT_FOR.search(error.said):
                return False
            raise
        return True

    def enqueue(self, pull: Pull) -> None:
        """Put *pull* into the merge queue of its base branch."""
        values = {"pullRequestId": pull.node_id, "expectedHeadOid": pull.head_sha}
        self.client.graphql(ENQUEUE, {"input": values}, permission=MERGE, fresh=True)


def read_pulls(connection: Mapping[str, Any]) -> tuple[Pull, ...]:
    """Return the pull requests in a GraphQL answer that come from a branch of the repository itself."""
    return tuple(_read_pull(node) for node in connection["nodes"] if not node["isCrossRepository"])


def _read_pull(node: Mapping[str, Any]) -> Pull:
    return Pull(
        number=node["number"],
        node_id=node["id"],
        url=node["url"],
        state=node["state"],
        branch=node["headRefName"],
        base=node["baseRefName"],
        body=node["body"],
        head_sha=node["headRefOid"],
        merge_sha=(node["mergeCommit"] or {}).get("oid", ""),
        closed_by=_closed_by(node),
        conflicting=node["mergeable"] == "CONFLICTING",
        author_id=(node["author"] or {}).get("databaseId") or 0,
        labels=tuple(label["name"] for label in node["labels"]["nodes"]),
        reviews_requested=bool(node["reviewRequests"]["totalCount"] or node["reviews"]["totalCount"]),
    )


def _newly_opened(pull: Pull, merged: Sequence[Pull]) -> Progress:
    """Return how far *pull* is when it was opened a moment ago; *merged* came from the same branch."""
    return Progress(
        state="OPEN",
        head_sha=pull.head_sha,
        merged=None,
        checks=ReportedChecks(sha=pull.head_sha, shown=(), hidden=0),
        approved=False,
        conflicting=pull.conflicting,
        mergeability_unknown=True,
        queued=False,
        blocked=False,
        auto_merge=False,
        merged_from_same_branch=_others(merged, pull),
    )


def _others(merged: Sequence[Pull], pull: Pull) -> tuple[Pull, ...]:
    """Return those of *merged* that went where *pull* goes."""
    return tuple(other for other in merged if other.number != pull.number and other.base == pull.base)


def _merged_commit(node: Mapping[str, Any]) -> MergedCommit | None:
    commit = node["mergeCommit"]
    return MergedCommit(sha=commit["oid"], verified=is_valid(commit["signature"])) if commit else None


def _merge_input(pull: Pull, *, method: str, title: str, message: str) -> dict[str, object]:
    return {
        "pullRequestId": pull.node_id,
        "expectedHeadOid": pull.head_sha,
        "mergeMethod": method.upper(),
        "commitHeadline": title,
        "commitBody": message,
    }


def is_valid(signature: Mapping[str, Any] | None) -> bool:
    """Tell whether GitHub shows a commit with this *signature* as Verified."""
    return bool(signature and signature["isValid"])


def _closed_by(node: Mapping[str, Any]) -> str:
    """Return who closed a pull request, "" if its author or an App did: the bot closes its own."""
    events = node["timelineItems"]["nodes"]
    actor = (events[-1].get("actor") if events else None) or {}
    own = actor.get("login") == (node["author"] or {}).get("login")
    return "" if own or actor.get("__typename") == "Bot" else str(actor.get("login", ""))
