"""action-export-evidence on real histories: what is as it should be passes, and each thing that is not is found."""

from __future__ import annotations

import csv
import json
import re
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest

from actions.evidence.chain import Chain
from sandbox.delivery import tagged
from sandbox.faults import Fault
from sandbox.gitrepo import BRANCH
from sandbox.state import Activity, Review, WorkflowRun
from sandbox.world import AUDITED, BOT, GUARD
from tests.sandbox.exported import APP, FILE, INFRA, TREE, Exported, exceptions, told

if TYPE_CHECKING:
    from tests.support import Result


def test_what_is_as_it_should_be_passes(delivery: Exported) -> None:
    tag = delivery.release(message="Greet everybody\n\nFixes SHOP-12")
    sha = delivery.bump(tag, message="Update prod\n\nRequested-by: olivia")

    result = delivery.export()

    record = delivery.last(result)
    assert record["exceptions"] == []
    assert (record["result"], record["kind"], record["commit"]["sha"]) == ("pass", "update", sha)
    assert (record["approved_by"], record["commit"]["pull"]["merged_by"]) == ("bob", "alice")
    assert record["commit"]["pull"]["requesters"] == ["olivia"]
    assert record["commit"]["pull"]["last_pusher"] == "alice"
    assert (record["movement"]["kind"], record["suite"]["result"]) == ("pr_merge", "pass")
    assert [rules["name"] for rules in record["rules"]] == ["main"]
    (move,) = record["moves"]
    assert (move["service"], move["after"], move["released"], move["order"]) == ("api", tag, "default-branch", "ahead")
    assert [(commit["sha"], commit["approved_by"]) for commit in move["commits"]] == [(tag, "bob")]
    assert result.json("exceptions") == []
    assert (result.outputs["changes"], result.outputs["new"], result.outputs["reason"]) == ("2", "2", "exported")
    assert "✅ Evidence of prod" in result.summary
    assert delivery.github.runner.read("evidence/evidence.csv").count("\n") == 3
    assert "<h1>Changes to prod in your-org/infra</h1>" in delivery.github.runner.read("evidence/evidence.html")


def test_a_rollback_and_a_hotfix_are_recognized_and_pass(delivery: Exported) -> None:
    github, start = delivery.github, delivery.github.world.app.git.head("main") or ""
    delivery.bump(delivery.release())
    delivery.bump(start, message="Roll back prod\n\nReason: it is bad")
    back = delivery.last()
    bot = github.sandbox.state.tokens[github.bot]
    github.sandbox.behaviour.update_ref(github.world.app, bot, BRANCH + "hotfixes/urgent", start)
    fixed = delivery.release(base="hotfixes/urgent")
    delivery.bump(fixed)
    fix = delivery.last()

    assert (back["kind"], back["emergency"], back["reason"], back["result"]) == ("rollback", True, "it is bad", "pass")
    assert (fix["kind"], fix["emergency"], fix["moves"][0]["released"], fix["result"]) == (
        "hotfix", True, "hotfix", "pass",
    )  # fmt: skip


def test_what_is_there_is_not_written_again(delivery: Exported) -> None:
    delivery.bump(delivery.release())
    first = delivery.export()
    before = delivery.github.runner.read(FILE)

    again = delivery.export(head=first.outputs["head"])
    delivery.bump(delivery.release())
    more = delivery.export(head=first.outputs["head"])

    assert (again.outputs["new"], again.outputs["reason"]) == ("0", "up-to-date")
    assert (more.outputs["new"], more.outputs["changes"]) == ("1", "3")
    assert delivery.github.runner.read(FILE).startswith(before)


# Each exception, produced on purpose


def test_a_direct_push_is_found(delivery: Exported) -> None:
    delivery.without_rules()
    delivery.deploy(
        delivery.push(delivery.github.world.infra, "main", {"envs/prod.json": tagged("x")}, message="x", by="olivia")
    )

    assert exceptions(delivery.last()) == ["direct-push", "no-pull-request", "no-rules", "unreleased-tag", "unsigned"]


def test_what_nobody_approved_is_found_and_that_the_review_was_bypassed(delivery: Exported) -> None:
    delivery.bump(delivery.release(), by=BOT, approved_by="", merged_by=BOT)

    record = delivery.last()
    assert exceptions(record) == ["bypass-without-reason", "not-approved"]
    assert [rule["rule"] for rule in record["suite"]["evaluated"] if rule["result"] == "fail"] == ["pull_request"]
    assert "gitops-bot[bot] bypassed pull_request (main)" in str(record["exceptions"])


def test_a_bypass_with_a_reason_is_none_but_the_approval_lacks_still(delivery: Exported) -> None:
    message = "Update prod\n\nReason: the shop is down"
    delivery.bump(delivery.release(), by=BOT, approved_by="", merged_by=BOT, message=message)

    assert exceptions(delivery.last()) == ["not-approved"]


def test_where_no_review_is_needed_none_is_missed(delivery: Exported) -> None:
    delivery.bump(delivery.release(), env="dev", by=BOT, approved_by="", merged_by=BOT)

    assert delivery.last(delivery.export(env="dev"))["result"] == "pass"


@pytest.mark.parametrize(
    ("message", "merged_by"),
    [
        pytest.param("x\n\nCo-authored-by: Bob <1+bob@users.noreply.github.com>", "alice", id="a co-author"),
        pytest.param("x\n\nRequested-by: bob", "alice", id="who had a bot make it"),
        pytest.param("x", "bob", id="who merged it"),
    ],
)
def test_an_approval_of_somebody_who_had_a_part_in_it_is_found(
    delivery: Exported, message: str, merged_by: str
) -> None:
    delivery.bump(delivery.release(), message=message, merged_by=merged_by)

    assert exceptions(delivery.last()) == ["self-approved"]


def test_an_approval_of_who_pushed_last_is_found(delivery: Exported) -> None:
    """Rules that say `require_last_push_approval` would not let it go."""
    infra = delivery.github.world.infra
    tag = delivery.release()
    delivery.without_rules()
    number = delivery.propose(infra, {"envs/prod.json": tagged(tag)}, message="Change")
    head = delivery.push(infra, infra.pulls[number].head, {"more": "x"}, message="x\n", by="bob")
    infra.authors[head] = delivery.github.sandbox.state.users["alice"]
    delivery.github.report("test", "success", head)
    delivery.github.person("bob").approve(INFRA, number)
    delivery.deploy(delivery.github.person("alice").merge(INFRA, number))

    record = delivery.last()
    assert (exceptions(record), record["commit"]["pull"]["last_pusher"]) == (["no-rules", "self-approved"], "bob")


def test_an_approval_of_another_commit_is_found(delivery: Exported) -> None:
    tag = delivery.release()
    delivery.without_rules()
    delivery.bump(tag)
    delivery.newest.reviews[0].commit = tag

    assert exceptions(delivery.last()) == ["no-rules", "stale-approval"]


def test_what_nobody_knows_who_wrote_it_is_found(delivery: Exported) -> None:
    delivery.bump(delivery.release())
    head = delivery.newest.head_sha
    git = delivery.github.world.infra.git
    del delivery.github.world.infra.authors[head]
    delivery.github.sandbox.state.users["alice"].login = "somebody"

    record = delivery.last()
    assert git.head("main") == record["commit"]["sha"]
    assert "unknown" in exceptions(record)
    assert "the e-mail address belongs to no GitHub account" in str(record["exceptions"])


@pytest.mark.parametrize(
    ("conclusion", "app", "found"),
    [
        ("failure", 15368, "check-missing"),
        ("success", 1, "check-missing"),
        ("skipped", 15368, "check-skipped"),
        ("neutral", 15368, ""),
    ],
)
def test_a_check_that_did_not_succeed_is_found(delivery: Exported, conclusion: str, app: int, found: str) -> None:
    delivery.bump(delivery.release())
    for check in delivery.github.world.infra.checks:
        check.conclusion, check.app = conclusion, app

    assert exceptions(delivery.last()) == ([found] if found else [])


def test_without_any_check_that_is_found_too(delivery: Exported) -> None:
    tag = delivery.release()
    delivery.github.world.infra.rulesets.clear()
    delivery.bump(tag, check=None)

    assert set(exceptions(delivery.last())) - {"no-rules"} == {"check-missing"}


@pytest.mark.parametrize(("conclusion", "found"), [("failure", "check-missing"), ("skipped", "check-skipped")])
def test_a_check_of_the_app_that_did_not_succeed_is_found(delivery: Exported, conclusion: str, found: str) -> None:
    tag = delivery.release()
    delivery.bump(tag)
    for check in delivery.github.world.app.checks:
        if check.sha == tag:
            check.conclusion = conclusion

    assert exceptions(delivery.last()) == [found]


def test_what_is_not_deployed_is_found_until_it_is(delivery: Exported) -> None:
    sha = delivery.bump(delivery.release(), deploy=False)
    delivery.deploy(sha, state="failure")
    before = delivery.export()
    first = delivery.last(before)
    delivery.deploy(sha)

    after = delivery.export()

    assert exceptions(first) == ["change-without-deployment"]
    assert before.json("exceptions")[0]["exception"] == "change-without-deployment"
    assert "❌" in before.summary
    assert after.json("exceptions") == []
    amendment = delivery.records(after)[-1]
    assert (amendment["record"], amendment["undeployed"]) == ("amendment", [])
    assert amendment["deployments"][0]["failed_before"] == 1


def test_a_later_deployment_has_what_came_before_it(delivery: Exported) -> None:
    delivery.bump(delivery.release(), deploy=False)
    delivery.bump(delivery.release())

    assert delivery.export().json("exceptions") == []


def test_a_job_that_was_overtaken_deployed_nothing(delivery: Exported) -> None:
    """GitHub records a success for it all the same."""
    old = delivery.bump(delivery.release(), deploy=False)
    new = delivery.bump(delivery.release())
    delivery.deploy(old)

    assert {each["deployments"][0]["sha"] for each in delivery.records()[2:]} == {new}


def test_formatting_alone_is_not_deployed_and_settings_are(delivery: Exported) -> None:
    infra = delivery.github.world.infra
    tag = delivery.github.world.app.git.head("main") or ""
    delivery.bump(tag)
    delivery.land(infra, {"envs/prod.json": json.dumps({"api": {"tag": tag}})})
    formatting = delivery.last()
    delivery.land(infra, {"envs/prod.json": tagged(tag, replicas=3)})
    settings = delivery.last()

    assert (formatting["kind"], formatting["result"]) == ("settings", "pass")
    assert (settings["kind"], exceptions(settings)) == ("settings", ["change-without-deployment"])


def test_an_environment_that_goes_is_a_change_without_a_deployment(delivery: Exported) -> None:
    delivery.land(delivery.github.world.infra, {"envs/prod.json": None})

    record = delivery.last()
    assert (record["moves"][0]["after"], record["result"]) == ("", "pass")


def test_each_service_must_be_deployed(delivery: Exported) -> None:
    infra = delivery.github.world.infra
    delivery.land(infra, {"gitops.yml": "environments: {prod: {}}\nservices: {api: {repo: none}, web: {repo: none}}\n"})
    sha = delivery.land(infra, {"envs/prod.json": '{"api": {"tag": "1"}, "web": {"tag": "1"}}'})
    delivery.deploy(sha, "prod/web")
    first = delivery.last()
    both = delivery.land(infra, {"envs/prod.json": '{"api": {"tag": "2"}, "web": {"tag": "2"}}'})
    delivery.deploy(both, "prod/api", "success")
    second = delivery.export()
    delivery.land(infra, {"envs/prod.json": '{"api": {"tag": "2"}}'})
    gone = delivery.last()

    assert first["exceptions"][0]["detail"].endswith(": api")
    assert [found["detail"].rpartition(": ")[2] for found in second.json("exceptions")] == ["web"]
    assert "not deployed to prod as of" in str(gone["exceptions"])


def test_a_deployment_of_what_is_not_on_the_branch_is_found(delivery: Exported) -> None:
    infra = delivery.github.world.infra
    delivery.deploy(delivery.push(infra, "elsewhere", {"envs/prod.json": tagged("x")}, message="x", base="main"))

    result = delivery.export()
    again = delivery.export()

    assert [found["exception"] for found in result.json("exceptions")] == ["deployment-without-change"]
    assert again.outputs["reason"] == "up-to-date"
    assert "elsewhere" not in result.log
    assert "deployment-without-change" in delivery.github.runner.read("evidence/evidence.csv")


@pytest.mark.parametrize("how", ["a branch", "nowhere"])
def test_a_tag_that_was_not_released_is_found(delivery: Exported, how: str) -> None:
    app = delivery.github.world.app
    tag = delivery.push(app, "mine", {"x": "x"}, message="x", base="main") if how == "a branch" else "a" * 40
    delivery.bump(tag)

    assert "unreleased-tag" in exceptions(delivery.last())


def test_a_commit_of_the_app_without_a_pull_request_is_found(delivery: Exported) -> None:
    delivery.bump(delivery.github.app_commit())

    assert exceptions(delivery.last()) == ["no-pull-request"]


def test_a_commit_of_the_app_that_nobody_independent_approved_is_found(delivery: Exported) -> None:
    delivery.bump(delivery.release(message="x\n\nCo-authored-by: Bob <1+bob@users.noreply.github.com>"))

    record = delivery.last()
    assert exceptions(record) == ["self-approved"]
    assert "your-org/app#1: bob approved it and contributed to it" in str(record["exceptions"])


@pytest.mark.parametrize(
    ("rule", "config", "expected"),
    [
        pytest.param({"integration_id": 99}, "", ["check-missing", "unknown"], id="of another App"),
        pytest.param({"integration_id": 99}, ", checks: [gate]", [], id="of another App, and a job is named"),
        pytest.param({}, ", checks: [other]", ["check-missing"], id="a job that did not run"),
        pytest.param({}, ", checks: none", [], id="none"),
    ],
)
def test_the_checks_of_the_app_are_those_that_gitops_yml_names(
    delivery: Exported, rule: dict[str, int], config: str, expected: list[str]
) -> None:
    text = delivery.github.infra_file("gitops.yml").replace("repo: your-org/app", f"repo: your-org/app{config}")
    delivery.land(delivery.world.infra, {"gitops.yml": text})
    tag, main = delivery.release(), delivery.world.app.ruleset("main")
    (checks,) = [found for found in main["rules"] if found["type"] == "required_status_checks"]
    checks["parameters"]["required_status_checks"][0] |= rule
    delivery.bump(tag)

    assert sorted(exceptions(delivery.last())) == expected


# What cannot be read


READS_APP = dict.fromkeys(("contents", "pull_requests", "checks", "actions"), "read")


def with_statuses(delivery: Exported) -> None:
    """Have a tag deployed, with commit statuses beside the checks, and rules that changed since."""
    tag = delivery.release()
    app, infra = delivery.world.app, delivery.world.infra
    number = delivery.propose(infra, {"envs/prod.json": tagged(tag)}, message="Change")
    head = infra.pulls[number].head_sha
    for name in ("test", "gates"):
        delivery.github.report(name, "success", head)
    for repo, sha in ((app, tag), (infra, head)):
        path = f"/repos/{repo.full_name}/statuses/{sha}"
        delivery.person("olivia").api("POST", path, {"state": "success", "context": "scan"})
    delivery.person("bob").approve(INFRA, number)
    delivery.deploy(delivery.person("alice").merge(INFRA, number))
    infra.ruleset("main")["updated_at"] = "2099-01-01T00:00:00Z"


def exported_by_apps(delivery: Exported, infra: dict[str, str], app: dict[str, str]) -> Result:
    """Export with the tokens of two Apps of so much."""
    state = delivery.sandbox.state
    state.add_user("reader[bot]", kind="Bot")
    delivery.world.app.members["reader[bot]"] = "read"
    given = {
        "token": state.add_token(GUARD, permissions=infra),
        "app-token": state.add_token("reader[bot]", permissions=app),
    }
    return delivery.export(**given)


def test_the_documented_permissions_suffice(delivery: Exported) -> None:
    with_statuses(delivery)

    result = exported_by_apps(delivery, AUDITED, READS_APP)

    assert (delivery.last(result)["unknown"], delivery.last(result)["exceptions"]) == ([], [])


@pytest.mark.parametrize(
    ("lacking", "named"),
    [
        ({"administration": "none"}, "administration: read"),
        ({"actions": "none"}, "actions: read"),
        ({"checks": "none"}, "checks: read"),
        ({"statuses": "none"}, "commit statuses: read"),
        ({"deployments": "none"}, "deployments: read"),
        ({"pull_requests": "none"}, "pull requests: read"),
        ({"contents": "none"}, "contents: read"),
    ],
    ids=str,
)
def test_what_the_token_may_not_read_is_named(delivery: Exported, lacking: dict[str, str], named: str) -> None:
    with_statuses(delivery)

    result = exported_by_apps(delivery, AUDITED | lacking, READS_APP)

    if result.outputs["reason"] == "permission-denied":
        assert re.search(f"your-org/infra, or cannot see it: it needs '[^']*{named}", result.log)
    else:
        record = delivery.last(result)
        assert [text for text in record["unknown"] if named in text], record["unknown"]
        assert "unknown" in exceptions(record)


@pytest.mark.parametrize("lacking", READS_APP)
def test_what_the_app_token_may_not_read_is_named(delivery: Exported, lacking: str) -> None:
    with_statuses(delivery)
    named = {"pull_requests": "pull requests"}.get(lacking, lacking)

    record = delivery.last(exported_by_apps(delivery, AUDITED, {**READS_APP, lacking: "none"}))

    assert [text for text in record["unknown"] if f"{named}: read" in text], record["unknown"]
    assert "unknown" in exceptions(record)


def test_the_rules_are_those_of_the_time(delivery: Exported) -> None:
    """As they are today, if they have not changed since; else by what GitHub evaluated then."""
    infra = delivery.github.world.infra
    delivery.bump(delivery.release())
    before = delivery.last()
    now = infra.ruleset("main")
    future = "2099-01-01T00:00:00Z"
    infra.rulesets.append({**now, "id": 77, "name": "new", "created_at": future, "updated_at": future})
    infra.rulesets.append({**now, "id": 78, "name": "off", "enforcement": "disabled"})
    infra.rulesets.append({**now, "id": 79, "name": "tags", "target": "tag"})
    infra.rulesets.append(
        {**now, "id": 80, "name": "else", "conditions": {"ref_name": {"include": ["refs/heads/x"], "exclude": []}}}
    )
    since = now["updated_at"]
    now["updated_at"], now["enforcement"] = future, "disabled"
    (delivery.github.runner.workspace / FILE).unlink()

    (then,), (later,) = before["rules"], delivery.last()["rules"]

    assert (then["name"], then["since"], len(then["sha256"])) == ("main", since, 64)
    assert then["bypass"] == [f"Integration {delivery.sandbox.state.users[BOT].id} (pull_request)"]
    assert (later["name"], later["since"], later["sha256"], later["bypass"]) == ("main", "", "", None)
    assert "pull_request" in later["rules"]


def test_without_any_rule_evaluation_nothing_is_known_of_them(delivery: Exported) -> None:
    """Not every plan of GitHub has them."""
    delivery.bump(delivery.release())
    delivery.world.infra.rule_suites.clear()

    assert delivery.last()["unknown"] == ["rule evaluations (GitHub lists none at all, which not every plan has)"]


def test_without_any_rule_that_is_found(delivery: Exported) -> None:
    delivery.without_rules()
    delivery.bump(delivery.release())
    delivery.world.infra.rule_suites.clear()

    assert exceptions(delivery.last()) == ["no-rules"]


def test_rules_that_were_off_for_a_minute_are_found(delivery: Exported) -> None:
    delivery.bump(delivery.release())
    main = delivery.github.world.infra.ruleset("main")
    main["enforcement"] = "disabled"
    delivery.bump(delivery.release(), approved_by="")
    main["enforcement"] = "active"

    record = delivery.last()

    assert exceptions(record) == ["no-rules", "not-approved"]
    assert "evaluated: none at all" in str(record["exceptions"])
    assert record["suite"]["result"] == "none"


def test_rules_that_ask_for_no_pull_request_are_not_enough(delivery: Exported) -> None:
    main = delivery.github.world.infra.ruleset("main")
    main["rules"] = [rule for rule in main["rules"] if rule["type"] != "pull_request"]
    delivery.bump(delivery.release())

    assert exceptions(delivery.last()) == ["no-rules"]


def test_the_result_of_rule_evaluation_is_unknown_after_a_month(delivery: Exported) -> None:
    delivery.bump(delivery.release())
    delivery.github.world.infra.rule_suites.clear()
    delivery.now = datetime.now(UTC) + timedelta(days=40)

    assert "rule evaluations (GitHub keeps them for a month)" in delivery.last()["unknown"]


def test_who_pushed_last_is_unknown_where_github_does_not_say(delivery: Exported) -> None:
    delivery.bump(delivery.release())
    for repo in (delivery.github.world.infra, delivery.github.world.app):
        repo.activities = [each for each in repo.activities if each.ref == BRANCH + "main"]

    unknown = delivery.last()["unknown"]
    assert [text.split(" (#")[0] for text in unknown] == [
        "the last pusher of your-org/infra#1 (change-2)",
        "the last pusher of your-org/app#1 (change-1)",
    ]


def test_how_it_came_to_the_branch_is_unknown_where_github_does_not_say(delivery: Exported) -> None:
    sha = delivery.bump(delivery.release())
    delivery.world.infra.activities = [each for each in delivery.world.infra.activities if each.ref != BRANCH + "main"]

    assert delivery.last()["unknown"] == [f"the push or merge that brought {sha[:12]} to main"]


def test_without_any_change_there_is_a_file_that_says_so(delivery: Exported) -> None:
    result = delivery.export(since="2099-01-01")

    assert (result.outputs["changes"], result.outputs["reason"]) == ("0", "exported")
    assert len(delivery.records(result)) == 1
    assert "no change" in delivery.github.runner.read("evidence/evidence.html")


def test_activity_is_read_no_further_than_it_is_needed(delivery: Exported) -> None:
    delivery.bump(delivery.release())
    activities = delivery.github.world.infra.activities
    old = Activity(
        0,
        BRANCH + "old",
        "a" * 40,
        "b" * 40,
        "push",
        delivery.github.sandbox.state.users["bob"],
        "2020-01-01T00:00:00Z",
    )
    activities[:0] = [old] * 250
    delivery.github.operations()

    assert delivery.last()["result"] == "pass"
    assert delivery.github.operations().count("GET /repos/{owner}/{repo}/activity") == 2


def test_activity_that_may_not_be_read_is_unknown_once(delivery: Exported) -> None:
    delivery.bump(delivery.release())
    refused = Fault(status=403, body={"message": "Resource not accessible by personal access token"})
    result = delivery.export_again({"GET /repos/{owner}/{repo}/activity": refused})

    unknown = delivery.last(result)["unknown"]
    assert [text.partition(" (")[0] for text in unknown] == [f"branch activity of {repo}" for repo in (INFRA, APP)]


def test_an_app_that_may_not_be_seen_is_unknown(delivery: Exported) -> None:
    github = delivery.github
    delivery.bump(delivery.release())
    del github.world.app.members["alice"]

    record = delivery.last(delivery.export(app_token=github.world.tokens["alice"]))

    assert APP in str(record["unknown"])
    assert exceptions(record) == ["unknown"]


def test_an_env_file_that_nobody_could_read_is_unknown(delivery: Exported) -> None:
    tag = delivery.release()
    delivery.land(delivery.github.world.infra, {"envs/prod.json": "{"})
    broken = delivery.last()
    delivery.bump(tag)
    mended = delivery.last()

    assert "the content of envs/prod.json" in str(broken["unknown"])
    assert {"unknown", "change-without-deployment"} == set(exceptions(broken))
    assert "the content of envs/prod.json" in str(mended["unknown"])


def test_an_app_that_answers_with_an_error_is_unknown(delivery: Exported) -> None:
    tag = delivery.release()
    delivery.bump(tag)

    # After infra, the app is asked for the pull requests of all tags at once, and then for those of each.
    fault = Fault(status=400, body={"message": "Something is wrong"})
    result = delivery.export_again({("query pullRequest", 2): fault, ("query pullRequest", 3): fault})

    assert [f"api {tag[:12]} (GitHub answered 400 for {APP}: Something is wrong)"] == delivery.last(result)["unknown"]


# Where the files are


def test_files_that_were_elsewhere_before_are_looked_at_too(delivery: Exported) -> None:
    infra = delivery.github.world.infra
    tag = delivery.release()
    delivery.bump(tag)
    delivery.land(
        infra,
        {"gitops.yml": "files: config/{env}.json\nservices: {api: {repo: your-org/app}}\n",
         "envs/prod.json": None, "config/prod.json": tagged(tag)},
    )  # fmt: skip
    sha = delivery.land(infra, {"config/prod.json": tagged(delivery.release())})
    delivery.deploy(sha)

    records = delivery.records()
    assert [record["moves"][0]["file"] for record in records[1:] if record["moves"]] == [
        "envs/prod.json", "envs/prod.json", "config/prod.json",
    ]  # fmt: skip
    assert [record["result"] for record in records[1:]] == ["pass"] * 4


def test_a_service_that_is_gone_with_its_file_is_looked_at_too(delivery: Exported) -> None:
    infra = delivery.github.world.infra
    config = (
        "files: charts/{service}/values-{env}.yaml\ntag: image.tag\nservices: {api: {repo: none}, web: {repo: none}}\n"
    )
    values = {
        f"charts/{name}/values-{env}.yaml": "image:\n  tag: 1\n" for name in ("api", "web") for env in ("dev", "prod")
    }
    delivery.land(infra, {"gitops.yml": config, "envs/prod.json": None, **values})
    delivery.land(infra, {"charts/web/values-dev.yaml": "image:\n  tag: 2\n"})
    delivery.land(infra, {"charts/web/values-prod.yaml": "image:\n  tag: 2\n"})
    delivery.land(infra, {"charts/web/values-prod.yaml": None})

    records = delivery.records()[2:]

    moves = [[(m["service"], m["before"], m["after"]) for m in record["moves"]] for record in records]
    assert [record["moves"][0]["file"] for record in records[1:]] == ["charts/web/values-prod.yaml"] * 2
    assert moves == [
        [("api", delivery.github.world.app.git.head("main"), "1"), ("web", "", "1")],
        [("web", "1", "2")],
        [("web", "2", "")],
    ]


def test_a_gitops_yml_that_cannot_be_read_is_unknown(delivery: Exported) -> None:
    delivery.land(delivery.github.world.infra, {"gitops.yml": "environments: ["})
    broken = delivery.last()
    delivery.bump(delivery.release())

    assert [exceptions(broken), exceptions(delivery.last())] == [["unknown"], ["unknown"]]
    assert "the content of gitops.yml (gitops.yml:2: not YAML" in broken["unknown"][0]


def test_a_gitops_yml_that_names_other_files_is_a_change_itself(delivery: Exported) -> None:
    infra = delivery.github.world.infra
    delivery.land(infra, {"config/prod.json": tagged("1")})
    delivery.land(infra, {"README.md": "of nothing"})
    sha = delivery.land(infra, {"gitops.yml": "files: config/{env}.json\nservices: {api: {repo: none}}\n"})
    delivery.deploy(sha)

    first, change = delivery.records()[1:]

    assert [move["after"] for move in (*first["moves"], *change["moves"])] == [first["tags"]["api"], "1"]
    assert (change["commit"]["sha"], change["kind"]) == (sha, "update")
    assert exceptions(change) == [
        "unreleased-tag"
    ]  # who says in the same change that there is no repository is not heard


@pytest.mark.parametrize("since", ["1 hour from now", "never"])
def test_the_evidence_begins_where_it_is_told(delivery: Exported, monkeypatch: pytest.MonkeyPatch, since: str) -> None:
    """What was deployed before, and is on the branch, is none of it. A commit says of itself when it was made."""
    first = delivery.github.world.infra.git.head("main")
    begins = f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%d %H:%M:%S}" if since != "never" else "2000-01-01"
    monkeypatch.setattr("sandbox.gitrepo.time.time", (datetime.now(UTC) + timedelta(hours=2)).timestamp)
    one = delivery.bump(delivery.release())
    monkeypatch.setattr("sandbox.gitrepo.time.time", (datetime.now(UTC) - timedelta(days=9)).timestamp)
    two = delivery.bump(delivery.release())

    records = delivery.records(delivery.export(since=begins))

    assert records[0]["after"] == (first if since != "never" else "")
    changes = [record["commit"]["sha"] for record in records[1:]]
    assert changes == [*([first] if since == "never" else []), one, two]
    assert delivery.export().outputs["reason"] == "up-to-date"


def test_long_histories_are_read_page_by_page(delivery: Exported) -> None:
    tag = delivery.release()
    delivery.bump(tag)
    for number in range(101):
        delivery.github.change_infra({"note": str(number)})
        delivery.deploy(tag, "dev")

    records = delivery.records()

    assert [record["result"] for record in records[1:]] == ["pass", "pass"]


def test_the_run_that_deployed_is_recorded_and_asked_for_once(delivery: Exported) -> None:
    infra, state = delivery.github.world.infra, delivery.github.sandbox.state
    delivery.land(infra, {"gitops.yml": "services: {api: {repo: none}, web: {repo: none}}\n"})
    sha = delivery.land(infra, {"envs/prod.json": '{"api": {"tag": "1"}, "web": {"tag": "1"}}'})
    run = WorkflowRun(7, ".github/workflows/deploy.yml", "push", state.users["alice"], sha)
    said = {"user": delivery.github.sandbox.payloads.user(state.users["olivia"]), "state": "approved", "comment": ""}
    run.approvals.append({**said, "environments": [{"name": "prod"}]})
    infra.runs.append(run)
    for name in ("prod/api", "prod/web"):
        delivery.deploy(sha, name)
        infra.deployments[-1].statuses[-1].log_url = f"{delivery.github.sandbox.url}/{INFRA}/actions/runs/7/job/1"
    delivery.github.operations()

    record = delivery.last()

    assert [each["run"]["id"] for each in record["deployments"]] == [7, 7]
    assert record["deployments"][0]["run"]["approvals"] == ["olivia: approved, prod"]
    assert delivery.github.operations().count("GET /repos/{owner}/{repo}/actions/runs/{run_id}") == 1


@pytest.mark.parametrize(
    "answer", [{}, {"c0": None, "c1": None, "c2": None}, {"c0": {}}, {"ref": {"target": {"history": {"nodes": [{}]}}}}]
)
def test_an_answer_that_lacks_what_it_must_have_is_an_error_that_says_so(
    delivery: Exported, answer: dict[str, object]
) -> None:
    """At each query of an export."""
    delivery.bump(delivery.release())
    delivery.github.operations()
    undisturbed = told(delivery.records())
    queries = [number for number, name in enumerate(delivery.github.operations()) if name == "query"]
    assert queries
    fault = Fault(status=200, body={"data": {"repository": answer}})
    for number in queries:
        (delivery.github.runner.workspace / FILE).unlink(missing_ok=True)
        delivery.github.sandbox.faults.plan({number: fault})

        result = delivery.export()

        assert result.outputs["reason"] in ("github-error", "exported", "permission-denied", "unknown-env"), result.log
        if result.outputs["reason"] == "exported":
            assert "unknown" in str(result.json("exceptions")) or told(delivery.records(result)) == undisturbed


def test_pull_requests_of_many_commits_are_read_to_their_end(delivery: Exported) -> None:
    infra = delivery.github.world.infra
    tag = delivery.release()
    number = delivery.propose(infra, {"envs/prod.json": tagged(tag)}, message="Change")
    for count in range(120):
        message = "x\n\nCo-authored-by: Bob <1+bob@users.noreply.github.com>" if count == 80 else "x"
        delivery.push(infra, infra.pulls[number].head, {"more": str(count)}, message=message)
    delivery.github.report("test", "success", infra.pulls[number].head_sha)
    delivery.github.person("bob").approve(INFRA, number)
    delivery.deploy(delivery.github.person("alice").merge(INFRA, number))

    assert exceptions(delivery.last()) == ["self-approved"]


def test_what_is_not_read_to_its_end_is_unknown(delivery: Exported) -> None:
    tag = delivery.release()
    delivery.bump(tag)
    bob = delivery.github.sandbox.state.users["bob"]
    for repo in (delivery.github.world.infra, delivery.github.world.app):
        pull = list(repo.pulls.values())[-1]
        pull.reviews[:0] = [Review(0, bob, "COMMENTED", "", pull.head_sha, pull.created) for _ in range(100)]

    details = str(delivery.last()["exceptions"])
    assert "some commits, reviews or checks of #1" in details
    assert "some commits, reviews or checks of your-org/app#1" in details


# Emergencies


def test_an_emergency_that_is_approved_later_says_so(delivery: Exported) -> None:
    start = delivery.github.world.app.git.head("main") or ""
    delivery.bump(delivery.release())
    message = "Roll back\n\nReason: it is bad\nRequested-in: https://x/your-org/infra/actions/runs/1/attempts/1"
    delivery.bump(start, by=BOT, approved_by="", merged_by=BOT, message=message)
    first = delivery.last()
    nothing = delivery.export()
    bob = delivery.github.sandbox.state.users["bob"]
    delivery.newest.reviews.append(Review(0, bob, "APPROVED", "", delivery.newest.head_sha, "2099-01-01T00:00:00Z"))

    amendment = delivery.records(delivery.export())[-1]

    assert (exceptions(first), first["later_review"]) == (["not-approved"], None)
    assert nothing.outputs["reason"] == "up-to-date"
    assert [(review["user"], review["at"]) for review in amendment["reviews"]] == [("bob", "2099-01-01T00:00:00Z")]
    assert "bob, 2099-01-01 00:00 UTC" in delivery.github.runner.read("evidence/evidence.html")
    assert delivery.export().outputs["reason"] == "up-to-date"


# Where it is kept


def test_it_is_kept_on_a_branch(delivery: Exported) -> None:
    github = delivery.github
    delivery.bump(delivery.release())
    first = delivery.export(branch="evidence", branch_token=github.world.tokens[GUARD])
    delivery.bump(delivery.release())

    second = delivery.export(branch="evidence", branch_token=github.world.tokens[GUARD], head=first.outputs["head"])
    verified = delivery.export(branch="evidence", mode="verify", head=second.outputs["head"])

    kept = github.infra_file(FILE, branch="evidence")
    assert (second.outputs["new"], verified.outputs["reason"]) == ("1", "verified")
    assert kept == github.runner.read(FILE)
    assert github.world.infra.git.head("evidence") in github.world.infra.verified
    assert "<html" in github.infra_file("evidence/evidence.html", branch="evidence")


def test_a_branch_that_could_not_be_read_is_not_begun_anew(delivery: Exported) -> None:
    inputs = {"branch": "evidence", "branch_token": delivery.world.tokens[GUARD]}
    delivery.export(**inputs)
    cut = {"sha": "a" * 40, "url": "", "tree": [], "truncated": True}
    delivery.github.sandbox.faults.plan({(TREE, 0): Fault(status=500)})
    again = delivery.export(**inputs)
    delivery.github.sandbox.faults.plan({TREE: Fault(status=200, body=cut)})
    listed = delivery.export(**inputs)

    assert (again.outputs["reason"], listed.outputs["reason"]) == ("up-to-date", "github-error")
    assert "has more files than GitHub lists" in listed.log


def test_two_exports_at_once_keep_both(delivery: Exported) -> None:
    """The slower one reads what the faster one kept, and goes on from there."""
    github = delivery.github
    delivery.bump(delivery.release())
    inputs = {"branch": "evidence", "branch_token": github.world.tokens[GUARD]}
    delivery.export(**inputs)
    delivery.bump(delivery.release())
    faster = Fault(silent=True, meanwhile=lambda: github.change_infra({"note": "x"}, branch="evidence"))
    github.sandbox.faults.plan({("mutation createCommitOnBranch", 0): faster})

    result = delivery.export(**inputs)

    assert result.exit_code == 0, result.log
    assert (result.outputs["changes"], len(github.slept)) == ("3", 1)
    assert github.infra_file("note", branch="evidence") == "x"


def test_a_run_that_is_stopped_goes_on_where_it_was(delivery: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actions.evidence.collector.COMMITS_PER_BATCH", 1)
    monkeypatch.setattr("actions.evidence.export.COMMITS_PER_BATCH", 1)
    monkeypatch.setattr("actions.evidence.export.KEPT_EVERY", 1)
    for _ in range(3):
        delivery.bump(delivery.release())
    whole = [record["commit"]["sha"] for record in delivery.records() if record["record"] == "change"]
    (delivery.github.runner.workspace / FILE).unlink()

    def stopping(text: str) -> None:
        if text.startswith("2 of"):
            raise KeyboardInterrupt

    monkeypatch.setattr("actions.evidence.export.say", stopping)
    with pytest.raises(KeyboardInterrupt):
        delivery.export()
    monkeypatch.undo()
    half = delivery.github.runner.read(FILE)
    delivery.github.runner.write({FILE: half + '{"half a line'})

    result = delivery.export()

    assert [r["commit"]["sha"] for r in delivery.records(result) if r["record"] == "change"] == whole
    assert delivery.github.runner.read(FILE).startswith(half)
    assert half.count("\n") == 3


def test_what_github_limits_is_waited_for(delivery: Exported) -> None:
    delivery.bump(delivery.release())
    limit = {"message": "You have exceeded a secondary rate limit"}
    delivery.github.sandbox.faults.plan(
        {("query object", 0): Fault(status=403, body=limit, headers={"Retry-After": "30"})}
    )

    assert delivery.export().exit_code == 0
    assert 30 in delivery.github.slept


# What somebody might try

PLAIN = "environments: {dev: {review: none}, staging: {}, prod: {}}\nservices: {api: {repo: your-org/app}}\n"
OFF = PLAIN.replace("prod: {}", "prod: {review: none}")


@pytest.mark.parametrize(
    ("config", "found"),
    [
        pytest.param(OFF, ["bypass-without-reason", "not-approved"], id="that no review is needed"),
        pytest.param(
            PLAIN.replace("your-org/app", "none"), ["bypass-without-reason", "not-approved", "unreleased-tag"],
            id="that there is no repository",
        ),
        pytest.param(
            PLAIN + "hotfix-prefix: change-\n", ["bypass-without-reason", "not-approved", "unreleased-tag"],
            id="what a hotfix branch is called",
        ),
    ],
)  # fmt: skip
def test_a_change_does_not_make_its_own_way_easier(delivery: Exported, config: str, found: list[str]) -> None:
    """By saying so in gitops.yml, in the same commit."""
    app, infra = delivery.github.world.app, delivery.github.world.infra
    tag = delivery.push(app, "mine", {"x": "x"}, message="x", base="main") if len(found) > 2 else delivery.release()
    files: dict[str, str | None] = {"gitops.yml": config, "envs/prod.json": tagged(tag)}
    delivery.deploy(delivery.land(infra, files, by=BOT, approved_by="", merged_by=BOT))

    assert set(found) <= set(exceptions(delivery.last()))


def test_who_was_a_bot_before_a_change_is_one_for_it(delivery: Exported) -> None:
    infra = delivery.github.world.infra
    delivery.land(infra, {"gitops.yml": PLAIN + "bots: [bob]\n"}, approved_by="olivia")
    tag = delivery.release(approved_by="olivia")
    delivery.deploy(delivery.land(infra, {"gitops.yml": PLAIN, "envs/prod.json": tagged(tag)}, approved_by="bob"))

    assert exceptions(delivery.last()) == ["not-approved"]


def test_what_changes_the_rules_of_an_environment_is_a_change_of_it(delivery: Exported) -> None:
    """Nothing of it moves, so there is nothing to deploy; but somebody has to approve it."""
    delivery.without_rules()
    delivery.push(delivery.github.world.infra, "main", {"gitops.yml": OFF}, message="x", by="olivia")

    record = delivery.last()
    assert (record["kind"], record["moves"]) == ("settings", [])
    assert exceptions(record) == ["direct-push", "no-pull-request", "no-rules", "unsigned"]


def test_a_branch_that_begins_anew_has_no_first_commit_that_passes(delivery: Exported) -> None:
    infra, state = delivery.github.world.infra, delivery.github.sandbox.state
    delivery.bump(delivery.release())
    delivery.export()
    delivery.without_rules()
    files = {"gitops.yml": PLAIN.encode(), "envs/prod.json": tagged("a" * 40).encode()}
    olivia = state.users["olivia"]
    new = infra.git.commit(parents=[], message="x", author=olivia.person, files=files)
    infra.authors[new] = olivia
    token = state.tokens[delivery.world.tokens["olivia"]]
    delivery.sandbox.behaviour.update_ref(infra, token, "refs/heads/main", new)
    delivery.deploy(new)

    result = delivery.export()

    found = {(each["exception"], each["detail"].split(" ")[0]) for each in result.json("exceptions")}
    assert ("direct-push", "olivia") in found
    assert "olivia moved main from" in str(result.json("exceptions"))
    assert {"direct-push", "no-pull-request", "unsigned"} <= set(exceptions(delivery.last(result)))
    assert delivery.export().outputs["reason"] == "up-to-date"


def test_a_branch_that_was_put_back_says_so(delivery: Exported) -> None:
    """What was there before, and is gone, is known by what the branch lost."""
    infra, state = delivery.github.world.infra, delivery.github.sandbox.state
    first = infra.git.head("main") or ""
    delivery.bump(delivery.release())
    before = delivery.export()
    delivery.without_rules()
    token = state.tokens[delivery.world.tokens["olivia"]]
    delivery.sandbox.behaviour.update_ref(infra, token, "refs/heads/main", first)

    details = [each["detail"] for each in delivery.export().json("exceptions")]

    assert before.json("exceptions") == []
    assert any("force_push" in detail for detail in details)
    assert any("which commit moved api from" in detail for detail in details)
    assert "rewrite" in delivery.github.runner.read("evidence/evidence.csv")


def test_tags_that_no_commit_explains_are_found(delivery: Exported) -> None:
    """A merge commit can take the files of another parent; git does not list it in the history of a file."""
    infra, app = delivery.github.world.infra, delivery.github.world.app
    delivery.without_rules()
    one, two = app.git.head("main") or "", delivery.release()
    delivery.bump(two)
    old = delivery.push(infra, "side", {"envs/prod.json": tagged(one)}, message="x", base="main")
    head = infra.git.head("main") or ""
    user = delivery.sandbox.state.users["olivia"]
    merge = infra.git.commit(
        parents=[head, old], message="Merge", author=user.person, tree=str(infra.git.get(old).tree_id)
    )
    infra.authors[merge] = user
    token = delivery.sandbox.state.tokens[delivery.world.tokens["olivia"]]
    delivery.sandbox.behaviour.update_ref(infra, token, "refs/heads/main", merge)
    delivery.deploy(merge)

    by_commit = {record["commit"]["sha"]: exceptions(record) for record in delivery.records()[1:] if "commit" in record}

    assert {"direct-push", "no-pull-request", "unsigned"} <= set(by_commit[old])


def test_a_gap_between_changes_is_written_down_once(delivery: Exported) -> None:
    delivery.bump(delivery.release())
    path = delivery.github.runner.workspace / FILE
    delivery.export()
    lines = path.read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    records[-2]["tags"] = {"api": "something else"}
    path.write_bytes(Chain().with_records(records)[1])  # as if a commit in between had not been listed

    result = delivery.export()
    delivery.bump(delivery.release())

    assert [found["exception"] for found in result.json("exceptions")] == ["unknown"]
    assert "which commit moved api from something else to" in str(result.json("exceptions"))
    assert len([r for r in delivery.records() if r["record"] == "gap"]) == 1


@pytest.mark.parametrize(
    "how",
    [
        "a lower version of a newer commit",
        "from a git tag that is gone",
        "where there was nothing for a while",
        "between two names",
        "from a name that is no git tag",
    ],
)
def test_all_commits_that_come_with_a_tag_are_looked_at(delivery: Exported, how: str) -> None:
    app, infra = delivery.github.world.app, delivery.github.world.infra
    app.git.set_ref("refs/tags/2.0.0", delivery.release())
    delivery.bump("2.0.0")
    evil = delivery.github.app_commit("evil")
    if how.startswith("a lower"):
        app.git.set_ref("refs/tags/1.9.9", evil)
        delivery.bump("1.9.9")
    elif how.startswith("from"):
        app.git.set_ref("refs/tags/2.1.0", delivery.release())
        app.git.delete_ref("refs/tags/2.0.0")
        delivery.bump("2.1.0")
    elif how.startswith("where"):
        delivery.deploy(delivery.land(infra, {"envs/prod.json": None}))
        delivery.bump(delivery.release())
    else:
        before = "2024.02.01" if how.startswith("between") else "stable"
        if how.startswith("between"):
            app.git.set_ref(f"refs/tags/{before}", app.git.head("main") or "")
        delivery.bump(before)
        delivery.github.app_commit("evil")
        app.git.set_ref("refs/tags/2024.03.01", delivery.release())
        delivery.bump("2024.03.01")

    found = set(exceptions(delivery.last()))
    assert found & {"no-pull-request", "unknown"}, found


@pytest.mark.parametrize("asked", ["Bob", "@bob", "alice, @BOB"])
def test_who_asked_for_it_is_known_however_it_is_written(delivery: Exported, asked: str) -> None:
    delivery.bump(delivery.release(), message=f"x\n\nRequested-by: {asked}")

    assert exceptions(delivery.last()) == ["self-approved"]


def test_what_becomes_of_a_branch_after_the_merge_is_nothing_to_the_approval(delivery: Exported) -> None:
    """Somebody deletes it, and restores it."""
    delivery.bump(delivery.release())
    infra, pull = delivery.github.world.infra, delivery.newest
    bob = delivery.sandbox.state.users["bob"]
    infra.activities.append(
        Activity(0, BRANCH + pull.head, "0" * 40, pull.head_sha, "branch_creation", bob, "2099-01-01T00:00:00Z")
    )

    record = delivery.last()
    assert (record["commit"]["pull"]["last_pusher"], record["result"]) == ("alice", "pass")


def test_a_freeze_that_was_overridden_leaves_its_reason(delivery: Exported) -> None:
    """The gates refuse; a label and a line in its commit open them; the newest run counts."""
    infra, github = delivery.world.infra, delivery.github
    override = "Change\n\nFreeze-override: the shop is down"
    number = delivery.propose(infra, {"envs/prod.json": tagged(delivery.release())}, message=override)
    pull = infra.pulls[number]
    delivery.report(infra, pull.head_sha, "success")
    github.report("gates", "failure", pull.head_sha)
    alice = delivery.person("alice")
    alice.api("POST", f"/repos/{INFRA}/issues/{number}/labels", {"labels": ["freeze-override"]})
    github.report("gates", "success", pull.head_sha)
    delivery.person("bob").approve(INFRA, number)
    delivery.deploy(alice.merge(INFRA, number))

    record = delivery.last()

    assert (record["exceptions"], record["reason"]) == ([], "the shop is down")
    assert record["commit"]["pull"]["labels"] == ["freeze-override"]


def test_a_check_that_was_run_again_after_the_merge_proves_nothing(delivery: Exported) -> None:
    delivery.bump(delivery.release())
    for check in delivery.github.world.infra.checks:
        check.completed = "2099-01-01T00:00:00Z"

    assert set(exceptions(delivery.last())) - {"no-rules"} == {"check-missing"}


@pytest.mark.parametrize("repository", ["app", "infra"])
def test_a_check_that_failed_is_found_though_none_is_required(delivery: Exported, repository: str) -> None:
    delivery.without_rules()
    tag = delivery.release()
    delivery.bump(tag)
    repo = getattr(delivery.world, repository)
    for check in repo.checks:
        check.conclusion = "failure"

    assert "check-missing" in exceptions(delivery.last())


def test_who_approved_and_has_left_since_may_have_had_the_right(delivery: Exported) -> None:
    delivery.bump(delivery.release())
    del delivery.world.infra.members["bob"]

    record = delivery.last()
    assert exceptions(record) == ["unknown"]
    assert "push permission of bob, who approved it, at that time" in str(record["exceptions"])


def test_a_service_that_is_taken_out_is_gone_with_the_next_deployment_of_any(delivery: Exported) -> None:
    infra = delivery.world.infra
    delivery.land(infra, {"gitops.yml": "services: {api: {repo: none}, web: {repo: none}}\n"})
    sha = delivery.land(infra, {"envs/prod.json": '{"api": {"tag": "1"}, "web": {"tag": "1"}}'})
    delivery.deploy(sha, "prod/api")
    delivery.deploy(sha, "prod/web")
    gone = delivery.land(infra, {"envs/prod.json": '{"api": {"tag": "1"}}'})
    delivery.deploy(gone, "Prod/api")

    assert delivery.last()["result"] == "pass"


def test_a_deployment_is_of_the_environment_however_it_is_written(delivery: Exported) -> None:
    sha = delivery.push(delivery.world.infra, "elsewhere", {"x": "x"}, message="x", base="main")
    delivery.deploy(sha, "PROD")

    assert [each["exception"] for each in delivery.export().json("exceptions")] == ["deployment-without-change"]


@pytest.mark.parametrize("url", ["https://evil.example/x/actions/runs/{id}", "{own}/actions/runs/{other}"])
def test_a_run_of_somewhere_else_deployed_nothing_here(delivery: Exported, url: str) -> None:
    delivery.bump(delivery.release())
    infra = delivery.world.infra
    infra.runs.append(WorkflowRun(77, "x.yml", "push", delivery.sandbox.state.users["alice"], "b" * 40))
    own = f"{delivery.sandbox.url}/{INFRA}"
    infra.deployments[-1].statuses[-1].log_url = url.format(id=infra.runs[0].id, own=own, other=77)

    assert delivery.last()["deployments"][0]["run"] is None


@pytest.mark.parametrize("text", ["", "\0"])
def test_an_env_file_without_text_is_not_one_that_is_gone(delivery: Exported, text: str) -> None:
    delivery.land(delivery.world.infra, {"envs/prod.json": text})

    record = delivery.last()
    assert {"unknown", "change-without-deployment"} <= set(exceptions(record))
    assert "the content of envs/prod.json" in str(record["unknown"])


def test_merge_commits_are_placed_where_they_came_in(delivery: Exported) -> None:
    """What was pushed before the merge, and deployed, does not have what the merge brought."""
    infra = delivery.world.infra
    delivery.without_rules()
    number = delivery.propose(infra, {"envs/prod.json": tagged(delivery.release())}, message="Change")
    delivery.report(infra, infra.pulls[number].head_sha, "success")
    other = delivery.push(infra, "main", {"README.md": "x"}, message="x", by="olivia")
    delivery.deploy(other)
    delivery.github.person("bob").approve(INFRA, number)
    path = f"/repos/{INFRA}/pulls/{number}/merge"
    delivery.github.person("alice").api("PUT", path, {"merge_method": "merge"})

    changes = [record for record in delivery.records()[1:] if record["record"] == "change"]

    found = {name for change in changes[1:] for name in exceptions(change)}
    assert "direct-push" not in found
    assert "change-without-deployment" in found


# Tampering


@pytest.mark.parametrize(
    "tamper",
    [
        pytest.param(lambda lines: [lines[0].replace("main", "mein"), *lines[1:]], id="changed"),
        pytest.param(lambda lines: [lines[0], *lines[2:]], id="removed"),
        pytest.param(lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], id="moved"),
        pytest.param(lambda lines: [*lines[:2], lines[1], *lines[2:]], id="written twice"),
        pytest.param(lambda lines: [*lines[:-1], lines[-1].replace(":", ": ", 1)], id="written otherwise"),
        pytest.param(lambda lines: [*lines, "{}"], id="added to"),
        pytest.param(lambda lines: lines[1:], id="without its beginning"),
        pytest.param(lambda _: ['{"previous":"' + "0" * 64 + '"}'], id="another file"),
    ],
)
def test_what_was_tampered_with_is_found(delivery: Exported, tamper: Any) -> None:
    for _ in range(2):
        delivery.bump(delivery.release())
    delivery.export()
    lines = delivery.github.runner.read(FILE).splitlines()
    delivery.github.runner.write({FILE: "\n".join(tamper(lines)) + "\n"})

    for mode in ("verify", "export"):
        result = delivery.export(mode=mode)
        assert (result.exit_code, result.outputs["reason"]) == (7, "tampered")


def test_an_end_that_was_cut_off_is_found_by_who_knows_how_it_ended(delivery: Exported) -> None:
    delivery.bump(delivery.release())
    head = delivery.export().outputs["head"]
    lines = delivery.github.runner.read(FILE).splitlines()
    delivery.github.runner.write({FILE: "\n".join(lines[:-1]) + "\n"})

    assert delivery.export(mode="verify").outputs["reason"] == "verified"
    assert delivery.export(mode="verify", head=head).outputs["reason"] == "tampered"
    assert delivery.export(mode="export", head=head).outputs["reason"] == "tampered"


def test_a_line_without_an_end_is_found(delivery: Exported) -> None:
    delivery.export()
    delivery.github.runner.write({FILE: delivery.github.runner.read(FILE) + "{"})

    result = delivery.export(mode="verify")

    assert (result.outputs["reason"], "has no line end" in result.log) == ("tampered", True)


# Inputs


@pytest.mark.parametrize(
    ("inputs", "reason", "said"),
    [
        ({"env": "nowhere"}, "unknown-env", "known: dev, prod, staging"),
        ({"since": "yesterday"}, "invalid-input", "write it like 2026-01-01"),
        ({"infra_repo": "infra"}, "invalid-input", "owner/name"),
        ({"mode": "verify"}, "invalid-input", "there is no evidence/evidence.jsonl to verify"),
        ({"output_dir": "../x"}, "invalid-input", "a folder within the repository"),
        ({"token": ""}, "invalid-input", "token is required"),
        ({"mode": "x"}, "invalid-input", "export, verify, report"),
        ({"mode": "report"}, "invalid-input", "there is no evidence/evidence.jsonl to report"),
        ({"until": "2026-06-30"}, "invalid-input", "until is only allowed in mode report, not in mode export"),
        ({"mode": "report", "until": "June"}, "invalid-input", "input until is 'June'; write it like 2026-01-01"),
        ({"mode": "report", "until": "2026-W01"}, "invalid-input", "input until is '2026-W01'"),
        ({"mode": "report", "until": "9999-12-31"}, "invalid-input", "input until is '9999-12-31'"),
        (
            {"mode": "report", "since": "2026-07-01", "until": "2026-06-30"},
            "invalid-input",
            "until is '2026-06-30', which is not after since, '2026-07-01'",
        ),
    ],
)
def test_an_invalid_input_is_named(delivery: Exported, inputs: dict[str, str], reason: str, said: str) -> None:
    result = delivery.export(**inputs)

    assert result.outputs["reason"] == reason
    assert said in result.log


def test_evidence_of_something_else_is_not_added_to(delivery: Exported) -> None:
    delivery.export()

    result = delivery.export(env="dev")

    assert (result.exit_code, result.outputs["reason"]) == (2, "invalid-input")
    assert "is of prod of your-org/infra, not of dev" in result.log


# How commits came to the branch


def test_whoever_pushes_a_merge_the_wrong_way_round_pushed_what_it_brought(delivery: Exported) -> None:
    """The first parent of the merge is the change that nobody saw, the second is the branch as it was."""
    delivery.without_rules()
    infra = delivery.world.infra
    base = infra.git.head("main") or ""
    landed = delivery.bump(delivery.release(), env="dev", deploy=False)
    bob = delivery.sandbox.state.users["bob"]
    files: dict[str, bytes | None] = {"envs/prod.json": tagged(delivery.release()).encode()}
    hidden = infra.git.commit(parents=[base], message="Update", author=bob.person, files=files)
    (_, dev) = infra.git.file(landed, "envs/dev.json") or (0, b"")
    merge = infra.git.commit(parents=[hidden, landed], message="Merge", author=bob.person, files={"envs/dev.json": dev})
    token = delivery.sandbox.state.tokens[delivery.world.tokens["bob"]]
    delivery.sandbox.behaviour.update_ref(infra, token, BRANCH + "main", merge)
    delivery.deploy(landed)

    record = delivery.last()

    assert record["commit"]["sha"] == hidden
    assert (record["movement"]["kind"], record["movement"]["actor"]) == ("push", "bob")
    assert {"direct-push", "no-pull-request", "change-without-deployment"} <= set(exceptions(record))


@pytest.mark.parametrize("since", ["", "the change before"])
def test_a_merge_the_wrong_way_round_hides_nothing_from_evidence_that_begins_later(
    delivery: Exported, since: str
) -> None:
    delivery.without_rules()
    infra = delivery.world.infra
    base = infra.git.head("main") or ""
    known = delivery.bump(delivery.release())
    delivery.export(since=f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}" if since else "")
    bob = delivery.sandbox.state.users["bob"]
    (_, prod) = infra.git.file(known, "envs/prod.json") or (0, b"")
    text = prod.replace(b'"tag"', b'"replicas": 9, "tag"')
    hidden = infra.git.commit(parents=[base], message="Update", author=bob.person, files={"envs/prod.json": text})
    merge = infra.git.commit(parents=[hidden, known], message="Merge", author=bob.person, files={"x": b""})
    token = delivery.sandbox.state.tokens[delivery.world.tokens["bob"]]
    delivery.sandbox.behaviour.update_ref(infra, token, BRANCH + "main", merge)

    found = {record["commit"]["sha"]: record for record in delivery.records() if record["record"] == "change"}

    assert hidden in found
    assert "direct-push" in exceptions(found[hidden])


def test_a_merge_that_takes_what_an_old_commit_had_is_a_change(delivery: Exported) -> None:
    """The history of the file leaves it out: the file is as one of its parents had it."""
    delivery.without_rules()
    infra = delivery.world.infra
    old = infra.git.head("main") or ""
    delivery.bump(delivery.release())
    (_, prod) = infra.git.file(old, "envs/prod.json") or (0, b"")
    head = infra.git.head("main") or ""
    bob = delivery.sandbox.state.users["bob"]
    merge = infra.git.commit(parents=[head, old], message="Merge", author=bob.person, files={"envs/prod.json": prod})
    token = delivery.sandbox.state.tokens[delivery.world.tokens["bob"]]
    delivery.sandbox.behaviour.update_ref(infra, token, BRANCH + "main", merge)
    assert merge not in infra.git.history(merge, "envs/prod.json")

    record = delivery.last()

    assert record["commit"]["sha"] == merge
    assert "direct-push" in exceptions(record)


def test_the_commits_of_one_merge_are_in_their_order_and_leave_no_gap(delivery: Exported) -> None:
    delivery.without_rules()
    infra = delivery.world.infra
    one, two = delivery.release(), delivery.release()
    delivery.push(infra, "feature", {"envs/prod.json": tagged(one)}, message="one", base="main")
    delivery.push(infra, "feature", {"envs/prod.json": tagged(two)}, message="two")
    number = delivery.person("alice").open_pull(infra.full_name, head="feature", base="main", title="Both")
    delivery.person("alice").api("PUT", f"/repos/{infra.full_name}/pulls/{number}/merge", {"merge_method": "merge"})

    records = delivery.records(delivery.export())

    assert [record["record"] for record in records] == ["start", "change", "change", "change"]
    assert [record["moves"][0]["after"] for record in records[2:]] == [one, two]


def test_a_second_beginning_is_no_first_commit(delivery: Exported) -> None:
    delivery.without_rules()
    infra = delivery.world.infra
    head = infra.git.head("main") or ""
    bob = delivery.sandbox.state.users["bob"]
    files: dict[str, bytes | None] = {"envs/prod.json": tagged(delivery.release()).encode()}
    root = infra.git.commit(parents=[], message="New", author=bob.person, files=files)
    merge = infra.git.commit(parents=[root, head], message="Merge", author=bob.person, files={"x": b""})
    token = delivery.sandbox.state.tokens[delivery.world.tokens["bob"]]
    delivery.sandbox.behaviour.update_ref(infra, token, BRANCH + "main", merge)

    found = {record["commit"]["sha"]: record for record in delivery.records() if record["record"] == "change"}

    assert (found[root]["kind"] == "first", "direct-push" in exceptions(found[root])) == (False, True)


def test_what_is_deployed_before_it_is_on_the_branch_is_a_stray_deployment(delivery: Exported) -> None:
    delivery.without_rules()
    infra = delivery.world.infra
    early = delivery.push(infra, "feature", {"envs/prod.json": tagged(delivery.release())}, message="x", base="main")
    delivery.deploy(early)
    delivery.sandbox.behaviour.update_ref(
        infra, delivery.sandbox.state.tokens[delivery.world.tokens["bob"]], BRANCH + "main", early
    )
    infra.activities[-1].at = f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"

    records = delivery.records(delivery.export())

    assert [record["sha"] for record in records if record["record"] == "deployment"] == [early]
    assert "change-without-deployment" in exceptions(records[2])


def test_what_is_pushed_again_after_it_was_taken_off_is_found(delivery: Exported) -> None:
    delivery.without_rules()
    infra, git = delivery.world.infra, delivery.world.infra.git
    before = git.head("main") or ""
    change = delivery.bump(delivery.release())
    delivery.export()
    token = delivery.sandbox.state.tokens[delivery.world.tokens["bob"]]
    delivery.sandbox.behaviour.update_ref(infra, token, BRANCH + "main", before)
    infra.activities[-1].kind = "force_push"
    delivery.sandbox.behaviour.update_ref(infra, token, BRANCH + "main", change)

    records = delivery.records(delivery.export())

    moved = [(each["by"], each["exceptions"][0]["detail"]) for each in records if each["record"] == "rewrite"]
    assert moved == [
        ("bob", f"bob moved main from {change[:12]} to {before[:12]} (force_push)"),
        ("bob", f"bob moved main from {before[:12]} to {change[:12]} (push)"),
    ]


# A period


@pytest.fixture(name="months")
def _months(delivery: Exported) -> list[str]:
    """One change a month from February on, exported; that of March has nobody's approval."""
    infra = delivery.github.world.infra
    commits = []
    for month in (2, 3, 4):
        how: dict[str, Any] = {"approved_by": "", "merged_by": BOT} if month == 3 else {}
        commits.append(delivery.bump(delivery.release(), **how))
        infra.activities[-1].at = f"2026-{month:02d}-28T23:59:59Z"
    kept = delivery.export(branch="evidence", branch_token=delivery.world.tokens[GUARD])
    assert kept.outputs["reason"] == "exported", kept.log
    return commits


def test_a_report_is_of_a_period(delivery: Exported, months: list[str]) -> None:
    kept = delivery.github.infra_file(FILE, "evidence")

    result = delivery.export(branch="evidence", mode="report", since="2026-03-01", until="2026-04-28")

    assert (result.exit_code, result.outputs["reason"], result.outputs["changes"]) == (0, "reported", "2")
    assert "2 changes of prod from 2026-03-01 to 2026-04-28" in result.log
    assert {each["commit"] for each in result.json("exceptions")} == {months[1]}
    rows = list(csv.DictReader(StringIO(delivery.github.runner.read("evidence/evidence.csv"))))
    assert [row["commit"] for row in rows] == months[1:]
    page = delivery.github.runner.read("evidence/evidence.html")
    assert "from 2026-03-01 to 2026-04-28: 2 of the 4 changes recorded since the first commit" in page
    assert (f"id=c{months[0][:12]}" in page, f"id=c{months[1][:12]}" in page) == (False, True)
    assert delivery.github.runner.read(FILE) == kept
    assert delivery.github.infra_file(FILE, "evidence") == kept
    assert delivery.export(mode="verify", head=result.outputs["head"]).outputs["reason"] == "verified"


def test_the_end_of_a_period_may_have_an_hour(delivery: Exported, months: list[str]) -> None:
    day = {"mode": "report", "since": "2026-03-28"}

    before = delivery.export(**day, until="2026-03-28T23:59:59Z")
    after = delivery.export(**day, until="2026-03-28T23:59:59.5Z")

    assert (before.outputs["changes"], after.outputs["changes"]) == ("0", "1")
    assert len(months) == 3


def test_exceptions_of_other_periods_fail_no_report(delivery: Exported, months: list[str]) -> None:
    given = {"mode": "report", "fail_on_exceptions": "true"}

    april = delivery.export(**given, since="2026-04-01", until="2026-04-30")
    march = delivery.export(**given, since="2026-03-01", until="2026-03-31")

    assert (april.exit_code, april.outputs["changes"]) == (0, "1")
    assert (march.exit_code, march.outputs["reason"]) == (7, "exceptions-found")
    assert months[1][:12] in march.summary


def test_a_report_is_made_of_nothing_that_was_changed(delivery: Exported, months: list[str]) -> None:
    path = delivery.github.runner.workspace / FILE
    path.write_text(path.read_text().replace(months[1], "0" * 40))
    (path.parent / "evidence.html").unlink()

    assert delivery.export(mode="report").outputs["reason"] == "tampered"
    assert not (path.parent / "evidence.html").exists()


def test_there_is_no_report_without_what_is_not_recorded_yet(delivery: Exported, months: list[str]) -> None:
    other = delivery.bump(delivery.release(), env="dev", deploy=False)
    delivery.land(delivery.world.infra, {"gitops.yml": delivery.github.infra_file("gitops.yml") + "\n# said\n"})
    given = {"mode": "report", "since": "2026-02-01", "until": "2026-03-31"}
    of_others = delivery.export(**given)

    new = delivery.bump(delivery.release())
    result = delivery.export(**given)

    assert of_others.outputs["reason"] == "reported", (other, months)
    assert (result.exit_code, result.outputs["reason"]) == (7, "not-recorded")
    assert f"1 change of prod not recorded yet: {new[:12]}; run it with mode export first" in result.log


def test_contents_are_all_that_a_report_reads(delivery: Exported, months: list[str]) -> None:
    narrow = delivery.sandbox.state.add_token("olivia", permissions={"contents": "read"})

    result = delivery.export(mode="report", token=narrow, branch="evidence")

    assert (result.exit_code, result.outputs["changes"]) == (0, str(1 + len(months)))


def test_a_branch_that_is_gone_has_no_report(delivery: Exported, months: list[str]) -> None:
    delivery.world.infra.git.delete_ref("refs/heads/main")

    result = delivery.export(mode="report")

    assert (result.outputs["reason"], len(months)) == ("conflict", 3)
    assert "your-org/infra has no branch 'main'" in result.log


def test_a_period_that_has_not_begun_has_no_report(delivery: Exported, months: list[str]) -> None:
    result = delivery.export(mode="report", since="2099-01-01")

    assert (result.outputs["reason"], len(months)) == ("invalid-input", 3)
    assert "the period from 2099-01-01 has not begun" in result.log


def test_a_report_is_of_the_environment_that_is_asked_for(delivery: Exported, months: list[str]) -> None:
    result = delivery.export(mode="report", env="dev")

    assert (result.outputs["reason"], len(months)) == ("invalid-input", 3)
    assert "is of prod of your-org/infra, not of dev" in result.log


@pytest.mark.parametrize("link", ["evidence", "evidence/evidence.jsonl"])
def test_links_are_not_followed(delivery: Exported, link: str) -> None:
    path = delivery.github.runner.workspace / link
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(delivery.github.runner.workspace.parent)

    assert delivery.export().outputs["reason"] == "unsafe-path"


def test_exceptions_fail_the_run_if_that_is_asked_for(delivery: Exported) -> None:
    delivery.bump(delivery.release(), deploy=False)

    result = delivery.export(fail_on_exceptions="true")

    assert (result.exit_code, result.outputs["reason"]) == (7, "exceptions-found")
    assert "1 exception in 2 changes of prod: change-without-deployment" in result.log
    assert delivery.github.runner.read(FILE)
