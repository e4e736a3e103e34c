"""Fine-grained tokens of people, which GitHub shows no checks: they read the jobs, and take nothing for granted."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from actions.api.checks import ReportedChecks
from actions.api.client import Client
from actions.app.repository import AppRepository
from actions.errors import AccessError
from sandbox.faults import Fault
from sandbox.state import ACTIONS_APP, CheckRun, Repo, WorkflowRun
from sandbox.world import BOT
from tests.sandbox.scenarios import FINE_GRAINED, GitHub, open_pr, opened

JOBS = "GET /repos/{owner}/{repo}/actions/runs/{run_id}/jobs"


def of_another_app(repo: Repo, name: str, sha: str, conclusion: str | None, *, app: int = 77) -> None:
    """Report a check that is no job."""
    status = "completed" if conclusion else "in_progress"
    repo.checks.append(CheckRun(1, name, sha, app, status=status, conclusion=conclusion))


def from_anyone(repo: Repo) -> None:
    """Let the rules take the required checks from any app."""
    for ruleset in repo.rulesets:
        for rule in ruleset["rules"]:
            for check in rule.get("parameters", {}).get("required_status_checks", []):
                check.pop("integration_id", None)


def test_a_fine_grained_token_waits_for_the_jobs_behind_the_checks(github: GitHub, narrow: str) -> None:
    tag = github.app_commit()
    github.report("test", None, opened(github, tag).head_sha)
    job = github.world.infra.checks[-1]

    def as_time_goes_by() -> None:
        job.status, job.conclusion = "completed", "success"

    github.on_sleep = as_time_goes_by

    result = open_pr(github, tag=tag, merge="direct", token=narrow)

    assert (result.exit_code, result.outputs["reason"]) == (0, "merged"), result.log
    assert "waiting: test has not finished on" in result.log


def test_a_fine_grained_token_sees_that_a_job_failed(github: GitHub, narrow: str) -> None:
    tag = github.app_commit()
    github.report("test", "failure", opened(github, tag).head_sha)

    result = open_pr(github, tag=tag, merge="direct", token=narrow)

    assert result.outputs["reason"] == "checks-failed"
    assert "test (failure)" in result.log


def test_a_fine_grained_token_sees_that_the_app_was_not_tested(github: GitHub, narrow: str) -> None:
    tag = github.app_commit()
    github.report("gate", "failure", tag, github.world.app)

    result = open_pr(github, tag=tag, token=narrow)

    assert result.outputs["reason"] == "checks-failed"
    assert "gate (failure)" in result.log


def test_a_token_that_may_read_neither_checks_nor_jobs_is_told_so(github: GitHub) -> None:
    token = github.sandbox.state.add_token(BOT, permissions={**FINE_GRAINED, "actions": "none"})

    result = open_pr(github, tag=github.app_commit(), token=token)

    assert (result.exit_code, result.outputs["reason"]) == (7, "unknown")
    assert (
        "in your-org/app, or cannot see it: it needs 'checks: read, commit statuses: read (a fine-grained" in result.log
    )


def test_jobs_of_many_runs_and_pages_are_read_to_their_end(github: GitHub, narrow: str) -> None:
    tag = github.app_commit()
    app = github.world.app
    (gate,) = [check for check in app.checks if check.sha == tag]
    app.checks.remove(gate)
    app.checks += [CheckRun(n, f"job {n}", tag, gate.app, gate.run, "completed", "success") for n in range(120)]
    app.checks.append(gate)
    app.runs += [WorkflowRun(9000 + n, "x.yml", "push", app.authors[tag], tag) for n in range(120)]
    github.report("gate", "success", tag, app)

    result = open_pr(github, tag=tag, token=narrow)

    assert (result.exit_code, result.outputs["reason"]) == (0, "opened"), result.log


@pytest.mark.parametrize("conclusion", ["failure", "skipped", None])
@pytest.mark.parametrize("app", [77, ACTIONS_APP], ids=["another app", "a workflow, through the API"])
def test_a_check_that_is_hidden_may_be_one_that_failed(
    github: GitHub, narrow: str, app: int, conclusion: str | None
) -> None:
    """Of several of one name all must succeed; a job that did says nothing of another check of its name."""
    if app != ACTIONS_APP:
        from_anyone(github.world.app)
    tag = github.app_commit()
    of_another_app(github.world.app, "gate", tag, conclusion, app=app)

    result = open_pr(github, tag=tag, token=narrow)

    assert (result.exit_code, result.outputs["reason"]) == (7, "unknown")
    assert (
        f"GitHub hides 2 checks on {tag[:12]} of your-org/app from this token; 1 of them can be read as jobs"
        in result.log
    )
    assert github.world.infra.opened == {}


@pytest.mark.parametrize("name", ["test", "DCO"])
def test_nothing_is_merged_past_a_check_that_is_hidden(github: GitHub, narrow: str, name: str) -> None:
    from_anyone(github.world.infra)
    tag = github.app_commit()
    pull = opened(github, tag)
    github.report("test", "success", pull.head_sha)
    of_another_app(github.world.infra, name, pull.head_sha, "failure")

    result = open_pr(github, tag=tag, merge="direct", token=narrow)

    assert (result.exit_code, result.outputs["reason"]) == (6, "checks-hidden")
    assert "Use a GitHub App or a classic token" in result.log
    assert 30 <= sum(github.slept) < 60
    assert pull.state == "open"


def test_a_job_that_is_not_listed_yet_is_waited_for(github: GitHub, narrow: str) -> None:
    tag = github.app_commit()
    pull = opened(github, tag)
    github.report("test", "success", pull.head_sha)
    run = github.world.infra.runs.pop()
    github.on_sleep = lambda: github.world.infra.runs.append(run) if run not in github.world.infra.runs else None

    result = open_pr(github, tag=tag, merge="direct", token=narrow)

    assert (result.exit_code, result.outputs["reason"]) == (0, "merged"), result.log


def test_a_job_that_begins_between_two_answers_is_looked_for_again(github: GitHub, narrow: str) -> None:
    tag = github.app_commit()
    run = github.world.app.runs.pop()
    again = Fault(silent=True, after=True, meanwhile=lambda: github.world.app.runs.append(run))
    github.sandbox.faults.plan({("query object", 1): again})

    result = open_pr(github, tag=tag, token=narrow)

    assert (result.exit_code, result.outputs["reason"]) == (0, "opened"), result.log


def test_what_somebody_merged_meanwhile_is_merged_whatever_the_checks(github: GitHub, narrow: str) -> None:
    tag = github.app_commit()
    pull = opened(github, tag)
    github.report("test", None, pull.head_sha)
    job = github.world.infra.checks[-1]

    def somebody() -> None:
        job.status, job.conclusion = "completed", "success"
        github.person("bob").approve("your-org/infra", 1)
        github.person("olivia").merge("your-org/infra", 1)
        of_another_app(github.world.infra, "test", pull.head_sha, "failure")

    github.on_sleep = somebody

    result = open_pr(github, tag=tag, merge="direct", token=narrow)

    assert (result.exit_code, result.outputs["reason"]) == (0, "merged"), result.log


def test_who_does_not_wait_for_checks_bypasses_what_cannot_be_read(github: GitHub, narrow: str) -> None:
    tag = github.app_commit()
    pull = opened(github, tag)
    of_another_app(github.world.infra, "test", pull.head_sha, "success", app=ACTIONS_APP)

    result = open_pr(github, tag=tag, merge="direct", wait_for_checks="false", token=narrow)

    assert (result.exit_code, result.outputs["reason"], result.outputs["bypassed"]) == (0, "merged", "true"), result.log


def test_jobs_are_read_once_for_a_commit_however_many_services_have_it(github: GitHub, narrow: str) -> None:
    start, tag = json.loads(github.infra_file())["api"]["tag"], github.app_commit()
    names = [f"s{number}" for number in range(5)]
    github.change_infra({"envs/dev.json": json.dumps({name: {"tag": start} for name in names})})
    github.operations()

    result = open_pr(github, tag="", tags="\n".join(f"{name}={tag}" for name in names), token=narrow)

    assert result.outputs["reason"] == "opened", result.log
    asked = Counter(github.operations())
    assert {asked[name] for name in asked if "/actions/" in name or "/apps/" in name} == {1}


def test_a_token_that_may_read_checks_asks_for_no_jobs(github: GitHub) -> None:
    open_pr(github, tag=github.app_commit())

    assert not [name for name in github.operations() if "/actions/" in name or "/apps/" in name]


@pytest.mark.parametrize("jobs", [None, "text", [None], [{"name": "gate"}], [7]])
def test_jobs_that_make_no_sense_are_an_error(github: GitHub, narrow: str, jobs: Any) -> None:
    tag = github.app_commit()
    github.sandbox.faults.plan({JOBS: Fault(status=200, body={"total_count": 1, "jobs": jobs})})

    result = open_pr(github, tag=tag, token=narrow)

    assert (result.exit_code, result.outputs["reason"]) == (5, "github-error")
    assert github.world.infra.opened == {}


ROLLUP = ["repository", "t0", "statusCheckRollup"]
HIDDEN = {"type": "FORBIDDEN", "path": [*ROLLUP, "contexts", "nodes", 0], "message": "Resource not accessible"}


@pytest.mark.parametrize(
    "errors",
    [
        pytest.param([{**HIDDEN, "path": ROLLUP}], id="all checks"),
        pytest.param([{**HIDDEN, "path": [*ROLLUP, "contexts"]}], id="the list itself"),
        pytest.param([{**HIDDEN, "path": [*HIDDEN["path"], "name"]}], id="a part of a check"),
        pytest.param([{**HIDDEN, "path": ["repository", "t0", "history", "nodes", 0]}], id="something else"),
        pytest.param([{**HIDDEN, "path": None}], id="nobody knows what"),
        pytest.param([HIDDEN, {**HIDDEN, "type": "NOT_FOUND"}], id="not that alone"),
    ],
)
def test_nothing_but_checks_in_their_list_may_be_missing_from_an_answer(
    github: GitHub, narrow: str, errors: list[dict[str, Any]]
) -> None:
    app = AppRepository(Client("your-org/app", narrow, github.sandbox.environment()))
    found = {"defaultBranchRef": None, "t0": None}
    github.sandbox.faults.plan(
        {"query object": Fault(status=200, body={"data": {"repository": found}, "errors": errors})}
    )

    with pytest.raises(AccessError):
        app.prefetch(["x"])


def test_a_check_that_is_hidden_is_missing_from_its_list(github: GitHub, narrow: str) -> None:
    app = AppRepository(Client("your-org/app", narrow, github.sandbox.environment()))
    tag = github.app_commit()

    build = app.build(tag)

    assert build
    assert build.reported == ReportedChecks(sha=tag, shown=(), hidden=1)


def test_a_job_of_which_nothing_is_known_is_not_done(github: GitHub, narrow: str) -> None:
    tag = github.app_commit()
    job = {"name": "gate", "status": None, "conclusion": 7}
    github.sandbox.faults.plan({JOBS: Fault(status=200, body={"total_count": 1, "jobs": [job]})})

    assert f"gate has not finished on {tag[:12]}; waiting" in open_pr(github, tag=tag, token=narrow).log


def test_a_job_that_is_not_listed_yet_is_waited_for_whenever_that_is(github: GitHub, narrow: str) -> None:
    """A second workflow begins after a minute; its check is there before its run is listed."""
    tag = github.app_commit()
    pull = opened(github, tag)
    github.report("test", None, pull.head_sha)
    first = github.world.infra.checks[-1]
    late: list[WorkflowRun] = []

    def as_time_goes_by() -> None:
        if late:
            github.world.infra.runs.append(late[0])
            first.status, first.conclusion = "completed", "success"
        elif sum(github.slept) > 60:
            github.report("lint", "success", pull.head_sha)
            late.append(github.world.infra.runs.pop())

    github.on_sleep = as_time_goes_by

    result = open_pr(github, tag=tag, merge="direct", token=narrow)

    assert (result.exit_code, result.outputs["reason"]) == (0, "merged"), result.log


@pytest.mark.parametrize("conclusion", ["failure", "success"])
def test_checks_are_read_to_their_end(github: GitHub, conclusion: str) -> None:
    from_anyone(github.world.app)
    tag = github.app_commit()
    for number in range(150):
        of_another_app(github.world.app, f"check {number}", tag, "success")
    of_another_app(github.world.app, "gate", tag, conclusion)

    reason = open_pr(github, tag=tag).outputs["reason"]

    assert reason == ("opened" if conclusion == "success" else "checks-failed")


def test_where_no_check_is_required_none_need_be_read(github: GitHub) -> None:
    github.world.app.rulesets.clear()
    github.world.infra.rulesets.clear()
    tag = github.app_commit()
    pull = opened(github, tag)
    github.report("test", "success", pull.head_sha)
    token = github.sandbox.state.add_token(BOT, permissions={**FINE_GRAINED, "actions": "none"})

    result = open_pr(github, tag=tag, merge="direct", token=token)

    assert (result.exit_code, result.outputs["reason"]) == (0, "merged"), result.log
