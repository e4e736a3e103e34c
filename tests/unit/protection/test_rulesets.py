"""Rulesets as files say them: read, compared, linted, and planned."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.errors import InvalidRulesetError
from actions.protection.lint import RepositoryFacts, covers, lint
from actions.protection.plan import GUARD, Verb, find_drift, plan_steps
from actions.protection.ruleset import Ruleset, differences, parse_ruleset, read_ruleset
from actions.protection.workflow_checks import publishes, reported_checks
from tests.rulesets import ARTICLE, check, rule
from tests.support import ROOT

PULL_REQUEST = {
    "required_approving_review_count": 1,
    "dismiss_stale_reviews_on_push": True,
    "require_code_owner_review": False,
    "require_last_push_approval": True,
    "required_review_thread_resolution": False,
}
WORKFLOWS = {
    ".github/workflows/publish.yml": (
        "on: {push: {branches: [main, 'hotfixes/**']}, pull_request: {}}\n"
        "jobs: {setup: {name: set up}, api: {name: api, uses: ./.github/workflows/api.yml}}\n"
    ),
    ".github/workflows/api.yml": "on: workflow_call\njobs: {api: {name: api}}\n",
    ".github/workflows/docs.yml": "on: {pull_request: {paths: [docs/**]}}\njobs: {docs: {}}\n",
    ".github/workflows/nightly.yml": "on: schedule\njobs: {nightly: {}}\n",
    ".github/workflows/matrix.yml": (
        "on: [push, 1]\n"
        "jobs:\n  unit: {strategy: {matrix: {python: [a, b]}}}\n"
        "  lint: {name: 'lint ${{ matrix.tool }}', strategy: {matrix: {tool: [x]}}}\n"
        "  far: {uses: other/repo/.github/workflows/x.yml@v1}\n  gone: {uses: ./.github/workflows/gone.yml}\n  odd: 1\n"
    ),
    ".github/workflows/broken.yml": "on: [",
    ".github/workflows/list.yml": "- 1",
    ".github/workflows/nothing.yml": "on: push\njobs: 1\n",
}
REPOSITORY = RepositoryFacts(
    default_branch="main", workflows=WORKFLOWS, methods=frozenset({"merge", "squash", "rebase"})
)


def document(**given: Any) -> dict[str, Any]:
    known = {"name": "main", "enforcement": "active", "conditions": {"ref_name": {"include": ["~DEFAULT_BRANCH"]}}}
    return known | given


def ruleset(scope: str = "repository", **given: Any) -> Ruleset:
    return parse_ruleset(json.dumps(document(**given), indent=2), "rulesets/main.json", scope=scope)


def bot(mode: str = "always") -> dict[str, Any]:
    return {"actor": "gitops-bot", "actor_type": "User", "bypass_mode": mode}


def includes(*patterns: str) -> dict[str, Any]:
    return {"ref_name": {"include": list(patterns), "exclude": []}}


def test_the_export_of_the_article_is_taken_as_it_is() -> None:
    found = parse_ruleset(json.dumps(ARTICLE), "rulesets/main.json", scope="repository")

    assert not {"id", "source", "source_type"} & found.body().keys()
    assert [finding.fatal for finding in lint([found], REPOSITORY)] == [False]


@pytest.mark.parametrize("name", ["app", "infra"])
def test_the_rulesets_of_the_examples_are_sound(name: str) -> None:
    folder = ROOT / "examples" / name
    workflows = {
        file.relative_to(folder).as_posix(): file.read_text(encoding="utf-8")
        for file in (folder / ".github" / "workflows").glob("*.yml")
    }
    together = [
        parse_ruleset(file.read_text(encoding="utf-8"), file.name, scope="repository")
        for file in sorted((ROOT / "examples" / "infra" / "protection" / name / "rulesets").glob("*.json"))
    ]
    known = RepositoryFacts(default_branch="main", workflows=workflows, methods=REPOSITORY.methods)

    assert [finding.message for finding in lint(together, known)] == []


@pytest.mark.parametrize(
    ("text", "said", "line"),
    [
        pytest.param("{\n  oops", "not JSON", 2, id="no JSON"),
        pytest.param("[]", "must be a JSON object", 1, id="a list"),
        pytest.param("[" * 100_000, "nested too deeply", 1, id="deep"),
        pytest.param('{\n"name": "x"}', "must contain ['enforcement']", 1, id="no enforcement"),
        pytest.param('{"name": "x",\n"enforcement": "on"}', "enforcement must be one of", 2, id="no such enforcement"),
        pytest.param('{"name": "x", "enforcement": "active", "rules": {}}', "rules must be a list", 1, id="no list"),
        pytest.param(
            '{"name": "x", "enforcement": "active", "rules": [1]}', "None is not a rule type", 1, id="no rule"
        ),
        pytest.param(
            '{"name": "x", "enforcement": "active",\n"rules": [\n{"type": "no_such_rule"}]}',
            "'no_such_rule' is not a rule type for a ruleset of repository scope; known: branch_name_pattern",
            3,
            id="no such rule",
        ),
        pytest.param(
            '{"name": "x", "enforcement": "active",\n"rules": [{"type": "deletion"}, {"type": "deletion"}]}',
            "rule deletion occurs more than once",
            2,
            id="twice",
        ),
        pytest.param(
            json.dumps(
                document(rules=[rule("pull_request", **(PULL_REQUEST | {"required_approving_review_count": 11}))]),
                indent=1,
            ),
            "rule pull_request, parameters.required_approving_review_count must be smaller than or equal to 10",
            15,
            id="too many reviews",
        ),
        pytest.param(
            json.dumps(document(bypass_actors=[{"actor_type": "User"}])), "needs either actor", 1, id="nobody"
        ),
        pytest.param(
            json.dumps(document(bypass_actors=[{"actor_type": "User", "actor": "x", "actor_id": 1}])),
            "needs either actor",
            1,
            id="two names",
        ),
        pytest.param(
            json.dumps(document(bypass_actors=[{"actor_type": "User", "actor": 1}])),
            "must be the name of a user",
            1,
            id="number",
        ),
        pytest.param(json.dumps(document(bypass_actors=[1])), "x.json: bypass_actors.0 must be obj", 1, id="no entry"),
        pytest.param(
            json.dumps(document(conditions={"ref_name": {"exclude": [], "include": ["a", 1]}}), indent=1),
            "x.json: conditions.ref_name.include.1 must be string",
            7,
            id="a pattern that is no text",
        ),
        pytest.param(
            json.dumps(document(rules=[{"type": "pull_request", "parameters": {}}]), indent=1),
            "x.json: rule pull_request, parameters must contain ",
            14,
            id="no parameters",
        ),
        pytest.param(
            json.dumps(document(bypass_actors=[{"actor_type": "User", "actor": ""}]), indent=1),
            "x.json: a bypass of kind User needs either actor (a name) or actor_id",
            13,
            id="an empty name",
        ),
        pytest.param(json.dumps(document(bypass_actors={})), "bypass_actors must be array", 1, id="no entries"),
    ],
)
def test_what_github_would_not_take_is_refused_with_its_line(text: str, said: str, line: int) -> None:
    with pytest.raises(InvalidRulesetError) as refused:
        parse_ruleset(text, "rulesets/x.json", scope="repository")

    assert said in str(refused.value)
    assert (refused.value.file, refused.value.line) == ("rulesets/x.json", line)


def test_a_rule_that_an_organization_does_not_have_is_refused() -> None:
    about = {"ref_name": {"include": ["~ALL"]}, "repository_name": {"include": ["~ALL"]}}

    assert ruleset("organization", conditions=about, rules=[rule("deletion")]).name == "main"
    with pytest.raises(InvalidRulesetError, match="is not a rule type for a ruleset of organization scope"):
        ruleset("organization", conditions=about, rules=[rule("merge_queue")])


def test_what_means_the_same_is_no_difference() -> None:
    ours = ruleset(
        rules=[rule("deletion"), rule("pull_request", **PULL_REQUEST), check("a")],
        bypass_actors=[{"actor_type": "OrganizationAdmin", "bypass_mode": "always"}],
    )
    answer = document(
        id=7,
        target="branch",
        conditions={"ref_name": {"include": ["~DEFAULT_BRANCH"], "exclude": []}},
        rules=[
            check("a"),
            rule(
                "pull_request",
                **PULL_REQUEST,
                allowed_merge_methods=["squash", "merge", "rebase"],
                required_reviewers=[],
            ),
            rule("deletion"),
        ],
        bypass_actors=[{"actor_type": "OrganizationAdmin", "actor_id": 1, "bypass_mode": "always"}],
    )

    assert list(differences(ours, read_ruleset(answer))) == []


@pytest.mark.parametrize(
    ("changed", "what", "file", "github"),
    [
        pytest.param({"enforcement": "disabled"}, "enforcement", "active", "disabled", id="enforcement"),
        pytest.param(
            {"conditions": includes("~ALL")},
            "conditions.ref_name",
            {"include": ["~DEFAULT_BRANCH"]},
            {"include": ["~ALL"], "exclude": []},
            id="conditions",
        ),
        pytest.param({"rules": [check("a")]}, "rules.deletion", True, None, id="a rule is missing"),
        pytest.param(
            {"rules": [rule("deletion"), check("a"), rule("creation")]}, "rules.creation", None, True, id="one more"
        ),
        pytest.param(
            {"rules": [rule("deletion"), check("b")]},
            "rules.required_status_checks.required_status_checks",
            [{"context": "a", "integration_id": 15368}],
            [{"context": "b", "integration_id": 15368}],
            id="another check",
        ),
        pytest.param(
            {"bypass_actors": [{"actor_type": "User", "actor_id": 5}]},
            "bypass_actors",
            [],
            ["User 5 (always)"],
            id="a bypass",
        ),
        pytest.param(
            {"bypass_actors": [{"actor_type": "OrganizationAdmin", "actor_id": 1, "bypass_mode": "pull_request"}]},
            "bypass_actors",
            [],
            ["OrganizationAdmin (pull_request)"],
            id="a bypass of many",
        ),
        pytest.param({"target": "tag"}, "target", "branch", "tag", id="the target"),
        pytest.param(
            {"rules": [rule("deletion"), check("a"), rule("pull_request", **PULL_REQUEST)]},
            "rules.pull_request",
            None,
            PULL_REQUEST,
            id="one with parameters more",
        ),
        pytest.param(
            {"rules": [rule("deletion")]},
            "rules.required_status_checks",
            check("a")["parameters"],
            None,
            id="one with parameters is missing",
        ),
    ],
)
def test_a_difference_is_named_by_what_it_is_about(
    changed: dict[str, Any], what: str, file: object, github: object
) -> None:
    ours = ruleset(rules=[rule("deletion"), check("a")])

    (found,) = differences(
        ours, read_ruleset(document(rules=[rule("deletion"), check("a")], bypass_actors=[]) | changed)
    )

    assert (found.kind, found.what, found.file, found.github) == ("different", what, file, github)


def test_a_bypass_list_that_cannot_be_seen_is_unknown_and_never_in_sync() -> None:
    (found,) = differences(ruleset(), read_ruleset(document()))

    assert (found.kind, found.what) == ("unknown", "bypass_actors")


def test_the_order_of_a_list_is_no_difference_and_its_items_are() -> None:
    def with_methods(*methods: str) -> list[dict[str, Any]]:
        given = {"allowed_merge_methods": list(methods)} if methods else {}
        return [rule("pull_request", **PULL_REQUEST, **given)]

    def differ(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> list[str]:
        found = differences(ruleset(rules=one), read_ruleset(document(rules=other, bypass_actors=[])))
        return [difference.what for difference in found]

    assert differ(with_methods("squash", "merge"), with_methods("merge", "squash")) == []
    assert differ(with_methods(), with_methods("merge", "squash", "rebase")) == []
    assert differ(with_methods(), with_methods("squash")) == ["rules.pull_request.allowed_merge_methods"]
    assert differ(with_methods("merge"), with_methods("squash")) == ["rules.pull_request.allowed_merge_methods"]


def test_actors_are_shown_by_the_names_that_the_file_gives_in_order() -> None:
    named = {"actor_type": "User", "actor": "zoe", "bypass_mode": "always"}
    ours = ruleset(bypass_actors=[named, {"actor_type": "Team", "actor": "core", "bypass_mode": "always"}])
    with_numbers = replace(
        ours, bypass=tuple(replace(entry, number=number) for number, entry in enumerate(ours.bypass or (), 7))
    )
    theirs = [
        {"actor_type": "User", "actor_id": 7, "bypass_mode": "pull_request"},
        {"actor_type": "Team", "actor_id": 9, "bypass_mode": "always"},
    ]

    (found,) = differences(with_numbers, read_ruleset(document(bypass_actors=theirs)))

    assert (found.file, found.github) == (
        ["Team core (always)", "User zoe (always)"],
        ["Team 9 (always)", "User zoe (pull_request)"],
    )


def test_an_error_is_at_its_line() -> None:
    found = ruleset(rules=[rule("deletion")])

    errors = [
        found.source.error("wrong", '"deletion"'),
        found.source.error("wrong"),
        found.source.error("wrong", "nowhere"),
    ]
    assert [error.line for error in errors] == [
        found.source.text[: found.source.text.index('"deletion"')].count("\n") + 1,
        1,
        1,
    ]
    assert {(str(error), error.file) for error in errors} == {("rulesets/main.json: wrong", "rulesets/main.json")}


def test_a_ruleset_is_sent_as_github_takes_it() -> None:
    found = ruleset(rules=[rule("deletion"), check("a")])

    assert found.body() == {
        "name": "main", "target": "branch", "enforcement": "active",
        "conditions": {"ref_name": {"include": ["~DEFAULT_BRANCH"]}}, "bypass_actors": [],
        "rules": [{"type": "deletion"}, check("a")],
    }  # fmt: skip
    assert read_ruleset({"name": "x", "enforcement": "active", "rules": None}).body()["bypass_actors"] == []


CREATION: dict[str, Any] = {"conditions": includes("refs/heads/hotfixes/**/*"), "rules": [rule("creation")]}
LINEAR = rule("required_linear_history")


@pytest.mark.parametrize(
    ("given", "said", "fatal"),
    [
        pytest.param(
            {"rules": [LINEAR, rule("pull_request", **PULL_REQUEST, allowed_merge_methods=["merge"])]},
            "neither squash nor rebase is allowed (allowed: merge)",
            True,
            id="linear history by merge commits",
        ),
        pytest.param(
            {
                "rules": [
                    rule("required_signatures"),
                    rule("pull_request", **PULL_REQUEST, allowed_merge_methods=["rebase"]),
                ]
            },
            "signatures are required, but only rebase is allowed",
            True,
            id="signatures by rebase",
        ),
        pytest.param(
            {"rules": [check("apy")]},
            "no workflow reports it on pull requests; did you mean",
            True,
            id="no such check",
        ),
        pytest.param(
            {"rules": [check("nightly")]}, "check 'nightly' is required, but no workflow", True, id="no event"
        ),
        pytest.param(
            {"rules": [check("%%%", None)]}, "no workflow reports it on pull requests", False, id="from anybody"
        ),
        pytest.param(
            {"rules": [check("docs")]},
            "is not reported on pull requests that .github/workflows/docs.yml skips",
            False,
            id="paths",
        ),
        pytest.param({"rules": [check("api / api", None)]}, "can be reported by anyone", False, id="no app"),
        pytest.param(
            {"conditions": includes("refs/heads/hotfixes/*"), "rules": [rule("non_fast_forward")]},
            "covers hotfixes/name but not hotfixes/name/nested, although .github/workflows/publish.yml runs for",
            True,
            id="nested",
        ),
        pytest.param({"bypass_actors": [bot("exempt")]}, "does not record", True, id="exempt"),
        pytest.param(
            {"rules": [rule("pull_request", **PULL_REQUEST)], "bypass_actors": [bot()]},
            "User gitops-bot (always) is wider than needed: it allows pushes without pull request",
            False,
            id="always",
        ),
        pytest.param(
            {"bypass_actors": [{"actor_type": "RepositoryRole", "actor_id": 5, "bypass_mode": "pull_request"}]},
            "RepositoryRole 5 (pull_request) is wider than needed: it includes all present and future members",
            False,
            id="a crowd",
        ),
        pytest.param({"conditions": {}}, "include is empty", True, id="empty"),
        pytest.param({"enforcement": "disabled"}, "prevents nothing", False, id="disabled"),
        pytest.param({"rules": [rule("creation")]}, "protects nothing on the default branch", False, id="creation"),
        pytest.param(CREATION, "nobody can create these branches", True, id="nobody creates"),
        pytest.param(
            CREATION | {"bypass_actors": [bot("pull_request")]},
            "cannot create a branch, because that is not a pull request",
            True,
            id="creation by pull request",
        ),
    ],
)
def test_what_is_wrong_with_a_ruleset_is_found(given: dict[str, Any], said: str, fatal: bool) -> None:
    found = {finding.message: finding.fatal for finding in lint([ruleset(**given)], REPOSITORY)}

    (message,) = [message for message in found if said in message]
    assert found[message] is fatal


@pytest.mark.parametrize("name", ["api / api", "set up", "unit (a)", "lint x", "lint x (x)", "far / whatever"])
def test_a_check_that_a_workflow_reports_is_known(name: str) -> None:
    assert [finding.message for finding in lint([ruleset(rules=[check(name)])], REPOSITORY)] == []


def test_a_check_of_another_app_is_not_looked_for_in_workflows() -> None:
    assert lint([ruleset(rules=[check("coverage", 254)])], REPOSITORY) == []


def test_a_bypass_that_another_ruleset_takes_back_is_found() -> None:
    review = [rule("pull_request", **PULL_REQUEST)]
    one = ruleset(name="one", rules=review, bypass_actors=[bot("pull_request")])
    other = ruleset(name="other", rules=review, conditions=includes("refs/heads/m*"))

    (found,) = lint([one, other], REPOSITORY)

    assert "but not in 'other'" in found.message
    assert lint([one, ruleset(name="else", rules=review, conditions=includes("refs/heads/x"))], REPOSITORY) == []


def test_a_check_that_is_enforced_at_creation_is_found() -> None:
    one = ruleset(name="one", **CREATION, bypass_actors=[bot()])
    other = ruleset(name="other", rules=[check("api / api")], conditions=includes("refs/heads/hotfixes/**/*"))

    (found,) = lint([one, other], REPOSITORY)

    assert "set do_not_enforce_on_create" in found.message
    assert not found.fatal


def test_two_rulesets_that_together_allow_no_way_to_merge_are_found() -> None:
    squash = ruleset(name="a", rules=[LINEAR, rule("pull_request", **PULL_REQUEST, allowed_merge_methods=["squash"])])
    rebase = ruleset(name="b", rules=[rule("pull_request", **PULL_REQUEST, allowed_merge_methods=["rebase"])])

    (found,) = lint([squash, rebase], None)

    assert "(allowed: none at all)" in found.message


def names(rulesets: list[Ruleset], wanted: list[Ruleset], *, prune: bool = True) -> list[str]:
    return [f"{step.verb} {step.subject.name}" for step in plan_steps(wanted, rulesets, prune=prune)]


def there(name: str, *kinds: str, **given: Any) -> Ruleset:
    return read_ruleset(
        document(name=name, rules=[rule(kind) for kind in kinds], bypass_actors=[], id=len(name), **given)
    )


def wanted(name: str, *kinds: str, **given: Any) -> Ruleset:
    return ruleset(name=name, rules=[rule(kind) for kind in kinds], **given)


def test_what_is_new_comes_before_what_goes() -> None:
    old = [there("old", "deletion")]

    assert names(old, [wanted("new", "deletion")]) == ["create new", "delete old"]
    assert names(old, [wanted("new", "deletion")], prune=False) == ["create new"]


def test_what_gains_comes_before_what_loses() -> None:
    old = [there("a", "deletion", "creation"), there("bb", "creation")]

    assert names(old, [wanted("a", "deletion"), wanted("bb", "creation", "update")]) == ["update bb", "update a"]


def test_two_that_lose_are_guarded_by_copies_of_them() -> None:
    old = [there("a", "deletion"), there("bb", "creation")]
    new = [wanted("a", "creation"), wanted("bb", "deletion")]

    assert names(old, new) == [
        f"create a{GUARD}",
        f"create bb{GUARD}",
        "update a",
        "update bb",
        f"delete a{GUARD}",
        f"delete bb{GUARD}",
    ]


def test_guards_that_a_run_left_behind_are_used_and_go() -> None:
    old = [there("a", "deletion"), there("bb", "creation"), there(f"a{GUARD}", "deletion")]
    new = [wanted("a", "creation"), wanted("bb", "deletion")]

    steps = names(old, new, prune=False)

    assert steps.count(f"create a{GUARD}") == 0
    assert steps.count(f"delete a{GUARD}") == 1
    assert names([there("a", "deletion"), old[2]], [wanted("a", "deletion")], prune=False) == [f"delete a{GUARD}"]


RULES = ("deletion", "creation", "non_fast_forward")
SETS = st.dictionaries(st.sampled_from("abc"), st.sets(st.sampled_from(RULES)), max_size=3)


@given(before=SETS, after=SETS, prune=st.booleans())
def test_no_rule_that_holds_before_and_after_is_ever_out_of_force(
    before: dict[str, set[str]], after: dict[str, set[str]], prune: bool
) -> None:
    state = {name: there(name, *sorted(kinds)) for name, kinds in before.items()}
    new = [wanted(name, *sorted(kinds)) for name, kinds in after.items()]

    def in_force() -> set[str]:
        return {kind for found in state.values() for kind in found.rules}

    always = in_force() & {kind for found in new for kind in found.rules}
    for step in plan_steps(new, list(state.values()), prune=prune):
        if step.verb is Verb.DELETE:
            del state[step.subject.name]
        else:
            assert isinstance(step.subject, Ruleset)
            assert (step.subject.name in state) is (step.verb is Verb.UPDATE)
            state[step.subject.name] = step.subject
        assert always <= in_force()

    assert {name: set(found.rules) for name, found in state.items() if prune or name in after} == after
    assert plan_steps(new, list(state.values()), prune=prune) == []
    assert find_drift(new, list(state.values()), prune=prune) == []


def test_the_properties_cover_both_ways_of_a_plan() -> None:
    """Two that swap their rules are the case that guards are for; the property above must be able to meet it."""
    swaps = [
        plan_steps([wanted("a", one), wanted("bb", other)], [there("a", other), there("bb", one)], prune=False)
        for one, other in product(RULES, RULES)
    ]

    assert {len(steps) for steps in swaps} == {0, 6}


@pytest.mark.parametrize(
    ("include", "exclude", "branch", "expected"),
    [
        pytest.param(["~DEFAULT_BRANCH"], [], "main", True, id="the default branch"),
        pytest.param(["~DEFAULT_BRANCH"], [], "other", False, id="another branch"),
        pytest.param(["~ALL"], [], "other", True, id="all branches"),
        pytest.param(["~DEFAULT_BRANCH", "refs/heads/hotfixes/*"], [], "hotfixes/x", True, id="the second of two"),
        pytest.param(["refs/heads/a", "refs/heads/b"], [], "a", True, id="the first of two"),
        pytest.param(["~ALL"], ["refs/heads/x", "refs/heads/y"], "x", False, id="excluded by the first of two"),
        pytest.param(["~ALL"], ["refs/heads/x"], "y", True, id="not excluded"),
        pytest.param([], [], "main", False, id="nothing"),
    ],
)
def test_a_ruleset_covers_branches(include: list[str], exclude: list[str], branch: str, *, expected: bool) -> None:
    found = ruleset(conditions={"ref_name": {"include": include, "exclude": exclude}})

    assert covers(found, branch, "main") is expected


def test_a_bot_that_may_bypass_both_of_two_rulesets_meets_no_rule_again() -> None:
    review = [rule("pull_request", **PULL_REQUEST)]
    both = [ruleset(name=name, rules=review, bypass_actors=[bot("pull_request")]) for name in ("one", "other")]

    assert lint(both, REPOSITORY) == []


def test_who_may_create_and_bypass_the_checks_needs_no_exception_at_creation() -> None:
    hotfixes = includes("refs/heads/hotfixes/**/*")
    one = ruleset(name="one", **CREATION, bypass_actors=[bot()])
    other = ruleset(name="other", rules=[check("api / api")], conditions=hotfixes, bypass_actors=[bot()])

    assert "do_not_enforce_on_create" not in str([problem.message for problem in lint([one, other], REPOSITORY)])


def test_deep_branches_that_no_workflow_publishes_need_no_cover() -> None:
    assert lint([ruleset(conditions=includes("refs/heads/feature/*"), rules=[rule("deletion")])], REPOSITORY) == []


@pytest.mark.parametrize("pattern", ["refs/heads/hotfixes/*", "refs/heads/hotfixes/**"])
def test_the_pattern_that_covers_nested_branches_is_suggested(pattern: str) -> None:
    (problem,) = lint([ruleset(conditions=includes(pattern), rules=[rule("deletion")])], REPOSITORY)

    assert problem.message.endswith("refs/heads/hotfixes/**/*")
    assert problem.at == f'"{pattern}"'


def test_deep_branches_that_another_ruleset_covers_are_covered() -> None:
    one = ruleset(name="one", conditions=includes("refs/heads/hotfixes/*"), rules=[rule("deletion")])
    other = ruleset(name="other", conditions=includes("refs/heads/hotfixes/**/*"), rules=[rule("deletion")])
    disabled = ruleset(
        name="off", conditions=includes("refs/heads/hotfixes/**/*"), rules=[rule("deletion")], enforcement="disabled"
    )

    weaker = ruleset(name="weaker", conditions=includes("refs/heads/hotfixes/**/*"), rules=[rule("non_fast_forward")])

    assert lint([one, other], REPOSITORY) == []
    for third in (disabled, weaker):
        assert any("not hotfixes/name/nested" in problem.message for problem in lint([one, third], REPOSITORY))


@pytest.mark.parametrize("enforcement", ["active", "evaluate", "disabled"])
def test_a_ruleset_covers_its_own_branches_however_it_is_enforced(enforcement: str) -> None:
    deep, flat = (
        ruleset(conditions=includes(pattern), rules=[rule("deletion")], enforcement=enforcement)
        for pattern in ("refs/heads/hotfixes/**/*", "refs/heads/hotfixes/*")
    )

    assert [problem.message for problem in lint([deep], REPOSITORY) if problem.fatal] == []
    assert any("not hotfixes/name/nested" in problem.message for problem in lint([flat], REPOSITORY))


def test_a_problem_is_shown_where_it_is() -> None:
    found = ruleset(rules=[rule("pull_request", **PULL_REQUEST)], bypass_actors=[bot()])
    (problem,) = lint([found], REPOSITORY)

    assert problem.at == '"gitops-bot"'
    assert '"gitops-bot"' in found.source.text.splitlines()[found.source.line(problem.at) - 1]
    assert found.source.line("nowhere") == 1


def test_a_changed_bypass_list_alone_is_an_update() -> None:
    old = read_ruleset(document(name="a", rules=[rule("deletion")], id=1, bypass_actors=[
        {"actor_type": "User", "actor_id": 5, "bypass_mode": "always"}
    ]))  # fmt: skip
    more = wanted("a", "deletion", bypass_actors=[{"actor_type": "User", "actor_id": 6, "bypass_mode": "always"}])

    assert names([old], [wanted("a", "deletion")]) == ["update a"]
    assert names([there("a", "deletion")], [more]) == ["update a"]
    assert names([there("a", "deletion")], [wanted("a", "deletion")]) == []


def test_who_gains_a_bypass_gains_last() -> None:
    """A longer list of who may bypass takes protection away, a shorter one adds some."""
    someone = [{"actor_type": "User", "actor_id": 6, "bypass_mode": "always"}]
    old = [there("a", "deletion"), read_ruleset(document(name="bb", rules=[rule("deletion")], id=2) | {
        "bypass_actors": someone
    })]  # fmt: skip

    assert names(old, [wanted("a", "deletion", bypass_actors=someone), wanted("bb", "deletion")]) == [
        "update bb",
        "update a",
    ]


def test_what_is_sent_has_the_number_of_an_actor_that_has_one() -> None:
    entries = [
        {"actor_type": "OrganizationAdmin", "bypass_mode": "always"},
        {"actor_type": "User", "actor_id": 7, "bypass_mode": "pull_request"},
    ]

    assert ruleset(bypass_actors=entries).body()["bypass_actors"] == entries


def test_drift_is_told_of_whole_rulesets_and_of_their_parts_in_order() -> None:
    ours = ruleset(name="b", rules=[rule("deletion")], conditions={**includes("~ALL"), "repository_id": {}})
    found = find_drift([wanted("a", "deletion"), ours], [there("b", "creation"), there("c", "deletion")], prune=True)

    assert [(difference.name, difference.kind, difference.what) for difference in found] == [
        ("a", "missing", ""),
        ("b", "different", "conditions.ref_name"),
        ("b", "different", "rules.creation"),
        ("b", "different", "rules.deletion"),
        ("c", "extra", ""),
    ]


def test_a_ruleset_for_pushes_covers_no_branches() -> None:
    assert "include is empty" not in str([each.message for each in lint([ruleset(target="push", conditions={})], None)])


def test_rebase_alone_is_allowed_where_no_signature_is_required() -> None:
    rebase = rule("pull_request", **PULL_REQUEST, allowed_merge_methods=["rebase"])

    assert lint([ruleset(rules=[rebase])], REPOSITORY) == []


def test_the_methods_of_the_repository_count_too() -> None:
    merges = RepositoryFacts(default_branch="main", workflows={}, methods=frozenset({"merge"}))

    assert [problem.at for problem in lint([ruleset(rules=[LINEAR])], merges)] == ['"required_linear_history"']
    assert lint([ruleset(rules=[LINEAR])], REPOSITORY) == []


def test_a_single_branch_has_no_nested_branches() -> None:
    assert lint([ruleset(conditions=includes("refs/heads/hotfixes"), rules=[rule("deletion")])], REPOSITORY) == []


def test_a_strategy_without_a_matrix_changes_no_name() -> None:
    text = "on: pull_request\njobs: {plain: {strategy: {fail-fast: false}}, each: {strategy: {matrix: {a: [1]}}}}\n"

    assert [check.name for check in reported_checks({"a.yml": text})] == ["plain", "each (*)"]


def test_a_workflow_that_cannot_be_read_reports_nothing() -> None:
    assert reported_checks({"a.yml": "on: [", "b.yml": "- 1"}) == []


def test_false_and_absent_are_the_same() -> None:
    ours = ruleset(rules=[rule("required_status_checks", required_status_checks=[],
                               strict_required_status_checks_policy=True)])  # fmt: skip
    more = {"strict_required_status_checks_policy": True, "do_not_enforce_on_create": False}
    answer = document(rules=[rule("required_status_checks", **more)], bypass_actors=[])

    assert list(differences(ours, read_ruleset(answer))) == []


def test_a_bypass_of_something_else_creates_no_branches() -> None:
    one = ruleset(name="one", rules=[rule("deletion")], bypass_actors=[bot("pull_request")])
    other = ruleset(name="other", rules=[check("api / api")])

    assert "do_not_enforce_on_create" not in str([problem.message for problem in lint([one, other], REPOSITORY)])


def test_a_workflow_that_calls_itself_ends() -> None:
    path = ".github/workflows/a.yml"

    assert reported_checks({path: f"on: pull_request\njobs: {{x: {{uses: ./{path}}}}}\n"}) == []


def test_steps_name_the_rulesets_that_they_change() -> None:
    old = [there("bb", "deletion"), there("ccc", "deletion")]

    steps = plan_steps([wanted("new", "deletion"), wanted("bb", "deletion", "creation")], old, prune=True)

    assert [(str(step), step.number) for step in steps] == [
        ("create ruleset 'new'", 0),
        ("update ruleset 'bb'", 2),
        ("delete ruleset 'ccc'", 3),
    ]
    assert [step.guards for step in steps] == [False] * 3


def test_guards_are_new_copies() -> None:
    old = [there("a", "deletion"), there("bb", "creation")]

    steps = plan_steps([wanted("a", "creation"), wanted("bb", "deletion")], old, prune=False)

    assert [(step.guards, step.number) for step in steps] == [
        *[(True, 0)] * 2,
        (False, 1),
        (False, 2),
        *[(True, 0)] * 2,
    ]
    guards = [step.subject for step in steps[:2] if isinstance(step.subject, Ruleset)]
    assert [guard.rules.keys() for guard in guards] == [{"deletion"}, {"creation"}]


def test_a_bypass_list_that_cannot_be_seen_is_no_reason_for_an_update() -> None:
    unseen = read_ruleset(document(name="a", rules=[rule("deletion")], id=1))
    loses = there("bb", "deletion", "creation")

    assert names([unseen], [wanted("a", "deletion")]) == []
    assert names([loses, unseen], [wanted("bb", "creation"), wanted("a", "deletion", "creation")]) == [
        "update a",
        "update bb",
    ]


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        pytest.param("pull_request", [("x", False)], id="pull requests"),
        pytest.param("[push, workflow_dispatch]", [("x", False)], id="pushes among others"),
        pytest.param("workflow_dispatch", [], id="something else"),
        pytest.param("{pull_request: {paths: [a]}}", [("x", True)], id="some paths"),
        pytest.param("{pull_request: {paths-ignore: [a]}}", [("x", True)], id="all but some paths"),
        pytest.param("{pull_request: {branches: [a]}}", [("x", False)], id="some branches"),
        pytest.param("{pull_request: {paths: [a]}, push: }", [("x", False)], id="all pushes"),
        pytest.param("{pull_request: {paths: [a]}, workflow_dispatch: }", [("x", True)], id="some paths, or by hand"),
    ],
)
def test_a_check_is_reported_on_pull_requests_of_some_paths_or_all(on: str, expected: list[tuple[str, bool]]) -> None:
    found = reported_checks({"a.yml": f"on: {on}\njobs: {{x: {{}}}}\n"})

    assert [(check.name, check.filtered) for check in found] == expected


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        pytest.param("{}", ["x"], id="no name"),
        pytest.param("{name: ''}", ["x"], id="an empty name"),
        pytest.param("{name: [a]}", ["x"], id="a name that is no text"),
        pytest.param("{name: 'a ${{ b }} c ${{ d }}'}", ["a * c *"], id="expressions"),
        pytest.param("{strategy: a}", ["x"], id="a strategy that is none"),
        pytest.param("{strategy: {matrix: {a: [1]}}}", ["x (*)"], id="a matrix"),
        pytest.param("{name: '${{ a }}', strategy: {matrix: {a: [1]}}}", ["* (*)", "*"], id="a matrix in the name"),
        pytest.param("{uses: ./.github/workflows/called.yml}", ["x / y"], id="a workflow of this repository"),
        pytest.param("{uses: ./.github/workflows/called.yml@v1}", ["x / *"], id="one at a version"),
        pytest.param("{uses: ./.github/workflows/gone.yml}", [], id="one that is not there"),
        pytest.param("text", [], id="no job"),
    ],
)
def test_a_check_has_the_name_of_its_job(job: str, expected: list[str]) -> None:
    called = {".github/workflows/called.yml": "on: workflow_call\njobs: {y: {}}\n"}

    found = reported_checks({"a.yml": f"on: pull_request\njobs: {{x: {job}}}\n", **called})

    assert [check.name for check in found] == expected


@pytest.mark.parametrize(("levels", "expected"), [(10, 1), (11, 0)])
def test_workflows_call_each_other_ten_levels_deep(levels: int, expected: int) -> None:
    folder = ".github/workflows"
    texts = {
        f"{folder}/{level}.yml": f"on: workflow_call\njobs: {{j: {{uses: ./{folder}/{level + 1}.yml}}}}\n"
        for level in range(levels)
    }
    texts[f"{folder}/0.yml"] = texts[f"{folder}/0.yml"].replace("workflow_call", "push")
    texts[f"{folder}/{levels}.yml"] = "on: workflow_call\njobs: {last: {}}\n"

    assert len(reported_checks(texts)) == expected


@pytest.mark.parametrize(("name", "known"), [("a 1 c", True), ("a 1 c d", False), ("x a 1 c", False), ("a.1.c", False)])
def test_a_name_with_an_unknown_part_is_matched_as_a_whole(name: str, *, known: bool) -> None:
    (found,) = reported_checks({"a.yml": "on: push\njobs: {x: {name: 'a ${{ b }} c'}}\n"})

    assert found.is_named(name) is known


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        pytest.param("{push: {branches: ['hotfixes/**']}}", "a.yml", id="the branch"),
        pytest.param("{push: {branches: [main]}}", "", id="another branch"),
        pytest.param("{push: {branches: main}}", "", id="no list"),
        pytest.param("{push: {tags: ['*']}}", "", id="no filter for branches"),
        pytest.param("push", "", id="no filter"),
        pytest.param("[push, {branches: ['**']}]", "", id="a list that holds something else"),
        pytest.param("{push: {branches: ['**', {x: y}]}}", "a.yml", id="a filter that holds something else"),
        pytest.param("{pull_request: {branches: ['**']}}", "", id="no push"),
    ],
)
def test_a_workflow_publishes_the_branches_that_it_names(on: str, expected: str) -> None:
    assert publishes({"b.yml": "on: push\n", "a.yml": f"on: {on}\n"}, "hotfixes/x/y") == expected


def problems(*given: dict[str, Any], facts: RepositoryFacts | None = REPOSITORY) -> list[str]:
    """Return where the problems are, in order."""
    return [problem.at for problem in lint([ruleset(**each) for each in given], facts)]


REVIEW = rule("pull_request", **PULL_REQUEST)
REBASE = rule("pull_request", **PULL_REQUEST, allowed_merge_methods=["rebase"])
HOTFIXES = includes("refs/heads/hotfixes/**/*")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param([{"bypass_actors": [bot()]}], [], id="always, of nothing that matters"),
        pytest.param([{"rules": [REVIEW], "bypass_actors": [bot("pull_request")]}], [], id="by pull request"),
        pytest.param([{"rules": [check("set up")], "bypass_actors": [bot()]}], ['"gitops-bot"'], id="of checks"),
        pytest.param(
            [CREATION | {"rules": [rule("creation"), rule("deletion")], "bypass_actors": [bot("pull_request"), bot()]}],
            [],
            id="creation among other rules",
        ),
        pytest.param(
            [{"bypass_actors": [{"actor_type": "OrganizationAdmin", "bypass_mode": "always"}]}],
            ['"OrganizationAdmin"'],
            id="a crowd without a name",
        ),
        pytest.param([{"rules": [rule("creation")], "bypass_actors": [bot()]}], ['"creation"'], id="on the default"),
        pytest.param([CREATION | {"bypass_actors": [bot()]}], [], id="somebody creates"),
        pytest.param([{"rules": [rule("required_signatures")]}], [], id="signatures by every method"),
        pytest.param([{"rules": [rule("required_signatures"), REBASE]}], ['"required_signatures"'], id="rebase alone"),
        pytest.param([{"rules": [LINEAR, REBASE]}], [], id="linear history by rebase"),
        pytest.param(
            [{"name": "a", "rules": [rule("required_signatures")]},
             {"name": "b", "rules": [REBASE], "enforcement": "disabled"}],
            ['"enforcement"'],
            id="rebase alone, not in force",
        ),
        pytest.param(
            [{"name": "a", "rules": [rule("required_signatures")]},
             {"name": "b", "rules": [REBASE], "conditions": includes("refs/heads/x")}],
            [],
            id="rebase alone, elsewhere",
        ),
        pytest.param(
            [{"name": "a", "rules": [rule("required_signatures"), REBASE], "enforcement": "evaluate"}],
            ['"enforcement"', '"required_signatures"'],
            id="rebase alone, evaluated",
        ),
        pytest.param(
            [{"name": "a", "rules": [REVIEW], "bypass_actors": [bot("pull_request")]},
             {"name": "b", "rules": [REVIEW], "enforcement": "disabled"}],
            ['"enforcement"'],
            id="a bypass that is taken back by nothing in force",
        ),
        pytest.param(
            [CREATION | {"name": "a", "bypass_actors": [bot()]},
             {"name": "b", "conditions": HOTFIXES, "rules": [
                 rule("required_status_checks", required_status_checks=[{"context": "set up", "integration_id": 15368}],
                      strict_required_status_checks_policy=True, do_not_enforce_on_create=True)]}],
            [],
            id="checks that are not enforced at creation",
        ),
        pytest.param(
            [CREATION | {"name": "a", "bypass_actors": [bot()]}, {"name": "b", "rules": [check("set up")]}],
            [],
            id="checks elsewhere",
        ),
        pytest.param(
            [CREATION | {"name": "a", "bypass_actors": [bot()]},
             {"name": "b", "conditions": HOTFIXES, "rules": [rule("deletion")]}],
            [],
            id="no checks",
        ),
        pytest.param([{"rules": [check("docs", None)]}], ['"docs"', '"docs"'], id="two problems of a check"),
        pytest.param([{"target": "tag", "rules": [rule("creation")]}], [], id="tags"),
        pytest.param([{"target": "tag", "conditions": {}}], ['"include"'], id="no tags"),
    ],
)  # fmt: skip
def test_problems_are_found_where_they_are(given: list[dict[str, Any]], expected: list[str]) -> None:
    assert problems(*given) == expected


def test_without_a_repository_only_what_holds_for_all_is_found() -> None:
    given = {"rules": [check("nowhere")], "conditions": includes("refs/heads/hotfixes/*")}

    assert problems(given, facts=None) == []
    assert problems(given) == ['"nowhere"', '"refs/heads/hotfixes/*"']


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        pytest.param("setup", "; did you mean 'set up'?", id="nearly a name"),
        pytest.param("%%%", "", id="nothing like it"),
    ],
)
def test_the_nearest_check_is_suggested(name: str, hint: str) -> None:
    (found,) = lint([ruleset(rules=[check(name)])], REPOSITORY)

    assert found.message == f"check '{name}' is required, but no workflow reports it on pull requests{hint}"
