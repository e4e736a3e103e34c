from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.deployments.outcome import FAILURE, GIVEN_UP, SUCCESS, Step, state_of

JOB, STEP = "deploy (prod)", "Deploy"
CONCLUSIONS = ("success", "failure", "cancelled", "skipped", "timed_out", None)
Job = list[Step]


def job(name: str = JOB, attempt: int = 1, **steps: str | None) -> Job:
    return [Step(job=name, attempt=attempt, name=step, conclusion=end or "") for step, end in steps.items()]


def state(*jobs: Job, since: int = 1) -> str:
    return state_of([step for each in jobs for step in each], job=JOB, step=STEP, since=since)


@pytest.mark.parametrize(
    ("jobs", "expected"),
    [
        pytest.param([], GIVEN_UP, id="no job"),
        pytest.param([job()], GIVEN_UP, id="no step"),
        pytest.param([job(Deploy="success")], SUCCESS, id="succeeded"),
        pytest.param([job(Deploy="success", Tell="failure")], SUCCESS, id="failed after it had succeeded"),
        pytest.param([job(Checkout="failure", Deploy="skipped")], GIVEN_UP, id="failed before it began"),
        pytest.param([job(Checkout="success", Deploy="skipped")], GIVEN_UP, id="not to be deployed any more"),
        pytest.param([job(Deploy="failure")], FAILURE, id="failed"),
        pytest.param([job(Deploy="cancelled")], FAILURE, id="cancelled"),
        pytest.param([job(Deploy=None)], FAILURE, id="not done"),
        pytest.param([job(Deploy="")], FAILURE, id="nobody knows"),
        pytest.param([job(deploy="success")], GIVEN_UP, id="a step of another name"),
        pytest.param([job("deploy (dev)", Deploy="success")], GIVEN_UP, id="another environment"),
        pytest.param([job("redeploy (prod)", Deploy="success")], GIVEN_UP, id="a longer name"),
        pytest.param([job("deploy (prod) / deploy", Deploy="success")], GIVEN_UP, id="what the job calls"),
        pytest.param([job("shard 1 / deploy (prod)", Deploy="success")], SUCCESS, id="of a called workflow"),
        pytest.param([job("a / b / deploy (prod)", Deploy="failure")], FAILURE, id="of one that another calls"),
    ],
)
def test_a_deployment_ended_as_its_step_did(jobs: list[Job], expected: str) -> None:
    assert state(*jobs) == expected


NAMES = st.sampled_from([JOB, f"shard 1 / {JOB}", "deploy (dev)", "test", f"{JOB} / x", f"x{JOB}"])
STEPS = st.dictionaries(st.sampled_from([STEP, "Checkout", "Post Checkout"]), st.sampled_from(CONCLUSIONS))
JOBS = st.lists(st.builds(lambda name, steps: job(name, **steps), NAMES, STEPS), max_size=6)


MINE = (JOB, f"shard 1 / {JOB}")


def deploying(jobs: list[Job]) -> list[str | None]:
    """Return how the steps that deploy to prod ended."""
    return [step.conclusion for each in jobs for step in each if step.job in MINE and step.name == STEP]


@given(JOBS)
def test_only_a_step_that_succeeded_is_a_success_and_only_what_never_began_is_given_up(jobs: list[Job]) -> None:
    ends = deploying(jobs)

    assert (state(*jobs) == SUCCESS) == ("success" in ends)
    assert (state(*jobs) == GIVEN_UP) == (set(ends) <= {"skipped"})
    assert state(*jobs) in (SUCCESS, FAILURE, GIVEN_UP)


@given(JOBS, st.randoms(use_true_random=False))
def test_neither_their_order_nor_other_jobs_matter(jobs: list[Job], random: Any) -> None:
    alone = [[step for step in each if step.job in MINE] for each in jobs]
    shuffled = random.sample(jobs, len(jobs))

    assert state(*jobs) == state(*shuffled) == state(*alone)


def test_a_record_is_judged_by_the_attempts_since_it_was_made() -> None:
    """A run that is run again may leave out what an earlier attempt of it did, or do what that failed to do."""
    first = job(Deploy="failure")

    assert state(first, job("deploy (dev)", attempt=2, Deploy="success")) == FAILURE
    assert state(first, job(attempt=2, Deploy="success")) == SUCCESS
    assert state(job(Deploy="success"), job(attempt=2, Deploy="failure"), since=2) == FAILURE
    assert state(first, since=2) == GIVEN_UP
