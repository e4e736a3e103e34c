"""action-report-deployment: the pull requests of the app show where they are deployed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from actions import report_deployment
from sandbox.faults import Fault
from sandbox.world import BOT
from tests.sandbox.scenarios import GitHub

if TYPE_CHECKING:
    from sandbox.state import Deployment
    from tests.support import Result

ACTION = "action-report-deployment"
APP = "your-org/app"
CREATION = "POST /repos/{owner}/{repo}/deployments"
CONCLUSION = f"{CREATION}/{{deployment_id}}/statuses"


def checkout(github: GitHub, config: str = f"services: {{api: {{repo: {APP}}}}}", **tags: str) -> None:
    github.runner.environment |= {"GITHUB_REPOSITORY": "your-org/infra", "GITHUB_SHA": "c" * 40}
    github.runner.write(
        {"gitops.yml": config, "envs/prod.json": json.dumps({name: {"tag": tag} for name, tag in tags.items()})}
    )


def report(github: GitHub, status: str = "success", **inputs: str) -> Result:
    given = {"env": "prod", "status": status, "token": github.bot, **inputs}
    return github.runner.run(ACTION, lambda: report_deployment.main(github.clock), **given)


def records(github: GitHub) -> list[Deployment]:
    return github.world.app.deployments


def states(deployment: Deployment) -> list[str]:
    return [status.state for status in deployment.statuses]


def test_a_deployment_is_recorded_on_the_commit_of_the_app(github: GitHub) -> None:
    sha = github.app_commit()
    checkout(github, api=sha)

    result = report(github)

    assert (result.exit_code, result.outputs["reason"]) == (0, "reported"), result.log
    (found,) = records(github)
    assert (found.sha, found.environment, states(found)) == (sha, "prod", ["success"])
    assert found.payload == {"infra": "your-org/infra", "commit": "c" * 40}
    assert found.statuses[0].log_url.endswith("/your-org/infra/actions/runs/42")
    assert result.json("deployments") == [
        {"repository": APP, "environment": "prod", "service": "api", "tag": sha, "sha": sha, "state": "success"}
    ]
    assert f"| api | `{sha[:12]}` | {APP} | prod | success |" in result.summary


def test_what_is_recorded_is_not_recorded_again(github: GitHub) -> None:
    checkout(github, api=github.app_commit())
    report(github)

    result = report(github)

    assert (result.exit_code, result.outputs["reason"], result.json("deployments")) == (0, "already-reported", [])
    assert len(records(github)) == 1


@pytest.mark.parametrize(("status", "state"), [("failure", "failure"), ("cancelled", "error")])
def test_a_deployment_that_failed_is_recorded_too_and_then_the_one_that_did_not(
    github: GitHub, status: str, state: str
) -> None:
    checkout(github, api=github.app_commit())

    results = [report(github, status), report(github), report(github, status)]

    assert [result.outputs["reason"] for result in results] == ["reported"] * 3
    assert [states(found)[0] for found in records(github)] == [state, "success", state]


def test_services_of_one_repository_are_told_apart(github: GitHub) -> None:
    github.release("1.0.0", "1.1.0")
    config = f"services: {{api: {{repo: {APP}}}, web: {{repo: {APP}}}, redis: {{repo: none}}}}"
    checkout(github, config, api="1.0.0", web="1.1.0", redis="7.2")

    result = report(github)

    git = github.world.app.git
    assert result.outputs["reason"] == "reported"
    assert {(found.environment, found.sha) for found in records(github)} == {
        ("prod/api", git.resolve("1.0.0")),
        ("prod/web", git.resolve("1.1.0")),
    }


def test_only_the_services_that_are_named_are_reported(github: GitHub) -> None:
    github.release("1.0.0")
    checkout(github, f"services: {{api: {{repo: {APP}}}, web: {{repo: {APP}}}}}", api="1.0.0", web="1.0.0")

    report(github, service="web")
    wrong = report(github, service="job")

    assert [found.environment for found in records(github)] == ["prod/web"]
    assert (wrong.exit_code, wrong.outputs["reason"]) == (2, "unknown-service")


def test_a_tag_without_a_commit_is_a_warning(github: GitHub) -> None:
    checkout(github, api="7.2", web="")

    result = report(github)

    assert (result.exit_code, result.outputs["reason"]) == (0, "nothing-to-report")
    assert "::warning::your-org/app has no commit behind api 7.2" in result.log


@pytest.mark.parametrize(
    ("operation", "fault"),
    [
        pytest.param(CREATION, Fault(after=True), id="recorded, and the answer lost"),
        pytest.param(CREATION, Fault(status=502), id="not recorded"),
        pytest.param(CONCLUSION, Fault(status=502), id="recorded, and not concluded"),
        pytest.param(CONCLUSION, Fault(after=True), id="concluded, and the answer lost"),
    ],
)
def test_whatever_is_lost_on_the_way_there_is_one_record(github: GitHub, operation: str, fault: Fault) -> None:
    checkout(github, api=github.app_commit())
    github.sandbox.faults.plan({(operation, 0): fault})

    result = report(github)

    assert result.exit_code == 0, result.log
    assert [states(found) for found in records(github)] == [["success"]]


def test_who_may_not_write_deployments_is_told_so(github: GitHub) -> None:
    checkout(github, api=github.app_commit())
    narrow = {"contents": "read", "pull_requests": "read", "deployments": "read"}
    token = github.sandbox.state.add_token(BOT, permissions=narrow)

    result = report(github, token=token)

    assert (result.exit_code, result.outputs["reason"]) == (6, "permission-denied")
    assert "deployments: write" in result.log


def test_a_payload_of_somebody_else_is_none_of_ours(github: GitHub) -> None:
    sha = github.app_commit()
    checkout(github, api=sha)
    sandbox = github.sandbox
    other: Any = sandbox.behaviour.deploy(
        github.world.app, sandbox.state.users["olivia"], sha=sha, ref="main", environment="prod"
    )
    other.payload = "not ours"

    report(github)

    assert [states(found) for found in records(github)] == [[], ["success"]]


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"status": "perhaps"}, "input status is 'perhaps'"),
        ({"app_repo": "app"}, "write it as owner/name"),
        ({"env": "nowhere"}, "no environment 'nowhere'"),
    ],
)
def test_inputs_that_cannot_be_used(github: GitHub, inputs: dict[str, str], said: str) -> None:
    checkout(github, api="1.0.0")

    result = report(github, **inputs)

    assert result.exit_code == 2
    assert said in result.log
