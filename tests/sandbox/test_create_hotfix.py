from __future__ import annotations

import json

import pytest

from sandbox.world import BOT
from tests.sandbox.scenarios import GITOPS, GitHub
from tests.support import Result

ACTION = "action-create-hotfix"


def create(github: GitHub, base: str, name: str = "1-urgent", **inputs: str) -> Result:
    return github.run(ACTION, base_commit_sha=base, branch_name=name, **inputs)


@pytest.fixture(name="released")
def _released(github: GitHub) -> str:
    """A commit of main that is not the newest."""
    sha = github.app_commit("released")
    github.app_commit("newer")
    return sha


def test_a_branch_is_made_at_a_released_commit(github: GitHub, released: str) -> None:
    result = create(github, released)

    assert result.exit_code == 0, result.log
    assert result.outputs == {
        "branch": "hotfixes/1-urgent",
        "base-sha": released,
        "created": "true",
        "next-version": "",
        "reason": "created",
    }
    assert github.world.app.git.head("hotfixes/1-urgent") == released
    assert "git switch -c fix origin/hotfixes/1-urgent" in result.summary


def test_a_commit_can_be_named_by_its_first_digits(github: GitHub, released: str) -> None:
    assert create(github, released[:9]).outputs["base-sha"] == released


def test_a_git_tag_with_the_name_of_the_default_branch_releases_nothing(github: GitHub) -> None:
    mine = github.app_commit("mine", branch="feature")
    github.world.app.git.set_ref("refs/tags/main", mine)

    assert create(github, mine).outputs["reason"] == "not-released"


def test_a_default_branch_that_does_not_exist_is_told_as_that(github: GitHub, released: str) -> None:
    result = create(github, released, main_branch="trunk")

    assert (result.exit_code, result.outputs["reason"]) == (4, "conflict")
    assert "your-org/app has no branch 'trunk'" in result.log


def test_a_version_that_two_git_tags_name_differently_has_no_commit(github: GitHub) -> None:
    git = github.world.app.git
    git.set_ref("refs/tags/1.0.0", github.app_commit("one"))
    git.set_ref("refs/tags/v1.0.0", github.app_commit("other"))

    result = github.run(ACTION, base_tag="1.0.0", branch_name="1-urgent")

    assert (result.exit_code, result.outputs["reason"]) == (2, "invalid-input")
    assert "1.0.0 (" in result.log
    assert "set input base-commit-sha instead" in result.log


def test_the_prefix_may_be_given_or_not(github: GitHub, released: str) -> None:
    assert create(github, released, "hotfixes/x").outputs["branch"] == "hotfixes/x"


def test_a_second_run_finds_the_branch(github: GitHub, released: str) -> None:
    create(github, released)

    result = create(github, released)

    assert (result.exit_code, result.outputs["created"], result.outputs["reason"]) == (0, "false", "already-there")


def test_a_branch_at_another_commit_is_an_error_that_names_both(github: GitHub, released: str) -> None:
    create(github, released)
    other = github.world.app.git.head("main") or ""

    result = create(github, other)

    assert (result.exit_code, result.outputs["reason"]) == (4, "branch-exists")
    assert released in result.log
    assert other in result.log
    assert github.world.app.git.head("hotfixes/1-urgent") == released


def test_a_hotfix_can_be_fixed_again(github: GitHub, released: str) -> None:
    create(github, released)
    fix = github.app_commit("fix", branch="hotfixes/1-urgent", parent=released)

    assert create(github, fix, "2-more").outputs["reason"] == "created"


def test_a_commit_of_an_unmerged_branch_is_refused(github: GitHub, released: str) -> None:
    """GitHub finds it by its SHA, as it finds those of every fork."""
    unreviewed = github.app_commit("not reviewed", branch="feature", parent=released)

    result = create(github, unreviewed)

    assert (result.exit_code, result.outputs["reason"]) == (7, "not-released")
    assert github.world.app.git.refs("refs/heads/hotfixes/") == {}


def test_a_commit_of_a_nested_hotfix_branch_is_refused(github: GitHub, released: str) -> None:
    """A ruleset for `hotfixes/*` does not cover it, so anybody may have pushed it."""
    unreviewed = github.app_commit("not reviewed", branch="hotfixes/evil/x", parent=released)

    assert create(github, unreviewed).outputs["reason"] == "not-released"


def test_a_branch_that_is_named_like_a_commit_is_not_taken_for_one(github: GitHub) -> None:
    github.app_commit("x", branch="abcdef1")

    assert create(github, "abcdef1").outputs["reason"] == "unknown-commit"


def test_a_commit_on_no_branch_at_all_is_refused(github: GitHub) -> None:
    git = github.world.app.git
    stray = git.commit(parents=[], message="stray", author=github.sandbox.state.users["alice"].person)

    assert create(github, stray).outputs["reason"] == "not-released"


def test_a_commit_that_is_not_there_is_named(github: GitHub) -> None:
    result = create(github, "f" * 40)

    assert (result.exit_code, result.outputs["reason"]) == (5, "unknown-commit")
    assert f"your-org/app has no commit {'f' * 40}" in result.log


def test_main_can_have_another_name(github: GitHub) -> None:
    on_trunk = github.app_commit("x", branch="trunk")

    assert create(github, on_trunk).outputs["reason"] == "not-released"
    assert create(github, on_trunk, main_branch="trunk").outputs["reason"] == "created"


def test_the_event_says_what_the_default_branch_is(github: GitHub, released: str) -> None:
    github.runner.event("workflow_dispatch", {"repository": {"default_branch": "main"}})
    create(github, released)

    assert "GET /repos/{owner}/{repo}" not in github.operations()


@pytest.mark.parametrize(
    "name",
    [
        "a/b",
        ".x",
        "-x",
        "x.",
        "x.lock",
        "a..b",
        "a b",
        "a~b",
        "a\nb",
        "$(id)",
        "`id`",
        "x${{ y }}",
        "é",
        "a" * 101,
        "@",
    ],
)
def test_a_name_that_git_or_a_shell_would_trip_over_is_refused(github: GitHub, released: str, name: str) -> None:
    result = create(github, released, name)

    assert (result.exit_code, result.outputs["reason"], result.outputs["created"]) == (2, "invalid-input", "false")
    assert github.operations() == []


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        pytest.param({"base": "main"}, "7 to 40 digits of a commit SHA", id="a branch as base"),
        pytest.param({"base": "abc"}, "7 to 40 digits of a commit SHA", id="too few digits"),
        pytest.param({"base": "a" * 40, "hotfix_prefix": "a/b/"}, "one word and a slash", id="a deep prefix"),
        pytest.param({"base": "a" * 40, "hotfix_prefix": "hotfix-"}, "one word and a slash", id="a flat prefix"),
    ],
)
def test_inputs_that_cannot_be_used_are_refused(github: GitHub, inputs: dict[str, str], said: str) -> None:
    result = create(github, **inputs)

    assert (result.exit_code, result.outputs["reason"]) == (2, "invalid-input")
    assert said in result.log


def test_a_token_that_may_not_write_is_told_so(github: GitHub, released: str) -> None:
    token = github.sandbox.state.add_token(BOT, permissions={"contents": "read"})

    result = create(github, released, token=token)

    assert (result.exit_code, result.outputs["reason"]) == (6, "permission-denied")
    assert "'contents: write'" in result.log


def test_a_rule_that_forbids_the_branch_is_told_in_githubs_words(github: GitHub, released: str) -> None:
    github.world.app.rulesets.append(
        {
            "id": 7,
            "enforcement": "active",
            "conditions": {"ref_name": {"include": ["refs/heads/hotfixes/**/*"], "exclude": []}},
            "rules": [{"type": "creation"}],
        }
    )

    result = create(github, released)

    assert (result.exit_code, result.outputs["reason"]) == (7, "rule-not-met")
    assert "Cannot create ref due to creations being restricted." in result.log


def test_a_server_error_is_not_taken_for_a_missing_commit(github: GitHub) -> None:
    github.world.app.members.pop(BOT)

    assert create(github, "f" * 40).outputs["reason"] == "unknown-commit"
    assert create(github, "f" * 40, token="ghp_wrong").outputs["reason"] == "permission-denied"


def hotfix(github: GitHub, **inputs: str) -> Result:
    return github.run(ACTION, **{"infra_repo": "your-org/infra", **inputs})


def test_nobody_has_to_look_up_what_runs(github: GitHub) -> None:
    """At three in the morning least of all."""
    running = json.loads(github.infra_file("envs/prod.json"))["api"]["tag"]
    github.app_commit("newer")

    result = hotfix(github, from_env="prod", branch_name="x")

    assert result.exit_code == 0, result.log
    assert result.outputs["base-sha"] == running
    assert github.world.app.git.head("hotfixes/x") == running


def test_a_version_names_the_branch_and_the_release_to_come(github: GitHub) -> None:
    github.release("1.4.2", "1.5.0")

    result = hotfix(github, base_tag="1.4.2")

    assert (result.outputs["branch"], result.outputs["next-version"]) == ("hotfixes/1.4.3", "1.4.3")
    assert result.outputs["base-sha"] == github.world.app.git.refs("refs/tags/1.4.2")["refs/tags/1.4.2"]
    assert hotfix(github, base_tag="1.4.2").outputs["reason"] == "already-there"
    assert "tag the commit `1.4.3`" in result.summary
    assert "/your-org/app/compare/hotfixes/1.4.3...fix?expand=1" in result.summary


def test_what_an_environment_runs_can_be_a_version(github: GitHub) -> None:
    """Whose git tag may begin with a v, though the artifact does not."""
    github.release("v1.4.2")
    github.change_infra({"envs/prod.json": '{"api": {"tag": "1.4.2"}}'})

    result = hotfix(github, from_env="prod")

    assert (result.outputs["branch"], result.outputs["next-version"]) == ("hotfixes/v1.4.3", "v1.4.3")


def runs(github: GitHub, tag: str, names: str) -> None:
    """Have prod run *tag* of the service api, whose tags are written as *names* says."""
    github.change_infra(
        {
            "gitops.yml": GITOPS.replace("api: {", f"api: {{{names}, "),
            "envs/prod.json": json.dumps({"api": {"tag": tag}}),
        }
    )


@pytest.mark.parametrize(
    ("names", "tag", "released", "branch", "git_tag"),
    [
        ('git-tag: "api-v{version}"', "1.4.2", ["api-v1.4.2", "web-v1.4.3"], "api-v1.4.3", "api-v1.4.3"),
        ('git-tag: "api/v{version}"', "1.4.2", ["api/v1.4.2", "api/v1.4.3-rc.1"], "api-v1.4.4", "api/v1.4.4"),
        ('tag-format: "release-{version}"', "release-1.4.2", ["v1.4.2"], "v1.4.3", "v1.4.3"),
    ],
)
def test_the_git_tags_of_a_service_are_called_as_gitops_yml_says(
    github: GitHub, names: str, tag: str, released: list[str], branch: str, git_tag: str
) -> None:
    github.release(*released)
    runs(github, tag, names)

    result = hotfix(github, from_env="prod")

    assert result.outputs["branch"] == f"hotfixes/{branch}", result.log
    assert result.outputs["next-version"] == git_tag.removeprefix("api-v").removeprefix("api/v")
    assert f"tag the commit `{git_tag}`" in result.summary
    assert result.outputs["base-sha"] == github.world.app.git.refs("refs/tags/")[f"refs/tags/{released[0]}"]


@pytest.mark.parametrize("form", ["{short}", "sha-{short}", "{branch}-{short}-{timestamp}"])
def test_the_commit_of_a_tag_with_its_beginning_is_found(github: GitHub, form: str) -> None:
    sha = github.app_commit()
    runs(github, form.format(short=sha[:9], branch="main", timestamp="2026"), f'tag-format: "{form}"')

    assert hotfix(github, from_env="prod", branch_name="x").outputs["base-sha"] == sha


@pytest.mark.parametrize("git_tag", [True, False])
def test_a_date_is_a_git_tag_unless_a_commit_begins_so(github: GitHub, git_tag: bool) -> None:
    sha = github.app_commit()
    if git_tag:
        github.world.app.git.set_ref("refs/tags/20261127", sha)
    github.change_infra({"envs/prod.json": '{"api": {"tag": "20261127"}}'})

    result = hotfix(github, from_env="prod", branch_name="x")

    assert result.outputs["base-sha"] == (sha if git_tag else "")
    assert ("has no commit 20261127 or git tag 20261127" in result.log) is not git_tag


def test_a_tag_of_another_form_names_no_commit(github: GitHub) -> None:
    runs(github, "latest", 'tag-format: "sha-{short}"')

    result = hotfix(github, from_env="prod", branch_name="x")

    assert result.outputs["reason"] == "invalid-input"
    assert "no commit for latest, which has another form than tag-format" in result.log


@pytest.mark.parametrize(
    ("inputs", "reason", "said"),
    [
        pytest.param({}, "invalid-input", "give one of base-commit-sha, base-tag, from-env; given: none", id="nothing"),
        pytest.param({"base_tag": "1.0.0", "from_env": "prod"}, "invalid-input", "given: base-tag, from-env", id="two"),
        pytest.param(
            {"base_tag": "1.0.0"}, "invalid-input", "no git tag 1.0.0 or git tag v1.0.0", id="no such git tag"
        ),
        pytest.param({"base_tag": "a b"}, "invalid-tag", "is not a tag", id="no tag"),
        pytest.param({"from_env": "prod"}, "invalid-input", "set input branch-name", id="no name"),
        pytest.param({"from_env": "qa"}, "unknown-env", "known: dev, staging, prod", id="no such environment"),
        pytest.param({"from_env": "prod", "service": "web"}, "unknown-service", "it has: api", id="no such service"),
        pytest.param({"from_env": "empty"}, "no-tag", "nothing runs there to be fixed", id="nothing runs there"),
        pytest.param({"from_env": "prod", "infra_repo": "infra"}, "invalid-input", "owner/name", id="no owner"),
    ],
)
def test_a_base_that_cannot_be_found_is_named(github: GitHub, inputs: dict[str, str], reason: str, said: str) -> None:
    if inputs.get("from_env") == "empty":
        gitops = GITOPS.replace("services:", "  empty: {}\nservices:")
        github.change_infra({"gitops.yml": gitops, "envs/empty.json": '{"api": {"tag": ""}}'})

    result = hotfix(github, **inputs)

    assert result.outputs["reason"] == reason
    assert said in result.log
    assert github.world.app.git.refs("refs/heads/hotfixes/") == {}
