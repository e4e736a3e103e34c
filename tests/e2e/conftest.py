"""The organization of the examples with its workflows really running."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from sandbox.client import Person
from sandbox.server import Sandbox
from sandbox.workflows import Run, Workflows
from sandbox.world import World, build, publish_actions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(slots=True)
class Pipeline:
    """Two repositories, people, and workflows that run on every event."""

    sandbox: Sandbox
    world: World
    workflows: Workflows
    folder: Path

    def person(self, login: str) -> Person:
        """Return somebody of the organization at work."""
        return Person(self.sandbox, login, self.world.tokens[login])

    def propose(
        self, repository: str, branch: str, files: dict[str, str], *, base: str = "main", running: int = 0
    ) -> int:
        """Open a pull request of alice with *files* and return its number when its checks are done.

        They are if no more than *running* workflows run.
        """
        alice = self.person("alice")
        clone = alice.clone(repository, self.folder / branch)
        alice.git("switch", "-q", base, at=clone)
        alice.push_change(clone, branch, files, f"Change {', '.join(files)}")
        number = alice.open_pull(repository, head=branch, title=branch, base=base)
        self.wait(running=running)
        return number

    def dispatch(self, repository: str, workflow: str, inputs: dict[str, str]) -> None:
        """Have alice start a workflow by hand, and wait for all that comes of it."""
        self.person("alice").dispatch(repository, workflow, inputs)
        self.wait()

    def land(self, repository: str, number: int) -> str:
        """Have a pull request approved by bob and merged by alice; return the commit when its workflows are done."""
        self.person("bob").approve(repository, number)
        sha = self.person("alice").merge(repository, number)
        self.wait()
        return sha

    def wait(self, *, running: int = 0) -> None:
        """Wait until no more than *running* workflows run; GitHub must have had nothing against any exchange."""
        self.workflows.wait(running=running)
        assert self.sandbox.violations == []

    def runs(self, name: str, event: str) -> list[Run]:
        """Return the runs of a workflow for an event."""
        return [run for run in self.workflows.runs if (run.name, run.event.name) == (name, event)]

    def said(self, start: str) -> list[str]:
        """Return the lines of all logs that begin with *start*."""
        return [line for run in self.workflows.runs for line in run.lines if line.startswith(start)]


def stand_in(folder: Path, word: str, *inputs: str) -> Path:
    """Return an action in the place of somebody else's: it says *word* and what its *inputs* are."""
    folder.mkdir()
    values = " ".join(f"${{{{ inputs.{name} }}}}" for name in inputs)
    declared = ", ".join(f"{name}: {{}}" for name in inputs)
    (folder / "action.yml").write_text(
        f"name: stand-in\ninputs: {{{declared}}}\nruns:\n  using: composite\n  steps:\n"
        f"    - shell: bash\n      env: {{WHAT: '{values}'}}\n      run: echo \"{word} $WHAT\"\n"
    )
    return folder


@pytest.fixture(name="actions", scope="session")
def _actions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `your-org/gitops-actions@v1` stands for."""
    return publish_actions(tmp_path_factory.mktemp("gitops-actions"))


@pytest.fixture(name="home", scope="session")
def _home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a runner that stays from test to test: what one run installed, the next one has."""
    return tmp_path_factory.mktemp("runner")


@pytest.fixture(name="pipeline")
def _pipeline(actions: Path, home: Path, tmp_path: Path) -> Iterator[Pipeline]:
    with Sandbox.start() as sandbox:
        world = build(sandbox)
        with Workflows(sandbox, actions=actions, logs=tmp_path, home=home) as workflows:
            yield Pipeline(sandbox, world, workflows, sandbox.state.folder / "laptops")
