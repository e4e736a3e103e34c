"""What an environment asks for beside what its services need: checks of its own, and a ticket."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from sandbox.delivery import tagged
from sandbox.state import CheckRun, Pull
from tests.sandbox.exported import Exported, exceptions
from tests.sandbox.operate_page import snippet
from tests.sandbox.scenarios import GitHub, Infra, check, deploy, gates_of, held, hold, merged_pull, open_pr, propose

if TYPE_CHECKING:
    from tests.support import Result

CHECKS = """environments: {dev: {review: none}, prod: {checks: [e2e, {name: scan, by: trivy}]}}
services: {api: {repo: your-org/app}}
"""
TICKET = """environments: {dev: {review: none}, prod: {ticket: "(ENG|INC)-[0-9]+"}}
services: {api: {repo: your-org/app}}
"""


def to_prod(github: GitHub, tag: str, message: str = "Change", **how: str) -> Result:
    """Propose *tag* for prod, and check it."""
    branch = f"change-{len(github.world.infra.pulls)}"
    return check(github, propose(github, {"envs/prod.json": tagged(tag)}, message=message, branch=branch, **how))


def with_title(github: GitHub, sha: str, title: str, *, branch: str = "x", body: str = "") -> Pull:
    """Have it that a pull request of the app with *title* brought *sha*."""
    pull = merged_pull(github.sandbox.state, github.world.app, sha, base="main", approved_by="bob")
    pull.title, pull.body, pull.head = title, body, branch
    return pull


# Checks


@pytest.fixture(name="checked")
def _checked(gated: GitHub) -> GitHub:
    gated.change_infra({"gitops.yml": CHECKS})
    gated.sandbox.state.add_user("trivy[bot]", kind="Bot")
    return gated


def scan(github: GitHub, sha: str, conclusion: str) -> None:
    """Have the App report on a commit."""
    state = github.sandbox.state
    app = state.users["trivy[bot]"].id
    run = CheckRun(state.new_id(), "scan", sha, app, 0, status="completed", conclusion=conclusion)
    github.world.app.checks.append(run)


def test_what_an_environment_asks_for_must_have_succeeded_there_alone(checked: GitHub) -> None:
    tag = checked.app_commit()

    dev = check(checked, propose(checked, {"envs/dev.json": tagged(tag)}, branch="dev"))
    missing = to_prod(checked, tag)
    checked.report("e2e", "success", tag, checked.world.app)
    scan(checked, tag, "failure")
    failed = to_prod(checked, tag)
    checked.world.app.checks.pop()
    scan(checked, tag, "success")
    done = to_prod(checked, tag)

    assert dev.outputs["reason"] == "allowed", dev.log
    assert missing.outputs["reason"] == "checks-pending"
    assert "e2e, scan was never reported" in missing.log
    assert failed.outputs["reason"] == "checks-failed"
    assert (done.outputs["reason"], gates_of(done)["checks"]) == ("allowed", "allow")


def test_checks_of_an_environment_stand_in_for_none_of_the_service(checked: GitHub) -> None:
    """Where nothing says which checks a service needs, an environment's are not enough; `none` says it."""
    checked.world.app.rulesets.clear()
    checked.change_infra({"gitops.yml": CHECKS.replace(", {name: scan, by: trivy}", "")})
    tag = checked.app_commit()
    checked.report("e2e", "success", tag, checked.world.app)
    unnamed = to_prod(checked, tag)
    checked.change_infra(
        {"gitops.yml": CHECKS.replace(", {name: scan, by: trivy}", "").replace("/app}", "/app, checks: none}")}
    )
    named = to_prod(checked, tag)

    assert (unnamed.outputs["reason"], named.outputs["reason"]) == ("no-checks", "allowed")


def test_a_rollback_was_checked_before(checked: GitHub) -> None:
    good, bad = checked.app_commit("good"), checked.app_commit("bad")
    deploy(checked, "prod", good, ago=timedelta(hours=2))
    deploy(checked, "prod", bad, ago=timedelta(hours=1))

    assert to_prod(checked, good, "Back\n\nReason: it drops sessions").outputs["reason"] == "allowed"


def test_the_evidence_finds_what_was_deployed_without_them(delivery: Exported) -> None:
    config = "environments: {prod: {checks: [e2e]}}\nservices: {api: {repo: your-org/app}}\n"
    delivery.land(delivery.github.world.infra, {"gitops.yml": config}, message="Checks")
    tag = delivery.release()
    delivery.bump(tag)

    assert exceptions(delivery.last()) == ["check-missing"]
    assert f"e2e on api {tag[:12]}" in str(delivery.last()["exceptions"])


# Tickets


@pytest.fixture(name="tracked")
def _tracked(gated: GitHub) -> GitHub:
    """Prod runs a commit, and every change of it names a ticket."""
    gated.change_infra({"gitops.yml": TICKET})
    gated.world.infra.deployments.clear()
    deploy(gated, "prod", gated.app_commit("before"), ago=timedelta(hours=1))
    return gated


def test_a_change_names_a_ticket_or_all_that_it_brings_does(tracked: GitHub) -> None:
    first, second = tracked.app_commit("one"), tracked.app_commit("two")
    nothing = to_prod(tracked, second)
    by_commit = to_prod(tracked, second, "Update\n\nFor ENG-7")
    with_title(tracked, first, "ENG-1 greet")
    one = to_prod(tracked, second)
    with_title(tracked, second, "Greet more", branch="INC-2-greet")
    both = to_prod(tracked, second)

    assert (nothing.exit_code, nothing.outputs["reason"]) == (7, "no-ticket")
    assert f"neither by the change nor by your-org/app {first[:12]}, your-org/app {second[:12]}." in nothing.log
    assert f"neither by the change nor by your-org/app {second[:12]}." in one.log
    assert by_commit.outputs["reason"] == both.outputs["reason"] == "allowed"
    assert gates_of(both)["ticket"] == "allow"


def test_the_title_counts_and_the_text_does_not(tracked: GitHub) -> None:
    """The text of a pull request that a bot opens lists the titles of the app's commits."""
    number = propose(tracked, {"envs/prod.json": tagged(tracked.app_commit("ENG-5 greet"))}, body="ENG-5")

    before = check(tracked, number)
    tracked.world.infra.pulls[number].title = "INC-7: update"
    after = check(tracked, number)

    assert (before.outputs["reason"], after.outputs["reason"]) == ("no-ticket", "allowed")


def ticket_of_api(result: Result) -> str:
    entries = {(entry["service"], entry["gate"]): entry["decision"] for entry in result.json("gates")}
    return str(entries["api", "ticket"])


def test_a_rollback_and_a_removal_name_theirs(tracked: GitHub) -> None:
    bad = tracked.app_commit("bad")
    deploy(tracked, "prod", bad, ago=timedelta(minutes=30))

    silent = open_pr(tracked, env="prod", rollback="previous", reason="it drops sessions")
    named = open_pr(tracked, env="prod", rollback="previous", reason="INC-9: it drops sessions")
    removed = check(tracked, propose(tracked, {"envs/prod.json": '{"web": {"tag": "1"}}'}))
    titled = check(tracked, propose(tracked, {"envs/prod.json": '{"web": {"tag": "1"}}'}, message="ENG-8", branch="b"))

    assert (silent.exit_code, silent.outputs["reason"]) == (7, "no-ticket")
    assert named.outputs["reason"] == "opened"
    assert [ticket_of_api(result) for result in (removed, titled)] == ["refuse", "allow"]


def test_the_title_of_an_infra_pull_request_is_told_before_it_is_opened(tracked: GitHub) -> None:
    tag = tracked.app_commit()

    refused = open_pr(tracked, env="prod", tag=tag)
    opened = open_pr(tracked, env="prod", tag=tag, title="ENG-3: update prod")

    assert (refused.outputs["reason"], opened.outputs["reason"]) == ("no-ticket", "opened")


def test_what_names_no_ticket_is_not_deployed(running: Infra) -> None:
    running.github.world.infra.rulesets.clear()
    config = TICKET.replace("prod:", "staging: {}, prod:").replace("{api:", "{web: {repo: none}, api:")
    running.github.change_infra({"gitops.yml": f"{config}bots: [gitops-bot]\n"})
    running.merge("prod", "1+2", approved=True)
    before = hold(running, environments="prod")
    running.github.world.infra.pulls[max(running.github.world.infra.opened)].title = "ENG-3"
    after = hold(running, environments="prod")

    assert held(before) == {"prod/web no-ticket"}
    assert "neither by the change nor by what it brings" in before.summary
    assert held(after) == set()


def test_more_commits_than_github_lists_are_unknown(tracked: GitHub) -> None:
    for number in range(255):
        tag = tracked.app_commit(f"{number}")

    assert to_prod(tracked, tag).outputs["reason"] == "unknown"


@pytest.mark.parametrize(("title", "found"), [("Update prod", ["no-ticket"]), ("ENG-4: update prod", [])])
def test_the_evidence_finds_changes_without_a_ticket(delivery: Exported, title: str, found: list[str]) -> None:
    delivery.land(delivery.github.world.infra, {"gitops.yml": TICKET}, message="Tickets")
    delivery.bump(delivery.release(message="Greet"), message=title)

    record = delivery.last()

    assert exceptions(record) == found, record["exceptions"]


def test_the_page_does_what_it_says(gated: GitHub) -> None:
    gated.change_infra({"gitops.yml": snippet("Checks and tickets")})
    tag = gated.app_commit()
    deploy(gated, "staging", tag, ago=timedelta(days=1))

    assert to_prod(gated, tag, "ENG-1 update").outputs["reason"] == "checks-pending"
    assert to_prod(gated, tag).outputs["reason"] == "no-ticket"


def test_who_brought_a_change_cannot_be_read_and_so_neither_its_ticket(running: Infra) -> None:
    """Where no review is needed, no other gate asks who brought it."""
    config = 'environments: {dev: {review: none, ticket: "ENG-[0-9]+"}, staging: {}, prod: {}}\n'
    running.github.change_infra({"gitops.yml": f"{config}services: {{api: {{repo: none}}, web: {{repo: none}}}}\n"})
    running.push(dev="1+2")
    rights = dict.fromkeys(("contents", "deployments", "actions"), "read")
    token = running.github.sandbox.state.add_token("gitops-bot[bot]", permissions=rights)

    result = hold(running, environments="dev", token=token)

    assert {entry["gate"] for entry in result.json("held") if entry["reason"] == "unknown"} >= {"ticket"}
