"""The evidence of who could change prod: recorded whenever it differs, and never guessed."""

from __future__ import annotations

import csv
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest

from sandbox.state import DeployKey, Team
from sandbox.world import AUDITED, BOT, GUARD, with_environments
from tests.sandbox.exported import APP, INFRA, Exported
from tests.sandbox.operate_page import snippet
from tests.support import readme_rows

if TYPE_CHECKING:
    from tests.support import Result

Parts = dict[tuple[str, str], dict[str, Any]]
NEEDS = {kind.strip("`"): needed for kind, _, needed in readme_rows("action-export-evidence", "Access")}
SEEN_WHOLE = AUDITED | {"administration": "write", "organization_administration": "write"}


@pytest.fixture(name="asked")
def _asked(delivery: Exported) -> Exported:
    """An infra repository whose gitops.yml is that of the page, with a team and a deploy key."""
    with_environments(delivery.world)
    infra, owner = delivery.world.infra, delivery.world.infra.owner
    delivery.land(infra, {"gitops.yml": snippet("Access")}, message="Access")
    team = Team(77, "platform", {"alice"}, {INFRA: "write"})
    owner.teams.append(team)
    infra.keys.append(DeployKey(5, "the laptop of Alice"))
    infra.environments["prod"].reviewers = [("Team", team.id), ("User", delivery.sandbox.state.users["bob"].id)]
    infra.environments["prod"].prevent_self_review = True
    return delivery


def export(delivery: Exported, permissions: dict[str, str] | None = None) -> Result:
    given = {"token": delivery.sandbox.state.add_token(GUARD, permissions=permissions)} if permissions else {}
    result = delivery.export(**given)
    assert result.exit_code == 0, result.log
    return result


def accesses(delivery: Exported) -> list[Parts]:
    found = [line["parts"] for line in delivery.lines() if line["record"] == "access"]
    return [{(part["where"], part["kind"]): part for part in parts} for parts in found]


def test_everything_that_opens_prod_is_recorded(asked: Exported) -> None:
    export(asked)

    (access,) = accesses(asked)
    of_infra = {kind: part["holders"] for (where, kind), part in access.items() if where == INFRA}
    assert of_infra["people"] == {"alice": "write", "bob": "write", "olivia": "admin"}
    assert of_infra["teams"] == {"platform": "write"}
    assert of_infra["deploy-keys"] == {"key 5": "read"}
    assert of_infra["environments"]["prod"] == (
        "admits branch main; reviewers: Team platform, User bob, not who started the run"
    )
    assert of_infra["environments"]["gitops-bot"] == "admits branch main; reviewers: none"
    assert of_infra["bypasses"]["main"] == "Integration gitops-bot (pull_request)"
    assert of_infra["bypasses"]["evidence: only the guard writes it"] == "Integration gitops-guard (always)"
    assert access[APP, "environments"]["holders"].keys() == {"gitops-bot"}
    assert access["your-org", "apps"]["holders"]["gitops-bot"].startswith(
        "selected repositories, actions: read, checks"
    )
    assert not [part for part in access.values() if part["lacks"]]
    assert "laptop" not in str(access)


def test_only_what_differs_is_recorded_again(asked: Exported) -> None:
    first = export(asked)
    asked.world.infra.members = dict(reversed(asked.world.infra.members.items()))  # GitHub promises no order
    same = export(asked)
    asked.world.infra.members["bob"] = "admin"
    asked.world.infra.keys.clear()
    export(asked)

    before, after = accesses(asked)
    assert first.outputs["head"] == same.outputs["head"]
    assert (before[INFRA, "people"]["holders"]["bob"], after[INFRA, "people"]["holders"]["bob"]) == ("write", "admin")
    page, table = (asked.github.runner.read(f"evidence/evidence.{kind}") for kind in ("html", "csv"))
    assert "<h2>Who could change prod</h2>" in page
    assert "<td>your-org/infra</td><td>people</td><td>bob</td><td>write</td><td>admin</td>" in page
    rows = [row for row in csv.DictReader(StringIO(table)) if row["kind"] == "access"]
    assert rows[0]["details"].endswith("first record")
    assert rows[1]["details"].endswith(
        "your-org/infra deploy-keys key 5 read → none; your-org/infra people bob write → admin"
    )
    assert asked.export(mode="verify").outputs["reason"] == "verified"


@pytest.mark.parametrize("kind", [kind for kind in NEEDS if kind != "people"])  # every token has metadata: read
def test_what_the_token_may_not_see_is_unknown_with_the_permission(asked: Exported, kind: str) -> None:
    """The table of the README names the permissions: with all of them everything is seen, without one it is said."""
    needed = NEEDS[kind].partition(";")[0]
    name, _, level = needed.replace("organization ", "organization_").partition(": ")
    export(asked, SEEN_WHOLE)
    export(asked, SEEN_WHOLE | {name: "read" if level == "write" else "none"})

    whole, part = accesses(asked)
    assert not [each for each in whole.values() if each["lacks"]]
    assert {each["lacks"] for (_, found), each in part.items() if found == kind} == {needed}
    assert f"unknown, needs &#x27;{needed}&#x27;" in asked.github.runner.read("evidence/evidence.html")


def test_the_token_of_the_example_sees_neither_apps_nor_bypasses(asked: Exported) -> None:
    export(asked, AUDITED)

    (access,) = accesses(asked)
    assert {kind for (_, kind), part in access.items() if part["lacks"]} == {"apps", "bypasses"}


def test_people_that_a_token_cannot_see_are_unknown(asked: Exported) -> None:
    rita = asked.sandbox.state.add_user("rita")
    asked.world.app.members[rita.login] = "read"

    asked.export(app_token=asked.sandbox.state.add_token("rita"))

    (access,) = accesses(asked)
    assert (access[APP, "people"]["holders"], access[APP, "people"]["lacks"]) == ({}, "metadata: read")
    assert access[INFRA, "people"]["lacks"] == access["your-org", "apps"]["lacks"] == ""


def test_rulesets_of_the_organization_count_too(asked: Exported) -> None:
    owner, bot = asked.world.infra.owner, asked.sandbox.state.users[BOT]
    ruleset = asked.world.infra.ruleset("main")
    owner.rulesets.append({**ruleset, "id": 4711, "name": "everywhere", "bypass_actors": []})
    export(asked)
    export(asked, AUDITED | {"administration": "write"})

    whole, part = accesses(asked)
    assert whole[INFRA, "bypasses"]["holders"]["everywhere (of your-org)"] == "none"
    assert part[INFRA, "bypasses"]["lacks"] == "organization administration: write"
    assert part[INFRA, "bypasses"]["holders"]["main"] == f"Integration {bot.id} (pull_request)"


def test_nothing_is_asked_unless_gitops_yml_says_so(delivery: Exported) -> None:
    delivery.sandbox.exchanges.clear()

    export(delivery)

    asked = {exchange.path for exchange in delivery.sandbox.exchanges}
    assert not [path for path in asked if path.endswith(("/collaborators", "/keys", "/teams", "/installations"))]
    assert not accesses(delivery)
    assert "Who could change" not in delivery.github.runner.read("evidence/evidence.html")
