"""A pull request that waits for a gate: its check is started again when the gate has opened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from actions import check_envs
from actions.runner.clock import Clock
from sandbox.delivery import tagged
from sandbox.state import WorkflowRun
from tests.sandbox.scenarios import GitHub, check, deploy, propose
from tests.support import Result

SATURDAY = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
MONDAY = datetime(2026, 11, 30, 7, 0, tzinfo=UTC)


@pytest.fixture(name="frozen")
def _frozen(gated: GitHub) -> int:
    """The number of a pull request that waits until Monday."""
    tag = gated.app_commit()
    deploy(gated, "staging", tag, ago=timedelta(days=2))
    number = propose(gated, {"envs/prod.json": tagged(tag)})
    assert judge(gated, number) == "frozen"
    return number


def judge(github: GitHub, number: int) -> str:
    """Have a run of *Gates* judge the pull request on Saturday."""
    github.report("gates", "failure", github.world.infra.pulls[number].head_sha)
    run_of(github).again = lambda: None
    github.runner.environment["GITHUB_RUN_ID"] = str(run_of(github).id)
    inputs = {"token": workflow_token(github), "app_token": github.bot}
    return str(check(github, number, now=SATURDAY, **inputs).outputs["reason"])


def workflow_token(github: GitHub, **more: str) -> str:
    """Return a GITHUB_TOKEN of the job that judges, or starts the check again."""
    github.world.infra.members["github-actions[bot]"] = "write"
    may = {"contents": "read", "deployments": "read", "pull_requests": "write", **more}
    return str(github.sandbox.state.add_token("github-actions[bot]", permissions=may, of_run=True))


def run_of(github: GitHub) -> WorkflowRun:
    return github.world.infra.runs[-1]


def on_schedule(github: GitHub, now: datetime, actions: str = "write") -> Result:
    github.runner.event("schedule", {"schedule": "53 * * * *"})
    clock = Clock(now=lambda: sum(github.slept), wall=now.timestamp, sleep=github._sleep)
    return github.runner.run(
        "action-check-envs", lambda: check_envs.main(clock), token=workflow_token(github, actions=actions)
    )


def test_the_check_is_started_again_once_the_gate_has_opened(gated: GitHub, frozen: int) -> None:
    early = on_schedule(gated, MONDAY - timedelta(seconds=1))
    before = run_of(gated).attempt
    late = on_schedule(gated, MONDAY)

    assert (early.exit_code, early.outputs["reason"], before) == (0, "nothing-to-judge", 1)
    assert (late.exit_code, late.outputs["reason"], run_of(gated).attempt) == (0, "started-again", 2)
    assert f"::notice::the gates of #{frozen} have opened, and judge again" in late.log


@pytest.mark.parametrize("which", ["closed", "of somebody else", "without the mark"])
def test_what_does_not_wait_is_left_alone(gated: GitHub, frozen: int, which: str) -> None:
    pull = gated.world.infra.pulls[frozen]
    (comment,) = pull.comments
    if which == "closed":
        pull.state = "closed"
    elif which == "of somebody else":
        comment.user = gated.sandbox.state.users["alice"]
    else:
        comment.body = comment.body.replace("waits run", "waited run")

    assert on_schedule(gated, MONDAY).outputs["reason"] == "nothing-to-judge"
    assert run_of(gated).attempt == 1


def test_every_pull_request_that_waits_is_looked_at(gated: GitHub, frozen: int) -> None:
    infra = gated.world.infra
    text = (infra.git.file(infra.pulls[frozen].head_sha, "envs/prod.json") or (0, b""))[1].decode()
    numbers = [propose(gated, {"envs/prod.json": text}, branch=f"other-{index}") for index in range(50)]
    judge(gated, numbers[-1])
    newest = run_of(gated)

    result = on_schedule(gated, MONDAY)

    assert f"the gates of #{numbers[-1]}, #{frozen} have opened" in result.log
    assert newest.attempt == 2


@pytest.mark.usefixtures("frozen")
def test_a_run_that_goes_on_is_not_started_again(gated: GitHub) -> None:
    run = run_of(gated)
    gated.world.infra.checks[-1].conclusion = None

    assert on_schedule(gated, MONDAY).outputs["reason"] == "nothing-to-judge"
    assert run.attempt == 1


def test_if_github_does_not_start_it_any_more_the_comment_says_what_to_do(gated: GitHub, frozen: int) -> None:
    run_of(gated).again = None  # too old

    first, second = on_schedule(gated, MONDAY), on_schedule(gated, MONDAY)

    assert [result.outputs["reason"] for result in (first, second)] == ["nothing-to-judge"] * 2
    (comment,) = gated.world.infra.pulls[frozen].comments
    assert "When the gate is open, close and reopen the pull request." in comment.body
    assert "waits run" not in comment.body


@pytest.mark.usefixtures("frozen")
def test_a_token_that_may_not_start_runs_is_told(gated: GitHub) -> None:
    result = on_schedule(gated, MONDAY, "read")

    assert (result.exit_code, result.outputs["reason"]) == (6, "permission-denied")
    assert "actions: write" in result.log
