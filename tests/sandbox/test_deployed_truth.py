"""deploy-matrix since the last deployment, and the gates at the time of deployment."""

from __future__ import annotations

import json

import pytest

from sandbox.world import BOT
from tests.sandbox.scenarios import Infra, entries, held, hold, merge_files, planned, two

ACTION = "action-deploy-matrix"


def test_without_any_record_everything_is_deployed(infra: Infra) -> None:
    result = infra.plan()

    assert planned(result) == ["dev", "staging", "prod"]
    assert result.outputs["reason"] == "no-deployment"


def test_what_runs_already_is_not_deployed_again(infra: Infra) -> None:
    sha = infra.push(dev="1.0.0", staging="1.0.0", prod="1.0.0")
    for env in ("dev", "staging", "prod"):
        infra.deployed(env, sha)
    infra.push(dev="1.1.0")

    result = infra.plan()

    assert entries(result) == [
        {
            "env": "dev",
            "file": "envs/dev.json",
            "tags": {"api": "1.1.0", "web": "1"},
            "digests": {"api": "", "web": ""},
            "previous": {"api": "1.0.0", "web": "1"},
            "changed": ["api"],
        }
    ]
    infra.deployed("dev", infra.github.world.infra.git.head("main") or "")
    assert infra.plan().outputs["reason"] == "unchanged"


@pytest.mark.parametrize("state", ["failure", "error", "in_progress", "queued"])
def test_what_failed_or_was_cancelled_is_deployed_by_the_next_run(infra: Infra, state: str) -> None:
    """Though its own push changed nothing of it."""
    first = infra.push(dev="1.0.0", staging="1.0.0", prod="1.0.0")
    for env in ("dev", "staging", "prod"):
        infra.deployed(env, first)
    infra.deployed("dev", infra.push(dev="1.1.0"), state)
    infra.push(staging="1.1.0")

    assert planned(infra.plan()) == ["dev", "staging"]


@pytest.mark.parametrize("state", ["failure", "error", "in_progress"])
@pytest.mark.parametrize("names", [["dev"], ["dev/api", "dev/web"]], ids=["whole", "by service"])
def test_what_ran_before_is_deployed_again_after_an_attempt_that_did_not_succeed(
    infra: Infra, state: str, names: list[str]
) -> None:
    """A rollback: nobody knows what the attempt has left behind."""
    first = infra.push(dev="1.0.0+1.0.0")
    for name in names:
        infra.deployed(name, first)
    infra.deployed(names[0], infra.push(dev="1.1.0+1.0.0"), state)
    infra.push(dev="1.0.0+1.0.0")

    result = infra.plan(environments="dev", per="service")

    assert planned(result) == ["dev/api"]
    assert "a deployment of something else began and did not succeed in dev/api" in result.log


def test_a_service_that_only_a_failed_deployment_had_is_taken_out(infra: Infra) -> None:
    infra.deployed("dev", infra.github.change_infra({"envs/dev.json": '{"api": {"tag": "1"}}'}))
    infra.deployed("dev", infra.push(dev="1+1"), "failure")
    infra.github.change_infra({"envs/dev.json": '{"api": {"tag": "1"}}'})

    (entry,) = entries(infra.plan(environments="dev"))

    assert (entry["env"], entry["changed"], entry["previous"]) == ("dev", [], {"api": "1", "web": "1"})


def test_a_service_that_was_taken_out_long_ago_is_no_part_of_what_ran_before(infra: Infra) -> None:
    infra.deployed("dev", infra.push(dev="1+1"))
    infra.deployed("dev", infra.github.change_infra({"envs/dev.json": '{"api": {"tag": "1"}}'}))
    infra.github.change_infra({"envs/dev.json": '{"api": {"tag": "2"}}'})

    (entry,) = entries(infra.plan(environments="dev"))

    assert (entry["changed"], entry["previous"]) == (["api"], {"api": "1"})


@pytest.mark.parametrize("state", ["queued", "inactive", "pending"])
def test_a_deployment_that_never_began_has_left_nothing_behind(infra: Infra, state: str) -> None:
    infra.deployed("dev", infra.push(dev="1.0.0"))
    infra.deployed("dev", infra.push(dev="1.1.0"), state)
    infra.push(dev="1.0.0")

    assert planned(infra.plan(environments="dev")) == []


def test_what_succeeded_after_an_attempt_that_did_not_is_clean(infra: Infra) -> None:
    infra.deployed("dev", infra.push(dev="1.1.0"), "failure")
    infra.deployed("dev", infra.push(dev="1.0.0"))

    assert planned(infra.plan(environments="dev")) == []


def test_an_attempt_at_a_file_that_nobody_can_read_is_one(infra: Infra) -> None:
    infra.deployed("dev", infra.push(dev="1.0.0"))
    infra.deployed("dev", infra.github.change_infra({"envs/dev.json": "{"}), "failure")
    infra.push(dev="1.0.0")

    assert planned(infra.plan(environments="dev")) == ["dev"]


def test_a_run_that_was_overtaken_puts_nothing_back(infra: Infra) -> None:
    old = infra.push(dev="1.0.0")
    new = infra.push(dev="1.1.0")
    infra.deployed("dev", new)

    result = infra.plan(old, environments="dev")

    assert planned(result) == []
    assert (result.outputs["has-changes"], result.outputs["reason"]) == ("false", "superseded")
    assert "the branch says something else by now of dev" in result.log


def test_services_are_deployed_on_their_own(infra: Infra) -> None:
    first = infra.push(dev="1.0.0+1.0.0")
    infra.deployed("dev/api", first)
    infra.deployed("dev/web", first)
    both = infra.push(dev="1.1.0+1.1.0")
    infra.deployed("dev/api", both, "failure")
    infra.deployed("dev/web", both)

    result = infra.plan(environments="dev", per="service")

    assert planned(result) == ["dev/api"]
    assert entries(result)[0]["previous"] == "1.0.0"


def test_records_of_the_whole_environment_count_for_its_services(infra: Infra) -> None:
    infra.deployed("dev", infra.push(dev="1.0.0+1.0.0"))
    infra.deployed("dev/api", infra.push(dev="1.1.0+1.0.0"))

    assert planned(infra.plan(environments="dev", per="service")) == []


def test_a_service_that_is_gone_is_a_change(infra: Infra) -> None:
    infra.deployed("dev", infra.push(dev="1.0.0"))
    infra.github.change_infra({"envs/dev.json": '{"api": {"tag": "1.0.0"}}'})

    assert planned(infra.plan(environments="dev")) == ["dev"]


def test_a_run_that_was_overtaken_takes_no_service_out(infra: Infra) -> None:
    infra.deployed("dev", infra.push(dev="1.0.0"))
    old = infra.github.change_infra({"envs/dev.json": '{"api": {"tag": "1.0.0"}}'})
    infra.deployed("dev/api", infra.push(dev="1.1.0"))

    assert infra.plan(old, environments="dev").outputs["reason"] == "superseded"


def test_a_record_of_a_file_that_nobody_can_read_tells_nothing(infra: Infra) -> None:
    infra.deployed("dev", infra.push(dev="1.0.0"))
    infra.deployed("dev", infra.github.change_infra({"envs/dev.json": "{"}))
    infra.deployed("dev", infra.github.change_infra({"envs/dev.json": None}))
    infra.push(dev="1.0.0")

    assert infra.plan(environments="dev").outputs["reason"] == "unchanged"


def test_many_records_are_read_page_by_page(infra: Infra) -> None:
    sha = infra.push(dev="1.0.0")
    infra.deployed("dev", sha)
    for _ in range(25):
        infra.deployed("dev", sha, "failure")
    infra.github.operations()

    assert infra.plan(environments="dev").outputs["reason"] == "unchanged"
    assert infra.github.operations() == ["query", "query"]


def test_records_are_read_until_every_service_was_deployed(infra: Infra) -> None:
    """The first page has ten of them."""
    sha = infra.push(dev="1.0.0")
    for _ in range(12):
        infra.deployed("dev", sha)
    infra.github.operations()

    assert infra.plan(environments="dev").outputs["reason"] == "unchanged"
    assert infra.github.operations() == ["query"]


@pytest.mark.parametrize(("records", "expected"), [(99, []), (100, ["dev/web"])])
def test_a_service_that_was_last_deployed_more_than_a_hundred_records_ago_is_deployed(
    infra: Infra, records: int, expected: list[str]
) -> None:
    sha = infra.push(dev="1.0.0")
    infra.deployed("dev/web", sha)
    for _ in range(records):
        infra.deployed("dev/api", sha)

    assert planned(infra.plan(environments="dev", per="service")) == expected


def test_the_branch_is_asked_once_what_it_says_and_only_by_a_run_that_is_not_at_its_head(infra: Infra) -> None:
    sha = infra.push(dev="1.0.0", staging="1.0.0")
    for env in ("dev", "staging"):
        infra.deployed(env, sha)
    infra.github.operations()
    infra.plan(environments="dev,staging")
    same = infra.github.operations()
    infra.push(dev="1.1.0")
    late = infra.plan(sha, environments="dev,staging")

    assert same == ["query"]
    assert infra.github.operations() == ["query", "GET /repos/{owner}/{repo}/compare/{basehead}"]
    assert late.outputs["reason"] == "unchanged"


def test_many_environments_are_asked_for_together(infra: Infra) -> None:
    files: dict[str, str | None] = {f"envs/e{n}.json": two("1.0.0") for n in range(60)}
    sha = infra.github.change_infra(files | {"gitops.yml": None})
    for n in range(60):
        infra.deployed(f"e{n}", sha)
    infra.github.operations()

    assert planned(infra.plan()) == ["dev", "prod", "staging"]
    assert infra.github.operations() == ["query"] * 4


def test_without_a_token_there_are_no_records(infra: Infra) -> None:
    result = infra.plan(token="")

    assert (result.exit_code, result.outputs["reason"]) == (2, "invalid-input")
    assert "need a token" in result.log


# The gates at the time of deployment


def test_what_every_gate_lets_through_is_deployed(running: Infra) -> None:
    running.merge("dev", running.github.app_commit(), approved=False)

    result = hold(running)

    assert planned(result) == ["dev"]
    assert held(result) == set()
    assert "| dev | api |" in result.summary
    assert "#### Gates" in result.summary


def test_what_ran_before_goes_again_after_a_deployment_that_failed(running: Infra) -> None:
    """Everybody has approved it once; the gates ask for nobody again."""
    before = running.github.infra_file("envs/staging.json")
    running.github.world.infra.rulesets.clear()
    running.deployed("staging", running.merge("staging", "2", approved=True), "failure")
    merge_files(running, {"envs/staging.json": before})

    assert planned(hold(running)) == ["staging"]


def test_what_nobody_approved_is_held_whatever_the_rules_let_through(running: Infra) -> None:
    """The bot may bypass the review for the whole branch."""
    tag = running.github.app_commit()
    running.deployed("dev", running.merge("dev", tag, approved=False))
    running.merge("staging", tag, approved=False, by=BOT)

    result = hold(running)

    assert planned(result) == []
    assert result.outputs["reason"] == "held"
    assert "staging/api review-required" in held(result)
    assert "held: staging api: no human who did not contribute approved this change to staging" in result.log
    assert "✋" in result.summary


def test_what_somebody_approved_goes(running: Infra) -> None:
    tag = running.github.app_commit()
    running.github.world.infra.git.set_ref("refs/heads/x", running.github.world.infra.git.head("main") or "")
    running.deployed("dev", running.merge("dev", tag + "+1", approved=False))
    running.merge("staging", tag + "+1", approved=True)

    result = hold(running, app_repo="your-org/app")

    assert planned(result) == ["staging"]
    assert held(result) == set()


@pytest.mark.parametrize("approved", [True, False])
def test_a_service_is_taken_out_if_somebody_approved_it(running: Infra, *, approved: bool) -> None:
    staging = json.loads(running.github.infra_file("envs/staging.json"))
    running.github.world.infra.rulesets.clear()
    without = json.dumps({"api": staging["api"]})
    if approved:
        merge_files(running, {"envs/staging.json": without})
    else:
        running.github.change_infra({"envs/staging.json": without}, approved_by="")

    result = hold(running)

    assert planned(result) == (["staging"] if approved else [])
    assert held(result) == (set() if approved else {"staging/web review-required"})


def test_what_is_held_is_held_though_another_service_is_taken_out(running: Infra) -> None:
    """One job deploys all of the environment."""
    staging = json.loads(running.github.infra_file("envs/staging.json"))
    running.github.world.infra.rulesets.clear()
    merge_files(running, {"envs/staging.json": json.dumps({"api": staging["api"]})})
    running.github.change_infra({"envs/staging.json": '{"api": {"tag": "2"}}'})

    result = hold(running)

    assert planned(result) == []
    assert [entry for entry in held(result) if entry.startswith("staging/api")]


@pytest.mark.parametrize(
    "how", ["by its author", "before the last commit", "by a bot", "by who asked for it", "and then taken back"]
)
def test_an_approval_that_does_not_count_is_none(running: Infra, how: str) -> None:
    tag = running.github.app_commit()
    running.deployed("dev", running.merge("dev", tag, approved=False))
    asked = "Change\n\nRequested-by: bob" if how == "by who asked for it" else "Change"
    running.merge("staging", tag, approved=how != "by its author", message=asked)
    pull = list(running.github.world.infra.pulls.values())[-1]
    state = running.github.sandbox.state
    if how == "by its author":
        running.github.sandbox.behaviour.review(state.tokens[running.github.bot], pull, state="APPROVED", body="")
        pull.reviews[0].user = state.users["alice"]
    if how == "before the last commit":
        pull.reviews[0].commit = running.github.world.infra.git.head("main") or ""
    if how == "by a bot":
        pull.reviews[0].user = state.users[BOT]
    if how == "and then taken back":
        pull.reviews[0].state = "CHANGES_REQUESTED"

    assert "staging/api review-required" in held(hold(running))


def test_a_direct_push_is_held(running: Infra) -> None:
    tag = running.github.app_commit()
    running.deployed("dev", running.merge("dev", tag, approved=False))
    running.pushed(staging=tag)

    assert "staging/api review-required" in held(hold(running))


def test_what_has_to_wait_goes_when_the_gate_has_opened(running: Infra) -> None:
    """A scheduled run finds it."""
    tag = running.github.app_commit()
    running.deployed("staging", running.merge("staging", tag, approved=True))
    running.merge("prod", tag, approved=True)

    early = hold(running, environments="prod")
    opens = [entry["opens-at"] for entry in early.json("held")]
    for deployment in running.github.world.infra.deployments:
        for status in deployment.statuses:
            status.at = "2026-11-20T00:00:00Z"
    late = hold(running, environments="prod")

    assert held(early) >= {"prod/api soaking"}
    assert opens[0] > "2026-11-24"
    assert planned(late) == ["prod"]


def test_one_service_that_is_held_holds_its_environment_unless_they_are_deployed_one_by_one(running: Infra) -> None:
    unreviewed = running.github.app_commit("mine", branch="feature")
    running.merge("dev", unreviewed + "+2", approved=False)

    together, apart = hold(running), hold(running, per="service")

    assert planned(together) == []
    assert planned(apart) == ["dev/web"]
    assert held(apart) == {"dev/api not-released", "dev/api checks-pending"}  # a branch's job counts for nothing


def test_a_setting_that_changes_needs_a_review_and_waits_for_a_thaw(running: Infra) -> None:
    text = running.github.infra_file("envs/prod.json").replace('{"tag": "1"}', '{"tag": "1", "replicas": 3}')
    running.github.change_infra({"envs/prod.json": text}, approved_by="")

    assert held(hold(running)) == {"prod/api review-required", "prod/web review-required"}


def test_the_trailers_of_the_pull_request_count(running: Infra) -> None:
    """They are in its commits, which nobody can change after the approval."""
    git_ = running.github.world.app.git
    before = running.github.app_commit("before")
    after = running.github.app_commit("after")
    running.deployed("dev", running.merge("dev", before, approved=False))
    running.deployed("dev", running.merge("dev", after, approved=False))
    running.merge("dev", before, approved=False, message="Back\n\nReason: it is bad")

    assert git_.is_ancestor(before, after)
    assert planned(hold(running)) == ["dev"]


def test_the_first_commit_of_a_repository_needs_no_approval(running: Infra) -> None:
    git_, olivia = running.github.world.infra.git, running.github.sandbox.state.users["olivia"].person
    running.github.world.infra.deployments.clear()
    files = {"envs/qa.json": two("1").encode(), "gitops.yml": b"services: {api: {repo: none}, web: {repo: none}}"}
    git_.set_ref("refs/heads/main", git_.commit(parents=[], message="x", author=olivia, files=files))

    assert planned(hold(running)) == ["qa"]


def test_without_the_right_to_read_pull_requests_nothing_goes(running: Infra) -> None:
    tag = running.github.app_commit()
    running.merge("staging", tag, approved=True)
    may = dict.fromkeys(["contents", "deployments"], "read")
    token = running.github.sandbox.state.add_token(BOT, permissions=may)

    result = hold(running, token=token, app_token=running.github.bot)

    assert "staging/api unknown" in held(result)
    assert "pull requests: read" in json.dumps(result.json("held"))


def test_a_file_that_nobody_could_read_brought_no_tag(running: Infra) -> None:
    tag = running.github.app_commit()
    running.deployed("dev", running.merge("dev", tag, approved=False))
    running.github.change_infra({"envs/staging.json": "{"})
    running.merge("staging", tag, approved=True)

    assert planned(hold(running)) == ["staging"]
