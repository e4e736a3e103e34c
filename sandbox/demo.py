"""`make demo`: a commit travels from a developer's laptop to dev, through real workflows, without a GitHub account."""

from __future__ import annotations

import json
import shutil
import sys
import time
from typing import TYPE_CHECKING

from sandbox.client import ApiError, Person
from sandbox.server import Sandbox
from sandbox.workflows import Run, Workflows
from sandbox.world import BOT, ENVIRONMENTS, ROOT, World, build, publish_actions

if TYPE_CHECKING:
    from sandbox.state import Pull

LOGS = ROOT / "demo-logs"
APP, INFRA = "your-org/app", "your-org/infra"
GOOD = {"success", "skipped"}
MARKS = {"success": "✓", "skipped": "–", "failure": "✗"}


class StoryError(Exception):
    """A step did not do what it should."""


class Story:
    """Tells what happens, one readable line each, and stops where it goes wrong."""

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

    @staticmethod
    def require(fact: object, otherwise: str) -> None:
        """Raise StoryError unless *fact* is true."""
        if not fact:
            raise StoryError(otherwise)


def main() -> int:
    """Tell the story; return 0 if every step did what it should."""
    story = Story()
    shutil.rmtree(LOGS, ignore_errors=True)
    LOGS.mkdir()
    try:
        with Sandbox.start() as sandbox:
            world = build(sandbox)
            actions = publish_actions(sandbox.state.folder / "actions")
            with Workflows(sandbox, actions=actions, logs=LOGS, told=story.tell_run) as workflows:
                _publish_and_deploy(story, sandbox, world, workflows)
            story.require(not sandbox.violations, "\n".join(sandbox.violations))
    except (StoryError, ApiError, TimeoutError) as error:
        print(f"\n\033[31mThe demo went wrong: {error}\033[0m\nThe logs of the workflows are in {LOGS.name}/")
        return 1
    print(f"\nThe logs of the workflows are in {LOGS.name}/. Nothing of this touched github.com.")
    return 0


def _publish_and_deploy(story: Story, sandbox: Sandbox, world: World, workflows: Workflows) -> None:
    alice, bob = (Person(sandbox, login, world.tokens[login]) for login in ("alice", "bob"))
    before = _running(world)

    story.chapter("A change is proposed, tested and reviewed")
    number = _propose(story, alice, sandbox)
    workflows.wait()
    _require_good(story, workflows)
    try:
        alice.merge(APP, number)
        raise StoryError("the pull request merged without a review")
    except ApiError as refusal:
        story.tell("github", f"does not merge it yet: {refusal.message.splitlines()[-1]}")
    bob.approve(APP, number)
    story.tell("bob", f"approves #{number}")

    story.chapter("It is merged, published, and deployed to dev")
    sha = alice.merge(APP, number)
    story.tell("alice", f"merges #{number} as {sha[:12]}")
    workflows.wait()
    _require_good(story, workflows)
    pull = _infra_pull(story, world)
    story.tell(BOT, f"opened and merged {INFRA}#{pull.number}: {pull.title}")
    deployed = [line for run in workflows.runs for line in run.lines if line.startswith("Pretending to deploy")]
    for line in deployed:
        story.tell("deploy", line)
    story.require([line.split()[3] for line in deployed] == ["dev"], f"not dev alone was deployed: {deployed}")

    story.chapter("What runs where")
    after = _running(world)
    for env in ENVIRONMENTS:
        moved = f"{before[env][:12]} → {after[env][:12]}" if before[env] != after[env] else after[env][:12]
        print(f"  {env:<8} api  {moved}")
    story.require(after == {**before, "dev": sha}, f"the environments run {after}")


def _propose(story: Story, alice: Person, sandbox: Sandbox) -> int:
    clone = alice.clone(APP, sandbox.state.folder / "laptops" / "alice" / "app")
    path = "projects/api/api.py"
    text = (clone / path).read_text(encoding="utf-8").replace('"world"', '"everybody"')
    test = (
        (clone / "projects/api/test_api.py").read_text(encoding="utf-8").replace("Hello, world!", "Hello, everybody!")
    )
    alice.push_change(
        clone, "greet-everybody", {path: text, "projects/api/test_api.py": test}, "Greet everybody, not the world"
    )
    story.tell("alice", "pushes branch greet-everybody")
    number = alice.open_pull(APP, head="greet-everybody", title="Greet everybody, not the world")
    story.tell("alice", f"opens {APP}#{number}")
    return number


def _infra_pull(story: Story, world: World) -> Pull:
    pulls = list(world.infra.pulls.values())
    story.require(len(pulls) == 1, f"there are {len(pulls)} infra pull requests, not one")
    pull = pulls[0]
    story.require(pull.merge_sha, f"{INFRA}#{pull.number} is not merged")
    story.require(pull.merged_by and pull.merged_by.login == BOT, f"{INFRA}#{pull.number} was not merged by the bot")
    story.require(pull.merge_sha in world.infra.verified, f"{pull.merge_sha} is not signed")
    return pull


def _require_good(story: Story, workflows: Workflows) -> None:
    for run in workflows.runs:
        bad = [name for name, result in run.jobs.items() if result not in GOOD]
        story.require(not bad and run.conclusion == "success", f"{run.name}: {bad} failed, see {run.log.name}")


def _running(world: World) -> dict[str, str]:
    head = world.infra.git.head("main") or ""
    files = {env: world.infra.git.file(head, f"envs/{env}.json") for env in ENVIRONMENTS}
    return {env: json.loads(found[1])["api"]["tag"] for env, found in files.items() if found}


if __name__ == "__main__":
    sys.exit(main())
