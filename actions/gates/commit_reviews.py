"""Find the commits of the infra repository that would be deployed and that nobody independent approved.

Everything counts that a deployment runs: `gitops.yml`, workflows, scripts, manifests, and the env files of the
environment itself. Contents are approved, not lines: a pull request that mends a brace approves nothing that stood in
the file before it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from actions.api.client import query
from actions.api.comparison import paths_of
from actions.app.facts import Unknown
from actions.deployments.replay import Replay
from actions.gates.pull_reader import PERMISSION, read_pulls
from actions.infra.env_diff import changes_only_free_tags
from actions.infra.remote import read_config_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from actions.api.repository import Repository
    from actions.gates.pull_reader import PullJudge
    from actions.infra.layout import Layout

COMMITS_PER_PAGE = 50
MOST_PAGES = 20
MOST_FILES = 300  # GitHub lists no more of a commit
HISTORY = query(
    variables={"oid": "GitObjectID!", "cursor": "String"},
    fields=f"""defaultBranchRef {{ name }} object(oid: $oid) {{ ... on Commit {{
        history(first: {COMMITS_PER_PAGE}, after: $cursor) {{ pageInfo {{ endCursor }} nodes {{
            oid message parents(first: 1) {{ nodes {{ oid }} }}
            associatedPullRequests(first: 5) {{ nodes {{ number state baseRefName }} }} }} }} }} }}""",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class BranchCommit:
    """A commit of the branch, its first *parent* ("": none), and the *pull* request that brought it (0: none)."""

    sha: str
    title: str
    parent: str
    pull: int


@dataclass(frozen=True)
class CommitReviewer:
    """Find unreviewed commits up to the commit *head* of *infra*; each answer is kept, *pulls* for others too."""

    infra: Repository
    judge: PullJudge
    layout: Layout
    head: str
    pulls: dict[int, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    _commits: list[Replay[BranchCommit]] = field(default_factory=list, repr=False)
    _paths: dict[str, tuple[str, ...] | None] = field(default_factory=dict, repr=False)
    _free: dict[str, bool] = field(default_factory=dict, repr=False)

    def unreviewed(self, env: str, since: str) -> tuple[str, ...] | Unknown:
        """Describe the unreviewed commits after *since* ("": of all) that a deployment to *env* would run.

        What `adopt` names, and all before it, counts as reviewed; so does the first commit of a repository, which
        nobody could approve.
        """
        commits: list[BranchCommit] = []
        for commit in self._history():
            if commit.sha in (since, self.judge.config.adopt) or not commit.parent:
                break
            commits.append(commit)
        else:
            most = COMMITS_PER_PAGE * MOST_PAGES
            return Unknown(f"who approved what is deployed: there are more than {most} commits to look at")
        new = dict.fromkeys(commit.pull for commit in commits if commit.pull and commit.pull not in self.pulls)
        self.pulls.update(read_pulls(self.infra.client, new))
        found: list[str] = []
        unknown: list[Unknown] = []
        for commit in commits:
            approved = self._approved(commit, env)
            if approved is True or not self._is_deployed(commit, env) or self._is_free(commit):
                continue
            if isinstance(approved, Unknown):
                unknown.append(Unknown(f"who approved {_described(commit)}: {approved.missing}"))
            else:
                found.append(_described(commit))
        return unknown[0] if unknown and not found else tuple(found)

    def _approved(self, commit: BranchCommit, env: str) -> bool | Unknown:
        pull = self.pulls.get(commit.pull)
        approved = self.judge.is_approved(pull) if pull else False
        # The gate `review` asks of each service whether an emergency was a rollback.
        return self.judge.is_emergency(pull, env) if pull and approved is False else approved

    def _is_deployed(self, commit: BranchCommit, env: str) -> bool:
        """Tell whether *commit* changes more than env files of other environments than *env*."""
        paths = self._changed(commit)
        owners = [self.layout.owner(path) for path in paths] if paths is not None else [None]
        return any(owner is None or owner[0].casefold() == env.casefold() for owner in owners)

    def _is_free(self, commit: BranchCommit) -> bool:
        """Tell whether *commit* changes only tags of environments that needed no review before it."""
        if commit.sha not in self._free:
            self._free[commit.sha] = self._changes_only_free_tags(commit)
        return self._free[commit.sha]

    def _changes_only_free_tags(self, commit: BranchCommit) -> bool:
        paths = self._changed(commit)
        before, config = read_config_at(self.infra, commit.parent), self.judge.config
        if paths is None or before.layout("envs") != config.layout("envs"):
            return False
        texts = self._texts(commit.parent, paths), self._texts(commit.sha, paths)
        return changes_only_free_tags(paths, texts, self.layout, before.needs_review)

    def _texts(self, sha: str, paths: Sequence[str]) -> dict[str, str]:
        return self.infra.files_at(sha, paths) or {}

    def _changed(self, commit: BranchCommit) -> tuple[str, ...] | None:
        """Return the files that *commit* changes, under both names if one was renamed; None if they are too many."""
        if commit.sha not in self._paths:
            self._paths[commit.sha] = self._listed(commit)
        return self._paths[commit.sha]

    def _listed(self, commit: BranchCommit) -> tuple[str, ...] | None:
        files = self.pulls.get(commit.pull, {}).get("files")
        if files and files["totalCount"] == len(files["nodes"]):
            changes = {node["path"]: node["changeType"] for node in files["nodes"]}
            if "RENAMED" not in changes.values():  # GraphQL says the new name alone
                return tuple(changes)
        answer = self.infra.client.rest("GET", f"/commits/{commit.sha}", permission="contents: read")
        with self.infra.client.parsing():
            paths = tuple(dict.fromkeys(path for file in answer["files"] for path in paths_of(file)))
        return paths if len(paths) < MOST_FILES else None

    def _history(self) -> Replay[BranchCommit]:
        if not self._commits:
            self._commits.append(Replay(self._read()))
        return self._commits[0]

    def _read(self) -> Iterator[BranchCommit]:
        variables: dict[str, object] = {"oid": self.head, "cursor": None}
        for _ in range(MOST_PAGES):
            answer = self.infra.client.repository(HISTORY, variables, permission=PERMISSION)
            with self.infra.client.parsing():
                branch = (answer["defaultBranchRef"] or {}).get("name", "")
                history = answer["object"]["history"]
                yield from (_read_commit(node, branch) for node in history["nodes"])
                variables["cursor"] = history["pageInfo"]["endCursor"]


def _read_commit(node: Mapping[str, Any], branch: str) -> BranchCommit:
    pulls = node["associatedPullRequests"]["nodes"]
    return BranchCommit(
        sha=node["oid"],
        title=node["message"].partition("\n")[0],
        parent=next((parent["oid"] for parent in node["parents"]["nodes"]), ""),
        pull=next((int(p["number"]) for p in pulls if (p["state"], p["baseRefName"]) == ("MERGED", branch)), 0),
    )


def _described(commit: BranchCommit) -> str:
    return f"{commit.sha[:12]} {commit.title[:80]}"
