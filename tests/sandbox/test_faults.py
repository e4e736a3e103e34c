"""Every call of a run, every fault: it ends clean or recovers, and a second run ends where an undisturbed one does.

The calls are those that an undisturbed run makes, so a new call is covered by itself.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox.faults import Fault
from sandbox.server import Sandbox
from sandbox.world import BOT, build, release, without_gates
from tests.sandbox.scenarios import FINE_GRAINED, QUEUE, GitHub, require_no_surprise
from tests.support import ROOT, Result, Runner, declaration

ACTION = "action-open-infra-pr"
LIMITED = {"message": "You have exceeded a secondary rate limit. Please wait a few minutes"}


def problem(message: str, **more: str) -> dict[str, object]:
    """An answer of GraphQL that is an error."""
    return {"data": None, "errors": [{"message": message, **more}]}


# What passes by itself: the run tries again and ends well. The texts are those of tests/unit/api/test_github_errors.py.
TEMPORARY = {
    "500 before the effect": Fault(status=500),
    "502 after the effect": Fault(status=502, after=True),
    "dropped before the effect": Fault(),
    "dropped after the effect": Fault(after=True),
    "time-out": Fault(after=True, delay=1.1),
    "403 secondary": Fault(status=403, body=LIMITED, headers={"retry-after": "5"}),
    "429": Fault(status=429),
}
TEMPORARY_IN_GRAPHQL = {
    "secondary limit in a 200": Fault(status=200, body=problem(LIMITED["message"]), headers={"retry-after": "5"}),
    "limit in a 200": Fault(
        status=200, body=problem("API rate limit already exceeded", type="RATE_LIMIT"), headers={"retry-after": "5"}
    ),
    "something went wrong": Fault(
        status=200, body=problem("Something went wrong while executing your query. Please include `A:1`")
    ),
    "neither data nor errors": Fault(status=200, after=True),
}
# What the same call would get again: nothing is asked after it.
FINAL = {
    "401": Fault(status=401, body={"message": "Bad credentials"}),
    "403": Fault(status=403, body={"message": "Resource not accessible by integration"}),
    "404": Fault(status=404, body={"message": "Not Found"}),
}
FINAL_IN_GRAPHQL = {
    "no scope": Fault(status=200, body=problem("Resource not accessible by integration", type="INSUFFICIENT_SCOPES")),
}
ANSWERS = TEMPORARY | TEMPORARY_IN_GRAPHQL | FINAL | FINAL_IN_GRAPHQL
APP_LOOK_UP = 1  # it is asked in batches, which are halved
ROUTES = {"none": {}, "direct": {"merge": "direct"}, "auto": {"merge": "auto"}, "queue": {"merge": "queue"}}
ENDS_WELL = {"opened", "already-open", "merged", "merges-when-ready", "up-to-date"}
# "unknown" is what a gate says that cannot read the checks.
ENDS_CLEAN = {"permission-denied", "unknown"}


@contextmanager
def fresh(
    runner: Runner, *, reworks: bool = False, narrow: bool = False, queue: bool = False, without_rules: bool = False
) -> Iterator[GitHub]:
    """A new organization; with *reworks*, the change was offered before and its base has moved since.

    With *narrow*, the bot has a fine-grained token, which reads jobs in the place of checks. With *queue*, main has a
    merge queue and needs no approval. *without_rules*, the infra repository waits for no check.
    """
    with Sandbox.start() as sandbox:
        world = without_gates(build(sandbox))
        if narrow:
            world.tokens[BOT] = sandbox.state.add_token(BOT, permissions=FINE_GRAINED)
        release(world, "1.0.0", "1.1.0")
        runner.environment |= sandbox.environment() | {"GITHUB_REPOSITORY": "your-org/app", "GITHUB_RUN_ID": "42"}
        github = GitHub(sandbox, world, runner)
        github.change_infra({"envs/dev.json": '{\n"api": {"tag": "1.0.0"},\n"web": {"tag": "1.0.0"}\n}\n'})
        github.on_sleep = lambda: as_time_goes_by(github)
        if reworks:
            run(github, "none")
            github.change_infra({"envs/dev.json": '{\n"api": {"tag": "1.0.0"},\n"web": {"tag": "2.0.0"}\n}\n'})
        if queue:
            rules = world.infra.ruleset("main")["rules"]
            rules[:] = [QUEUE, *(rule for rule in rules if rule["type"] != "pull_request")]
        if without_rules:
            world.infra.rulesets.clear()
        sandbox.faults.plan({})
        yield github
        require_no_surprise(sandbox)


def as_time_goes_by(github: GitHub) -> None:
    """Checks succeed, and the merge queue merges."""
    for pull in github.world.infra.pulls.values():
        if pull.state == "open":
            github.report("test", "success", pull.head_sha)
            github.sandbox.behaviour.carry_out_wishes(github.world.infra)
        if pull.queued:
            bot = github.sandbox.state.tokens[github.bot]
            github.sandbox.behaviour.leave_queue(github.world.infra, bot, pull, merged=True)


def run(github: GitHub, route: str) -> Result:
    return github.run(ACTION, env="dev", service="api", tag="1.1.0", infra_repo="your-org/infra", **ROUTES[route])


def state(github: GitHub) -> object:
    """What is left behind: the tags on main, how many commits, the pull requests, the branches."""
    infra = github.world.infra
    head = infra.git.head("main") or ""
    pulls = [(pull.state, pull.merge_sha is not None) for pull in infra.pulls.values()]
    root = infra.git.between(head, head) or [head]
    commits = len(list(infra.git._repo.walk(root[-1])))
    return json.loads(github.infra_file()), commits, pulls, list(infra.git.refs("refs/heads/"))


def undisturbed(runner: Runner, route: str, **how: bool) -> tuple[list[bool], object]:
    """Return the calls that an undisturbed run makes, whether each is GraphQL, and the state that it leaves."""
    with fresh(runner, **how) as github:
        github.sandbox.exchanges.clear()
        result = run(github, route)
        assert result.outputs["reason"] in ENDS_WELL
        calls = [exchange.path.endswith("/graphql") for exchange in github.sandbox.exchanges]
        assert len(calls) == github.sandbox.faults.calls > 3
        return calls, state(github)


# The long routes share all but a few calls with the short ones: one answer of each kind is enough here.
WHOLE = os.environ.get("FAULTS") == "all"
SOME = ANSWERS if WHOLE else ("502 after the effect", "403")
SOME_OF_AUTO = ANSWERS if WHOLE else (*SOME, "429", "something went wrong", "404")
QUICK = ("none", "direct, fine-grained token")
CASES = [
    pytest.param(route, how, answer, id=f"{name}-{answer}", marks=() if name in QUICK else pytest.mark.thorough)
    for name, route, how, answers in (
        ("none", "none", {}, ANSWERS),
        ("direct, fine-grained token", "direct", {"narrow": True}, SOME),
        ("auto", "auto", {}, SOME_OF_AUTO),
        ("queue", "queue", {"queue": True}, SOME),
        ("direct, made again", "direct", {"reworks": True}, SOME),
    )
    for answer in answers
]


@pytest.mark.parametrize(("route", "how", "answer"), CASES)
def test_any_answer_to_any_call_is_tried_again_or_final_at_once(
    runner: Runner, monkeypatch: pytest.MonkeyPatch, route: str, how: dict[str, bool], answer: str
) -> None:
    """The change is merged once, or nothing is asked any more and a second run ends where an undisturbed one does."""
    calls, expected = undisturbed(runner, route, **how)
    if answer == "time-out":
        monkeypatch.setattr("actions.api.client.TIMEOUT", 1)
    for call, is_graphql in enumerate(calls):
        if answer in TEMPORARY_IN_GRAPHQL | FINAL_IN_GRAPHQL and not is_graphql:
            continue
        with fresh(runner, **how) as github:
            github.sandbox.faults.plan({call: ANSWERS[answer]})
            first = run(github, route)
            tries = first.log.count("trying again in") + first.log.count("; waiting ")
            asked = github.sandbox.faults.calls
            is_side_work = "::warning::" in first.log
            if answer in TEMPORARY | TEMPORARY_IN_GRAPHQL:
                assert first.outputs["reason"] in ENDS_WELL, (call, first.log)
                assert not is_side_work, (call, first.log)
                halved = answer == "something went wrong" and call == APP_LOOK_UP
                assert tries == (0 if halved else 1), (call, first.log)
            # What was made a moment ago may not be there yet; a tag is asked for again, without what needs more scope.
            elif (answer == "404" and tries) or (answer == "no scope" and call == APP_LOOK_UP):
                assert first.outputs["reason"] in ENDS_WELL, (call, first.log)
            elif not is_side_work:
                assert first.outputs["reason"] in ENDS_CLEAN, (call, first.log)
                assert (asked, tries) == (call + 1, 0), (call, first.log)
            if is_side_work or first.outputs["reason"] not in ENDS_WELL:
                second = run(github, route)
                assert second.outputs["reason"] in ENDS_WELL, (call, second.log)
            assert state(github) == expected, (call, first.log)


@pytest.mark.parametrize(
    ("route", "how"),
    [("none", {}), ("direct", {"narrow": True}), *([("auto", {}), ("direct", {"reworks": True})] if WHOLE else [])],
    ids=str,
)
def test_a_run_that_is_killed_after_any_call_is_finished_by_the_next(
    runner: Runner, tmp_path: Path, route: str, how: dict[str, bool]
) -> None:
    how = how | {"without_rules": route == "direct"}  # the checks would be waited for in real time
    calls, expected = undisturbed(runner, route, **how)
    for call in range(len(calls)):
        with fresh(runner, **how) as github:
            process: list[subprocess.Popen[bytes]] = []
            github.sandbox.faults.plan({call: Fault(after=True, silent=True, meanwhile=killer(process))})
            process.append(start(github, route, tmp_path))
            assert process[0].wait(timeout=30) == -signal.SIGKILL, call
            github.sandbox.faults.plan({})

            second = run(github, route)

            assert second.outputs["reason"] in ENDS_WELL, (call, second.log)
            assert state(github) == expected, (call, second.log)


def killer(process: list[subprocess.Popen[bytes]]) -> Callable[[], None]:
    return lambda: os.kill(process[0].pid, signal.SIGKILL)


def start(github: GitHub, route: str, tool_cache: Path) -> subprocess.Popen[bytes]:
    """Start the action as a process of its own, in the interpreter of the tests."""
    given = {name: str(declared.get("default", "")) for name, declared in declaration(ACTION)["inputs"].items()} | {
        "env": "dev",
        "service": "api",
        "tag": "1.1.0",
        "infra-repo": "your-org/infra",
        "token": github.bot,
    }
    given |= ROUTES[route]
    inputs = {f"INPUT_{name.upper().replace('-', '_')}": value for name, value in given.items()}
    environment = {**os.environ, **github.runner.environment, **inputs, "PYTHONPATH": str(ROOT)}
    code = "from actions.open_infra_pr import main; raise SystemExit(main())"
    return subprocess.Popen(
        [str(ROOT / ".venv/bin/python"), "-c", code],
        env=environment,
        cwd=tool_cache,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
