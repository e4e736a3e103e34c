"""Every workflow and action in the repository: valid to everybody who reads it, pinned, with least permissions."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.contract.tools import BIN, OURS, PINNED
from tests.support import ACTIONS, ROOT, declaration

AUTO = ROOT / "examples/auto-promote/deploy.yml"
APART = [*sorted((ROOT / "examples/sharded").glob("*.yml")), AUTO, ROOT / "examples/pull-based/deploy.yml"]
WORKFLOWS = [
    *sorted(ROOT.glob(".github/workflows/*.yml")),
    *sorted(ROOT.glob("examples/*/.github/workflows/*.yml")),
    *APART,
]


def short(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.fixture(name="workflow", params=WORKFLOWS, ids=short)
def _workflow(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


def load(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # noqa: S506
    return loaded


def uses(path: Path) -> list[str]:
    return re.findall(r"^\s*(?:- )?uses: (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)


def test_the_schemas_of_github_accept_workflows_and_actions() -> None:
    for schema, paths in {
        "vendor.github-workflows": WORKFLOWS,
        "vendor.github-actions": [ROOT / action / "action.yml" for action in ACTIONS],
    }.items():
        done = subprocess.run(
            [BIN / "check-jsonschema", "--builtin-schema", schema, *paths], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout


def test_the_parser_of_github_accepts_every_workflow() -> None:
    script = ROOT / "tests" / "contract" / "workflow_parser.mjs"
    done = subprocess.run(["node", script, *WORKFLOWS], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_the_parser_of_github_would_say_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "bad.yml").write_text("on: push\njobs:\n  a:\n    runs-on: x\n    stepz: []\n")
    script = ROOT / "tests" / "contract" / "workflow_parser.mjs"

    done = subprocess.run(["node", script, tmp_path / "bad.yml"], cwd=ROOT, capture_output=True, text=True, check=True)

    assert "Unexpected value 'stepz'" in done.stdout


def test_zizmor_has_nothing_to_say() -> None:
    done = subprocess.run(
        [
            BIN / "zizmor",
            "--persona",
            "pedantic",
            "--offline",
            "--no-progress",
            ".",
            "examples/app",
            "examples/infra",
            "examples/monorepo",
            *map(short, APART),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout


def test_what_others_wrote_is_pinned_to_a_commit(workflow: Path) -> None:
    for used in uses(workflow):
        assert used.startswith(("./", OURS)) or PINNED.fullmatch(used), used


def test_a_workflow_gives_no_permission_to_all_its_jobs(workflow: Path) -> None:
    assert load(workflow)["permissions"] in ({}, "{}")


def required_checks(workflow: Path) -> set[str]:
    """Return the checks that the rulesets of the repository of *workflow* require."""
    home = workflow.parents[2] if workflow.parent.name == "workflows" else ROOT / "examples" / "infra"
    protection = ROOT / "examples" / "infra" / "protection"
    name = "app" if home.name == "monorepo" else home.name
    folder = ROOT / ".github" / "rulesets" if home == ROOT else protection / name / "rulesets"
    rules = [rule for path in folder.glob("*.json") for rule in json.loads(path.read_text(encoding="utf-8"))["rules"]]
    checks = [
        rule["parameters"]["required_status_checks"] for rule in rules if rule["type"] == "required_status_checks"
    ]
    assert checks
    return {check["context"] for listed in checks for check in listed}


def test_what_reports_a_required_check_runs_in_a_merge_queue_and_is_never_cancelled(workflow: Path) -> None:
    """A cancelled run reports a failure, and a queue waits for ever for a check that no run reports.

    Runs of different pull requests in one group would cancel each other, even while they wait
    (docs.github.com, "Control the concurrency of workflows and jobs").
    """
    content = load(workflow)
    names = {job.get("name", key) for key, job in content["jobs"].items()}
    if names & required_checks(workflow) and "workflow_call" not in content["on"]:
        # A queue's ref is admitted by no environment: what has a key reports to a queue by a workflow of its own.
        beside = workflow.with_name(f"{workflow.stem}-queue.yml")
        assert "merge_group" in content["on"] or "merge_group" in load(beside)["on"]
        assert content["concurrency"]["cancel-in-progress"] in (False, "false")
        assert re.search(r"github\.(sha|event\.pull_request\.number)\b", content["concurrency"]["group"])


def test_a_workflow_says_on_which_machine_it_runs(workflow: Path) -> None:
    for job in load(workflow)["jobs"].values():
        if "runs-on" in job:
            assert "latest" not in job["runs-on"]


def test_nothing_is_expanded_into_a_shell(workflow: Path) -> None:
    for job in load(workflow)["jobs"].values():
        for step in job.get("steps", []):
            assert "${{" not in step.get("run", "")


def test_the_examples_have_no_logic_of_their_own(workflow: Path) -> None:
    """That is what the actions are for: a step uses an action, calls make, starts another workflow, or fails."""
    if "examples" not in workflow.parts:
        return
    for job in load(workflow)["jobs"].values():
        for step in job.get("steps", []):
            assert "uses" in step or re.fullmatch(r"make [a-zA-Z/ -]+|exit [01]|gh workflow run .+", step["run"])


def test_what_is_given_to_our_actions_is_what_they_take(workflow: Path) -> None:
    for job in load(workflow)["jobs"].values():
        for step in job.get("steps", []):
            name = re.fullmatch(rf"(?:{OURS}|\./)(action-[a-z-]+)(@v1)?", step.get("uses", ""))
            if name:
                inputs = declaration(name[1])["inputs"]
                given = step.get("with", {})
                assert given.keys() <= inputs.keys()
                assert {key for key, declared in inputs.items() if declared["required"]} <= given.keys()


def test_auto_promote_is_the_deployment_of_the_example_with_two_more_jobs_of_which_the_page_shows_one() -> None:
    page = (ROOT / "docs/operate.md").read_text(encoding="utf-8")
    shown = yaml.safe_load(re.findall(r"(?ms)^```yaml\n(jobs:\n  roll-back:.*?)^```$", page)[0])["jobs"]
    auto, plain = load(AUTO), load(ROOT / "examples/infra/.github/workflows/deploy.yml")
    jobs = auto["jobs"]
    added = {name: jobs.pop(name) for name in ("promote", "roll-back")}
    assert jobs["record"].pop("outputs") == {"environments": "${{ steps.record.outputs.environments }}"}
    assert jobs["record"]["steps"][-1].pop("id") == "record"
    assert jobs["plan"]["steps"][1]["with"].pop("permission-issues") == "read"
    assert jobs["deploy"]["permissions"].pop("issues") == "read"

    assert auto == plain
    assert shown["roll-back"]["if"] == added["roll-back"]["if"]
    assert [step.get("with") for step in shown["roll-back"]["steps"]] == [
        step.get("with") for step in added["roll-back"]["steps"]
    ]


def test_whatever_change_asks_for_reaches_the_action() -> None:
    workflow = load(ROOT / "examples/infra/.github/workflows/change.yml")
    given = str(workflow["jobs"]["change"]["steps"][-1]["with"])

    for name in workflow["on"]["workflow_dispatch"]["inputs"]:
        assert re.search(rf"\binputs\.{name}\b", given), name
