"""Find the commits that may have changed an environment, by the history of its files; none may be missed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from actions.api.repository import READ, READ_PULLS
from actions.evidence.branch import BranchReader
from actions.evidence.branch_history import BranchHistory
from actions.evidence.files import FileReader
from actions.evidence.reviews import PULLS, pull_number
from actions.infra.config import PATH

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from actions.api.client import Client
    from actions.evidence.environment_files import EnvironmentFiles
    from actions.evidence.news import News
    from actions.infra.layout import Layout


@dataclass(kw_only=True)
class Population:
    """The commits of *branch* after the commit *begins* ("": all), and the paths at which the environment was found.

    With *pulls*, it asks which pull requests *brought* the commits, too; *listed* has the files of the newest.
    """

    client: Client
    files: EnvironmentFiles
    branch: str
    begins: str
    pulls: bool = False
    brought: dict[str, int] = field(default_factory=dict, repr=False)
    listed: dict[int, Any] = field(default_factory=dict, repr=False)
    history: BranchHistory = field(default_factory=lambda: BranchHistory.of(()), repr=False)
    _paths: dict[str, None] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        """Set up the readers."""
        permission = READ_PULLS if self.pulls else READ
        self._branches, self._files = BranchReader(self.client, permission), FileReader(self.client)

    def begin(self, since: str) -> None:
        """Begin with the commits made *since* a moment."""
        self.history = self._branches.history(self.branch)
        self.begins = self.history.before(since) if since else ""

    def find(self, config: str) -> dict[str, str]:
        """Return the commits that may have changed the environment, with their commit dates, oldest first.

        They touched `gitops.yml` or an env file, by the layout in *config* or in any earlier `gitops.yml`. The history
        of a file omits a merge that took the file unchanged from one parent, however old (git-log(1), "History
        Simplification"), so merges are compared separately.
        """
        self.history = self.history if self.history.position else self._branches.history(self.branch)
        commits = self._commits(PATH)
        for layout in dict.fromkeys(map(self.files.layout, [config, *self._files.texts([*commits], PATH)])):
            commits |= (
                self._touching_services(layout) if layout.per_service else self._touching(layout.paths(self.files.env))
            )
        before = self.history.ancestors(self.begins)
        merges = [sha for sha in self.history.merges_without(commits) if sha not in before]
        altered = self._files.altered(merges, self.paths)
        commits |= {sha: self.history.made[sha] for sha in altered}
        return {sha: commits[sha] for sha in self.history.sorted([sha for sha in commits if sha not in before])}

    def resume(self, news: News, paths: Iterable[str]) -> dict[str, str]:
        """Return the commits of *news* that may have changed the environment, as `find` does; look at *paths*."""
        self.history = news.history
        self.brought |= news.brought
        self.listed |= news.listed
        self.add(paths)
        return {sha: news.history.made[sha] for sha in news.touched}

    @property
    def paths(self) -> list[str]:
        """Return the files that are looked at: those that ever were the environment's, and `gitops.yml`."""
        return [*self._paths, PATH]

    @property
    def is_known(self) -> bool:
        """Tell whether any file of the environment was found."""
        return bool(self._paths)

    def add(self, paths: Iterable[str]) -> None:
        """Look at *paths* too."""
        self._paths |= dict.fromkeys(path for path in paths if path != PATH)

    def after(self, sha: str) -> list[str]:
        """Return the commits that are not in the commit *sha* ("": all), oldest first."""
        seen = self.history.ancestors(self.begins) | self.history.ancestors(sha)
        return self.history.sorted([commit for commit in self.history.position if commit not in seen])

    def _commits(self, path: str) -> dict[str, str]:
        """Return the commits that changed *path*, with their commit dates, newest first."""
        with self.client.parsing():
            nodes = list(self._branches.commits(self.branch, path, PULLS if self.pulls else ""))
            if self.pulls:
                self.brought |= {node["oid"]: pull_number(node, self.branch) for node in nodes}
            return {node["oid"]: node["committedDate"] for node in nodes}

    def _touching(self, paths: Sequence[str]) -> dict[str, str]:
        commits = {path: self._commits(path) for path in paths}
        self.add(path for path, of_path in commits.items() if of_path)
        return {sha: at for of_path in commits.values() for sha, at in of_path.items()}

    def _touching_services(self, layout: Layout) -> dict[str, str]:
        """Return the commits that touched a file of a service, including services that were removed.

        GitHub lists the commits of a folder but not of a pattern, so the files of every such commit are read.
        """
        commits: dict[str, str] = {}
        for pattern in layout.patterns:
            folder = pattern.partition("{")[0].rpartition("/")[0]
            for sha, at in self._commits(folder).items():
                own = [path for path in self._files.touched(sha) if self.files.owns(layout, path)]
                self.add(own)
                commits |= {sha: at} if own else {}
        return commits
