"""How a change lands when it is not alone: bases that move, people who push, other routes, GitHub's limits."""

from __future__ import annotations

import json
from typing import Any

import pytest

from actions.tags import is_commit
from sandbox.behaviour import Refusal
from sandbox.faults import Fault
from sandbox.state import Pull
from sandbox.world import BOT
from tests.sandbox.scenarios import FINE_GRAINED, MERGE, QUEUE, GitHub, merge_at_once, open_pr, opened, refusal
from tests.support import Result

BASE, APP, COMMIT = "query pullRequests", "query object", "mutation createCommitOnBranch"
TWO = '{{\n  "api": {{"tag": "{api}"}},\n  "web": {{"tag": "{web}"}}\n}}\n'


def heads(github: GitHub) -> list[str]:
    return [name.removeprefix("refs/heads/") for name in github.world.infra.git.refs("refs/heads/")]


def tags(github: GitHub, branch: str = "main") -> dict[str, str]:
    return {service: found["tag"] for service, found in json.loads(github.infra_file(branch=branch)).items()}


def bot_push(github: GitHub, branch: str, files: dict[str, str], message: str) -> None:
    """Push a commit to a branch of the infra repository, made from main if it is not there."""
    git = github.world.infra.git
    parent = git.head(branch) or git.head("main") or ""
    alice = github.sandbox.state.users["alice"].person
    contents = {path: text.encode() for path, text in files.items()}
    sha = git.commit(parents=[parent], message=message, author=alice, files=dict(contents))
    git.set_ref(f"refs/heads/{branch}", sha)
    for pull in github.world.infra.open_pulls(branch):
        pull.head_sha = sha


# Never backwards


def test_a_late_run_is_superseded_and_writes_nothing(github: GitHub) -> None:
    older = github.app_commit("older")
    newer = github.app_commit("newer")
    merge_at_once(github, newer)

    result = open_pr(github, tag=older, merge="direct")

    assert (result.exit_code, result.outputs["reason"], result.outputs["changed"]) == (0, "superseded", "false")
    assert tags(github) == {"api": newer}
    assert heads(github) == ["main"]
    assert f"dev has something newer than api {older[:12]}" in result.log


def test_a_tag_that_does_not_contain_the_one_in_place_is_refused_unless_somebody_says_why(github: GitHub) -> None:
    start = github.world.app.git.head("main") or ""
    merge_at_once(github, github.app_commit("on main"))
    beside = github.app_commit("beside", branch="hotfixes/x", parent=start)

    refused = open_pr(github, tag=beside)
    allowed = open_pr(github, tag=beside, allow_diverged="main is broken, | see INC-7")

    assert (refused.exit_code, refused.outputs["reason"]) == (7, "diverged")
    assert allowed.outputs["reason"] == "opened"
    body = github.world.infra.pulls[2].body
    assert (
        "Does not contain what is in place: api (diverged). Allowed because: main is broken, &#124; see INC-7" in body
    )


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        pytest.param("1.9.0", "1.10.0", "opened", id="a newer version"),
        pytest.param("v1.10.0", "1.9.0", "superseded", id="an older version"),
        pytest.param("1.0.0", "1.0.0-rc.1", "superseded", id="a pre-release of it"),
        pytest.param("1.0.0+1", "1.0.0+2", "unknown-order", id="the same version, built again"),
        pytest.param("", "anything", "opened", id="a release in place of an older commit that was taken out"),
        pytest.param("latest", "1.0.0", "opened", id="in place of a name that stands for a tag"),
        pytest.param("1.0.0", "build-7", "unknown-order", id="a name in place of a version"),
        pytest.param("f" * 40, "e" * 40, "unknown-commit", id="commits that the app does not have"),
        pytest.param("f" * 40, "1.0.0", "unknown-order", id="a version in place of a commit"),
    ],
)
def test_versions_have_an_order_and_other_names_have_none(github: GitHub, before: str, after: str, reason: str) -> None:
    github.change_infra({"envs/dev.json": json.dumps({"api": {"tag": before}})})
    github.release(*([] if is_commit(after) else [after]))

    assert open_pr(github, tag=after).outputs["reason"] == reason


# Never twice


def test_an_older_pull_request_of_ours_makes_way_for_the_newer(github: GitHub) -> None:
    first, second = github.app_commit("first"), github.app_commit("second")
    open_pr(github, tag=first)
    bot_push(github, "people", {"README.md": "x"}, "x")
    github.person("alice").open_pull("your-org/infra", head="people", title="mine")

    result = open_pr(github, tag=second)

    pulls = github.world.infra.pulls
    assert [pulls[number].state for number in (1, 2, 3)] == ["closed", "open", "open"]
    assert [comment.body for comment in pulls[1].comments] == ["Superseded by #3."]
    assert heads(github) == [f"gitops/dev/api-{second[:12]}", "main", "people"]
    assert "superseded by" in result.log


def test_a_late_run_leaves_a_newer_pull_request_open(github: GitHub) -> None:
    first, second = github.app_commit("first"), github.app_commit("second")
    open_pr(github, tag=second)

    open_pr(github, tag=first)

    assert [pull.state for pull in github.world.infra.opened.values()] == ["open", "open"]


def test_a_body_that_somebody_edited_belongs_to_nobody(github: GitHub) -> None:
    for number, body in enumerate(["", "<!-- gitops-actions {} -->", "<!-- gitops-actions {x} -->"]):
        bot_push(github, f"x{number}", {"README.md": str(number)}, "x")
        github.person("alice").open_pull("your-org/infra", head=f"x{number}", title="x")
        github.world.infra.pulls[number + 1].body = body

    open_pr(github, tag=github.app_commit())

    assert [pull.state for pull in github.world.infra.pulls.values()] == ["open"] * 4


def test_an_older_pull_request_for_another_service_stays(github: GitHub) -> None:
    github.change_infra({"envs/dev.json": '{"api": {"tag": "1"}, "web": {"tag": "1"}}'})
    tag = github.app_commit()

    open_pr(github, service="web", tag=tag)
    open_pr(github, service="api", tag=tag)

    assert [pull.state for pull in github.world.infra.opened.values()] == ["open", "open"]


def test_a_change_that_came_another_way_closes_its_pull_request(github: GitHub) -> None:
    tag = github.app_commit()
    open_pr(github, tag=tag)
    github.change_infra({"envs/dev.json": json.dumps({"api": {"tag": tag}})})

    result = open_pr(github, tag=tag)

    assert result.outputs["reason"] == "up-to-date"
    assert github.world.infra.pulls[1].state == "closed"
    assert heads(github) == ["main"]


def test_a_pull_request_that_a_person_closed_is_left_to_people(github: GitHub) -> None:
    tag = github.app_commit()
    open_pr(github, tag=tag)
    github.person("bob").api("PATCH", "/repos/your-org/infra/pulls/1", {"state": "closed"})
    github.change_infra({"envs/dev.json": json.dumps({"api": {"tag": tag}})})

    assert open_pr(github, tag=tag).outputs["reason"] == "up-to-date"
    assert f"gitops/dev/api-{tag[:12]}" in heads(github)


def test_a_closed_pull_request_is_remembered_after_its_branch_is_gone(github: GitHub) -> None:
    tag = github.app_commit()
    open_pr(github, tag=tag)
    github.person("bob").api("PATCH", "/repos/your-org/infra/pulls/1", {"state": "closed"})
    github.person("bob").api("DELETE", f"/repos/your-org/infra/git/refs/heads/gitops/dev/api-{tag[:12]}")
    github.app_commit("later")

    result = open_pr(github, tag=tag)

    assert (result.exit_code, result.outputs["reason"]) == (4, "closed-by-user")
    assert len(github.world.infra.opened) == 1
    assert heads(github) == ["main"]


def test_a_run_after_the_merge_names_the_pull_request_that_did_it(github: GitHub) -> None:
    tag = github.app_commit()
    open_pr(github, tag=tag)
    github.world.infra.rulesets.clear()
    sha = github.person("alice").merge("your-org/infra", 1)

    result = open_pr(github, tag=tag)

    assert (result.outputs["reason"], result.outputs["pr-number"], result.outputs["merge-sha"]) == (
        "up-to-date",
        "1",
        sha,
    )
    assert heads(github) == ["main"]


# Compare and swap


def test_a_change_is_made_again_on_what_the_base_is_now(github: GitHub) -> None:
    """Neighbouring lines conflict in a merge of texts; the edit itself does not."""
    github.release("1.0.0", "1.1.0")
    github.change_infra({"envs/dev.json": TWO.format(api="1.0.0", web="1.0.0")})
    open_pr(github, service="api", tag="1.1.0")
    github.change_infra({"envs/dev.json": TWO.format(api="1.0.0", web="2.0.0")})

    result = open_pr(github, service="api", tag="1.1.0")

    branch = "gitops/dev/api-1.1.0"
    assert (result.exit_code, result.outputs["reason"], result.outputs["pr-number"]) == (0, "already-open", "1")
    assert github.infra_file(branch=branch) == TWO.format(api="1.1.0", web="2.0.0")
    assert heads(github) == [branch, "main"]
    git = github.world.infra.git
    assert len(git.between(git.head("main") or "", git.head(branch) or "")) == 1
    assert result.outputs["verified"] == "true"


@pytest.mark.parametrize("operation", [COMMIT, MERGE], ids=["at the commit", "at the merge"])
def test_a_base_that_moves_under_a_merge_is_no_loss(github: GitHub, operation: str) -> None:
    github.release("1.0.0", "1.1.0")
    github.change_infra({"envs/dev.json": TWO.format(api="1.0.0", web="1.0.0")})
    github.world.infra.rulesets.clear()
    moved = Fault(
        silent=True, meanwhile=lambda: github.change_infra({"envs/dev.json": TWO.format(api="1.0.0", web="2.0.0")})
    )
    github.sandbox.faults.plan({(operation, 0): moved})

    result = open_pr(github, service="api", tag="1.1.0", merge="direct")

    assert (result.exit_code, result.outputs["reason"]) == (0, "merged"), result.log
    assert tags(github) == {"api": "1.1.0", "web": "2.0.0"}
    assert heads(github) == ["main"]
    assert len(github.world.infra.opened) == 1


def test_an_edited_title_and_body_are_kept_until_the_commit_is_made_again(github: GitHub) -> None:
    github.release("1.0.0", "1.1.0")
    github.change_infra({"envs/dev.json": TWO.format(api="1.0.0", web="1.0.0")})
    open_pr(github, service="api", tag="1.1.0")
    pull = github.world.infra.pulls[1]
    generated = pull.body
    pull.title, pull.body = "mine", f"mine\n{generated}"

    open_pr(github, service="api", tag="1.1.0")
    left_alone = (pull.title, pull.body)
    github.change_infra({"envs/dev.json": TWO.format(api="1.0.0", web="2.0.0")})
    open_pr(github, service="api", tag="1.1.0")

    assert left_alone == ("mine", f"mine\n{generated}")
    assert (pull.title, pull.body) == ("Update dev: api to 1.1.0", generated)


def test_a_commit_is_kept_while_it_can_be_merged(github: GitHub) -> None:
    """The base moves elsewhere: the open pull request does not conflict."""
    github.release("1.0.0", "1.1.0")
    github.change_infra({"envs/dev.json": TWO.format(api="1.0.0", web="1.0.0")})
    first = open_pr(github, service="api", tag="1.1.0")
    github.change_infra({"README.md": "moved"})

    second = open_pr(github, service="api", tag="1.1.0")

    assert second.outputs["reason"] == "already-open"
    assert second.outputs["commit-sha"] == first.outputs["commit-sha"]
    assert f"found {first.outputs['commit-sha']} on" in second.log


@pytest.mark.parametrize("moves", [False, True], ids=["the base as it was", "the base moved"])
def test_a_branch_without_a_pull_request_is_used_if_it_is_ahead_of_the_base(github: GitHub, *, moves: bool) -> None:
    """As a run leaves it that was killed between the two."""
    tag = github.app_commit()
    first = open_pr(github, tag=tag)
    github.world.infra.pulls.clear()
    if moves:
        github.change_infra({"README.md": "moved"})

    second = open_pr(github, tag=tag)

    assert (second.outputs["reason"], second.outputs["branch"]) == ("opened", first.outputs["branch"])
    assert (second.outputs["commit-sha"] == first.outputs["commit-sha"]) is not moves
    git = github.world.infra.git
    assert git.is_ancestor(git.head("main") or "", second.outputs["commit-sha"])


def test_a_pull_request_that_the_bot_itself_closed_is_no_decision_of_anybody(github: GitHub) -> None:
    tag = github.app_commit()
    open_pr(github, tag=tag)
    github.person(BOT).api("PATCH", "/repos/your-org/infra/pulls/1", {"state": "closed"})

    result = open_pr(github, tag=tag)

    assert (result.outputs["reason"], result.outputs["pr-number"]) == ("opened", "2")


def test_the_branch_of_a_pull_request_that_the_bot_closed_is_made_again_on_the_base(github: GitHub) -> None:
    tag = github.app_commit()
    open_pr(github, tag=tag)
    github.person(BOT).api("PATCH", "/repos/your-org/infra/pulls/1", {"state": "closed"})
    github.change_infra({"README.md": "moved"})

    result = open_pr(github, tag=tag)

    git = github.world.infra.git
    assert result.outputs["pr-number"] == "2"
    assert git.is_ancestor(git.head("main") or "", result.outputs["commit-sha"])


def test_the_branch_of_a_pull_request_that_a_person_closed_stays(github: GitHub) -> None:
    tag = github.app_commit()
    branch = open_pr(github, tag=tag).outputs["branch"]
    github.person("bob").api("PATCH", "/repos/your-org/infra/pulls/1", {"state": "closed"})

    assert open_pr(github, tag=tag).outputs["reason"] == "closed-by-user"
    assert branch in heads(github)


def test_a_commit_is_made_again_where_the_file_has_changed_without_a_conflict(github: GitHub) -> None:
    """So the pull request shows the file as it will be."""
    github.release("1.0.0", "1.1.0")
    far = '{"api": {"tag": "1.0.0"},\n' + "\n" * 20 + '"web": {"tag": "%s"}}\n'
    github.change_infra({"envs/dev.json": far % "1.0.0"})
    first = open_pr(github, service="api", tag="1.1.0")
    github.change_infra({"envs/dev.json": far % "2.0.0"})

    second = open_pr(github, service="api", tag="1.1.0")

    assert second.outputs["commit-sha"] != first.outputs["commit-sha"]
    assert github.infra_file(branch=second.outputs["branch"]) == far.replace("1.0.0", "1.1.0") % "2.0.0"


@pytest.mark.parametrize(("by", "stays"), [(BOT, False), ("bob", True)])
def test_a_branch_that_is_not_needed_goes_unless_a_person_closed_its_pull_request(
    github: GitHub, by: str, *, stays: bool
) -> None:
    tag = github.app_commit()
    branch = open_pr(github, tag=tag).outputs["branch"]
    github.person(by).api("PATCH", "/repos/your-org/infra/pulls/1", {"state": "closed"})
    github.change_infra({"envs/dev.json": github.infra_file().replace(tags(github)["api"], tag)})

    result = open_pr(github, tag=tag)

    assert (result.outputs["reason"], result.outputs["pr-number"]) == ("up-to-date", "")
    assert heads(github) == ([branch, "main"] if stays else ["main"])


def test_the_merge_commit_keeps_the_trailers(github: GitHub) -> None:
    merge_at_once(github, github.app_commit(), allow_diverged="the fix is not needed")

    message = github.world.infra.git.get(github.world.infra.git.head("main") or "").message
    assert message.startswith("Update dev: api to ")
    assert " (#1)\n\n" in message
    assert "\nAllow-diverged: the fix is not needed\n" in message
    assert message.strip().endswith("Made-by: gitops-actions")


def test_a_tag_can_come_back_after_a_rollback(github: GitHub) -> None:
    """The branch of the first time may be left, with a pull request that was merged long ago."""
    github.world.infra.rulesets.clear()
    github.release("1.0.0", "1.1.0")
    github.change_infra({"envs/dev.json": '{"api":{"tag":"1.0.0"}}'})
    open_pr(github, tag="1.1.0")
    github.person("alice").merge("your-org/infra", 1)
    github.change_infra({"envs/dev.json": '{"api":{"tag":"1.0.0"}}'})

    result = open_pr(github, tag="1.1.0", merge="direct")

    assert (result.outputs["reason"], result.outputs["pr-number"]) == ("merged", "2")
    assert tags(github) == {"api": "1.1.0"}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        pytest.param({"envs/prod.json": "{}"}, "x\n\nMade-by: gitops-actions", id="another file, under our name"),
        pytest.param({"envs/dev.json": "{}"}, "mine", id="a commit of somebody else"),
    ],
)
def test_the_bot_merges_nothing_that_others_put_on_its_branch(
    github: GitHub, files: dict[str, str], message: str
) -> None:
    """Who may push to the branch may not approve; and the bot need not be approved."""
    tag = github.app_commit()
    branch = f"gitops/dev/api-{tag[:12]}"
    text = github.infra_file().replace(tags(github)["api"], tag)
    bot_push(github, branch, {"envs/dev.json": text} | files, message)

    result = merge_at_once(github, tag)

    assert (result.exit_code, result.outputs["reason"]) == (4, "conflict")
    assert "holds more than this change" in result.log
    assert tags(github)["api"] != tag


def test_a_pull_request_to_another_branch_is_not_ours(github: GitHub) -> None:
    tag = github.app_commit()
    git = github.world.infra.git
    git.set_ref("refs/heads/other", git.head("main") or "")
    open_pr(github, tag=tag, base="other")

    result = merge_at_once(github, tag)

    assert (result.outputs["reason"], result.outputs["pr-number"]) == ("merged", "2")
    assert tags(github)["api"] == tag


def test_a_push_between_the_commit_and_the_merge_is_not_merged(github: GitHub) -> None:
    tag = github.app_commit()
    branch = f"gitops/dev/api-{tag[:12]}"
    push = Fault(silent=True, meanwhile=lambda: bot_push(github, branch, {"envs/prod.json": "{}"}, "mine"))
    github.sandbox.faults.plan({"mutation createPullRequest": push})
    before = github.infra_file("envs/prod.json")

    result = merge_at_once(github, tag)

    assert result.outputs["reason"] == "conflict"
    assert github.infra_file("envs/prod.json") == before


@pytest.mark.parametrize("mergeable", ["UNKNOWN", "MERGEABLE"])
def test_a_push_at_the_merge_is_not_merged(github: GitHub, monkeypatch: pytest.MonkeyPatch, mergeable: str) -> None:
    monkeypatch.setattr("sandbox.graphql.pulls.PullRequest.mergeable", lambda _: mergeable)
    tag = github.app_commit()
    branch = f"gitops/dev/api-{tag[:12]}"
    push = Fault(silent=True, meanwhile=lambda: bot_push(github, branch, {"envs/prod.json": "{}"}, "mine"))
    github.sandbox.faults.plan({(MERGE, 0): push})
    before = github.infra_file("envs/prod.json")

    result = merge_at_once(github, tag)

    assert result.outputs["reason"] == "conflict", result.log
    assert github.infra_file("envs/prod.json") == before


def test_what_another_run_merged_from_the_same_branch_is_not_merged_again(github: GitHub) -> None:
    tag, git = github.app_commit(), github.world.infra.git

    def merge() -> None:
        olivia, branch = github.person("olivia"), f"gitops/dev/api-{tag[:12]}"
        olivia.merge("your-org/infra", olivia.open_pull("your-org/infra", head=branch, title="The same"))

    github.sandbox.faults.plan({"mutation createPullRequest": Fault(silent=True, meanwhile=merge)})
    before = git.head("main") or ""

    result = merge_at_once(github, tag)

    assert (result.exit_code, result.outputs["reason"]) == (0, "up-to-date"), result.log
    assert len(git.between(before, git.head("main") or "")) == 1
    assert heads(github) == ["main"]


def test_what_a_killed_run_left_beside_its_branch_is_cleared(github: GitHub) -> None:
    github.release("1.0.0", "1.1.0")
    github.change_infra({"envs/dev.json": TWO.format(api="1.0.0", web="1.0.0")})
    open_pr(github, service="api", tag="1.1.0")
    git = github.world.infra.git
    git.set_ref("refs/heads/gitops/dev/api-1.1.0-rework", git.head("main") or "")
    github.change_infra({"envs/dev.json": TWO.format(api="1.0.0", web="2.0.0")})

    assert open_pr(github, service="api", tag="1.1.0").outputs["reason"] == "already-open"
    assert heads(github) == ["gitops/dev/api-1.1.0", "main"]


def test_labels_that_a_killed_run_did_not_set_are_set(github: GitHub) -> None:
    tag = github.app_commit()
    open_pr(github, tag=tag)

    open_pr(github, tag=tag, labels="deploy", reviewers="bob")
    open_pr(github, tag=tag, labels="deploy", reviewers="bob, olivia")

    pull = github.world.infra.pulls[1]
    assert (pull.labels, pull.reviewers) == (["deploy"], ["bob"])


def test_a_push_while_the_change_is_made_again_is_not_lost(github: GitHub) -> None:
    github.release("1.0.0", "1.1.0")
    github.change_infra({"envs/dev.json": TWO.format(api="1.0.0", web="1.0.0")})
    open_pr(github, service="api", tag="1.1.0")
    github.change_infra({"envs/dev.json": TWO.format(api="1.0.0", web="2.0.0")})
    branch = "gitops/dev/api-1.1.0"
    push = Fault(silent=True, meanwhile=lambda: bot_push(github, branch, {"README.md": "mine"}, "mine"))
    github.sandbox.faults.plan({(COMMIT, 1): push})

    result = open_pr(github, service="api", tag="1.1.0")

    assert (result.exit_code, result.outputs["reason"]) == (4, "conflict"), result.log
    assert "trying again" in result.log
    assert heads(github) == [branch, "main"]
    assert github.infra_file("README.md", branch) == "mine"


def test_a_base_that_moves_while_the_checks_run_is_built_on(github: GitHub) -> None:
    github.release("1.0.0", "1.1.0")
    github.change_infra({"envs/dev.json": TWO.format(api="1.0.0", web="1.0.0")})

    def pass_time() -> None:
        if len(github.slept) == 1:
            github.change_infra({"envs/dev.json": TWO.format(api="1.0.0", web="2.0.0")})
        else:
            github.report("test", "success", github.world.infra.pulls[1].head_sha)

    github.on_sleep = pass_time

    result = open_pr(github, service="api", tag="1.1.0", merge="direct")

    assert (result.exit_code, result.outputs["reason"]) == (0, "merged"), result.log
    assert tags(github) == {"api": "1.1.0", "web": "2.0.0"}


# Routes


def approve_and_test(github: GitHub, pull: Pull) -> None:
    github.report("test", "success", pull.head_sha)
    github.person("bob").approve("your-org/infra", pull.number)


def test_github_merges_when_its_rules_allow(github: GitHub) -> None:
    """Also where a review is needed: no rule is bypassed on this route."""
    tag = github.app_commit()

    result = open_pr(github, env="prod", tag=tag, merge="auto")

    assert (result.exit_code, result.outputs["reason"], result.outputs["merge-route"]) == (
        0,
        "merges-when-ready",
        "auto",
    )
    assert result.outputs["merged"] == "false"
    approve_and_test(github, github.world.infra.pulls[1])
    assert github.world.infra.pulls[1].merge_sha


def test_what_is_ready_is_merged_directly(github: GitHub) -> None:
    tag = github.app_commit()
    open_pr(github, tag=tag)
    approve_and_test(github, github.world.infra.pulls[1])

    result = open_pr(github, tag=tag, merge="auto")

    assert (result.outputs["reason"], result.outputs["merge-route"]) == ("merged", "direct")
    assert result.outputs["bypassed"] == "false"


def in_queue(github: GitHub, *, merged: bool, approved: bool = True, conclusion: str = "") -> Result:
    """Open a pull request for a base with a merge queue, whose checks succeed and which the queue lets go later."""
    infra, bot = github.world.infra, github.sandbox.state.tokens[github.bot]
    infra.ruleset("main")["rules"].append(QUEUE)

    def on_sleep() -> None:
        pull = infra.pulls[1]
        if len(github.slept) == 1 and approved:
            approve_and_test(github, pull)
        if len(github.slept) == 3 and pull.queued:
            if conclusion:
                github.report("test", conclusion, pull.head_sha)
            github.sandbox.behaviour.leave_queue(infra, bot, pull, merged=merged)

    github.on_sleep = on_sleep
    return open_pr(github, tag=github.app_commit(), merge="queue", timeout="60")


def test_a_pull_request_goes_into_the_queue_when_it_is_ready_and_the_queue_is_waited_for(github: GitHub) -> None:
    result = in_queue(github, merged=True)

    assert (result.exit_code, result.outputs["reason"], result.outputs["merge-route"]) == (0, "merged", "queue")
    assert "not ready for the merge queue" in result.log
    assert "in the merge queue" in result.log
    assert heads(github) == ["main"]


def test_what_the_merge_queue_puts_out_is_an_error(github: GitHub) -> None:
    result = in_queue(github, merged=False)

    assert (result.exit_code, result.outputs["reason"]) == (4, "ejected")
    assert "GitHub gives no reason" in result.log
    assert result.outputs["pr-number"] == "1"
    assert sum(github.slept) < 10  # it was seen in the queue, so it is not waited for any more


def test_what_the_merge_queue_puts_out_because_it_conflicts_is_told_as_that(github: GitHub) -> None:
    infra = github.world.infra
    tag = github.app_commit()
    open_pr(github, tag=tag)
    infra.pulls[1].queued = True

    def conflict() -> None:
        infra.pulls[1].queued = False
        github.change_infra({"envs/dev.json": '{"api": {"tag": "conflict"}}'})

    github.on_sleep = conflict
    result = open_pr(github, tag=tag, merge="queue", timeout="60", allow_diverged="meant")

    assert result.outputs["reason"] == "ejected"
    assert "it conflicts with its base" in result.log


def test_a_pull_request_that_never_gets_ready_for_the_queue_is_told_as_that(github: GitHub) -> None:
    result = in_queue(github, merged=False, approved=False)

    assert (result.exit_code, result.outputs["reason"]) == (10, "timeout")
    assert "is still not ready for the merge queue after 60 s" in result.log


def test_a_pull_request_whose_auto_merge_somebody_takes_back_is_not_waited_for(github: GitHub) -> None:
    infra = github.world.infra
    infra.ruleset("main")["rules"].append(QUEUE)

    def take_back() -> None:
        infra.pulls[1].auto_merge = None

    github.on_sleep = take_back
    result = open_pr(github, tag=github.app_commit(), merge="queue", timeout="600")

    assert (result.exit_code, result.outputs["reason"]) == (4, "ejected")
    assert 30 <= sum(github.slept) < 60


def test_a_pull_request_that_a_person_closes_meanwhile_is_not_waited_for(github: GitHub) -> None:
    def close() -> None:
        if github.world.infra.pulls[1].state == "open":
            github.person("olivia").api("PATCH", "/repos/your-org/infra/pulls/1", {"state": "closed"})

    github.on_sleep = close
    result = open_pr(github, tag=github.app_commit(), merge="direct", timeout="600")

    assert result.outputs["reason"] == "closed-by-user", result.log
    assert sum(github.slept) < 30


def test_github_puts_nothing_into_the_queue_before_its_checks_are_green(github: GitHub) -> None:
    infra = github.world.infra
    infra.ruleset("main")["rules"].append(QUEUE)
    open_pr(github, tag=github.app_commit())

    with pytest.raises(Refusal, match=r'Required status check "test" is expected\.|approving review'):
        github.sandbox.behaviour.enqueue(infra, github.sandbox.state.tokens[github.bot], infra.pulls[1])


def test_what_is_ready_already_is_put_into_the_queue(github: GitHub) -> None:
    infra = github.world.infra
    infra.ruleset("main")["rules"].append(QUEUE)
    tag = github.app_commit()
    open_pr(github, tag=tag)
    approve_and_test(github, infra.pulls[1])

    open_pr(github, tag=tag, merge="queue", timeout="3")

    assert infra.pulls[1].queued


def test_what_the_merge_queue_puts_out_names_the_check_that_failed(github: GitHub) -> None:
    assert "test (failure)" in in_queue(github, merged=False, conclusion="failure").log


def test_a_check_that_succeeded_is_no_reason_to_be_put_out(github: GitHub) -> None:
    assert "GitHub gives no reason" in in_queue(github, merged=False, conclusion="success").log


def test_a_pull_request_that_is_queued_already_is_waited_for(github: GitHub) -> None:
    tag = github.app_commit()
    open_pr(github, tag=tag)
    github.world.infra.pulls[1].queued = True

    result = open_pr(github, tag=tag, merge="queue", timeout="3")

    assert (result.exit_code, result.outputs["reason"]) == (10, "timeout")
    assert "still in the merge queue after 3 s" in result.log


def test_what_was_merged_since_the_base_was_read_is_not_offered_again(github: GitHub) -> None:
    """The branch is gone with the merge, so the commit makes it anew; the pull request tells."""
    github.world.infra.rulesets.clear()
    tag = github.app_commit()
    open_pr(github, tag=tag)
    pull = github.world.infra.pulls[1]

    def merge() -> None:
        github.person("olivia").merge("your-org/infra", 1)
        github.world.infra.git.delete_ref(f"refs/heads/{pull.head}")

    github.sandbox.faults.plan({(COMMIT, 0): Fault(silent=True, meanwhile=merge)})

    result = open_pr(github, tag=tag)

    assert (result.exit_code, result.outputs["reason"]) == (0, "up-to-date"), result.log
    assert list(github.world.infra.pulls) == [1]
    assert heads(github) == ["main"]


def test_a_pull_request_that_somebody_merges_meanwhile_is_merged(github: GitHub) -> None:
    def merge() -> None:
        if len(github.slept) == 1:
            pull = github.world.infra.pulls[1]
            approve_and_test(github, pull)
            github.person("alice").merge("your-org/infra", 1)

    github.on_sleep = merge

    result = open_pr(github, tag=github.app_commit(), merge="direct")

    assert (result.exit_code, result.outputs["reason"]) == (0, "merged"), result.log
    assert result.outputs["merge-sha"] == github.world.infra.pulls[1].merge_sha


# Checks that ran several times


@pytest.mark.parametrize("kind", ["classic", "fine-grained"])
@pytest.mark.parametrize(
    ("conclusions", "reason"),
    [
        pytest.param(["failure", "success"], "merged", id="succeeded when run again"),
        pytest.param(["success", "failure"], "checks-failed", id="failed when run again"),
        pytest.param(["cancelled", "success"], "merged", id="cancelled and replaced"),
        pytest.param(["success", None], "timeout", id="queued again"),
    ],
)
def test_the_newest_run_of_a_check_counts(
    github: GitHub, kind: str, conclusions: list[str | None], reason: str
) -> None:
    """The earlier attempts of its workflow stay beside it."""
    permissions = FINE_GRAINED if kind == "fine-grained" else None
    token = github.sandbox.state.add_token(BOT, permissions=permissions)
    tag = github.app_commit()
    pull = opened(github, tag)
    for attempt, conclusion in enumerate(conclusions, 1):
        github.report("test", conclusion, pull.head_sha)
        github.world.infra.checks[-1].attempt = attempt
    runs = [run for run in github.world.infra.runs if run.sha == pull.head_sha]
    for run in runs[1:]:
        github.world.infra.runs.remove(run)
    runs[0].attempt = len(conclusions)
    for check in github.world.infra.checks[-len(conclusions) :]:
        check.run = runs[0].id

    result = open_pr(github, tag=tag, merge="direct", timeout="60", token=token)

    assert result.outputs["reason"] == reason, result.log


# Tokens


@pytest.mark.parametrize(
    ("login", "kind", "permissions"),
    [
        pytest.param("robot", "User", None, id="a classic token"),
        pytest.param("robot", "User", FINE_GRAINED, id="a fine-grained token"),
        pytest.param(
            "gitops[bot]",
            "Bot",
            {"contents": "write", "pull_requests": "write", "checks": "read", "actions": "read"},
            id="an App",
        ),
    ],
)
def test_it_works_with_every_kind_of_token(
    github: GitHub, login: str, kind: Any, permissions: dict[str, str] | None
) -> None:
    github.sandbox.state.add_user(login, kind=kind)
    for repo in (github.world.app, github.world.infra):
        repo.members[login] = "write"
    token = github.sandbox.state.add_token(login, permissions=permissions)

    result = merge_at_once(github, github.app_commit(), token=token)

    assert (result.exit_code, result.outputs["reason"]) == (0, "merged"), result.log


INFRA_LACKS = "in your-org/infra, or cannot see it: it needs"


@pytest.mark.parametrize(
    ("permissions", "missing"),
    [
        pytest.param(
            {"contents": "read", "pull_requests": "write"},
            f"{INFRA_LACKS} 'contents: write'",
            id="contents",
        ),
        pytest.param(
            {"contents": "write", "pull_requests": "read"},
            f"{INFRA_LACKS} 'pull requests: write'",
            id="pulls",
        ),
    ],
)
def test_a_token_that_lacks_a_permission_is_told_which_and_where(
    github: GitHub, permissions: dict[str, str], missing: str
) -> None:
    token = github.sandbox.state.add_token(BOT, permissions={"actions": "read", **permissions})

    result = open_pr(github, tag=github.app_commit(), merge="direct", token=token)

    assert (result.exit_code, result.outputs["reason"]) == (6, "permission-denied")
    assert missing in result.log


# GitHub's limits

LIMITED: dict[str, Any] = {"message": "You have exceeded a secondary rate limit. Please wait."}


@pytest.mark.parametrize(
    ("fault", "slept"),
    [
        pytest.param(Fault(status=403, body=LIMITED, headers={"retry-after": "7"}), 7.0, id="403 with retry-after"),
        pytest.param(Fault(status=403, body=LIMITED), 60.0, id="403 without"),
        pytest.param(Fault(status=429, headers={"Retry-After": "9"}), 9.0, id="429 with retry-after"),
        pytest.param(Fault(status=429), 60.0, id="429 without"),
        pytest.param(
            Fault(status=403, headers={"x-ratelimit-remaining": "0", "x-ratelimit-reset": "0"}), 1.0, id="the reset"
        ),
    ],
)
@pytest.mark.parametrize("operation", [BASE, APP], ids=["of the base", "of the app"])
def test_the_pause_that_github_asks_for_is_made(github: GitHub, fault: Fault, slept: float, operation: str) -> None:
    tag = github.app_commit()
    github.sandbox.faults.plan({(operation, 0): fault})

    result = open_pr(github, tag=tag)

    assert (result.exit_code, result.outputs["reason"]) == (0, "opened"), result.log
    assert github.slept == [slept]


def test_graphql_says_in_its_own_way_that_it_is_too_much(github: GitHub) -> None:
    body = {"data": None, "errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]}
    github.sandbox.faults.plan({(BASE, 0): Fault(status=200, body=body)})

    assert open_pr(github, tag=github.app_commit()).outputs["reason"] == "opened"
    assert github.slept == [60.0]


def test_a_pause_that_is_too_long_is_an_error_at_once_that_says_until_when(github: GitHub) -> None:
    github.sandbox.faults.plan({BASE: Fault(status=403, body=LIMITED, headers={"retry-after": "3600"})})

    result = open_pr(github, tag=github.app_commit(), timeout="60")

    assert (result.exit_code, result.outputs["reason"]) == (5, "rate-limited")
    assert "UTC, longer than the timeout" in result.log
    assert github.slept == []


def test_bases_that_never_rest_end_the_run(github: GitHub) -> None:
    github.world.infra.rulesets.clear()
    tag = github.app_commit()
    stale = {"errors": [{"type": "STALE_DATA", "message": "Expected branch to point to"}], "data": None}
    github.sandbox.faults.plan({COMMIT: Fault(status=200, body=stale)})

    result = open_pr(github, tag=tag, merge="direct", timeout="20000")

    assert (result.exit_code, result.outputs["reason"]) == (4, "base-moved")


@pytest.mark.parametrize(("mergeable", "reason"), [("UNKNOWN", "merged"), ("MERGEABLE", "not-mergeable")])
def test_a_refused_merge_is_tried_again_while_github_does_not_know_whether_it_can_be_merged(
    github: GitHub, monkeypatch: pytest.MonkeyPatch, mergeable: str, reason: str
) -> None:
    monkeypatch.setattr("sandbox.graphql.pulls.PullRequest.mergeable", lambda _: mergeable)
    github.sandbox.faults.plan({(MERGE, 0): refusal("Pull Request is not mergeable")})

    assert merge_at_once(github, github.app_commit()).outputs["reason"] == reason


def test_a_merged_commit_that_github_does_not_name_at_once_is_found(github: GitHub) -> None:
    unnamed = {"data": {"mergePullRequest": {"pullRequest": {"mergeCommit": None}}}}
    github.sandbox.faults.plan({(MERGE, 0): Fault(status=200, body=unnamed, after=True)})

    result = merge_at_once(github, github.app_commit())

    assert (result.outputs["reason"], result.outputs["verified"]) == ("merged", "true"), result.log
    assert result.outputs["merge-sha"] == github.world.infra.git.head("main")
    assert heads(github) == ["main"]


def test_what_is_merged_is_said_to_be_even_if_the_time_is_over(github: GitHub) -> None:
    unnamed = {"data": {"mergePullRequest": {"pullRequest": {"mergeCommit": None}}}}
    too_late = Fault(status=200, body=unnamed, after=True, meanwhile=lambda: github._sleep(5000))
    github.sandbox.faults.plan({(MERGE, 0): too_late})

    result = merge_at_once(github, github.app_commit())

    assert (result.exit_code, result.outputs["reason"]) == (5, "github-unavailable"), result.log
    assert (result.outputs["merged"], result.outputs["merge-sha"]) == ("true", "")
