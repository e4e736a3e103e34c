"""A repository in our words: its branches, commits and pull requests, read and changed."""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from github import GithubException

from actions.api import file_fields, message_of, partial_data, path_variables, problems, query
from actions.check_reader import CHECKS, ROLLUP, CheckReader, read_checks, required_checks_of
from actions.errors import (
    BaseMovedError,
    ConflictError,
    EnvFileError,
    GitHubError,
    NotMergeableError,
    UnknownCommitError,
    UnsafePathError,
)
from actions.event import BRANCH, TAG

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from actions.checks import Reported, RequiredCheck

PATHS_PER_QUERY = 100
SYMLINK = 0o120000
CONTENTS = "contents: write"
PULLS = "pull requests: write"
BESIDE = "-rework"
PULL = """id number url state mergeable isCrossRepository headRefName headRefOid baseRefName body author { login }
    labels(first: 50) { nodes { name } } reviewRequests(first: 1) { totalCount } reviews(first: 1) { totalCount }
    mergeCommit { oid } timelineItems(last: 1, itemTypes: CLOSED_EVENT) {
        nodes { ... on ClosedEvent { actor { login } } } }"""
NEWEST_PULLS = "first: 20, orderBy: {field: CREATED_AT, direction: DESC}"
ZEROS = "0" * 40


@dataclass(frozen=True, kw_only=True, slots=True)
class Pull:
    """A pull request; *state* is OPEN, CLOSED or MERGED. *closed_by* is who closed it, if that was not its author."""

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
    author: str = ""
    labels: tuple[str, ...] = ()
    reviews_asked: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Base:
    """A branch at one moment: its head, the files that were asked for, what its rules require, what is open to it."""

    repository_id: str
    branch: str
    head: str
    files: Mapping[str, str]
    required_checks: tuple[RequiredCheck, ...]
    required_approvals: int
    open_pulls: tuple[Pull, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Branch:
    """A branch with the files that were asked for and the pull requests that were opened from it, newest first."""

    name: str
    head: str
    verified: bool
    files: Mapping[str, str]
    pulls: tuple[Pull, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far a pull request is: its state, its checks, its approval, whether it conflicts, whether it is queued.

    *twins* are the merged pull requests from the same branch.
    """

    state: str
    head_sha: str
    merge_sha: str
    checks: Reported
    approved: bool
    conflicting: bool
    unknown: bool
    queued: bool
    twins: tuple[Pull, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Commit:
    """A commit in a comparison."""

    sha: str
    message: str
    author: str

    @property
    def title(self) -> str:
        """Return the first line of the message."""
        return self.message.partition("\n")[0]


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """How a head relates to a base (`ahead`, `behind`, `identical`, `diverged`), and what it has more."""

    status: str
    commits: tuple[Commit, ...] = ()
    total: int = 0
    files: tuple[str, ...] = ()
    base: str = ""
    merge_base: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposed:
    """A pull request as the gates see it: who opened it, what it says, and the comment that we keep on it."""

    author: str
    is_app: bool
    body: str
    labels: tuple[str, ...]
    messages: tuple[str, ...]
    comment: int
    comment_body: str


class Repository(CheckReader):
    """The repository *name* (owner/name), seen with one token."""

    def base(self, branch: str, paths: Sequence[str]) -> Base:
        """Return *branch* ("" is the default branch) with those of *paths* that it has, all at one commit."""
        ref = "base: ref(qualifiedName: $branch)" if branch else "base: defaultBranchRef"
        document = query(
            variables={"branch": "String!"} if branch else {},
            paths=paths,
            fields=f"""id
                pullRequests(states: OPEN, first: 50, orderBy: {{field: CREATED_AT, direction: DESC}}) {{
                    nodes {{ {PULL} }} }}
                {ref} {{
                name
                rules(first: 100) {{ nodes {{ parameters {{
                    ... on PullRequestParameters {{ requiredApprovingReviewCount }}
                    ... on RequiredStatusChecksParameters {{ requiredStatusChecks {{ context integrationId }} }}
                }} }} }}
                refUpdateRule {{ requiredStatusCheckContexts requiredApprovingReviewCount }}
                target {{ oid ... on Commit {{ {file_fields(paths)} }} }}
            }}""",
        )
        found = self.ask(document, {"branch": BRANCH + branch, **path_variables(paths)})
        if not found["base"]:
            wanted = f"branch '{branch}'" if branch else "commit yet"
            raise ConflictError(f"{self.name} has no {wanted}")
        target, name = found["base"]["target"], found["base"]["name"]
        return Base(
            repository_id=found["id"],
            branch=name,
            head=target["oid"],
            files=self._texts(target, paths),
            required_checks=required_checks_of(found["base"]),
            required_approvals=_required_approvals(found["base"]),
            open_pulls=tuple(pull for pull in _pulls(found["pullRequests"]) if pull.base == name),
        )

    def branch(self, name: str, paths: Sequence[str]) -> Branch | None:
        """Return the branch *name* with those of *paths* that it has and its pull requests, None if there is none."""
        document = query(
            variables={"ref": "String!", "name_": "String!"},
            paths=paths,
            fields=f"""
                ref(qualifiedName: $ref) {{ target {{ oid ... on Commit {{
                    signature {{ isValid }} {file_fields(paths)} }} }} }}
                pullRequests(headRefName: $name_, {NEWEST_PULLS}) {{ nodes {{ {PULL} }} }}""",
        )
        found = self.ask(document, {"ref": BRANCH + name, "name_": name, **path_variables(paths)})
        if not found["ref"]:
            return None
        target = found["ref"]["target"]
        return Branch(
            name=name,
            head=target["oid"],
            verified=_is_valid(target["signature"]),
            files=self._texts(target, paths),
            pulls=_pulls(found["pullRequests"]),
        )

    def files_at(self, revision: str, paths: Sequence[str]) -> dict[str, str] | None:
        """Return those of *paths* that the commit *revision* has, None if there is no such commit."""
        files: dict[str, str] = {}
        for start in range(0, max(len(paths), 1), PATHS_PER_QUERY):
            some = paths[start : start + PATHS_PER_QUERY]
            document = query(
                variables={"oid": "GitObjectID!"},
                paths=some,
                fields=f"object(oid: $oid) {{ ... on Commit {{ oid {file_fields(some)} }} }}",
            )
            commit = self.ask(document, {"oid": revision, **path_variables(some)})["object"]
            if not commit:
                return None
            files |= self._texts(commit, some)
        return files

    def paths(self, revision: str) -> list[str]:
        """Return the paths of all files at *revision*."""
        with self._asking("contents: read"):
            tree = self._rest("GET", f"/git/trees/{revision}?recursive=1")
        if tree["truncated"]:
            raise GitHubError(f"{self.name} has more files than GitHub lists; name the service or the tags instead")
        return [entry["path"] for entry in tree["tree"] if entry["type"] == "blob"]

    def content(self, branch: str, path: str) -> bytes | None:
        """Return the file at *path* of *branch*, of up to 100 MB, None if there is none."""
        with self._asking("contents: read"):
            try:
                tree = self._rest("GET", f"/git/trees/{quote(branch)}?recursive=1")
            except GithubException as error:
                if error.status in (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT):
                    return None
                raise
            sha = next((entry["sha"] for entry in tree["tree"] if entry["path"] == path), "")
            if not sha and tree["truncated"]:
                raise GitHubError(f"{self.name} has more files than GitHub lists; is {path} among them?")
            return base64.b64decode(self._rest("GET", f"/git/blobs/{sha}")["content"]) if sha else None

    def commit(self, base: Base, *, branch: str, files: Mapping[str, str], message: str) -> Branch:
        """Commit *files* to *branch*, which is made at *base* if it is not there, as one signed commit.

        One request does both. Raises BaseMovedError if the branch is there and is not at *base*.
        """
        document = f"""mutation($ref: CreateRefInput!, $commit: CreateCommitOnBranchInput!, $branch: String!) {{
            createRef(input: $ref) {{ clientMutationId }}
            createCommitOnBranch(input: $commit) {{
                commit {{ oid signature {{ isValid }} }}
                ref {{ repository {{ pullRequests(headRefName: $branch, {NEWEST_PULLS}) {{ nodes {{ {PULL} }} }} }} }}
            }}
        }}"""
        variables = {
            "branch": branch,
            "ref": {"repositoryId": base.repository_id, "name": BRANCH + branch, "oid": base.head},
            "commit": self._commit_input(branch, base.head, files, message),
        }
        with self._asking(CONTENTS, fresh=True):
            try:
                done = self._query(document, variables)["createCommitOnBranch"]
            except GithubException as error:
                # The branch was there already, at *base*: an earlier run of ours ended between the two mutations.
                done = partial_data(error).get("createCommitOnBranch")
                if not done:
                    raise
        return Branch(
            name=branch,
            head=done["commit"]["oid"],
            verified=_is_valid(done["commit"]["signature"]),
            files=files,
            pulls=_pulls(done["ref"]["repository"]["pullRequests"]),
        )

    def rework(self, own: Branch, base: Base, *, files: Mapping[str, str], message: str) -> Branch:
        """Put *own* at a new signed commit of *files* on *base*, in one step; its pull requests stay open.

        The commit is made on a branch beside it, because a branch that is put back to its base closes its pull
        request. Raises BaseMovedError if somebody else moves *own* meanwhile.
        """
        beside = f"{own.name}{BESIDE}"
        self.delete_branch(beside)  # of a run that was killed here
        made = self.commit(base, branch=beside, files=files, message=message)
        updates = [
            {"name": BRANCH + own.name, "beforeOid": own.head, "afterOid": made.head, "force": True},
            {"name": BRANCH + beside, "beforeOid": made.head, "afterOid": ZEROS},
        ]
        document = "mutation($input: UpdateRefsInput!) { updateRefs(input: $input) { clientMutationId } }"
        given = {"repositoryId": base.repository_id, "refUpdates": updates}
        try:
            self._graphql(document, {"input": given}, permission=CONTENTS)
        except BaseMovedError:
            self.delete_branch(beside)
            raise
        return replace(made, name=own.name, pulls=tuple(replace(pull, head_sha=made.head) for pull in own.pulls))

    def _commit_input(self, branch: str, head: str, files: Mapping[str, str], message: str) -> dict[str, object]:
        title, _, body = message.partition("\n\n")
        additions = [
            {"path": path, "contents": base64.b64encode(text.encode()).decode()} for path, text in files.items()
        ]
        return {
            "branch": {"repositoryNameWithOwner": self.name, "branchName": branch},
            "expectedHeadOid": head,
            "message": {"headline": title, "body": body},
            "fileChanges": {"additions": additions},
        }

    def open_pull(self, *, base: str, branch: str, title: str, body: str, draft: bool) -> Pull:
        """Open a pull request from *branch* to *base*."""
        given = {"base": base, "head": branch, "title": title, "body": body, "draft": draft}
        # A branch that was just made need not be there for every server of GitHub's yet.
        with self._asking(PULLS, fresh=True):
            pull = self._rest("POST", "/pulls", given)
        return Pull(
            number=pull["number"],
            node_id=pull["node_id"],
            url=pull["html_url"],
            state="OPEN",
            branch=branch,
            base=base,
            body=body,
            head_sha=pull["head"]["sha"],
            author=pull["user"]["login"],
        )

    def update_pull(self, pull: Pull, *, title: str, body: str) -> None:
        """Give *pull* another title and body."""
        with self._asking(PULLS):
            self._rest("PATCH", f"/pulls/{pull.number}", {"title": title, "body": body})

    def close_pull(self, pull: Pull, *, comment: str) -> None:
        """Close *pull* and its branch, saying why."""
        with self._asking(PULLS):
            self._rest("POST", f"/issues/{pull.number}/comments", {"body": comment})
            self._rest("PATCH", f"/pulls/{pull.number}", {"state": "closed"})
        self.delete_branch(pull.branch)

    def add_labels(self, pull: Pull, labels: Sequence[str]) -> None:
        """Add *labels* to *pull*."""
        with self._asking(PULLS, fresh=True):
            self._rest("POST", f"/issues/{pull.number}/labels", {"labels": list(labels)})

    def request_reviews(self, pull: Pull, *, users: Sequence[str], teams: Sequence[str]) -> None:
        """Ask *users* and *teams* to review *pull*."""
        given = {"reviewers": list(users), "team_reviewers": list(teams)}
        with self._asking(PULLS, fresh=True):
            self._rest("POST", f"/pulls/{pull.number}/requested_reviewers", given)

    def progress(self, pull: Pull) -> Progress:
        """Return how far *pull* is, in one request."""
        document = query(
            variables={"oid": "GitObjectID!", "number": "Int!", "branch": "String!"},
            paths=(),
            fields=f"""
            pullRequests(headRefName: $branch, states: MERGED, {NEWEST_PULLS}) {{ nodes {{ {PULL} }} }}"""
            """
            pullRequest(number: $number) {
                state headRefOid mergeable reviewDecision isInMergeQueue mergeCommit { oid }
            }
            object(oid: $oid) { ... on Commit { """
            f"{CHECKS} }} }}",
        )
        given = {"oid": pull.head_sha, "number": pull.number, "branch": pull.branch}
        found = self.ask(document, given, permission="pull requests: read", fresh=True, may_hide=ROLLUP)
        now, head = found["pullRequest"], found["object"] or {}
        return Progress(
            state=now["state"],
            head_sha=now["headRefOid"],
            merge_sha=(now["mergeCommit"] or {}).get("oid", ""),
            checks=read_checks(pull.head_sha, head.get(ROLLUP)),
            approved=now["reviewDecision"] == "APPROVED",
            conflicting=now["mergeable"] == "CONFLICTING",
            unknown=now["mergeable"] == "UNKNOWN",
            queued=now["isInMergeQueue"],
            twins=tuple(
                twin for twin in _pulls(found["pullRequests"]) if twin.number != pull.number and twin.base == pull.base
            ),
        )

    def merge(self, pull: Pull, *, method: str, title: str, message: str) -> str:
        """Merge *pull* if its head is still the one we know, and return the SHA of the merged commit.

        Raises NotMergeableError with GitHub's own words if it does not merge.
        """
        given = {"commit_title": title, "commit_message": message, "merge_method": method, "sha": pull.head_sha}
        with self._asking(f"{PULLS}, {CONTENTS}", fresh=True):
            try:
                return str(self._rest("PUT", f"/pulls/{pull.number}/merge", given)["sha"])
            except GithubException as error:
                if error.status in (HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.CONFLICT):
                    raise NotMergeableError(f"{pull.url} cannot be merged: {message_of(error)}") from error
                raise

    def merge_when_ready(self, pull: Pull, *, method: str, title: str, message: str) -> bool:
        """Let GitHub merge *pull* as soon as its rules allow; return False if it says that they do already."""
        document = """mutation($input: EnablePullRequestAutoMergeInput!) {
            enablePullRequestAutoMerge(input: $input) { clientMutationId } }"""
        given = {
            "pullRequestId": pull.node_id,
            "expectedHeadOid": pull.head_sha,
            "mergeMethod": method.upper(),
            "commitHeadline": title,
            "commitBody": message,
        }
        with self._asking(PULLS, fresh=True):
            try:
                self._query(document, {"input": given})
            except GithubException as error:
                if any("clean status" in problem.get("message", "") for problem in problems(error)):
                    return False
                raise
        return True

    def enqueue(self, pull: Pull) -> None:
        """Put *pull* into the merge queue of its base branch."""
        document = """mutation($input: EnqueuePullRequestInput!) {
            enqueuePullRequest(input: $input) { clientMutationId } }"""
        given = {"pullRequestId": pull.node_id, "expectedHeadOid": pull.head_sha}
        with self._asking(PULLS, fresh=True):
            self._query(document, {"input": given})

    def is_verified(self, sha: str) -> bool:
        """Tell whether GitHub shows the commit *sha* as Verified."""
        document = query(
            variables={"oid": "GitObjectID!"},
            paths=(),
            fields="object(oid: $oid) { ... on Commit { signature { isValid } } }",
        )
        found = self.ask(document, {"oid": sha}, fresh=True)["object"]
        return _is_valid(found["signature"] if found else None)

    def delete_branch(self, name: str) -> None:
        """Delete the branch *name*; it is no error if it is gone."""
        with self._asking(CONTENTS):
            try:
                self._rest("DELETE", f"/git/refs/heads/{quote(name)}")
            except GithubException as error:
                if error.status != HTTPStatus.UNPROCESSABLE_ENTITY:  # "Reference does not exist"
                    raise

    def create_branch(self, name: str, sha: str) -> bool:
        """Create the branch *name* at *sha*; return False if there is a branch of that name already."""
        with self._asking(CONTENTS):
            try:
                self._rest("POST", "/git/refs", {"ref": BRANCH + name, "sha": sha})
            except GithubException as error:
                if "already exists" in message_of(error):
                    return False
                raise
        return True

    def branches(self, prefix: str) -> dict[str, str]:
        """Return the heads of the branches whose names start with *prefix*."""
        return self._refs(BRANCH, prefix)

    def tags(self, prefix: str) -> list[str]:
        """Return the names of the git tags that start with *prefix*."""
        return list(self._refs(TAG, prefix))

    def _refs(self, kind: str, prefix: str) -> dict[str, str]:
        with self._asking("contents: read"):
            refs = self._rest("GET", f"/git/matching-refs/{kind.removeprefix('refs/')}{quote(prefix)}")
        return {ref["ref"].removeprefix(kind): ref["object"]["sha"] for ref in refs}

    def commit_of_tag(self, name: str) -> str:
        """Return the commit that the git tag *name* names, "" if there is no such tag."""
        return self._commit(f"tags/{quote(name)}")

    def _commit(self, revision: str) -> str:
        """Return the SHA of the commit *revision*, "" if there is none."""
        with self._asking("contents: read"):
            try:
                return str(self._rest("GET", f"/commits/{revision}")["sha"])
            except GithubException as error:
                # 422 "No commit found for SHA", 404 for what cannot be a commit
                if error.status in (HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY):
                    return ""
                raise

    def resolve(self, revision: str) -> str:
        """Return the full SHA of *revision*; raise UnknownCommitError if there is no such commit."""
        sha = self._commit(quote(revision))
        if not sha:
            raise UnknownCommitError(f"{self.name} has no commit {revision}")
        if not sha.startswith(revision):  # a branch can be named like a commit
            raise UnknownCommitError(f"{self.name} has no commit {revision}, only a branch or a tag of that name")
        return sha

    def default_branch(self) -> str:
        """Return the name of the default branch."""
        with self._asking("metadata: read"):
            return str(self._rest("GET", "")["default_branch"])

    def compare(self, base: str, head: str) -> Comparison | None:
        """Return how *head* relates to *base*, None if the repository does not have both."""
        with self._asking("contents: read"):
            try:
                found = self._rest("GET", f"/compare/{quote(base)}...{quote(head)}")
            except GithubException as error:
                if error.status == HTTPStatus.NOT_FOUND:
                    return None
                raise
        return Comparison(
            status=found["status"],
            commits=_commits(found),
            total=found["total_commits"],
            files=tuple(dict.fromkeys(path for file in found["files"] for path in _paths_of(file))),
            base=found["base_commit"]["sha"],
            merge_base=found["merge_base_commit"]["sha"],
        )

    def proposed(self, number: int, mark: str) -> Proposed:
        """Return the pull request *number*, with the newest of our own comments on it that holds *mark*."""
        document = query(
            variables={"number": "Int!"},
            paths=(),
            fields="""pullRequest(number: $number) {
                body author { login __typename } labels(first: 100) { nodes { name } }
                commits(last: 100) { nodes { commit { message } } }
                comments(last: 100) { nodes { databaseId body viewerDidAuthor } } }""",
        )
        found = self.ask(document, {"number": number}, permission="pull requests: read")["pullRequest"]
        comments = [node for node in found["comments"]["nodes"] if node["viewerDidAuthor"] and mark in node["body"]]
        author = found["author"] or {}  # of an account that is gone
        return Proposed(
            author=author.get("login", ""),
            is_app=author.get("__typename") == "Bot",
            body=found["body"],
            labels=tuple(label["name"] for label in found["labels"]["nodes"]),
            messages=tuple(node["commit"]["message"] for node in found["commits"]["nodes"]),
            comment=comments[-1]["databaseId"] if comments else 0,
            comment_body=comments[-1]["body"] if comments else "",
        )

    def comment(self, number: int, text: str, *, instead_of: int) -> None:
        """Comment on the pull request *number*; *instead_of* is the comment to replace, 0 for none."""
        with self._asking(PULLS):
            if instead_of:
                self._rest("PATCH", f"/issues/comments/{instead_of}", {"body": text})
            else:
                self._rest("POST", f"/issues/{number}/comments", {"body": text})

    def _texts(self, commit: Mapping[str, Any], paths: Sequence[str]) -> dict[str, str]:
        found = {path: commit[f"f{index}"] for index, path in enumerate(paths)}
        return {path: _file_text(self.name, path, entry) for path, entry in found.items() if entry}


def _file_text(repository: str, path: str, entry: Mapping[str, Any]) -> str:
    if entry["mode"] == SYMLINK:
        raise UnsafePathError(f"{path} in {repository} is a symbolic link; name the file itself", file=path, line=1)
    blob = entry["object"] or {}
    if blob.get("text") is None or blob["isBinary"] or blob["isTruncated"]:
        raise EnvFileError(f"{path} in {repository} is not a text file of at most 512 KB", file=path, line=1)
    return str(blob["text"])


def _required_approvals(ref: Mapping[str, Any]) -> int:
    parameters = [rule["parameters"] or {} for rule in ref["rules"]["nodes"]]
    protection = (ref["refUpdateRule"] or {}).get("requiredApprovingReviewCount") or 0
    return max(
        int(count) for count in (protection, *(found.get("requiredApprovingReviewCount", 0) for found in parameters))
    )


def _pulls(connection: Mapping[str, Any]) -> tuple[Pull, ...]:
    return tuple(
        Pull(
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
            author=(node["author"] or {}).get("login", ""),
            labels=tuple(label["name"] for label in node["labels"]["nodes"]),
            reviews_asked=bool(node["reviewRequests"]["totalCount"] or node["reviews"]["totalCount"]),
        )
        for node in connection["nodes"]
        if not node["isCrossRepository"]
    )


def _closed_by(node: Mapping[str, Any]) -> str:
    """Return who closed a pull request, "" if that was its author: the bot closes its own."""
    events = node["timelineItems"]["nodes"]
    actor = (events[-1].get("actor") or {}).get("login", "") if events else ""
    return "" if actor == (node["author"] or {}).get("login") else str(actor)


def _paths_of(file: Mapping[str, Any]) -> tuple[str, ...]:
    old = file.get("previous_filename")
    return (file["filename"], old) if old else (file["filename"],)


def _commits(raw: Mapping[str, Any]) -> tuple[Commit, ...]:
    return tuple(
        Commit(
            sha=commit["sha"],
            message=commit["commit"]["message"],
            author=(commit["author"] or {}).get("login") or commit["commit"]["author"]["name"],
        )
        for commit in raw["commits"]
    )


def _is_valid(signature: Mapping[str, Any] | None) -> bool:
    return bool(signature and signature["isValid"])
