"""With none of the keys of docs/operate.md in gitops.yml, runs ask what they asked, and say what they said."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from sandbox.delivery import tagged
from tests.sandbox.exported import Exported
from tests.sandbox.scenarios import GITOPS, GitHub, Infra, check, deploy, hold, open_pr, propose
from tests.support import ROOT

if TYPE_CHECKING:
    from tests.support import Result

OPTIONAL = ("hold", "return", "ticket", "overdue", "artifact")
LAZY = tuple(f"actions.{name}" for name in ("artifacts.attestation", "artifacts.registry", "gates.artifact_facts"))
GATES = "| environment | service | tag | released | checks | after | soak | freeze | ancestry |"
ON = GITOPS.replace("soak: 24h", 'soak: 24h, ticket: "X-[0-9]+", emergency: {by: [alice], review-within: 1h}')


def headers(result: Result) -> list[str]:
    return [line for line in result.summary.splitlines() if line.startswith("| environment |")]


@pytest.fixture(name="ready")
def _ready(gated: GitHub) -> GitHub:
    """A commit that has soaked, and a world in which whatever is optional would be an error."""
    tag = gated.app_commit()
    deploy(gated, "staging", tag, ago=timedelta(days=2))
    gated.world.infra.has_issues = False
    gated.change_infra({"exceptions.yml": "- nonsense"})
    gated.runner.environment["TAG"] = tag
    return gated


def test_the_gates_of_a_pull_request_are_those_of_before(ready: GitHub) -> None:
    number = propose(ready, {"envs/prod.json": tagged(ready.runner.environment["TAG"])})

    result = check(ready, number)
    opened = open_pr(ready, env="prod", from_env="staging")

    assert (result.outputs["reason"], opened.outputs["reason"]) == ("allowed", "opened"), result.log
    assert headers(result) == [GATES]
    assert not {entry["gate"] for entry in result.json("gates")} & set(OPTIONAL)
    assert GATES in ready.world.infra.pulls[max(ready.world.infra.opened)].body


def test_the_same_asks_for_more_only_if_it_is_told_to(ready: GitHub) -> None:
    files: dict[str, str | None] = {"envs/prod.json": tagged(ready.runner.environment["TAG"])}
    ready.world.infra.has_issues = True

    def cost(config: str, branch: str) -> tuple[int, int]:
        ready.change_infra({"gitops.yml": config})
        number = propose(ready, files, branch=branch, message="X-1")
        ready.sandbox.exchanges.clear()
        assert check(ready, number).outputs["reason"] == "allowed"
        return len(ready.sandbox.exchanges), sum(exchange.points for exchange in ready.sandbox.exchanges)

    off, on = cost(GITOPS, "off"), cost(f"{ON}hold: issues\n", "on")

    assert off < on


def test_the_same_starts_no_program_and_asks_no_registry(ready: GitHub) -> None:
    """An image alone asks for nothing, and what asks is not even imported."""
    image = GITOPS.replace("your-org/app}", "your-org/app, image: 127.0.0.1:1/api}")
    ready.change_infra({"gitops.yml": image})
    number = propose(ready, {"envs/prod.json": tagged(ready.runner.environment["TAG"])})
    names = ("check_envs", "deploy_matrix", "open_infra_pr", "export_evidence")
    code = f"""import sys
from actions import {", ".join(names)}
sys.exit(any(name in sys.modules for name in {LAZY}))"""
    ready.runner.environment["PATH"] = ""

    result = check(ready, number)

    assert result.outputs["reason"] == "allowed", result.log
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_the_plan_of_a_deployment_is_that_of_before(running: Infra) -> None:
    running.github.world.infra.has_issues = False
    running.pushed(staging="1+2")

    result = hold(running)

    assert headers(result) == [
        "| environment | service | tag | deploy |",
        "| environment | service | tag | after | ancestry | review |",
    ]
    assert "Status" not in result.summary


def test_the_summary_of_the_evidence_is_that_of_before(delivery: Exported) -> None:
    delivery.github.world.infra.has_issues = False
    delivery.bump(delivery.release(), deploy=False)

    result = delivery.export(fail_on_exceptions="true")

    assert "| commit | exception | detail |\n" in result.summary
    assert result.json("exceptions")[0].keys() == {"commit", "exception", "detail"}
    assert "Answered" not in delivery.github.runner.read("evidence/evidence.html")
