"""Which rulesets are in force, by an answer about the rules of a branch."""

from __future__ import annotations

from typing import Any

import pytest

from actions.api.checks import RequiredCheck
from actions.evidence.facts import Rules
from actions.evidence.news import Ruleset, rulesets_of

CHECKS = {"requiredStatusChecks": [{"context": "test", "integrationId": 7}]}
RULESET = {"databaseId": 1, "updatedAt": "2026-01-01T02:00:00+02:00"}
RECORDED = Rules(
    id=1, name="main", source="x", since="2026-01-01T00:00:00Z", sha256="", bypass=None,
    rules=("pull_request", "required_status_checks"), required_checks=(RequiredCheck(name="test", app=7),),
)  # fmt: skip


def rule(kind: str = "PULL_REQUEST", ruleset: Any = RULESET, parameters: Any = None) -> dict[str, Any]:
    return {"type": kind, "repositoryRuleset": ruleset, "parameters": parameters}


def test_the_rules_of_a_ruleset_are_put_together() -> None:
    nodes = [rule(), rule("REQUIRED_STATUS_CHECKS", parameters=CHECKS)]

    assert rulesets_of({"totalCount": 2, "nodes": nodes}) == {1: Ruleset.of(RECORDED)}


@pytest.mark.parametrize(
    "nodes",
    [[rule()], [rule(), rule("REQUIRED_STATUS_CHECKS", parameters={"requiredStatusChecks": []})], []],
    ids=["a rule less", "a check less", "none"],
)
def test_a_ruleset_that_requires_something_else_is_another(nodes: list[dict[str, Any]]) -> None:
    assert rulesets_of({"totalCount": len(nodes), "nodes": nodes}) != {1: Ruleset.of(RECORDED)}


@pytest.mark.parametrize(
    "rules",
    [{"totalCount": 1, "nodes": [rule(ruleset=None)]}, {"totalCount": 101, "nodes": [rule()] * 100}],
    ids=["one is hidden", "there are more"],
)
def test_rules_that_are_not_all_shown_tell_nothing(rules: dict[str, Any]) -> None:
    assert rulesets_of(rules) is None
