"""Where a change is: the status table of a deployment run, and the answer to one commit or pull request."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from actions.errors import InputError, UnknownCommitError
from actions.runner.markdown import MOST_ROWS
from actions.status.table import Status, status_table
from actions.status.where import Question, where
from sandbox.delivery import tagged
from tests.sandbox.scenarios import NOW, GitHub, Infra, deploy, hold, merged_pull, open_pr
from tests.sandbox.test_holds import open_issue

if TYPE_CHECKING:
    from tests.support import Result

CONFIG = """environments:
  dev: {review: none}
  staging: {after: dev}
  prod: {after: staging, soak: 24h, freeze: ["2026-11-24 00:00 - 2026-11-25 00:00 UTC"]}
services: {api: {repo: your-org/app}, web: {repo: none}}
bots: [gitops-bot]
hold: issues
"""


def rows(result: Result) -> list[str]:
    assert result.exit_code == 0, result.log
    _, _, section = result.summary.partition("#### Status\n\n")
    return section.strip().splitlines()[2:]


@pytest.fixture(name="busy")
def _busy(running: Infra) -> Infra:
    """The app is two commits ahead of what runs; prod is frozen, and something of staging is held."""
    github = running.github
    github.change_infra({"gitops.yml": CONFIG})
    shas = [github.app_commit(name) for name in ("one", "two", "three")]
    running.deployed("staging", running.push(staging=f"{shas[0]}+1"))
    open_issue(github, "hold:staging/web", title="Broken | pipe")
    return running


def test_the_table_says_what_runs_and_what_keeps_the_next_back(busy: Infra) -> None:
    github = busy.github
    busy.deployed("dev", busy.push(dev="1+2"))
    assert open_pr(github, env="staging", tag="2", service="web").outputs["reason"] == "opened"
    busy.push(prod="1+2")

    result = hold(busy, show_status="true")

    found = {tuple(cell.strip() for cell in row.split("|")[1:3]): row for row in rows(result)}
    assert len(found) == 6
    api = found["staging", "api"]
    assert "| 2 |" in api
    assert " UTC |" in api
    assert "held by issue &#35;1&#58; Broken &#124; pipe" in found["staging", "web"]
    assert "/your-org/infra/pull/2) |" in found["staging", "web"]
    assert "prod is frozen; the gate opens at 2026-11-25 00&#58;00 UTC" in found["prod", "web"]
    assert "frozen until 2026-11-25 00&#58;00 UTC" in found["prod", "api"]
    assert "| – | – |" in found["dev", "web"]


def test_it_is_not_written_unless_it_is_asked_for(busy: Infra) -> None:
    busy.github.sandbox.exchanges.clear()
    without = hold(busy)
    asked = len(busy.github.operations())
    hold(busy, show_status="true")

    assert "Status" not in without.summary
    assert asked < len(busy.github.operations())


def test_it_needs_the_gates(busy: Infra) -> None:
    assert busy.plan(show_status="true").outputs["reason"] == "invalid-input"


def test_what_cannot_be_known_is_said(busy: Infra) -> None:
    github = busy.github
    github.change_infra(
        {
            "gitops.yml": CONFIG.replace(
                '"2026-11-24 00:00 - 2026-11-25 00:00 UTC"', '"00:00 - 12:00 UTC", "12:00 - 00:00 UTC"'
            )
        }
    )
    rights = {"contents": "read", "pull_requests": "read", "actions": "read", "deployments": "read"}
    token = github.sandbox.state.add_token("gitops-bot[bot]", permissions=rights)

    blind = hold(busy, show_status="true", token=token, app_token="ghp_none")

    table = "\n".join(rows(blind))
    assert "unknown&#58; which issues hold it" in table
    assert "| unknown |" in table
    assert "frozen |" in table.replace("; unknown", " |")


def test_a_service_that_was_never_deployed_runs_nothing(busy: Infra) -> None:
    busy.github.world.infra.deployments.clear()

    assert all("| – | – |" in row for row in rows(hold(busy, show_status="true")))


def test_a_long_table_ends() -> None:
    text = status_table([Status(env="dev", service=f"s{number}") for number in range(MOST_ROWS + 2)])

    assert text.endswith("\nand 2 more\n")
    assert text.count("| dev |") == MOST_ROWS


# One change


def question(github: GitHub, what: str) -> Question:
    return Question(what=what, app_repo="your-org/app", infra_repo="your-org/infra", now=NOW, token=github.bot)


@pytest.fixture(name="asked")
def _asked(gated: GitHub, monkeypatch: pytest.MonkeyPatch) -> GitHub:
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    for name, value in gated.sandbox.environment().items():
        monkeypatch.setenv(name, value)
    gated.world.infra.deployments.clear()
    return gated


def test_where_a_change_is_and_what_keeps_it_from_the_next(asked: GitHub) -> None:
    first, change, later = (asked.app_commit(name) for name in ("first", "change", "later"))
    for env in ("dev", "staging", "prod"):
        deploy(asked, env, first, ago=timedelta(hours=9))
    deploy(asked, "dev", change, ago=timedelta(hours=5))
    deploy(asked, "dev", later, ago=timedelta(hours=4))
    deploy(asked, "staging", later, ago=timedelta(hours=3))

    places = {place.env: place for place in where(question(asked, change))}

    assert [*places] == ["dev", "staging", "prod"]
    assert str(places["dev"]) == "dev api: since 2026-11-24 07:00 UTC"
    assert str(places["staging"]) == "staging api: since 2026-11-24 09:00 UTC"
    assert str(places["prod"]).startswith(
        f"prod api: not yet: {later[:12]} has run in staging for 3 h of the required 1 d"
    )


def test_where_a_pull_request_is(asked: GitHub) -> None:
    old, sha = asked.app_commit("old"), asked.app_commit("new")
    pull = merged_pull(asked.sandbox.state, asked.world.app, sha, base="main", approved_by="bob")
    for env in ("dev", "staging", "prod"):
        deploy(asked, env, old, ago=timedelta(hours=9))
    open_pr(asked, env="dev", tag=sha)

    found = [str(place) for place in where(question(asked, f"#{pull.number}"))]

    assert found[0].startswith("dev api: not yet: http")
    assert found[0].endswith("/your-org/infra/pull/1 is open")
    assert found[1:] == [
        "staging api: not yet: dev does not run it yet",
        "prod api: not yet: staging does not run it yet",
    ]


def test_what_nothing_proposes_is_said_and_other_services_are_not(asked: GitHub) -> None:
    asked.change_infra(
        {
            "gitops.yml": "services: {api: {repo: your-org/app}, web: {repo: none}}\n",
            "envs/dev.json": '{"api": {"tag": "1"}, "web": {"tag": "1"}}',
            "envs/staging.json": None,
            "envs/prod.json": tagged("1"),
        }
    )

    found = [str(place) for place in where(question(asked, asked.app_commit()))]

    assert found == ["dev api: not yet: nothing proposes it", "prod api: not yet: nothing proposes it"]


@pytest.mark.parametrize("what", ["7", "#8"])
def test_a_pull_request_that_is_not_merged_is_nowhere(asked: GitHub, what: str) -> None:
    if what == "7":
        merged_pull(asked.sandbox.state, asked.world.app, asked.app_commit(), base="main", approved_by="")
    with pytest.raises(UnknownCommitError, match="has no merged pull request"):
        where(question(asked, what))


def test_a_name_is_no_change(asked: GitHub) -> None:
    with pytest.raises(InputError, match="'main' is no commit"):
        where(question(asked, "main"))
