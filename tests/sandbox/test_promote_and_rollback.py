"""Promotions, rollbacks, and the gates that open-infra-pr asks before it opens anything."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from sandbox.delivery import tagged
from sandbox.faults import Fault
from tests.sandbox.scenarios import MERGE, GitHub, Infra, deploy, open_pr
from tests.support import Result


def rollback(github: GitHub, to: str = "previous", **inputs: str) -> Result:
    return open_pr(github, **{"env": "dev", "rollback": to, "reason": "it drops sessions", **inputs})


def ran(github: GitHub, env: str, *names: str) -> list[str]:
    """Have *env* run a new commit for each of *names*, one after the other, and return them."""
    tags = [github.app_commit(name) for name in names]
    for hours, tag in enumerate(tags):
        deploy(github, env, tag, ago=timedelta(hours=len(tags) - hours))
    return tags


# Promote


def test_a_promotion_says_what_goes(promoting: GitHub) -> None:
    (tag,) = ran(promoting, "dev", "Greet everybody (#7)")
    before = json.loads(promoting.infra_file("envs/staging.json"))["api"]["tag"]

    result = open_pr(promoting, env="staging", from_env="dev")

    assert result.outputs["reason"] == "opened", result.log
    pull = promoting.world.infra.pulls[1]
    assert pull.title == f"Promote dev to staging: api to {tag[:12]}"
    assert f"/your-org/app/compare/{before}...{tag}" in pull.body
    assert "/your-org/app/pull/7)" in pull.body
    assert "In dev: api for " in pull.body
    assert "since 2026-11-24 11&#58;00 UTC" in pull.body
    assert "| environment | service | tag | released | checks | after | ancestry |" in pull.body
    assert "url" in json.loads(promoting.infra_file("envs/staging.json", result.outputs["branch"]))["api"]


def test_what_the_target_has_newer_is_left_alone_and_named(promoting: GitHub) -> None:
    old, new = promoting.app_commit("old"), promoting.app_commit("new")
    both = '{"api": {"tag": "%s"}, "web": {"tag": "%s"}}'
    promoting.change_infra({"gitops.yml": "services: {api: {repo: your-org/app}, web: {repo: your-org/app}}"})
    promoting.change_infra({"envs/dev.json": both % (old, new), "envs/staging.json": both % (new, old)})

    result = open_pr(promoting, env="staging", from_env="dev")

    assert [change["service"] for change in result.json("changes")] == ["web"]
    assert "Not changed, because staging has a newer tag: api" in promoting.world.infra.pulls[1].body


def test_a_promotion_that_only_goes_backwards_is_called_what_it_is(promoting: GitHub) -> None:
    old, new = promoting.app_commit("old"), promoting.app_commit("new")
    promoting.change_infra({"envs/dev.json": tagged(old), "envs/staging.json": tagged(new)})

    result = open_pr(promoting, env="staging", from_env="dev")

    assert result.outputs["reason"] == "superseded"
    assert f"staging has something newer than api {old[:12]}" in result.log
    assert promoting.world.infra.opened == {}


# The gates, before anything is opened


def test_what_never_ran_in_dev_is_refused_at_once(promoting: GitHub) -> None:
    result = open_pr(promoting, env="staging", tag=promoting.app_commit())

    assert (result.exit_code, result.outputs["reason"]) == (7, "not-promoted")
    assert promoting.world.infra.opened == {}


def test_what_has_to_wait_is_opened_but_not_merged(promoting: GitHub) -> None:
    promoting.change_infra(
        {"gitops.yml": "environments: {dev: {review: none, freeze: ['2000-01-01 00:00 - 2100-01-01 00:00 UTC']}}"}
    )
    tag = promoting.app_commit()

    refused = open_pr(promoting, env="dev", tag=tag, app_repo="your-org/app", merge="direct")
    shown = open_pr(promoting, env="dev", tag=tag, app_repo="your-org/app", merge="direct", dry_run="true")
    opened = open_pr(promoting, env="dev", tag=tag, app_repo="your-org/app")

    assert (refused.exit_code, refused.outputs["reason"]) == (7, "frozen")
    assert shown.outputs["reason"] == "dry-run"
    assert opened.outputs["reason"] == "opened"
    assert "::warning::dev is frozen; the gate opens at 2100-01-01 00:00 UTC" in opened.log
    assert "⏳ **frozen**" in promoting.world.infra.pulls[1].body


def test_checks_of_the_app_that_still_run_are_waited_for(promoting: GitHub) -> None:
    tag = promoting.app_commit()
    promoting.world.app.checks.clear()

    def pass_time() -> None:
        promoting.world.app.checks.clear()
        promoting.report("gate", "success" if len(promoting.slept) > 2 else None, tag, promoting.world.app)

    promoting.on_sleep = pass_time

    result = open_pr(promoting, env="dev", tag=tag)

    assert result.outputs["reason"] == "opened"
    assert promoting.slept == [1.0, 2.0, 4.0]
    assert f"gate has not finished on {tag[:12]}; waiting" in result.log


def test_checks_that_never_end_end_the_run(promoting: GitHub) -> None:
    tag = promoting.app_commit()
    promoting.world.app.checks.clear()

    result = open_pr(promoting, env="dev", tag=tag, timeout="10")
    shown = open_pr(promoting, env="dev", tag=tag, dry_run="true")

    assert (result.exit_code, result.outputs["reason"]) == (7, "checks-pending")
    assert shown.outputs["reason"] == "dry-run"


# Roll back


def test_previous_is_what_ran_before(promoting: GitHub) -> None:
    first, second, _ = ran(promoting, "dev", "first", "second", "third")

    one, two = rollback(promoting), rollback(promoting, "previous-2", branch="two")

    assert [one.outputs["tag"], two.outputs["tag"]] == [second, first]
    pull = promoting.world.infra.pulls[1]
    assert (pull.title, pull.head) == (f"Roll back dev: api to {second[:12]}", f"gitops/dev/rollback-api-{second[:12]}")
    assert "Rolled back because: it drops sessions" in pull.body
    assert "<summary>api: 1 commit taken out</summary>" in pull.body
    assert "third (alice)" in pull.body
    message = promoting.world.infra.git.get(one.outputs["commit-sha"]).message
    run = f"{promoting.sandbox.url}/your-org/infra/actions/runs/42/attempts/1"
    said = f"Reason: it drops sessions\nRequested-by: alice\nRequested-in: {run}\nMade-by: gitops-actions"
    assert message.endswith(f"\n\n{said}")


def test_a_deployment_that_failed_is_not_what_ran(promoting: GitHub) -> None:
    first, bad, third = promoting.app_commit("a"), promoting.app_commit("b"), promoting.app_commit("c")
    deploy(promoting, "dev", first, ago=timedelta(hours=3))
    deploy(promoting, "dev", bad, ago=timedelta(hours=2), state="failure")
    deploy(promoting, "dev", third, ago=timedelta(hours=1))

    assert rollback(promoting).outputs["tag"] == first


def test_what_was_merged_and_never_deployed_is_rolled_back_too(promoting: GitHub) -> None:
    (first,) = ran(promoting, "dev", "first")
    promoting.change_infra({"envs/dev.json": tagged(promoting.app_commit("merged"))})

    assert rollback(promoting).outputs["tag"] == first


def test_without_records_nothing_ran(promoting: GitHub) -> None:
    one, two = promoting.app_commit("one"), promoting.app_commit("two")
    promoting.change_infra({"envs/dev.json": tagged(one)})
    promoting.change_infra({"envs/dev.json": tagged(two)})

    assert rollback(promoting).outputs["reason"] == "never-ran"


def test_an_earlier_tag_can_be_named(promoting: GitHub) -> None:
    first, _, _ = ran(promoting, "dev", "first", "second", "third")

    assert rollback(promoting, first).outputs["tag"] == first


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("never", "never ran in dev, so this is no rollback; set it with tag, as a new change"),
        ("previous-3", "there is no previous-3 tag of api: no other tag ran in dev that long ago"),
    ],
)
def test_what_never_ran_there_is_no_rollback(promoting: GitHub, to: str, said: str) -> None:
    ran(promoting, "dev", "first", "second", "third")

    result = rollback(promoting, promoting.app_commit() if to == "never" else to)

    assert (result.exit_code, result.outputs["reason"]) == (7, "never-ran")
    assert said in result.log


def test_a_rollback_needs_a_reason(promoting: GitHub) -> None:
    result = open_pr(promoting, env="dev", rollback="previous")

    assert (result.exit_code, result.outputs["reason"]) == (2, "invalid-input")
    assert "input reason is required for a rollback" in result.log


def test_a_second_rollback_finds_the_first(promoting: GitHub) -> None:
    ran(promoting, "dev", "first", "second")

    assert [rollback(promoting).outputs["reason"] for _ in range(2)] == ["opened", "already-open"]


def test_a_rollback_to_what_is_there_changes_nothing(promoting: GitHub) -> None:
    first, second = ran(promoting, "dev", "first", "second")

    assert rollback(promoting, second).outputs["reason"] == "up-to-date"
    assert first != second


def test_a_rollback_whose_merge_got_no_answer_is_not_reverted(promoting: GitHub) -> None:
    """For what is previous is another tag then."""
    first, _ = ran(promoting, "dev", "first", "second")
    promoting.world.infra.rulesets.clear()
    rollback(promoting)
    promoting.world.infra.pulls.clear()
    promoting.world.infra.git.delete_ref(f"refs/heads/gitops/dev/rollback-api-{first[:12]}")
    promoting.sandbox.faults.plan({(MERGE, 0): Fault(status=502, after=True)})

    result = rollback(promoting, merge="direct")

    assert result.outputs["reason"] == "merged", result.log
    assert json.loads(promoting.infra_file())["api"]["tag"] == first


def test_several_services_rollback_together(promoting: GitHub) -> None:
    both = '{"api": {"tag": "%s"}, "web": {"tag": "%s"}}'
    promoting.change_infra({"gitops.yml": "services: {api: {repo: none}, web: {repo: none}}"})
    for tags in (("1.0.0", "2.0.0"), ("1.1.0", "2.1.0")):
        Infra(promoting).deployed("dev", promoting.change_infra({"envs/dev.json": both % tags}))

    result = rollback(promoting, service="api,web")

    assert [(change["service"], change["to"]) for change in result.json("changes")] == [
        ("api", "1.0.0"),
        ("web", "2.0.0"),
    ]
    assert "set input service" in rollback(promoting).log


# What the pull request says, and what it does not


def test_a_rollback_says_nothing_of_newer_tags(promoting: GitHub) -> None:
    ran(promoting, "dev", "first", "second")

    rollback(promoting)

    assert "Not changed" not in promoting.world.infra.pulls[1].body


def test_a_promoted_tag_that_the_source_does_not_run_yet_is_named_as_such(promoting: GitHub) -> None:
    ran(promoting, "dev", "first")
    promoting.change_infra({"gitops.yml": "services: {api: {repo: your-org/app}}"})
    promoting.change_infra({"envs/dev.json": tagged(promoting.app_commit("merged, and not deployed"))})

    open_pr(promoting, env="staging", from_env="dev")

    assert "In dev: api has not been deployed to dev" in promoting.world.infra.pulls[1].body


def test_who_runs_it_again_asked_for_it_too(promoting: GitHub) -> None:
    (tag,) = ran(promoting, "dev", "first")
    promoting.runner.environment["GITHUB_TRIGGERING_ACTOR"] = "bob"

    result = open_pr(promoting, env="staging", tag=tag)

    message = promoting.world.infra.git.get(result.outputs["commit-sha"]).message
    assert "Requested-by: alice, bob" in message
    assert "bob" in promoting.world.infra.pulls[1].body


def test_the_same_tags_in_another_order_are_the_same_change(promoting: GitHub) -> None:
    promoting.change_infra({"gitops.yml": "services: {api: {repo: none}, web: {repo: none}}"})
    promoting.change_infra({"envs/dev.json": '{"api": {"tag": "1.0.0"}, "web": {"tag": "1.0.0"}}'})

    one = open_pr(promoting, tags="api=1.1.0\nweb=1.1.0")
    other = open_pr(promoting, tags="web=1.1.0\napi=1.1.0")

    assert (one.outputs["reason"], other.outputs["reason"]) == ("opened", "already-open")
    assert one.outputs["branch"] == other.outputs["branch"]
