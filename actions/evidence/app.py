"""Read the commits behind tags from an app repository, with their pull requests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from actions.errors import GitHubError
from actions.evidence.reviews import ReviewReader, read_commit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actions.api.client import Client
    from actions.api.comparison import Comparison
    from actions.app.order import Order
    from actions.app.repository import AppRepository, Build
    from actions.evidence.facts import CommitFacts

COMMITS_PER_QUERY = 50


@dataclass(frozen=True)
class AppEvidence:
    """Read one app repository; answers are cached. *tickets* are the patterns of their names."""

    client: Client
    repository: AppRepository
    tickets: tuple[str, ...]
    _commits: dict[str, CommitFacts] = field(default_factory=dict, repr=False)

    def commits(self, shas: Sequence[str]) -> list[CommitFacts]:
        """Return the commits *shas*, each with the pull request that brought it."""
        new = [sha for sha in dict.fromkeys(shas) if sha not in self._commits]
        reader = ReviewReader(self.client, self.tickets)
        builds = {build.sha: build.node for build in self.repository.known if "signature" in build.node}
        with self.client.parsing():
            nodes = reader.with_pulls([builds[sha] for sha in new if sha in builds], "", {})
        unknown = [sha for sha in new if sha not in builds]
        for start in range(0, len(unknown), COMMITS_PER_QUERY):
            nodes += reader.nodes(unknown[start : start + COMMITS_PER_QUERY], "")
        with self.client.parsing():
            self._commits.update({node["oid"]: read_commit(node, self.tickets) for node in nodes if node})
        missing = [sha for sha in shas if sha not in self._commits]
        if missing:
            raise GitHubError(f"commit {missing[0]} no longer exists in {self.client.name}")
        return [self._commits[sha] for sha in shas]

    def prefetch(self, moves: Sequence[tuple[str, str]]) -> None:
        """Request the tags of *moves* (before, after) and all commits between them, in few requests."""
        self.repository.prefetch(tag for move in moves for tag in move if tag)
        try:
            compared = [self.compare(before, after) for before, after in moves]
            builds = [(comparison, build) for _, comparison, build in compared if build]
            self.commits([sha for comparison, build in builds for sha in (build.sha, *new_commits(comparison, build))])
        except GitHubError:
            return  # the error is reported when the tag that caused it is read

    def compare(self, before: str, after: str) -> tuple[Order, Comparison | None, Build | None]:
        """Return how the tag *after* relates to *before*, the commits between them, and the commit behind *after*."""
        order, comparison = self.repository.order(before, after)
        if not comparison and before not in ("", after):
            comparison = self.repository.compare_tags(before, after)  # names have no order, and their commits have one
        return order, comparison, self.repository.build(after)


def new_commits(comparison: Comparison | None, build: Build) -> list[str]:
    """Return the commits that a tag adds; only its own commit if there is nothing to compare with."""
    if comparison:
        return [commit.sha for commit in comparison.commits] if comparison.status in ("ahead", "diverged") else []
    return [build.sha]
