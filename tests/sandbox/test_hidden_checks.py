"""What tells whether a commit was tested: jobs, and checks that GitHub shows some tokens and hides from others.

Of a commit of the app the jobs count, with every token, and what others report only if gitops.yml names it. Of a pull
request the checks count; fine-grained tokens of people, which are shown none, read the jobs behind them.
"""

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
from sandbox.state import ACTIONS_APP, CheckRun, CommitStatus, Repo, WorkflowRun
from sandbox.world import BOT
from tests.sandbox.scenarios import FINE_GRAINED, GitHub, open_pr, opened

JOBS = "GET /repos/{owner}/{repo}/actions/runs/{run_id}/jobs"
ENVIRONMENTS = "environments: {dev: {review: none}, staging: {}, prod: {}}\n"
SCAN = "{name: scan, by: scanner}"
NO_CHECKS = {"contents": "write", "pull_requests": "write"}


def of_another_app(repo: Repo, name: str, sha: str, conclusion: str | None, *, app: int = 77) -> None:
    """Report a check that is no job."""
    status = "completed" if conclusion else "in_progress"
    repo.checks.append(CheckRun(1, name, sha, app, status=status, conclusion=conclusion))


def need(github: GitHub, checks: str) -> None:
    """Have gitops.yml say which *checks* the api needs."""
    github.change_infra({"gitops.yml": f"{ENVIRONMENTS}services: {{api: {{repo: your-org/app, checks: {checks}}}}}\n"})


def scan(github: GitHub, sha: str, state: str, *, by: str = "scanner") -> None:
    """Report the commit status that SCAN names."""
    state_ = github.sandbox.state
    user = state_.users.get(by) or state_.add_user(by)
    github.world.app.statuses.append(CommitStatus(state_.new_id(), "scan", sha, state, user))


@pytest.fixture(name="scanner")
def _scanner(github: GitHub) -> int:
    """The id of an App that reports checks."""
    return github.sandbox.state.add_user("scanner[bot]", kind="Bot").id


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


@pytest.mark.parametrize(
    ("checks", "lacks"),
    [("[gate]", "'actions: read'"), (f"[{SCAN}]", "'checks: read, commit statuses: read (a fine-grained")],
    ids=["jobs", "checks of others"],
)
def test_a_token_that_may_not_read_what_is_needed_is_told_so(github: GitHub, checks: str, lacks: str) -> None:
    need(github, checks)
    token = github.sandbox.state.add_token(BOT, permissions=NO_CHECKS)

    result = open_pr(github, tag=github.app_commit(), token=token)

    assert (result.exit_code, result.outputs["reason"]) == (7, "unknown")
    assert f"in your-org/app, or cannot see it: it needs {lacks}" in result.log


def surround(repo: Repo, sha: str) -> None:
    """Put the job of *sha* behind a page of other jobs, and its run behind a page of other runs."""
    (job,) = [check for check in repo.checks if check.sha == sha]
    repo.checks.remove(job)
    repo.checks += [CheckRun(n, f"job {n}", sha, job.app, job.run, "completed", "success") for n in range(120)]
    repo.checks.append(job)
    repo.runs += [WorkflowRun(9000 + n, "x.yml", "push", repo.owner, sha) for n in range(120)]


@pytest.mark.parametrize(("conclusion", "reason"), [("success", "opened"), ("failure", "checks-failed")])
def test_jobs_of_many_runs_and_pages_are_read_to_their_end(github: GitHub, conclusion: str, reason: str) -> None:
    tag = github.app_commit()
    (gate,) = [check for check in github.world.app.checks if check.sha == tag]
    gate.conclusion = conclusion
    surround(github.world.app, tag)

    assert open_pr(github, tag=tag).outputs["reason"] == reason


def test_jobs_behind_the_checks_of_a_pull_request_are_read_to_their_end(github: GitHub, narrow: str) -> None:
    tag = github.app_commit()
    head = opened(github, tag).head_sha
    github.report("test", "success", head)
    surround(github.world.infra, head)

    result = open_pr(github, tag=tag, merge="direct", token=narrow)

    assert (result.exit_code, result.outputs["reason"]) == (0, "merged"), result.log


@pytest.mark.parametrize("token", [BOT, "fine-grained"])
@pytest.mark.parametrize("app", [77, ACTIONS_APP], ids=["another app", "a workflow, through the API"])
@pytest.mark.parametrize(
    ("job", "posted", "reason"),
    [("success", "failure", "opened"), ("failure", "success", "checks-failed"), (None, "success", "checks-pending")],
)
def test_what_anyone_posts_under_the_name_of_a_job_counts_for_nothing(
    github: GitHub, narrow: str, token: str, app: int, job: str | None, posted: str, reason: str
) -> None:
    """A check of GitHub Actions can be posted from any branch, on any commit; that a run had a job cannot."""
    from_anyone(github.world.app)
    tag = github.app_commit()
    (gate,) = [check for check in github.world.app.checks if check.sha == tag]
    gate.status, gate.conclusion = "completed" if job else "in_progress", job
    of_another_app(github.world.app, "gate", tag, posted, app=app)

    assert open_pr(github, tag=tag, token=github.bot if token == BOT else narrow).outputs["reason"] == reason


@pytest.mark.parametrize(
    ("branch", "event", "counts"),
    [
        pytest.param("main", "push", True, id="the default branch"),
        pytest.param("main", "schedule", True, id="the default branch, by the clock"),
        pytest.param("main", "workflow_dispatch", True, id="the default branch, by hand"),
        pytest.param("hotfixes/x", "push", True, id="a hotfix branch"),
        pytest.param("hotfixes/x/y", "push", False, id="no hotfix branch"),
        pytest.param("main-2", "push", False, id="a branch of anybody"),
        pytest.param("main", "pull_request", False, id="a pull request, whose workflow is its own"),
        pytest.param("main", "pull_request_target", False, id="whatever else names the branch"),
    ],
)
def test_a_job_counts_if_its_workflow_is_one_that_was_released(
    github: GitHub, branch: str, event: str, *, counts: bool
) -> None:
    tag = github.app_commit()
    (run,) = [run for run in github.world.app.runs if run.sha == tag]
    run.branch, run.event = branch, event

    assert open_pr(github, tag=tag).outputs["reason"] == ("opened" if counts else "checks-pending")


def test_of_a_job_that_ran_again_the_last_counts(github: GitHub) -> None:
    """Be it another run, or another attempt of the same."""
    first, second = github.app_commit("first"), github.app_commit("second")
    app = github.world.app
    jobs = {check.sha: check for check in app.checks}
    jobs[first].conclusion = jobs[second].conclusion = "failure"
    github.report("gate", "success", first, app)
    again = github.sandbox.state.new_id()
    app.checks.append(CheckRun(again, "gate", second, ACTIONS_APP, jobs[second].run, "completed", "success", attempt=2))
    next(run for run in app.runs if run.id == jobs[second].run).attempt = 2

    assert [open_pr(github, tag=tag).outputs["reason"] for tag in (first, second)] == ["opened"] * 2


@pytest.mark.parametrize("conclusion", ["failure", "skipped", None])
@pytest.mark.parametrize("app", [77, ACTIONS_APP], ids=["another app", "a workflow, through the API"])
def test_a_check_that_is_hidden_may_be_one_that_failed(
    github: GitHub, narrow: str, app: int, conclusion: str | None
) -> None:
    """Whoever is to report the check that gitops.yml names."""
    need(github, f"[gate, {SCAN}]")
    tag = github.app_commit()
    of_another_app(github.world.app, "scan", tag, conclusion, app=app)

    result = open_pr(github, tag=tag, token=narrow)

    assert (result.exit_code, result.outputs["reason"]) == (7, "unknown")
    assert (
        f"GitHub hides 2 checks on {tag[:12]} of your-org/app from this token; 1 of them can be read as jobs"
        in result.log
    )
    assert github.world.infra.opened == {}


@pytest.mark.parametrize(
    ("conclusion", "by", "reason"),
    [
        pytest.param("success", "scanner", "opened", id="succeeded"),
        pytest.param("neutral", "scanner", "opened", id="neutral"),
        pytest.param("failure", "scanner", "checks-failed", id="failed"),
        pytest.param("skipped", "scanner", "checks-failed", id="skipped"),
        pytest.param(None, "scanner", "checks-pending", id="not done"),
        pytest.param("success", "gitops-bot", "checks-pending", id="of another App"),
        pytest.param("success", "github-actions", "checks-pending", id="of a workflow, through the API"),
    ],
)
def test_what_an_app_reports_counts_if_gitops_yml_names_both(
    github: GitHub, scanner: int, conclusion: str | None, by: str, reason: str
) -> None:
    need(github, f"[gate, {SCAN}]")
    tag = github.app_commit()
    reporter = scanner if by == "scanner" else github.sandbox.state.users[f"{by}[bot]"].id
    of_another_app(github.world.app, "scan", tag, conclusion, app=reporter)

    assert open_pr(github, tag=tag).outputs["reason"] == reason


@pytest.mark.parametrize(
    ("state", "by", "reason"),
    [
        ("success", "scanner", "opened"),
        ("success", "alice", "checks-pending"),
        ("error", "scanner", "checks-failed"),
        ("pending", "scanner", "checks-pending"),
    ],
)
def test_a_commit_status_counts_if_gitops_yml_names_it_and_its_creator(
    github: GitHub, state: str, by: str, reason: str
) -> None:
    """With a fine-grained token too: it is shown these, and reads the jobs behind the checks that it is not shown."""
    need(github, f"[{SCAN}]")
    tag = github.app_commit()
    scan(github, tag, state, by=by)
    token = github.sandbox.state.add_token(BOT, permissions={**FINE_GRAINED, "statuses": "read"})

    assert open_pr(github, tag=tag).outputs["reason"] == reason
    assert open_pr(github, tag=tag, token=token).outputs["reason"] == reason.replace("opened", "already-open")


def test_what_a_branch_requires_of_another_app_has_to_be_named(github: GitHub, scanner: int) -> None:
    """The rules say its number, which tells nobody who it is."""
    (checks,) = [rule for rule in github.world.app.ruleset("main")["rules"] if rule["type"] == "required_status_checks"]
    checks["parameters"]["required_status_checks"].append({"context": "scan", "integration_id": scanner})
    tag = github.app_commit()
    of_another_app(github.world.app, "scan", tag, "success", app=scanner)

    result = open_pr(github, tag=tag)

    assert (result.exit_code, result.outputs["reason"]) == (7, "unknown")
    assert "unknown: who may report scan, which is no job of a workflow; name the checks in services.api.checks" in (
        result.log
    )


@pytest.mark.parametrize("name", ["test", "DCO"])
def test_nothing_is_merged_past_a_check_that_is_hidden(github: GitHub, narrow: str, name: str) -> None:
    from_anyone(github.world.infra)
    tag = github.app_commit()
    pull = opened(github, tag)
    github.report("test", "success", pull.head_sha)
    of_another_app(github.world.infra, name, pull.head_sha, "failure")

    result = open_pr(github, tag=tag, merge="direct", token=narrow)

    assert (result.exit_code, result.outputs["reason"]) == (6, "checks-hidden")
    assert "use a GitHub App or a classic token" in result.log
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


def test_a_job_that_begins_between_two_answers_is_looked_for_again(github: GitHub) -> None:
    need(github, f"[{SCAN}]")
    tag = github.app_commit()
    scan(github, tag, "success")
    run = github.world.app.runs.pop()
    again = Fault(silent=True, after=True, meanwhile=lambda: github.world.app.runs.append(run))
    github.sandbox.faults.plan({("query object", 1): again})
    token = github.sandbox.state.add_token(BOT, permissions={**FINE_GRAINED, "statuses": "read"})

    result = open_pr(github, tag=tag, token=token)

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
    assert {asked[name] for name in asked if "/actions/" in name} == {1}


def jobs_asked(github: GitHub) -> list[str]:
    """Return the requests for runs and jobs."""
    return [each.path for each in github.sandbox.exchanges if "/actions/" in each.path or "/apps/" in each.path]


def test_a_token_that_may_read_checks_asks_for_no_jobs_behind_them(github: GitHub) -> None:
    """The jobs of the app's commit come with its tag."""
    tag = github.app_commit()
    github.report("test", "success", opened(github, tag).head_sha)
    github.operations()

    result = open_pr(github, tag=tag, merge="direct")

    assert result.outputs["reason"] == "merged", result.log
    assert jobs_asked(github) == []


def test_where_no_job_is_needed_none_is_read(github: GitHub) -> None:
    need(github, f"[{SCAN}]")
    tag = github.app_commit()
    scan(github, tag, "success")

    assert open_pr(github, tag=tag).outputs["reason"] == "opened"
    assert jobs_asked(github) == []


NONSENSE = pytest.mark.parametrize("jobs", [None, "text", [None], [{"name": "gate"}], [7]])


@NONSENSE
def test_jobs_that_make_no_sense_are_an_error(github: GitHub, narrow: str, jobs: Any) -> None:
    tag = github.app_commit()
    github.sandbox.faults.plan({JOBS: Fault(status=200, body={"total_count": 1, "jobs": jobs})})

    result = open_pr(github, tag=tag, token=narrow)

    assert (result.exit_code, result.outputs["reason"]) == (5, "github-error")
    assert github.world.infra.opened == {}


@NONSENSE
def test_jobs_behind_checks_that_make_no_sense_are_an_error(github: GitHub, narrow: str, jobs: Any) -> None:
    tag = github.app_commit()
    pull = opened(github, tag)
    github.report("test", "success", pull.head_sha)
    github.sandbox.faults.plan({(JOBS, 1): Fault(status=200, body={"total_count": 1, "jobs": jobs})})

    result = open_pr(github, tag=tag, merge="direct", token=narrow)

    assert (result.exit_code, result.outputs["reason"]) == (5, "github-error")
    assert pull.state == "open"


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


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        ({"status": None, "conclusion": 7}, "checks-pending"),
        ({"status": "queued", "conclusion": "success"}, "checks-pending"),
        ({"status": "completed", "conclusion": None}, "checks-failed"),
    ],
)
def test_a_job_of_which_nothing_is_known_has_not_succeeded(
    github: GitHub, narrow: str, job: dict[str, Any], reason: str
) -> None:
    tag = github.app_commit()
    body = {"total_count": 1, "jobs": [{"id": 1, "name": "gate", **job}]}
    github.sandbox.faults.plan({JOBS: Fault(status=200, body=body)})

    assert open_pr(github, tag=tag, token=narrow).outputs["reason"] == reason


def test_a_job_behind_a_check_of_which_nothing_is_known_is_not_done(github: GitHub, narrow: str) -> None:
    tag = github.app_commit()
    github.report("test", "success", opened(github, tag).head_sha)
    job = {"name": "test", "status": None, "conclusion": 7}
    github.sandbox.faults.plan({(JOBS, 1): Fault(status=200, body={"total_count": 1, "jobs": [job]})})

    assert "waiting: test has not finished on" in open_pr(github, tag=tag, merge="direct", token=narrow).log


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
def test_checks_are_read_to_their_end(github: GitHub, scanner: int, conclusion: str) -> None:
    need(github, f"[{SCAN}]")
    tag = github.app_commit()
    for number in range(150):
        of_another_app(github.world.app, f"check {number}", tag, "success", app=scanner)
    of_another_app(github.world.app, "scan", tag, conclusion, app=scanner)

    reason = open_pr(github, tag=tag).outputs["reason"]

    assert reason == ("opened" if conclusion == "success" else "checks-failed")


def test_where_none_is_needed_no_check_need_be_read(github: GitHub) -> None:
    need(github, "none")
    github.world.infra.rulesets.clear()
    tag = github.app_commit()
    pull = opened(github, tag)
    github.report("gate", "failure", tag, github.world.app)
    github.report("test", "success", pull.head_sha)
    token = github.sandbox.state.add_token(BOT, permissions=NO_CHECKS)

    result = open_pr(github, tag=tag, merge="direct", token=token)

    assert (result.exit_code, result.outputs["reason"]) == (0, "merged"), result.log


def test_where_nothing_says_what_is_needed_nothing_is_opened(github: GitHub) -> None:
    """A repository whose rules are gone is not one whose commits need no test."""
    github.world.app.rulesets.clear()

    result = open_pr(github, tag=github.app_commit())

    assert (result.exit_code, result.outputs["reason"]) == (7, "no-checks")
    assert "no check is required of api; name its checks in services.api.checks, or say none" in result.log
    assert github.world.infra.opened == {}
