"""An open issue holds an environment or a service; what was rolled back does not come back by itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from actions.api.client import Client
from actions.app.facts import Unknown
from actions.evidence.holds import ISSUES_PER_PAGE, HoldHistory
from actions.evidence.timestamps import FORMAT
from sandbox.delivery import tagged
from sandbox.faults import Fault
from sandbox.state import Issue, Label
from sandbox.world import GUARD
from tests.sandbox.exported import Exported, exceptions
from tests.sandbox.operate_page import snippet
from tests.sandbox.scenarios import (
    GitHub,
    Infra,
    check,
    deploy,
    gates_of,
    held,
    hold,
    open_pr,
    planned,
    propose,
)

if TYPE_CHECKING:
    from sandbox.state import Repo

FREE = """environments: {dev: {review: none}, staging: {}, prod: {}}
services: {api: {repo: your-org/app}}
hold: issues
"""
TWO = FREE.replace("{api:", "{web: {repo: none}, api:") + "bots: [gitops-bot]\n"


def open_issue(github: GitHub, *labels: str, title: str = "Sessions are lost") -> Issue:
    """Have bob open an issue of the infra repository."""
    repo = github.world.infra
    issue = Issue(github.sandbox.state.new_id(), repo.next_number(), title, "", github.sandbox.state.users["bob"])
    issue.labels = list(labels)
    repo.issues[issue.number] = issue
    return issue


def issues(repo: Repo) -> list[tuple[str, list[str]]]:
    return [(issue.title, issue.labels) for issue in repo.issues.values()]


@pytest.fixture(name="holding")
def _holding(gated: GitHub) -> GitHub:
    """An infra repository without an order of environments, in which issues hold."""
    gated.change_infra({"gitops.yml": FREE})
    gated.world.infra.deployments.clear()
    return gated


# Issues that hold


@pytest.mark.parametrize(
    ("label", "decision"),
    [
        ("hold:prod", "wait"),
        ("hold:prod/api", "wait"),
        ("hold:prod/web", "allow"),
        ("hold:staging", "allow"),
        ("hold", "allow"),
    ],
)
def test_an_issue_holds_what_its_label_names(holding: GitHub, label: str, decision: str) -> None:
    open_issue(holding, "bug", label)
    number = propose(holding, {"envs/prod.json": tagged(holding.app_commit())})

    result = check(holding, number)

    assert (result.outputs["decision"], gates_of(result)["hold"]) == (decision, decision)
    assert ("**held**" in result.summary) is (decision == "wait")


def test_a_hold_names_its_issue_and_is_lifted_by_closing_it(holding: GitHub) -> None:
    issue = open_issue(holding, "hold:prod")
    number = propose(holding, {"envs/prod.json": tagged(holding.app_commit())})

    before = check(holding, number)
    holding.person("bob").api("PATCH", f"/repos/your-org/infra/issues/{issue.number}", {"state": "closed"})
    after = check(holding, number)

    assert (before.exit_code, before.outputs["reason"]) == (7, "held")
    assert f"held by issue #{issue.number}, which bob opened at " in before.log
    assert (after.exit_code, after.outputs["reason"]) == (0, "allowed")


def test_nothing_is_asked_of_issues_unless_gitops_yml_asks(gated: GitHub) -> None:
    gated.world.infra.has_issues = False
    open_issue(gated, "hold:dev")

    result = check(gated, propose(gated, {"envs/dev.json": tagged(gated.app_commit())}))

    assert (result.outputs["reason"], gates_of(result).keys() & {"hold", "return"}) == ("allowed", set())


def test_several_services_are_asked_for_at_once(holding: GitHub) -> None:
    files = '{"api": {"tag": "%s"}, "web": {"tag": "%s"}}'
    tag = holding.app_commit()
    number = propose(holding, {"envs/prod.json": files % (tag, tag), "envs/staging.json": tagged(tag)})
    asked: list[str] = []
    counting = Fault(silent=True, meanwhile=lambda: asked.append("once"))
    holding.sandbox.faults.plan({"query hasIssuesEnabled": counting})

    check(holding, number)

    assert asked == ["once"]


def test_issues_that_cannot_be_read_are_unknown(holding: GitHub) -> None:
    token = holding.sandbox.state.add_token(
        "gitops-bot[bot]",
        permissions={"contents": "read", "pull_requests": "write", "deployments": "read", "actions": "read"},
    )
    number = propose(holding, {"envs/dev.json": tagged(holding.app_commit())})

    result = check(holding, number, token=token)

    assert (result.exit_code, result.outputs["reason"]) == (7, "unknown")
    assert "which issues hold it" in result.log
    assert "issues: read" in result.log


def test_issues_that_are_switched_off_are_an_error_of_the_configuration(holding: GitHub) -> None:
    holding.world.infra.has_issues = False

    result = check(holding, propose(holding, {"envs/dev.json": tagged(holding.app_commit())}))

    assert (result.exit_code, result.outputs["reason"]) == (3, "invalid-config")
    assert "your-org/infra has no issues; switch them on in its settings, or remove the key" in result.log


def test_a_held_promotion_is_opened_and_not_merged(holding: GitHub) -> None:
    open_issue(holding, "hold:dev")

    refused = open_pr(holding, tag=holding.app_commit(), merge="direct")
    opened = open_pr(holding, tag=holding.app_commit())

    assert (refused.exit_code, refused.outputs["reason"]) == (7, "held")
    assert opened.outputs["reason"] == "opened"
    assert "::warning::held by issue #" in opened.log


def test_the_page_does_what_it_says(gated: GitHub) -> None:
    gated.change_infra({"gitops.yml": snippet("Hold")})
    tag = gated.app_commit()
    deploy(gated, "staging", tag, ago=timedelta(days=1))
    number = propose(gated, {"envs/prod.json": tagged(tag)})

    before = check(gated, number)
    open_issue(gated, "hold:prod/api")
    after = check(gated, number)

    assert (before.outputs["decision"], after.outputs["decision"]) == ("allow", "wait")


# At deployment


def test_what_is_held_is_not_deployed_and_a_setting_neither(running: Infra) -> None:
    running.github.change_infra({"gitops.yml": TWO})
    running.push(prod="1+2", staging="1+2")
    open_issue(running.github, "hold:prod/web")

    result = hold(running)

    assert held(result) == {"prod/web held"}
    assert planned(result) == ["staging"]
    assert "✋" in result.summary


def test_what_was_held_meanwhile_is_not_deployed_and_a_rollback_is(running: Infra) -> None:
    """The job that deploys asks once more."""
    running.github.change_infra({"gitops.yml": TWO})
    running.deployed("prod", running.push(prod="1+1"))
    running.deployed("prod", running.push(prod="1+2"))
    running.merge("prod", "1+1", approved=True, message="Back\n\nReason: it drops sessions")
    running.merge("staging", "1+2", approved=True)
    open_issue(running.github, "hold:prod")
    open_issue(running.github, "hold:staging")

    plan, again = hold(running), running.plan(enforce_gates="again")

    assert planned(plan) == planned(again) == ["prod"]
    assert held(again) == {"staging/web held"}


# Rollbacks


def test_a_rollback_opens_an_issue_that_holds_the_service(holding: GitHub) -> None:
    tags = [holding.app_commit(name) for name in ("good", "bad")]
    for hours, tag in zip((2, 1), tags, strict=True):
        deploy(holding, "prod", tag, ago=timedelta(hours=hours))

    result = open_pr(holding, env="prod", rollback="previous", reason="it drops @sessions")
    again = open_pr(holding, env="prod", rollback="previous", reason="it drops @sessions")

    assert (result.outputs["reason"], again.outputs["reason"]) == ("opened", "already-open"), result.log
    assert issues(holding.world.infra) == [(f"api {tags[1][:12]} was rolled back in prod", ["hold:prod/api"])]
    (issue,) = holding.world.infra.issues.values()
    assert issue.body
    assert f"/your-org/infra/pull/1 rolls api in prod back from `{tags[1][:12]}` to `{tags[0][:12]}`" in issue.body
    assert "@" not in issue.body
    number = propose(holding, {"envs/prod.json": tagged(holding.app_commit("next"))})
    assert check(holding, number).outputs["reason"] == "held"


def test_a_label_that_is_too_long_for_github_gives_way_to_that_of_the_environment(holding: GitHub) -> None:
    service = "a-service-with-a-name-that-is-longer-than-github-takes"
    holding.change_infra({"gitops.yml": FREE.replace("api:", f"{service}:").replace("your-org/app", "none")})
    for tag in ("1", "2"):
        sha = holding.change_infra({"envs/prod.json": f'{{"{service}": {{"tag": "{tag}"}}}}'})
        holding.sandbox.behaviour.record_deployment(holding.world.infra, sha, "prod", by="gitops-bot[bot]")

    result = open_pr(holding, env="prod", rollback="previous", reason="INC-7")

    assert result.outputs["reason"] == "opened", result.log
    assert issues(holding.world.infra) == [(f"{service} 2 was rolled back in prod", ["hold:prod"])]


def test_a_rollback_without_a_hold_is_a_rollback(holding: GitHub) -> None:
    """Side work: a bot that may not open issues rolls back, and warns."""
    for hours, name in ((2, "good"), (1, "bad")):
        deploy(holding, "prod", holding.app_commit(name), ago=timedelta(hours=hours))
    rights = {"contents": "write", "pull_requests": "write", "deployments": "read", "actions": "read", "checks": "read"}
    reads = holding.sandbox.state.add_token("gitops-bot[bot]", permissions={**rights, "issues": "read"})
    blind = holding.sandbox.state.add_token("gitops-bot[bot]", permissions=rights)

    for number, (token, words) in enumerate({reads: "issues: write", blind: "issues: read"}.items()):
        result = open_pr(holding, env="prod", rollback="previous", reason="INC-7", token=token, branch=f"b{number}")
        assert result.exit_code == 0, result.log
        assert "::warning::nothing holds api in prod: " in result.log
        assert words in result.log
    assert issues(holding.world.infra) == []


def test_a_label_that_github_drops_is_said(holding: GitHub) -> None:
    for hours, name in ((2, "good"), (1, "bad")):
        deploy(holding, "prod", holding.app_commit(name), ago=timedelta(hours=hours))
    refused = Fault(status=422, body={"message": "Validation Failed"})
    holding.sandbox.faults.plan({"POST /repos/{owner}/{repo}/labels": refused})

    result = open_pr(holding, env="prod", rollback="previous", reason="INC-7")

    assert result.outputs["reason"] == "opened"
    assert "GitHub did not set the label hold:prod/api" in result.log


# What comes back


def back_and_forth(github: GitHub, *, state: str = "success") -> str:
    """Deploy two commits to prod, go back to the first, and return the second."""
    good, bad = github.app_commit("good"), github.app_commit("bad")
    deploy(github, "prod", good, ago=timedelta(hours=3))
    deploy(github, "prod", bad, ago=timedelta(hours=2), state=state)
    deploy(github, "prod", good, ago=timedelta(hours=1))
    return bad


@pytest.mark.parametrize("state", ["success", "failure"])
def test_what_was_rolled_back_returns_only_by_name(holding: GitHub, state: str) -> None:
    bad = back_and_forth(holding, state=state)
    files: dict[str, str | None] = {"envs/prod.json": tagged(bad)}

    silent = check(holding, propose(holding, files))
    named = check(holding, propose(holding, files, message=f"Again\n\nAllow-return: {bad} the database", branch="b"))
    opened = open_pr(holding, env="prod", tag=bad)
    allowed = open_pr(holding, env="prod", tag=bad, allow_return=f"{bad}: it was the database")

    assert (silent.exit_code, silent.outputs["reason"], gates_of(silent)["return"]) == (7, "rolled-back", "refuse")
    assert named.outputs["reason"] == "allowed"
    assert (opened.exit_code, opened.outputs["reason"]) == (7, "rolled-back")
    assert allowed.outputs["reason"] == "opened"


def test_another_name_of_what_was_rolled_back_is_the_same(holding: GitHub) -> None:
    bad = back_and_forth(holding)
    holding.world.app.git.set_ref("refs/tags/2.0.0", bad)

    result = check(holding, propose(holding, {"envs/prod.json": tagged("2.0.0")}))

    assert result.outputs["reason"] == "rolled-back"


def test_what_failed_is_tried_again_and_what_is_next_goes(holding: GitHub) -> None:
    good, bad = holding.app_commit("good"), holding.app_commit("bad")
    deploy(holding, "prod", good, ago=timedelta(hours=3))
    deploy(holding, "prod", bad, ago=timedelta(hours=2), state="failure")
    holding.change_infra({"envs/prod.json": tagged(good)})
    retried = check(holding, propose(holding, {"envs/prod.json": tagged(bad)}))
    fixed = check(holding, propose(holding, {"envs/prod.json": tagged(holding.app_commit("fix"))}, branch="b"))

    assert retried.outputs["reason"] == fixed.outputs["reason"] == "allowed"
    assert gates_of(fixed)["return"] == "allow"


def test_the_sandbox_drops_labels_as_github_does(github: GitHub) -> None:
    repo = github.world.infra
    repo.labels["Known"] = Label(1, "Known")
    asked = {"title": "x", "labels": ["known", "unknown"]}

    github.person("alice").api("POST", "/repos/your-org/infra/issues", asked)
    repo.members["alice"] = "read"
    github.person("alice").api("POST", "/repos/your-org/infra/issues", asked)

    assert [issue.labels for issue in repo.issues.values()] == [["Known"], []]
    listed = github.person("bob").api("GET", "/repos/your-org/infra/issues?labels=Known")
    assert [issue["number"] for issue in listed] == [min(repo.issues)]


# The evidence


def closed(github: GitHub, issue: Issue, at: datetime, by: str) -> None:
    issue.state, issue.closed = "closed", (f"{at:{FORMAT}}", github.sandbox.state.users[by])
    issue.events.append(("ClosedEvent", f"{at:{FORMAT}}", github.sandbox.state.users[by], ""))


def test_the_evidence_names_who_lifted_a_hold_and_what_was_deployed_in_spite_of_it(delivery: Exported) -> None:
    github, now = delivery.github, datetime.now(UTC)
    delivery.land(github.world.infra, {"gitops.yml": FREE + "bots: ['gitops-bot[bot]']\n"}, message="Hold")
    issue = open_issue(github, "hold:prod/api")
    issue.created = f"{now - timedelta(hours=2):{FORMAT}}"
    issue.events.append(("LabeledEvent", issue.created, issue.author, "hold:prod/api"))
    sha = delivery.bump(delivery.release())

    held = delivery.records()
    closed(github, issue, datetime.now(UTC) + timedelta(hours=1), "alice")
    lifted = delivery.records()
    again = delivery.export()

    (record,) = [record for record in held if record["record"] == "change" and record["commit"]["sha"] == sha]
    assert exceptions(record) == ["gate-closed"]
    assert "held by issue #" in record["exceptions"][0]["detail"]
    (hold,) = [record for record in lifted if record["record"] == "hold"]
    assert (hold["title"], hold["label"], hold["by"]) == ("Sessions are lost", "hold:prod/api", "alice")
    assert (hold["since"], hold["result"]) == (issue.created, "pass")
    assert again.outputs["reason"] == "up-to-date"
    page, table = (github.runner.read(f"evidence/evidence.{kind}") for kind in ("html", "csv"))
    assert "<h2>Holds that were lifted</h2>" in page
    assert "held prod/api since" in table
    assert delivery.export(mode="verify").exit_code == 0


def test_a_hold_that_was_opened_again_held_twice(delivery: Exported) -> None:
    github, now = delivery.github, datetime.now(UTC)
    delivery.land(github.world.infra, {"gitops.yml": FREE + "bots: ['gitops-bot[bot]']\n"}, message="Hold")
    issue, moments = open_issue(github, "hold:prod"), [now - timedelta(hours=hours) for hours in (9, 8, 7, 6)]
    issue.created = f"{now - timedelta(hours=10):{FORMAT}}"
    bob = github.sandbox.state.users["bob"]
    closed(github, issue, moments[0], "alice")
    issue.events += [
        (kind, f"{at:{FORMAT}}", bob, "hold:prod" if kind == "LabeledEvent" else "")
        for kind, at in zip(("ReopenedEvent", "LabeledEvent"), moments[1:3], strict=True)
    ]
    closed(github, issue, moments[3], "alice")
    issue.events.append(("ReopenedEvent", f"{now:{FORMAT}}", bob, ""))

    found = [record for record in delivery.records() if record["record"] == "hold"]

    assert [(hold["since"], hold["at"]) for hold in found] == [tuple(f"{at:{FORMAT}}" for at in moments[2:])]


def test_who_lifts_a_hold_by_removing_its_label_is_named(delivery: Exported) -> None:
    github, now = delivery.github, datetime.now(UTC)
    delivery.land(github.world.infra, {"gitops.yml": FREE + "bots: ['gitops-bot[bot]']\n"}, message="Hold")
    issue, eve = open_issue(github, "Hold:prod", "bug"), github.sandbox.state.add_user("eve")
    issue.created = f"{now - timedelta(hours=9):{FORMAT}}"
    old = open_issue(github, "hold:prod")  # GitHub no longer says when it got its label
    old.created = f"{now - timedelta(hours=30):{FORMAT}}"
    closed(github, old, now - timedelta(hours=20), "alice")
    path = f"/repos/your-org/infra/issues/{issue.number}"
    moments = [f"{now - timedelta(hours=hours):{FORMAT}}" for hours in (8, 7, 6, 5)]
    kinds = ("UnlabeledEvent", "ClosedEvent", "LabeledEvent", "ReopenedEvent")
    issue.events += [
        (kind, at, eve, "hold:PROD" if "label" in kind.casefold() else "")
        for kind, at in zip(kinds, moments, strict=True)
    ]
    github.person("bob").api("PATCH", path, {"labels": ["bug"]})

    found = [record for record in delivery.records() if record["record"] == "hold"]

    assert [(hold["since"], hold["by"]) for hold in found] == [
        (old.created, "alice"), (issue.created, "eve"), (moments[3], "bob"),
    ]  # fmt: skip
    assert found[1]["at"] == moments[0]
    assert delivery.export().outputs["reason"] == "up-to-date"


def test_evidence_of_holds_that_cannot_be_read_is_unknown(delivery: Exported) -> None:
    github = delivery.github
    delivery.land(github.world.infra, {"gitops.yml": FREE + "bots: ['gitops-bot[bot]']\n"}, message="Hold")
    delivery.bump(delivery.release())
    rights = dict.fromkeys(("contents", "pull_requests", "deployments", "actions", "checks", "statuses"), "read")
    token = github.sandbox.state.add_token(
        GUARD, permissions={**rights, "administration": "write", "contents": "write", "metadata": "read"}
    )

    record = delivery.last(delivery.export(token=token))

    assert any(
        "hold: api was deployed to prod though unknown: which issues held it" in str(e) for e in record["exceptions"]
    )


def history(github: GitHub) -> HoldHistory:
    return HoldHistory(Client("your-org/infra", github.world.tokens["olivia"], github.sandbox.environment()), "prod")


def held_at(found: HoldHistory, moment: datetime) -> list[int] | Unknown:
    """Return the numbers of the issues that held api in prod."""
    holds = found.at(moment, "api")
    return holds if isinstance(holds, Unknown) else [hold.number for hold in holds]


@pytest.mark.parametrize("times", [50, 120], ids=lambda times: f"{2 * times} events before it")
def test_a_hold_whose_issue_has_many_events_is_read_to_its_end(github: GitHub, times: int) -> None:
    """GitHub shows 100 events at once; anyone with triage rights makes as many as they like."""
    bob, begin = github.sandbox.state.users["bob"], datetime.now(UTC) - timedelta(days=2)
    moments = [f"{begin + timedelta(seconds=second):{FORMAT}}" for second in range(2 * times + 2)]
    issue = open_issue(github, "hold:prod")
    issue.created = moments[0]
    issue.events = [("LabeledEvent", moments[0], bob, "hold:prod")]
    for number in range(times):
        at = moments[2 * number + 1 :]
        issue.events += [("LabeledEvent", at[0], bob, "x"), ("UnlabeledEvent", at[1], bob, "x")]
    closed(github, issue, begin + timedelta(hours=1), "alice")
    found = history(github)

    (lifted,) = found.lifted([])

    assert (lifted.since, lifted.lifted_by) == (moments[0], "alice")
    assert held_at(found, datetime.now(UTC)) == []
    assert held_at(found, begin + timedelta(minutes=30)) == [issue.number]


def unlabeled(github: GitHub, *, days: int) -> Issue:
    """Have bob open an issue that held for a day, and take its label off."""
    bob, begin = github.sandbox.state.users["bob"], datetime.now(UTC) - timedelta(days=days)
    issue = open_issue(github)
    issue.created = f"{begin:{FORMAT}}"
    end = f"{begin + timedelta(days=1):{FORMAT}}"
    issue.events = [("LabeledEvent", issue.created, bob, "hold:prod"), ("UnlabeledEvent", end, bob, "hold:prod")]
    return issue


def test_a_hold_that_was_lifted_is_found_whatever_else_changed_since(github: GitHub) -> None:
    issue = unlabeled(github, days=9)
    for _ in range(3 * ISSUES_PER_PAGE):
        open_issue(github, "bug")
    found, now = history(github), datetime.now(UTC)

    assert held_at(found, now - timedelta(hours=1)) == []
    assert held_at(found, now - timedelta(days=8, hours=12)) == [issue.number]
    assert [hold.number for hold in found.lifted(["api"])] == [issue.number]


def test_which_issues_held_is_unknown_where_too_many_changed_since(
    github: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actions.evidence.holds.MOST_PAGES", 2)
    unlabeled(github, days=9)
    for _ in range(2 * ISSUES_PER_PAGE):
        open_issue(github, "bug")
    held_now = open_issue(github, "hold:prod/api")
    found = history(github)

    assert held_at(found, datetime.now(UTC) - timedelta(days=8, hours=12)) == Unknown(
        "which issues held it: more than 100 have changed since"
    )
    assert held_at(found, datetime.now(UTC) + timedelta(days=1)) == [held_now.number]
    assert found.lifted(["web"]) == []


def test_a_hold_is_in_the_records_though_many_issues_changed_since(delivery: Exported) -> None:
    github = delivery.github
    delivery.land(github.world.infra, {"gitops.yml": FREE + "bots: ['gitops-bot[bot]']\n"}, message="Hold")
    delivery.export()
    issue, at = open_issue(github), datetime.now(UTC) + timedelta(minutes=1)
    bob = github.sandbox.state.users["bob"]
    issue.events = [(kind, f"{at:{FORMAT}}", bob, "hold:prod") for kind in ("LabeledEvent", "UnlabeledEvent")]
    for _ in range(ISSUES_PER_PAGE):
        open_issue(github, "bug").created = f"{at + timedelta(minutes=1):{FORMAT}}"

    (found,) = [record for record in delivery.records() if record["record"] == "hold"]

    assert (found["since"], found["by"]) == (f"{at:{FORMAT}}", "bob")
