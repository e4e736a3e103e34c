"""A promotion that a schedule asks for every hour: it goes when the gates open, once, and brings nothing back."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from sandbox.delivery import tagged
from tests.sandbox.scenarios import GitHub, deploy, open_pr
from tests.sandbox.test_holds import open_issue

if TYPE_CHECKING:
    from tests.support import Result

CONFIG = """environments:
  dev: {review: none}
  staging: {after: dev, review: none}
  prod: {after: staging, soak: 24h}
services: {api: {repo: your-org/app}}
hold: issues
"""


@pytest.fixture(name="hourly")
def _hourly(gated: GitHub) -> GitHub:
    gated.change_infra({"gitops.yml": CONFIG})
    gated.world.infra.deployments.clear()
    return gated


def promote(github: GitHub, env: str = "staging", source: str = "dev", **how: str) -> Result:
    return open_pr(github, **{"env": env, "from_env": source, "when_waiting": "skip", **how})


def test_what_has_to_wait_is_asked_for_again_and_goes_once(hourly: GitHub) -> None:
    tag = hourly.app_commit()
    deploy(hourly, "staging", tag, ago=timedelta(hours=23))
    deploy(hourly, "staging", tag, ago=timedelta(days=-1000))
    hourly.world.infra.deployments.clear()
    hourly.change_infra({"envs/staging.json": tagged(tag)})

    unborn = promote(hourly, "prod", "staging")
    record = hourly.sandbox.behaviour.record_deployment
    record(hourly.world.infra, hourly.world.infra.git.head("main") or "", "staging", by="gitops-bot[bot]")
    soaking = promote(hourly, "prod", "staging")
    hourly.world.infra.deployments[-1].statuses[-1].at = "2020-01-01T00:00:00Z"
    hourly.world.infra.deployments[-1].created = "2020-01-01T00:00:00Z"
    opened, again = promote(hourly, "prod", "staging"), promote(hourly, "prod", "staging")

    assert [(r.exit_code, r.outputs["reason"]) for r in (unborn, soaking)] == [(0, "waiting"), (0, "waiting")]
    assert (soaking.outputs["changed"], soaking.outputs["pr-number"]) == ("false", "")
    assert "of the required 1 d" in soaking.log
    assert "⏳ **soaking**" in soaking.summary
    assert (opened.outputs["reason"], again.outputs["reason"]) == ("opened", "already-open"), opened.log
    assert len(hourly.world.infra.opened) == 1


def test_a_hold_is_waited_for_and_a_refusal_is_not(hourly: GitHub) -> None:
    tag = hourly.app_commit()
    deploy(hourly, "dev", tag, ago=timedelta(hours=1))
    issue = open_issue(hourly, "hold:staging")
    held = promote(hourly, merge="direct")
    issue.state = "closed"
    hourly.world.app.checks.clear()
    hourly.report("gate", "failure", tag, hourly.world.app)
    failed = promote(hourly)
    open_issue(hourly, "hold:staging")
    both = promote(hourly)

    assert (held.exit_code, held.outputs["reason"]) == (0, "waiting")
    assert failed.outputs["reason"] == both.outputs["reason"] == "checks-failed"
    assert hourly.world.infra.opened == {}


def test_what_was_rolled_back_is_not_brought_back(hourly: GitHub) -> None:
    good, bad = hourly.app_commit("good"), hourly.app_commit("bad")
    deploy(hourly, "dev", bad, ago=timedelta(hours=4))
    for hours, tag in ((3, good), (2, bad), (1, good)):
        deploy(hourly, "staging", tag, ago=timedelta(hours=hours))
    waits = promote(hourly)
    deploy(hourly, "dev", hourly.app_commit("fix"), ago=timedelta(minutes=30))
    goes = promote(hourly)

    assert (waits.exit_code, waits.outputs["reason"]) == (0, "waiting")
    assert f"{bad[:12]} was deployed to staging before" in waits.log
    assert goes.outputs["reason"] == "opened"


def test_without_holds_it_would_flap(hourly: GitHub) -> None:
    hourly.change_infra({"gitops.yml": CONFIG.replace("hold: issues\n", "")})

    result = promote(hourly)

    assert (result.exit_code, result.outputs["reason"]) == (2, "invalid-input")
    assert "when-waiting: skip needs hold: issues" in result.log


def test_another_word_is_refused(hourly: GitHub) -> None:
    result = promote(hourly, when_waiting="later")

    assert (result.exit_code, result.outputs["reason"]) == (2, "invalid-input")
    assert "input when-waiting is 'later'; it can be 'skip', or empty" in result.log
