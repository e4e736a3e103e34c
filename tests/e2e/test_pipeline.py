"""The flows of the article, through the example workflows as they are."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Self

import pytest

from sandbox.world import BOT, release, without_gates
from tests.e2e.scenarios import APP, INFRA, Pipeline, stand_in, tag_of, with_tag
from tests.support import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

API = "projects/api/api.py"
UPLOAD = "actions/upload-artifact@bbbca2ddaa5d8feaa63e36b76fdaad77386f024f"


def test_a_change_with_a_failing_test_cannot_be_merged(pipeline: Pipeline) -> None:
    number = pipeline.propose(APP, "broken", {API: "def greet(name='world'):\n    return 'Hi'\n"})
    pipeline.person("bob").approve(APP, number)

    (run,) = pipeline.runs("Publish", "pull_request")
    assert run.jobs == {"setup": "success", "api / api": "failure", "gate": "cancelled", "infra": "skipped"}
    assert "Required status check" in str(merge_refused(pipeline, number))


def merge_refused(pipeline: Pipeline, number: int) -> object:
    from sandbox.client import ApiError

    try:
        pipeline.person("alice").merge(APP, number)
    except ApiError as error:
        return error
    return None


def test_a_hotfix_goes_its_way_is_rolled_back_and_dev_is_left_alone(pipeline: Pipeline, tmp_path: Path) -> None:
    """The branch's own push publishes nothing; the merge into it publishes, and opens no infra pull request.

    The evidence of both has no exception.
    """
    released = tag_of(pipeline, "prod")
    pipeline.dispatch(APP, "hotfix.yml", {"base-commit-sha": released, "branch-name": "urgent"})

    assert pipeline.world.app.git.head("hotfixes/urgent") == released
    assert [run.jobs for run in pipeline.runs("Hotfix", "workflow_dispatch")] == [{"hotfix": "success"}]
    (created,) = pipeline.runs("Publish", "push")
    assert created.outputs["setup.flags.reason"] == "branch-created"
    assert pipeline.said("published dist/") == []

    text = (ROOT / "examples/app" / API).read_text(encoding="utf-8") + "\n# fixed\n"
    number = pipeline.propose(APP, "fix", {API: text}, base="hotfixes/urgent")
    fixed = pipeline.land(APP, number)

    assert pipeline.said("published dist/") == [f"published dist/api-{fixed}.tar.gz"]
    assert pipeline.world.infra.pulls == {}

    pipeline.dispatch(INFRA, "change.yml", {"what": "set a tag", "env": "prod", "tag": fixed})
    pipeline.land(INFRA, 1)

    assert tag_of(pipeline, "prod") == fixed
    assert pipeline.said("Pretending to deploy") == [f'Pretending to deploy prod with {{ "api": "{fixed}" }}']

    pipeline.dispatch(INFRA, "change.yml", {"what": "roll back", "env": "prod", "reason": "it made things worse"})
    pipeline.land(INFRA, 2)

    assert tag_of(pipeline, "prod") == released
    assert pipeline.world.infra.pulls[2].title == f"Roll back prod: api to {released[:12]}"
    assert pipeline.said("Pretending to deploy")[1:] == [f'Pretending to deploy prod with {{ "api": "{released}" }}']

    pipeline.dispatch(INFRA, "evidence.yml", {})

    git = pipeline.world.infra.git
    _, content = git.file(git.head("evidence") or "", "evidence/evidence.csv") or (0, b"")
    changes = list(csv.DictReader(StringIO(content.decode())))
    assert [(change["kind"], change["result"]) for change in changes] == [
        ("first", "pass"), ("hotfix", "pass"), ("rollback", "pass"),
    ]  # fmt: skip
    assert changes[2]["reason"] == "it made things worse"

    upload = stand_in(tmp_path / "upload", "uploaded", "name", "path")
    pipeline.workflows.stand_ins[UPLOAD] = upload
    pipeline.dispatch(INFRA, "evidence-report.yml", {"since": "2020-01-01", "until": "2100-01-01"})

    (report,) = pipeline.runs("Evidence report", "workflow_dispatch")
    assert report.conclusion == "success"
    assert "3 changes of prod from 2020-01-01 to 2100-01-01, 0 new, 0 exceptions" in report.summaries[0]
    assert pipeline.said("uploaded") == ["uploaded evidence-prod evidence/"]


@pytest.mark.thorough
def test_the_digest_of_what_was_published_reaches_the_deployment(pipeline: Pipeline) -> None:
    """The placeholder of the example gives none; a publish step that does is all that it takes."""
    digest = "sha256:" + "d" * 64
    makefile = (ROOT / "examples/app/projects/api/Makefile").read_text(encoding="utf-8")
    publish = f'{makefile}\t@echo "digest={digest}" >> "$$GITHUB_OUTPUT"\n'

    sha = pipeline.land(APP, pipeline.propose(APP, "digest", {"projects/api/Makefile": publish}))

    git = pipeline.world.infra.git
    _, content = git.file(git.head("main") or "", "envs/dev.json") or (0, b"")
    assert (json.loads(content)["api"]["tag"], json.loads(content)["api"]["digest"]) == (sha, digest)
    run = pipeline.runs("Deploy", "push")[-1]
    (entry,) = json.loads(run.outputs["plan.matrix.matrix"])["include"]
    assert (run.conclusion, entry["env"], entry["digests"]) == ("success", "dev", {"api": digest})


@pytest.mark.thorough
def test_several_environments_deploy_side_by_side_and_an_unrelated_change_deploys_none(pipeline: Pipeline) -> None:
    release(without_gates(pipeline.world), "1.0.0")
    sha = tag_of(pipeline, "prod")
    new = pipeline.world.app.git.head("main") or ""
    both = with_tag("staging", new) | with_tag("prod", new)
    pipeline.land(INFRA, pipeline.propose(INFRA, "both", both))

    assert sorted(line.split()[3] for line in pipeline.said("Pretending to deploy")) == ["prod", "staging"]
    assert tag_of(pipeline, "dev") == sha

    pipeline.land(INFRA, pipeline.propose(INFRA, "docs", {"README.md": "new"}))

    assert len(pipeline.said("Pretending to deploy")) == 2
    run = pipeline.runs("Deploy", "push")[-1]
    assert (run.conclusion, run.outputs["plan.matrix.reason"]) == ("success", "unchanged")


@pytest.mark.thorough
def test_more_environments_than_a_matrix_holds_are_deployed_in_shards(pipeline: Pipeline) -> None:
    """Two levels, with the limit of GitHub put down to three so that the test ends today."""
    release(without_gates(pipeline.world), "1.0.0")
    infra = pipeline.world.infra
    lax = "environments: {a: {review: none}, b: {review: none}, c: {review: none}, d: {review: none}}\n"
    files: dict[str, bytes | None] = {"gitops.yml": f"{lax}services: {{api: {{repo: {APP}}}}}\n".encode()}
    files |= {f"envs/{env}.json": None for env in ("dev", "staging", "prod")}
    files |= {f"envs/{env}.json": text.encode() for env in "abcd" for text in with_tag(env, "1.0.0").values()}
    workflows = (ROOT / "examples/sharded").glob("*.yml")
    files |= {f".github/workflows/{path.name}": path.read_bytes() for path in workflows}
    olivia = pipeline.sandbox.state.users["olivia"].person
    tree = str(infra.git.get(infra.git.head("main") or "").tree_id)
    sha = infra.git.commit(parents=[], message="x", author=olivia, tree=tree, files=files)
    infra.git.set_ref("refs/heads/main", sha)
    matrix = pipeline.workflows.actions / "actions" / "deployments" / "matrix.py"
    text = matrix.read_text(encoding="utf-8")
    matrix.write_text(text.replace("MOST_ENTRIES = 256", "MOST_ENTRIES = 3"), encoding="utf-8")
    rmtree(matrix.parent / "__pycache__")
    try:
        pipeline.dispatch(INFRA, "deploy-sharded.yml", {})
    finally:
        matrix.write_text(text, encoding="utf-8")

    deployed = sorted(line.split()[3] for line in pipeline.said("Pretending to deploy"))
    assert deployed == ["a", "b", "c", "d"]
    ended = {record.environment: record.statuses[-1].state for record in infra.deployments if record.sha == sha}
    assert ended == dict.fromkeys("abcd", "success")


@pytest.mark.thorough
def test_the_branches_that_an_agent_follows_are_moved_by_the_bot_alone(pipeline: Pipeline) -> None:
    """What waits for a gate keeps its branch where it is."""
    infra, olivia = pipeline.world.infra, pipeline.sandbox.state.users["olivia"]
    workflow = (ROOT / "examples/pull-based/deploy.yml").read_bytes()
    head = infra.git.head("main") or ""
    files: dict[str, bytes | None] = {".github/workflows/deploy.yml": workflow}
    sha = infra.git.commit(parents=[head], message="x", author=olivia.person, files=files)
    infra.git.set_ref("refs/heads/main", sha)
    for env in ("dev", "staging", "prod"):
        pipeline.sandbox.behaviour.record_deployment(infra, sha, env, by=BOT)

    pipeline.land(APP, pipeline.propose(APP, "greet", {API: (ROOT / "examples/app" / API).read_text() + "\n# New.\n"}))

    moved = infra.git.refs("refs/heads/live/")
    assert moved == {"refs/heads/live/dev": infra.git.head("main")}
    assert not pipeline.said("Pretending to deploy")
    records = [record for record in infra.deployments if record.sha == infra.git.head("main")]
    assert [(record.environment, record.creator.login, record.statuses[-1].state) for record in records] == [
        ("dev", BOT, "success")
    ]


@dataclass(slots=True)
class Served:
    """A sandbox in a process of its own: what it said, and the folder that it keeps its files in."""

    process: subprocess.Popen[str]
    said: str
    folder: Path

    @classmethod
    def start(cls, temporary: Path) -> Self:
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "sandbox"],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(temporary)},
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        said = ""
        while "Ctrl-C ends it" not in said:
            assert process.stdout
            line = process.stdout.readline()
            assert line, "it ended early"
            said += line
        (folder,) = temporary.glob("gitops-sandbox-*")
        return cls(process, said, folder)

    def end(self, number: signal.Signals) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        self.process.communicate(timeout=20)
        return self.process.returncode


@pytest.fixture(name="served")
def _served(tmp_path: Path) -> Iterator[Served]:
    served = Served.start(tmp_path)
    yield served
    if served.process.returncode is None:
        served.end(signal.SIGKILL)


def test_the_sandbox_serves_until_it_is_interrupted(served: Served, tmp_path: Path) -> None:
    command, _ = [line.partition("clone ")[2].strip() for line in served.said.splitlines() if "git clone" in line]
    subprocess.run([*command.split(), str(tmp_path / "app")], check=True, capture_output=True)

    assert served.end(signal.SIGINT) == 0
    assert (tmp_path / "app" / API).is_file()
    assert not served.folder.exists()


def test_a_sandbox_that_is_killed_leaves_no_process_and_no_folder(served: Served) -> None:
    (guard,) = [number for number, command in processes() if command.endswith(str(served.folder))]

    served.end(signal.SIGKILL)

    for _ in range(100):
        if not served.folder.exists() and not alive(guard):
            break
        subprocess.run(["sleep", "0.1"], check=True)
    assert not served.folder.exists()
    assert not alive(guard)


def processes() -> Iterator[tuple[int, str]]:
    """Yield number and command line of every process."""
    listed = subprocess.run(["ps", "-A", "-ww", "-o", "pid=,args="], capture_output=True, text=True, check=True).stdout
    for line in listed.splitlines():
        number, _, command = line.strip().partition(" ")
        yield int(number), command


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
