"""`make sandbox` with two checkouts of one's own: other names, another default branch, other environments."""

from __future__ import annotations

import io
import json
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from sandbox.client import ApiError
from sandbox.guide import guide
from sandbox.serve import read_pair
from sandbox.server import Sandbox
from sandbox.workflows import Workflows
from sandbox.world import build, with_environments
from tests.e2e.scenarios import Pipeline
from tests.pairs import git, other_pair
from tests.support import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COMMAND = (sys.executable, "-m", "sandbox")
LAST = "Ctrl-C ends it and removes everything.\n"
APP, INFRA = "acme/shop", "acme/shop-infra"


@pytest.fixture(name="shop")
def _shop(actions: Path, home: Path, tmp_path: Path) -> Iterator[Pipeline]:
    """The two checkouts, served with their workflows."""
    app, infra = other_pair(tmp_path / "checkouts")
    with Sandbox.start() as sandbox:
        world = with_environments(build(sandbox, read_pair(app, infra)))
        with Workflows(sandbox, actions=actions, logs=tmp_path, home=home) as workflows:
            yield Pipeline(sandbox, world, workflows, tmp_path)
        assert not sandbox.violations


def test_what_protects_the_checkouts_is_in_force_and_as_their_files_say(shop: Pipeline) -> None:
    shop.person("olivia").dispatch(INFRA, "protect.yml", {"mode": "check"}, ref="trunk")
    shop.wait()
    (run,) = shop.workflows.runs
    assert run.conclusion == "success", run.lines
    alice = shop.person("alice")
    clone = alice.clone(APP, shop.folder / "clone")
    alice.git("commit", "-q", "--allow-empty", "-m", "x", at=clone)
    with pytest.raises(ApiError, match="GH013"):
        alice.git("push", "-q", "origin", "trunk", at=clone)


@pytest.mark.thorough
def test_each_line_of_the_help_does_what_it_says_as_it_stands(shop: Pipeline) -> None:
    said = guide(shop.sandbox, shop.world, shop.folder)
    lines = re.findall(r"(?m)^  ([a-z-]*) +((?:git|curl|\(cd) .*)$", said)
    answers: dict[str, list[str]] = {}
    for what, line in lines:
        command = line.replace("/jobs/1/", f"/jobs/{job_of(answers)}/").replace("TEXT", "2026-01-01")
        done = subprocess.run(["bash", "-c", command], cwd=shop.folder, capture_output=True, text=True, check=True)
        answers.setdefault(what, []).append(done.stdout)
        shop.wait()

    merged, comments = json.loads(answers["merge"][0]), json.loads(answers["comments"][0])
    assert {*answers} == {
        "clone", "push", "open", "approve", "label", "comment", "merge", "dispatch", "schedule", "runs", "jobs",
        "log", "re-run", "cancel", "comments",
    }  # fmt: skip
    assert merged["sha"] == shop.world.app.git.head("trunk")
    assert [json.loads(answer)["workflow_runs"] != [] for answer in answers["runs"]] == [True, True]
    assert "Set up job" in answers["log"][0]
    assert [run.attempt for run in shop.workflows.runs if run.number == 1] == [1, 2]
    assert comments[0]["user"]["login"] == "github-actions[bot]"
    assert "Cannot cancel" in answers["cancel"][0]
    assert not [answer for answer in answers["dispatch"] + answers["schedule"] if '"message"' in answer]


def job_of(answers: dict[str, list[str]]) -> int:
    """Return the number of a job that somebody has read, as one would from the answer."""
    return int(json.loads(answers["jobs"][0])["jobs"][0]["id"]) if "jobs" in answers else 1


def test_the_command_serves_two_checkouts_until_it_is_ended(tmp_path: Path) -> None:
    app, infra = other_pair(tmp_path)
    command: list[str | Path] = [*COMMAND, "--app", app, "--infra", infra]

    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        said = list(iter((process.stdout or io.StringIO()).readline, LAST))
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=30)[0]

    assert any(line.startswith("  clone ") and line.endswith("/acme/shop.git\n") for line in said)
    assert (process.returncode, rest.strip()) == (0, "ended")


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (["--app", "."], "give both --app and --infra"),
        (["--app", "no-such-folder", "--infra", "."], "no-such-folder: there is no such folder"),
    ],
)
def test_what_cannot_be_served_is_said(given: list[str], why: str) -> None:
    done = subprocess.run([*COMMAND, *given], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)

    assert done.returncode == 2
    assert why in done.stderr


def test_the_history_of_the_checkouts_is_theirs(shop: Pipeline) -> None:
    checkout = shop.folder / "checkouts" / "shop"
    clone = shop.person("bob").clone(APP, shop.folder / "clone")

    assert git(clone, "rev-parse", "trunk") == git(checkout, "rev-parse", "trunk")
    assert git(clone, "symbolic-ref", "--short", "HEAD") == "trunk"
