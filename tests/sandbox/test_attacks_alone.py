"""What one developer alone tries to get into production, and what stops it.

By the API and by push, with write access to both repositories; the bot's rights to bypass are used as if somebody had
got hold of them. `docs/soc2.md` lists each attempt.
"""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest

from sandbox.client import ApiError
from sandbox.delivery import tagged
from sandbox.state import ACTIONS_APP, CheckRun, WorkflowRun
from sandbox.world import BOT
from tests.sandbox.scenarios import (
    GITOPS,
    NOW,
    GitHub,
    Infra,
    check,
    deploy,
    gates_of,
    held,
    hold,
    merge_files,
    planned,
    propose,
    two,
)

APP, INFRA = "your-org/app", "your-org/infra"
DAYS = timedelta(days=2)


def forge(github: GitHub, env: str, sha: str, login: str = "alice") -> int:
    """Record by the public API that a commit was deployed."""
    person = github.person(login)
    body = {"ref": sha, "environment": env, "auto_merge": False, "required_contexts": []}
    number = person.api("POST", f"/repos/{INFRA}/deployments", body)["id"]
    person.api("POST", f"/repos/{INFRA}/deployments/{number}/statuses", {"state": "success"})
    return int(number)


def by_the_bot(running: Infra, files: dict[str, str | None]) -> str:
    """Have the bot merge a pull request of its own, which nobody approved."""
    number = propose(running.github, files, by=BOT, branch=f"bot-{len(running.github.world.infra.pulls)}")
    return running.github.person(BOT).merge(INFRA, number)


# Records


def test_attack_commit_of_a_branch_as_a_rollback(gated: GitHub) -> None:
    """A record of somebody else makes nothing a rollback; and what is one must have been released all the same."""
    good = gated.app_commit("good")
    deploy(gated, "prod", gated.app_commit("better"), ago=timedelta(days=9))
    evil = gated.app_commit("never reviewed", branch="feature", parent=good, approved_by="")
    git = gated.world.infra.git
    parked = git.commit(
        parents=[git.head("main") or ""], message="wip", author=gated.sandbox.state.users["alice"].person,
        files={"envs/prod.json": tagged(evil).encode()},
    )  # fmt: skip
    git.set_ref("refs/heads/parked", parked)
    forge(gated, "prod/api", parked)

    result = check(gated, propose(gated, {"envs/prod.json": tagged(evil)}, message="Back\n\nReason: INC-7"))

    assert gates_of(result)["released"] == gates_of(result)["ancestry"] == "refuse"


@pytest.mark.parametrize("by", ["alice", "the bot, of a commit that is not on main"])
def test_attack_record_of_staging(gated: GitHub, by: str) -> None:
    """That it ran in staging, where it never was."""
    tag = gated.app_commit()
    sha = gated.change_infra({"envs/staging.json": tagged(tag)})
    if by != "alice":
        gated.world.infra.git.set_ref("refs/heads/main", str(gated.world.infra.git.get(sha).parent_ids[0]))
        gated.world.infra.git.set_ref("refs/heads/parked", sha)
    number = forge(gated, "staging", sha, "alice" if by == "alice" else BOT)
    (record,) = [known for known in gated.world.infra.deployments if known.id == number]
    record.statuses[0].at = f"{NOW - timedelta(days=9):%Y-%m-%dT%H:%M:%SZ}"

    result = check(gated, propose(gated, {"envs/prod.json": tagged(tag)}))

    assert (result.exit_code, result.outputs["reason"]) == (7, "not-promoted")


def test_attack_status_on_a_record_of_the_bot(running: Infra) -> None:
    """That a deployment of the bot succeeded, which failed or is held."""
    sha = running.push(dev=running.github.app_commit("new"))
    running.deployed("dev", sha, "failure")
    record = running.github.world.infra.deployments[-1]
    path = f"/repos/{INFRA}/deployments/{record.id}/statuses"
    running.github.person("alice").api("POST", path, {"state": "success"})

    assert planned(running.plan(environments="dev")) == ["dev"]


def test_attack_record_that_hides_what_is_held(running: Infra) -> None:
    """A record of prod at the head of main, so that nothing seems to be left to judge."""
    head = by_the_bot(running, {"Makefile": "deploy:\n\tevil\n"})
    forge(running.github, "prod", head)
    merge_files(running, {"envs/prod.json": json.dumps({"api": {"tag": "1"}, "web": {"tag": "2"}})})

    result = hold(running, environments="prod")

    assert "prod/web unreviewed-commit" in held(result)
    assert planned(result) == []


# What is deployed beside the tag


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({"gitops.yml": GITOPS.replace("prod: {", "prod: {review: none, ")}, id="rules"),
        pytest.param({"Makefile": "test:\ndeploy:\n\tcurl evil\n"}, id="command"),
        pytest.param({".github/workflows/deploy.yml": "on: push\njobs: {}\n"}, id="workflow"),
    ],
)
def test_attack_change_of_what_deploys_by_the_bot(running: Infra, files: dict[str, str | None]) -> None:
    """Each later deployment of every environment would run it."""
    services = "  api: {repo: your-org/app}\n"
    files = {path: (text or "").replace(services, f"{services}  web: {{repo: none}}\n") for path, text in files.items()}
    by_the_bot(running, files)
    merge_files(running, {"envs/prod.json": json.dumps({"api": {"tag": "1"}, "web": {"tag": "2"}})})

    result = hold(running)

    assert "prod/web unreviewed-commit" in held(result)
    assert "prod" not in planned(result)


def test_attack_brace_that_is_mended(running: Infra) -> None:
    """The tag comes with one brace too few, past the review; the brace, by a pull request that is approved."""
    text = json.dumps({"api": {"tag": "1"}, "web": {"tag": "2"}})
    by_the_bot(running, {"envs/prod.json": text[:-1]})
    merge_files(running, {"envs/prod.json": text})

    assert "prod/web unreviewed-commit" in held(hold(running, environments="prod"))


def test_attack_rename_of_a_file(running: Infra) -> None:
    """A pull request that renames a file, and is approved, approves nothing that is in it."""
    text = json.dumps({"api": {"tag": "1"}, "web": {"tag": "2"}})
    by_the_bot(running, {"envs/prod.json": text})
    merge_files(running, {"envs/prod.json": None, "envs/prod.yml": text})

    result = hold(running, environments="prod")

    assert [reason for reason in held(result) if reason.endswith(("review-required", "unreviewed-commit"))]
    assert planned(result) == []


# Time


def test_attack_old_run_again(running: Infra) -> None:
    """What main has taken back is deployed by a job that waited, and by a run that is run again."""
    new = running.github.app_commit("new")
    before = running.github.infra_file("envs/dev.json")
    old = merge_files(running, {"envs/dev.json": two(new)})
    assert planned(hold(running, environments="dev")) == ["dev"]
    merge_files(running, {"envs/dev.json": before}, message="Back\n\nReason: it is bad")

    late = running.plan(old, environments="dev", enforce_gates="again")
    again = running.plan(old, environments="dev", enforce_gates="true")

    assert [(result.outputs["reason"], result.outputs["has-changes"]) for result in (late, again)] == [
        ("superseded", "false")
    ] * 2


def test_attack_rules_of_an_old_run(running: Infra) -> None:
    """The run of a commit from before the freeze is run again in it."""
    old = merge_files(running, {"envs/prod.json": json.dumps({"api": {"tag": "1"}, "web": {"tag": "2"}})})
    frozen = running.github.infra_file("gitops.yml").replace("Fri 15:00 - Mon 08:00", "Mon 00:00 - Sun 23:59")
    merge_files(running, {"gitops.yml": frozen})

    again = running.plan(old, environments="prod", enforce_gates="true")

    assert (again.outputs["reason"], again.outputs["has-changes"]) == ("superseded", "false")


def test_attack_freeze_overridden_after_the_merge(running: Infra) -> None:
    """By the text of the pull request, and by a label of its author."""
    running.github.change_infra({"gitops.yml": _frozen(running)})
    sha = merge_files(running, {"envs/prod.json": json.dumps({"api": {"tag": "1"}, "web": {"tag": "2"}})})
    running.deployed("staging", running.github.change_infra({"envs/staging.json": two("1+2")}))
    (number,) = [n for n, pull in running.github.world.infra.pulls.items() if pull.merge_sha == sha]
    alice = running.github.person("alice")
    alice.api("PATCH", f"/repos/{INFRA}/pulls/{number}", {"body": "Freeze-override: because\n"})
    alice.api("POST", f"/repos/{INFRA}/issues/{number}/labels", {"labels": ["freeze-override"]})

    assert "prod/web frozen" in held(hold(running, environments="prod"))


def _frozen(running: Infra) -> str:
    return running.github.infra_file("gitops.yml").replace("Fri 15:00 - Mon 08:00", "Mon 00:00 - Sun 23:59")


# Names


@pytest.mark.parametrize("how", ["moved", "beside v"])
def test_attack_git_tag_that_is_moved(gated: GitHub, how: str) -> None:
    """Other bytes under the name that has soaked."""
    git = gated.world.app.git
    gated.release("1.4.0")
    deploy(gated, "prod", "1.4.0", ago=timedelta(days=9))
    git.set_ref("refs/tags/v1.5.0" if how == "beside v" else "refs/tags/1.5.0", gated.app_commit("1.5.0"))
    deploy(gated, "staging", "1.5.0", ago=DAYS)
    git.set_ref("refs/tags/1.5.0", gated.app_commit("an hour ago, never in staging"))

    result = check(gated, propose(gated, {"envs/prod.json": tagged("1.5.0")}))

    assert (result.exit_code, result.outputs["reason"]) == (7, "unknown")


@pytest.mark.parametrize("login", ["alice", "olivia"])
def test_attack_release_tag_made_or_moved(organization: GitHub, login: str) -> None:
    organization.release("1.0.0")
    person, head = organization.person(login), organization.world.app.git.head("main")
    for verb, path, body in (
        ("POST", "/git/refs", {"ref": "refs/tags/9.9.9", "sha": head}),
        ("PATCH", "/git/refs/tags/1.0.0", {"sha": organization.app_commit(), "force": True}),
        ("DELETE", "/git/refs/tags/1.0.0", None),
    ):
        with pytest.raises(ApiError, match="rule violations"):
            person.api(verb, f"/repos/{APP}{path}", body)


def test_attack_environment_that_is_renamed_in_case(gated: GitHub) -> None:
    """The same environment for GitHub, and another policy."""
    tag = gated.app_commit()

    result = check(gated, propose(gated, {"envs/prod.json": None, "envs/PROD.json": tagged(tag)}))

    assert (result.exit_code, result.outputs["reason"]) == (3, "invalid-config")


# Checks


@pytest.mark.parametrize("how", ["posted as GitHub Actions", "a job of a branch", "a job of a pull request"])
def test_attack_check_of_ones_own(gated: GitHub, how: str) -> None:
    """On a commit of main whose tests fail."""
    tag, app, state = gated.app_commit(), gated.world.app, gated.sandbox.state
    app.checks.clear()
    gated.report("gate", "failure", tag, app)
    number = 0
    if how != "posted as GitHub Actions":
        event = "pull_request" if how.endswith("request") else "push"
        branch = "main" if event == "pull_request" else "feature"
        app.runs.append(WorkflowRun(state.new_id(), "x.yml", event, state.users["alice"], tag, branch=branch))
        number = app.runs[-1].id
    app.checks.append(
        CheckRun(state.new_id(), "gate", tag, ACTIONS_APP, number, status="completed", conclusion="success")
    )

    result = check(gated, propose(gated, {"envs/dev.json": tagged(tag)}))

    assert (result.exit_code, result.outputs["reason"]) == (7, "checks-failed")


def test_attack_live_branch_that_is_moved(organization: GitHub) -> None:
    """What an agent follows, where one pulls."""
    from tests.support import ROOT

    infra, head = organization.world.infra, organization.world.infra.git.head("main") or ""
    ruleset = json.loads((ROOT / "examples" / "pull-based" / "live.json").read_text(encoding="utf-8"))
    for entry in ruleset["bypass_actors"]:
        entry["actor_id"] = organization.sandbox.state.users[f"{entry.pop('actor')}[bot]"].id
    infra.rulesets.append({"id": 77, **ruleset})
    organization.person(BOT).api("POST", f"/repos/{INFRA}/git/refs", {"ref": "refs/heads/live/dev", "sha": head})

    for login in ("alice", "olivia"):
        for verb, path, body in (
            ("POST", "/git/refs", {"ref": "refs/heads/live/prod", "sha": head}),
            ("PATCH", "/git/refs/heads/live/dev", {"sha": organization.change_infra({"x": "x"}), "force": True}),
            ("DELETE", "/git/refs/heads/live/dev", None),
        ):
            with pytest.raises(ApiError, match="rule violations"):
                organization.person(login).api(verb, f"/repos/{INFRA}{path}", body)
    assert re.fullmatch("[0-9a-f]{40}", infra.git.head("live/dev") or "")
