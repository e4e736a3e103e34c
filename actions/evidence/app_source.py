"""What the repository of an app says of the commits behind the tags."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from actions.app_repository import AppRepository
from actions.errors import GitHubError
from actions.evidence.nodes import commit as read_commit
from actions.evidence.source import PERMISSION, Source
from actions.order import Order, order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actions.app_repository import Build
    from actions.evidence.facts import Commit
    from actions.repository import Comparison

COMMITS_PER_QUERY = 20


@dataclass(frozen=True)
class AppSource(AppRepository, Source):
    """The repository of an app, as evidence is read from it."""

    _brought: dict[str, Commit] = field(default_factory=dict, repr=False)

    def commits(self, shas: Sequence[str]) -> list[Commit]:
        """Return the commits *shas*, each with the pull request that brought it; asked together, and once."""
        new = [sha for sha in dict.fromkeys(shas) if sha not in self._brought]
        for start in range(0, len(new), COMMITS_PER_QUERY):
            nodes = self._with_pulls("", new[start : start + COMMITS_PER_QUERY])
            with self._asking(PERMISSION):
                self._brought.update({node["oid"]: read_commit(node, "") for node in nodes if node})
        missing = [sha for sha in shas if sha not in self._brought]
        if missing:
            raise GitHubError(f"{self.name} does not have {missing[0]} any more")
        return [self._brought[sha] for sha in shas]

    def look_at(self, moves: Sequence[tuple[str, str]]) -> None:
        """Ask for the tags of *moves*, before and after, and for all commits between, in few requests."""
        self.look(tag for move in moves for tag in move if tag)
        try:
            compared = [self.compared(before, after) for before, after in moves]
            builds = [(comparison, build) for _, comparison, build in compared if build]
            self.commits([sha for comparison, build in builds for sha in (build.sha, *brings(comparison, build))])
        except GitHubError:
            return  # whichever of them it is says so when its turn comes

    def compared(self, before: str, after: str) -> tuple[Order, Comparison | None, Build | None]:
        """Return how the tag *after* relates to *before*, with the commits between, and the commit behind it."""
        found, comparison = order(before, after, self.compare_tags)
        return found, comparison, self.build(after)


def brings(comparison: Comparison | None, build: Build) -> list[str]:
    """Return the commits that come with a tag; with one that nothing is known to come before, its own."""
    if comparison:
        return [commit.sha for commit in comparison.commits] if comparison.status in ("ahead", "diverged") else []
    return [build.sha]
