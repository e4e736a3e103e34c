"""How a tested commit becomes a release: its tag never moves, and what was stopped on the way is finished."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from sandbox.gitrepo import Person
from sandbox.server import Sandbox
from sandbox.world import ORGANIZATION, copy_repository

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sandbox.state import Repo

HERE = f"{ORGANIZATION}/gitops-actions"
SECTIONS = "".join(f"## {version}\n\n- What {version} has.\n\n" for version in ("1.0.0", "1.0.1", "1.1.0"))


@dataclass
class Releases:
    """A repository on a GitHub of its own, and the program that publishes in it."""

    sandbox: Sandbox
    repo: Repo
    folder: Path
    token: str

    def commit(self, name: str) -> str:
        """Return a new commit that was built and tested."""
        maker, head = Person("alice", "alice@invalid"), self.repo.git.head("main")
        files = {name: name.encode()}
        sha = self.repo.git.commit(parents=[head] if head else [], message=name, author=maker, files=files)
        self.repo.git.set_ref("refs/heads/main", sha)
        return sha

    def publish(self, version: str, commit: str) -> str:
        """Publish *commit* as *version*; return what the program says if it fails, else nothing."""
        output = self.folder / "output"
        output.touch()
        environment = {
            **self.sandbox.environment(), "GITHUB_REPOSITORY": HERE, "GITHUB_REF": "refs/heads/main",
            "GITHUB_OUTPUT": str(output), "INPUT_VERSION": version, "INPUT_COMMIT": commit, "INPUT_TOKEN": self.token,
            "PATH": os.environ["PATH"],
        }  # fmt: skip
        command = [sys.executable, "-m", "release.publish"]
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, encoding="utf-8", check=False
        )
        assert bool(done.returncode) == ("::error" in done.stdout), done.stdout + done.stderr
        return done.stdout if done.returncode else ""

    @property
    def tags(self) -> dict[str, str]:
        """Return the tags and their commits."""
        return {name.removeprefix("refs/tags/"): sha for name, sha in self.repo.git.refs("refs/tags/").items()}


@pytest.fixture(scope="module", name="programs")
def _programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = copy_repository(tmp_path_factory.mktemp("programs"), "release", "actions")
    (folder / "CHANGELOG.md").write_text(f"# Changelog\n\n{SECTIONS}", encoding="utf-8")
    return folder


@pytest.fixture(name="releases")
def _releases(programs: Path) -> Iterator[Releases]:
    with Sandbox.start() as sandbox:
        sandbox.state.add_user(ORGANIZATION, kind="Organization")
        sandbox.state.add_user("alice")
        repo = sandbox.state.add_repo(ORGANIZATION, "gitops-actions", {"alice": "admin"})
        yield Releases(sandbox, repo, programs, sandbox.state.add_token("alice"))
    assert sandbox.violations == []


def test_the_newest_release_is_what_the_moving_tags_are_at(releases: Releases) -> None:
    first, second, fix = (releases.commit(name) for name in ("first", "second", "fix"))

    assert releases.publish("1.0.0", first) == ""
    assert releases.tags == dict.fromkeys(("v1", "v1.0", "v1.0.0"), first)

    assert releases.publish("1.1.0", second) == ""
    assert releases.tags == {"v1.0": first, "v1.0.0": first, **dict.fromkeys(("v1", "v1.1", "v1.1.0"), second)}
    assert [(release.tag, release.body) for release in releases.repo.releases] == [
        ("v1.0.0", "- What 1.0.0 has.\n"), ("v1.1.0", "- What 1.1.0 has.\n"),
    ]  # fmt: skip

    assert releases.publish("1.0.1", fix) == ""
    assert [name for name, sha in releases.tags.items() if sha == fix] == ["v1.0", "v1.0.1"]
    assert releases.tags["v1"] == second


@pytest.mark.parametrize("lost", [("v1",), ("v1", "v1.0"), ("v1", "v1.0", "release")])
def test_a_run_that_was_stopped_on_the_way_is_finished_by_the_next(releases: Releases, lost: tuple[str, ...]) -> None:
    sha = releases.commit("first")
    releases.publish("1.0.0", sha)
    for name in lost:
        if name == "release":
            releases.repo.releases.clear()
        else:
            releases.repo.git.delete_ref(f"refs/tags/{name}")

    assert releases.publish("1.0.0", sha) == ""
    assert releases.tags == dict.fromkeys(("v1", "v1.0", "v1.0.0"), sha)
    assert [release.tag for release in releases.repo.releases] == ["v1.0.0"]


def test_a_release_never_moves(releases: Releases) -> None:
    first, second = releases.commit("first"), releases.commit("second")
    releases.publish("1.0.0", first)

    assert f"tag v1.0.0 already exists at another commit, {first[:12]}" in releases.publish("1.0.0", second)
    assert releases.tags == dict.fromkeys(("v1", "v1.0", "v1.0.0"), first)
