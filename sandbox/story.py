"""What a story needs to be told: a stage with real workflows on it, and a narrator who stops where it goes wrong."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sandbox.client import ApiError, Person
from sandbox.world import ENVIRONMENTS

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox.act import Run
    from sandbox.server import Sandbox
    from sandbox.state import Pull
    from sandbox.workflows import Workflows
    from sandbox.world import World

APP, INFRA = "your-org/app", "your-org/infra"
GOOD = {"success", "skipped"}
MARKS = {"success": "✓", "skipped": "–", "failure": "✗", "cancelled": "✗"}
DEPLOYS = "Pretending to deploy "


class StoryError(Exception):
    """A step did not do what it should."""


class Narrator:
    """Tells what happens, one readable line each."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def chapter(self, title: str) -> None:
        """Begin a part of the story."""
        print(f"\n\033[1m{title}\033[0m", flush=True)

    def tell(self, who: str, what: str) -> None:
        """Say who did what."""
        print(f"  {time.monotonic() - self._started:5.1f}s  {who:<10} {what}", flush=True)

    def tell_run(self, run: Run) -> None:
        """Say that a workflow run ended, with its checks."""
        if run.conclusion:
            checks = "  ".join(f"{MARKS.get(result, '?')} {name}" for name, result in run.jobs.items())
            self.tell("actions", f"{run.event.repo.name}: {run.name} ({run.event.name})  {checks}")


def require(fact: object, otherwise: str) -> None:
    """Raise StoryError unless *fact* is true."""
    if not fact:
        raise StoryError(otherwise)


@dataclass(slots=True)
class Stage:
    """The two repositories with their people and their workflows."""

    narrator: Narrator
    sandbox: Sandbox
    world: World
    workflows: Workflows
    told: int = 0
    clones: dict[tuple[str, str], Path] = field(default_factory=dict)

    def person(self, login: str) -> Person:
        """Return somebody of the organization at work."""
        return Person(self.sandbox, login, self.world.tokens[login])

    def settle(self, *, good: bool = True) -> list[Run]:
        """Wait until no workflow runs, and return those that ran; with *good*, they must have gone well."""
        self.workflows.wait()
        runs = self.workflows.runs[self.told :]
        self.told = len(self.workflows.runs)
        for run in runs if good else ():
            bad = [name for name, result in run.jobs.items() if result not in GOOD]
            require(not bad and run.conclusion == "success", f"{run.name}: {bad} failed, see {run.log.name}")
        for line in (line for run in runs for line in run.lines if line.startswith(DEPLOYS)):
            self.narrator.tell("deploy", line)
        return runs

    def propose(self, login: str, repository: str, branch: str, files: dict[str, str], title: str, **to: str) -> int:
        """Have somebody push *files* on a branch and open a pull request."""
        person = self.person(login)
        clone = self.clones.get((login, repository))
        if not clone:
            clone = person.clone(repository, self.sandbox.state.folder / "laptops" / login / repository.split("/")[1])
            self.clones[login, repository] = clone
        base = to.get("base", "main")
        person.git("fetch", "-q", "origin", at=clone)
        person.git("switch", "-q", "--detach", f"origin/{base}", at=clone)
        person.push_change(clone, branch, files, title)
        number = person.open_pull(repository, head=branch, title=title.partition("\n")[0], base=base)
        self.narrator.tell(login, f"opens {repository}#{number}: {title.partition(chr(10))[0]}")
        return number

    def land(self, repository: str, number: int) -> str:
        """Have bob approve a pull request and alice merge it; return the commit when its workflows are done."""
        self.person("bob").approve(repository, number)
        self.narrator.tell("bob", f"approves {repository}#{number}")
        sha = self.person("alice").merge(repository, number)
        self.narrator.tell("alice", f"merges {repository}#{number} as {sha[:12]}")
        self.settle()
        return sha

    def dispatch(self, repository: str, workflow: str, said: str, inputs: dict[str, str], *, good: bool = True) -> None:
        """Have alice start a workflow by hand, and wait for all that comes of it."""
        self.narrator.tell("alice", said)
        self.person("alice").dispatch(repository, workflow, inputs)
        self.settle(good=good)

    def newest_pull(self) -> Pull:
        """Return the infra pull request that was opened last."""
        return list(self.world.infra.pulls.values())[-1]

    def running(self) -> dict[str, str]:
        """Return the tag that each environment is to run."""
        git = self.world.infra.git
        files = {env: git.file(git.head("main") or "", f"envs/{env}.json") for env in ENVIRONMENTS}
        return {env: json.loads(found[1])["api"]["tag"] for env, found in files.items() if found}

    def refused(self, login: str, repository: str, number: int) -> str:
        """Have somebody try to merge a pull request, and return why GitHub does not."""
        try:
            self.person(login).merge(repository, number)
        except ApiError as refusal:
            return refusal.message.splitlines()[-1]
        raise StoryError(f"{repository}#{number} merged, though it must not")
