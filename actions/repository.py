"""The only door to GitHub: what we ask of a repository, in our words, over PyGithub.

Errors are translated here, once. A token goes into the Authorization header and nowhere else.
"""

from __future__ import annotations

import base64
import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import requests
from github import Auth, Github, GithubException

from actions.errors import (
    AccessError,
    ConflictError,
    EnvFileError,
    GitHubError,
    NotMergeableError,
    UnknownCommitError,
    UnsafePathError,
)
from actions.event import BRANCH

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from github.Requester import Requester

API_VERSION = "2022-11-28"
PATHS_PER_QUERY = 100
SYMLINK = 0o120000
CONTENTS = "contents: write"
PULLS = "pull requests: write"
FILE = "mode object { ... on Blob { text isBinary isTruncated } }"
PULL = "number url state isCrossRepository headRefOid mergeCommit { oid } closedBy: timelineItems(last: 1, itemTypes: CLOSED_EVENT) { nodes { ... on ClosedEvent { actor { login } } } }"  # noqa: E501


@dataclass(frozen=True, kw_only=True, slots=True)
class RequiredCheck:
    """A check that the rules of a branch require; *app* is who must report it, None if anyone may."""

    name: str
    app: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Base:
    """A branch at one moment: its head, the files that were asked for, and the checks that its rules require."""

    repository_id: str
    branch: str
    head: str
    files: Mapping[str, str]
    required_checks: tuple[RequiredCheck, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pull:
    """A pull request; *state* is OPEN, CLOSED or MERGED."""

    number: int
    url: str
    state: str
    head_sha: str
    merge_sha: str = ""
    closed_by: str = ""


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
class Commit:
    """A commit in a comparison."""

    sha: str
    title: str
    author: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """How a head relates to a base (`ahead`, `behind`, `identical`, `diverged`) and the commits it has more."""

    status: str
    commits: tuple[Commit, ...] = ()
    total: int = 0


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
            fields=f"""id {ref} {{
                name
                rules(first: 100) {{ nodes {{ parameters {{ ... on RequiredStatusChecksParameters {{
                    requiredStatusChecks {{ context integrationId }} }} }} }} }}
                refUpdateRule {{ requiredStatusCheckContexts }}
                target {{ oid ... on Commit {{ {_file_fields(paths)} }} }}
            }}""",
        )
        found = self._ask(document, {"branch": BRANCH + branch, **_path_variables(paths)})
        if not found["base"]:
            wanted = f"branch '{branch}'" if branch else "commit yet"
            raise ConflictError(f"{self.name} has no {wanted}")
        target = found["base"]["target"]
        return Base(
            repository_id=found["id"],
            branch=found["base"]["name"],
            head=target["oid"],
            files=self._texts(target, paths),
            required_checks=_required_checks(found["base"]),
        )

    def branch(self, name: str, paths: Sequence[str]) -> Branch | None:
        """Return the branch *name* with those of *paths* that it has and its pull requests, None if there is none."""
        document = _query(
            variables={"ref": "String!", "name_": "String!"},
            paths=paths,
            fields=f"""
                ref(qualifiedName: $ref) {{ target {{ oid ... on Commit {{
                    signature {{ isValid }} {_file_fields(paths)} }} }} }}
                pullRequests(headRefName: $name_, first: 20, orderBy: {{field: CREATED_AT, direction: DESC}}) {{
                    nodes {{ {PULL} }} }}""",
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

        One request does both. Raises ConflictError if the branch is there and is not at *base*.
        """
        document = f"""mutation($ref: CreateRefInput!, $commit: CreateCommitOnBranchInput!) {{
            createRef(input: $ref) {{ clientMutationId }}
            createCommitOnBranch(input: $commit) {{
                commit {{ oid signature {{ isValid }} }}
                ref {{ associatedPullRequests(first: 20, orderBy: {{field: CREATED_AT, direction: DESC}}) {{
                    nodes {{ {PULL} }} }} }}
            }}
        }}"""
        title, _, body = message.partition("\n\n")
        additions = [
            {"path": path, "contents": base64.b64encode(text.encode()).decode()} for path, text in files.items()
        ]
        variables = {
            "ref": {"repositoryId": base.repository_id, "name": BRANCH + branch, "oid": base.head},
            "commit": {
                "branch": {"repositoryNameWithOwner": self.name, "branchName": branch},
                "expectedHeadOid": base.head,
                "message": {"headline": title, "body": body},
                "fileChanges": {"additions": additions},
            },
        }
        with self._asking(CONTENTS):
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
            pulls=_pulls(done["ref"]["associatedPullRequests"]),
        )

    def open_pull(self, *, base: str, branch: str, title: str, body: str, draft: bool) -> Pull:
        """Open a pull request from *branch* to *base*."""
        given = {"base": base, "head": branch, "title": title, "body": body, "draft": draft}
        with self._asking(PULLS):
            pull = self._rest("POST", "/pulls", given)
        return Pull(number=pull["number"], url=pull["html_url"], state="OPEN", head_sha=pull["head"]["sha"])

    def add_labels(self, pull: Pull, labels: Sequence[str]) -> None:
        """Add *labels* to *pull*."""
        with self._asking(PULLS):
            self._rest("POST", f"/issues/{pull.number}/labels", {"labels": list(labels)})

    def request_reviews(self, pull: Pull, *, users: Sequence[str], teams: Sequence[str]) -> None:
        """Ask *users* and *teams* to review *pull*."""
        given = {"reviewers": list(users), "team_reviewers": list(teams)}
        with self._asking(PULLS):
            self._rest("POST", f"/pulls/{pull.number}/requested_reviewers", given)

    def checks(self, pull: Pull) -> list[Check]:
        """Return the state of every check on the head of *pull*."""
        document = _query(
            variables={"oid": "GitObjectID!"},
            paths=(),
            fields="""object(oid: $oid) { ... on Commit { statusCheckRollup { contexts(first: 100) { nodes {
                __typename
                ... on CheckRun { name status conclusion checkSuite { app { databaseId } } }
                ... on StatusContext { context state }
            } } } } }""",
        )
        rollup = self._ask(document, {"oid": pull.head_sha}, permission="checks: read")["object"]["statusCheckRollup"]
        return [_check(node) for node in rollup["contexts"]["nodes"]] if rollup else []

    def merge(self, pull: Pull, *, method: str, title: str, message: str) -> str:
        """Merge *pull* if its head is still the one we know, and return the SHA of the merged commit.

        Raises NotMergeableError with GitHub's own words if it does not merge.
        """
        given = {"commit_title": title, "commit_message": message, "merge_method": method, "sha": pull.head_sha}
        with self._asking(f"{PULLS}, {CONTENTS}"):
            try:
                return str(self._rest("PUT", f"/pulls/{pull.number}/merge", given)["sha"])
            except GithubException as error:
                if error.status in (HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.CONFLICT):
                    raise NotMergeableError(f"{pull.url} cannot be merged: {_message(error)}") from error
                raise

    def is_verified(self, sha: str) -> bool:
        """Tell whether GitHub shows the commit *sha* as Verified."""
        document = _query(
            variables={"oid": "GitObjectID!"},
            paths=(),
            fields="object(oid: $oid) { ... on Commit { signature { isValid } } }",
        )
        return _is_valid(self._ask(document, {"oid": sha})["object"]["signature"])

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
                return str(self._rest("GET", f"/commits/{quote(revision)}")["sha"])
            except GithubException as error:
                # 422 "No commit found for SHA", 404 for what cannot be a commit
                if error.status in (HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY):
                    raise UnknownCommitError(f"{self.name} has no commit {revision}") from error
                raise

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
        return Comparison(status=found["status"], commits=_commits(found), total=found["total_commits"])

    @cached_property
    def _requester(self) -> Requester:
        return Github(
            base_url=self.environment.get("GITHUB_API_URL", "https://api.github.com"),
            auth=Auth.Token(self.token),
            api_version=API_VERSION,
            user_agent="gitops-actions",
            retry=None,  # its retry sends a POST twice that GitHub may have carried out the first time
            seconds_between_requests=0,
            seconds_between_writes=0,
        ).requester

    def _rest(self, verb: str, path: str, given: object = None) -> Any:
        _, answer = self._requester.requestJsonAndCheck(verb, f"/repos/{self.name}{path}", input=given)
        return answer

    def _ask(self, document: str, variables: Mapping[str, object], *, permission: str = "contents: read") -> Any:
        owner, _, name = self.name.partition("/")
        known = {key: value for key, value in variables.items() if f"${key}:" in document}
        return self._graphql(document, {"owner": owner, "name": name, **known}, permission=permission)["repository"]

    def _graphql(self, document: str, variables: Mapping[str, object], *, permission: str) -> Any:
        with self._asking(permission):
            _, answer = self._requester.graphql_query(document, dict(variables))
            return answer["data"]

    @contextmanager
    def _asking(self, permission: str) -> Iterator[None]:
        """Translate what goes wrong in a call that needs *permission*."""
        try:
            yield
        except GithubException as error:
            raise _translated(error, self.name, permission) from error
        except requests.RequestException as error:
            raise GitHubError(f"no answer from GitHub for {self.name}: {type(error).__name__}") from error

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


def _pulls(connection: Mapping[str, Any]) -> tuple[Pull, ...]:
    return tuple(
        Pull(
            number=node["number"],
            url=node["url"],
            state=node["state"],
            head_sha=node["headRefOid"],
            merge_sha=(node["mergeCommit"] or {}).get("oid", ""),
            closed_by=_closed_by(node),
        )
        for node in connection["nodes"]
        if not node["isCrossRepository"]
    )


def _closed_by(node: Mapping[str, Any]) -> str:
    events = node["closedBy"]["nodes"]
    actor = events[-1].get("actor") if events else None
    return str(actor["login"]) if actor else ""


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
            title=commit["commit"]["message"].partition("\n")[0],
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


def _translated(error: GithubException, repository: str, permission: str) -> GitHubError | ConflictError:
    kinds = {problem.get("type", ""): problem.get("message", "") for problem in _problems(error)}
    if "STALE_DATA" in kinds:
        return ConflictError(f"{repository}: {kinds['STALE_DATA']}")
    if error.status == HTTPStatus.UNAUTHORIZED:
        return AccessError(f"GitHub does not know the token for {repository}; is it expired or revoked?")
    if error.status in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND) or kinds.keys() & {
        "FORBIDDEN",
        "NOT_FOUND",
        "INSUFFICIENT_SCOPES",
    }:
        said = "; ".join(kinds.values()) or _message(error)
        return AccessError(
            f"the token may not do this in {repository}, or cannot see it: it needs '{permission}' ({said})"
        )
    said = "; ".join(kinds.values()) or _message(error) or "no message"
    return GitHubError(f"GitHub answered {error.status} for {repository}: {said}")


def _problems(error: GithubException) -> Iterable[Mapping[str, str]]:
    data = error.data
    errors = data.get("errors") if isinstance(data, dict) else None
    return [problem for problem in errors if isinstance(problem, dict)] if isinstance(errors, list) else []
