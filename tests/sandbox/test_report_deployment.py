"""action-report-deployment: how the deployments of a run ended, by its jobs; in its records, and for the apps."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from actions import report_deployment
from sandbox.faults import Fault
from sandbox.state import ACTIONS_APP, CheckRun, Deployment, WorkflowRun
from sandbox.world import BOT
from tests.sandbox.scenarios import GITOPS, GitHub, Infra, held, hold, planned

if TYPE_CHECKING:
    from tests.support import Result

ACTION = "action-report-deployment"
APP, INFRA = "your-org/app", "your-org/infra"
RUN = 42
CREATION = "POST /repos/{owner}/{repo}/deployments"
CONCLUSION = f"{CREATION}/{{deployment_id}}/statuses"
RECORDS = "GET /repos/{owner}/{repo}/deployments"
JOBS = "GET /repos/{owner}/{repo}/actions/runs/{run_id}/jobs"
API = "services: {api: {repo: your-org/app}}\nbots: [gitops-bot]\n"
BOTH = "services: {api: {repo: your-org/app}, web: {repo: your-org/app}, redis: {repo: none}}\nbots: [gitops-bot]\n"
SUCCESS = {"Set up job": "success", "Checkout": "success", "Deploy": "success", "Complete job": "success"}


class DeployRun:
    """A run of the infra repository that deploys the newest commit."""

    def __init__(self, github: GitHub) -> None:
        self.github, self.repo, self.state = github, github.world.infra, github.sandbox.state
        olivia = self.state.users["olivia"]
        self.run = WorkflowRun(RUN, ".github/workflows/deploy.yml", "push", olivia, "", branch="main")
        self.repo.runs.append(self.run)
        self.repo.deployments.clear()
        github.runner.environment |= {"GITHUB_REPOSITORY": INFRA, "GITHUB_RUN_ID": str(RUN)}

    def push(self, config: str = API, *, env: str = "prod", **tags: str) -> str:
        """Have the run be that of a commit with these files."""
        file = json.dumps({name: {"tag": tag} for name, tag in tags.items()})
        self.run.sha = self.github.change_infra({"gitops.yml": config, f"envs/{env}.json": file})
        self.github.runner.environment["GITHUB_SHA"] = self.run.sha
        return self.run.sha

    def begin(self, name: str = "prod", *, run: int = RUN, by: str = BOT, sha: str = "") -> Deployment:
        """Record that the deployment of *name* has begun, as action-deploy-matrix does."""
        behaviour, user = self.github.sandbox.behaviour, self.state.users[by]
        record = behaviour.deploy(self.repo, user, sha=sha or self.run.sha, ref="main", environment=name)
        record.payload = {"run": str(run), "attempt": str(self.run.attempt), "commits": {}, "adopted": False}
        behaviour.deployed(self.repo, record, user, "in_progress")
        return record

    def job(self, name: str = "deploy (prod)", conclusion: str | None = "success", **steps: str) -> CheckRun:
        """Have the run have a job, whose *steps* ended as said; those that are not named succeeded."""
        status = "completed" if conclusion else "in_progress"
        job = CheckRun(self.state.new_id(), name, self.run.sha, ACTIONS_APP, RUN, status, conclusion)
        job.attempt, job.steps = self.run.attempt, SUCCESS | steps
        self.repo.checks.append(job)
        return job

    def report(self, **inputs: str) -> Result:
        given = {"token": self.github.bot, **inputs}
        return self.github.runner.run(ACTION, lambda: report_deployment.main(self.github.clock), **given)


@pytest.fixture(name="deploying")
def _deploying(github: GitHub) -> DeployRun:
    """A run that deploys; nothing is recorded yet."""
    return DeployRun(github)


def states(record: Deployment) -> list[str]:
    return [status.state for status in record.statuses]


def told(github: GitHub) -> list[tuple[str, str, list[str]]]:
    """Return what the app's repository has recorded."""
    return [(record.environment, record.sha, states(record)) for record in github.world.app.deployments]


def ended(result: Result) -> dict[str, str]:
    assert result.exit_code == 0, result.log
    return {entry["environment"]: entry["state"] for entry in result.json("environments")}


# The records of the run


def test_a_deployment_is_concluded_here_and_recorded_on_the_commit_of_the_app(deploying: DeployRun) -> None:
    sha = deploying.github.app_commit()
    commit = deploying.push(api=sha)
    record = deploying.begin()
    deploying.job()

    result = deploying.report()

    assert (result.exit_code, result.outputs["reason"]) == (0, "reported"), result.log
    assert states(record) == ["in_progress", "success"]
    assert record.statuses[-1].log_url.endswith(f"/{INFRA}/actions/runs/{RUN}")
    assert ended(result) == {"prod": "success"}
    (found,) = deploying.github.world.app.deployments
    assert (found.sha, found.environment, states(found)) == (sha, "prod", ["success"])
    assert found.payload == {"infra": INFRA, "commit": commit}
    assert found.statuses[0].log_url.endswith(f"/{INFRA}/actions/runs/{RUN}")
    assert result.json("deployments") == [
        {"repository": APP, "environment": "prod", "service": "api", "tag": sha, "sha": sha, "state": "success"}
    ]
    assert "| prod | success |" in result.summary
    assert f"| api | `{sha[:12]}` | {APP} | prod | success |" in result.summary


@pytest.mark.parametrize(
    ("conclusion", "step", "state"),
    [
        pytest.param("success", "success", "success", id="succeeded"),
        pytest.param("failure", "success", "success", id="succeeded, and a step after it did not"),
        pytest.param("failure", "failure", "failure", id="failed"),
        pytest.param("success", "failure", "failure", id="failed, and the job may continue on errors"),
        pytest.param("cancelled", "cancelled", "failure", id="cancelled half way"),
        pytest.param("failure", "", "failure", id="the machine was lost"),
        pytest.param(None, "", "failure", id="not done"),
        pytest.param("success", "skipped", "inactive", id="it may not be deployed any more"),
        pytest.param("failure", "skipped", "inactive", id="a step before it failed"),
    ],
)
def test_the_step_that_deploys_decides(deploying: DeployRun, conclusion: str | None, step: str, state: str) -> None:
    deploying.push(api=deploying.github.app_commit())
    record = deploying.begin()
    deploying.job(conclusion=conclusion, Deploy=step)

    assert ended(deploying.report()) == {"prod": state}
    assert states(record) == ["in_progress", state]
    assert [found[2] for found in told(deploying.github)] == ([[state]] if state != "inactive" else [])


@pytest.mark.parametrize(
    "name", ["deploy", "deploy (dev)", "redeploy (prod)", "x/deploy (prod)", "deploy (prod) / test", "DEPLOY (PROD)"]
)
def test_where_the_job_never_began_nothing_was_deployed(deploying: DeployRun, name: str) -> None:
    deploying.push(api=deploying.github.app_commit())
    record = deploying.begin()
    deploying.job(name)

    assert ended(deploying.report()) == {"prod": "inactive"}
    assert (states(record), told(deploying.github)) == (["in_progress", "inactive"], [])


def test_a_step_of_another_name_says_nothing(deploying: DeployRun) -> None:
    deploying.push(api=deploying.github.app_commit())
    deploying.begin()
    deploying.job(Deploy="skipped", Migrate="success")

    assert ended(deploying.report()) == {"prod": "inactive"}
    assert ended(deploying.report(step="Migrate")) == {"prod": "success"}


def test_environments_and_services_end_one_by_one(deploying: DeployRun) -> None:
    sha = deploying.github.app_commit()
    config = API.replace("}\n", ", web: {repo: none}}\n", 1)
    deploying.push(config, env="staging", api=sha, web="1")
    deploying.push(config, api=sha, web="1")
    names = ["staging", "prod/api", "prod/web"]
    records = {name: deploying.begin(name) for name in names}
    deploying.job("deploy (prod, api)", "failure", Deploy="failure")
    deploying.job("deploy (prod, web)")
    deploying.job("deploy (staging, )")

    result = deploying.report(job="deploy ({env}, {service})")

    assert ended(result) == {"staging": "success", "prod/api": "failure", "prod/web": "success"}
    assert [states(records[name])[-1] for name in names] == ["success", "failure", "success"]
    assert sorted(told(deploying.github)) == [("prod", sha, ["failure"]), ("staging", sha, ["success"])]


def test_a_job_of_a_called_workflow_is_found(deploying: DeployRun) -> None:
    deploying.push(api=deploying.github.app_commit())
    deploying.push(env="dev", api=deploying.github.app_commit())
    deploying.begin("prod")
    deploying.begin("dev")
    deploying.job("shard 1 / deploy (prod)", "failure", Deploy="failure")
    deploying.job("shard 2 / deploy (dev)")

    assert ended(deploying.report()) == {"dev": "success", "prod": "failure"}


def test_jobs_and_records_are_read_to_their_end(deploying: DeployRun) -> None:
    deploying.push(api=deploying.github.app_commit())
    record = deploying.begin()
    for number in range(120):
        deploying.job(f"deploy (e{number})")
        deploying.begin(f"e{number}", run=RUN + 1)
    deploying.job()

    assert ended(deploying.report()) == {"prod": "success"}
    assert states(record) == ["in_progress", "success"]


def test_what_is_none_of_this_run_is_left_alone(deploying: DeployRun) -> None:
    before = deploying.push(api=deploying.github.app_commit())
    deploying.push(api=deploying.github.app_commit())
    others = [
        deploying.begin(run=RUN + 1),
        deploying.begin(by="alice"),
        deploying.begin(by="github-actions[bot]"),
        deploying.begin(sha=before),
    ]
    for payload in ("not ours", "", f"[{RUN}]", {"run": None}, {"run": [RUN]}):
        others.append(deploying.begin())
        others[-1].payload = payload
    deploying.job()

    result = deploying.report()

    assert (result.exit_code, result.outputs["reason"]) == (0, "nothing-to-report")
    assert (result.json("environments"), result.json("deployments")) == ([], [])
    assert [states(record) for record in others] == [["in_progress"]] * len(others)
    assert told(deploying.github) == []


def test_it_says_what_this_run_has_recorded_though_somebody_recorded_more(deploying: DeployRun) -> None:
    deploying.push(api=deploying.github.app_commit())
    record, forged = deploying.begin(), deploying.begin(by="alice")
    deploying.job()

    assert ended(deploying.report()) == {"prod": "success"}
    assert (states(record)[-1], states(forged)) == ("success", ["in_progress"])


@pytest.mark.parametrize(("before", "after"), [("failure", "success"), ("success", "failure")])
def test_the_record_of_the_last_attempt_is_concluded_by_its_jobs(deploying: DeployRun, before: str, after: str) -> None:
    """All jobs ran again: the plan made a new record."""
    sha = deploying.github.app_commit()
    deploying.push(api=sha)
    first = deploying.begin()
    deploying.job(conclusion=before, Deploy=before)
    earlier = deploying.report()
    deploying.run.attempt = 2
    second = deploying.begin()
    deploying.job(conclusion=after, Deploy=after)

    result = deploying.report()

    assert (ended(earlier), ended(result)) == ({"prod": before}, {"prod": after})
    assert states(second) == ["in_progress", after]
    assert states(first)[:2] == ["in_progress", before]
    assert [found[2][0] for found in told(deploying.github)] == [before, after]


def test_a_job_that_ran_again_alone_concludes_the_record_that_is_there(deploying: DeployRun) -> None:
    deploying.push(api=deploying.github.app_commit())
    record = deploying.begin()
    deploying.job(conclusion="failure", Deploy="failure")
    deploying.report()
    deploying.run.attempt = 2
    deploying.job()

    assert ended(deploying.report()) == {"prod": "success"}
    assert states(record) == ["in_progress", "failure", "success"]


def test_what_the_plan_records_is_concluded_and_counts_as_deployed(github: GitHub) -> None:
    """From plan to plan: what succeeded is not deployed again, what failed is, what was given up never was."""
    github.change_infra({"gitops.yml": GITOPS.replace("after", "review: none, after")})
    deploying, infra = DeployRun(github), Infra(github)
    github.runner.environment["GITHUB_RUN_ID"] = str(RUN)
    github.world.infra.deployments.clear()
    tag = github.app_commit()
    deploying.run.sha = github.change_infra({"envs/dev.json": json.dumps({"api": {"tag": tag}})})

    result = hold(infra, record="true", environments="dev")
    assert (planned(result), held(result)) == (["dev"], set())
    begun = hold(infra, environments="dev")
    deploying.job("deploy (dev)", "failure", Deploy="failure")
    failed = [ended(deploying.report()), planned(hold(infra, environments="dev"))]
    deploying.run.attempt = 2
    deploying.job("deploy (dev)")
    succeeded = [ended(deploying.report()), planned(hold(infra, environments="dev"))]

    assert planned(begun) == ["dev"]
    assert failed == [{"dev": "failure"}, ["dev"]]
    assert succeeded == [{"dev": "success"}, []]


# The apps


def test_what_an_app_knows_already_it_is_not_told_again(deploying: DeployRun) -> None:
    sha = deploying.github.app_commit()
    deploying.push(api=sha)
    record = deploying.begin()
    deploying.job()
    deploying.report()

    result = deploying.report()

    assert (result.exit_code, result.outputs["reason"], result.json("deployments")) == (0, "reported", [])
    assert ended(result) == {"prod": "success"}
    assert set(states(record)[1:]) == {"success"}
    assert told(deploying.github) == [("prod", sha, ["success"])]


def test_services_of_one_repository_are_told_apart(deploying: DeployRun) -> None:
    deploying.github.release("1.0.0", "1.1.0")
    deploying.push(BOTH, api="1.0.0", web="1.1.0", redis="7.2")
    deploying.begin()
    deploying.job()

    result = deploying.report()

    git = deploying.github.world.app.git
    assert result.outputs["reason"] == "reported"
    assert sorted(told(deploying.github)) == [
        ("prod/api", git.resolve("1.0.0"), ["success"]),
        ("prod/web", git.resolve("1.1.0"), ["success"]),
    ]


def test_of_a_service_that_was_deployed_alone_no_other_is_told(deploying: DeployRun) -> None:
    deploying.github.release("1.0.0", "1.1.0")
    deploying.push(BOTH, api="1.0.0", web="1.1.0", redis="7.2")
    deploying.begin("prod/web")
    deploying.job()

    result = deploying.report()

    assert ended(result) == {"prod/web": "success"}
    assert [found[0] for found in told(deploying.github)] == ["prod/web"]
    assert [entry["service"] for entry in result.json("deployments")] == ["web"]


def test_a_service_without_a_repository_of_its_own_has_that_of_the_input(deploying: DeployRun) -> None:
    sha = deploying.github.app_commit()
    deploying.push("bots: [gitops-bot]\n", api=sha)
    deploying.begin()
    deploying.job()

    deploying.report(app_repo=APP)

    assert told(deploying.github) == [("prod", sha, ["success"])]


def test_env_files_are_where_the_input_says(deploying: DeployRun) -> None:
    sha = deploying.github.app_commit()
    deploying.push(api="1.0.0")
    file = json.dumps({"api": {"tag": sha}})
    commit = deploying.github.change_infra({"envs/prod.json": None, "clusters/prod.json": file})
    deploying.run.sha = deploying.github.runner.environment["GITHUB_SHA"] = commit
    deploying.begin()
    deploying.job()

    deploying.report(envs_dir="clusters")

    assert told(deploying.github) == [("prod", sha, ["success"])]


def test_an_environment_whose_file_is_gone_is_concluded(deploying: DeployRun) -> None:
    deploying.push(api="1.0.0")
    deploying.begin("old")
    deploying.job("deploy (old)")

    result = deploying.report()

    assert (ended(result), result.json("deployments")) == ({"old": "success"}, [])


def test_a_tag_without_a_commit_is_a_warning(deploying: DeployRun) -> None:
    deploying.push(BOTH, api="7.2", web="")
    record = deploying.begin()
    deploying.job()

    result = deploying.report()

    assert (result.exit_code, result.outputs["reason"]) == (0, "reported")
    assert f"::warning::{APP} was not told of api in prod/api: {APP} has no commit behind api 7.2" in result.log
    assert states(record)[-1] == "success"


def test_an_app_that_cannot_be_told_is_a_warning_and_the_others_are_told(deploying: DeployRun) -> None:
    sha = deploying.github.app_commit()
    services = "{elsewhere: {repo: your-org/gone}, api: {repo: your-org/app}}"
    deploying.push(f"services: {services}\nbots: [gitops-bot]\n", elsewhere="1.0.0", api=sha)
    record = deploying.begin()
    deploying.job()

    result = deploying.report()

    assert (result.exit_code, result.outputs["reason"], ended(result)) == (0, "reported", {"prod": "success"})
    assert "::warning::your-org/gone was not told of elsewhere in prod: " in result.log
    assert states(record)[-1] == "success"
    assert told(deploying.github) == [("prod", sha, ["success"])]


def test_a_payload_of_somebody_else_is_none_of_ours(deploying: DeployRun) -> None:
    sha = deploying.github.app_commit()
    deploying.push(api=sha)
    deploying.begin()
    deploying.job()
    sandbox = deploying.github.sandbox
    other: Any = sandbox.behaviour.deploy(
        deploying.github.world.app, sandbox.state.users["olivia"], sha=sha, ref="main", environment="prod"
    )
    other.payload = "not ours"

    deploying.report()

    assert [found[2] for found in told(deploying.github)] == [[], ["success"]]


# What goes wrong


@pytest.mark.parametrize(
    ("when", "fault"),
    [
        pytest.param(JOBS, Fault(status=502), id="the jobs were not read"),
        pytest.param(RECORDS, Fault(status=502), id="the records were not read"),
        pytest.param((CONCLUSION, 0), Fault(status=502), id="not concluded here"),
        pytest.param((CONCLUSION, 0), Fault(after=True), id="concluded here, and the answer lost"),
        pytest.param(CREATION, Fault(after=True), id="recorded there, and the answer lost"),
        pytest.param(CREATION, Fault(status=502), id="not recorded there"),
        pytest.param((CONCLUSION, 1), Fault(status=502), id="recorded there, and not concluded"),
        pytest.param((CONCLUSION, 1), Fault(after=True), id="concluded there, and the answer lost"),
    ],
)
def test_whatever_is_lost_on_the_way_there_is_one_record(
    deploying: DeployRun, when: str | tuple[str, int], fault: Fault
) -> None:
    sha = deploying.github.app_commit()
    deploying.push(api=sha)
    record = deploying.begin()
    deploying.job()
    deploying.github.sandbox.faults.plan({when if isinstance(when, tuple) else (when, 0): fault})

    result = deploying.report()

    assert (result.exit_code, result.outputs["reason"]) == (0, "reported"), result.log
    assert "::warning::" not in result.log
    assert deploying.repo.deployments == [record]
    assert set(states(record)[1:]) == {"success"}
    assert told(deploying.github) == [("prod", sha, ["success"])]


@pytest.mark.parametrize("lacking", ["deployments", "actions", "contents"])
def test_who_may_not_read_or_write_what_is_needed_here_is_told_so(deploying: DeployRun, lacking: str) -> None:
    deploying.push(api=deploying.github.app_commit())
    record = deploying.begin()
    deploying.job()
    may = {"contents": "read", "pull_requests": "read", "deployments": "write", "actions": "read"}
    narrowed = may | {lacking: "read" if lacking == "deployments" else "none"}
    token = deploying.state.add_token(BOT, permissions=narrowed)

    result = deploying.report(token=token)

    assert (result.exit_code, result.outputs["reason"]) == (6, "permission-denied")
    assert f"{lacking}: {may[lacking]}" in result.log
    assert states(record) == ["in_progress"]


def test_a_run_that_github_does_not_know_is_an_error_and_concludes_nothing(deploying: DeployRun) -> None:
    deploying.push(api=deploying.github.app_commit())
    record = deploying.begin()
    deploying.repo.runs.clear()

    assert deploying.report().exit_code != 0
    assert states(record) == ["in_progress"]


@pytest.mark.parametrize("jobs", [None, [{"steps": []}], [{"name": "deploy (prod)", "steps": [{}]}]])
def test_jobs_that_make_no_sense_are_an_error_and_conclude_nothing(deploying: DeployRun, jobs: Any) -> None:
    deploying.push(api=deploying.github.app_commit())
    record = deploying.begin()
    deploying.github.sandbox.faults.plan({JOBS: Fault(status=200, body={"total_count": 1, "jobs": jobs})})

    result = deploying.report()

    assert (result.exit_code, result.outputs["reason"]) == (5, "github-error")
    assert states(record) == ["in_progress"]


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"job": ""}, "job"),
        ({"step": ""}, "step"),
        ({"envs_dir": ""}, "envs-dir"),
        ({"token": ""}, "token"),
        ({"app_repo": "app"}, "write it as owner/name"),
    ],
)
def test_inputs_that_cannot_be_used(deploying: DeployRun, inputs: dict[str, str], said: str) -> None:
    deploying.push(api="1.0.0")
    record = deploying.begin()

    result = deploying.report(**inputs)

    assert (result.exit_code, result.outputs["reason"]) == (2, "invalid-input")
    assert said in result.log
    assert states(record) == ["in_progress"]


def test_an_environment_more_takes_two_requests_more(deploying: DeployRun) -> None:
    """Its file is read, and its record concluded."""
    sha, asked = deploying.github.app_commit(), []
    for names in (["e0"], [f"e{number}" for number in range(5)]):
        for name in names:
            deploying.push(env=name, api=sha)
        for name in names:
            deploying.begin(name)
            deploying.job(f"deploy ({name})", Deploy="skipped")
        deploying.github.operations()
        assert set(ended(deploying.report())) == set(names)
        asked.append(len(deploying.github.operations()))

    assert asked[1] - asked[0] == 2 * 4


# An agent that pulls


def test_the_branches_that_an_agent_follows_are_moved(deploying: DeployRun) -> None:
    """Made, moved on, and moved back where somebody put them elsewhere; no job is looked at."""
    git = deploying.repo.git
    old = deploying.push(api=deploying.github.app_commit())
    git.set_ref("refs/heads/live/dev", old)
    new = deploying.push(api=deploying.github.app_commit("new"))
    records = [deploying.begin(env) for env in ("dev", "prod/api")]
    deploying.github.operations()

    result = deploying.report(live="live/")

    assert ended(result) == {"dev": "success", "prod/api": "success"}
    assert [states(record)[-1] for record in records] == ["success", "success"]
    assert (git.head("live/dev"), git.head("live/prod")) == (new, new)
    assert JOBS not in deploying.github.operations()


def test_a_branch_that_cannot_be_moved_is_not_recorded_as_moved(deploying: DeployRun) -> None:
    deploying.push(api=deploying.github.app_commit())
    record = deploying.begin()
    deploying.github.sandbox.faults.plan({"POST /repos/{owner}/{repo}/git/refs": Fault(status=403, body=FORBIDDEN)})

    result = deploying.report(live="live/")

    assert (result.exit_code, result.outputs["reason"]) == (6, "permission-denied")
    assert states(record) == ["in_progress"]


FORBIDDEN = {"message": "Resource not accessible by integration"}
