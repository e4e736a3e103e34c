"""A rollback that those on call have merged without a review before it, and the review that they owe."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from actions import open_infra_pr
from actions.runner.clock import Clock
from sandbox.delivery import tagged
from sandbox.state import Issue, Review, Team, WorkflowRun
from sandbox.world import AUDITED, BOT, GUARD
from tests.sandbox.exported import Exported, exceptions
from tests.sandbox.operate_page import snippet
from tests.sandbox.scenarios import NOW, GitHub, Infra, check, deploy, gates_of, open_pr, propose
from tests.sandbox.test_holds import open_issue

if TYPE_CHECKING:
    from tests.support import Result

FREEZE = 'freeze: ["2000-01-01 00:00 - 2100-01-01 00:00 UTC"]'
CONFIG = f"""environments:
  dev: {{review: none}}
  staging: {{}}
  prod: {{emergency: {{by: [alice, team/on-call], review-within: 24h}}, {FREEZE}}}
services: {{api: {{repo: your-org/app}}}}
bots: ['{BOT}']
"""
RIGHTS = {
    **dict.fromkeys(("contents", "pull_requests", "issues"), "write"),
    **dict.fromkeys(("deployments", "actions", "checks", "statuses", "members"), "read"),
}


@pytest.fixture(name="night")
def _night(gated: GitHub) -> GitHub:
    """Prod is frozen and runs a bad commit; alice may roll it back, and whoever is on call."""
    gated.change_infra({"gitops.yml": CONFIG})
    infra, state = gated.world.infra, gated.sandbox.state
    infra.deployments.clear()
    state.users["your-org"].teams.append(Team(state.new_id(), "on-call", {"bob"}))
    gated.runner.environment |= {"GITHUB_REF": "refs/heads/main", "GITHUB_SHA": infra.git.head("main") or ""}
    for hours, name in ((2, "good"), (1, "bad")):
        deploy(gated, "prod", gated.app_commit(name), ago=timedelta(hours=hours))

    def test_all() -> None:
        for pull in infra.opened.values():
            gated.report("test", "success", pull.head_sha)

    gated.on_sleep = test_all
    return gated


def bot(github: GitHub, **but: str) -> str:
    """Return a token of the bot with the rights that an emergency takes, *but* for some."""
    return github.sandbox.state.add_token(BOT, permissions={**RIGHTS, **but})


def roll_back(github: GitHub, **how: str) -> Result:
    """Have alice, or *by* somebody else, start *Roll back* by hand, and the bot merge; *again_by* runs it again."""
    infra, state = github.world.infra, github.sandbox.state
    by, event = how.pop("by", "alice"), how.pop("event", "workflow_dispatch")
    run = WorkflowRun(state.new_id(), "rollback.yml", event, state.users[by], infra.git.head("main") or "")
    run.branch = "main"
    infra.runs.append(run)
    github.runner.event(event, {"repository": {"default_branch": "main"}})
    github.runner.environment |= {
        "GITHUB_RUN_ID": str(run.id),
        "GITHUB_SERVER_URL": github.sandbox.url,
        "GITHUB_ACTOR": by,
        "GITHUB_TRIGGERING_ACTOR": how.pop("again_by", by),
    }
    given = {"env": "prod", "rollback": "previous", "reason": "it drops sessions", "merge": "direct"}
    clock = Clock(now=lambda: sum(github.slept), wall=datetime.now(UTC).timestamp, sleep=github._sleep)
    given |= {"token": bot(github), **how}
    return github.runner.run("action-open-infra-pr", lambda: open_infra_pr.main(clock), **given)


def by_hand(github: GitHub) -> WorkflowRun:
    """Return the run that somebody started."""
    return next(run for run in github.world.infra.runs if run.path == "rollback.yml")


def plan(github: GitHub, *, gates: str = "true", **inputs: str) -> Result:
    """Run deploy-matrix on what is on main."""
    return Infra(github).plan(**{"enforce_gates": gates, "environments": "prod", "token": bot(github), **inputs})


def reasons(result: Result) -> set[str]:
    return {entry["reason"] for entry in result.json("held")}


# Before the merge


@pytest.mark.parametrize("by", ["alice", "bob"])
def test_who_may_rolls_back_at_night(night: GitHub, by: str) -> None:
    good = night.world.app.git.resolve("main~1") or ""

    result = roll_back(night, by=by)

    assert (result.outputs["reason"], result.outputs["merged"]) == ("merged", "true"), result.log
    assert good in night.infra_file("envs/prod.json")
    (issue,) = night.world.infra.issues.values()
    assert (issue.title, issue.labels) == ("Review the emergency rollback of prod, #1", ["review:prod"])
    assert issue.body
    assert f"lets {by} do in an emergency: it drops sessions" in issue.body
    assert "**Due: " in issue.body


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        pytest.param({"by": "carol"}, "frozen", id="somebody else"),
        pytest.param({"again_by": "carol"}, "frozen", id="who runs it again is somebody else"),
        pytest.param({"event": "push"}, "frozen", id="no run by hand"),
        pytest.param({"merge": "none"}, "opened", id="it is not to be merged"),
        pytest.param({"rollback": "", "tag": "bad"}, "frozen", id="no rollback"),
    ],
)
def test_nobody_else_and_nothing_else_goes_without_a_review(night: GitHub, how: dict[str, Any], reason: str) -> None:
    if "tag" in how:
        how = {"rollback": "", "tag": night.app_commit("next")}
    night.sandbox.state.users.setdefault("carol", night.sandbox.state.add_user("carol"))

    result = roll_back(night, **how)

    assert result.outputs["reason"] == reason, result.log
    assert result.outputs["merged"] == "false"
    assert night.world.infra.issues == {}


def test_a_tag_that_ran_before_and_is_no_rollback_waits_for_a_review(night: GitHub) -> None:
    good, bad = (night.world.app.git.resolve(name) or "" for name in ("main~1", "main"))
    fix = night.app_commit("fix", branch="hotfixes/x", parent=good)
    for minutes, tag in ((50, fix), (40, bad)):
        deploy(night, "prod", tag, ago=timedelta(minutes=minutes))

    result = roll_back(night, rollback="", tag=fix)

    assert (result.outputs["reason"], result.outputs["merged"]) == ("frozen", "false"), result.log


def test_without_a_freeze_the_review_is_what_lacks(night: GitHub) -> None:
    night.change_infra({"gitops.yml": CONFIG.replace(f", {FREEZE}", "")})
    night.sandbox.state.add_user("carol")

    result = roll_back(night, by="carol")

    assert (result.exit_code, result.outputs["reason"]) == (7, "review-required")


@pytest.mark.parametrize("ref", ["refs/heads/feature", "refs/tags/main"])
def test_a_run_on_another_branch_is_none(night: GitHub, ref: str) -> None:
    night.runner.environment["GITHUB_REF"] = ref

    assert roll_back(night).outputs["reason"] == "frozen"


def test_a_run_of_another_repository_is_none(night: GitHub) -> None:
    night.runner.environment["GITHUB_REPOSITORY"] = "your-org/app"

    assert roll_back(night, infra_repo="your-org/infra").outputs["reason"] == "frozen"


def test_what_was_never_tested_waits_for_a_review(night: GitHub) -> None:
    night.world.app.checks.clear()

    assert roll_back(night).outputs["reason"] == "frozen"


def test_teams_that_cannot_be_read_are_unknown(night: GitHub) -> None:
    token = bot(night, members="none")

    assert roll_back(night, token=token, by="bob").outputs["reason"] == "frozen"
    assert roll_back(night, token=token).outputs["merged"] == "true"


@pytest.mark.parametrize("issues", ["read", "none"])
def test_a_bot_that_may_open_no_issue_rolls_back_and_says_so(night: GitHub, issues: str) -> None:
    result = roll_back(night, token=bot(night, issues=issues))

    assert result.outputs["merged"] == "true", result.log
    assert "::warning::nobody is asked to review " in result.log


def test_who_is_asked_once_is_not_asked_again(night: GitHub) -> None:
    open_issue(night, "review:prod", title="Review the emergency rollback of prod, #2")

    assert roll_back(night).outputs["merged"] == "true"
    assert len(night.world.infra.issues) == 1


# On the pull request


@pytest.mark.parametrize(("by", "decision"), [("alice", "allow"), ("olivia", "wait")])
def test_the_freeze_passes_on_the_pull_request_too(night: GitHub, by: str, decision: str) -> None:
    merged = roll_back(night, merge="none", by=by)
    number = int(merged.outputs["pr-number"])

    result = check(night, number)

    assert gates_of(result)["freeze"] == decision, result.log


def test_a_commit_that_somebody_added_makes_it_none(night: GitHub) -> None:
    number = int(roll_back(night, merge="none").outputs["pr-number"])
    git, pull = night.world.infra.git, night.world.infra.pulls[number]
    alice = night.sandbox.state.users["alice"].person
    good = night.world.app.git.resolve("main~1") or ""
    sha = git.commit(
        parents=[pull.head_sha], message="x", author=alice, files={"envs/prod.json": tagged(good).encode() + b"\n"}
    )
    git.set_ref(f"refs/heads/{pull.head}", sha)
    pull.head_sha = sha

    assert gates_of(check(night, number))["freeze"] == "wait"


def test_a_person_who_goes_back_has_no_emergency(night: GitHub) -> None:
    good = night.world.app.git.resolve("main~1") or ""

    result = check(night, propose(night, {"envs/prod.json": tagged(good)}, message="Back\n\nReason: now"))

    assert gates_of(result)["freeze"] == "wait"


# At deployment


@pytest.mark.parametrize("by", ["alice", "bob"])
def test_an_emergency_is_deployed_and_asked_for_once_more(night: GitHub, by: str) -> None:
    assert roll_back(night, by=by).outputs["merged"] == "true"

    planned, again = plan(night), plan(night, gates="again")

    assert (reasons(planned), planned.outputs["has-changes"]) == (set(), "true"), planned.outputs["held"]
    assert (reasons(again), again.outputs["has-changes"]) == (set(), "true"), again.outputs["held"]


def test_who_was_taken_off_the_list_meanwhile_rolled_back_without_a_review(night: GitHub) -> None:
    assert roll_back(night).outputs["merged"] == "true"
    night.change_infra({"gitops.yml": CONFIG.replace("[alice, team/on-call]", "[olivia]")})

    assert reasons(plan(night)) >= {"frozen", "review-required"}


@pytest.mark.parametrize(("event", "reason"), [("", "unknown"), ("push", "review-required")])
def test_a_run_that_is_gone_or_was_not_by_hand_is_no_emergency(night: GitHub, event: str, reason: str) -> None:
    """Whoever could have the bot commit in a run of another kind must not have an emergency."""
    assert roll_back(night).outputs["merged"] == "true"
    run = by_hand(night)
    run.event = event
    if not event:
        night.world.infra.runs.remove(run)

    assert reason in reasons(plan(night))


def test_a_run_of_another_branch_or_a_commit_without_a_signature_is_no_emergency(night: GitHub) -> None:
    """Any branch can have a workflow that is started by hand, and anybody can write the bot's name into a commit."""
    assert roll_back(night).outputs["merged"] == "true"
    infra, run = night.world.infra, by_hand(night)
    run.branch = "feature"
    other_branch = reasons(plan(night))
    run.branch = "main"
    infra.verified.discard(infra.pulls[1].head_sha)
    unsigned = reasons(plan(night))

    assert "review-required" in other_branch
    assert unsigned & {"review-required", "unknown"}


def test_members_that_cannot_be_read_hold_it(night: GitHub) -> None:
    assert roll_back(night, by="bob").outputs["merged"] == "true"
    assert "unknown" in reasons(plan(night, token=bot(night, members="none")))


def test_a_run_of_an_app_is_no_emergency_on_the_pull_request(night: GitHub) -> None:
    number = int(roll_back(night, merge="none").outputs["pr-number"])
    night.world.app.runs.append(by_hand(night))
    pull, git = night.world.infra.pulls[number], night.world.infra.git
    message = str(git.get(pull.head_sha).message).replace("your-org/infra/actions", "your-org/app/actions")
    good = night.world.app.git.resolve("main~1") or ""
    files = {"envs/prod.json": tagged(good).encode()}
    bot_ = night.sandbox.state.users[BOT].person
    pull.head_sha = git.commit(parents=[git.head("main") or ""], message=message, author=bot_, files=files)
    night.world.infra.verified.add(pull.head_sha)
    git.set_ref(f"refs/heads/{pull.head}", pull.head_sha)

    assert gates_of(check(night, number, app_repo="your-org/app"))["freeze"] == "wait"


# Afterwards


def test_an_overdue_review_stops_all_but_rollbacks(night: GitHub) -> None:
    night.change_infra({"gitops.yml": CONFIG.replace(f", {FREEZE}", "")})
    issue: Issue = open_issue(night, "review:prod", title="Review it")
    issue.created = (NOW - timedelta(hours=23)).isoformat()
    number = propose(night, {"envs/prod.json": tagged(night.app_commit("next"))})
    good = night.world.app.git.resolve("main~2") or ""
    back = propose(night, {"envs/prod.json": tagged(good)}, message="Back\n\nReason: now", branch="back")

    in_time = check(night, number)
    issue.created = (NOW - timedelta(hours=25)).isoformat()
    late, rolled = check(night, number), check(night, back)

    merged = open_pr(night, env="prod", tag=night.app_commit("newer"), merge="direct")

    assert merged.outputs["reason"] == "review-overdue"
    assert in_time.outputs["reason"] == "allowed"
    assert gates_of(in_time)["overdue"] == "allow"
    assert (late.outputs["decision"], late.outputs["reason"]) == ("wait", "review-overdue")
    assert rolled.outputs["reason"] == "allowed", rolled.log


def test_the_evidence_asks_for_the_review_until_it_came(delivery: Exported) -> None:
    github, config = delivery.github, CONFIG.replace(f", {FREEZE}", "")
    start = github.world.app.git.head("main") or ""
    delivery.land(github.world.infra, {"gitops.yml": config}, message="Emergency")
    delivery.bump(delivery.release())
    run = "https://x/your-org/infra/actions/runs/1/attempts/1"
    message = f"Roll back prod\n\nReason: it is bad\nRequested-by: alice\nRequested-in: {run}"
    delivery.bump(start, by=BOT, approved_by="", merged_by=BOT, message=message)

    owed = delivery.last()
    bob, pull = github.sandbox.state.users["bob"], delivery.newest
    pull.reviews.append(Review(0, bob, "APPROVED", "", pull.head_sha, "2099-01-01T00:00:00Z"))
    delivery.export()
    page = github.runner.read("evidence/evidence.html")

    assert exceptions(owed) == ["emergency-not-reviewed"], owed["exceptions"]
    assert "nobody independent has reviewed it yet" in str(owed["exceptions"])
    assert delivery.export().json("exceptions") == []
    assert "bob, " in page


@pytest.mark.parametrize(
    ("trailers", "members", "expected"),
    [
        pytest.param("Requested-by: bob\nRequested-in: {run}", True, ["emergency-not-reviewed"], id="of the team"),
        pytest.param("Requested-by: bob\nRequested-in: {run}", False, ["not-approved", "unknown"], id="who knows"),
        pytest.param("Requested-by: alice", True, ["not-approved"], id="in no run"),
        pytest.param("Requested-by: olivia\nRequested-in: {run}", True, ["not-approved"], id="of somebody else"),
        pytest.param("Made-by: x", True, ["not-approved"], id="of nobody"),
    ],
)
def test_the_evidence_tells_an_emergency_from_what_nobody_approved(
    delivery: Exported, trailers: str, expected: list[str], *, members: bool
) -> None:
    github, config = delivery.github, CONFIG.replace(f", {FREEZE}", "")
    state, start = github.sandbox.state, github.world.app.git.head("main") or ""
    state.users["your-org"].teams.append(Team(state.new_id(), "on-call", {"bob"}))
    delivery.land(github.world.infra, {"gitops.yml": config}, message="Emergency")
    delivery.bump(delivery.release())
    said = trailers.replace("{run}", "https://x/your-org/infra/actions/runs/1/attempts/1")
    message = f"Roll back prod\n\nReason: it is bad\n{said}"
    delivery.bump(start, by=BOT, approved_by="", merged_by=BOT, message=message)
    rights = {**AUDITED, "contents": "write", "issues": "read", **({"members": "read"} if members else {})}

    record = delivery.last(delivery.export(token=state.add_token(GUARD, permissions=rights)))

    assert exceptions(record) == expected, record["exceptions"]


def test_the_page_does_what_it_says(night: GitHub) -> None:
    night.change_infra({"gitops.yml": snippet("Emergency").replace("gitops-bot", f"'{BOT}'")})

    assert roll_back(night).outputs["merged"] == "true"
