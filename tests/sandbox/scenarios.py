"""The organization of the examples on a running sandbox, and what the tests have people, bots and actions do there."""

from __future__ import annotations

import importlib
import json
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actions import check_envs, deploy_matrix
from actions.runner.clock import Clock
from sandbox import gitrepo
from sandbox.client import Person
from sandbox.delivery import tagged
from sandbox.faults import Fault
from sandbox.server import Sandbox
from sandbox.state import Deployment, DeploymentStatus, Pull, Repo, Review, State, WorkflowRun, timestamp
from sandbox.world import BOT, World, build, release
from tests.support import Result, Runner, git, module_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)  # a Tuesday
GITOPS = """environments:
  dev: {review: none}
  staging: {after: dev}
  prod: {after: staging, soak: 24h, freeze: ["Fri 15:00 - Mon 08:00 Europe/Paris"]}
services:
  api: {repo: your-org/app}
bots: [gitops-bot]
"""
OFFLINE = ("action-bump-env",)  # it asks no server
QUEUE = {"type": "merge_queue", "parameters": {"merge_method": "SQUASH"}}
MERGE = "mutation mergePullRequest"
FINE_GRAINED = {"contents": "write", "pull_requests": "write", "actions": "read"}


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
        return Clock(now=lambda: 1000 + sum(self.slept), sleep=self._sleep)

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

    def app_commit(
        self, message: str = "Change", *, branch: str = "main", parent: str = "", approved_by: str = "bob"
    ) -> str:
        """Return a new commit of the app on *branch*, as if a pull request had been merged."""
        git = self.world.app.git
        parents = [parent or git.head(branch) or git.head("main") or ""]
        author = self.sandbox.state.users["alice"]
        sha = git.commit(parents=parents, message=message, author=author.person, files={"change": message.encode()})
        self.world.app.authors[sha] = author
        git.set_ref(f"refs/heads/{branch}", sha)
        self.report("gate", "success", sha, self.world.app, branch=branch)
        if branch != "main":
            merged_pull(self.sandbox.state, self.world.app, sha, base=branch, approved_by=approved_by)
        return sha

    def release(self, *versions: str) -> None:
        """Release *versions* of the app, one commit of main each."""
        release(self.world, *versions)

    def infra_file(self, path: str = "envs/dev.json", branch: str = "main") -> str:
        """Return the text of a file of the infra repository."""
        found = self.world.infra.git.file(self.world.infra.git.head(branch) or "", path)
        assert found, f"{path} is not on {branch}"
        return found[1].decode()

    def change_infra(self, files: dict[str, str | None], branch: str = "main", *, approved_by: str = "bob") -> str:
        """Commit *files* to the infra repository, past all rules, as if a pull request that was approved was merged."""
        git = self.world.infra.git
        contents = {path: None if text is None else text.encode() for path, text in files.items()}
        olivia = self.sandbox.state.users["olivia"].person
        sha = git.commit(parents=[git.head(branch) or ""], message="Change", author=olivia, files=contents)
        git.set_ref(f"refs/heads/{branch}", sha)
        if approved_by:
            merged_pull(self.sandbox.state, self.world.infra, sha, base=branch, approved_by=approved_by)
        return sha

    def report(
        self, name: str, conclusion: str | None, sha: str, repo: Repo | None = None, *, branch: str = "main"
    ) -> None:
        """Report a job on a commit of *branch* of *repo*, which is the infra repository if it is not said."""
        self.sandbox.state.report(repo or self.world.infra, name, sha, conclusion, branch=branch)

    def main(self, action: str, clock: Clock | None = None) -> Callable[[], int] | None:
        """Return how *action* is started where time flies while it waits; None if it never does."""
        module = importlib.import_module(f"actions.{module_name(action)}")
        return None if action in OFFLINE else lambda: module.main(clock or self.clock)

    def run(self, action: str, **inputs: str) -> Result:
        """Run *action* in a workflow of the app repository; where it waits, time flies."""
        return self.runner.run(action, self.main(action), **{"token": self.bot, **inputs})

    def operations(self) -> list[str]:
        """Return what has been asked of GitHub so far, and forget it."""
        asked = [exchange.operation for exchange in self.sandbox.exchanges]
        self.sandbox.exchanges.clear()
        return asked


def merged_pull(state: State, repo: Repo, sha: str, *, base: str, approved_by: str) -> Pull:
    """Have it that a pull request of alice to *base*, which somebody approved, was merged as *sha*."""
    alice, number = state.users["alice"], 1 + max([*repo.pulls, 100_000])
    pull = Pull(state.new_id(), number, "Change", "", alice, f"pull-{number}", sha, base, draft=False)
    if approved_by:
        reviewer = state.users[approved_by]
        pull.reviews.append(Review(state.new_id(), reviewer, "APPROVED", "", sha, timestamp()))
    pull.state, pull.merge_sha, pull.merged_by, pull.closed = "closed", sha, alice, timestamp()
    repo.pulls[number] = pull
    return pull


@contextmanager
def started(runner: Runner) -> Iterator[GitHub]:
    with Sandbox.start() as sandbox:
        world = build(sandbox)
        runner.environment |= sandbox.environment() | {
            "GITHUB_REPOSITORY": "your-org/app",
            "GITHUB_RUN_ID": "42",
            "GITHUB_ACTOR": "alice",
        }
        yield GitHub(sandbox, world, runner)
    require_no_surprise(sandbox)


def require_no_surprise(sandbox: Sandbox) -> None:
    """Require that GitHub's descriptions allow every exchange, and that every planned fault happened."""
    assert sandbox.violations == [], sandbox.violations
    assert sandbox.faults.waiting == [], sandbox.faults.waiting


# Changes of the infra repository, and what the gates say


def refusal(message: str, kind: str = "UNPROCESSABLE") -> Fault:
    """What GraphQL answers where it refuses: a 200."""
    return Fault(status=200, body={"data": None, "errors": [{"message": message, "type": kind}]})


def asked(github: GitHub, by: str = "alice") -> str:
    """Have somebody start a run in which the bot is asked for a change; return what its commit says of that."""
    infra, state = github.world.infra, github.sandbox.state
    run = WorkflowRun(state.new_id(), "change.yml", "workflow_dispatch", state.users[by], infra.git.head("main") or "")
    infra.runs.append(run)
    address = f"{github.sandbox.url}/{infra.full_name}/actions/runs/{run.id}/attempts/1"
    return f"Requested-by: {by}\nRequested-in: {address}"


def propose(
    github: GitHub, files: dict[str, str | None], *, message: str = "Change", by: str = "alice", body: str = "",
    branch: str = "change",
) -> int:  # fmt: skip
    git = github.world.infra.git
    author = github.sandbox.state.users[by]
    contents = {path: None if text is None else text.encode() for path, text in files.items()}
    sha = git.commit(parents=[git.head("main") or ""], message=message, author=author.person, files=contents)
    git.set_ref(f"refs/heads/{branch}", sha)
    return github.person(by).open_pull("your-org/infra", head=branch, title="Change", body=body)


def check(github: GitHub, number: int, *, now: datetime = NOW, **inputs: str) -> Result:
    pull = github.world.infra.pulls[number]
    payload = github.sandbox.payloads.pull_event(github.world.infra, pull.author, pull, "opened")
    github.runner.event("pull_request", payload)
    clock = Clock(now=lambda: sum(github.slept), wall=now.timestamp, sleep=github._sleep)
    return github.runner.run("action-check-envs", lambda: check_envs.main(clock), **{"token": github.bot, **inputs})


def deploy(github: GitHub, env: str, tag: str, *, ago: timedelta, state: str = "success") -> None:
    """Have *env* run *tag* since some time."""
    sha = github.change_infra({f"envs/{env}.json": tagged(tag)})
    bot = github.sandbox.state.users[BOT]
    at = (NOW - ago).strftime("%Y-%m-%dT%H:%M:%SZ")
    deployment = Deployment(github.sandbox.state.new_id(), sha, "main", env, bot, created=at)
    git_ = github.world.app.git
    named = git_.resolve(f"refs/tags/{tag}") or git_.resolve(f"refs/tags/v{tag}")
    deployment.payload = {"run": "1", "commits": {"api": named} if named else {}}
    deployment.statuses.append(DeploymentStatus(github.sandbox.state.new_id(), state, bot, at=at))
    github.world.infra.deployments.append(deployment)


def gates_of(result: Result) -> dict[str, str]:
    return {entry["gate"]: entry["decision"] for entry in result.json("gates")}


def merge_files(
    infra: Infra, files: dict[str, str | None], *, by: str = "alice", base: str = "main", linked: bool = True,
    message: str = "Change",
) -> str:  # fmt: skip
    """Merge *files* by a pull request that bob approved; *linked*: the address of its commit is that of an account."""
    github, repo = infra.github, infra.github.world.infra
    author = github.sandbox.state.users[by]
    contents = {path: None if text is None else text.encode() for path, text in files.items()}
    parents = [repo.git.head(base) or ""]
    person = author.person if linked else gitrepo.Person("Bob at home", "bob@home.example")
    sha = repo.git.commit(parents=parents, message=message, author=person, files=contents)
    branch = f"change-{len(repo.pulls)}"
    repo.git.set_ref(f"refs/heads/{branch}", sha)
    number = github.person(by).open_pull("your-org/infra", head=branch, title="Change", base=base)
    github.person("bob").approve("your-org/infra", number)
    return github.person(by).merge("your-org/infra", number)


# The files of protection


def lay(github: GitHub, files: dict[str, str | None], *, approved_by: str = "bob") -> str:
    """Put *files* into the infra repository, merged as approved by *approved_by* ("": nobody), and into the checkout.

    The run is of that commit.
    """
    sha, infra = github.change_infra(files, approved_by=""), github.world.infra
    merged_pull(github.sandbox.state, infra, sha, base="main", approved_by=approved_by)
    for path, text in files.items():
        if text is None:
            (github.runner.workspace / path).unlink()
        else:
            github.runner.write({path: text})
    github.runner.environment |= {"GITHUB_REPOSITORY": infra.full_name, "GITHUB_SHA": sha}
    return sha


# Deployments of the infra repository


class Infra:
    """The infra repository, checked out at one of its commits as actions/checkout does it."""

    def __init__(self, github: GitHub) -> None:
        self.github = github
        github.runner.environment["GITHUB_REPOSITORY"] = "your-org/infra"

    def push(self, **tags: str) -> str:
        """Commit the tag of each environment named to main, and return the commit."""
        return self.github.change_infra({f"envs/{env}.json": two(tag) for env, tag in tags.items()})

    def pushed(self, **tags: str) -> str:
        """Commit the tag of each environment named to main, which nobody approved, and return the commit."""
        return self.github.change_infra({f"envs/{env}.json": two(tag) for env, tag in tags.items()}, approved_by="")

    def merge(self, env: str, tag: str, *, approved: bool, message: str = "Change", by: str = "alice") -> str:
        """Bring a tag to main by a pull request, past all rules."""
        git_, author = self.github.world.infra.git, self.github.sandbox.state.users[by]
        self.github.world.infra.rulesets.clear()
        files = {f"envs/{env}.json": two(tag).encode()}
        head = git_.head("main") or ""
        sha = git_.commit(parents=[head], message=message, author=author.person, files=files)
        self.github.world.infra.authors[sha] = author
        git_.set_ref(f"refs/heads/to-{tag[:6]}", sha)
        number = self.github.person(by).open_pull("your-org/infra", head=f"to-{tag[:6]}", title="Change")
        if approved:
            self.github.person("bob").approve("your-org/infra", number)
        return self.github.person(by).merge("your-org/infra", number)

    def deployed(self, name: str, sha: str, state: str = "success") -> None:
        """Record a deployment of a commit."""
        sandbox, infra = self.github.sandbox, self.github.world.infra
        runner = sandbox.state.users[BOT]
        deployment = sandbox.behaviour.deploy(infra, runner, sha=sha, ref="main", environment=name)
        sandbox.behaviour.deployed(infra, deployment, runner, state)

    def plan(self, sha: str = "", **inputs: str) -> Result:
        """Run the action in a shallow checkout of *sha*, which is the newest commit if it is not given."""
        sha = sha or self.github.world.infra.git.head("main") or ""
        folder = self.github.runner.workspace
        shutil.rmtree(folder)
        folder.mkdir()
        git(folder, "init", "-q")
        git(folder, "fetch", "-q", "--depth=1", f"file://{self.github.world.infra.git.path}", sha)
        git(folder, "checkout", "-q", "FETCH_HEAD")
        payload = {"repository": {"default_branch": "main"}}
        self.github.runner.event("schedule", payload, GITHUB_REF="refs/heads/main", GITHUB_SHA=sha)
        clock = Clock(now=lambda: 0.0, wall=NOW.timestamp, sleep=self.github._sleep)
        given = {"token": self.github.bot, "since": "deployment", **inputs}
        return self.github.runner.run("action-deploy-matrix", lambda: deploy_matrix.main(clock), **given)


def two(tag: str) -> str:
    api, _, web = tag.partition("+")
    return json.dumps({"api": {"tag": api}, "web": {"tag": web or "1"}})


def entries(result: Result) -> list[Any]:
    assert result.exit_code == 0, result.log
    found: list[Any] = result.json("matrix")["include"]
    return found


def planned(result: Result) -> list[str]:
    return [f"{entry['env']}/{entry['service']}" if "service" in entry else entry["env"] for entry in entries(result)]


def hold(infra: Infra, **inputs: str) -> Result:
    return infra.plan(**{"enforce_gates": "true", **inputs})


def held(result: Result) -> set[str]:
    assert result.exit_code == 0, result.log
    return {f"{entry['env']}/{entry['service']} {entry['reason']}" for entry in result.json("held")}


class Clone:
    """A clone of the infra repository in the workspace, and pushes to its default branch."""

    def __init__(self, github: GitHub) -> None:
        self.github = github
        self.before = github.world.infra.git.head("main") or ""

    def push(self, files: dict[str, str | None], **changed: Any) -> None:
        self.before = self.github.world.infra.git.head("main") or ""
        after = self.github.change_infra(files)
        payload = {"before": self.before, "after": after, "repository": {"default_branch": "main"}}
        self.github.runner.event("push", payload | changed, GITHUB_REF="refs/heads/main", GITHUB_SHA=after)
        self.github.runner.environment["GITHUB_REPOSITORY"] = "your-org/infra"

    def clone(self, *, depth: int) -> Path:
        folder = self.github.runner.workspace
        git(folder, "init", "-q")
        git(folder, "fetch", "-q", f"--depth={depth}", f"file://{self.github.world.infra.git.path}", "main")
        git(folder, "checkout", "-q", "FETCH_HEAD")
        return folder

    def deploy(self, **inputs: str) -> Result:
        token = self.github.sandbox.state.add_token("olivia")
        return self.github.runner.run("action-deploy-matrix", None, **{"token": token, **inputs})


# Infra pull requests


def open_pr(github: GitHub, **inputs: str) -> Result:
    return github.run("action-open-infra-pr", **{"env": "dev", "infra_repo": "your-org/infra", **inputs})


def merge_at_once(github: GitHub, tag: str, **inputs: str) -> Result:
    github.world.infra.rulesets.clear()
    return open_pr(github, tag=tag, merge="direct", **inputs)


def opened(github: GitHub, tag: str) -> Pull:
    """Return the pull request that offers *tag*."""
    open_pr(github, tag=tag)
    return github.world.infra.pulls[1]
