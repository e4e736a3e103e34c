"""The organization of the examples with its workflows really running, and what the tests have happen there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.act import Run
from sandbox.client import Person
from sandbox.server import Sandbox
from sandbox.workflows import Workflows
from sandbox.world import World

if TYPE_CHECKING:
    from pathlib import Path

APP, INFRA = "your-org/app", "your-org/infra"


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


def tag_of(pipeline: Pipeline, env: str) -> str:
    git = pipeline.world.infra.git
    found = git.file(git.head("main") or "", f"envs/{env}.json")
    assert found
    return str(json.loads(found[1])["api"]["tag"])


def with_tag(env: str, tag: str) -> dict[str, str]:
    return {f"envs/{env}.json": json.dumps({"api": {"url": "https://registry.example.com/api", "tag": tag}})}
