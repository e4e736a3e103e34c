"""The only door to GitHub: what we ask of a repository, in our words, over PyGithub.

Errors are translated here, once. A token goes into the Authorization header and nowhere else.
"""

from __future__ import annotations

import base64
import os
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import requests
from github import Auth, Github, GithubException

from actions.errors import (
    AccessError,
    BaseMovedError,
    ConflictError,
    EnvFileError,
    GitHubError,
    NotMergeableError,
    RateLimitedError,
    UnavailableError,
    UnknownCommitError,
    UnsafePathError,
)
from actions.event import BRANCH

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from github.Requester import Requester

API_VERSION = "2022-11-28"
TIMEOUT = 15
PATHS_PER_QUERY = 100
SYMLINK = 0o120000
CONTENTS = "contents: write"
PULLS = "pull requests: write"
BESIDE = "-rework"
FILE = "mode object { ... on Blob { text isBinary isTruncated } }"
PULL = """id number url state mergeable isCrossRepository headRefName headRefOid baseRefName body author { login }
    labels(first: 50) { nodes { name } } reviewRequests(first: 1) { totalCount } reviews(first: 1) { totalCount }
    mergeCommit { oid } timelineItems(last: 1, itemTypes: CLOSED_EVENT) {
        nodes { ... on ClosedEvent { actor { login } } } }"""
NEWEST_PULLS = "first: 20, orderBy: {field: CREATED_AT, direction: DESC}"
ZEROS = "0" * 40


@dataclass(frozen=True, kw_only=True, slots=True)
class RequiredCheck:
    """A check that the rules of a branch require; *app* is who must report it, None if anyone may."""

    name: str
    app: int | None


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
class Check:
    """The state of one check on a commit: `success`, `failure`, `pending`, and what GitHub calls it."""

    name: str
    app: int | None
    state: str
    conclusion: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far a pull request is: its state, its checks, its approval, whether it conflicts, whether it is queued.

    *twins* are the merged pull requests from the same branch.
    """

    state: str
    head_sha: str
    merge_sha: str
    checks: tuple[Check, ...]
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


@dataclass(frozen=True)
class Repository:
    """The repository *name* (owner/name), seen with one token."""

    name: str
    token: str = field(repr=False)
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    def base(self, branch: str, paths: Sequence[str]) -> Base:
        """Return *branch* ("" is the default branch) with those of *paths* that it has, all at one commit."""
        ref = "base: ref(qualifiedName: $branch)" if branch else "base: defaultBranchRef"
        document = _query(
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
                target {{ oid ... on Commit {{ {_file_fields(paths)} }} }}
            }}""",
        )
        found = self._ask(document, {"branch": BRANCH + branch, **_path_variables(paths)})
        if not found["base"]:
            wanted = f"branch '{branch}'" if branch else "commit yet"
            raise ConflictError(f"{self.name} has no {wanted}")
        target, name = found["base"]["target"], found["base"]["name"]
        return Base(
            repository_id=found["id"],
            branch=name,
            head=target["oid"],
            files=self._texts(target, paths),
            required_checks=_required_checks(found["base"]),
            required_approvals=_required_approvals(found["base"]),
            open_pulls=tuple(pull for pull in _pulls(found["pullRequests"]) if pull.base == name),
        )

    def branch(self, name: str, paths: Sequence[str]) -> Branch | None:
        """Return the branch *name* with those of *paths* that it has and its pull requests, None if there is none."""
        document = _query(
            variables={"ref": "String!", "name_": "String!"},
            paths=paths,
            fields=f"""
                ref(qualifiedName: $ref) {{ target {{ oid ... on Commit {{
                    signature {{ isValid }} {_file_fields(paths)} }} }} }}
                pullRequests(headRefName: $name_, {NEWEST_PULLS}) {{ nodes {{ {PULL} }} }}""",
        )
        found = self._ask(document, {"ref": BRANCH + name, "name_": name, **_path_variables(paths)})
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
            document = _query(
                variables={"oid": "GitObjectID!"},
                paths=some,
                fields=f"object(oid: $oid) {{ ... on Commit {{ oid {_file_fields(some)} }} }}",
            )
            commit = self._ask(document, {"oid": revision, **_path_variables(some)})["object"]
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
                _, answer = self._requester.graphql_query(document, variables)
                done = answer["data"]["createCommitOnBranch"]
            except GithubException as error:
                # The branch was there already, at *base*: an earlier run of ours ended between the two mutations.
                done = _data(error).get("createCommitOnBranch")
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
        document = _query(
            variables={"oid": "GitObjectID!", "number": "Int!", "branch": "String!"},
            paths=(),
            fields=f"""
            pullRequests(headRefName: $branch, states: MERGED, {NEWEST_PULLS}) {{ nodes {{ {PULL} }} }}"""
            """
            pullRequest(number: $number) {
                state headRefOid mergeable reviewDecision isInMergeQueue mergeCommit { oid }
            }
            object(oid: $oid) { ... on Commit { statusCheckRollup { contexts(first: 100) { nodes {
                __typename
                ... on CheckRun { name status conclusion checkSuite { app { databaseId } } }
                ... on StatusContext { context state }
            } } } } }""",
        )
        given = {"oid": pull.head_sha, "number": pull.number, "branch": pull.branch}
        found = self._ask(document, given, permission="checks: read, pull requests: read", fresh=True)
        now, rollup = found["pullRequest"], (found["object"] or {}).get("statusCheckRollup")
        return Progress(
            state=now["state"],
            head_sha=now["headRefOid"],
            merge_sha=(now["mergeCommit"] or {}).get("oid", ""),
            checks=tuple(_check(node) for node in rollup["contexts"]["nodes"]) if rollup else (),
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
                    raise NotMergeableError(f"{pull.url} cannot be merged: {_message(error)}") from error
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
                self._requester.graphql_query(document, {"input": given})
            except GithubException as error:
                if any("clean status" in problem.get("message", "") for problem in _problems(error)):
                    return False
                raise
        return True

    def enqueue(self, pull: Pull) -> None:
        """Put *pull* into the merge queue of its base branch."""
        document = """mutation($input: EnqueuePullRequestInput!) {
            enqueuePullRequest(input: $input) { clientMutationId } }"""
        given = {"pullRequestId": pull.node_id, "expectedHeadOid": pull.head_sha}
        with self._asking(PULLS, fresh=True):
            self._requester.graphql_query(document, {"input": given})

    def is_verified(self, sha: str) -> bool:
        """Tell whether GitHub shows the commit *sha* as Verified."""
        document = _query(
            variables={"oid": "GitObjectID!"},
            paths=(),
            fields="object(oid: $oid) { ... on Commit { signature { isValid } } }",
        )
        found = self._ask(document, {"oid": sha}, fresh=True)["object"]
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
                if "already exists" in _message(error):
                    return False
                raise
        return True

    def branches(self, prefix: str) -> dict[str, str]:
        """Return the heads of the branches whose names start with *prefix*."""
        with self._asking("contents: read"):
            refs = self._rest("GET", f"/git/matching-refs/heads/{quote(prefix)}")
        return {ref["ref"].removeprefix(BRANCH): ref["object"]["sha"] for ref in refs}

    def resolve(self, revision: str) -> str:
        """Return the full SHA of *revision*; raise UnknownCommitError if there is no such commit."""
        with self._asking("contents: read"):
            try:
                sha = str(self._rest("GET", f"/commits/{quote(revision)}")["sha"])
            except GithubException as error:
                # 422 "No commit found for SHA", 404 for what cannot be a commit
                if error.status in (HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY):
                    raise UnknownCommitError(f"{self.name} has no commit {revision}") from error
                raise
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
            files=tuple(file["filename"] for file in found["files"]),
        )

    @cached_property
    def _requester(self) -> Requester:
        return Github(
            base_url=self.environment.get("GITHUB_API_URL", "https://api.github.com"),
            auth=Auth.Token(self.token),
            api_version=API_VERSION,
            user_agent="gitops-actions",
            timeout=TIMEOUT,
            retry=None,  # its retry sends a POST twice that GitHub may have carried out the first time
            seconds_between_requests=0,
            seconds_between_writes=0,
        ).requester

    def _rest(self, verb: str, path: str, given: object = None) -> Any:
        _, answer = self._requester.requestJsonAndCheck(verb, f"/repos/{self.name}{path}", input=given)
        return answer

    def _ask(
        self,
        document: str,
        variables: Mapping[str, object],
        *,
        permission: str = "contents: read",
        fresh: bool = False,
    ) -> Any:
        owner, _, name = self.name.partition("/")
        known = {key: value for key, value in variables.items() if f"${key}:" in document}
        given = {"owner": owner, "name": name, **known}
        return self._graphql(document, given, permission=permission, fresh=fresh)["repository"]

    def _graphql(self, document: str, variables: Mapping[str, object], *, permission: str, fresh: bool = False) -> Any:
        with self._asking(permission, fresh=fresh):
            _, answer = self._requester.graphql_query(document, dict(variables))
            return answer["data"]

    @contextmanager
    def _asking(self, permission: str, *, fresh: bool = False) -> Iterator[None]:
        """Translate what goes wrong in a call that needs *permission*.

        What is *fresh* was made a moment ago; GitHub may say for a little while that it is not there.
        """
        try:
            yield
        except GithubException as error:
            raise _translated(error, self.name, permission, fresh=fresh) from error
        except requests.RequestException as error:
            raise UnavailableError(f"no answer from GitHub for {self.name}: {type(error).__name__}") from error

    def _texts(self, commit: Mapping[str, Any], paths: Sequence[str]) -> dict[str, str]:
        found = {path: commit[f"f{index}"] for index, path in enumerate(paths)}
        return {path: _file_text(self.name, path, entry) for path, entry in found.items() if entry}


def _query(*, variables: Mapping[str, str], paths: Sequence[str], fields: str) -> str:
    declared = {"owner": "String!", "name": "String!", **variables}
    declared |= {f"p{index}": "String!" for index in range(len(paths))}
    head = ", ".join(f"${name}: {kind}" for name, kind in declared.items())
    return f"query({head}) {{ repository(owner: $owner, name: $name) {{ {fields} }} }}"


def _file_fields(paths: Sequence[str]) -> str:
    return " ".join(f"f{index}: file(path: $p{index}) {{ {FILE} }}" for index in range(len(paths)))


def _path_variables(paths: Sequence[str]) -> dict[str, object]:
    return {f"p{index}": path for index, path in enumerate(paths)}


def _file_text(repository: str, path: str, entry: Mapping[str, Any]) -> str:
    if entry["mode"] == SYMLINK:
        raise UnsafePathError(f"{path} in {repository} is a symbolic link; name the file itself", file=path, line=1)
    blob = entry["object"] or {}
    if blob.get("text") is None or blob["isBinary"] or blob["isTruncated"]:
        raise EnvFileError(f"{path} in {repository} is not a text file of at most 512 KB", file=path, line=1)
    return str(blob["text"])


def _required_checks(ref: Mapping[str, Any]) -> tuple[RequiredCheck, ...]:
    from_rules = [
        RequiredCheck(name=check["context"], app=check["integrationId"])
        for rule in ref["rules"]["nodes"]
        for check in (rule["parameters"] or {}).get("requiredStatusChecks", [])
    ]
    protection = (ref["refUpdateRule"] or {}).get("requiredStatusCheckContexts") or []
    known = {check.name for check in from_rules}
    return (*from_rules, *(RequiredCheck(name=name, app=None) for name in protection if name not in known))


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


def _check(node: Mapping[str, Any]) -> Check:
    if node["__typename"] == "StatusContext":
        state = {"SUCCESS": "success", "PENDING": "pending", "EXPECTED": "pending"}.get(node["state"], "failure")
        return Check(name=node["context"], app=None, state=state, conclusion=node["state"].lower())
    app = (node["checkSuite"]["app"] or {}).get("databaseId")
    if node["status"] != "COMPLETED":
        return Check(name=node["name"], app=app, state="pending", conclusion=node["status"].lower())
    good = node["conclusion"] in ("SUCCESS", "NEUTRAL", "SKIPPED")
    state = "success" if good else "failure"
    return Check(name=node["name"], app=app, state=state, conclusion=node["conclusion"].lower())


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


def _message(error: GithubException) -> str:
    data = error.data
    return str(data.get("message", "")) if isinstance(data, dict) else ""


def _data(error: GithubException) -> Mapping[str, Any]:
    data = error.data.get("data") if isinstance(error.data, dict) else None
    return data if isinstance(data, dict) else {}


def _translated(
    error: GithubException, repository: str, permission: str, *, fresh: bool = False
) -> GitHubError | ConflictError:
    kinds = {problem.get("type", ""): problem.get("message", "") for problem in _problems(error)}
    said = "; ".join(kinds.values()) or _message(error) or "no message"
    if "STALE_DATA" in kinds:
        return BaseMovedError(f"{repository}: {kinds['STALE_DATA']}")
    wait = rate_limit_wait(error, kinds)
    if wait is not None:
        return RateLimitedError(f"GitHub limits how much may be asked of {repository}: {said}", wait=wait)
    if error.status == HTTPStatus.UNAUTHORIZED:
        return AccessError(f"GitHub does not know the token for {repository}; is it expired or revoked?")
    answered = f"GitHub answered {error.status} for {repository}: {said}"
    gone = error.status == HTTPStatus.NOT_FOUND or "NOT_FOUND" in kinds
    unusable = error.status == HTTPStatus.UNPROCESSABLE_ENTITY or "UNPROCESSABLE" in kinds
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR or (fresh and (gone or unusable)):
        return UnavailableError(answered)
    if gone or error.status == HTTPStatus.FORBIDDEN or kinds.keys() & {"FORBIDDEN", "INSUFFICIENT_SCOPES"}:
        return AccessError(
            f"the token may not do this in {repository}, or cannot see it: it needs '{permission}' ({said})"
        )
    return GitHubError(answered)


def rate_limit_wait(error: GithubException, kinds: Mapping[str, str]) -> float | None:
    """Return how many seconds GitHub wants us to wait, None if the error is no matter of limits.

    docs.github.com, "Rate limits for the REST API": `retry-after` counts; else, with nothing remaining, the reset;
    else at least a minute. GraphQL says RATE_LIMITED in a 200.
    """
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    limited = (
        error.status == HTTPStatus.TOO_MANY_REQUESTS
        or "RATE_LIMITED" in kinds
        or (error.status == HTTPStatus.FORBIDDEN and ("retry-after" in headers or "rate limit" in _message(error)))
        or (error.status == HTTPStatus.FORBIDDEN and headers.get("x-ratelimit-remaining") == "0")
    )
    if not limited:
        return None
    if headers.get("retry-after", "").isdecimal():
        return float(headers["retry-after"])
    if headers.get("x-ratelimit-remaining") == "0" and headers.get("x-ratelimit-reset", "").isdecimal():
        return max(1.0, float(headers["x-ratelimit-reset"]) - time.time() + 1)
    return 60.0


def _problems(error: GithubException) -> Iterable[Mapping[str, str]]:
    data = error.data
    errors = data.get("errors") if isinstance(data, dict) else None
    return [problem for problem in errors if isinstance(problem, dict)] if isinstance(errors, list) else []
