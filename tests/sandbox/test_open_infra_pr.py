from __future__ import annotations

import json
import re

import pytest

from sandbox.world import BOT
from tests.sandbox.scenarios import GitHub, merge_at_once, open_pr

ACTION = "action-open-infra-pr"
LOOKS = 3


def test_a_pull_request_is_opened_with_one_signed_commit(github: GitHub) -> None:
    before, tag = json.loads(github.infra_file())["api"]["tag"], github.app_commit("Greet @everybody <!--")

    result = open_pr(github, tag=tag)

    assert result.exit_code == 0, result.log
    branch = f"gitops/dev/api-{tag[:12]}"
    assert {
        name: result.outputs[name] for name in ("reason", "changed", "branch", "pr-number", "merged", "verified")
    } == {
        "reason": "opened",
        "changed": "true",
        "branch": branch,
        "pr-number": "1",
        "merged": "false",
        "verified": "true",
    }
    assert result.json("changes") == [
        {"env": "dev", "service": "api", "file": "envs/dev.json", "from": before, "to": tag, "digest": ""}
    ]
    assert github.infra_file(branch=branch) == github.infra_file().replace(before, tag)
    git, pull = github.world.infra.git, github.world.infra.pulls[1]
    assert git.between(git.head("main") or "", git.head(branch) or "") == [result.outputs["commit-sha"]]
    assert (pull.title, pull.base, pull.head) == (f"Update dev: api to {tag[:12]}", "main", branch)
    assert f"/your-org/app/compare/{before}...{tag}" in pull.body
    assert "Greet &#64;everybody &#60;&#33;--" in pull.body
    assert "/your-org/app/actions/runs/42) for alice" in pull.body
    assert f"api {before} -> {tag}" in git.get(result.outputs["commit-sha"]).message


def test_it_is_merged_when_the_checks_that_the_base_requires_have_succeeded(github: GitHub) -> None:
    """One who may bypass the rules would not have to wait for them; the bot does."""
    tag = github.app_commit()

    def pass_time() -> None:
        github.world.infra.checks.clear()
        state = "success" if len(github.slept) == 3 else None
        github.report("test", state, github.world.infra.pulls[1].head_sha)

    github.on_sleep = pass_time

    result = open_pr(github, tag=tag, merge="direct")

    assert result.exit_code == 0, result.log
    assert github.slept == [1.0, 1.5, 2.25]
    assert "waiting: test was never reported on " in result.log
    assert (result.outputs["reason"], result.outputs["merge-route"]) == ("merged", "direct")
    infra = github.world.infra
    assert result.outputs["merge-sha"] == infra.git.head("main") == infra.pulls[1].merge_sha
    assert (result.outputs["verified"], result.outputs["bypassed"]) == ("true", "true")
    assert json.loads(github.infra_file())["api"]["tag"] == tag
    assert list(infra.git.refs("refs/heads/")) == ["refs/heads/main"]
    assert (
        f"[#1]({result.outputs['pr-url']}) merged · commit `{result.outputs['merge-sha']}` · Verified" in result.summary
    )
    assert "route direct · rules bypassed" in result.summary


def test_a_direct_merge_takes_few_requests(github: GitHub) -> None:
    tag = github.app_commit()

    merge_at_once(github, tag)

    assert len(github.operations()) == 6


def test_a_check_costs_one_request_for_each_look_after_a_pause(github: GitHub) -> None:
    """A pull request that was opened a moment ago has no result yet, and nobody asks for one."""
    tag = github.app_commit()

    def report() -> None:
        if len(github.slept) == LOOKS:
            github.report("test", "success", github.world.infra.pulls[1].head_sha)

    github.on_sleep = report

    result = open_pr(github, tag=tag, merge="direct")

    assert (result.outputs["reason"], len(github.slept)) == ("merged", LOOKS), result.log
    assert len(github.operations()) == 6 + LOOKS


def test_a_second_run_finds_the_change_made(github: GitHub) -> None:
    tag = github.app_commit()
    merge_at_once(github, tag)
    head = github.world.infra.git.head("main")
    github.operations()

    result = open_pr(github, tag=tag, merge="direct")

    assert (result.exit_code, result.outputs["reason"], result.outputs["changed"]) == (0, "up-to-date", "false")
    assert (result.outputs["tag"], result.outputs["previous-tag"]) == (tag, tag)
    assert github.operations() == ["query", "query"]
    assert github.world.infra.git.head("main") == head


def test_a_second_run_finds_the_open_pull_request(github: GitHub) -> None:
    tag = github.app_commit()
    first = open_pr(github, tag=tag)

    second = open_pr(github, tag=tag)

    assert (second.exit_code, second.outputs["reason"]) == (0, "already-open")
    assert second.outputs["pr-number"] == first.outputs["pr-number"]
    assert second.outputs["commit-sha"] == first.outputs["commit-sha"]
    assert len(github.world.infra.opened) == 1


def test_a_second_run_merges_what_the_first_one_opened(github: GitHub) -> None:
    tag = github.app_commit()
    open_pr(github, tag=tag)

    result = merge_at_once(github, tag)

    assert (result.exit_code, result.outputs["reason"], result.outputs["pr-number"]) == (0, "merged", "1")


def test_a_branch_without_its_commit_is_finished(github: GitHub) -> None:
    """A run that was killed after it made the branch."""
    tag = github.app_commit()
    head = github.world.infra.git.head("main") or ""
    github.world.infra.git.set_ref(f"refs/heads/gitops/dev/api-{tag[:12]}", head)

    result = open_pr(github, tag=tag)

    assert (result.exit_code, result.outputs["reason"]) == (0, "opened")


def test_a_commit_without_its_pull_request_is_finished(github: GitHub) -> None:
    """A run that was killed after it committed."""
    tag = github.app_commit()
    first = open_pr(github, tag=tag)
    github.world.infra.pulls.clear()

    result = open_pr(github, tag=tag)

    assert (result.exit_code, result.outputs["reason"]) == (0, "opened")
    assert result.outputs["commit-sha"] == first.outputs["commit-sha"]


def test_a_branch_that_holds_something_else_is_left_alone(github: GitHub) -> None:
    tag = github.app_commit()
    branch = f"gitops/dev/api-{tag[:12]}"
    git = github.world.infra.git
    git.set_ref(f"refs/heads/{branch}", git.head("main") or "")
    theirs = github.change_infra({"envs/dev.json": "{}"}, branch=branch)

    result = open_pr(github, tag=tag)

    assert (result.exit_code, result.outputs["reason"]) == (4, "conflict")
    assert git.head(branch) == theirs
    assert github.world.infra.opened == {}


def test_a_pull_request_that_a_person_closed_stays_closed(github: GitHub) -> None:
    tag = github.app_commit()
    open_pr(github, tag=tag)
    github.person("bob").api("PATCH", "/repos/your-org/infra/pulls/1", {"state": "closed"})

    result = open_pr(github, tag=tag)

    assert (result.exit_code, result.outputs["reason"]) == (4, "closed-by-user")
    assert "closed by bob" in result.log
    assert len(github.world.infra.opened) == 1


def test_an_environment_that_needs_a_review_is_not_merged_by_the_bot(github: GitHub) -> None:
    """Its right to bypass the rules holds for the whole branch, so the action narrows it."""
    result = open_pr(github, env="prod", tag=github.app_commit(), merge="direct")

    assert (result.exit_code, result.outputs["reason"]) == (7, "review-required")
    assert list(github.world.infra.git.refs("refs/heads/")) == ["refs/heads/main"]
    assert open_pr(github, env="prod", tag=github.app_commit()).outputs["reason"] == "opened"


def test_a_check_that_fails_stops_the_merge_and_is_named(github: GitHub) -> None:
    tag = github.app_commit()
    first = open_pr(github, tag=tag)
    github.report("test", "failure", first.outputs["commit-sha"])

    result = open_pr(github, tag=tag, merge="direct")

    assert (result.exit_code, result.outputs["reason"]) == (7, "checks-failed")
    assert "test (failure) did not succeed" in result.log
    assert github.world.infra.pulls[1].state == "open"


def test_a_check_that_never_ends_ends_the_run(github: GitHub) -> None:
    result = open_pr(github, tag=github.app_commit(), merge="direct", timeout="0")

    assert (result.exit_code, result.outputs["reason"]) == (10, "timeout")
    assert "after 0 s" in result.log


def test_the_checks_need_not_be_waited_for(github: GitHub) -> None:
    result = open_pr(github, tag=github.app_commit(), merge="direct", wait_for_checks="false")

    assert result.outputs["reason"] == "merged"


def test_a_pull_request_that_github_does_not_merge_stays_open(github: GitHub) -> None:
    github.world.infra.ruleset("main")["bypass_actors"].clear()

    result = open_pr(github, tag=github.app_commit(), merge="direct", wait_for_checks="false")

    assert (result.exit_code, result.outputs["reason"]) == (7, "rule-not-met")
    assert "approving review" in result.log
    assert "add it to bypass_actors of the ruleset" in result.log
    assert result.outputs["pr-number"] == "1"
    assert github.world.infra.pulls[1].state == "open"


def test_several_services_change_in_one_commit(github: GitHub) -> None:
    github.release("1.0.0", "1.1.0", "1.2.0")
    github.change_infra({"envs/dev.json": '{"api":{"tag":"1.0.0"},"web":{"tag":"1.0.0"}}'})

    result = open_pr(github, tags="api=1.1.0\nweb=1.2.0")

    assert re.fullmatch(r"gitops/dev/2-services-[0-9a-f]{12}", result.outputs["branch"])
    assert github.infra_file(branch=result.outputs["branch"]) == '{"api":{"tag":"1.1.0"},"web":{"tag":"1.2.0"}}'
    assert github.world.infra.pulls[1].title == "Update dev: api, web"


def test_tags_are_promoted_from_one_environment_to_the_next(github: GitHub) -> None:
    github.release("1.0.0", "2.0.0")
    github.change_infra({"envs/dev.json": '{"api":{"tag":"2.0.0"},"job":{"tag":"1"}}'})
    github.change_infra({"envs/staging.json": '{"api":{"tag":"1.0.0"}}'})

    result = open_pr(github, env="staging", from_env="dev")

    assert result.outputs["tag"] == "2.0.0"
    pull = github.world.infra.pulls[1]
    assert pull.title == "Promote dev to staging: api to 2.0.0"
    assert "only one of the two environments has them: job" in pull.body
    assert json.loads(github.infra_file("envs/staging.json", result.outputs["branch"]))["api"]["tag"] == "2.0.0"


def test_a_tag_that_no_branch_can_be_named_after_still_has_a_branch(github: GitHub) -> None:
    github.change_infra({"envs/new.json": '{"api":{"tag":""}}'})
    github.change_infra({"gitops.yml": "services: {api: {repo: none}}"})

    result = open_pr(github, env="new", tag="x.lock")

    assert re.fullmatch(r"gitops/new/1-service-[0-9a-f]{12}", result.outputs["branch"])


def test_the_caller_can_say_how_it_looks(github: GitHub) -> None:
    result = open_pr(
        github, tag=github.app_commit(), branch="bump", title="Ours", body="Because.", labels="deploy\nenv: dev",
        reviewers="bob, olivia", team_reviewers="ops", draft="true",
    )  # fmt: skip

    pull = github.world.infra.pulls[1]
    assert (result.outputs["branch"], pull.title, pull.draft) == ("bump", "Ours", True)
    assert pull.body.startswith("Because.\n\n| service |")
    assert (pull.labels, pull.reviewers, pull.team_reviewers) == (["deploy", "env: dev"], ["bob", "olivia"], ["ops"])


def test_only_teams_can_be_asked(github: GitHub) -> None:
    open_pr(github, tag=github.app_commit(), team_reviewers="ops")

    assert github.world.infra.pulls[1].team_reviewers == ["ops"]


def test_a_dry_run_shows_the_change_and_writes_nothing(github: GitHub) -> None:
    tag = github.app_commit()

    result = open_pr(github, tag=tag, dry_run="true")

    assert (result.exit_code, result.outputs["reason"], result.outputs["changed"]) == (0, "dry-run", "true")
    assert f'+    "tag": "{tag}",\n' in result.log
    assert "```diff\n--- a/envs/dev.json\n" in result.summary
    assert list(github.world.infra.git.refs("refs/heads/")) == ["refs/heads/main"]


def test_gitops_yml_says_where_the_files_are(github: GitHub) -> None:
    github.change_infra(
        {
            "gitops.yml": "files: overlays/{env}/kustomization.yaml\ntag: images[name={service}].newTag\n",
            "overlays/dev/kustomization.yaml": "images:\n- name: api\n  newTag: 1.0.0 # now\n",
        }
    )
    github.release("1.0.0", "1.1.0")

    result = open_pr(github, tag="1.1.0")

    text = github.infra_file("overlays/dev/kustomization.yaml", result.outputs["branch"])
    assert text == "images:\n- name: api\n  newTag: 1.1.0 # now\n"


def test_each_service_can_have_a_file_of_its_own(github: GitHub) -> None:
    values = "image:\n  tag: 1.0.0\n"
    files = {f"charts/{service}/values-dev.yaml": values for service in ("api", "web")}
    github.change_infra({"gitops.yml": "files: charts/{service}/values-{env}.yaml\ntag: image.tag\n", **files})
    github.release("1.0.0", "1.1.0")

    result = open_pr(github, tags="api=1.1.0\nweb=1.1.0")

    assert [change["file"] for change in result.json("changes")] == list(files)
    assert "no environment 'qa'" in open_pr(github, env="qa", tag="1").log


@pytest.mark.parametrize(
    ("inputs", "code", "reason", "said"),
    [
        pytest.param({"env": "qa", "tag": "1"}, 2, "unknown-env", "known: dev, staging, prod", id="no such env"),
        pytest.param({"from_env": "qa"}, 2, "unknown-env", "known: dev, staging, prod", id="no such source"),
        pytest.param({"tag": "1", "service": "web"}, 2, "unknown-service", "it has: api", id="no such service"),
        pytest.param({"tag": "a b"}, 2, "invalid-tag", "is not a tag", id="no tag"),
        pytest.param({"tag": "1", "infra_repo": "infra"}, 2, "invalid-input", "owner/name", id="no owner"),
        pytest.param({"tag": "1", "app_repo": "a/b/c"}, 2, "invalid-input", "owner/name", id="no repository"),
        pytest.param({"tag": "1", "branch": "a..b"}, 2, "invalid-input", "valid branch name", id="no branch name"),
        pytest.param({"tag": "1", "branch": "a b"}, 2, "invalid-input", "valid branch name", id="a blank in a branch"),
        pytest.param(
            {"tag": "1", "merge": "admin"},
            2,
            "invalid-input",
            "it must be one of none, direct, auto, queue",
            id="no route",
        ),
        pytest.param({"tag": "1", "merge": "direct", "draft": "true"}, 2, "invalid-input", "a draft", id="a draft"),
        pytest.param({"tag": "1", "token": ""}, 2, "invalid-input", "input token is required", id="no token"),
        pytest.param({"tag": "1", "base": "none"}, 4, "conflict", "has no branch 'none'", id="no such base"),
        pytest.param({"tag": "1", "token": "ghp_wrong"}, 6, "permission-denied", "does not know the token", id="token"),
        pytest.param({"tag": "1", "infra_repo": "your-org/none"}, 6, "permission-denied", "your-org/none", id="repo"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_written(
    github: GitHub, inputs: dict[str, str], code: int, reason: str, said: str
) -> None:
    result = open_pr(github, **inputs)

    assert (result.exit_code, result.outputs["reason"], result.outputs["changed"]) == (code, reason, "false")
    assert said in result.log
    assert list(github.world.infra.git.refs("refs/heads/")) == ["refs/heads/main"]


def test_a_token_that_may_only_read_is_told_what_it_lacks(github: GitHub) -> None:
    token = github.sandbox.state.add_token(
        BOT, permissions={"contents": "read", "pull_requests": "read", "actions": "read"}
    )

    result = open_pr(github, tag=github.app_commit(), token=token)

    assert (result.exit_code, result.outputs["reason"]) == (6, "permission-denied")
    assert "in your-org/infra" in result.log
    assert "'contents: write'" in result.log


def test_a_link_in_place_of_a_file_is_not_followed(github: GitHub) -> None:
    import pygit2

    git = github.world.infra.git
    index = pygit2.Index()
    index.read_tree(git.get(git.head("main") or "").tree)
    blob = pygit2.Repository(str(git.path)).create_blob(b"../../etc/passwd")
    index.add(pygit2.IndexEntry("envs/dev.json", blob, pygit2.enums.FileMode.LINK))
    tree = str(index.write_tree(pygit2.Repository(str(git.path))))
    author = github.sandbox.state.users["olivia"].person
    git.set_ref("refs/heads/main", git.commit(parents=[], message="link", author=author, tree=tree))

    result = open_pr(github, tag="1")

    assert (result.exit_code, result.outputs["reason"]) == (3, "unsafe-path")


def test_a_file_that_is_no_text_is_refused(github: GitHub) -> None:
    github.change_infra({"envs/dev.json": "\0"})

    assert open_pr(github, tag="1").outputs["reason"] == "invalid-env-file"


def test_the_token_is_masked_first_and_shown_nowhere(github: GitHub) -> None:
    result = open_pr(github, tag=github.app_commit())

    assert result.log.splitlines()[0] == f"::add-mask::{github.bot}"
    shown = result.log.partition("\n")[2] + result.summary + json.dumps(result.outputs)
    assert github.bot not in shown + github.world.infra.pulls[1].body


def test_without_an_answer_the_run_ends_typed(github: GitHub) -> None:
    github.runner.environment["GITHUB_API_URL"] = "http://127.0.0.1:9/api/v3"

    result = open_pr(github, tag="1")

    assert (result.exit_code, result.outputs["reason"]) == (5, "github-unavailable")
    assert "::error::no answer from GitHub for your-org/infra: ConnectionError" in result.log
    assert len(github.slept) == 5


def test_a_fault_in_a_file_of_another_repository_is_told_with_its_name(github: GitHub) -> None:
    """GitHub would show it at the file of the same path in the app."""
    github.change_infra({"envs/dev.json": "{"})

    elsewhere = open_pr(github, tag="1")
    github.runner.environment["GITHUB_REPOSITORY"] = "your-org/infra"
    here = open_pr(github, tag="1")

    assert "::error::your-org/infra: envs/dev.json:1: not JSON" in elsewhere.log
    assert "::error file=envs/dev.json,line=1::envs/dev.json:1: not JSON" in here.log


def test_an_infra_repository_without_env_files_is_asked_after(github: GitHub) -> None:
    result = open_pr(github, tag="1", infra_repo="your-org/app")

    assert result.outputs["reason"] == "unknown-env"
    assert "in your-org/app; is that the infra repository (input infra-repo)?" in result.log
