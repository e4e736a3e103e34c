"""What is in the list of evidence: every change, and whatever else went past the rules."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

from sandbox.delivery import tagged
from sandbox.world import BOT
from tests.sandbox.exported import FILE, INFRA, Exported, exceptions

CONFIG = """environments: {dev: {review: none}, prod: {after: dev%s}}
services: {api: {repo: your-org/app}}
bots: [gitops-bot]
"""


def others(delivery: Exported) -> dict[str, list[str]]:
    """The exceptions of each commit that changed nothing of prod."""
    records = [record for record in delivery.records() if record["record"] == "commit"]
    return {record["sha"]: exceptions(record) for record in records}


def test_what_was_approved_is_not_listed(delivery: Exported) -> None:
    delivery.land(delivery.world.infra, {"README.md": "x"})

    assert others(delivery) == {}


def test_what_nobody_approved_is_listed_whatever_it_changes(delivery: Exported) -> None:
    delivery.without_rules()
    sha = delivery.land(delivery.world.infra, {"Makefile": "deploy:\n\tevil\n"}, approved_by="")

    assert others(delivery) == {sha: ["not-approved"]}


def test_what_was_pushed_is_listed_whatever_it_changes(delivery: Exported) -> None:
    delivery.without_rules()
    sha = delivery.push(delivery.world.infra, "main", {".github/workflows/x.yml": "x"}, message="x")

    assert others(delivery) == {sha: ["direct-push", "no-pull-request"]}


def test_the_right_to_bypass_is_listed_when_it_is_used(delivery: Exported) -> None:
    """For tags of an environment without review it is no exception; for anything else it is one."""
    infra = delivery.world.infra
    delivery.land(infra, {"gitops.yml": CONFIG % ""})
    delivery.bump(delivery.release(), env="dev")
    free = delivery.bump(delivery.release(), env="dev", by=BOT, approved_by="", merged_by=BOT)
    more = delivery.land(
        infra, {"envs/dev.json": tagged(delivery.release(), cpu=2)}, by=BOT, approved_by="", merged_by=BOT,
        message="x\n\nRequested-in: https://x/your-org/infra/actions/runs/1/attempts/1",
    )  # fmt: skip

    assert others(delivery) == {free: [], more: ["bypass-without-reason", "not-approved"]}
    table = delivery.github.runner.read("evidence/evidence.csv")
    assert "by the right to bypass" in delivery.github.runner.read("evidence/evidence.html")
    assert f'"{free}"' in table


@pytest.mark.parametrize(
    "config",
    [
        "environments: [",
        CONFIG.replace("review: none", "review: required") % "",
        f"{CONFIG % ''}files: 'envs/{{env}}.json'\n",
    ],
    ids=["none", "others", "others for files"],
)
def test_tags_are_free_only_by_the_rules_before_them(delivery: Exported, config: str) -> None:
    delivery.without_rules()
    infra = delivery.world.infra
    delivery.push(infra, "main", {"gitops.yml": config}, message="x")
    sha = delivery.bump(delivery.release(), env="dev", approved_by="")
    delivery.land(infra, {"gitops.yml": CONFIG % ""})

    assert others(delivery)[sha] == ["not-approved"]


def test_a_file_whose_name_differs_in_case_is_the_environments(delivery: Exported) -> None:
    sha = delivery.land(delivery.world.infra, {"envs/PROD.json": tagged(delivery.release())})

    records = delivery.records()

    assert [record["commit"]["sha"] for record in records if record["record"] == "change"][-1] == sha
    assert "envs/PROD.json" in delivery.lines()[-1]["paths"]


def test_a_file_that_was_renamed_is_looked_at(delivery: Exported) -> None:
    infra = delivery.world.infra
    tag = delivery.release()
    delivery.without_rules()
    away = delivery.land(infra, {"envs/prod.json": None, "old.json": tagged(tag)}, approved_by="")
    back = delivery.land(infra, {"envs/prod.json": tagged(tag), "old.json": None}, approved_by="")

    changes = [record for record in delivery.records() if record["record"] == "change"]

    assert [record["commit"]["sha"] for record in changes][-2:] == [away, back]
    assert all("not-approved" in exceptions(record) for record in changes[-2:])


def test_each_commit_is_looked_at_once(delivery: Exported) -> None:
    delivery.without_rules()
    one = delivery.land(delivery.world.infra, {"README.md": "x"}, approved_by="")
    first = delivery.records()
    nothing = delivery.export()
    two = delivery.land(delivery.world.infra, {"README.md": "y"}, approved_by="")

    assert nothing.outputs["reason"] == "up-to-date"
    assert [record["sha"] for record in first if record["record"] == "commit"] == [one]
    assert [*others(delivery)] == [one, two]


def test_a_run_that_is_stopped_has_not_looked_at_all(delivery: Exported) -> None:
    delivery.without_rules()
    shas = [delivery.land(delivery.world.infra, {"README.md": text}, approved_by="") for text in ("x", "y")]
    delivery.export()
    lines = delivery.github.runner.read(FILE).splitlines(keepends=True)
    kept = [line for line in lines if json.loads(line)["record"] in ("start", "change")]
    delivery.github.runner.write({FILE: "".join(lines[: len(kept) + 1])})

    assert [*others(delivery)] == shas


def test_a_record_of_somebody_else_is_listed(delivery: Exported) -> None:
    delivery.land(delivery.world.infra, {"gitops.yml": CONFIG % ""})
    head = delivery.world.infra.git.head("main") or ""
    alice = delivery.person("alice")
    body = {"ref": head, "environment": "PROD", "auto_merge": False, "required_contexts": []}
    number = alice.api("POST", f"/repos/{INFRA}/deployments", body)["id"]
    alice.api("POST", f"/repos/{INFRA}/deployments/{number}/statuses", {"state": "success"})

    (stray,) = [record for record in delivery.records() if record["record"] == "deployment"]

    assert exceptions(stray) == ["deployment-without-change"]
    assert "alice, who is no deployer, recorded a deployment" in str(stray["exceptions"])


def test_how_the_list_was_made_is_in_every_record(delivery: Exported) -> None:
    delivery.github.runner.environment |= {"GITHUB_RUN_ID": "5", "GITHUB_RUN_ATTEMPT": "2", "GITHUB_ACTOR": "olivia"}
    delivery.bump(delivery.release())
    delivery.export()

    made = [line["collected"] for line in delivery.lines()]

    assert {(each["actor"], each["head"]) for each in made} == {("olivia", delivery.world.infra.git.head("main"))}
    assert {each["run"].rpartition("/your-org")[2] for each in made} == {"/infra/actions/runs/5/attempts/2"}
    assert "how the list was made" in delivery.github.runner.read("evidence/evidence.html")


@pytest.mark.parametrize(("pattern", "found"), [("", []), ("tickets: SHOP-[0-9]+\n", ["SHOP-7", "SHOP-8"])])
def test_tickets_are_what_gitops_yml_says(delivery: Exported, pattern: str, found: list[str]) -> None:
    delivery.land(delivery.world.infra, {"gitops.yml": CONFIG.replace("after: dev%s", "") + pattern})
    tag = delivery.release(message="SHOP-8 in UTF-8")
    delivery.bump(tag, message="Update prod\n\nSHOP-9", deploy=True)
    delivery.newest.body = "For SHOP-7, with SHA-256, SHOP-8"

    record = delivery.last()

    assert record["commit"]["pull"]["tickets"] == found
    assert record["moves"][0]["commits"][0]["pull"]["tickets"] == found[1:]


# The gates that depend on the time


def verdicts(delivery: Exported) -> dict[str, str]:
    """What each gate said of the newest change when it was deployed."""
    return {each["gate"]: each["decision"] for each in delivery.last()["deployments"][0]["verdicts"]}


def test_what_the_gates_said_is_worked_out_anew(delivery: Exported) -> None:
    delivery.land(delivery.world.infra, {"gitops.yml": CONFIG % ""})
    tag = delivery.release()
    delivery.bump(tag, env="dev")
    delivery.bump(tag)

    assert verdicts(delivery) == {"after": "allow"}
    assert exceptions(delivery.last()) == []


def test_what_never_ran_in_the_environment_before_is_found(delivery: Exported) -> None:
    delivery.land(delivery.world.infra, {"gitops.yml": CONFIG % ""})
    delivery.bump(delivery.release())

    assert verdicts(delivery) == {"after": "refuse"}
    assert exceptions(delivery.last()) == ["gate-closed"]


def test_a_run_that_came_too_late_does_not_count(delivery: Exported) -> None:
    delivery.land(delivery.world.infra, {"gitops.yml": CONFIG % ""})
    tag = delivery.release()
    delivery.bump(tag)
    delivery.bump(tag, env="dev")
    for record in delivery.world.infra.deployments:
        if record.environment == "dev":
            record.statuses[-1].at = "2099-01-01T00:00:00Z"

    assert verdicts(delivery) == {"after": "refuse"}


@pytest.mark.parametrize(("hours", "decision"), [(1, "wait"), (30, "allow")])
def test_how_long_it_ran_counts_until_it_was_deployed(delivery: Exported, hours: int, decision: str) -> None:
    delivery.land(delivery.world.infra, {"gitops.yml": CONFIG % ", soak: 24h"})
    tag = delivery.release()
    delivery.bump(tag, env="dev")
    delivery.bump(tag)
    began, deployed = (delivery.world.infra.deployments[-number] for number in (2, 1))
    at = datetime.fromisoformat(deployed.created) - timedelta(hours=hours)
    began.statuses[-1].at = f"{at:%Y-%m-%dT%H:%M:%SZ}"

    assert verdicts(delivery) == {"after": "allow", "soak": decision}


@pytest.mark.parametrize("label", ["", "alice", "bob"])
def test_a_freeze_is_overridden_by_somebody_else(delivery: Exported, label: str) -> None:
    freeze = ", freeze: ['2000-01-01 00:00 - 2100-01-01 00:00 UTC']"
    delivery.land(delivery.world.infra, {"gitops.yml": CONFIG.replace("after: dev", "review: required") % freeze})
    sha = delivery.bump(delivery.release(), deploy=False, message="x\n\nFreeze-override: the shop is down")
    if label:
        number = delivery.newest.number
        delivery.person(label).api("POST", f"/repos/{INFRA}/issues/{number}/labels", {"labels": ["freeze-override"]})
    delivery.deploy(sha)

    assert verdicts(delivery) == {"freeze": "allow" if label == "bob" else "wait"}
    assert exceptions(delivery.last()) == ([] if label == "bob" else ["gate-closed"])


def test_a_hotfix_and_a_rollback_need_not_have_run_before(delivery: Exported) -> None:
    app, infra = delivery.world.app, delivery.world.infra
    delivery.land(infra, {"gitops.yml": CONFIG % ", soak: 24h"})
    start = app.git.head("main") or ""
    app.git.set_ref("refs/heads/hotfixes/x", start)
    fixed = delivery.land(app, {"fix": "x"}, base="hotfixes/x")
    delivery.bump(fixed)
    hotfix = delivery.last()
    delivery.bump(start, message="Back\n\nReason: it is worse")

    rollback = delivery.last()

    assert (hotfix["kind"], rollback["kind"]) == ("hotfix", "rollback")
    assert (exceptions(hotfix), exceptions(rollback)) == ([], [])


def test_a_later_deployment_is_judged_too(delivery: Exported) -> None:
    delivery.land(delivery.world.infra, {"gitops.yml": CONFIG % ""})
    sha = delivery.bump(delivery.release(), deploy=False)
    delivery.export()
    delivery.deploy(sha)

    result = delivery.export()

    assert [found["exception"] for found in result.json("exceptions")] == ["gate-closed"]


def test_what_was_adopted_is_said_to_be(delivery: Exported) -> None:
    """It ran before there were gates, so none has said anything."""
    delivery.land(delivery.world.infra, {"gitops.yml": CONFIG % ""})
    delivery.bump(delivery.release())
    delivery.world.infra.deployments[-1].payload = {"run": "1", "attempt": "1", "commits": {}, "adopted": True}

    record = delivery.last()

    assert (record["deployments"][0]["adopted"], record["deployments"][0]["verdicts"]) == (True, [])
    assert "it ran before there were records" in delivery.github.runner.read("evidence/evidence.html")
