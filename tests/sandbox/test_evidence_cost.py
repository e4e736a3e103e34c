"""What an export asks of GitHub: much at once, and of what is recorded nothing again; and that it says the same."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from actions.api.client import Client
from actions.app.repository import AppRepository
from actions.errors import GitHubError
from actions.evidence.app import AppEvidence
from actions.evidence.chain import Chain
from actions.evidence.files import FileReader
from sandbox.delivery import tagged
from sandbox.faults import Fault
from sandbox.state import ACTIONS_APP, CheckRun, RuleSuite, WorkflowRun
from sandbox.world import BOT
from tests.sandbox.exported import APP, FILE, INFRA, Exported, exceptions

RUNS = "GET /repos/{owner}/{repo}/actions/runs"
RUN = f"{RUNS}/{{run_id}}"
APPROVALS, JOBS = f"{RUN}/approvals", f"{RUN}/jobs"
SUITE = "GET /repos/{owner}/{repo}/rulesets/rule-suites/{rule_suite_id}"
RULESETS = "GET /repos/{owner}/{repo}/rulesets"
MOST_FOR_ONE_MORE = 10
MANY = 5
TAGS = 2  # the query of the tags, among those of the first export


def asked(delivery: Exported, **inputs: str) -> Counter[str]:
    """Export, and return what was asked."""
    delivery.github.operations()
    result = delivery.export(**inputs)
    assert result.exit_code == 0, result.log
    return Counter(delivery.github.operations())


def many(delivery: Exported, number: int = MANY) -> list[str]:
    return [delivery.bump(delivery.release()) for _ in range(number)]


def changes(delivery: Exported) -> list[dict[str, Any]]:
    return [line for line in delivery.lines() if line["record"] == "change"]


def deploys(delivery: Exported) -> list[WorkflowRun]:
    return [run for run in delivery.world.infra.runs if run.path.endswith("deploy.yml")]


def approved(delivery: Exported, run: WorkflowRun, *environments: str, times: int = 1) -> None:
    """Have olivia approve that *run* deploys."""
    user = delivery.sandbox.payloads.user(delivery.sandbox.state.users["olivia"])
    review = {"user": user, "state": "approved", "comment": "", "environments": [{"name": e} for e in environments]}
    run.approvals += [review] * times


# Many changes


def test_the_evaluation_of_rules_alone_takes_a_request_for_each_change(delivery: Exported) -> None:
    many(delivery)

    found = asked(delivery)

    assert (found[SUITE], found[RUNS]) == (MANY, 1)
    assert not {RUN, APPROVALS, JOBS} & found.keys()
    assert [record["suite"]["result"] for record in changes(delivery)[1:]] == ["pass"] * MANY
    assert all(record["suite"]["evaluated"] for record in changes(delivery)[1:])


def test_runs_and_reviews_are_those_of_each_run_however_they_are_read(delivery: Exported) -> None:
    many(delivery)
    third, second, newest_run = deploys(delivery)[-3:]
    approved(delivery, newest_run, "prod", "prod-eu")
    second.attempt, second.branch = 2, "elsewhere"  # which the list of main has not
    approved(delivery, third, "prod", times=21)  # more than a query asks for
    found = asked(delivery)
    together = [record["deployments"] for record in changes(delivery)]
    (delivery.github.runner.workspace / FILE).unlink()
    refused = Fault(status=403, body={"message": "Resource not accessible by personal access token"})
    delivery.sandbox.faults.plan({("query nodes", 0): refused})
    delivery.export()

    assert (found[RUN], found[APPROVALS]) == (1, 2)
    assert [record["deployments"] for record in changes(delivery)] == together
    (newest,) = together[-1]
    assert newest["run"]["approvals"] == ["olivia: approved, prod, prod-eu"]
    assert together[-2][0]["run"]["attempt"] == 2
    assert len(together[-3][0]["run"]["approvals"]) == 21


def test_runs_are_not_listed_where_that_takes_more_than_asking_for_each(delivery: Exported) -> None:
    many(delivery)
    infra, then = delivery.world.infra, deploys(delivery)[-1].created
    for number in range(9000, 9000 + 100 * MANY):
        infra.runs.append(WorkflowRun(number, "x.yml", "schedule", infra.owner, "a" * 40, created=then))

    found = asked(delivery)

    assert (found[RUNS], found[RUN]) == (1, MANY)


def test_more_runs_than_one_search_shows_are_found_by_the_next(
    delivery: Exported, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GitHub shows the first 1,000 results of a search (OpenAPI)."""
    monkeypatch.setattr("actions.evidence.runs.MOST_RESULTS", 3)
    monkeypatch.setattr("sandbox.rest.actions.MOST_RESULTS", 3)
    many(delivery, 8)
    now = datetime.now(UTC)
    deployed = deploys(delivery)
    for run in delivery.world.infra.runs:
        hours = 1 + deployed.index(run) if run in deployed else 1000
        run.created = f"{now - timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}"

    found = asked(delivery)

    assert found[RUNS] == 4  # 3 of 8, then 2 more each: the oldest of a search is in the next
    assert RUN not in found
    assert len([record for record in changes(delivery) if record["deployments"][0]["run"]]) == 8


def test_a_second_with_more_runs_than_a_search_shows_is_left_behind(
    delivery: Exported, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that were not shown are asked one by one."""
    monkeypatch.setattr("actions.evidence.runs.MOST_RESULTS", 3)
    monkeypatch.setattr("sandbox.rest.actions.MOST_RESULTS", 3)
    many(delivery)
    now = datetime.now(UTC)
    deployed = deploys(delivery)
    for run in delivery.world.infra.runs:
        hours = 1 + (run == deployed[0]) if run in deployed else 1000
        run.created = f"{now - timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}"

    found = asked(delivery)

    assert (found[RUNS], found[RUN]) == (3, 1)
    assert len([record for record in changes(delivery) if record["deployments"][0]["run"]]) == MANY


def test_a_run_that_is_gone_is_unknown(delivery: Exported) -> None:
    many(delivery)
    delivery.world.infra.runs.pop()

    asked(delivery)

    assert "workflow run" in str(changes(delivery)[-1]["unknown"])


@pytest.mark.parametrize("conclusion", ["success", "failure"])
def test_a_check_that_was_posted_beside_the_jobs_proves_nothing(delivery: Exported, conclusion: str) -> None:
    """GitHub puts it into the suite of the first run of the commit (JetBrains/qodana-action#599)."""
    tag = delivery.release()
    app = delivery.world.app
    (gate,) = [check for check in app.checks if check.sha == tag]
    gate.conclusion = "failure" if conclusion == "success" else "success"
    app.checks.append(
        CheckRun(delivery.sandbox.state.new_id(), "gate", tag, ACTIONS_APP, status="completed", conclusion=conclusion)
    )
    delivery.bump(tag)

    found = asked(delivery)

    assert found[JOBS] == 1
    assert changes(delivery)[-1]["moves"][0]["missing_checks"] == ["gate (failure)"] * (conclusion == "success")


# One more


def test_one_more_change_takes_few_requests_and_says_what_reading_everything_says(delivery: Exported) -> None:
    many(delivery, 3)
    delivery.export()
    sha = delivery.bump(delivery.release())

    found = asked(delivery)
    added = changes(delivery)[-1]
    (delivery.github.runner.workspace / FILE).unlink()
    delivery.export()

    assert found.total() <= MOST_FOR_ONE_MORE, found
    assert RULESETS not in found
    assert added["commit"]["sha"] == sha
    anew = changes(delivery)[-1]
    assert {**added, "collected": 0, "previous": 0} == {**anew, "collected": 0, "previous": 0}


def test_nothing_new_takes_next_to_nothing(delivery: Exported) -> None:
    many(delivery, 2)
    delivery.export()

    assert asked(delivery) == {"query": 1, "GET /repos/{owner}/{repo}/activity": 1}


def test_what_is_no_change_of_the_environment_is_looked_at_too(delivery: Exported) -> None:
    many(delivery, 2)
    delivery.export()
    delivery.without_rules()
    pushed = delivery.push(delivery.world.infra, "main", {"README.md": "x"}, message="x")

    found = asked(delivery)

    assert found.total() <= MOST_FOR_ONE_MORE
    (other,) = [line for line in delivery.records() if line["record"] == "commit"]
    assert (other["sha"], exceptions(other)) == (pushed, ["direct-push", "no-pull-request"])


@pytest.mark.parametrize("path", ["envs/prod.yaml", "envs/PROD.json"])
def test_a_new_file_of_the_environment_is_found(delivery: Exported, path: str) -> None:
    many(delivery, 2)
    delivery.export()
    text = "web: {tag: '1'}\n" if path.endswith("yaml") else tagged(delivery.release())
    added = delivery.land(delivery.world.infra, {path: text})
    again = delivery.land(delivery.world.infra, {path: f"{text}\n"})

    delivery.export()

    assert added in [record["commit"]["sha"] for record in changes(delivery)]
    assert path in delivery.lines()[-1]["paths"]
    assert again  # a change of formatting: no record has to tell it


@pytest.mark.parametrize("path", ["envs/prod.yaml", "envs/PROD.json"])
@pytest.mark.parametrize("how", ["moved", "beside"])
def test_a_new_file_is_found_in_a_commit_that_touches_a_known_one(delivery: Exported, how: str, path: str) -> None:
    """An approved commit hides in it a tag that was never released."""
    many(delivery, 2)
    tag = delivery.last()["tags"]["api"]
    lost = delivery.push(delivery.world.app, "side", {"x": "x"}, message="x", base="main")
    moved = how == "moved"
    added = delivery.land(
        delivery.world.infra,
        {
            "envs/prod.json": None if moved else f"{tagged(tag)}\n\n",
            path: json.dumps({"api" if moved else "web": {"tag": lost}}),
        },
    )
    delivery.deploy(added)

    again = delivery.last()
    (delivery.github.runner.workspace / FILE).unlink()
    anew = delivery.last()

    assert again["commit"]["sha"] == anew["commit"]["sha"] == added
    assert again["tags"] == anew["tags"] == ({"api": lost} if moved else {"api": tag, "web": lost})
    assert exceptions(again) == exceptions(anew) != []
    assert not [line for line in delivery.lines() if line["record"] == "gap"]


def test_each_commit_to_a_new_file_is_a_change(delivery: Exported) -> None:
    many(delivery, 1)
    delivery.export()
    infra = delivery.world.infra
    shas = [delivery.land(infra, {"envs/PROD.json": json.dumps({"web": {"tag": tag}})}) for tag in "12"]

    delivery.export()

    assert [record["commit"]["sha"] for record in changes(delivery)][-2:] == shas


def test_a_file_that_was_found_once_is_looked_at_when_everything_is_read(delivery: Exported) -> None:
    """Its name, which differs in case, is in no layout; the tags that it has are not lost."""
    many(delivery, 1)
    delivery.land(delivery.world.infra, {"envs/PROD.json": '{"web": {"tag": "1"}}'})
    delivery.export()
    delivery.land(delivery.world.infra, {"gitops.yml": "services: {api: {repo: your-org/app}}\n"})
    delivery.bump(delivery.release())

    assert everything_is_read(asked(delivery))
    assert changes(delivery)[-1]["tags"].keys() == {"api", "web"}
    assert not [line for line in delivery.lines() if line["record"] == "gap"]


def everything_is_read(found: Counter[str]) -> bool:
    """Tell whether the history was read, and not the news alone."""
    return found[RULESETS] > 0 or found["query"] > 6


def merged(delivery: Exported) -> None:
    infra = delivery.world.infra
    head = infra.git.head("main") or ""
    user = delivery.sandbox.state.users["olivia"]
    side = delivery.push(infra, "side", {"note": "x"}, message="x", base="main")
    merge = infra.git.commit(
        parents=[head, side], message="Merge", author=user.person, tree=str(infra.git.get(side).tree_id)
    )
    infra.authors[merge] = user
    token = delivery.sandbox.state.tokens[delivery.world.tokens["olivia"]]
    delivery.sandbox.behaviour.update_ref(infra, token, "refs/heads/main", merge)


def put_back(delivery: Exported) -> None:
    infra = delivery.world.infra
    token = delivery.sandbox.state.tokens[delivery.world.tokens["olivia"]]
    first = infra.git.history(infra.git.head("main") or "")[1]
    delivery.sandbox.behaviour.update_ref(infra, token, "refs/heads/main", first)


def deployed_elsewhere(delivery: Exported) -> None:
    lost = delivery.push(delivery.world.infra, "elsewhere", {"envs/prod.json": tagged("x")}, message="x", base="main")
    delivery.deploy(lost)


WHERE_NEWS_DO_NOT_SUFFICE = {
    "the rules changed": lambda d: d.land(d.world.infra, {"gitops.yml": "services: {api: {repo: your-org/app}}\n"}),
    "a merge commit": merged,
    "the branch was put back": put_back,
    "a commit of another branch was deployed": deployed_elsewhere,
    "a change waits for its deployment": lambda d: (d.bump(d.release(), deploy=False), d.export()),
    "a file that is no text": lambda d: d.land(d.world.infra, {"envs/prod.json": "\0"}),
}


@pytest.mark.parametrize("how", WHERE_NEWS_DO_NOT_SUFFICE)
def test_everything_is_read_where_the_records_do_not_tell_all(delivery: Exported, how: str) -> None:
    many(delivery, 2)
    delivery.export()
    delivery.without_rules()
    WHERE_NEWS_DO_NOT_SUFFICE[how](delivery)  # type: ignore[no-untyped-call]

    assert everything_is_read(asked(delivery))


def test_files_of_services_may_be_anywhere_so_everything_is_read(delivery: Exported) -> None:
    delivery.land(delivery.world.infra, {"gitops.yml": "files: '{service}/{env}.json'\n"})
    delivery.land(delivery.world.infra, {"api/prod.json": json.dumps({"tag": delivery.release()})})
    delivery.deploy(delivery.world.infra.git.head("main") or "")
    delivery.export()
    sha = delivery.land(delivery.world.infra, {"web/prod.json": json.dumps({"tag": delivery.release()})})

    assert everything_is_read(asked(delivery))
    assert changes(delivery)[-1]["commit"]["sha"] == sha


def test_rules_that_changed_are_read(delivery: Exported) -> None:
    many(delivery, 2)
    delivery.export()
    delivery.world.infra.ruleset("main")["updated_at"] = "2026-01-01T00:00:00Z"
    delivery.bump(delivery.release())

    assert asked(delivery)[RULESETS] == 1


# What somebody might try


@pytest.mark.parametrize("refused", [0, 100])
def test_a_bypass_is_not_hidden_by_pushes_that_a_rule_refused(delivery: Exported, refused: int) -> None:
    """Anyone who may write pushes the same commit to the branch again and again; GitHub lists 100 on a page."""
    many(delivery, 1)
    delivery.export()
    infra = delivery.world.infra
    sha = delivery.land(infra, {"README.md": "x"})
    suite = next(suite for suite in infra.rule_suites if suite.after == sha)
    suite.result = "bypass"
    for rule in suite.evaluations:
        rule["result"] = "fail"
    bob = delivery.sandbox.state.users["bob"]
    infra.rule_suites += [
        RuleSuite(delivery.sandbox.state.new_id(), bob, "refs/heads/main", sha, sha, "fail", []) for _ in range(refused)
    ]

    (found,) = [record for record in delivery.records() if record["record"] == "commit"]

    assert (found["sha"], exceptions(found)) == (sha, ["bypass-without-reason"])


def test_a_deployment_that_waited_is_found_when_it_succeeds(delivery: Exported) -> None:
    """However many came since: a record of it is older than the last export, and said nothing then."""
    many(delivery, 2)
    infra, bot = delivery.world.infra, delivery.sandbox.state.users[BOT]
    lost = delivery.push(infra, "elsewhere", {"envs/prod.json": tagged("x")}, message="x", base="main")
    waiting = delivery.sandbox.behaviour.deploy(infra, bot, sha=lost, ref="elsewhere", environment="prod")
    waiting.created = f"{datetime.now(UTC) - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    delivery.export()
    delivery.bump(delivery.release())
    delivery.export()
    waits_since = delivery.lines()[-1]["since"]
    delivery.sandbox.behaviour.deployed(infra, waiting, bot, "success")

    details = [each["detail"] for each in delivery.export().json("exceptions")]

    assert (waits_since, delivery.lines()[-1]["since"]) == (waiting.created, infra.deployments[-1].created)
    assert any("which was not on main" in detail for detail in details)


def test_a_change_that_was_taken_out_of_the_records_comes_back(delivery: Exported) -> None:
    """Whoever may write the evidence can make the chain anew, and leave the commit up to which it is complete."""
    many(delivery, 3)
    delivery.export()
    path = delivery.github.runner.workspace / FILE
    lines = delivery.lines()
    taken = changes(delivery)[-1]["commit"]["sha"]
    kept = [line for line in lines if line["record"] != "change" or line["commit"]["sha"] != taken]
    path.write_bytes(Chain().with_records([{k: v for k, v in line.items() if k != "previous"} for line in kept])[1])

    delivery.export()

    assert taken in [record["commit"]["sha"] for record in changes(delivery)]


def test_what_the_rules_require_is_not_taken_from_the_records(delivery: Exported) -> None:
    many(delivery, 2)
    delivery.export()
    path = delivery.github.runner.workspace / FILE
    lines = delivery.lines()
    required = changes(delivery)[-1]["rules"][0]["required_checks"]
    for line in lines:
        for rules in line.get("rules") or ():
            rules["required_checks"] = []
    path.write_bytes(Chain().with_records([{k: v for k, v in line.items() if k != "previous"} for line in lines])[1])
    delivery.bump(delivery.release())

    delivery.export()

    assert required
    assert changes(delivery)[-1]["rules"][0]["required_checks"] == required


def test_a_listing_of_a_commit_that_never_was_changes_nothing(delivery: Exported) -> None:
    many(delivery, 2)
    delivery.export()
    path = delivery.github.runner.workspace / FILE
    lines = delivery.lines()
    lines[-1]["head"] = "a" * 40
    path.write_bytes(Chain().with_records([{k: v for k, v in line.items() if k != "previous"} for line in lines])[1])
    sha = delivery.bump(delivery.release())

    assert everything_is_read(asked(delivery))
    assert changes(delivery)[-1]["commit"]["sha"] == sha


def test_a_branch_that_is_gone_is_an_error(delivery: Exported) -> None:
    many(delivery, 2)
    delivery.export()
    delivery.world.infra.git.delete_ref("refs/heads/main")

    result = delivery.export()

    assert "has no branch 'main'" in result.log


def test_the_jobs_are_read_one_by_one_where_check_suites_may_not_be_read(delivery: Exported) -> None:
    """As with a fine-grained token, which is shown no checks."""
    many(delivery, 2)
    error = {"type": "FORBIDDEN", "message": "Resource not accessible by personal access token"}
    refused = Fault(status=200, body={"data": {}, "errors": [error]})
    delivery.sandbox.faults.plan({("query object", TAGS): refused})

    found = asked(delivery)

    assert found[JOBS] == 3
    assert [record["unknown"] for record in changes(delivery)] == [[], [], []]


def test_commits_that_are_gone_are_an_error(delivery: Exported) -> None:
    environment, token = delivery.sandbox.environment(), delivery.world.tokens["olivia"]
    infra, app = Client(INFRA, token, environment), Client(APP, token, environment)

    with pytest.raises(GitHubError, match="the branch was rewritten during the run"):
        FileReader(infra).commits(["a" * 40], ["x"], "main")
    with pytest.raises(GitHubError, match="aaaa no longer exists in your-org/app"):
        AppEvidence(app, AppRepository(app), ()).commits(["a" * 40])
