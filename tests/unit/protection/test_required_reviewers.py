"""Rulesets in which a team reviews some files: the rule's `required_reviewers`."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from actions.errors import InvalidRulesetError
from actions.protection.lint import lint
from actions.protection.ruleset import Ruleset, differences, parse_ruleset, read_ruleset, with_team_ids
from tests.rulesets import rule
from tests.support import ROOT

REVIEWED = {
    "required_approving_review_count": 0,
    "dismiss_stale_reviews_on_push": True,
    "require_code_owner_review": False,
    "require_last_push_approval": False,
    "required_review_thread_resolution": False,
}
ENTRY = {"reviewer": {"type": "Team", "name": "platform"}, "minimum_approvals": 2, "file_patterns": ["*", "!/a"]}


def document(*entries: Any) -> dict[str, Any]:
    rules = [rule("pull_request", **REVIEWED, required_reviewers=list(entries))]
    include = {"ref_name": {"include": ["~DEFAULT_BRANCH"], "exclude": []}}
    return {"name": "main", "enforcement": "active", "conditions": include, "rules": rules, "bypass_actors": []}


def ruleset(*entries: Any) -> Ruleset:
    return parse_ruleset(json.dumps(document(*entries), indent=1), "x.json", scope="repository")


def identified(found: Ruleset, number: int = 7) -> Ruleset:
    return replace(found, rules=with_team_ids(found.rules, lambda _name: number))


def with_id(**changed: Any) -> dict[str, Any]:
    return ENTRY | {"reviewer": {"type": "Team", "id": 7}} | changed


def test_the_ruleset_to_choose_is_sound_and_lets_nobody_pass() -> None:
    path = ROOT / "examples" / "required-reviewers" / "main.json"
    usual = ROOT / "examples" / "infra" / "protection" / "infra" / "rulesets" / "main.json"
    found, instead = (
        parse_ruleset(each.read_text(encoding="utf-8"), "x", scope="repository") for each in (path, usual)
    )

    assert lint([found], None) == []
    assert (found.bypass, found.rules["pull_request"]["required_approving_review_count"]) == ((), 0)
    assert (found.name, found.conditions, found.rules.keys()) == (
        instead.name,
        instead.conditions,
        instead.rules.keys(),
    )


def test_a_team_is_sent_by_its_id() -> None:
    asked: list[str] = []

    def id_of(name: str) -> int:
        asked.append(name)
        return 7

    found = ruleset(ENTRY, with_id())

    assert with_team_ids(found.rules, id_of)["pull_request"]["required_reviewers"] == [with_id(), with_id()]
    assert asked == ["platform"]
    assert with_team_ids({"deletion": {}}, id_of) == {"deletion": {}}


@pytest.mark.parametrize(
    ("entry", "differ"),
    [
        pytest.param(with_id(), False, id="the same"),
        pytest.param(with_id(minimum_approvals=1), True, id="fewer approvals"),
        pytest.param(with_id(file_patterns=["!/a", "*"]), True, id="the order of patterns"),
        pytest.param(with_id(reviewer={"type": "Team", "id": 8}), True, id="another team"),
    ],
)
def test_what_a_team_reviews_is_compared(entry: dict[str, Any], *, differ: bool) -> None:
    """The last pattern that matches counts, so their order is one of the differences."""
    found = [each.what for each in differences(identified(ruleset(ENTRY)), read_ruleset(document(entry)))]

    assert found == (["rules.pull_request.required_reviewers"] if differ else [])


def test_the_order_of_teams_is_no_difference() -> None:
    other = with_id(reviewer={"type": "Team", "id": 8})

    assert list(differences(ruleset(with_id(), other), read_ruleset(document(other, with_id())))) == []


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        pytest.param(ENTRY | {"reviewer": {"type": "Team"}}, "reviewer must contain ['id'] properties", id="nobody"),
        pytest.param(
            ENTRY | {"reviewer": {"type": "Team", "name": "a", "id": 1}}, "a has both name and id", id="two names"
        ),
        pytest.param(ENTRY | {"reviewer": {"type": "Team", "name": 1}}, "name is 1", id="a number"),
        pytest.param(ENTRY | {"reviewer": {"type": "Team", "name": "../x"}}, "name is '../x'", id="a way out"),
        pytest.param(ENTRY | {"reviewer": {"type": "User", "name": "eve"}}, "must be one of ['Team']", id="a person"),
        pytest.param(ENTRY | {"reviewer": "platform"}, "reviewer must be object", id="a text"),
        pytest.param("platform", "required_reviewers.0 must be object", id="no entry"),
    ],
)
def test_a_reviewer_that_github_would_not_take_is_refused(entry: Any, said: str) -> None:
    with pytest.raises(InvalidRulesetError) as refused:
        ruleset(entry)

    assert said in str(refused.value)


def test_a_list_of_reviewers_that_is_none_is_refused() -> None:
    text = json.dumps(document()).replace('"required_reviewers": []', '"required_reviewers": 1')

    with pytest.raises(InvalidRulesetError, match="required_reviewers must be array"):
        parse_ruleset(text, "x.json", scope="repository")


@pytest.mark.parametrize(
    ("changed", "at", "fatal"),
    [
        pytest.param({"file_patterns": ["!a"]}, '"file_patterns"', True, id="no file"),
        pytest.param({"file_patterns": []}, '"file_patterns"', True, id="no pattern"),
        pytest.param({"minimum_approvals": 0}, '"minimum_approvals"', False, id="no approval"),
    ],
)
def test_a_team_that_never_has_to_approve_is_found(changed: dict[str, Any], at: str, *, fatal: bool) -> None:
    assert [(problem.at, problem.fatal) for problem in lint([ruleset(ENTRY | changed)], None)] == [(at, fatal)]


def test_an_exempt_actor_that_the_file_does_not_have_is_a_difference() -> None:
    """And so is one that the file has in another mode."""
    exempt = {"actor_type": "Team", "actor_id": 3, "bypass_mode": "exempt"}
    always = exempt | {"bypass_mode": "always"}
    text = json.dumps(document() | {"bypass_actors": [always]})

    for ours in (ruleset(), parse_ruleset(text, "x.json", scope="repository")):
        (found,) = differences(ours, read_ruleset(document() | {"bypass_actors": [exempt]}))
        assert (found.kind, found.what, found.github) == ("different", "bypass_actors", ["Team 3 (exempt)"])
