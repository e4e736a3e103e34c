"""Who gets the keys of the Apps: workflows of the default branch, in jobs that name the environment."""

from __future__ import annotations

import json

import pytest
import yaml

from sandbox.client import ApiError
from sandbox.environments import Policy, add_environment
from tests.e2e.scenarios import INFRA, Pipeline

STEAL = 'if test -n "$KEY"; then echo "has the key"; else echo "has nothing"; fi'


def thief(on: object, environment: object = None) -> str:
    """Return a workflow that says whether it has the bot's key."""
    job = {
        "runs-on": "ubuntu-24.04",
        "steps": [
            {"run": STEAL, "env": {"KEY": "${{ secrets.GITOPS_BOT_KEY }}"}},
            {"if": "always()", "run": STEAL, "env": {"KEY": "${{ secrets.GITOPS_BOT_KEY }}"}},
        ],
    }
    named = {"environment": environment} if environment else {}
    return yaml.safe_dump({"name": "Thief", "on": on, "jobs": {"thief": named | job}})


@pytest.mark.parametrize("environment", ["gitops-bot", {"name": "GITOPS-BOT", "deployment": False}], ids=str)
@pytest.mark.parametrize("on", ["push", "pull_request"])
def test_attack_key_from_a_branch(pipeline: Pipeline, on: str, environment: object) -> None:
    pipeline.propose(INFRA, "theft", {".github/workflows/thief.yml": thief(on, environment)})

    (run,) = pipeline.runs("Thief", on)
    ref = "refs/pull/1/merge" if on == "pull_request" else "theft"
    assert run.jobs == {"thief": "failure"}
    assert f'Branch "{ref}" is not allowed to deploy to gitops-bot due to environment protection rules.' in "\n".join(
        run.lines
    )
    assert not pipeline.said("has the key")
    assert not pipeline.said("has nothing")


def test_attack_key_without_its_environment(pipeline: Pipeline) -> None:
    """No secret of the repository opens anything."""
    pipeline.propose(INFRA, "theft", {".github/workflows/thief.yml": thief("push")})

    (run,) = pipeline.runs("Thief", "push")
    assert run.jobs == {"thief": "success"}
    assert pipeline.said("has nothing")
    assert not pipeline.said("has the key")


def test_attack_key_from_a_changed_gates_workflow(pipeline: Pipeline) -> None:
    """What runs with the key on a pull request is the file of main, and not that of the pull request."""
    changed = thief({"pull_request_target": {"branches": ["main"]}}, "gitops-bot").replace("Thief", "Gates")
    pipeline.propose(INFRA, "theft", {".github/workflows/gates.yml": changed})

    (run,) = pipeline.runs("Gates", "pull_request_target")
    assert run.jobs.keys() == {"gates", "again"}
    assert not pipeline.said("has the key")


def test_a_workflow_of_the_default_branch_gets_the_key(pipeline: Pipeline) -> None:
    """Or what is above would hold where nobody gets it."""
    infra, olivia = pipeline.world.infra, pipeline.sandbox.state.users["olivia"]
    text = thief("workflow_dispatch", {"name": "gitops-bot", "deployment": False})
    sha = infra.git.commit(
        parents=[infra.git.head("main") or ""], message="x", author=olivia.person,
        files={".github/workflows/thief.yml": text.encode()},
    )  # fmt: skip
    infra.git.set_ref("refs/heads/main", sha)

    pipeline.dispatch(INFRA, "thief.yml", {})

    assert len(pipeline.said("has the key")) == 2
    assert [record for record in infra.deployments if record.environment == "gitops-bot"] == []


def test_a_job_waits_for_whoever_has_to_approve_it(pipeline: Pipeline) -> None:
    infra, state = pipeline.world.infra, pipeline.sandbox.state
    known = add_environment(infra, state.new_id(), "guarded", branches=[Policy(state.new_id(), "main")])
    known.reviewers, known.prevent_self_review = [("User", state.users["bob"].id)], True
    job = {"runs-on": "ubuntu-24.04", "environment": "guarded", "steps": [{"run": "echo it went"}]}
    text = yaml.safe_dump({"name": "Guarded", "on": "workflow_dispatch", "jobs": {"guarded": job}})
    sha = infra.git.commit(
        parents=[infra.git.head("main") or ""], message="x", author=state.users["olivia"].person,
        files={".github/workflows/guarded.yml": text.encode()},
    )  # fmt: skip
    infra.git.set_ref("refs/heads/main", sha)
    alice, bob = pipeline.person("alice"), pipeline.person("bob")

    alice.dispatch(INFRA, "guarded.yml", {})
    while not infra.waiting.get(1):
        pipeline.workflows.hear(10)
    path = f"/repos/{INFRA}/actions/runs/1/pending_deployments"
    review = {"environment_ids": [known.id], "state": "approved", "comment": "go"}
    with pytest.raises(ApiError, match="may not review"):
        alice.api("POST", path, review)
    waited = bob.api("GET", path)
    bob.api("POST", path, review)
    pipeline.wait()

    assert [each["environment"]["name"] for each in waited] == ["guarded"]
    assert pipeline.said("it went") == ["it went"]
    assert json.loads(json.dumps(infra.runs[-1].approvals))[0]["user"]["login"] == "bob"
