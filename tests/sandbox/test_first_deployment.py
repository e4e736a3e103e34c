"""What runs where nothing is recorded yet, and a company that moves in: `adopt`."""

from __future__ import annotations

import json

import pytest

from sandbox.world import BOT
from tests.sandbox.scenarios import GitHub, Infra, check, entries, held, hold, planned, propose, two

LAX = """environments:
  dev: {review: none}
  staging: {after: dev}
services:
  api: {repo: none}
  web: {repo: none}
bots: [gitops-bot]
"""


@pytest.fixture(name="moving")
def _moving(infra: Infra) -> Infra:
    """A company that moves in: commits of long ago that nobody approved, and nothing recorded."""
    github = infra.github
    github.change_infra({"gitops.yml": LAX, "envs/prod.json": None}, approved_by="")
    github.change_infra({"Makefile": "deploy:\n"}, approved_by="")
    infra.pushed(dev="1+1", staging="1+1")
    github.world.infra.rulesets.clear()
    return infra


def adopt(moving: Infra, commit: str = "") -> str:
    """Name what runs, in an approved pull request."""
    commit = commit or moving.github.world.infra.git.head("main") or ""
    moving.github.change_infra({"gitops.yml": f"{LAX}adopt: {commit}\n"})
    return commit


def records(moving: Infra) -> list[tuple[str, str, str, list[str]]]:
    return [
        (record.environment, record.sha, record.creator.login, [status.state for status in record.statuses])
        for record in moving.github.world.infra.deployments
    ]


def test_the_first_deployment_is_asked_who_approved_all_of_it(moving: Infra) -> None:
    result = hold(moving, record="true")

    assert held(result) == {
        "dev/api unreviewed-commit",
        "dev/web unreviewed-commit",
        "staging/api review-required",
        "staging/web review-required",
        "staging/api not-promoted",
        "staging/web not-promoted",
    }
    assert "have its pull request approved or, if it has none, name it in adopt" in result.log
    assert records(moving) == []


def test_what_is_adopted_is_recorded_once_and_runs(moving: Infra) -> None:
    commit = adopt(moving)

    first, second = hold(moving, record="true"), hold(moving, record="true")

    assert [result.outputs["reason"] for result in (first, second)] == ["unchanged", "unchanged"]
    assert records(moving) == [(env, commit, BOT, ["success"]) for env in ("dev", "staging")]
    assert "; taken as it is: dev, staging" in first.log
    assert "taken as it is" not in second.log
    payload = moving.github.world.infra.deployments[0].payload
    assert (payload["adopted"], payload["run"]) == (True, "")


def test_what_is_adopted_was_approved_with_all_before_it_and_nothing_after(moving: Infra) -> None:
    adopt(moving)
    hold(moving, record="true")
    moving.github.change_infra({"Makefile": "deploy:\n\tevil\n"}, approved_by="")
    moving.push(dev="2+1")

    assert held(hold(moving)) == {"dev/api unreviewed-commit"}


def test_what_is_adopted_satisfies_no_promotion(moving: Infra) -> None:
    """It may have run in dev for years, and nobody can tell."""
    adopt(moving, moving.pushed(dev="2+1", staging="1+1"))
    hold(moving, record="true")

    result = check(moving.github, propose(moving.github, {"envs/staging.json": two("2+1")}))

    assert (result.exit_code, result.outputs["reason"]) == (7, "not-promoted")


def test_a_run_that_records_nothing_adopts_nothing(moving: Infra) -> None:
    adopt(moving)

    assert moving.plan().outputs["reason"] == "no-deployment"
    assert records(moving) == []


def test_what_has_records_is_not_adopted(moving: Infra) -> None:
    moving.deployed("dev", moving.pushed(dev="1+1"))
    adopt(moving)

    hold(moving, record="true")

    infra = moving.github.world.infra
    assert [each.environment for each in infra.deployments if each.payload] == ["staging"]


@pytest.mark.parametrize("text", ["{", '{"api": {"tag": ""}}', None], ids=["broken", "without a tag", "not there"])
def test_what_was_nothing_at_the_commit_is_not_adopted(moving: Infra, text: str | None) -> None:
    commit = moving.github.change_infra({"envs/staging.json": text}, approved_by="")
    moving.push(staging="1+1")
    adopt(moving, commit)

    hold(moving, record="true")

    assert [name for name, *_ in records(moving)] == ["dev"]


@pytest.mark.parametrize("where", ["a branch", "nowhere"])
def test_only_a_commit_of_the_branch_is_adopted(moving: Infra, where: str) -> None:
    git = moving.github.world.infra.git
    head, olivia = git.head("main") or "", moving.github.sandbox.state.users["olivia"]
    other = git.commit(parents=[head], message="x", author=olivia.person, files={"envs/dev.json": two("9+9").encode()})
    adopt(moving, other if where == "a branch" else "f" * 40)

    result = hold(moving, record="true")

    assert (result.exit_code, result.outputs["reason"]) == (3, "invalid-config")
    assert "which is no commit of the default branch" in result.log
    assert records(moving) == []


# What a plan records


def test_what_is_listed_is_recorded_before_it_is_deployed(running: Infra) -> None:
    running.github.world.infra.deployments.clear()
    running.github.release("1.0.0")
    tag = running.github.app_commit()
    sha = running.push(dev="1.0.0")
    running.deployed("dev", sha)
    sha = running.push(dev=f"{tag}+2")
    running.github.runner.environment |= {"GITHUB_RUN_ID": "77", "GITHUB_RUN_ATTEMPT": "2"}

    result = hold(running, environments="dev", record="true")
    again = hold(running, environments="dev", record="true")

    assert planned(result) == planned(again) == ["dev"]
    (record,) = running.github.world.infra.deployments[1:]
    assert (record.environment, record.sha, record.creator.login) == ("dev", sha, BOT)
    assert [status.state for status in record.statuses] == ["in_progress"]
    assert record.statuses[0].log_url.endswith("/your-org/infra/actions/runs/77")
    assert record.payload == {"run": "77", "attempt": "2", "commits": {"api": tag, "web": ""}, "adopted": False}


def test_another_attempt_records_anew(running: Infra) -> None:
    running.push(dev=running.github.app_commit())
    before = len(running.github.world.infra.deployments)
    for attempt in "12":
        running.github.runner.environment |= {"GITHUB_RUN_ID": "77", "GITHUB_RUN_ATTEMPT": attempt}
        hold(running, environments="dev", record="true")

    assert len(running.github.world.infra.deployments) == before + 2


def test_each_service_is_recorded_alone_with_the_commit_that_its_version_names(running: Infra) -> None:
    running.github.release("1.0.0")
    running.push(dev="1.0.0+2")

    result = hold(running, environments="dev", per="service", record="true")

    named = running.github.world.app.git.resolve("1.0.0")
    new = {record.environment: record.payload["commits"] for record in running.github.world.infra.deployments[3:]}
    assert sorted(planned(result)) == sorted(new)
    assert new == {"dev/api": {"api": named}, "dev/web": {"web": ""}}


def test_what_stays_keeps_the_commit_that_it_was_deployed_with(running: Infra) -> None:
    """Though its git tag has been moved since."""
    git = running.github.world.app.git
    running.github.release("1.0.0")
    first = git.resolve("1.0.0")
    running.push(dev="1.0.0+1")
    hold(running, environments="dev", record="true")
    infra = running.github.world.infra
    running.github.sandbox.behaviour.deployed(
        infra, infra.deployments[-1], running.github.sandbox.state.users[BOT], "success"
    )
    git.set_ref("refs/tags/1.0.0", running.github.app_commit("other"))
    running.push(dev="1.0.0+2")
    hold(running, environments="dev", record="true")

    assert infra.deployments[-1].payload["commits"] == {"api": first, "web": ""}


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"record": "true"}, "record needs enforce-gates: true"),
        ({"record": "true", "enforce_gates": "again"}, "record needs enforce-gates: true"),
        ({"since": "before", "enforce_gates": "true"}, "enforce-gates needs since: deployment"),
    ],
)
def test_what_cannot_be_recorded_or_judged_is_an_error(infra: Infra, inputs: dict[str, str], said: str) -> None:
    result = infra.plan(**inputs)

    assert (result.exit_code, result.outputs["reason"]) == (2, "invalid-input")
    assert said in result.log


# The second look


def test_the_second_look_asks_no_app(running: Infra) -> None:
    sha = running.push(dev=running.github.app_commit())
    hold(running, environments="dev", record="true")
    state = running.github.sandbox.state
    token = state.add_token(
        BOT, permissions=dict.fromkeys(("contents", "deployments", "pull_requests"), "read"),
        repos=[running.github.world.infra],
    )  # fmt: skip
    running.github.operations()

    result = running.plan(sha, environments="dev", enforce_gates="again", token=token)

    assert planned(result) == ["dev"]
    assert running.github.operations() == ["query"] * 4


def test_what_was_approved_and_is_taken_back_is_not_deployed(running: Infra) -> None:
    from tests.sandbox.scenarios import merge_files

    running.deployed("dev", running.push(dev="2+2"))
    sha = merge_files(running, {"envs/staging.json": json.dumps({"api": {"tag": "1"}, "web": {"tag": "2"}})})
    first = running.plan(sha, environments="staging", enforce_gates="again")
    (pull,) = [pull for pull in running.github.world.infra.pulls.values() if pull.merge_sha == sha]
    pull.reviews[0].state = "DISMISSED"

    second = running.plan(sha, environments="staging", enforce_gates="again")

    assert planned(first) == ["staging"]
    assert held(second) == {"staging/web review-required"}


def test_everything_is_deployed_again_but_what_is_held_or_superseded(running: Infra) -> None:
    old = running.github.world.infra.git.head("main") or ""
    everything = hold(running, only_changed="false")
    running.pushed(staging="2")
    with_held = hold(running, only_changed="false")
    superseded = running.plan(old, only_changed="false", enforce_gates="true")

    assert [entry["env"] for entry in entries(everything)] == ["dev", "staging", "prod"]
    assert everything.outputs["reason"] == "all"
    assert [entry["env"] for entry in entries(with_held)] == ["dev", "prod"]
    assert [entry["env"] for entry in entries(superseded)] == ["dev", "prod"]


def test_a_branch_that_changed_in_more_files_than_github_lists_says_something_else(running: Infra) -> None:
    old = running.push(dev="2")
    files: dict[str, str | None] = {f"docs/{number}.md": "x" for number in range(301)}
    running.github.change_infra(files)

    assert running.plan(old, environments="dev").outputs["reason"] == "superseded"


def test_a_commit_that_is_on_no_branch_is_not_deployed(running: Infra) -> None:
    git = running.github.world.infra.git
    head, alice = git.head("main") or "", running.github.sandbox.state.users["alice"]
    parked = git.commit(parents=[head], message="x", author=alice.person, files={"envs/dev.json": two("9").encode()})

    assert running.plan(parked, environments="dev").outputs["reason"] == "superseded"


def test_an_empty_repository_has_nothing_that_it_says(github: GitHub) -> None:
    infra = Infra(github)
    sha = github.world.infra.git.head("main") or ""
    github.world.infra.default_branch = "trunk"

    assert infra.plan(sha).outputs["reason"] == "superseded"
