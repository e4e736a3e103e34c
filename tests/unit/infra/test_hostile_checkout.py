"""Checkouts whose git would run a program or never end: no mark is left, and the right answer comes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from actions.infra import history
from actions.infra.checkout import Checkout
from actions.infra.layout import Layout
from tests.support import git

LAYOUT = Layout.default("envs")
UNKNOWN = "f" * 40


@dataclass(frozen=True, slots=True)
class Ground:
    """A checkout at *root*, with the commit *first* in its history, and a *trap*: a program that leaves a mark."""

    root: Path
    first: str
    trap: Path

    @property
    def mark(self) -> Path:
        return self.trap.with_name("sprung")

    def tags(self, revision: str = "") -> dict[str, str] | None:
        """Return the tags of dev at *revision*, in the first commit if none is given."""
        found = Checkout(self.root).environments_at(revision or self.first, LAYOUT)
        return None if found is None else found["dev"].tags()

    def configure(self, name: str, value: str) -> None:
        git(self.root, "config", name, value)


@pytest.fixture(name="ground")
def _ground(tmp_path: Path) -> Ground:
    root, trap = tmp_path / "checkout", tmp_path / "trap"
    (root / "envs").mkdir(parents=True)
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n")
    trap.chmod(0o755)
    git(root, "init", "-q")
    first = commit(root, "1.0.0")
    commit(root, "2.0.0")
    return Ground(root, first, trap)


def commit(root: Path, tag: str) -> str:
    (root / "envs" / "dev.json").write_text(f'{{"api": {{"tag": "{tag}"}}}}')
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", tag)
    return git(root, "rev-parse", "HEAD")


def partial_clone(ground: Ground, url: str) -> None:
    """Promise what is missing from a remote that runs the trap; each protocol is allowed by name."""
    ground.configure("remote.origin.url", url)
    ground.configure("remote.origin.promisor", "true")
    ground.configure("core.repositoryformatversion", "1")
    ground.configure("extensions.partialClone", "origin")
    for protocol in ("ext", "ssh", "file", "git"):
        ground.configure(f"protocol.{protocol}.allow", "always")


def fetches_by_a_command(ground: Ground) -> None:
    partial_clone(ground, f"ext::{ground.trap}")


def fetches_by_ssh(ground: Ground) -> None:
    partial_clone(ground, "ssh://localhost/x")
    ground.configure("core.sshCommand", str(ground.trap))


def fetches_from_a_folder(ground: Ground) -> None:
    partial_clone(ground, str(ground.root))
    ground.configure("remote.origin.uploadpack", str(ground.trap))


def watches_files(ground: Ground) -> None:
    ground.configure("core.fsmonitor", str(ground.trap))


def has_hooks(ground: Ground) -> None:
    hooks = ground.root / ".git" / "hooks"
    for name in ("post-index-change", "reference-transaction", "fsmonitor-watchman", "post-checkout"):
        (hooks / name).write_bytes(ground.trap.read_bytes())
        (hooks / name).chmod(0o755)
    ground.configure("core.fsmonitor", ".git/hooks/fsmonitor-watchman")


def converts_texts(ground: Ground) -> None:
    """By attributes: filters, text converters and other programs that compare."""
    (ground.root / ".gitattributes").write_text("*.json diff=trap filter=trap merge=trap\n")
    for name in ("diff.trap.textconv", "diff.trap.command", "diff.external", "filter.trap.smudge", "filter.trap.clean"):
        ground.configure(name, str(ground.trap))


def pages_and_edits(ground: Ground) -> None:
    for name in ("core.pager", "pager.cat-file", "pager.ls-tree", "core.editor", "core.askPass", "credential.helper"):
        ground.configure(name, str(ground.trap))
    for name in ("alias.cat-file", "alias.ls-tree"):
        ground.configure(name, f"!{ground.trap}")


def includes_another_file(ground: Ground) -> None:
    included = ground.trap.with_name("included")
    included.write_text(f'[remote "origin"]\n\tpromisor = true\n\turl = ext::{ground.trap}\n')
    ground.configure("include.path", str(included))
    ground.configure("protocol.ext.allow", "always")


def is_a_submodule_with_commands(ground: Ground) -> None:
    (ground.root / ".gitmodules").write_text(f'[submodule "x"]\n\tpath = x\n\turl = ext::{ground.trap}\n')
    ground.configure("submodule.x.update", f"!{ground.trap}")
    ground.configure("submodule.recurse", "true")
    fetches_by_a_command(ground)


def cannot_be_parsed(ground: Ground) -> None:
    """A test that no configuration is read at all, not even that of settings which are harmless today."""
    (ground.root / ".git" / "config").write_text("[core\n")


@pytest.mark.parametrize(
    "hostile",
    [
        fetches_by_a_command,
        fetches_by_ssh,
        fetches_from_a_folder,
        watches_files,
        has_hooks,
        converts_texts,
        pages_and_edits,
        includes_another_file,
        is_a_submodule_with_commands,
        cannot_be_parsed,
    ],
)
def test_nothing_that_the_checkout_configures_is_executed(ground: Ground, hostile: Callable[[Ground], None]) -> None:
    """A commit that is missing would be fetched; one that is there would be read."""
    hostile(ground)

    assert ground.tags() == {"api": "1.0.0"}
    assert ground.tags(UNKNOWN) is None
    assert not ground.mark.exists()


def test_the_trap_works(ground: Ground) -> None:
    """It is git that would run it: these tests would not pass for want of a trap."""
    fetches_by_a_command(ground)
    subprocess.run(["git", "cat-file", "-e", UNKNOWN], cwd=ground.root, check=False, capture_output=True)

    assert ground.mark.exists()


@pytest.mark.parametrize("owner", ["user", "system"])
def test_no_configuration_of_the_runner_is_read(
    ground: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: str
) -> None:
    """Another job may have written the user's; one that cannot be parsed makes git fail."""
    broken = tmp_path / ".gitconfig"
    broken.write_text("[core\n")
    monkeypatch.setenv(*{"user": ("HOME", str(tmp_path)), "system": ("GIT_CONFIG_SYSTEM", str(broken))}[owner])
    with pytest.raises(subprocess.CalledProcessError):
        git(ground.root, "rev-parse", "HEAD")

    assert ground.tags() == {"api": "1.0.0"}


def test_git_variables_of_the_job_do_not_count(ground: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {
        "GIT_DIR": str(tmp_path / "elsewhere"),
        "GIT_OBJECT_DIRECTORY": str(tmp_path / "elsewhere"),
        "GIT_EXEC_PATH": str(tmp_path / "elsewhere"),
        "GIT_SSH_COMMAND": str(ground.trap),
        "GIT_EXTERNAL_DIFF": str(ground.trap),
        "GIT_TRACE": str(ground.mark),
        "GIT_TRACE2_EVENT": str(ground.mark),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.repositoryformatversion",
        "GIT_CONFIG_VALUE_0": "99",
        "GIT_CONFIG_PARAMETERS": "'broken",
        "GIT_GRAFT_FILE": str(ground.trap),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert ground.tags() == {"api": "1.0.0"}
    assert not ground.mark.exists()


def recorder(ground: Ground, folder: Path) -> Path:
    """Return a file in which a program `git` in *folder* writes what it was given, before it does as git."""
    seen, program = ground.root.parent / "seen", folder / "git"
    program.write_text(f'#!/bin/sh\nenv >> "{seen}"; echo "$@" >> "{seen}"\nexec "{shutil.which("git")}" "$@"\n')
    program.chmod(0o755)
    return seen


def test_no_token_reaches_git(ground: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = recorder(ground, tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    for name in ("INPUT_TOKEN", "INPUT_APP_TOKEN", "GITHUB_TOKEN", "GH_TOKEN", "ACTIONS_RUNTIME_TOKEN", "MY_SECRET"):
        monkeypatch.setenv(name, "s3cret")

    assert ground.tags() == {"api": "1.0.0"}
    assert "s3cret" not in seen.read_text()
    lines = [line for line in seen.read_text().splitlines() if re.match(r"[A-Z_0-9]+=", line)]
    names = {line.partition("=")[0] for line in lines} - {"PWD", "OLDPWD", "SHLVL", "_"}  # these are the shell's
    assert names == {
        *("PATH", "GIT_DIR", "GIT_OBJECT_DIRECTORY", "GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_GLOBAL"),
        *("GIT_NO_LAZY_FETCH", "GIT_NO_REPLACE_OBJECTS", "GIT_ALLOW_PROTOCOL"),
    }
    assert {"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_ALLOW_PROTOCOL="} <= set(lines)
    for setting in ("protocol.allow=never", "core.hooksPath=/dev/null", "safe.bareRepository=explicit"):
        assert f"-c {setting}" in seen.read_text()


@pytest.mark.parametrize("path", [".", ""])
def test_a_git_in_the_checkout_is_not_run(ground: Ground, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """Windows looks in the working directory by itself; here a relative PATH does. Then there is no git to be had."""
    seen = recorder(ground, ground.root)
    monkeypatch.chdir(ground.root)
    monkeypatch.setenv("PATH", f"{path}{os.pathsep}{os.environ['PATH']}")

    assert ground.tags() in (None, {"api": "1.0.0"})
    assert not seen.exists()


def test_a_repository_around_the_checkout_is_not_its_history(ground: Ground) -> None:
    """Nor is a bare repository that the checkout carries among its files."""
    inner = ground.root / "inner"
    inner.mkdir()
    bare = ground.root.parent / "bare"
    subprocess.run(["git", "clone", "-q", "--bare", str(ground.root), str(bare)], check=True)
    fetches_by_a_command(Ground(bare, ground.first, ground.trap))

    for root in (inner, bare):
        assert Checkout(root).environments_at(ground.first, LAYOUT) is None
        assert Checkout(root).environments_at(UNKNOWN, LAYOUT) is None
    assert not ground.mark.exists()


def test_a_checkout_of_another_user_is_read(ground: Ground) -> None:
    """As in a container. What git itself asks for, safe.directory, stands in a configuration that is not read."""
    if os.geteuid() == 0:
        for path in (ground.root, ground.root / ".git"):
            os.chown(path, 12345, 12345)

    assert ground.tags() == {"api": "1.0.0"}


def test_replaced_and_grafted_commits_count_as_they_are(ground: Ground) -> None:
    """A commit is what its SHA says, whatever refs/replace puts in its place."""
    git(ground.root, "replace", ground.first, "HEAD")
    (ground.root / ".git" / "info").mkdir(exist_ok=True)
    (ground.root / ".git" / "info" / "grafts").write_text(f"{ground.first} {git(ground.root, 'rev-parse', 'HEAD')}\n")

    assert ground.tags() == {"api": "1.0.0"}


def test_borrowed_objects_are_objects(ground: Ground, tmp_path: Path) -> None:
    """`git clone --shared`: an object is known by its SHA, wherever it is. The other's configuration is not read."""
    fetches_by_a_command(ground)
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", "--shared", "--no-checkout", str(ground.root), str(clone)], check=True)

    assert Ground(clone, ground.first, ground.trap).tags() == {"api": "1.0.0"}
    assert Checkout(clone).environments_at(UNKNOWN, LAYOUT) is None
    assert not ground.mark.exists()


def test_a_worktree_and_a_submodule_have_their_history_elsewhere(ground: Ground, tmp_path: Path) -> None:
    fetches_by_a_command(ground)
    worktree, parent = tmp_path / "worktree", tmp_path / "parent"
    git(ground.root, "worktree", "add", "-q", str(worktree))
    parent.mkdir()
    git(parent, "init", "-q")
    git(parent, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(ground.root), "infra")

    for root in (worktree, parent / "infra"):
        assert (root / ".git").is_file()
        assert Ground(root, ground.first, ground.trap).tags() == {"api": "1.0.0"}
        assert Checkout(root).environments_at(UNKNOWN, LAYOUT) is None
    assert not ground.mark.exists()


@pytest.mark.parametrize("text", ["", "gitdir: /nowhere", "gitdir: \0", "x" * 100_000, "gitdir: ../" * 1000])
def test_a_git_file_that_leads_nowhere_is_no_history(ground: Ground, text: str) -> None:
    shutil.rmtree(ground.root / ".git")
    (ground.root / ".git").write_text(text)

    assert ground.tags() is None


def test_a_partial_clone_lacks_history_and_nothing_is_fetched(ground: Ground, tmp_path: Path) -> None:
    """Without this, files that were not fetched would count as files that were not there, and all would be deployed."""
    clone = tmp_path / "clone"
    ground.configure("uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "-q", "--filter=blob:none", "--no-checkout", f"file://{ground.root}", str(clone))
    before = sorted(path for path in (clone / ".git" / "objects").rglob("*"))

    assert Ground(clone, ground.first, ground.trap).tags() is None
    assert sorted(path for path in (clone / ".git" / "objects").rglob("*")) == before


def test_what_is_no_file_at_an_earlier_commit_was_not_there(ground: Ground) -> None:
    """A link, and a submodule, by the name of an env file."""
    (ground.root / "envs" / "qa.json").symlink_to("dev.json")
    git(ground.root, "add", ".")
    git(ground.root, "update-index", "--add", "--cacheinfo", f"160000,{ground.first},envs/prod.json")
    git(ground.root, "commit", "-q", "-m", "odd")

    found = Checkout(ground.root).environments_at(git(ground.root, "rev-parse", "HEAD"), LAYOUT)

    assert found is not None
    assert list(found) == ["dev"]


def tree_bomb(root: Path, levels: int) -> str:
    """Return a commit of ten trees in each of *levels* trees: a few hundred bytes that list 10^levels files."""
    inner = (
        subprocess.run(["git", "hash-object", "-w", "--stdin"], cwd=root, input=b"x", check=True, capture_output=True)
        .stdout.decode()
        .strip()
    )
    kind = "100644 blob"
    for _ in range(levels):
        listing = "".join(f"{kind} {inner}\t{number}\n" for number in range(10))
        made = subprocess.run(["git", "mktree"], cwd=root, input=listing.encode(), check=True, capture_output=True)
        inner, kind = made.stdout.decode().strip(), "040000 tree"
    return git(root, "commit-tree", inner, "-m", "bomb")


def test_a_tree_that_holds_itself_many_times_is_given_up(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred levels would list more files than there are atoms: git is stopped, not waited for."""
    monkeypatch.setattr(history, "MOST_BYTES", 1_000_000)

    assert ground.tags(tree_bomb(ground.root, 100)) is None
