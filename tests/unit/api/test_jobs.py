"""Which jobs an answer about check suites tells, and when it does not tell them."""

from __future__ import annotations

from typing import Any

import pytest

from actions.api.jobs import jobs_in

Node = dict[str, Any]


def job(name: str = "gate", conclusion: str | None = "SUCCESS", *, number: int = 1, steps: int = 3) -> Node:
    """A check run; what is posted through the API has no steps (OpenAPI, "Create a check run")."""
    status = "COMPLETED" if conclusion else "IN_PROGRESS"
    return {
        "databaseId": number, "name": name, "status": status, "conclusion": conclusion, "steps": {"totalCount": steps},
    }  # fmt: skip


def suite(
    *jobs: Node, event: str = "push", branch: str | None = "main", prefix: str = "refs/heads/", more: bool = False
) -> Node:
    return {
        "branch": branch and {"name": branch, "prefix": prefix},
        "workflowRun": {"event": event} if event else None,
        "checkRuns": {"pageInfo": {"hasNextPage": more}, "nodes": [*jobs]},
    }


def told(*suites: Node, names: tuple[str, ...] = ("gate",), more: bool = False) -> dict[str, str] | None:
    """The jobs with their conclusions, None if they are not told."""
    answer = {"pageInfo": {"hasNextPage": more}, "nodes": [*suites]}
    jobs = jobs_in(answer, lambda branch: branch in ("main", "hotfixes/x"), names)
    return None if jobs is None else {found.name: f"{found.state}, {found.conclusion}" for found in jobs}


def test_jobs_of_released_branches_are_told() -> None:
    gate, other = suite(job(), job("lint", "FAILURE")), suite(job("scan"), branch="hotfixes/x", event="schedule")

    assert told(gate, other, names=("gate", "scan")) == {"gate": "success, success", "scan": "success, success"}


@pytest.mark.parametrize("branch", ["main", "hotfixes/x"])
@pytest.mark.parametrize("newest", [0, 1], ids=["the first", "the second"])
def test_the_newest_of_a_name_counts(newest: int, branch: str) -> None:
    """That has the higher number, as for the jobs of REST."""
    good, bad = suite(job(number=5)), suite(job(conclusion="FAILURE", number=6 - 2 * newest), branch=branch)

    assert told(good, bad) == {"gate": "success, success" if newest else "failure, failure"}


def test_a_job_that_runs_is_pending() -> None:
    assert told(suite(job(conclusion=None))) == {"gate": "pending, in_progress"}


@pytest.mark.parametrize(
    "unclear",
    [
        pytest.param(suite(job(), job(number=9, steps=0)), id="one was posted, or has not begun, or was skipped"),
        pytest.param(suite(job(), more=True), id="there are more jobs"),
        pytest.param(suite(job(), branch=None), id="the branch was deleted"),
        pytest.param(suite(job("lint")), id="none has the name"),
        pytest.param(suite(job(), event="pull_request"), id="it is no event of a released branch"),
        pytest.param(suite(job(), event=""), id="it is no run"),
        pytest.param(suite(job(), branch="feature"), id="it is no released branch"),
        pytest.param(suite(job(), prefix="refs/tags/"), id="it is a git tag of that name"),
    ],
)
def test_what_is_unclear_is_not_told(unclear: Node) -> None:
    assert told(unclear) is None


def test_more_suites_than_are_shown_tell_nothing() -> None:
    assert told(suite(job()), more=True) is None
    assert told(suite(job())) is not None


def test_what_is_posted_under_another_name_changes_nothing() -> None:
    assert told(suite(job(), job("lint", steps=0))) == {"gate": "success, success"}
