"""Environments as files say them: read, compared, linted, planned, and sent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from actions.errors import InvalidEnvironmentError
from actions.protection.environment import Environment, differences, parse_environment, read_environment
from actions.protection.environment_lint import lint_environments
from actions.protection.plan import Verb, find_environment_drift, plan_environment_steps
from tests.support import ROOT

MAIN = {"name": "main", "type": "branch"}
TEAM = {"type": "Team", "name": "platform"}
FILE = "protection/infra/environments/prod.json"
CUSTOM = {"protected_branches": False, "custom_branch_policies": True}


def document(**given: Any) -> dict[str, Any]:
    return {"name": "prod", "deployment_branch_policies": [MAIN]} | given


def environment(**given: Any) -> Environment:
    return parse_environment(json.dumps(document(**given), indent=2), FILE)


def answer(name: str = "prod", *, refs: object = CUSTOM, rules: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    return {"name": name, "protection_rules": list(rules), "deployment_branch_policy": refs}


def there(*policies: dict[str, Any], **given: Any) -> Environment:
    return read_environment(answer(**given), policies or [{"id": 5, **MAIN}])


def approval(*reviewers: tuple[str, int, str], own: bool = False) -> dict[str, Any]:
    """Return the rule of the API that asks *reviewers* (type, id, name)."""
    listed = [
        {"type": kind, "reviewer": {"id": number, "login" if kind == "User" else "slug": name}}
        for kind, number, name in reviewers
    ]
    return {"type": "required_reviewers", "prevent_self_review": own, "reviewers": listed}


@pytest.mark.parametrize("repository", ["app", "infra"])
def test_the_environments_of_the_examples_admit_main_alone(repository: str) -> None:
    folder = ROOT / "examples" / "infra" / "protection" / repository / "environments"
    files = {file.stem: parse_environment(file.read_text(encoding="utf-8"), file.name) for file in folder.iterdir()}

    keys = {"app": {"gitops-bot"}, "infra": {"gitops-bot", "gitops-guard", "dev", "staging", "prod"}}
    assert files.keys() == keys[repository]
    for name, found in files.items():
        assert (found.name, [str(policy) for policy in found.policies], found.given) == (
            name,
            ["branch main"],
            frozenset(),
        )
        assert list(lint_environments([found], "main")) == []


@pytest.mark.parametrize(
    ("text", "said", "line"),
    [
        pytest.param("{\n  oops", "not JSON", 2, id="no JSON"),
        pytest.param("[]", "an environment must be a JSON object", 1, id="a list"),
        pytest.param('{"name":\n"x"}', "must contain ['deployment_branch_policies'] properties", 1, id="no policies"),
        pytest.param(
            '{"name": "x",\n"deployment_branch_policies": []}', "must contain at least 1", 2, id="no policy at all"
        ),
        pytest.param(
            json.dumps(document(deployment_branch_policies=[{"name": "main"}]), indent=1),
            "deployment_branch_policies.0 must contain ['type'] properties",
            3,
            id="a branch or a git tag",
        ),
        pytest.param(
            json.dumps(document(deployment_branch_policies=[MAIN | {"type": "ref"}]), indent=1),
            "deployment_branch_policies.0.type must be one of ['branch', 'tag']",
            6,
            id="no such type",
        ),
        pytest.param(json.dumps(document(reviewer=[TEAM])), "must not contain {'reviewer'}", 1, id="a slip of the pen"),
        pytest.param(
            json.dumps(document(reviewers=[TEAM] * 7), indent=1), "must contain less than or equal to 6", 9, id="seven"
        ),
        pytest.param(
            json.dumps(document(reviewers=[TEAM | {"name": "../../users/eve"}]), indent=1),
            "reviewers.0.name must match pattern",
            12,
            id="a way out",
        ),
        pytest.param(json.dumps(document(wait_timer=43_201)), "wait_timer must be smaller than", 1, id="too long"),
        pytest.param(
            json.dumps(document(prevent_self_review=True)), "missing dependency reviewers", 1, id="nobody approves"
        ),
    ],
)
def test_what_cannot_be_an_environment_is_refused_with_its_line(text: str, said: str, line: int) -> None:
    with pytest.raises(InvalidEnvironmentError) as refused:
        parse_environment(text, FILE)

    assert said in str(refused.value)
    assert (refused.value.file, refused.value.line) == (FILE, line)


@pytest.mark.parametrize(
    ("given", "optional"),
    [
        pytest.param({}, {}, id="nothing"),
        pytest.param({"wait_timer": 0}, {"wait_timer": 0}, id="a default value that is named"),
        pytest.param(
            {"reviewers": [TEAM], "prevent_self_review": False},
            {"reviewers": [{"type": "Team", "id": 0}], "prevent_self_review": False},
            id="reviewers",
        ),
    ],
)
def test_only_what_the_file_names_is_sent(given: dict[str, Any], optional: dict[str, Any]) -> None:
    """For private repositories below Enterprise, GitHub rejects the optional keys even with their default values."""
    assert environment(**given).body() == {"deployment_branch_policy": CUSTOM, **optional}


@pytest.mark.parametrize(
    ("current", "what", "file", "github"),
    [
        pytest.param(
            there(MAIN, {"name": "release/*", "type": "branch"}),
            "deployment_branch_policies",
            ["branch main"],
            ["branch main", "branch release/*"],
            id="a pattern more",
        ),
        pytest.param(
            there(MAIN, {"name": "v*", "type": "tag"}),
            "deployment_branch_policies",
            ["branch main"],
            ["branch main", "tag v*"],
            id="git tags",
        ),
        pytest.param(
            there({"name": "main", "type": "tag"}),
            "deployment_branch_policies",
            ["branch main"],
            ["tag main"],
            id="a git tag with the name of the branch",
        ),
        pytest.param(
            there(refs=None), "deployment_branch_policies", ["branch main"], ["every branch and git tag"], id="all"
        ),
        pytest.param(
            there(refs={"protected_branches": True, "custom_branch_policies": False}),
            "deployment_branch_policies",
            ["branch main"],
            ["every protected branch"],
            id="protected branches",
        ),
        pytest.param(there(rules=(approval(("User", 7, "eve")),)), "reviewers", [], ["User eve"], id="a reviewer more"),
        pytest.param(there(rules=({"type": "wait_timer", "wait_timer": 5},)), "wait_timer", 0, 5, id="a time to wait"),
    ],
)
def test_a_difference_is_named_by_what_it_is_about(
    current: Environment, what: str, file: object, github: object
) -> None:
    (found,) = differences(environment(), current)

    assert (found.thing, found.name, found.kind) == ("environment", "prod", "different")
    assert (found.what, found.file, found.github) == (what, file, github)


def test_what_a_file_asks_for_and_github_lacks_differs() -> None:
    wanted = environment(reviewers=[TEAM], prevent_self_review=True, wait_timer=30)

    assert [(found.what, found.file, found.github) for found in differences(wanted, there())] == [
        ("reviewers", ["Team platform"], []),
        ("prevent_self_review", True, False),
        ("wait_timer", 30, 0),
    ]


def test_a_reviewer_is_known_by_id_and_not_by_name() -> None:
    """Names of teams and users can change, and logins have no case."""
    wanted = environment(reviewers=[TEAM])

    assert list(differences(wanted, there(rules=(approval(("Team", 0, "Platform")),)))) == []
    assert [found.what for found in differences(wanted, there(rules=(approval(("User", 0, "platform")),)))] == [
        "reviewers"
    ]


def test_the_order_of_policies_and_a_type_that_github_leaves_out_are_no_difference() -> None:
    wanted = environment(deployment_branch_policies=[MAIN, {"name": "next", "type": "branch"}])

    assert list(differences(wanted, there({"name": "next"}, {"name": "main", "type": None}))) == []


def drift(*current: Environment, prune: bool = False) -> list[tuple[str, str]]:
    return [(found.name, found.kind) for found in find_environment_drift([environment()], list(current), prune=prune)]


def test_an_environment_is_found_by_its_name_in_any_case() -> None:
    assert drift(there(name="Prod")) == []
    assert drift(there(name="qa")) == [("prod", "missing")]


def test_an_environment_of_no_file_is_drift_only_if_that_is_asked_for() -> None:
    assert drift(there(), there(name="qa")) == []
    assert drift(there(), there(name="qa"), prune=True) == [("qa", "extra")]


def test_steps_make_what_is_missing_and_mend_what_differs_and_delete_nothing() -> None:
    wanted = [environment(), environment(name="new"), environment(name="wide")]
    current = [there(), there(name="wide", refs=None), there(name="qa")]

    steps = plan_environment_steps(wanted, current)

    assert [(step.verb, step.subject.name, step.thing) for step in steps] == [
        (Verb.CREATE, "new", "environment"),
        (Verb.UPDATE, "wide", "environment"),
    ]
    assert str(steps[0]) == "create environment 'new'"


@pytest.mark.parametrize(
    ("name", "policy", "said", "fatal"),
    [
        pytest.param("gitops-bot", {"name": "*", "type": "branch"}, "more than one branch", True, id="all branches"),
        pytest.param("gitops-guard", {"name": "re?", "type": "branch"}, "more than one", True, id="one letter"),
        pytest.param("GitOps-Guard", {"name": "m[ab]in", "type": "branch"}, "more than one", True, id="in any case"),
        pytest.param("gitops-bot", {"name": "v1", "type": "tag"}, "admits git tags", True, id="a git tag"),
        pytest.param("gitops-bot", {"name": "next", "type": "branch"}, "another branch than", True, id="another"),
        pytest.param("prod", {"name": "release/*", "type": "branch"}, "more than one branch", False, id="prod"),
        pytest.param("prod", {"name": "next", "type": "branch"}, "another branch than", False, id="prod, another"),
    ],
)
def test_whoever_can_push_there_can_read_the_secrets(
    name: str, policy: dict[str, str], said: str, *, fatal: bool
) -> None:
    found = environment(name=name, deployment_branch_policies=[MAIN, policy])

    (problem,) = lint_environments([found], "main")

    assert said in problem.message
    assert f"the secrets of {name}; admit main alone" in problem.message
    assert (problem.fatal, problem.at) == (fatal, f'"{policy["name"]}"')


def test_a_repository_without_a_default_branch_has_no_other_branch() -> None:
    assert list(lint_environments([environment()], "")) == []
    (problem,) = lint_environments([environment(deployment_branch_policies=[{"name": "v1", "type": "tag"}])], "")

    assert "admit the default branch alone" in problem.message
