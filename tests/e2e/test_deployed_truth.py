"""Runs that fail, are cancelled or overtaken: nothing merged stays undeployed, nothing is put back or done twice."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sandbox.world import BOT, release, without_gates
from tests.e2e.scenarios import INFRA, Pipeline, with_tag

if TYPE_CHECKING:
    from sandbox.act import Run

DEPLOYED = "Pretending to deploy prod"
# A job waits at `held` while prod is to run 2.0.0, and a deployment of 2.0.0 then does as it is told.
MAKEFILE = """
test:
\t@true
held:
\t@if grep -q 2.0.0 envs/prod.json && test -p {folder}/held; then echo here > {folder}/held; cat {folder}/go; fi
deploy:
\t@if test -e {folder}/broken; then echo "it is broken"; exit 1; fi
\t@if grep -q 2.0.0 envs/prod.json && test -p {folder}/begun; then echo here > {folder}/begun; cat {folder}/go; fi
\t@echo "Pretending to deploy $$ENVIRONMENT with" $$TAGS
"""


@dataclass(slots=True)
class Runs:
    """The deployments of prod, which the test can stop on the way by named pipes."""

    pipeline: Pipeline
    folder: Path
    opened: int = 0

    def pipes(self, *names: str) -> None:
        for name in names:
            os.mkfifo(self.folder / name)

    def propose(self, files: dict[str, str], *, running: int = 0) -> int:
        """Open a pull request and have it approved when no more than *running* workflows run."""
        self.opened += 1
        number = self.pipeline.propose(INFRA, f"change-{self.opened}", files, running=running)
        self.pipeline.person("bob").approve(INFRA, number)
        return number

    def merge(self, number: int) -> None:
        """Merge, and do not wait for what comes of it."""
        self.pipeline.person("alice").merge(INFRA, number)

    def docs(self) -> Run:
        """Land a change of something else, and return its run."""
        self.merge(self.propose({"README.md": f"{self.opened}"}))
        self.pipeline.wait()
        return self.pipeline.runs("Deploy", "push")[-1]

    def deployed(self) -> list[str]:
        """Return the versions that were deployed to prod, in order."""
        return [line.split('"')[3] for line in self.pipeline.said(DEPLOYED)]


def hear(pipe: Path) -> None:
    """Wait until somebody writes to *pipe*; a job that never comes that far must not stop the tests."""
    subprocess.run(["cat", str(pipe)], check=True, timeout=60, capture_output=True)


@pytest.fixture(name="runs")
def _runs(pipeline: Pipeline, tmp_path: Path) -> Runs:
    """Prod runs 1.0.0, and 2.0.0 and 3.0.0 are there to be deployed."""
    release(without_gates(pipeline.world), "1.0.0", "2.0.0", "3.0.0")
    infra = pipeline.world.infra
    path = ".github/workflows/deploy.yml"
    _, text = infra.git.file(infra.git.head("main") or "", path) or (0, b"")
    step = b"      # While this job waited"
    assert step in text
    held = b"      - name: Held up\n        run: make held\n\n"
    files: dict[str, bytes | None] = {
        path: text.replace(step, held + step),
        "Makefile": MAKEFILE.format(folder=tmp_path).encode(),
        "envs/prod.json": with_tag("prod", "1.0.0")["envs/prod.json"].encode(),
    }
    olivia = pipeline.sandbox.state.users["olivia"].person
    sha = infra.git.commit(parents=[infra.git.head("main") or ""], message="x", author=olivia, files=files)
    infra.git.set_ref("refs/heads/main", sha)
    for env in ("dev", "staging", "prod"):
        pipeline.sandbox.behaviour.record_deployment(infra, sha, env, by=BOT)
    return Runs(pipeline, tmp_path)


@pytest.mark.thorough
def test_what_failed_to_deploy_is_deployed_by_the_next_run(runs: Runs, tmp_path: Path) -> None:
    (tmp_path / "broken").touch()
    runs.merge(runs.propose(with_tag("prod", "2.0.0")))
    runs.pipeline.wait()
    (failed,) = [run for run in runs.pipeline.runs("Deploy", "push") if run.conclusion == "failure"]
    told = runs.pipeline.world.app.deployments[-1]
    (tmp_path / "broken").unlink()

    runs.docs()
    again = runs.docs()

    assert failed.jobs["deploy (prod)"] == "failure"
    assert [status.state for status in told.statuses] == ["failure"]
    assert runs.deployed() == ["2.0.0"]
    assert again.outputs["plan.matrix.reason"] == "unchanged"
    told = runs.pipeline.world.app.deployments[-1]
    assert (told.environment, [status.state for status in told.statuses]) == ("prod", ["success"])
    assert told.sha == runs.pipeline.world.app.git.resolve("2.0.0")


@pytest.mark.thorough
def test_what_was_cancelled_is_deployed_by_the_next_run(runs: Runs, tmp_path: Path) -> None:
    runs.pipes("begun", "go")
    runs.merge(runs.propose(with_tag("prod", "2.0.0")))
    hear(tmp_path / "begun")
    run = runs.pipeline.runs("Deploy", "push")[-1]

    runs.pipeline.workflows.cancel(run)
    (tmp_path / "begun").unlink()
    runs.pipeline.wait()
    runs.docs()
    again = runs.docs()

    assert (run.conclusion, run.jobs["deploy (prod)"]) == ("cancelled", "cancelled")
    assert runs.deployed() == ["2.0.0"]
    assert again.outputs["plan.matrix.reason"] == "unchanged"


@pytest.mark.thorough
def test_a_run_that_is_overtaken_puts_nothing_back(runs: Runs, tmp_path: Path) -> None:
    """It has planned to deploy 2.0.0, and waits while 3.0.0 is merged and deployed."""
    runs.pipes("held", "go")
    runs.merge(runs.propose(with_tag("prod", "2.0.0")))
    hear(tmp_path / "held")
    overtaken = runs.pipeline.runs("Deploy", "push")[-1]
    runs.merge(runs.propose(with_tag("prod", "3.0.0"), running=1))
    runs.pipeline.wait(running=1)

    subprocess.run(["sh", "-c", f"echo on > {tmp_path}/go"], check=True, timeout=60)
    runs.pipeline.wait()
    again = runs.docs()

    assert (overtaken.conclusion, overtaken.jobs["deploy (prod)"]) == ("success", "success")
    assert overtaken.outputs["plan.matrix.reason"] == "changed"
    assert runs.deployed() == ["3.0.0"]
    assert again.outputs["plan.matrix.reason"] == "unchanged"
    assert [told.sha for told in runs.pipeline.world.app.deployments] == [runs.pipeline.world.app.git.resolve("3.0.0")]
