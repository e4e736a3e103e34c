"""Which events start workflows on the sandbox, at which ref (docs.github.com, "Events that trigger workflows")."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest
import yaml

from sandbox.serve import tell_of_silence
from sandbox.triggers import FIRED
from tests.e2e.test_runner import OWN, WORKFLOW, with_files
from tests.support import ROOT

if TYPE_CHECKING:
    from sandbox.state import Repo
    from tests.e2e.scenarios import Pipeline

MAIN = "refs/heads/main"


def listening(pipeline: Pipeline, on: object, **jobs: object) -> Repo:
    """Make a repository whose workflow waits for the events *on*."""
    job = {"runs-on": "ubuntu-latest", "steps": [{"run": "echo $GITHUB_REF"}]}
    return with_files(pipeline, {WORKFLOW: {"name": "Own", "on": on, "jobs": jobs or {"own": job}}})


def heard(pipeline: Pipeline) -> list[tuple[str, str, str]]:
    """Return the name, the type and the ref of each event that started a run."""
    pipeline.wait()
    events = [run.event for run in pipeline.workflows.runs]
    return [(event.name, str(event.payload.get("action", "")), event.ref) for event in events]


def test_a_release_starts_workflows_at_its_tag(pipeline: Pipeline) -> None:
    repo = listening(pipeline, {"release": {"types": ["published", "released"]}})
    repo.git.set_ref("refs/tags/v1", repo.git.head("main") or "")

    pipeline.person("bob").api("POST", f"/repos/{OWN}/releases", {"tag_name": "v1", "body": ""})

    assert heard(pipeline) == [("release", "published", "refs/tags/v1"), ("release", "released", "refs/tags/v1")]


def test_a_branch_that_goes_starts_workflows_of_the_default_branch(pipeline: Pipeline) -> None:
    repo = listening(pipeline, "delete")
    repo.git.set_ref("refs/heads/old", repo.git.head("main") or "")

    pipeline.person("bob").api("DELETE", f"/repos/{OWN}/git/refs/heads/old")

    assert heard(pipeline) == [("delete", "", MAIN)]


def test_statuses_of_commits_and_deployments_start_workflows(pipeline: Pipeline) -> None:
    """Not that of a deployment which is `inactive`."""
    repo = listening(pipeline, ["status", "deployment_status"])
    bob = pipeline.person("bob")

    bob.api("POST", f"/repos/{OWN}/statuses/{repo.git.head('main')}", {"state": "success", "context": "x"})
    deployment = bob.api("POST", f"/repos/{OWN}/deployments", {"ref": "main", "required_contexts": []})
    for state in ("success", "inactive"):
        bob.api("POST", f"/repos/{OWN}/deployments/{deployment['id']}/statuses", {"state": state})

    assert heard(pipeline) == [("status", "", MAIN), ("deployment_status", "created", MAIN)]


def test_comments_and_labels_start_workflows_by_their_types(pipeline: Pipeline) -> None:
    """A job that is not meant is a guard's: `types` is all that a workflow says."""
    listening(pipeline, {"issue_comment": {"types": ["edited", "deleted"]}, "pull_request": {"types": ["unlabeled"]}})
    alice = pipeline.person("alice")
    alice.push_change(alice.clone(OWN, pipeline.folder / "own"), "change", {"x": "x"}, "x")
    number = alice.open_pull(OWN, head="change", title="x")

    comment = alice.api("POST", f"/repos/{OWN}/issues/{number}/comments", {"body": "x"})
    alice.api("PATCH", f"/repos/{OWN}/issues/comments/{comment['id']}", {"body": "y"})
    alice.api("DELETE", f"/repos/{OWN}/issues/comments/{comment['id']}")
    alice.api("POST", f"/repos/{OWN}/issues/{number}/labels", {"labels": ["a"]})
    alice.api("DELETE", f"/repos/{OWN}/issues/{number}/labels/a")

    assert heard(pipeline) == [
        ("issue_comment", "edited", MAIN),
        ("issue_comment", "deleted", MAIN),
        ("pull_request", "unlabeled", "refs/pull/1/merge"),
    ]


def test_a_review_that_is_dismissed_starts_workflows(pipeline: Pipeline) -> None:
    listening(pipeline, {"pull_request_review": {"types": ["dismissed"]}})
    alice, bob = pipeline.person("alice"), pipeline.person("bob")
    alice.push_change(alice.clone(OWN, pipeline.folder / "own"), "change", {"x": "x"}, "x")
    number = alice.open_pull(OWN, head="change", title="x")
    review = bob.api("POST", f"/repos/{OWN}/pulls/{number}/reviews", {"event": "APPROVE"})

    bob.api("PUT", f"/repos/{OWN}/pulls/{number}/reviews/{review['id']}/dismissals", {"message": "x"})

    assert heard(pipeline) == [("pull_request_review", "dismissed", "refs/pull/1/merge")]


def test_an_event_from_elsewhere_starts_what_waits_for_its_type(pipeline: Pipeline) -> None:
    listening(pipeline, {"repository_dispatch": {"types": ["built"]}})
    bob = pipeline.person("bob")

    for kind in ("built", "other"):
        bob.api("POST", f"/repos/{OWN}/dispatches", {"event_type": kind, "client_payload": {"tag": "1"}})

    assert heard(pipeline) == [("repository_dispatch", "built", MAIN)]
    assert pipeline.workflows.runs[0].event.payload["client_payload"] == {"tag": "1"}


def test_a_schedule_comes_when_somebody_says_so(pipeline: Pipeline) -> None:
    """No part of GitHub's API: it has an address of its own."""
    listening(pipeline, {"schedule": [{"cron": "1 2 * * *"}], "push": None})

    answer = by_hand(pipeline, f"{OWN}/schedule/own.yml")

    assert json.loads(answer) == {"schedule": ["1 2 * * *"]}
    assert heard(pipeline) == [("schedule", "", MAIN)]
    for path in (f"{OWN}/schedule/other.yml", f"{OWN}/own.yml"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            by_hand(pipeline, path)


def by_hand(pipeline: Pipeline, path: str) -> bytes:
    request = urllib.request.Request(  # noqa: S310 - the address is the sandbox's own
        f"{pipeline.sandbox.url}/sandbox/{path}",
        method="POST",
        headers={"Authorization": f"Bearer {pipeline.world.tokens['bob']}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return bytes(answer.read())
    except urllib.error.HTTPError as error:
        error.close()
        raise


def test_a_run_starts_those_that_wait_for_it_but_no_chain_is_endless(pipeline: Pipeline) -> None:
    job = {"runs-on": "ubuntu-latest", "steps": [{"run": "echo ran"}]}
    again = {"workflow_run": {"workflows": ["First", "Again"], "types": ["completed"]}}
    repo = with_files(
        pipeline,
        {
            WORKFLOW: {"name": "First", "on": "workflow_dispatch", "jobs": {"own": job}},
            ".github/workflows/again.yml": {"name": "Again", "on": again, "jobs": {"own": job}},
        },
    )

    pipeline.person("bob").dispatch(OWN, "own.yml", {})
    pipeline.wait()

    assert [run.name for run in pipeline.workflows.runs] == ["First", "Again", "Again", "Again"]
    told = pipeline.workflows.runs[1].event.payload["workflow_run"]
    assert (told["name"], told["status"], told["conclusion"]) == ("First", "completed", "success")
    assert {run.branch for run in repo.runs} == {"main"}


@pytest.mark.parametrize(("passes", "method"), [(True, "SQUASH"), (True, "REBASE"), (False, "SQUASH")])
def test_the_merge_queue_tests_a_pull_request_on_top_of_its_base(
    pipeline: Pipeline, *, passes: bool, method: str
) -> None:
    """docs.github.com, "Managing a merge queue": merged as it was tested, or taken out."""
    step = {"run": "exit 0" if passes else "exit ${{ github.event_name == 'merge_group' && 1 || 0 }}"}
    job = {"runs-on": "ubuntu-latest", "steps": [step]}
    repo = listening(pipeline, ["pull_request", "merge_group"], test=job)
    checks = {"required_status_checks": [{"context": "test"}], "strict_required_status_checks_policy": False}
    ruleset = {
        "name": "main",
        "target": "branch",
        "enforcement": "active",
        "conditions": {"ref_name": {"include": ["~DEFAULT_BRANCH"], "exclude": []}},
        "rules": [
            {"type": "required_status_checks", "parameters": checks},
            {"type": "merge_queue", "parameters": {"merge_method": method}},
        ],
    }
    repo.rulesets.append({"id": 1, "bypass_actors": [], **ruleset})
    alice, before = pipeline.person("alice"), repo.git.head("main")
    clone = alice.clone(OWN, pipeline.folder / "own")
    alice.push_change(clone, "change", {"x": "x"}, "x")
    alice.git("commit", "-q", "--allow-empty", "-m", "y", at=clone)
    alice.git("push", "-q", "origin", "change", at=clone)
    number = alice.open_pull(OWN, head="change", title="A change")
    pipeline.wait()

    pull = f'enqueuePullRequest(input: {{pullRequestId: "{node_id(pipeline, number)}"}}) {{ clientMutationId }}'
    alice.graphql(f"mutation {{ {pull} }}", {})
    pipeline.wait()

    group = pipeline.workflows.runs[-1].event
    assert group.ref == f"refs/heads/gh-readonly-queue/main/pr-{number}-{before}"
    assert repo.git.head("main") == (group.sha if passes else before)
    assert (repo.pulls[number].merge_sha, repo.pulls[number].queued) == (group.sha if passes else None, False)
    assert [name for name in repo.git.refs("refs/heads/") if "queue" in name] == []


def node_id(pipeline: Pipeline, number: int) -> str:
    return str(pipeline.person("alice").api("GET", f"/repos/{OWN}/pulls/{number}")["node_id"])


def test_what_never_happens_here_is_said_when_it_is_pushed(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    repo = listening(pipeline, ["push", "discussion"])
    pipeline.sandbox.state.listeners.append(tell_of_silence)
    alice = pipeline.person("alice")
    clone = alice.clone(OWN, pipeline.folder / "own")
    alice.git("commit", "-q", "--allow-empty", "-m", "x", at=clone)

    alice.git("push", "-q", "origin", "main", at=clone)

    said = capsys.readouterr().out
    assert said == f"{repo.name}: {WORKFLOW}: the sandbox never starts a workflow by discussion\n"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("A change", ["push", "pull_request", "pull_request_target"]),
        ("A change [skip ci]", ["pull_request_target"]),
        ("A change\n\nskip-checks: true", ["pull_request_target"]),
    ],
)
def test_a_commit_may_ask_for_no_runs(pipeline: Pipeline, message: str, expected: list[str]) -> None:
    """docs.github.com, "Skipping workflow runs": those of `push` and `pull_request`."""
    listening(pipeline, ["push", "pull_request", "pull_request_target"])
    alice = pipeline.person("alice")
    alice.push_change(alice.clone(OWN, pipeline.folder / "own"), "change", {"x": "x"}, message)
    alice.open_pull(OWN, head="change", title="x")

    assert [name for name, _, _ in heard(pipeline)] == expected


def test_every_event_of_the_examples_happens_here() -> None:
    for path in (ROOT / "examples").rglob("*.yml"):
        on = yaml.load(path.read_text(), yaml.BaseLoader).get("on", {})  # noqa: S506 - texts
        assert {on} if isinstance(on, str) else set(on) <= FIRED, path
