"""Which commits would be lost if one tag replaced another."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from actions.api.batches import in_batches
from actions.api.client import query
from actions.app.release import contains

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actions.api.repository import Commit, Comparison, Repository

PICKED = re.compile(r"\(cherry picked from commit ([0-9a-f]{40})\)")
HUNK = re.compile(r"(?m)^@@ .*$")
MOST_FILES = 300  # GitHub lists no more of a commit on one page
COMMITS_PER_QUERY = 100


@dataclass(frozen=True)
class LostCommits:
    """Find commits that have no equivalent: the same patch, or one of the two says it was cherry-picked."""

    repository: Repository

    def between(self, lost: Comparison | None, new: Comparison | None, after: str) -> tuple[str, ...]:
        """Return, in words, those of the *lost* commits of which none of the *new* ones, up to *after*, is equivalent.

        Each is a comparison of the same two commits, None if the repository does not have both.
        """
        if not lost or not new:
            return (f"commits that {self.repository.name} does not have",)
        picked = {sha for commit in new.commits for sha in PICKED.findall(commit.message)}
        rest = [commit for commit in lost.commits if commit.sha not in picked and not self._was_picked(commit, after)]
        patches = self._patches(rest, new.commits)
        missing = [commit for commit in rest if self._patch(commit.sha) not in patches]
        words = [f"{commit.sha[:12]} {commit.title[:80]}" for commit in missing]
        unlisted = lost.total - len(lost.commits)
        return (*words, f"{unlisted} more commits") if unlisted else tuple(words)

    def _was_picked(self, commit: Commit, after: str) -> bool:
        """Tell whether *commit* was cherry-picked from one that *after* has."""
        return any(contains(self.repository, after, source) for source in PICKED.findall(commit.message))

    def _patches(self, wanted: Sequence[Commit], among: Sequence[Commit]) -> set[object]:
        """Return the patches of those commits *among* that are as large as one of *wanted*: only they can be equal."""
        if not wanted:
            return set()
        sizes = self._sizes([commit.sha for commit in (*wanted, *among)])
        sought = {sizes.get(commit.sha) for commit in wanted} - {None}
        return {self._patch(commit.sha) for commit in among if sizes.get(commit.sha) in sought} - {None}

    def _sizes(self, shas: Sequence[str]) -> dict[str, tuple[int, ...]]:
        sizes: dict[str, tuple[int, ...]] = {}
        for _, nodes in in_batches(shas, COMMITS_PER_QUERY, self._size_nodes):
            for node in nodes:
                if node and node["changedFilesIfAvailable"] is not None:
                    sizes[node["oid"]] = (node["additions"], node["deletions"], node["changedFilesIfAvailable"])
        return sizes

    def _size_nodes(self, shas: Sequence[str]) -> list[Any]:
        variables = {f"c{index}": sha for index, sha in enumerate(shas)}
        size = "... on Commit { oid additions deletions changedFilesIfAvailable }"
        fields = " ".join(f"{name}: object(oid: ${name}) {{ {size} }}" for name in variables)
        document = query(variables=dict.fromkeys(variables, "GitObjectID!"), fields=fields)
        answer = self.repository.client.repository(document, variables)
        return [answer[name] for name in variables]

    def _patch(self, sha: str) -> object:
        """Return what *sha* changes, wherever in the files; None if GitHub does not show all of it."""
        files = self.repository.client.rest("GET", f"/commits/{sha}", permission="contents: read")["files"]
        with self.repository.client.parsing():
            whole = 0 < len(files) < MOST_FILES and all("patch" in file for file in files)
            return frozenset((file["filename"], HUNK.sub("@@", file["patch"])) for file in files) if whole else None
