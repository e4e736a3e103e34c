"""What GitHub refuses is final at once, each with a reason of its own; what is temporary is tried again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sandbox.faults import Fault
from sandbox.world import BOT
from tests.sandbox.scenarios import MERGE, QUEUE, open_pr, refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.scenarios import GitHub
    from tests.support import Result

BASE = "query pullRequests"


def graphql(*errors: dict[str, str], **headers: str) -> Fault:
    return Fault(status=200, body={"data": None, "errors": list(errors)}, headers=headers)


@pytest.mark.parametrize(
    ("fault", "least_pause"),
    [
        pytest.param(
            graphql({"type": "RATE_LIMIT", "code": "graphql_rate_limit", "message": "API rate limit already exceeded"},
                    **{"retry-after": "30"}),
            30, id="the rate limit of GraphQL, today's form (githubkit#271)",
        ),
        pytest.param(graphql({"type": "RATE_LIMITED", "message": "API rate limit exceeded"}), 60, id="its older form"),
        pytest.param(
            graphql({"message": "You have exceeded a secondary rate limit. Please wait a few minutes"},
                    **{"retry-after": "0"}),
            1, id="a secondary limit in a 200",
        ),
        pytest.param(
            graphql({"message": "Something went wrong while executing your query. Please include `A:B`"}), 0,
            id="a time-out (octokit/plugin-retry.js#395)",
        ),
        pytest.param(Fault(status=200, body={}), 0, id="no data and no errors (faros-ai/airbyte-connectors#1865)"),
        pytest.param(graphql({"type": "SERVICE_UNAVAILABLE", "message": "Service unavailable"}), 0, id="unavailable"),
    ],
)  # fmt: skip
def test_what_is_temporary_is_tried_again(github: GitHub, fault: Fault, least_pause: float) -> None:
    github.sandbox.faults.plan({(BASE, 0): fault})

    result = open_pr(github, tag=github.app_commit())

    assert (result.exit_code, result.outputs["reason"]) == (0, "opened")
    assert len(github.slept) == 1
    assert github.slept[0] >= least_pause
    assert "answered 400" not in result.log


def archived(github: GitHub) -> None:
    github.world.infra.archived = True


def no_auto_merge(github: GitHub) -> None:
    github.world.infra.allow_auto_merge = False


def no_drafts(github: GitHub) -> None:
    github.world.infra.allow_drafts = False


def branch_in_the_way(github: GitHub) -> None:
    git = github.world.infra.git
    git.set_ref("refs/heads/gitops", git.head("main") or "")


def unknown_rule(github: GitHub) -> None:
    github.world.infra.ruleset("main")["rules"].append({"type": "code_scanning", "parameters": {}})


def last_push_alone(github: GitHub) -> None:
    for rule in github.world.infra.ruleset("main")["rules"]:
        if rule["type"] == "pull_request":
            rule["parameters"]["required_approving_review_count"] = 0


@pytest.mark.parametrize(
    ("prepare", "inputs", "ends", "words"),
    [
        pytest.param(archived, {}, (6, "archived"), "unarchive it", id="an archived repository"),
        pytest.param(
            no_auto_merge, {"merge": "auto"}, (5, "auto-merge-off"), "Allow auto-merge", id="auto-merge is switched off"
        ),
        pytest.param(no_drafts, {"draft": "true"}, (5, "drafts-unsupported"), "set draft to false", id="no drafts"),
        pytest.param(
            branch_in_the_way, {}, (4, "branch-in-the-way"), "beside gitops;", id="a branch where a folder is wanted"
        ),
        pytest.param(
            unknown_rule, {"merge": "direct"}, (7, "rule-not-met"), "code_scanning); set merge to auto",
            id="a rule that we do not know",
        ),
        pytest.param(
            last_push_alone, {"merge": "direct"}, (7, "rule-not-met"), "approval of the last push", id="the last push"
        ),
        pytest.param(
            None, {"merge": "direct", "merge_method": "merge"}, (7, "rule-not-met"), "they allow squash",
            id="a merge commit on a linear history",
        ),
        pytest.param(None, {"labels": "x" * 60}, (2, "invalid-input"), "50 characters", id="a label that is too long"),
    ],
)  # fmt: skip
def test_a_refusal_is_final_at_once_and_says_what_to_do(
    github: GitHub,
    prepare: Callable[[GitHub], None] | None,
    inputs: dict[str, str],
    ends: tuple[int, str],
    words: str,
) -> None:
    tag = github.app_commit()
    if prepare:
        prepare(github)

    result = open_pr(github, tag=tag, **inputs)

    assert (result.exit_code, result.outputs["reason"]) == ends
    assert words in result.log
    assert github.slept == []


def requires_a_workflow(github: GitHub, *, approvals: bool) -> None:
    rules = github.world.infra.ruleset("main")["rules"]
    rules.append({"type": "workflows", "parameters": {"workflows": [{"path": "scan.yml", "repository_id": 1}]}})
    if not approvals:
        rules[:] = [rule for rule in rules if rule["type"] != "pull_request"]


def test_a_required_workflow_is_waited_for(github: GitHub) -> None:
    requires_a_workflow(github, approvals=False)

    def as_time_goes_by() -> None:
        head = github.world.infra.pulls[1].head_sha
        github.report("test", "success", head)
        if len(github.slept) > 2:
            github.report("scan.yml", "success", head)

    github.on_sleep = as_time_goes_by

    result = open_pr(github, tag=github.app_commit(), merge="direct")

    assert (result.exit_code, result.outputs["reason"]) == (0, "merged")
    assert "waiting: the required workflows has not finished" in result.log


def test_a_failed_check_is_told_though_a_required_workflow_has_not_finished(github: GitHub) -> None:
    requires_a_workflow(github, approvals=False)
    github.on_sleep = lambda: github.report("test", "failure", github.world.infra.pulls[1].head_sha)

    result = open_pr(github, tag=github.app_commit(), merge="direct")

    assert (result.exit_code, result.outputs["reason"]) == (7, "checks-failed"), result.log


def test_a_required_workflow_is_waited_for_after_the_approval(github: GitHub) -> None:
    requires_a_workflow(github, approvals=True)
    tag = github.app_commit()
    open_pr(github, tag=tag)
    pull = github.world.infra.pulls[1]
    github.report("test", "success", pull.head_sha)
    github.person("bob").approve("your-org/infra", 1)
    github.on_sleep = lambda: github.report("scan.yml", "success", pull.head_sha)

    result = open_pr(github, tag=tag, merge="direct")

    assert (result.exit_code, result.outputs["reason"]) == (0, "merged"), result.log
    assert "waiting: the required workflows has not finished" in result.log


def test_whether_a_workflow_succeeded_is_unknown_before_the_approval(github: GitHub) -> None:
    requires_a_workflow(github, approvals=True)
    checks_succeed(github)

    result = open_pr(github, tag=github.app_commit(), merge="direct")

    assert (result.exit_code, result.outputs["reason"]) == (7, "rule-not-met")
    assert "unknown until it is approved; set merge to auto" in result.log


def test_a_base_that_allows_no_merge_method_is_told_as_that(github: GitHub) -> None:
    rules = github.world.infra.ruleset("main")["rules"]
    (review,) = [rule for rule in rules if rule["type"] == "pull_request"]
    review["parameters"]["allowed_merge_methods"] = ["merge"]  # and the history must be linear

    result = open_pr(github, tag=github.app_commit(), merge="direct")
    asked = open_pr(github, tag=github.app_commit(), merge="direct", merge_method="merge")

    assert (result.exit_code, result.outputs["reason"]) == (7, "rule-not-met")
    assert "allow no merge method" in result.log
    assert "forbid merge-method merge; they allow none" in asked.log


def test_where_auto_merge_would_break_a_rule_a_person_has_to_merge(github: GitHub) -> None:
    unknown_rule(github)
    clean = {"data": None, "errors": [{"message": "Pull request is in clean status"}]}
    github.sandbox.faults.plan({"mutation enablePullRequestAutoMerge": Fault(status=200, body=clean)})

    result = open_pr(github, tag=github.app_commit(), merge="auto")

    assert (result.exit_code, result.outputs["reason"]) == (7, "rule-not-met")
    assert "merge it by hand" in result.log


def test_what_is_clean_is_put_into_the_queue_at_once(github: GitHub) -> None:
    infra = github.world.infra
    infra.ruleset("main")["rules"].append(QUEUE)
    tag = github.app_commit()
    open_pr(github, tag=tag)
    github.report("test", "success", infra.pulls[1].head_sha)
    github.person("bob").approve("your-org/infra", 1)
    clean = {"data": None, "errors": [{"message": "Pull request is in clean status"}]}
    github.sandbox.faults.plan({"mutation enablePullRequestAutoMerge": Fault(status=200, body=clean)})

    open_pr(github, tag=tag, merge="queue", timeout="3")

    assert infra.pulls[1].queued


def test_an_older_pull_request_that_cannot_be_closed_keeps_its_branch(github: GitHub) -> None:
    first, second = github.app_commit(), github.app_commit()
    open_pr(github, tag=first)
    closing = "PATCH /repos/{owner}/{repo}/pulls/{pull_number}"
    github.sandbox.faults.plan({closing: Fault(status=403, body={"message": "Locked"})})

    result = open_pr(github, tag=second)

    assert result.outputs["reason"] == "opened"
    assert "::warning::" in result.log
    branches = list(github.world.infra.git.refs("refs/heads/"))
    assert f"refs/heads/{github.world.infra.pulls[1].head}" in branches


@pytest.mark.parametrize(
    ("said", "kind", "reason"),
    [
        pytest.param("Resource protected by organization SAML enforcement.", "FORBIDDEN", "sso-required", id="SAML"),
        pytest.param(
            "Squash merges are not allowed on this repository.", "UNPROCESSABLE", "merge-method-off", id="method"
        ),
        pytest.param("Repository rule violations found", "UNPROCESSABLE", "rule-not-met", id="a rule"),
    ],
)
def test_a_refusal_of_the_merge_is_final_and_the_outputs_name_what_exists(
    github: GitHub, said: str, kind: str, reason: str
) -> None:
    checks_succeed(github)
    github.sandbox.faults.plan({(MERGE, 0): refusal(said, kind)})

    result = open_pr(github, tag=github.app_commit(), merge="direct")

    assert result.outputs["reason"] == reason
    assert (result.outputs["pr-number"], result.outputs["merged"]) == ("1", "false")
    assert result.outputs["pr-url"].endswith("/pull/1")
    assert result.outputs["commit-sha"] == github.world.infra.pulls[1].head_sha


def checks_succeed(github: GitHub) -> None:
    def report() -> None:
        for pull in github.world.infra.pulls.values():
            github.report("test", "success", pull.head_sha)

    github.on_sleep = report


def test_a_merge_that_github_is_not_ready_for_is_tried_again(github: GitHub) -> None:
    checks_succeed(github)
    busy, lag = refusal("Merge already in progress"), refusal('Required status check "test" is expected.')
    github.sandbox.faults.plan({(MERGE, 0): busy, (MERGE, 1): lag})

    result = open_pr(github, tag=github.app_commit(), merge="direct")

    assert (result.exit_code, result.outputs["reason"]) == (0, "merged")


# Side work: what fails there is a warning.


def warned(result: Result, words: str) -> bool:
    return any(line.startswith("::warning::") and words in line for line in result.log.splitlines())


def test_a_reviewer_who_left_keeps_nothing_from_being_merged(github: GitHub) -> None:
    checks_succeed(github)

    result = open_pr(github, tag=github.app_commit(), merge="direct", reviewers="gone, bob")

    assert (result.exit_code, result.outputs["reason"]) == (0, "merged")
    assert warned(result, "review by gone")
    assert github.world.infra.pulls[1].reviewers == ["bob"]


def test_reviewers_of_a_pull_request_that_is_open_already_are_said_to_be_ignored(github: GitHub) -> None:
    tag = github.app_commit()
    open_pr(github, tag=tag, reviewers="bob")

    result = open_pr(github, tag=tag, reviewers="olivia")

    assert "reviewers and team-reviewers do not change them" in result.log
    assert github.world.infra.pulls[1].reviewers == ["bob"]


def test_a_locked_older_pull_request_is_closed_without_a_comment(github: GitHub) -> None:
    open_pr(github, tag=github.app_commit("one"))
    github.world.infra.pulls[1].locked = True

    result = open_pr(github, tag=github.app_commit("two"))

    assert (result.exit_code, result.outputs["reason"]) == (0, "opened")
    assert warned(result, "no comment on")
    assert github.world.infra.pulls[1].state == "closed"


def test_a_branch_that_may_not_be_deleted_does_not_undo_a_merge(github: GitHub) -> None:
    checks_succeed(github)
    delete = "DELETE /repos/{owner}/{repo}/git/refs/{ref}"
    github.sandbox.faults.plan({(delete, 0): Fault(status=403, body={"message": "Resource not accessible"})})

    result = open_pr(github, tag=github.app_commit(), merge="direct")

    assert (result.exit_code, result.outputs["reason"], result.outputs["merged"]) == (0, "merged", "true")
    assert warned(result, "is not deleted")


def test_an_older_pull_request_of_an_app_is_closed_too(github: GitHub) -> None:
    """An App is called `name` by GraphQL and `name[bot]` by REST."""
    github.sandbox.state.add_user("gitops-app[bot]", kind="Bot")
    github.world.infra.members["gitops-app[bot]"] = "write"
    github.world.app.members["gitops-app[bot]"] = "read"
    token = github.sandbox.state.add_token("gitops-app[bot]")
    open_pr(github, tag=github.app_commit("one"), token=token)

    open_pr(github, tag=github.app_commit("two"), token=token)

    assert [pull.state for pull in github.world.infra.pulls.values()] == ["closed", "open"]


@pytest.mark.parametrize(("login", "reopens"), [("helper[bot]", True), (BOT, True), ("alice", False)])
def test_only_a_person_closes_a_pull_request_for_good(github: GitHub, login: str, *, reopens: bool) -> None:
    state, infra = github.sandbox.state, github.world.infra
    state.add_user("helper[bot]", kind="Bot")
    tag = github.app_commit()
    open_pr(github, tag=tag)
    infra.pulls[1].state, infra.pulls[1].closed_by = "closed", state.users[login]

    result = open_pr(github, tag=tag)

    assert result.outputs["reason"] == ("opened" if reopens else "closed-by-user")


def test_a_body_longer_than_github_takes_is_cut_at_a_line_and_says_so(github: GitHub) -> None:
    result = open_pr(github, tag=github.app_commit(), body="word " * 8 + "\n" + "line\n" * 20_000)

    body = github.world.infra.pulls[1].body
    assert (result.exit_code, len(body) <= 65_536) == (0, True)
    assert "\n\n… cut here: GitHub takes no longer text.\n\n<!-- gitops-actions" in body
    assert "lin\n" not in body


def test_a_renamed_repository_is_refused_before_anything_is_written(github: GitHub) -> None:
    infra = github.world.infra
    del github.sandbox.state.repos[infra.full_name.lower()]
    infra.name, infra.former_names = "delivery", {"your-org/infra"}
    github.sandbox.state.repos["your-org/delivery"] = infra

    result = open_pr(github, tag=github.app_commit())

    assert (result.exit_code, result.outputs["reason"]) == (5, "renamed")
    assert "your-org/infra is called your-org/delivery now; use that name" in result.log
    assert not infra.pulls


def test_a_branch_that_vanishes_while_it_is_looked_at_is_made_again(github: GitHub) -> None:
    tag = github.app_commit()
    open_pr(github, tag=tag)
    github.change_infra({"envs/prod.json": "{}"})
    gone = Fault(status=404, body={"message": "Not Found"})
    github.sandbox.faults.plan({("GET /repos/{owner}/{repo}/compare/{basehead}", 0): gone})

    result = open_pr(github, tag=tag)

    assert (result.exit_code, result.outputs["reason"]) == (0, "already-open")
    assert "is not in your-org/infra any more; trying again" in result.log
