"""The release workflow, under act, in a sandbox that has this repository: commit, tag, release, moved tags."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from release import tree
from sandbox.act import Run
from sandbox.client import Person
from sandbox.server import Sandbox
from sandbox.state import Repo
from sandbox.workflows import Workflows
from sandbox.world import ORGANIZATION, copy_repository
from tests.e2e.scenarios import stand_in
from tests.support import ACTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = f"{ORGANIZATION}/gitops-actions"
ATTEST = "actions/attest-build-provenance@a2bbfa25375fe432b6a289bc6b6cd05ecd0c4c32"
SECTION = "## 1.0.0\n\n- All of it.\n\n"


@dataclass(slots=True)
class Project:
    """This repository, on a GitHub of its own."""

    sandbox: Sandbox
    repo: Repo
    workflows: Workflows
    clone: Path
    token: str

    def green(self, conclusion: str = "success") -> str:
        """Have CI end on main, and return its commit."""
        sha = self.repo.git.head("main") or ""
        self.sandbox.state.report(self.repo, "gate", sha, conclusion)
        return sha

    def change(self, path: str, text: str) -> str:
        """Push a commit to main."""
        (self.clone / path).write_text(text, encoding="utf-8")
        alice = Person(self.sandbox, "alice", self.token)
        alice.git("add", "--all", at=self.clone)
        alice.git("commit", "-q", "-m", f"Change {path}", at=self.clone)
        alice.git("push", "-q", f"{self.sandbox.url}/{HERE}.git", "HEAD:main", at=self.clone)
        return self.repo.git.head("main") or ""

    def release(self, version: str) -> Run:
        """Start the release of *version* by hand, and return the run when it is done."""
        Person(self.sandbox, "alice", self.token).dispatch(HERE, "release.yml", {"version": version})
        self.workflows.wait(timeout=240)
        return next(run for run in reversed(self.workflows.runs) if run.name == "Release")

    @property
    def refs(self) -> dict[str, str]:
        """Return what there is beside main."""
        found = self.repo.git.refs()
        return {name: sha for name, sha in found.items() if name != "refs/heads/main"}


@pytest.fixture(name="project")
def _project(actions: Path, home: Path, tmp_path: Path) -> Iterator[Project]:
    """This repository as it is, with sections for versions to come, and with the release workflow alone."""
    with Sandbox.start() as sandbox:
        sandbox.state.add_user(ORGANIZATION, kind="Organization")
        sandbox.state.add_user("alice")
        repo = sandbox.state.add_repo(ORGANIZATION, "gitops-actions", {"alice": "admin"})
        clone = tmp_path / "clone"
        copy_repository(clone)
        (clone / ".github/workflows/ci.yml").unlink()
        changelog = clone / "CHANGELOG.md"
        changelog.write_text(changelog.read_text(encoding="utf-8") + SECTION, encoding="utf-8")
        token = sandbox.state.add_token("alice")
        person = Person(sandbox, "alice", token)
        person.git("init", "-q", at=clone)
        workflows = Workflows(sandbox, actions=actions, logs=tmp_path, home=home)
        project = Project(sandbox, repo, workflows, clone, token)
        project.change("README.md", (clone / "README.md").read_text(encoding="utf-8"))
        attest = stand_in(tmp_path / "attest", "attested", "subject-name", "subject-digest")
        project.workflows.stand_ins[ATTEST] = attest
        with project.workflows:
            yield project
    assert sandbox.violations == []


@pytest.mark.thorough
def test_a_release_is_built_tested_and_tagged_and_never_moves(project: Project, tmp_path: Path) -> None:
    main = project.green()

    run = project.release("1.0.0")

    assert run.conclusion == "success", "\n".join(run.lines[-60:])
    commit = project.refs["refs/tags/v1.0.0"]
    assert project.refs == dict.fromkeys(["refs/tags/v1", "refs/tags/v1.0", "refs/tags/v1.0.0"], commit)
    git = project.repo.git
    assert [str(parent) for parent in git.get(commit).parent_ids] == [main]
    added = git.changed_paths(main, commit)
    assert [path for path in added if not re.match(r"actions/(site|.*__pycache__)/", path)] == []
    (release,) = project.repo.releases
    assert (release.tag, release.body, release.prerelease, release.latest) == ("v1.0.0", "- All of it.\n", False, True)
    digest = run.outputs["build.build.digest"]
    assert f"attested gitops-actions-v1.0.0.tar sha256:{digest}" in run.lines
    archive = _archive(project, commit, tmp_path)
    assert hashlib.sha256(archive).hexdigest() == digest
    assert len(gzip.compress(archive)) < 4_000_000
    assert _files(archive) == _built_again(main, tmp_path)
    assert [path for path in _files(archive) if re.search(r"/contrib/|\.(zi|tab|pyi)$|/leapseconds$", path)] == []
    libraries = [f"actions/site/yaml/_yaml.cpython-312-{machine}-linux-gnu.so" for machine in ("aarch64", "x86_64")]
    assert sorted(path for path in _files(archive) if path.endswith(".so")) == libraries
    tested = next(summary for summary in run.summaries if "| Python | action |" in summary)
    assert {f"action-{line.split(' | ')[1]}" for line in tested.splitlines() if "✅" in line} == set(ACTIONS)

    project.change("README.md", "changed\n")
    project.green()
    other = project.release("1.0.0")

    assert other.conclusion == "failure"
    assert "v1.0.0 is already released at another commit" in "\n".join(other.lines)
    assert set(project.refs.values()) == {commit}


def _archive(project: Project, commit: str, folder: Path) -> bytes:
    """Return what a runner downloads, but for its compression."""
    clone = folder / "elsewhere"
    subprocess.run(["git", "clone", "-q", str(project.repo.git.path), str(clone)], check=True)
    command = ["git", "archive", "--format=tar", commit]
    return subprocess.run(command, cwd=clone, capture_output=True, check=True).stdout


def _files(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=BytesIO(archive)) as tar:
        files = {member.name: tar.extractfile(member) for member in tar}
        return {name: file.read() for name, file in files.items() if file}


def _built_again(main: str, folder: Path) -> dict[str, bytes]:
    """Return what a second build gives, elsewhere and by the installer that the workflow did not use."""
    again = folder / "again"
    subprocess.run(["git", "checkout", "-q", main], cwd=folder / "elsewhere", check=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", os.defpath)
        tree.write(again, root=folder / "elsewhere")
    found = {path.relative_to(again).as_posix(): path.read_bytes() for path in again.rglob("*") if path.is_file()}
    _import_all(again)
    assert set(found) == {path.relative_to(again).as_posix() for path in again.rglob("*") if path.is_file()}
    return found


def _import_all(release: Path) -> None:
    """Import all actions of *release*, which writes the bytecode that is missing."""
    code = "import sys, importlib; sys.path += [sys.argv[1] + '/actions/site', sys.argv[1]]"
    code += "; [importlib.import_module('actions.' + name) for name in sys.argv[2:]]"
    names = [name.removeprefix("action-").replace("-", "_") for name in ACTIONS]
    base = getattr(sys, "_base_executable", sys.executable)
    subprocess.run([base, "-I", "-S", "-c", code, str(release), *names], check=True)


def test_what_may_not_be_released_leaves_nothing_behind(project: Project) -> None:
    for version, ci, said in (
        ("1.0.0", "", "has not succeeded on"),
        ("1.0.0", "failure", "has not succeeded on"),
        ("1.0", "", "must be a SemVer version"),
        ("9.9.9", "", "section '## 9.9.9' of CHANGELOG.md is missing"),
    ):
        if ci:
            project.green(ci)

        run = project.release(version)

        assert run.conclusion == "failure"
        assert said in "\n".join(run.lines)
        assert project.refs == {}
        assert project.repo.releases == []


@pytest.mark.thorough
def test_what_does_not_work_without_an_index_is_not_released(project: Project) -> None:
    """An action that needs more than the release carries with it."""
    path = "actions/setup_flags.py"
    project.change(path, (project.clone / path).read_text(encoding="utf-8") + "\nimport not_carried\n")
    project.green()

    run = project.release("1.0.0")

    assert run.conclusion == "failure"
    assert "setup-flags on Python" in "\n".join(run.lines)
    assert project.refs == {}
