"""What the sandbox does as a runner with whatever somebody's workflow says."""

from __future__ import annotations

import io
import re
import urllib.request
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from sandbox.client import ApiError
from sandbox.environments import add_environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.act import Run
    from sandbox.state import Repo
    from tests.e2e.scenarios import Pipeline

OWN = "your-org/own"
WORKFLOW = ".github/workflows/own.yml"
CHECKOUT = "actions/checkout@v6"


def with_files(pipeline: Pipeline, files: Mapping[str, object]) -> Repo:
    """Make a repository with *files*; what is no text is written as YAML."""
    state, olivia = pipeline.sandbox.state, pipeline.sandbox.state.users["olivia"]
    repo = state.add_repo("your-org", "own", {"olivia": "admin", "alice": "admin", "bob": "write"})
    texts = {path: each if isinstance(each, str) else yaml.safe_dump(each) for path, each in files.items()}
    contents = {path: text.encode() for path, text in texts.items()}
    for message, content in (("first", {"first": b"x"}), ("second", contents)):
        head = repo.git.head("main")
        sha = repo.git.commit(parents=[head] if head else [], message=message, author=olivia.person, files=content)
        repo.git.set_ref("refs/heads/main", sha)
    return repo


def with_job(pipeline: Pipeline, job: Mapping[str, Any], **files: object) -> Repo:
    """Make a repository whose workflow, started by hand, has one job."""
    workflow = {"name": "Own", "on": "workflow_dispatch", "jobs": {"own": {"runs-on": "ubuntu-latest", **job}}}
    return with_files(pipeline, {WORKFLOW: workflow, **files})


def run_of(pipeline: Pipeline) -> Run:
    """Start the workflow by hand, and return its run when it is over."""
    pipeline.person("alice").dispatch(OWN, "own.yml", {})
    pipeline.wait()
    return pipeline.workflows.runs[-1]


@pytest.mark.parametrize(
    "asks",
    [
        pytest.param("read -r answer < /dev/tty", id="the shell, of the terminal"),
        pytest.param("read -r answer", id="the shell, of its input"),
        pytest.param("python3 -c 'import getpass; getpass.getpass()'", id="a program, for a password"),
        pytest.param("git -c credential.helper= clone -q $GITHUB_SERVER_URL/your-org/own.git x", id="git"),
    ],
)
def test_a_step_that_asks_somebody_is_told_at_once_that_nobody_is_there(pipeline: Pipeline, asks: str) -> None:
    """Else it would wait until its limit, and the test for it in vain."""
    with_job(pipeline, {"steps": [{"run": asks}]})

    assert run_of(pipeline).conclusion == "failure"


def test_actions_of_others_are_skipped_with_a_word_wherever_they_are_used(pipeline: Pipeline) -> None:
    local = {
        "name": "Local",
        "runs": {"using": "composite", "steps": [{"uses": "a/nested@v1"}, {"run": "echo local ran", "shell": "bash"}]},
    }
    here = {"shell": "bash", "working-directory": "."}
    steps = [
        {"uses": CHECKOUT},
        {"id": "login", "uses": "docker/login-action@v3", "with": {"registry": "ghcr.io"}},
        {"uses": "docker://alpine:3"},
        {"uses": "./local"},
        {"run": "echo got [${{ steps.login.outputs.digest }}]; git status --porcelain", **here},
    ]
    defaults = {"run": {"shell": "python", "working-directory": "not-yet"}}
    called = {"needs": ["own"], "uses": "other-org/shared/.github/workflows/x.yml@v1", "with": {"a": "b"}}
    after = {"needs": ["called"], "runs-on": "ubuntu-latest", "steps": [{"run": "echo after"}]}
    jobs = {"own": {"runs-on": "ubuntu-latest", "defaults": defaults, "steps": steps}, "called": called, "after": after}
    workflow = {"name": "Own", "on": "workflow_dispatch", "jobs": jobs}
    with_files(pipeline, {WORKFLOW: workflow, "local/action.yml": local})

    run = run_of(pipeline)

    said = [line.split()[1] for line in run.lines if line.startswith("sandbox: ") and "is not on this machine" in line]
    assert said == ["docker/login-action@v3", "docker://alpine:3", "a/nested@v1", called["uses"]]
    assert [line for line in run.lines if line in ("local ran", "after", "got []")] == ["local ran", "got []", "after"]
    assert "got []\n M" not in "\n".join(run.lines)  # git sees nothing of what was done to the files
    assert run.jobs == dict.fromkeys(jobs, "success")


@pytest.mark.parametrize(
    ("machine", "conclusion"),
    [
        ("ubuntu-latest", "success"),
        ("ubuntu-26.04-arm", "success"),
        (["self-hosted", "linux", "gpu"], "success"),
        ({"group": "big", "labels": ["ubuntu-24.04-16core"]}, "success"),
        ("${{ matrix.os }}", "success"),
        ("windows-latest", "cancelled"),
    ],
    ids=str,
)
def test_a_job_runs_on_this_machine_unless_it_is_for_another_kind(
    pipeline: Pipeline, machine: object, conclusion: str
) -> None:
    matrix = {"strategy": {"matrix": {"os": ["ubuntu-24.04", "macos-14"]}}} if "matrix" in str(machine) else {}
    with_job(pipeline, {"runs-on": machine, **matrix, "steps": [{"run": "echo here"}]})

    run = run_of(pipeline)

    assert {run.conclusion, *run.jobs.values()} == {conclusion}


def test_a_job_runs_without_its_container_and_says_so(pipeline: Pipeline) -> None:
    job = {"container": "node:20", "services": {"db": {"image": "postgres"}}, "steps": [{"run": "echo here"}]}
    with_job(pipeline, job)

    run = run_of(pipeline)

    assert run.conclusion == "success"
    assert "sandbox: there is no container engine; the job runs without its container and services" in run.lines


def test_checkout_takes_the_history_the_ref_and_the_folder_that_it_is_asked_for(pipeline: Pipeline) -> None:
    steps = [
        {"uses": CHECKOUT},
        {"run": "echo copied $(git rev-list --count HEAD)"},
        {"uses": CHECKOUT, "with": {"fetch-depth": 0}},
        {"run": "echo whole $(git rev-list --count HEAD) on $(git branch --show-current)"},
        {"uses": CHECKOUT, "with": {"ref": "other", "path": "beside", "persist-credentials": False}},
        {"run": "echo beside $(git -C beside log -1 --format=%s) $(git -C beside config --get-regexp extraheader)"},
        {"uses": CHECKOUT, "with": {"repository": "your-org/app", "token": "${{ secrets.PAT }}", "path": "app"}},
        {"run": "ls app/projects; git fetch -q origin && echo fetched"},
    ]
    repo = with_job(pipeline, {"steps": steps})
    repo.secrets["PAT"] = pipeline.world.tokens["alice"]
    olivia = pipeline.sandbox.state.users["olivia"].person
    repo.git.set_ref("refs/heads/other", repo.git.commit(parents=[], message="elsewhere", author=olivia, files={}))

    run = run_of(pipeline)

    said = [line for line in run.lines if line.startswith(("copied", "whole", "beside", "api", "fetched"))]
    assert said == ["copied 1", "whole 2 on main", "beside elsewhere", "api", "fetched"]


def test_a_step_sees_no_secret_that_it_is_not_given(pipeline: Pipeline) -> None:
    """ "Using secrets in GitHub Actions": a secret reaches a step by an input or a variable that says so."""
    steps = [
        {"run": "env | cut -d= -f1"},
        {
            "run": 'test "$GIVEN" = "$(printf \'two\\nlines\')" && echo given',
            "env": {"GIVEN": "${{ secrets.OF_REPO }}"},
        },
        {"run": 'test "$GIVEN" = of-prod && echo given', "env": {"GIVEN": "${{ secrets.OF_PROD }}"}},
    ]
    repo = with_job(pipeline, {"environment": "prod", "steps": steps})
    repo.secrets["OF_REPO"] = "two\nlines"
    add_environment(repo, pipeline.sandbox.state.new_id(), "prod").secrets["OF_PROD"] = "of-prod"

    run = run_of(pipeline)

    assert run.lines.count("given") == 2
    assert [line for line in run.lines if re.fullmatch(r"\w*(OF_REPO|OF_PROD|TOKEN)\w*", line)] == []


def test_a_run_that_waits_for_an_approval_keeps_no_other_waiting(pipeline: Pipeline) -> None:
    waits = {"environment": "prod", "steps": [{"run": "echo deployed"}]}
    repo = with_job(pipeline, waits)
    bob = pipeline.sandbox.state.users["bob"]
    add_environment(repo, pipeline.sandbox.state.new_id(), "prod").reviewers = [("User", bob.id)]
    alice = pipeline.person("alice")
    for _ in range(5):  # more than there are places
        alice.dispatch(OWN, "own.yml", {})

    while len(repo.waiting) < 5:
        pipeline.workflows.hear(1)

    for run in alice.api("GET", f"/repos/{OWN}/actions/runs")["workflow_runs"]:
        assert run["status"] == "in_progress"
        body = {"environment_ids": [repo.environments["prod"].id], "state": "approved", "comment": ""}
        pipeline.person("bob").api("POST", f"/repos/{OWN}/actions/runs/{run['id']}/pending_deployments", body)
    pipeline.wait()
    assert {run.conclusion for run in pipeline.workflows.runs} == {"success"}


def test_what_is_no_workflow_fails_when_it_is_pushed(pipeline: Pipeline) -> None:
    """docs.github.com shows such a run, without jobs."""
    with_files(pipeline, {WORKFLOW: "on: push\njobs: [unclosed"})
    alice = pipeline.person("alice")

    alice.push_change(alice.clone(OWN, pipeline.folder / "own"), "change", {"x": "x"}, "x")

    (run,) = alice.api("GET", f"/repos/{OWN}/actions/runs")["workflow_runs"]
    assert (run["name"], run["status"], run["conclusion"]) == (WORKFLOW, "completed", "failure")


def test_runs_jobs_logs_and_workflows_are_there_to_be_read(pipeline: Pipeline) -> None:
    with_job(pipeline, {"steps": [{"run": "echo hello from the job"}]})
    number = run_of(pipeline).number
    alice, actions = pipeline.person("alice"), f"/repos/{OWN}/actions"

    (workflow,) = alice.api("GET", f"{actions}/workflows")["workflows"]
    (run,) = alice.api("GET", f"{actions}/workflows/own.yml/runs")["workflow_runs"]
    (job,) = alice.api("GET", f"{actions}/runs/{number}/jobs")["jobs"]

    assert (workflow["name"], workflow["path"], run["workflow_id"]) == ("Own", WORKFLOW, workflow["id"])
    assert alice.api("GET", f"{actions}/workflows/{workflow['id']}")["name"] == "Own"
    assert (run["id"], run["status"], run["display_title"]) == (number, "completed", "Own")
    assert alice.api("GET", f"{actions}/jobs/{job['id']}")["conclusion"] == "success"
    assert b"hello from the job" in log_of(pipeline, f"jobs/{job['id']}")
    with zipfile.ZipFile(io.BytesIO(log_of(pipeline, f"runs/{number}"))) as logs:
        assert logs.namelist() == ["0_own.txt"]
    with pytest.raises(ApiError, match="409: Cannot cancel a workflow run that is completed"):
        alice.api("POST", f"{actions}/runs/{number}/cancel")


def log_of(pipeline: Pipeline, what: str) -> bytes:
    url = f"{pipeline.sandbox.url}/api/v3/repos/{OWN}/actions/{what}/logs"
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {pipeline.world.tokens['alice']}"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - it follows the redirect
        return bytes(answer.read())


def test_a_run_is_cancelled_by_the_api(pipeline: Pipeline) -> None:
    with_job(pipeline, {"steps": [{"run": "echo begun; sleep 60"}]})
    alice = pipeline.person("alice")
    alice.dispatch(OWN, "own.yml", {})
    while "begun" not in [line for run in pipeline.workflows.runs for line in run.lines]:
        pipeline.workflows.hear(1)

    alice.api("POST", f"/repos/{OWN}/actions/runs/{pipeline.workflows.runs[0].number}/cancel")
    pipeline.wait()

    (run,) = alice.api("GET", f"/repos/{OWN}/actions/runs")["workflow_runs"]
    assert (run["status"], run["conclusion"]) == ("completed", "cancelled")


def test_a_workflow_is_started_by_hand_only_if_it_says_so(pipeline: Pipeline) -> None:
    jobs = {"own": {"runs-on": "ubuntu-latest", "steps": [{"run": "true"}]}}
    with_files(pipeline, {WORKFLOW: {"on": "push", "jobs": jobs}})

    with pytest.raises(ApiError, match="422: Workflow does not have 'workflow_dispatch' trigger"):
        pipeline.person("alice").dispatch(OWN, "own.yml", {})
    with pytest.raises(ApiError, match="404"):
        pipeline.person("alice").dispatch(OWN, "other.yml", {})
