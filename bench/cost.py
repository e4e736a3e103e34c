"""Count what each action asks of GitHub: requests, and the points that GitHub charges for its GraphQL queries.

Four services of one environment change, and every gate applies. `GITHUB_TOKEN` has 1,000 points an hour in a repository
(docs.github.com, "Rate limits and query limits for the GraphQL API"). A test holds each action to its budget. Then the
story of `make demo` is told, with what the workflows of each chapter ask. Run it with `make bench-cost`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.delivery import Delivery
from sandbox.demo import perform
from sandbox.server import Sandbox
from sandbox.state import ACTIONS_APP, CheckRun, WorkflowRun
from sandbox.story import Narrator
from sandbox.world import BOT, GUARD, as_documented, build, with_environments, without_gates
from tests.support import declaration, module_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sandbox.act import Run

ROOT = Path(__file__).parent.parent
SERVICES = ("api", "mail", "web", "worker")
CONFIG = (
    "environments: {dev: {review: none}, staging: {after: dev}, prod: {after: staging}}\n"
    f"services: {{{', '.join(f'{service}: {{repo: your-org/app}}' for service in SERVICES)}}}\n"
    f"bots: ['{BOT}']\n"
)

RUN = 42
IN_APP = ("action-open-infra-pr", "action-create-hotfix")


@dataclass(frozen=True, slots=True)
class Cost:
    """A number of requests and of points."""

    requests: int
    points: int


BUDGETS = {
    "action-open-infra-pr": Cost(6, 6),
    "action-check-envs": Cost(13, 10),
    "action-deploy-matrix": Cost(12, 8),
    "action-report-deployment": Cost(19, 8),
    "action-create-hotfix": Cost(5, 1),
    "action-sync-protection": Cost(24, 3),
    "action-export-evidence": Cost(34, 22),
    "action-doctor": Cost(50, 8),
}

DID = {
    "action-open-infra-pr": ", a promotion",
    "action-sync-protection": ", both repositories and their environments",
    "action-export-evidence": ", the first export",
}


def main() -> dict[str, Cost]:
    """Print the cost of each action beside its budget, and return the costs."""
    costs = {}
    print(f"{'':<26} requests  budget  points  budget")
    for action, cost in measure():
        costs[action], budget = cost, BUDGETS[action]
        print(f"{action:<26} {cost.requests:8} {budget.requests:7} {cost.points:7} {budget.points:7}", flush=True)
    return costs


def table(costs: Mapping[str, Cost]) -> str:
    """Return *costs* as the table of the README."""
    rows = (f"| {name_of(action)} | {cost.requests} | {cost.points} |\n" for action, cost in costs.items())
    return "| action | requests | points |\n|---|---|---|\n" + "".join(rows)


def name_of(action: str) -> str:
    """Return what *action* did when it was measured."""
    return action.removeprefix("action-") + DID.get(action, "")


def tell_story() -> None:
    """Tell the story of the demo, and print what the workflows of each chapter ask."""
    with Sandbox.start() as sandbox:
        accountant = _Accountant(sandbox)
        perform(sandbox, accountant)
        accountant.chapter("The end")


class _Accountant(Narrator):
    """Tells nothing but what each chapter cost: the workflow runs, and what their tokens asked."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__()
        self._sandbox, self._title, self._seen, self._runs = sandbox, "", 0, 0

    def chapter(self, title: str) -> None:
        """Sum up the chapter before."""
        asked = [exchange for exchange in self._sandbox.exchanges[self._seen :] if exchange.user.endswith("[bot]")]
        points = sum(exchange.points for exchange in asked)
        if self._title:
            print(f"{self._title:<80} {self._runs:3} runs {len(asked):4} requests {points:4} points", flush=True)
        self._title, self._seen, self._runs = title, len(self._sandbox.exchanges), 0

    def tell(self, who: str, what: str) -> None:
        """Say nothing."""

    def tell_run(self, run: Run) -> None:
        """Count a run that ended."""
        self._runs += bool(run.conclusion)


def measure() -> Iterator[tuple[str, Cost]]:
    """Yield each action with its cost, from the promotion of a tag to the evidence of it."""
    with Sandbox.start() as sandbox, tempfile.TemporaryDirectory() as folder:
        delivery = Delivery(sandbox, without_gates(with_environments(build(sandbox))))
        infra, app = delivery.world.infra, delivery.world.app
        runs = _Runs(delivery, Path(folder))
        delivery.land(infra, {"gitops.yml": CONFIG}, message="Gates")
        before, after = delivery.release(), delivery.release()
        for tag, envs in ((before, ("dev", "staging", "prod")), (after, ("dev", "staging"))):
            for env in envs:
                delivery.deploy(delivery.land(infra, {f"envs/{env}.json": _env_file(tag)}), env)
        asking = WorkflowRun(
            RUN, ".github/workflows/change.yml", "workflow_dispatch", sandbox.state.users["alice"], after
        )
        app.runs.append(asking)
        tags = {"from-env": "staging", "env": "prod", "infra-repo": infra.full_name}
        yield runs.run("action-open-infra-pr", tags)
        pull = infra.pulls[max(infra.pulls)]
        payload = sandbox.payloads.pull_event(infra, pull.author, pull, "opened")
        yield runs.run("action-check-envs", {}, pull=payload)
        delivery.report(infra, pull.head_sha, "success")
        delivery.person("bob").approve(infra.full_name, pull.number)
        merged = delivery.person("alice").merge(infra.full_name, pull.number)
        yield runs.run("action-deploy-matrix", {"since": "deployment", "enforce-gates": "true", "record": "true"})
        _have_deployed(delivery, merged)
        yield runs.run("action-report-deployment", {})
        yield runs.run("action-create-hotfix", {"base-commit-sha": before, "branch-name": "x"})
        yield runs.run("action-sync-protection", {"mode": "plan"}, login="olivia")
        evidence = {"env": "prod", "app-repo": app.full_name}
        yield runs.run("action-export-evidence", evidence, login="olivia")
    with Sandbox.start() as sandbox, tempfile.TemporaryDirectory() as folder:
        delivery = Delivery(sandbox, as_documented(build(sandbox)))
        yield _Runs(delivery, Path(folder)).run("action-doctor", {}, login=GUARD)


def _have_deployed(delivery: Delivery, sha: str) -> None:
    """Have the job of this run deployed prod."""
    state, infra = delivery.sandbox.state, delivery.world.infra
    run = WorkflowRun(RUN, ".github/workflows/deploy.yml", "push", state.users["alice"], sha, branch="main")
    job = CheckRun(state.new_id(), "deploy (prod)", sha, ACTIONS_APP, RUN, status="completed", conclusion="success")
    job.steps = {"Deploy": "success"}
    infra.runs.append(run)
    infra.checks.append(job)


def _env_file(tag: str) -> str:
    return json.dumps({service: {"tag": tag} for service in SERVICES}, indent=2) + "\n"


@dataclass(frozen=True, slots=True)
class _Runs:
    delivery: Delivery
    folder: Path

    def run(
        self, action: str, inputs: dict[str, str], *, login: str = BOT, pull: dict[str, Any] | None = None
    ) -> tuple[str, Cost]:
        """Run *action*, about *pull* or after a push, with the token of *login*; return its cost."""
        sandbox, infra = self.delivery.sandbox, self.delivery.world.infra
        workspace = self.folder / action
        (workspace / "envs").mkdir(parents=True)
        head = infra.git.head("main") or ""
        home = self.delivery.world.app if action in IN_APP else infra
        for path in infra.git.paths(head):
            if path.startswith(("envs/", "gitops.yml")):
                (workspace / path).write_bytes((infra.git.file(head, path) or (0, b""))[1])
        shutil.copytree(ROOT / "examples" / "infra" / "protection", workspace / "protection")
        event = self.folder / f"{action}.json"
        event.write_text(json.dumps(pull or {"repository": {"default_branch": "main"}}), encoding="utf-8")
        given = {input_: str(declared.get("default", "")) for input_, declared in declaration(action)["inputs"].items()}
        given |= {"token": self.delivery.world.tokens[login], **inputs}
        environment = {f"INPUT_{key.upper().replace('-', '_')}": value for key, value in given.items()} | {
            "GITHUB_REPOSITORY": home.full_name,
            "GITHUB_EVENT_NAME": "pull_request" if pull else "push",
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_RUN_ID": str(RUN),
            "GITHUB_ACTOR": "alice",
            "GITHUB_REF": "refs/heads/main",
            "GITHUB_SHA": home.git.head("main") or "",
            "GITHUB_WORKSPACE": str(workspace),
            "PYTHONPATH": str(ROOT),
        }
        sandbox.exchanges.clear()
        code = f"from actions.{module_name(action)} import main; raise SystemExit(main())"
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, **sandbox.environment(), **environment},
            cwd=workspace,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)
        return action, Cost(len(sandbox.exchanges), sum(exchange.points for exchange in sandbox.exchanges))


if __name__ == "__main__":
    main()
    tell_story()
