"""Read what the repository of an app says of the commits behind tags."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from actions.errors import GitHubError
from actions.evidence.reviews import ReviewReader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actions.api.client import Client
    from actions.api.repository import Comparison
    from actions.app.order import Order
    from actions.app.repository import AppRepository, Build
    from actions.evidence.facts import Commit

COMMITS_PER_QUERY = 20


@dataclass(frozen=True)
class AppEvidence:
    """Read one app repository; each answer is kept."""

    client: Client
    repository: AppRepository
    _commits: dict[str, Commit] = field(default_factory=dict, repr=False)

    def commits(self, shas: Sequence[str]) -> list[Commit]:
        """Return the commits *shas*, each with the pull request that brought it."""
        new = [sha for sha in dict.fromkeys(shas) if sha not in self._commits]
        for start in range(0, len(new), COMMITS_PER_QUERY):
            self._commits.update(ReviewReader(self.client).commits(new[start : start + COMMITS_PER_QUERY]))
        missing = [sha for sha in shas if sha not in self._commits]
        if missing:
            raise GitHubError(f"{self.client.name} does not have {missing[0]} any more")
        return [self._commits[sha] for sha in shas]

    def prefetch(self, moves: Sequence[tuple[str, str]]) -> None:
        """Ask for the tags of *moves*, before and after, and for all commits between, in few requests."""
        self.repository.prefetch(tag for move in moves for tag in move if tag)
        try:
            compared = [self.compare(before, after) for before, after in moves]
            builds = [(comparison, build) for _, comparison, build in compared if build]
            self.commits([sha for comparison, build in builds for sha in (build.sha, *new_commits(comparison, build))])
        except GitHubError:
            return  # the tag that this is about says so when its turn comes

    def compare(self, before: str, after: str) -> tuple[Order, Comparison | None, Build | None]:
        """Return how the tag *after* relates to *before*, with the commits between, and the commit behind it."""
        order, comparison = self.repository.order(before, after)
        return order, comparison, self.repository.build(after)


def new_commits(comparison: Comparison | None, build: Build) -> list[str]:
    """Return the commits that come with a tag: its own, if no tag is known to come before."""
    if comparison:
        return [commit.sha for commit in comparison.commits] if comparison.status in ("ahead", "diverged") else []
    return [build.sha]
