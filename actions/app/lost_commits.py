"""Find the commits that are lost if one tag replaces another."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from actions.api.batches import in_batches
from actions.api.client import query
from actions.app.release import contains

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actions.api.comparison import Commit, Comparison
    from actions.api.repository import Repository

PICKED = re.compile(r"\(cherry picked from commit ([0-9a-f]{40})\)")
HUNK = re.compile(r"(?m)^@@ .*$")
MOST_FILES = 300  # the page size of GitHub for the files of a commit
COMMITS_PER_QUERY = 100


@dataclass(frozen=True)
class LostCommits:
    """Find commits without an equivalent, which is a commit with the same patch or a cherry-pick by its message."""

    repository: Repository

    def between(self, lost: Comparison | None, new: Comparison | None, after: str) -> tuple[str, ...]:
        """Describe the *lost* commits that have no equivalent among the *new* ones, up to *after*.

        Both are comparisons of the same two commits, None if one of these does not exist in the repository.
        """
        if not lost or not new:
            return (f"commits that do not exist in {self.repository.name}",)
        picked = {sha for commit in new.commits for sha in PICKED.findall(commit.message)}
        rest = [commit for commit in lost.commits if commit.sha not in picked and not self._was_picked(commit, after)]
        patches = self._patches(rest, new.commits)
        missing = [commit for commit in rest if self._patch(commit.sha) not in patches]
        titles = [f"{commit.sha[:12]} {commit.title[:80]}" for commit in missing]
        unlisted = lost.total - len(lost.commits)
        return (*titles, f"{unlisted} more commits") if unlisted else tuple(titles)

    def _was_picked(self, commit: Commit, after: str) -> bool:
        """Tell whether *commit* is a cherry-pick of a commit that *after* contains."""
        return any(contains(self.repository, after, source) for source in PICKED.findall(commit.message))

    def _patches(self, lost: Sequence[Commit], new: Sequence[Commit]) -> set[object]:
        """Return the patches of the *new* commits that have the size of a *lost* one; others cannot be equal."""
        if not lost:
            return set()
        sizes = self._sizes([commit.sha for commit in (*lost, *new)])
        lost_sizes = {sizes.get(commit.sha) for commit in lost} - {None}
        return {self._patch(commit.sha) for commit in new if sizes.get(commit.sha) in lost_sizes} - {None}

    def _sizes(self, shas: Sequence[str]) -> dict[str, tuple[int | None, ...]]:
        sizes: dict[str, tuple[int | None, ...]] = {}
        for _, nodes in in_batches(shas, COMMITS_PER_QUERY, self._size_nodes):
            for node in nodes:
                if node:
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
        """Return the patch of *sha* without line numbers, None if GitHub does not show all of it."""
        files = self.repository.client.rest("GET", f"/commits/{sha}", permission="contents: read")["files"]
        with self.repository.client.parsing():
            complete = 0 < len(files) < MOST_FILES and all("patch" in file for file in files)
            return frozenset((file["filename"], HUNK.sub("@@", file["patch"])) for file in files) if complete else None
