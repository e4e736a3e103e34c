"""Every gate on real pull requests of the infra repository."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from actions.api.client import Client
from actions.app.repository import AppRepository
from sandbox import gitrepo
from sandbox.delivery import tagged
from sandbox.faults import Fault
from sandbox.world import BOT
from tests.sandbox.scenarios import GITOPS, NOW, GitHub, check, deploy, gates_of, merged_pull, propose

ACTION = "action-check-envs"
QA = GITOPS.replace("environments:\n", "environments:\n  qa: {}\n")


def test_a_released_commit_may_go_to_dev(gated: GitHub) -> None:
    number = propose(gated, {"envs/dev.json": tagged(gated.app_commit())})

    result = check(gated, number)

    assert result.exit_code == 0, result.log
    assert (result.outputs["decision"], result.outputs["reason"]) == ("allow", "allowed")
    assert gates_of(result) == dict.fromkeys(["released", "checks", "ancestry", "review"], "allow")
    assert "✅ Every gate is open" in result.summary
    assert "| environment | service | tag | released | checks | ancestry | review |" in result.summary


def test_what_touches_no_env_passes_untouched(gated: GitHub) -> None:
    """With no more than the token of the run: a fork or Dependabot has no other."""
    result = check(gated, propose(gated, {"README.md": "x", "envs/notes.txt": "x"}))

    assert (result.exit_code, result.outputs["reason"]) == (0, "nothing-to-judge")
    assert gated.world.infra.pulls[1].comments == []


@pytest.mark.parametrize("event", ["push", "workflow_dispatch"])
def test_an_event_without_a_proposed_change_is_allowed(gated: GitHub, event: str) -> None:
    gated.runner.event(event, {})

    result = gated.runner.run(ACTION, token=gated.bot)

    assert (result.exit_code, result.outputs["decision"]) == (0, "allow")


def test_an_unreviewed_commit_cannot_be_deployed(gated: GitHub) -> None:
    """The hole of the article: the SHA of any pull request, built by nobody, deploys."""
    tag = gated.app_commit("mine", branch="feature")

    result = check(gated, propose(gated, {"envs/dev.json": '{\n  "api": {\n    "tag": "' + tag + '"\n  }\n}\n'}))

    assert (result.exit_code, result.outputs["reason"], result.outputs["decision"]) == (7, "not-released", "refuse")
    assert "::error file=envs/dev.json,line=3::api in dev: " in result.log
    assert f"{tag[:12]} was not released" in result.log
    assert "❌ Blocked" in result.summary


@pytest.mark.parametrize(
    ("branch", "reason"),
    [
        pytest.param("hotfixes/x", "allowed", id="a hotfix branch"),
        pytest.param("hotfixes/x/y", "not-released", id="a branch that the rules for hotfixes do not cover"),
        pytest.param("hotfixes-x", "not-released", id="a branch of nearly that name"),
    ],
)
def test_a_commit_of_a_hotfix_branch_was_released(gated: GitHub, branch: str, reason: str) -> None:
    start = gated.world.app.git.head("main") or ""
    tag = gated.app_commit("fix", branch=branch, parent=start)

    assert check(gated, propose(gated, {"envs/dev.json": tagged(tag)})).outputs["reason"] == reason


def test_a_hotfix_whose_branch_is_gone_was_released_all_the_same(gated: GitHub) -> None:
    """The pull request that was merged into it stays."""
    git, app = gated.world.app.git, gated.world.app
    app.rulesets = [ruleset for ruleset in app.rulesets if ruleset["name"] == "main"]
    git.set_ref("refs/heads/hotfixes/x", git.head("main") or "")
    gated.app_commit("fix", branch="fix")
    alice = gated.person("alice")
    number = alice.open_pull("your-org/app", head="fix", title="fix", base="hotfixes/x")
    gated.person("bob").approve("your-org/app", number)
    tag = alice.merge("your-org/app", number)
    gated.report("gate", "success", tag, app, branch="hotfixes/x")
    git.delete_ref("refs/heads/hotfixes/x")

    assert check(gated, propose(gated, {"envs/dev.json": tagged(tag)})).outputs["reason"] == "allowed"


@pytest.mark.parametrize(
    ("how", "reason", "said"),
    [
        ("approved", "allowed", "was released from a hotfix branch"),
        ("not approved", "not-released", "no approved pull request brought to a hotfix branch"),
        ("approved by its author", "not-released", "no approved pull request"),
        ("pushed", "not-released", "no approved pull request"),
        ("by a pull request elsewhere", "not-released", "no approved pull request"),
        ("by an unknown author", "unknown", "the e-mail address belongs to no GitHub account"),
        ("one of two", "not-released", "fix"),
    ],
)
def test_attack_hotfix_without_review(gated: GitHub, how: str, reason: str, said: str) -> None:
    """That a hotfix branch has it proves nothing: a developer alone could have brought it there."""
    app = gated.world.app
    tag = gated.app_commit("fix", branch="hotfixes/x", approved_by="" if how == "not approved" else "bob")
    pull = next(iter(app.pulls.values()))
    if how == "approved by its author":
        pull.reviews[0].user = pull.author
    if how == "pushed":
        app.pulls.clear()
    if how == "by a pull request elsewhere":
        pull.base = "topic"
    if how == "by an unknown author":
        author = gitrepo.Person("Alice at home", "alice@home.example")
        tag = app.git.commit(parents=[app.git.head("main") or ""], message="x", author=author, files={"x": b"x"})
        app.git.set_ref("refs/heads/hotfixes/x", tag)
        gated.report("gate", "success", tag, app)
        app.pulls.clear()
        merged_pull(gated.sandbox.state, app, tag, base="hotfixes/x", approved_by="bob")
    if how == "one of two":
        app.pulls.clear()
        tag = gated.app_commit("second", branch="hotfixes/x", parent=tag)

    result = check(gated, propose(gated, {"envs/dev.json": tagged(tag)}))

    assert result.outputs["reason"] == reason, result.log
    assert said in json.dumps(result.json("gates"))


@pytest.mark.parametrize(
    ("conclusion", "reason"),
    [("failure", "checks-failed"), ("skipped", "checks-failed"), (None, "checks-pending"), ("success", "allowed")],
)
def test_the_required_checks_must_have_succeeded(gated: GitHub, conclusion: str | None, reason: str) -> None:
    """GitHub lets a skipped check pass. What was not tested is not tested."""
    tag = gated.app_commit()
    gated.world.app.checks.clear()
    gated.report("gate", conclusion, tag, gated.world.app)

    result = check(gated, propose(gated, {"envs/dev.json": tagged(tag)}))

    assert result.outputs["reason"] == reason
    assert result.outputs["decision"] == {"checks-pending": "wait", "allowed": "allow"}.get(reason, "refuse")


def test_staging_takes_only_what_ran_in_dev(gated: GitHub) -> None:
    tag = gated.app_commit()
    deploy(gated, "dev", tag, ago=timedelta(minutes=5), state="failure")

    before = check(gated, propose(gated, {"envs/staging.json": tagged(tag)}))
    deploy(gated, "dev", tag, ago=timedelta(minutes=1))
    after = check(gated, 1)

    assert (before.exit_code, before.outputs["reason"]) == (7, "not-promoted")
    assert f"{tag[:12]} has not run in dev; promote it there first" in before.log
    assert after.outputs["reason"] == "allowed"


def test_prod_waits_until_it_has_soaked(gated: GitHub) -> None:
    tag = gated.app_commit()
    deploy(gated, "staging", tag, ago=timedelta(hours=3))
    number = propose(gated, {"envs/prod.json": tagged(tag)})

    early = check(gated, number)
    late = check(gated, number, now=NOW + timedelta(hours=21))

    assert (early.exit_code, early.outputs["reason"], early.outputs["decision"]) == (7, "soaking", "wait")
    assert early.outputs["opens-at"] == "2026-11-25T09:00:00+00:00"
    assert "has run in staging for 3 h of the required 1 d; the gate opens at 2026-11-25 09:00 UTC" in early.log
    assert "⏳ Waiting" in early.summary
    assert late.outputs["reason"] == "allowed"


def test_what_was_taken_out_of_staging_again_has_not_soaked(gated: GitHub) -> None:
    tag = gated.app_commit()
    deploy(gated, "staging", tag, ago=timedelta(days=3))
    deploy(gated, "staging", gated.app_commit(), ago=timedelta(days=3) - timedelta(hours=2))

    result = check(gated, propose(gated, {"envs/prod.json": tagged(tag)}))

    assert (result.outputs["reason"], result.outputs["decision"]) == ("not-promoted", "refuse")
    assert "for 2 h of the required 1 d and no longer runs there" in result.log


SATURDAY = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
OVERRIDE = "Change\n\nFreeze-override: the shop is down\n"


@pytest.mark.parametrize(
    ("message", "body", "labeled_by", "expected"),
    [
        pytest.param(OVERRIDE, "", "bob", "allowed", id="a reason in the commit and a label of somebody else"),
        pytest.param(OVERRIDE, "", "", "frozen", id="no label"),
        pytest.param("Change", "", "bob", "frozen", id="no reason"),
        pytest.param("Change", "Freeze-override: the shop is down\n", "bob", "frozen", id="a reason nobody approved"),
        pytest.param(OVERRIDE, "", "alice", "frozen", id="a label of the author"),
        pytest.param(OVERRIDE, "", BOT, "frozen", id="a label of a bot"),
    ],
)
def test_a_freeze_holds_until_its_end_unless_a_label_and_a_reason_override_it(
    gated: GitHub, message: str, body: str, labeled_by: str, expected: str
) -> None:
    tag = gated.app_commit()
    deploy(gated, "staging", tag, ago=timedelta(days=2))
    number = propose(gated, {"envs/prod.json": tagged(tag)}, message=message, body=body)
    if labeled_by:
        label(gated, number, labeled_by)

    result = check(gated, number, now=SATURDAY)

    assert result.outputs["reason"] == expected, result.log
    assert ("the freeze is overridden: the shop is down" in json.dumps(result.json("gates"))) is (expected == "allowed")
    assert result.outputs["opens-at"] == ("" if expected == "allowed" else "2026-11-30T07:00:00+00:00")


def label(github: GitHub, number: int, login: str) -> None:
    path = f"/repos/your-org/infra/issues/{number}/labels"
    github.person(login).api("POST", path, {"labels": ["freeze-override"]})


def test_a_label_counts_by_who_added_it_last(gated: GitHub) -> None:
    tag = gated.app_commit()
    deploy(gated, "staging", tag, ago=timedelta(days=2))
    number = propose(gated, {"envs/prod.json": tagged(tag)}, message=OVERRIDE)
    label(gated, number, "bob")
    path = f"/repos/your-org/infra/issues/{number}/labels/freeze-override"
    gated.person("alice").api("DELETE", path)
    removed = check(gated, number, now=SATURDAY)
    label(gated, number, "alice")

    assert (removed.outputs["reason"], check(gated, number, now=SATURDAY).outputs["reason"]) == ("frozen", "frozen")


def test_backwards_is_a_rollback_with_a_reason_to_what_ran_there(gated: GitHub) -> None:
    old, newer, newest = (gated.app_commit(name) for name in ("old", "newer", "newest"))
    deploy(gated, "dev", old, ago=timedelta(days=2))
    deploy(gated, "dev", newest, ago=timedelta(days=1))
    gated.world.app.checks.clear()  # what ran there was tested when it went there

    silent = check(gated, propose(gated, {"envs/dev.json": tagged(old)}))
    said = check(gated, propose(gated, {"envs/dev.json": tagged(old)}, message="Back\n\nReason: INC-7", branch="b"))
    never = check(gated, propose(gated, {"envs/dev.json": tagged(newer)}, message="Back\n\nReason: x", branch="c"))

    assert silent.outputs["decision"] == "refuse"
    assert ". If this is a rollback, give the reason in a trailer Reason" in silent.log
    assert said.outputs["reason"] == "allowed"
    assert "rollback to" in json.dumps(said.json("gates"))
    assert "never ran in dev" in never.log


def test_a_hotfix_is_not_reverted_silently(gated: GitHub) -> None:
    start = gated.world.app.git.head("main") or ""
    fix = gated.app_commit("Fix the login", branch="hotfixes/login", parent=start)
    deploy(gated, "dev", fix, ago=timedelta(days=1))
    without = gated.app_commit("A feature")

    refused = check(gated, propose(gated, {"envs/dev.json": tagged(without)}))
    allowed = check(
        gated, propose(gated, {"envs/dev.json": tagged(without)}, message="x\n\nAllow-diverged: not needed", branch="b")
    )

    assert (refused.exit_code, refused.outputs["reason"]) == (7, "diverged")
    assert f": {fix[:12]} Fix the login" in refused.log
    assert allowed.outputs["reason"] == "allowed"


def commit_to_main(github: GitHub, message: str, files: dict[str, bytes]) -> None:
    git, alice = github.world.app.git, github.sandbox.state.users["alice"].person
    sha = git.commit(parents=[git.head("main") or ""], message=message, author=alice, files=files)
    git.set_ref("refs/heads/main", sha)


@pytest.mark.parametrize("how", ["the same patch", "picked onto main", "picked from main"])
def test_a_hotfix_that_reached_the_default_branch_is_not_reverted(gated: GitHub, how: str) -> None:
    git, alice = gated.world.app.git, gated.sandbox.state.users["alice"].person
    start = git.head("main") or ""
    fix = {"fix": b"fixed"}
    on_main = "Fix it here"
    if how == "picked from main":
        source = git.commit(parents=[start], message="Fix", author=alice, files=fix)
        git.set_ref("refs/heads/main", source)
        message, parent, files = f"Fix\n\n(cherry picked from commit {source})", start, {"fix": b"fixed, otherwise"}
    else:
        message, parent, files = "Fix", start, fix
    hotfix = git.commit(parents=[parent], message=message, author=alice, files=files)
    git.set_ref("refs/heads/hotfixes/x", hotfix)
    deploy(gated, "dev", hotfix, ago=timedelta(days=1))
    gated.app_commit("A feature")
    if how == "the same patch":
        commit_to_main(gated, on_main, fix)
    if how == "picked onto main":
        text = f"{on_main}\n\n(cherry picked from commit {hotfix})"
        files = {"fix": b"fixed in another way"}
        commit_to_main(gated, text, files)
    tag = gated.app_commit("Another feature")

    result = check(gated, propose(gated, {"envs/dev.json": tagged(tag)}))

    assert result.outputs["reason"] == "allowed", result.log
    assert "has an equivalent of every deployed commit" in json.dumps(result.json("gates"))


def test_a_newer_version_without_the_fix_of_the_older_is_refused(gated: GitHub) -> None:
    """By precedence it is ahead; by what it holds it is not."""
    git = gated.world.app.git
    gated.release("1.4.2")
    fix = gated.app_commit("Fix", branch="hotfixes/1.4.3", parent=git.refs("refs/tags/1.4.2")["refs/tags/1.4.2"])
    git.set_ref("refs/tags/1.4.3", fix)
    gated.release("1.5.0")
    deploy(gated, "dev", "1.4.3", ago=timedelta(days=1))

    result = check(gated, propose(gated, {"envs/dev.json": tagged("1.5.0")}))

    assert result.outputs["reason"] == "diverged"
    assert f"{fix[:12]} Fix" in result.log


@pytest.mark.parametrize(
    ("files", "said"),
    [
        pytest.param({".github/workflows/deploy.yml": "x"}, ".github/workflows/deploy.yml", id="a workflow"),
        pytest.param({"envs/qa.json": tagged("1.0.0")}, "envs/qa.json", id="a new environment"),
        pytest.param({"envs/prod.json": None}, "envs/prod.json", id="an environment less"),
        pytest.param({"gitops.yml": GITOPS.replace("24h", "1m")}, "gitops.yml", id="the rules themselves"),
        pytest.param(
            {"envs/staging.json": '{"api": {"tag": "x", "url": "evil"}}'}, "envs/staging.json", id="a setting"
        ),
    ],
)
def test_a_bot_changes_tags_and_nothing_else(gated: GitHub, files: dict[str, str | None], said: str) -> None:
    text = gated.infra_file()
    tag = gated.app_commit()
    new = text.replace(json.loads(text)["api"]["tag"], tag)

    fine = check(gated, propose(gated, {"envs/dev.json": new}, by=BOT))
    foul = check(gated, propose(gated, {"envs/dev.json": new, **files}, by=BOT, branch="b"))
    person = check(gated, propose(gated, {"envs/dev.json": new, **files}, by="alice", branch="c"))

    assert fine.outputs["reason"] == "allowed", fine.log
    assert "foreign-files" in {entry["reason"] for entry in foul.json("gates")}
    assert f"gitops-bot may change only tags, but this pull request changes more in {said}" in foul.log
    assert "foreign-files" not in person.log


def test_dependabot_updates_what_workflows_use_and_no_env(gated: GitHub) -> None:
    """It can merge nothing, so its changes have their review like everybody's."""
    gated.sandbox.state.add_user("dependabot", kind="Bot")
    gated.world.tokens["dependabot"] = gated.sandbox.state.add_token("dependabot")
    gated.world.infra.members["dependabot"] = "write"
    update: dict[str, str | None] = {".github/workflows/gates.yml": "name: newer"}

    fine = check(gated, propose(gated, update, by="dependabot"))
    foul = check(
        gated, propose(gated, {**update, "envs/dev.json": tagged(gated.app_commit())}, by="dependabot", branch="b")
    )

    assert (fine.exit_code, fine.outputs["reason"]) == (0, "nothing-to-judge"), fine.log
    assert foul.outputs["reason"] == "foreign-files"


@pytest.mark.parametrize(
    ("text", "reason", "line"),
    [
        pytest.param('{"api": {"tag": }}', "invalid-env-file", 1, id="no JSON"),
        pytest.param('{"api": {"url": "x"}}', "no-tag", 1, id="a tag that is lost"),
        pytest.param('{"api": {"tag": ["x"]}}', "no-tag", 1, id="a tag that is a list"),
        pytest.param('{"api": {"tag": "a b"}}', "invalid-tag", 1, id="no tag"),
    ],
)
def test_an_env_file_keeps_its_shape(gated: GitHub, text: str, reason: str, line: int) -> None:
    result = check(gated, propose(gated, {"envs/dev.json": text}))

    assert result.outputs["reason"] == reason
    assert result.outputs["decision"] == "refuse"
    assert f"::error file=envs/dev.json,line={line}::" in result.log
    assert "**invalid-env-file**" in result.summary


def test_the_rules_are_those_before_the_pull_request(gated: GitHub) -> None:
    """Or it could open the gates for itself."""
    tag = gated.app_commit()
    lax = "environments: {dev: {review: none}, staging: {}, prod: {}}\nservices: {api: {repo: none}}\n"

    result = check(gated, propose(gated, {"gitops.yml": lax, "envs/prod.json": tagged(tag)}))

    assert result.outputs["reason"] == "not-promoted"


def test_a_gitops_yml_that_nobody_can_read_does_not_get_in(gated: GitHub) -> None:
    result = check(gated, propose(gated, {"gitops.yml": "environments:\n  dev: {soak: 1h}\n"}))

    assert (result.exit_code, result.outputs["reason"]) == (3, "invalid-config")
    assert "::error file=gitops.yml,line=2::" in result.log


def test_env_files_that_move_are_evaluated_at_their_new_place(gated: GitHub) -> None:
    tag = gated.app_commit("mine", branch="feature")
    files: dict[str, str | None] = {"gitops.yml": GITOPS + "files: e/{env}.json\n", "e/dev.json": tagged(tag)}
    files |= {f"e/{env}.json": gated.infra_file(f"envs/{env}.json") for env in ("staging", "prod")}

    result = check(gated, propose(gated, files))

    assert result.outputs["reason"] == "not-released"
    assert result.json("changes")[0]["file"] == "e/dev.json"


def test_a_new_service_is_evaluated_against_the_repository_named_with_it(gated: GitHub) -> None:
    files: dict[str, str | None] = {
        "gitops.yml": GITOPS.replace("services:\n", "services:\n  redis: {repo: none}\n"),
        "envs/dev.json": json.dumps({**json.loads(gated.infra_file()), "redis": {"tag": "7.4-alpine"}}),
    }

    assert check(gated, propose(gated, files)).outputs["reason"] == "allowed"


def test_what_cannot_be_read_keeps_the_gate_shut_and_is_named(gated: GitHub) -> None:
    number = propose(gated, {"envs/dev.json": tagged(gated.app_commit())})
    token = gated.sandbox.state.add_token("github-actions[bot]", of_run=True)
    gated.world.infra.members["github-actions[bot]"] = "write"

    result = check(gated, number, app_token=token)

    assert (result.exit_code, result.outputs["reason"]) == (7, "unknown")
    assert "your-org/app" in result.log
    assert "contents: read, pull requests: read" in result.log


def test_one_comment_is_kept_up_to_date(gated: GitHub) -> None:
    tag = gated.app_commit("mine", branch="feature")
    number = propose(gated, {"envs/dev.json": tagged(tag)})
    pull = gated.world.infra.pulls[number]

    check(gated, number)
    check(gated, number)
    refused = [comment.body for comment in pull.comments]
    gated.app_commit("x")
    gated.world.app.git.set_ref("refs/heads/main", tag)
    gated.report("gate", "success", tag, gated.world.app)
    check(gated, number)
    quiet = check(gated, number, comment="false")

    assert len(refused) == 1
    assert "❌ Blocked" in refused[0]
    assert [comment.body.splitlines()[0] for comment in pull.comments] == ["### ✅ Every gate is open"]
    assert quiet.exit_code == 0


def test_a_token_that_may_not_comment_still_evaluates_the_gates(gated: GitHub) -> None:
    number = propose(gated, {"envs/dev.json": tagged(gated.app_commit())})
    may = dict.fromkeys(["contents", "pull_requests", "actions", "deployments"], "read")
    reader = gated.sandbox.state.add_token(BOT, permissions=may)
    gated.runner.event("pull_request", gated.sandbox.payloads.pull_event(
        gated.world.infra, gated.world.infra.pulls[number].author, gated.world.infra.pulls[number], "opened"
    ))  # fmt: skip

    result = gated.runner.run(ACTION, token=reader)

    assert (result.exit_code, result.outputs["reason"]) == (0, "allowed")
    assert "::warning::no comment on #1" in result.log


@pytest.mark.parametrize("status", [403, 410, 422, 500])
def test_a_comment_that_cannot_be_posted_fails_no_check(gated: GitHub, status: int) -> None:
    """A locked or deleted conversation, an account that is blocked, GitHub itself."""
    number = propose(gated, {"envs/dev.json": tagged(gated.app_commit())})
    comment = "POST /repos/{owner}/{repo}/issues/{issue_number}/comments"
    gated.sandbox.faults.plan({comment: Fault(status=status, body={"message": "Unable to create comment"})})

    result = check(gated, number)

    assert (result.exit_code, result.outputs["reason"]) == (0, "allowed")
    assert "::warning::no comment on #1" in result.log


def test_a_merge_group_is_evaluated_by_its_content(gated: GitHub) -> None:
    tag = gated.app_commit("mine", branch="feature")
    number = propose(gated, {"envs/dev.json": tagged(tag)})
    head = gated.world.infra.pulls[number].head_sha
    ref = f"refs/heads/gh-readonly-queue/main/pr-{number}-{head}"
    group = {"head_sha": head, "head_ref": ref, "base_ref": "refs/heads/main"}
    gated.runner.event("merge_group", {"merge_group": group})

    assert gated.runner.run(ACTION, token=gated.bot).outputs["reason"] == "not-released"


def test_what_was_merged_and_not_recorded_has_not_run(gated: GitHub) -> None:
    tag = gated.app_commit()
    gated.world.infra.deployments.clear()
    gated.change_infra({"envs/dev.json": tagged(tag)})

    assert check(gated, propose(gated, {"envs/staging.json": tagged(tag)})).outputs["reason"] == "not-promoted"


def test_a_broken_file_can_be_mended(gated: GitHub) -> None:
    gated.change_infra({"envs/dev.json": "{"})

    person = check(gated, propose(gated, {"envs/dev.json": tagged(gated.app_commit())}))
    bot = check(gated, propose(gated, {"envs/dev.json": tagged(gated.app_commit())}, by=BOT, branch="b"))

    assert person.outputs["reason"] == "allowed"
    assert bot.outputs["reason"] == "foreign-files"


def test_an_environment_that_is_to_come_before_and_is_not_there_keeps_the_gate_shut(gated: GitHub) -> None:
    gated.change_infra({"envs/dev.json": None})
    number = propose(gated, {"envs/staging.json": tagged(gated.app_commit())})

    result = check(gated, number)

    assert result.outputs["reason"] == "unknown"
    assert "no environment 'dev'" in result.log


def test_a_head_that_github_does_not_show_is_an_error(gated: GitHub) -> None:
    number = propose(gated, {"envs/dev.json": tagged(gated.app_commit())})
    pull = gated.world.infra.pulls[number]
    payload = gated.sandbox.payloads.pull_event(gated.world.infra, pull.author, pull, "opened")
    payload["pull_request"]["head"]["sha"] = "f" * 40
    gated.runner.event("pull_request", payload)

    result = gated.runner.run(ACTION, token=gated.bot)

    assert (result.exit_code, result.outputs["reason"], result.outputs["decision"]) == (
        6,
        "permission-denied",
        "refuse",
    )


def test_the_inputs_are_checked(gated: GitHub) -> None:
    result = gated.runner.run(ACTION, token=gated.bot, app_repo="app")

    assert (result.exit_code, result.outputs["reason"]) == (2, "invalid-input")


def test_commits_that_the_app_does_not_have_have_no_equivalent(gated: GitHub) -> None:
    app = AppRepository(Client("your-org/app", gated.bot, gated.sandbox.environment()))

    assert app.lost_commits("f" * 40, gated.app_commit()) == ("commits that do not exist in your-org/app",)


def test_a_commit_far_back_on_main_was_released(gated: GitHub) -> None:
    """Further than is read at once."""
    tag = gated.app_commit("old")
    git = gated.world.app.git
    bob = gated.sandbox.state.users["bob"].person
    for n in range(101):
        head = git.commit(parents=[git.head("main") or ""], message=str(n), author=bob)
        git.set_ref("refs/heads/main", head)

    assert check(gated, propose(gated, {"envs/dev.json": tagged(tag)})).outputs["reason"] == "allowed"


@pytest.mark.parametrize(
    ("files", "reason", "said"),
    [
        pytest.param({"envs/qa.json": "{}", "gitops.yml": QA}, "nothing-to-judge", "", id="with its name"),
        pytest.param({"envs/qa.json": "{}"}, "invalid-config", "does not name 'qa', which has", id="a file alone"),
        pytest.param({"gitops.yml": QA}, "invalid-config", "names 'qa', which has no file", id="a name alone"),
        pytest.param({"envs/prod.json": None}, "invalid-config", "names 'prod', which has no file", id="a file goes"),
        pytest.param(
            {"envs/prod.json": None, "envs/Prod.json": "{}"}, "invalid-config", "does not name 'Prod'",
            id="a file under another name",
        ),
        pytest.param({"gitops.yml": "services: {}\n"}, "nothing-to-judge", "", id="no name at all"),
    ],
)  # fmt: skip
def test_an_environment_has_a_name_and_a_file(
    gated: GitHub, files: dict[str, str | None], reason: str, said: str
) -> None:
    """Else a file of another name would have no rules, and deploy to the same environment: GitHub ignores case."""
    result = check(gated, propose(gated, files))

    assert result.outputs["reason"] == reason, result.log
    assert said in result.log


def test_deployments_that_cannot_be_read_are_unknown_where_no_tag_is_in_place(gated: GitHub) -> None:
    gated.change_infra({"envs/dev.json": tagged("")})
    number = propose(gated, {"envs/dev.json": tagged(gated.app_commit())})
    permissions = {"contents": "read", "pull_requests": "write", "checks": "read", "deployments": "none"}
    token = gated.sandbox.state.add_token(BOT, permissions=permissions)

    result = check(gated, number, token=token, app_token=gated.bot)

    assert (result.exit_code, result.outputs["reason"]) == (7, "unknown"), result.log
    assert "deployments: read" in result.log
    assert "Traceback" not in result.log


def test_a_new_environment_may_have_a_tag_at_once(gated: GitHub) -> None:
    """Nothing ran there that the tag could be compared with."""
    result = check(gated, propose(gated, {"envs/qa.json": tagged(gated.app_commit()), "gitops.yml": QA}))

    assert (result.exit_code, result.outputs["reason"]) == (0, "allowed"), result.log


def test_attack_git_tag_with_the_name_of_a_branch(gated: GitHub) -> None:
    """Whoever may push could have their own commit judged as released, and by their own rules."""
    app, infra = gated.world.app.git, gated.world.infra.git
    mine = gated.app_commit("mine", branch="feature")
    lax = infra.commit(
        parents=[infra.head("main") or ""],
        message="Lax",
        author=gated.sandbox.state.users["alice"].person,
        files={"gitops.yml": b"services: {api: {repo: none}}\n"},
    )
    app.set_ref("refs/tags/main", mine)
    infra.set_ref("refs/tags/main", lax)
    infra.set_ref("refs/tags/heads/main", lax)

    result = check(gated, propose(gated, {"envs/dev.json": tagged(mine)}))

    assert (result.exit_code, result.outputs["reason"]) == (7, "not-released"), result.log


def test_a_version_that_two_git_tags_name_differently_is_refused(gated: GitHub) -> None:
    """One of them could have been made for the change, and the other one be what was built."""
    git = gated.world.app.git
    git.set_ref("refs/tags/1.5.0", gated.app_commit("one"))
    git.set_ref("refs/tags/v1.5.0", gated.app_commit("other"))
    git.set_ref("refs/tags/1.6.0", gated.app_commit("both"))
    git.set_ref("refs/tags/v1.6.0", git.head("main") or "")

    odd = check(gated, propose(gated, {"envs/dev.json": tagged("1.5.0")}))
    fine = check(gated, propose(gated, {"envs/dev.json": tagged("1.6.0")}, branch="b"))

    assert (odd.exit_code, odd.outputs["reason"]) == (7, "unknown"), odd.log
    assert "which commit 1.5.0 is, because your-org/app has several: " in odd.log
    assert fine.outputs["reason"] == "allowed", fine.log


def test_a_change_of_the_rules_is_told_in_words(gated: GitHub) -> None:
    """Nothing but a review judges it, so the reviewer has to understand it."""
    number = propose(gated, {"gitops.yml": QA.replace("soak: 24h", "soak: 1h"), "envs/qa.json": "{}"})

    result = check(gated, number)

    (comment,) = gated.world.infra.pulls[number].comments
    for text in (result.summary, comment.body):
        assert "- ⚠️ loosens: prod: soak 1 d → 1 h\n- qa: new\n" in text.replace("&#58;", ":")
    assert result.outputs["reason"] == "nothing-to-judge"


def test_a_change_of_the_rules_is_told_beside_the_gates(gated: GitHub) -> None:
    files: dict[str, str | None] = {"gitops.yml": GITOPS.replace("bots: [gitops-bot]", "bots: []")}
    number = propose(gated, files | {"envs/dev.json": tagged(gated.app_commit())})

    result = check(gated, number)

    assert result.outputs["reason"] == "allowed"
    assert "loosens: bots: gitops-bot is no bot any more" in result.summary.replace("&#58;", ":")
