"""The organization of the examples on a running sandbox; what GitHub's descriptions do not allow fails the test."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from actions import open_infra_pr
from actions.runner.clock import Clock
from sandbox.client import Person
from sandbox.server import Sandbox
from sandbox.state import Repo
from sandbox.world import BOT, World, build, release, without_gates
from tests.support import Result, Runner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(slots=True)
class GitHub:
    """A sandbox with the two repositories of the examples in it."""

    sandbox: Sandbox
    world: World
    runner: Runner
    slept: list[float] = field(default_factory=list)
    on_sleep: Callable[[], object] = lambda: None

    @property
    def clock(self) -> Clock:
        """Return a clock that is put forward instead of waited for."""
        return Clock(now=lambda: sum(self.slept), sleep=self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.on_sleep()

    def person(self, login: str) -> Person:
        """Return somebody of the organization at work."""
        return Person(self.sandbox, login, self.world.tokens[login])

    @property
    def bot(self) -> str:
        """Return the bot's token."""
        return self.world.tokens[BOT]

    def app_commit(self, message: str = "Change", *, branch: str = "main", parent: str = "") -> str:
        """Return a new commit of the app on *branch*, as if it had been merged."""
        git = self.world.app.git
        parents = [parent or git.head(branch) or git.head("main") or ""]
        author = self.sandbox.state.users["alice"]
        sha = git.commit(parents=parents, message=message, author=author.person, files={"change": message.encode()})
        self.world.app.authors[sha] = author
        git.set_ref(f"refs/heads/{branch}", sha)
        self.report("gate", "success", sha, self.world.app)
        return sha

    def release(self, *versions: str) -> None:
        """Release *versions* of the app, one commit of main each."""
        release(self.world, *versions)

    def infra_file(self, path: str = "envs/dev.json", branch: str = "main") -> str:
        """Return the text of a file of the infra repository."""
        found = self.world.infra.git.file(self.world.infra.git.head(branch) or "", path)
        assert found, f"{path} is not on {branch}"
        return found[1].decode()

    def change_infra(self, files: dict[str, str | None], branch: str = "main") -> str:
        """Commit *files* to the infra repository, past all rules."""
        git = self.world.infra.git
        contents = {path: None if text is None else text.encode() for path, text in files.items()}
        olivia = self.sandbox.state.users["olivia"].person
        sha = git.commit(parents=[git.head(branch) or ""], message="Change", author=olivia, files=contents)
        git.set_ref(f"refs/heads/{branch}", sha)
        return sha

    def report(self, name: str, conclusion: str | None, sha: str, repo: Repo | None = None) -> None:
        """Report a check of GitHub Actions on a commit of *repo*, which is the infra repository if it is not said."""
        self.sandbox.state.report(repo or self.world.infra, name, sha, conclusion)

    def run(self, action: str, **inputs: str) -> Result:
        """Run *action* in a workflow of the app repository; where it waits, time flies."""
        main = (lambda: open_infra_pr.main(self.clock)) if action == "action-open-infra-pr" else None
        return self.runner.run(action, main, **{"token": self.bot, **inputs})

    def operations(self) -> list[str]:
        """Return what has been asked of GitHub so far, and forget it."""
        asked = [exchange.operation for exchange in self.sandbox.exchanges]
        self.sandbox.exchanges.clear()
        return asked


@pytest.fixture(name="github")
def _github(runner: Runner) -> Iterator[GitHub]:
    """The organization, whose infra repository asks for its tests alone."""
    with _started(runner) as github:
        without_gates(github.world)
        yield github


@pytest.fixture(name="organization")
def _organization(runner: Runner) -> Iterator[GitHub]:
    """The organization with everything that the examples put in force."""
    with _started(runner) as github:
        yield github


@contextmanager
def _started(runner: Runner) -> Iterator[GitHub]:
    with Sandbox.start() as sandbox:
        world = build(sandbox)
        runner.environment |= sandbox.environment() | {
            "GITHUB_REPOSITORY": "your-org/app",
            "GITHUB_RUN_ID": "42",
            "GITHUB_ACTOR": "alice",
        }
        yield GitHub(sandbox, world, runner)
    assert sandbox.violations == []
