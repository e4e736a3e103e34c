"""action-sync-protection against both repositories and their environments, with the guard's token, from infra."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from sandbox.environments import Environment, Policy
from sandbox.faults import Fault
from sandbox.state import Team
from sandbox.world import EXAMPLES, GUARD, with_environments
from tests.sandbox.scenarios import GitHub, lay

if TYPE_CHECKING:
    from tests.support import Result

ACTION = "action-sync-protection"
APP, INFRA = "your-org/app", "your-org/infra"
MAIN = {"name": "main", "type": "branch"}
# What `protect.yml` of the example asks for.
PERMISSIONS = {
    "actions": "read", "administration": "write", "contents": "read", "members": "read", "pull_requests": "read"
}  # fmt: skip
PUT = "PUT /repos/{owner}/{repo}/environments/{environment_name}"
POLICIES = "/repos/{owner}/{repo}/environments/{environment_name}/deployment-branch-policies"
ADDITION, REMOVAL = f"POST {POLICIES}", f"DELETE {POLICIES}/{{branch_policy_id}}"


@pytest.fixture(name="guarded")
def _guarded(organization: GitHub) -> GitHub:
    """The organization with its environments; the runs are of infra, whose files are checked out."""
    with_environments(organization.world)
    folder = EXAMPLES / "infra"
    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.glob("protection/**/*.json"))}
    organization.runner.write({name: path.read_text(encoding="utf-8") for name, path in files.items()})
    head = organization.world.infra.git.head("main") or ""
    organization.runner.environment |= {"GITHUB_REPOSITORY": INFRA, "GITHUB_SHA": head}
    return organization


def sync(github: GitHub, mode: str, **inputs: str) -> Result:
    token = github.sandbox.state.add_token(GUARD, permissions=PERMISSIONS)
    return github.run(ACTION, **{"token": token, "mode": mode, **inputs})


def lay_environment(github: GitHub, name: str, **given: Any) -> None:
    """Have the file of an environment of infra say what is *given*, merged with an approval."""
    content = {"name": name, "deployment_branch_policies": [MAIN], **given}
    lay(github, {f"protection/infra/environments/{name}.json": json.dumps(content, indent=2)})


def prod(github: GitHub) -> Environment:
    return github.world.infra.environments["prod"]


def policies(environment: Environment) -> list[tuple[str, str]]:
    return sorted((policy.type, policy.name) for policy in environment.policies or [])


def test_the_examples_in_force_are_in_sync(guarded: GitHub) -> None:
    result = sync(guarded, "check")

    assert (result.exit_code, result.outputs["reason"]) == (0, "in-sync"), result.log
    assert (result.outputs["in-sync"], result.json("drift")) == ("true", [])
    assert "your-org/app matches the files | your-org/infra matches the files" in result.log
    assert "### ✅ Protection of your-org/app, your-org/infra: check" in result.summary


def test_one_run_mends_both_repositories(guarded: GitHub) -> None:
    app, infra = guarded.world.app, guarded.world.infra
    app.ruleset("main")["enforcement"] = "disabled"
    app.environments.clear()
    infra.ruleset("evidence")["rules"].pop()
    prod(guarded).policies = None

    drifted, applied, again = sync(guarded, "check"), sync(guarded, "apply"), sync(guarded, "check")

    assert (drifted.exit_code, drifted.outputs["reason"]) == (7, "drift")
    assert [
        (each["repository"], each.get("ruleset"), each.get("environment"), each["kind"], each["what"])
        for each in drifted.json("drift")
    ] == [
        (APP, "main", None, "different", "enforcement"),
        (APP, None, "gitops-bot", "missing", ""),
        (INFRA, "evidence", None, "different", "rules.required_signatures"),
        (INFRA, None, "prod", "different", "deployment_branch_policies"),
    ]
    assert (
        "::error file=protection/infra/environments/prod.json,line=1::your-org/infra: environment 'prod'" in drifted.log
    )
    assert '-   deployment_branch_policies: ["every branch and git tag"]\n' in drifted.summary
    assert "+   the whole environment: missing on GitHub" in drifted.summary
    assert (applied.exit_code, applied.outputs["in-sync"]) == (0, "true"), applied.log
    assert applied.json("changed") == [
        {"repository": APP, "ruleset": "main", "action": "updated"},
        {"repository": APP, "environment": "gitops-bot", "action": "created"},
        {"repository": INFRA, "ruleset": "evidence", "action": "updated"},
        {"repository": INFRA, "environment": "prod", "action": "updated"},
    ]
    assert "[2/4] your-org/app: create environment 'gitops-bot'" in applied.log
    assert "your-org/app: update ruleset 'main', create environment 'gitops-bot' | your-org/infra" in applied.log
    assert policies(app.environments["gitops-bot"]) == policies(prod(guarded)) == [("branch", "main")]
    assert again.outputs["reason"] == "in-sync", again.log


@pytest.mark.parametrize(
    "surplus",
    [
        pytest.param(Policy(901, "*"), id="every branch"),
        pytest.param(Policy(901, "main", "tag"), id="a git tag with the name of the branch"),
        pytest.param(Policy(901, "refs/pull/*/merge"), id="every pull request"),
    ],
)
def test_a_policy_that_the_file_does_not_have_is_taken_away(guarded: GitHub, surplus: Policy) -> None:
    (prod(guarded).policies or []).append(surplus)

    drifted, applied = sync(guarded, "check"), sync(guarded, "apply")

    (found,) = drifted.json("drift")
    assert (found["environment"], found["github"]) == (
        "prod",
        sorted(["branch main", f"{surplus.type} {surplus.name}"]),
    )
    assert applied.outputs["reason"] == "applied", applied.log
    assert policies(prod(guarded)) == [("branch", "main")]


def test_meanwhile_no_branch_is_admitted_that_the_file_does_not_name(guarded: GitHub) -> None:
    prod(guarded).policies = [Policy(901, "*"), Policy(902, "v*", "tag")]
    admitted: list[bool] = []

    def look() -> None:
        admitted.append(any(map(prod(guarded).admits, ("refs/heads/mine", "refs/tags/v1"))))

    guarded.sandbox.faults.plan({ADDITION: Fault(silent=True, meanwhile=look)})

    assert sync(guarded, "apply").exit_code == 0
    assert admitted == [False]
    assert policies(prod(guarded)) == [("branch", "main")]


def test_protected_branches_alone_are_another_policy(guarded: GitHub) -> None:
    """Where no branch is protected, they are all branches."""
    prod(guarded).policies, prod(guarded).protected_branches = None, True

    drifted, applied = sync(guarded, "check"), sync(guarded, "apply")

    assert [each["github"] for each in drifted.json("drift")] == [["every protected branch"]]
    assert applied.exit_code == 0, applied.log
    assert (policies(prod(guarded)), prod(guarded).protected_branches) == ([("branch", "main")], False)


def test_reviewers_and_a_time_to_wait_are_made_and_taken_away_again(guarded: GitHub) -> None:
    alice = guarded.sandbox.state.users["alice"]
    guarded.world.infra.owner.teams.append(Team(77, "platform", {"bob"}))
    reviewers = [{"type": "Team", "name": "platform"}, {"type": "User", "name": "alice"}]
    prod(guarded).secrets["KEY"] = "secret"

    lay_environment(guarded, "prod", reviewers=reviewers, prevent_self_review=True, wait_timer=30)
    drifted, made = sync(guarded, "check"), sync(guarded, "apply")
    has = (prod(guarded).reviewers, prod(guarded).prevent_self_review, prod(guarded).wait)
    same = sync(guarded, "check")
    lay_environment(guarded, "prod")
    other, removed = sync(guarded, "check"), sync(guarded, "apply")

    assert [each["what"] for each in drifted.json("drift")] == ["reviewers", "prevent_self_review", "wait_timer"]
    assert drifted.json("drift")[0]["file"] == ["Team platform", "User alice"]
    assert (made.exit_code, same.outputs["reason"]) == (0, "in-sync"), made.log
    assert has == ([("Team", 77), ("User", alice.id)], True, 30)
    assert [each["github"] for each in other.json("drift")] == [["Team platform", "User alice"], True, 30]
    assert removed.outputs["reason"] == "applied", removed.log
    assert (prod(guarded).reviewers, prod(guarded).prevent_self_review, prod(guarded).wait) == ([], False, 0)
    assert prod(guarded).secrets == {"KEY": "secret"}


def test_a_reviewer_that_there_is_not_is_refused_with_its_line(guarded: GitHub) -> None:
    lay_environment(guarded, "prod", reviewers=[{"type": "User", "name": "nobody"}])

    result = sync(guarded, "check")

    assert (result.exit_code, result.outputs["reason"]) == (3, "invalid-environment")
    assert "file=protection/infra/environments/prod.json,line=12::" in result.log
    assert "User 'nobody' not found" in result.log


def test_an_environment_of_no_file_is_told_and_never_deleted(guarded: GitHub) -> None:
    """Its secrets would be lost. What else there is to do is done."""
    infra = guarded.world.infra
    infra.environments["qa"] = Environment(900, "qa", secrets={"KEY": "secret"})
    infra.ruleset("main")["enforcement"] = "disabled"

    kept, found, applied = (
        sync(guarded, "plan"),
        sync(guarded, "check", prune="true"),
        sync(guarded, "apply", prune="true"),
    )

    assert "qa" not in kept.outputs["drift"]
    assert ("qa", "extra") in [(each.get("environment"), each["kind"]) for each in found.json("drift")]
    assert "-   the whole environment: not in the files" in found.summary
    assert (applied.exit_code, applied.outputs["reason"], applied.outputs["in-sync"]) == (7, "drift", "false")
    assert "environment 'qa': not in the files; add a file, or delete it on GitHub" in applied.log
    assert applied.json("changed") == [{"repository": INFRA, "ruleset": "main", "action": "updated"}]
    assert infra.environments["qa"].secrets == {"KEY": "secret"}


def test_a_key_for_more_than_the_default_branch_is_refused(guarded: GitHub) -> None:
    lay_environment(guarded, "gitops-guard", deployment_branch_policies=[MAIN, {"name": "re*", "type": "branch"}])

    result = sync(guarded, "apply")

    assert (result.exit_code, result.outputs["reason"]) == (3, "invalid-environment")
    assert "file=protection/infra/environments/gitops-guard.json,line=9::" in result.log
    assert policies(guarded.world.infra.environments["gitops-guard"]) == [("branch", "main")]


def test_prod_for_more_than_the_default_branch_is_a_warning(guarded: GitHub) -> None:
    lay_environment(guarded, "prod", deployment_branch_policies=[{"name": "v*", "type": "tag"}])

    result = sync(guarded, "apply")

    assert result.outputs["reason"] == "applied", result.log
    assert "::warning::protection/infra/environments/prod.json: policy 'v*' admits git tags" in result.log
    assert policies(prod(guarded)) == [("tag", "v*")]


def test_a_plan_with_the_token_of_a_run_says_what_it_cannot_read(guarded: GitHub) -> None:
    """GITHUB_TOKEN reads its own repository alone, and there no bypass actors."""
    infra = guarded.world.infra
    infra.members["github-actions[bot]"] = "write"
    permissions = {"contents": "read", "actions": "read"}
    token = guarded.sandbox.state.add_token("github-actions[bot]", permissions=permissions, of_run=True)
    prod(guarded).policies = None

    planned, checked = sync(guarded, "plan", token=token), sync(guarded, "check", token=token)

    assert (planned.exit_code, planned.outputs["reason"], planned.outputs["in-sync"]) == (0, "planned", "false")
    found = {(each["repository"], each["kind"], each["what"]) for each in planned.json("drift")}
    assert found == {
        (APP, "unknown", "all"),
        (INFRA, "unknown", "bypass_actors"),
        (INFRA, "different", "deployment_branch_policies"),
    }
    assert "::warning::your-org/app is unknown: " in planned.log
    assert "#### your-org/app\n\nUnknown: " in planned.summary
    assert "| 1 | update | environment | prod | not done |" in planned.summary
    assert (checked.exit_code, checked.outputs["reason"]) == (6, "permission-denied")


def test_a_plan_that_cannot_read_says_so_where_nothing_else_differs(guarded: GitHub) -> None:
    token = guarded.world.tokens["alice"]

    result = sync(guarded, "plan", token=token, repository=INFRA)

    assert (result.exit_code, result.outputs["reason"]) == (0, "planned")
    assert "your-org/infra: not everything can be read with this token" in result.log


def test_one_of_the_repositories_can_be_chosen(guarded: GitHub) -> None:
    guarded.world.app.environments.clear()
    guarded.world.infra.environments.clear()

    result = sync(guarded, "apply", repository="Your-Org/App")

    assert result.json("changed") == [{"repository": APP, "environment": "gitops-bot", "action": "created"}], result.log
    assert guarded.world.infra.environments == {}


def test_the_folder_of_the_organization_is_no_repository(guarded: GitHub) -> None:
    guarded.runner.write({"protection/organization/rulesets/x.json": "{}", "protection/README.md": "Our rules\n"})

    assert sync(guarded, "check").outputs["reason"] == "in-sync"


def test_environments_alone_are_looked_at_if_there_are_no_rulesets(guarded: GitHub) -> None:
    rulesets = sorted((guarded.runner.workspace / "protection/app/rulesets").iterdir())
    lay(guarded, {path.relative_to(guarded.runner.workspace).as_posix(): None for path in rulesets})
    guarded.world.app.rulesets.clear()

    result = sync(guarded, "check", repository=APP, prune="true")

    assert result.outputs["reason"] == "in-sync", result.log


@pytest.mark.parametrize(
    ("files", "ends", "said"),
    [
        pytest.param(
            {"protection/web/environment/prod.json": "{}"},
            (2, "invalid-input"),
            "protection/web has no rulesets/*.json and no environments/*.json",
            id="a folder that is misspelt",
        ),
        pytest.param(
            {"protection/a b/rulesets/main.json": "{}"},
            (2, "invalid-input"),
            "folder protection/'a b' does not have the name of a repository",
            id="no repository",
        ),
        pytest.param(
            {
                "protection/infra/environments/x.json": json.dumps(
                    {"name": "PROD", "deployment_branch_policies": [MAIN]}
                )
            },
            (3, "invalid-environment"),
            "taken twice: protection/infra/environments/prod.json, protection/infra/environments/x.json",
            id="one name in two cases",
        ),
        pytest.param(
            {"protection/infra/environments/x.json": "{"},
            (3, "invalid-environment"),
            "protection/infra/environments/x.json:1: not JSON",
            id="no JSON",
        ),
    ],
)
def test_files_that_cannot_be_used(guarded: GitHub, files: dict[str, str], ends: tuple[int, str], said: str) -> None:
    guarded.runner.write(files)

    result = sync(guarded, "check")

    assert (result.exit_code, result.outputs["reason"]) == ends, result.log
    assert said in result.log


def test_a_link_to_an_environment_is_not_followed(guarded: GitHub) -> None:
    (guarded.runner.workspace / "protection/infra/environments/out.json").symlink_to("/etc/hostname")

    result = sync(guarded, "check")

    assert (result.exit_code, result.outputs["reason"]) == (3, "invalid-environment")
    assert "symbolic link" in result.log


def test_a_failure_half_way_stops_before_the_next_repository(guarded: GitHub) -> None:
    guarded.world.app.environments.clear()
    prod(guarded).policies = None
    guarded.sandbox.faults.plan({PUT: Fault(status=422, body={"message": "Not on this plan"})})

    failed = sync(guarded, "apply")

    assert (failed.exit_code, failed.outputs["reason"], failed.json("changed")) == (5, "github-error", [])
    assert "Not on this plan" in failed.log
    assert "Not on this plan" in failed.summary
    assert "stopped after" not in failed.log
    assert prod(guarded).policies is None


def test_what_github_makes_something_else_of_is_an_error(guarded: GitHub) -> None:
    """It says that the policy is there already, and it is not."""
    prod(guarded).policies = []
    guarded.sandbox.faults.plan({ADDITION: Fault(status=303)})

    result = sync(guarded, "apply")

    assert (result.exit_code, result.outputs["reason"]) == (7, "drift"), result.log
    assert "GitHub made something else of 'prod': deployment_branch_policies is []" in result.log


def test_a_policy_that_is_gone_when_it_is_to_be_deleted_is_no_error(guarded: GitHub) -> None:
    (prod(guarded).policies or []).append(Policy(901, "*"))
    guarded.sandbox.faults.plan({REMOVAL: Fault(silent=True, meanwhile=(prod(guarded).policies or []).pop)})

    result = sync(guarded, "apply")

    assert result.outputs["reason"] == "applied", result.log
