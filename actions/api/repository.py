"""Read and change the branches, commits and files of a repository."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from actions.api.check_reader import required_checks_of
from actions.api.client import file_fields, path_variables, query
from actions.api.comparison import Comparison, read_comparison
from actions.api.pulls import NEWEST_PULLS, PULL_FIELDS, is_valid, read_pulls
from actions.api.rules import BranchRules, read_rules
from actions.errors import (
    BaseMovedError,
    BranchInTheWayError,
    ConflictError,
    EnvFileError,
    GitHubError,
    UnknownCommitError,
    UnsafePathError,
)
from actions.runner.event import BRANCH, TAG

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from actions.api.checks import RequiredCheck
    from actions.api.client import Client
    from actions.api.pulls import Pull

PATHS_PER_QUERY = 100
SYMLINK = 0o120000
READ = "contents: read"
READ_PULLS = "contents: read, pull requests: read"
WRITE = "contents: write"
REWORK = "-rework"
ZEROS = "0" * 40
NAME_TAKEN = re.compile(r"(?i)ref cannot be created|reference update failed")
COMMIT_ON_NEW_BRANCH = f"""mutation($ref: CreateRefInput!, $commit: CreateCommitOnBranchInput!, $branch: String!) {{
    createRef(input: $ref) {{ clientMutationId }}
    createCommitOnBranch(input: $commit) {{
        commit {{ oid signature {{ isValid }} }}
        ref {{ repository {{ pullRequests(headRefName: $branch, {NEWEST_PULLS}) {{ nodes {{ {PULL_FIELDS} }} }} }} }}
    }} }}"""
UPDATE_REFS = "mutation($input: UpdateRefsInput!) { updateRefs(input: $input) { clientMutationId } }"
SIGNATURE = query(
    variables={"oid": "GitObjectID!"}, fields="object(oid: $oid) { ... on Commit { signature { isValid } } }"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Base:
    """A base branch at one moment: its head, the requested files, what its rules require, its open pull requests."""

    repository_id: str
    branch: str
    head: str
    files: Mapping[str, str]
    required_checks: tuple[RequiredCheck, ...]
    rules: BranchRules
    open_pulls: tuple[Pull, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Branch:
    """A branch with the requested files, and the pull requests that were opened from it, newest first."""

    name: str
    head: str
    verified: bool
    files: Mapping[str, str]
    pulls: tuple[Pull, ...]


@dataclass(frozen=True)
class Repository:
    """Read and change one repository: branches, commits, files."""

    client: Client

    @property
    def name(self) -> str:
        """Return the name of the repository, as owner/name."""
        return self.client.name

    def base(self, branch: str, paths: Sequence[str]) -> Base:
        """Return *branch* ("": the default branch) with those of *paths* that it has, all at one commit."""
        ref = "base: ref(qualifiedName: $branch)" if branch else "base: defaultBranchRef"
        document = query(
            variables={"branch": "String!"} if branch else {},
            paths=paths,
            fields=f"""id
                pullRequests(states: OPEN, first: 50, orderBy: {{field: CREATED_AT, direction: DESC}}) {{
                    nodes {{ {PULL_FIELDS} }} }}
                {ref} {{
                name
                rules(first: 100) {{ nodes {{ type parameters {{
                    ... on PullRequestParameters {{
                        requiredApprovingReviewCount requireLastPushApproval allowedMergeMethods }}
                    ... on RequiredStatusChecksParameters {{ requiredStatusChecks {{ context integrationId }} }}
                }} }} }}
                refUpdateRule {{ requiredStatusCheckContexts requiredApprovingReviewCount }}
                target {{ oid ... on Commit {{ {file_fields(paths)} }} }}
            }}""",
        )
        variables = {"branch": BRANCH + branch, **path_variables(paths)}
        answer = self.client.repository(document, variables, permission=READ_PULLS)
        if not answer["base"]:
            wanted = f"branch '{branch}'" if branch else "commit yet"
            raise ConflictError(f"{self.name} has no {wanted}")
        with self.client.parsing():
            target, name = answer["base"]["target"], answer["base"]["name"]
            return Base(
                repository_id=answer["id"],
                branch=name,
                head=target["oid"],
                files=self._texts(target, paths),
                required_checks=required_checks_of(answer["base"]),
                rules=read_rules(answer["base"]),
                open_pulls=tuple(pull for pull in read_pulls(answer["pullRequests"]) if pull.base == name),
            )

    def branch(self, name: str, paths: Sequence[str]) -> Branch | None:
        """Return the branch *name* with those of *paths* that it has and its pull requests, None if there is none."""
        document = query(
            variables={"ref": "String!", "branch": "String!"},
            paths=paths,
            fields=f"""
                ref(qualifiedName: $ref) {{ target {{ oid ... on Commit {{
                    signature {{ isValid }} {file_fields(paths)} }} }} }}
                pullRequests(headRefName: $branch, {NEWEST_PULLS}) {{ nodes {{ {PULL_FIELDS} }} }}""",
        )
        variables = {"ref": BRANCH + name, "branch": name, **path_variables(paths)}
        answer = self.client.repository(document, variables, permission=READ_PULLS)
        if not answer["ref"]:
            return None
        with self.client.parsing():
            target = answer["ref"]["target"]
            return Branch(
                name=name,
                head=target["oid"],
                verified=is_valid(target["signature"]),
                files=self._texts(target, paths),
                pulls=read_pulls(answer["pullRequests"]),
            )

    def head(self, branch: str) -> str:
        """Return the commit of *branch*; raise ConflictError if there is none.

        A name alone could be that of a git tag too, which whoever may push can make.
        """
        head = self.branches(branch).get(branch, "")
        if not head:
            raise ConflictError(f"{self.name} has no branch '{branch}'")
        return head

    def branches(self, prefix: str) -> dict[str, str]:
        """Return the heads of the branches whose names start with *prefix*."""
        return self._refs(BRANCH, prefix)

    def tags(self, prefix: str) -> list[str]:
        """Return the names of the git tags that start with *prefix*."""
        return list(self._refs(TAG, prefix))

    def _refs(self, kind: str, prefix: str) -> dict[str, str]:
        refs = self.client.rest(
            "GET", f"/git/matching-refs/{kind.removeprefix('refs/')}{quote(prefix)}", permission=READ
        )
        with self.client.parsing():
            return {ref["ref"].removeprefix(kind): ref["object"]["sha"] for ref in refs}

    def default_branch(self) -> str:
        """Return the name of the default branch."""
        with self.client.parsing():
            return str(self.client.rest("GET", "", permission="metadata: read")["default_branch"])

    def create_branch(self, name: str, sha: str) -> bool:
        """Create the branch *name* at *sha*; return False if there is a branch of that name already."""
        try:
            self.client.rest("POST", "/git/refs", {"ref": BRANCH + name, "sha": sha}, permission=WRITE)
        except GitHubError as error:
            if "already exists" in error.said:
                return False
            self._require_free_name(name, error)
            raise
        return True

    def _require_free_name(self, name: str, error: GitHubError) -> None:
        """Raise BranchInTheWayError if *error* says that another branch makes the name impossible.

        Git keeps `gitops/dev` as a file in a folder `gitops`, so no branch can be called `gitops` beside it
        (microsoft/vscode-remote-repositories-github#122).
        """
        if not NAME_TAKEN.search(error.said):
            return
        parts = name.split("/")
        folders = ["/".join(parts[:count]) for count in range(1, len(parts))]
        there = [folder for folder in folders if folder in self.branches(folder)] + list(self.branches(f"{name}/"))
        if there:
            raise BranchInTheWayError(
                f"{self.name} can have no branch {name} beside {there[0]}; rename {there[0]}, or choose another name"
            ) from error

    def move_branch(self, name: str, sha: str) -> None:
        """Have the branch *name* be at *sha*, wherever it was; create it if it is not there."""
        if not self.create_branch(name, sha):
            path, values = f"/git/refs/heads/{quote(name)}", {"sha": sha, "force": True}
            self.client.rest("PATCH", path, values, permission=WRITE)

    def delete_branch(self, name: str) -> None:
        """Delete the branch *name*, if it is there."""
        try:
            self.client.rest("DELETE", f"/git/refs/heads/{quote(name)}", permission=WRITE)
        except GitHubError as error:
            if "Reference does not exist" not in error.said:  # a rule that forbids deletion is a 422 too
                raise

    def files_at(self, revision: str, paths: Sequence[str]) -> dict[str, str] | None:
        """Return those of *paths* that the commit *revision* has, None if there is no such commit."""
        files: dict[str, str] = {}
        for start in range(0, max(len(paths), 1), PATHS_PER_QUERY):
            batch = paths[start : start + PATHS_PER_QUERY]
            document = query(
                variables={"oid": "GitObjectID!"},
                paths=batch,
                fields=f"object(oid: $oid) {{ ... on Commit {{ oid {file_fields(batch)} }} }}",
            )
            commit = self.client.repository(document, {"oid": revision, **path_variables(batch)})["object"]
            if not commit:
                return None
            files |= self._texts(commit, batch)
        return files

    def paths(self, revision: str) -> list[str]:
        """Return the paths of all files at *revision*."""
        tree = self.client.rest("GET", f"/git/trees/{revision}?recursive=1", permission=READ)
        with self.client.parsing():
            if tree["truncated"]:
                raise GitHubError(f"{self.name} has more files than GitHub lists; name the service or the tags instead")
            return [entry["path"] for entry in tree["tree"] if entry["type"] == "blob"]

    def content(self, branch: str, path: str) -> bytes | None:
        """Return the file at *path* of *branch*, of up to 100 MB, None if there is none."""
        absent = (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)
        tree = self.client.rest("GET", f"/git/trees/{quote(branch)}?recursive=1", permission=READ, absent=absent)
        if tree is None:
            return None
        with self.client.parsing():
            sha = next((entry["sha"] for entry in tree["tree"] if entry["path"] == path), "")
            if not sha and tree["truncated"]:
                raise GitHubError(f"{self.name} has more files than GitHub lists; is {path} among them?")
            blob = self.client.rest("GET", f"/git/blobs/{sha}", permission=READ) if sha else None
            return base64.b64decode(blob["content"]) if blob else None

    def commit_files(self, base: Base, *, branch: str, files: Mapping[str, str], message: str) -> Branch:
        """Commit *files* to *branch*, which is created at *base* if it is not there, as one signed commit.

        One request does both. Raises BaseMovedError if the branch is there and is not at *base*.
        """
        variables = {
            "branch": branch,
            "ref": {"repositoryId": base.repository_id, "name": BRANCH + branch, "oid": base.head},
            "commit": self._commit_input(branch, base.head, files, message),
        }
        # If the branch is there already, at *base*, an earlier run of ours ended between the two mutations.
        try:
            answer = self.client.graphql(
                COMMIT_ON_NEW_BRANCH, variables, permission=WRITE, fresh=True, partial="createCommitOnBranch"
            )
        except GitHubError as error:
            self._require_free_name(branch, error)
            raise
        with self.client.parsing():
            done = answer["createCommitOnBranch"]
            return Branch(
                name=branch,
                head=done["commit"]["oid"],
                verified=is_valid(done["commit"]["signature"]),
                files=files,
                pulls=read_pulls(done["ref"]["repository"]["pullRequests"]),
            )

    def replace_commit(self, own: Branch, base: Base, *, files: Mapping[str, str], message: str) -> Branch:
        """Put *own* at a new signed commit of *files* on *base*, in one step; its pull requests stay open.

        The commit is made on a second branch: GitHub closes the pull request of a branch that is put back to its base.
        Raises BaseMovedError if *own* moves meanwhile.
        """
        second = f"{own.name}{REWORK}"
        self.delete_branch(second)  # a run may have been killed here
        new = self.commit_files(base, branch=second, files=files, message=message)
        updates = [
            {"name": BRANCH + own.name, "beforeOid": own.head, "afterOid": new.head, "force": True},
            {"name": BRANCH + second, "beforeOid": new.head, "afterOid": ZEROS},
        ]
        try:
            values = {"repositoryId": base.repository_id, "refUpdates": updates}
            self.client.graphql(UPDATE_REFS, {"input": values}, permission=WRITE)
        except BaseMovedError:
            self.delete_branch(second)
            raise
        return replace(new, name=own.name, pulls=tuple(replace(pull, head_sha=new.head) for pull in own.pulls))

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

    def is_verified(self, sha: str) -> bool:
        """Tell whether GitHub shows the commit *sha* as Verified."""
        commit = self.client.repository(SIGNATURE, {"oid": sha}, fresh=True)["object"]
        return is_valid(commit["signature"] if commit else None)

    def commit_of_tag(self, name: str) -> str:
        """Return the commit that the git tag *name* names, "" if there is no such tag."""
        return self._sha_of(f"tags/{quote(name)}")

    def commit_at(self, start: str) -> str:
        """Return the commit whose SHA has this *start*, "" if there is none."""
        sha = self._sha_of(quote(start))
        return sha if sha.startswith(start) else ""  # a branch can be named like a commit

    def _sha_of(self, revision: str) -> str:
        """Return the SHA of the commit *revision*, "" if there is none."""
        # 422 "No commit found for SHA", 404 for what cannot be a commit
        absent = (HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY)
        commit = self.client.rest("GET", f"/commits/{revision}", permission=READ, absent=absent)
        with self.client.parsing():
            return str(commit["sha"]) if commit is not None else ""

    def resolve(self, revision: str) -> str:
        """Return the full SHA of *revision*; raise UnknownCommitError if there is no such commit."""
        sha = self._sha_of(quote(revision))
        if not sha:
            raise UnknownCommitError(f"{self.name} has no commit {revision}")
        if not sha.startswith(revision):  # a branch can be named like a commit
            raise UnknownCommitError(f"{self.name} has no commit {revision}, only a branch or a tag of that name")
        return sha

    def compare(self, base: str, head: str) -> Comparison | None:
        """Return how *head* relates to *base*, None if the repository does not have both."""
        path = f"/compare/{quote(base)}...{quote(head)}"
        answer = self.client.rest("GET", path, permission=READ, absent=(HTTPStatus.NOT_FOUND,))
        if answer is None:
            return None
        with self.client.parsing():
            return read_comparison(answer)

    def _texts(self, commit: Mapping[str, Any], paths: Sequence[str]) -> dict[str, str]:
        entries = {path: commit[f"f{index}"] for index, path in enumerate(paths)}
        return {path: _file_text(self.name, path, entry) for path, entry in entries.items() if entry}


def _file_text(repository: str, path: str, entry: Mapping[str, Any]) -> str:
    if entry["mode"] == SYMLINK:
        raise UnsafePathError(f"{path} in {repository} is a symbolic link; name the file itself", file=path, line=1)
    blob = entry["object"] or {}
    if blob.get("text") is None or blob["isBinary"] or blob["isTruncated"]:
        raise EnvFileError(f"{path} in {repository} is not a text file of at most 512 KB", file=path, line=1)
    return str(blob["text"])
