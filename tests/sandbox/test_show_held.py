"""With `show-held: issue`, what the gates hold in an environment is an issue for as long as it is held."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from sandbox.delivery import tagged
from sandbox.faults import Fault
from sandbox.world import BOT
from tests.sandbox.scenarios import GitHub, Infra, hold, planned
from tests.sandbox.test_holds import open_issue

if TYPE_CHECKING:
    from sandbox.state import Issue
    from tests.support import Result

SHOWN = """environments: {dev: {review: none}, staging: {}, prod: {}}
services: {api: {repo: your-org/app}}
bots: [gitops-bot]
hold: issues
"""


@pytest.fixture(name="infra")
def _infra(gated: GitHub) -> Infra:
    """An infra repository in which an issue holds prod, and its next tag with it."""
    gated.change_infra({"gitops.yml": f"{SHOWN}show-held: issue\n", "envs/prod.json": tagged(gated.app_commit())})
    open_issue(gated, "hold:prod")
    return Infra(gated)


def record(infra: Infra, **inputs: str) -> Result:
    result = hold(infra, record="true", **inputs)
    assert result.exit_code == 0, result.log
    return result


def lift(infra: Infra) -> None:
    for issue in infra.github.world.infra.issues.values():
        if "hold:prod" in issue.labels:
            issue.state = "closed"


def shown(infra: Infra, env: str = "prod", state: str = "open") -> Issue | None:
    """Return the issue of what is held in *env*, of which there is one at most."""
    label = f"held-back:{env}"
    issues = infra.github.world.infra.issues.values()
    found = [each for each in issues if label in each.labels and each.state == state]
    assert len(found) <= 1
    return found[0] if found else None


def test_what_is_held_is_an_issue_until_it_is_deployed(infra: Infra) -> None:
    record(infra)
    issue = shown(infra)
    assert issue
    assert (issue.title, issue.author.login) == ("Held back: prod", BOT)
    assert "**held**: prod api&#58; held by issue" in (issue.body or "")
    assert "/actions/runs/" in (issue.body or "")
    assert not shown(infra, "dev")

    lift(infra)
    result = record(infra)

    assert planned(result) == ["prod"]
    assert not shown(infra)
    assert shown(infra, state="closed") is issue


def test_the_issue_says_what_is_held_now(infra: Infra) -> None:
    record(infra)
    newer = infra.github.app_commit("newer")
    infra.github.change_infra({"envs/prod.json": tagged(newer)})

    record(infra)

    issue = shown(infra)
    assert issue
    assert newer[:12] in (issue.body or "")


def test_what_was_held_again_is_an_issue_of_its_own(infra: Infra) -> None:
    record(infra)
    lift(infra)
    record(infra)
    open_issue(infra.github, "hold:prod")
    infra.github.change_infra({"envs/prod.json": tagged(infra.github.app_commit("newer"))})

    record(infra)

    assert shown(infra)
    assert shown(infra, state="closed")


def test_a_run_that_the_branch_has_overtaken_says_nothing_of_the_environment(infra: Infra) -> None:
    before = infra.github.world.infra.git.head("main") or ""
    record(infra)
    infra.github.change_infra({"envs/prod.json": tagged(infra.github.app_commit("newer"))})
    lift(infra)

    result = record(infra, sha=before)

    assert result.outputs["reason"] == "superseded"
    assert shown(infra)


@pytest.mark.parametrize("change", ["not asked for", "not recorded"])
def test_no_issue_is_opened_unless_it_is_asked_for(infra: Infra, change: str) -> None:
    if change == "not asked for":
        infra.github.change_infra({"gitops.yml": SHOWN})
        record(infra)
    else:
        hold(infra)

    assert not shown(infra)


@pytest.mark.parametrize("held", [True, False])
def test_attack_label_on_an_issue_of_somebody_else(infra: Infra, held: bool) -> None:
    """Whoever may label would otherwise have the bot lift a hold, or write over its reason."""
    if not held:
        infra.github.change_infra({"envs/prod.json": infra.github.infra_file("envs/dev.json")})
    record(infra)
    (holding,) = (each for each in infra.github.world.infra.issues.values() if "hold:prod" in each.labels)
    holding.labels.append("held-back:prod")
    holding.title = "Held back: prod"

    record(infra)

    assert (holding.state, holding.body) == ("open", "")


def test_environments_that_begin_alike_have_an_issue_each(infra: Infra) -> None:
    one, two = (f"europe-west-production-cluster-frankfurt-{number}" for number in (1, 2))
    config = SHOWN.replace("prod: {}", f"{one}: {{}}, {two}: {{}}")
    file = tagged(infra.github.app_commit("newer"))
    files = {f"envs/{env}.json": infra.github.infra_file("envs/dev.json") for env in (one, two)}
    infra.github.change_infra({"gitops.yml": f"{config}show-held: issue\n", "envs/prod.json": None, **files})
    record(infra)
    infra.github.change_infra({f"envs/{env}.json": file for env in (one, two)})
    for env in (one, two):
        open_issue(infra.github, f"hold:{env}")

    record(infra)
    record(infra)

    titles = [each.title for each in infra.github.world.infra.issues.values() if each.title.startswith("Held back")]
    assert titles == [f"Held back: {one}", f"Held back: {two}"]


@pytest.mark.thorough
def test_what_is_too_long_for_github_is_cut(infra: Infra) -> None:
    names = [f"service-{number}" for number in range(170)]
    repos = "".join(f"{name}: {{repo: your-org/app}}, " for name in names)
    before, after = json.loads(infra.github.infra_file("envs/dev.json"))["api"]["tag"], infra.github.app_commit("newer")
    config = SHOWN.replace("services: {", f"services: {{{repos}")
    env = {name: {"tag": before} for name in names}
    infra.github.change_infra({"gitops.yml": f"{config}show-held: issue\n", "envs/prod.json": json.dumps(env)})
    lift(infra)
    record(infra)
    open_issue(infra.github, "hold:prod", title="Sessions are lost. " * 12)
    infra.github.change_infra({"envs/prod.json": json.dumps({name: {"tag": after} for name in names})})

    result = record(infra)

    issue = shown(infra)
    assert issue, result.log
    assert "cut here" in (issue.body or "")
    assert "::warning::the issue" not in result.log


def test_a_repository_without_issues_is_told_so(infra: Infra) -> None:
    infra.github.change_infra({"gitops.yml": f"{SHOWN}show-held: issue\n".replace("hold: issues\n", "")})
    infra.github.world.infra.has_issues = False

    assert "your-org/infra has no issues; switch them on in its settings, or remove the key" in record(infra).log


def test_an_issue_that_cannot_be_opened_stops_nothing(infra: Infra) -> None:
    infra.github.sandbox.faults.plan({"POST /repos/{owner}/{repo}/issues": Fault(status=403)})

    result = record(infra)

    assert result.outputs["reason"] == "held"
    assert "::warning::the issue of what is held in prod is not up to date: " in result.log
    assert "issues: write" in result.log


def test_issues_that_cannot_be_read_are_not_opened_twice(infra: Infra) -> None:
    record(infra)
    infra.github.change_infra({"gitops.yml": f"{SHOWN}show-held: issue\n".replace("hold: issues\n", "")})
    few = {"contents": "read", "pull_requests": "read", "deployments": "write", "actions": "read"}
    token = infra.github.sandbox.state.add_token(BOT, permissions=few)

    result = record(infra, token=token)

    assert "::warning::the issue of what is held in prod is not up to date: " in result.log
    assert "issues: " in result.log
