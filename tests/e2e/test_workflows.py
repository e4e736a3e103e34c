"""Workflows of one's own on the sandbox: which events start them, git within them, runs that are run again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from sandbox.client import ApiError
from tests.e2e.scenarios import APP

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.act import Run
    from tests.e2e.scenarios import Pipeline

OWN = "your-org/own"
CHECKOUT = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1"
PUSH = (
    "git -c user.name=x -c user.email=x@example.com commit -q --allow-empty -m x && git push -q origin HEAD:refs/heads/"
)


def with_workflow(pipeline: Pipeline, on: object, *steps: Mapping[str, object]) -> None:
    """Make a repository with one workflow of one job."""
    state, olivia = pipeline.sandbox.state, pipeline.sandbox.state.users["olivia"]
    repo = state.add_repo("your-org", "own", {"alice": "admin", "bob": "write"})
    job = {"runs-on": "ubuntu-latest", "steps": [dict(step) for step in steps]}
    workflow = yaml.safe_dump({"name": "Own", "on": on, "jobs": {"own": job}})
    files = {".github/workflows/own.yml": workflow.encode()}
    repo.git.set_ref("refs/heads/main", repo.git.commit(parents=[], message="x", author=olivia.person, files=files))


def pull(pipeline: Pipeline) -> int:
    alice = pipeline.person("alice")
    clone = alice.clone(OWN, pipeline.folder / "own")
    alice.push_change(clone, "change", {"x": "x"}, "x")
    return alice.open_pull(OWN, head="change", title="x")


def test_reviews_comments_branches_and_deployments_start_workflows(pipeline: Pipeline) -> None:
    with_workflow(
        pipeline, ["pull_request_review", "issue_comment", "create", "deployment"], {"run": "echo $GITHUB_REF"}
    )

    number = pull(pipeline)
    pipeline.person("bob").approve(OWN, number)
    pipeline.person("bob").api("POST", f"/repos/{OWN}/issues/{number}/comments", {"body": "x"})
    pipeline.person("bob").api("POST", f"/repos/{OWN}/deployments", {"ref": "main", "required_contexts": []})
    pipeline.wait()

    refs = {"create": "refs/heads/change", "pull_request_review": "refs/pull/1/merge"}
    on_main = dict.fromkeys(["issue_comment", "deployment"], "refs/heads/main")
    assert {run.event.name: run.event.ref for run in pipeline.workflows.runs} == refs | on_main


@pytest.mark.parametrize("persists", [True, False], ids=["as it is", "without credentials"])
def test_git_in_a_workflow_has_the_token_that_checkout_left(pipeline: Pipeline, *, persists: bool) -> None:
    """Without, it fails at once, and waits for nobody to type a password."""
    checkout = {"uses": CHECKOUT, "with": {} if persists else {"persist-credentials": False}}
    with_workflow(pipeline, "push", checkout, {"run": f"{PUSH}made"})

    pipeline.person("alice").push_change(
        pipeline.person("alice").clone(OWN, pipeline.folder / "own"), "change", {"x": "x"}, "x"
    )
    pipeline.wait()

    repo = pipeline.sandbox.state.repos[OWN]
    (run,) = pipeline.workflows.runs  # what a run pushes starts no other
    assert (run.conclusion, bool(repo.git.head("made"))) == (("success", True) if persists else ("failure", False))


def test_a_run_that_is_run_again_is_another_attempt_at_the_same_commit(pipeline: Pipeline) -> None:
    with_workflow(pipeline, "pull_request", {"run": "echo attempt $GITHUB_RUN_ATTEMPT for $GITHUB_TRIGGERING_ACTOR"})
    pull(pipeline)
    pipeline.wait()
    (first,) = pipeline.workflows.runs
    bob, runs = pipeline.person("bob"), f"/repos/{OWN}/actions/runs"
    before = bob.api("GET", f"{runs}/{first.number}")

    bob.api("POST", f"{runs}/{first.number}/rerun")
    pipeline.wait()

    after = bob.api("GET", f"{runs}/{first.number}")
    assert [said(run) for run in pipeline.workflows.runs] == ["attempt 1 for alice", "attempt 2 for bob"]
    assert [known["run_attempt"] for known in (before, after)] == [1, 2]
    assert [known["triggering_actor"]["login"] for known in (before, after)] == ["alice", "bob"]
    assert after["actor"]["login"] == "alice"
    assert (after["name"], after["run_number"], after["head_branch"]) == ("Own", 1, "change")
    assert (after["status"], after["conclusion"], after["head_sha"]) == ("completed", "success", before["head_sha"])
    assert [bob.api("GET", f"{runs}/1/jobs?filter={which}")["total_count"] for which in ("latest", "all")] == [1, 2]
    with pytest.raises(ApiError, match="403: Unable to retry this workflow run"):
        bob.api("POST", f"/repos/{APP}/actions/runs/{pipeline.world.app.runs[0].id}/rerun")


def said(run: Run) -> str:
    return next(line for line in run.lines if line.startswith("attempt"))
