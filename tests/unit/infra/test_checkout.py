from __future__ import annotations

import stat
from pathlib import Path

import pytest

from actions.errors import EnvFileError, UnknownEnvError, UnsafePathError
from actions.infra.checkout import Checkout
from actions.infra.layout import Layout
from tests.support import git

LAYOUT = Layout.default("envs")


@pytest.fixture(name="root")
def _root(tmp_path: Path) -> Path:
    (tmp_path / "envs").mkdir()
    for env in ("dev", "prod"):
        (tmp_path / "envs" / f"{env}.json").write_text(f'{{"api": {{"tag": "{env}-1"}}}}')
    return tmp_path


def test_the_environments_are_the_files_that_are_there(root: Path) -> None:
    (root / "envs" / "README.md").write_text("")

    found = Checkout(root).environments(LAYOUT)

    assert {env: snapshot.tags() for env, snapshot in found.items()} == {
        "dev": {"api": "dev-1"},
        "prod": {"api": "prod-1"},
    }


def test_an_environment_that_is_not_there_is_named_with_those_that_are(root: Path) -> None:
    with pytest.raises(UnknownEnvError, match=r"no environment 'qa' at envs/qa.json or .*; known: dev, prod"):
        Checkout(root).environment("qa", LAYOUT)


def test_gitops_yml_may_be_missing(root: Path) -> None:
    assert Checkout(root).config().files == ""
    (root / "gitops.yml").write_text("files: envs/{env}.json")
    assert Checkout(root).config().files == "envs/{env}.json"


def test_a_link_out_of_the_repository_is_not_followed(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "secret.json"
    outside.write_text('{"api": {"tag": "x"}}')
    (root / "envs" / "qa.json").symlink_to(outside)

    with pytest.raises(UnsafePathError, match="symbolic link"):
        Checkout(root).environment("qa", LAYOUT)
    with pytest.raises(UnsafePathError):
        Checkout(root).write("../x.json", "x")


def test_a_link_within_the_repository_is_not_followed_either(root: Path) -> None:
    """The API does not follow it, and git knows its text and not what it leads to."""
    (root / "envs" / "qa.json").symlink_to("dev.json")
    with pytest.raises(UnsafePathError, match="symbolic link"):
        Checkout(root).environment("qa", LAYOUT)


def test_a_link_that_leads_nowhere_is_refused(root: Path) -> None:
    (root / "envs" / "loop.json").symlink_to("loop.json")

    with pytest.raises(EnvFileError, match="symbolic link"):
        Checkout(root).environments(LAYOUT)


def test_two_files_of_one_environment_are_refused(root: Path) -> None:
    """Which of them is deployed would be anybody's guess."""
    (root / "envs" / "dev.yaml").write_text("api: {tag: x}")

    for look in (lambda: Checkout(root).environment("dev", LAYOUT), lambda: Checkout(root).environments(LAYOUT)):
        with pytest.raises(EnvFileError, match="are for the same environment"):
            look()


def test_without_git_there_is_no_history(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(root))

    assert Checkout(root).environments_at("f" * 40, LAYOUT) is None


def test_a_link_that_is_gitops_yml_is_looked_at_too(root: Path) -> None:
    (root / "gitops.yml").symlink_to("/etc/hostname")

    with pytest.raises(UnsafePathError):
        Checkout(root).config()


def test_writing_keeps_the_mode_and_leaves_nothing_beside(root: Path) -> None:
    path = root / "envs" / "dev.json"
    path.chmod(0o755)

    Checkout(root).write("envs/dev.json", "ü\r\n")

    assert path.read_bytes() == "ü\r\n".encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o755
    assert sorted(path.name for path in (root / "envs").iterdir()) == ["dev.json", "prod.json"]


def test_a_failed_write_leaves_the_old_file(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)

    with pytest.raises(OSError, match="No space"):
        Checkout(root).write("envs/dev.json", "new")
    assert "dev-1" in (root / "envs" / "dev.json").read_text()
    assert sorted(path.name for path in (root / "envs").iterdir()) == ["dev.json", "prod.json"]


def test_a_file_that_is_no_text_is_refused(root: Path) -> None:
    (root / "envs" / "dev.json").write_bytes(b"\xff\xfe{}")

    with pytest.raises(EnvFileError, match="not UTF-8"):
        Checkout(root).read("envs/dev.json")


def test_a_file_that_cannot_be_read_is_refused(root: Path) -> None:
    (root / "envs" / "qa.json").mkdir()

    with pytest.raises(EnvFileError, match="cannot be read: Is a directory"):
        Checkout(root).environment("qa", LAYOUT)


@pytest.fixture(name="history")
def _history(root: Path) -> tuple[Path, str]:
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "first")
    before = git(root, "rev-parse", "HEAD")
    (root / "envs" / "dev.json").write_text('{"api": {"tag": "dev-2"}}')
    (root / "envs" / "qa.json").write_text('{"api": {"tag": "qa-1"}}')
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "second")
    return root, before


def test_the_environments_of_a_revision_are_those_it_had(history: tuple[Path, str]) -> None:
    root, before = history

    found = Checkout(root).environments_at(before, LAYOUT)

    assert found is not None
    assert {env: snapshot.tags() for env, snapshot in found.items()} == {
        "dev": {"api": "dev-1"},
        "prod": {"api": "prod-1"},
    }


def test_a_revision_without_environments_has_none(history: tuple[Path, str]) -> None:
    root, before = history

    assert Checkout(root).environments_at(before, Layout.default("elsewhere")) == {}


def test_a_commit_that_is_not_here_is_not_here(
    history: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    root, _ = history

    assert Checkout(root).environments_at("f" * 40, LAYOUT) is None
    assert Checkout(tmp_path_factory.mktemp("no-git")).environments_at("f" * 40, LAYOUT) is None


def test_an_old_file_that_is_no_text_was_not_there(history: tuple[Path, str]) -> None:
    """So what is there now has changed, and is deployed."""
    root, _ = history
    (root / "envs" / "dev.json").write_bytes(b"\xff")
    git(root, "commit", "-qam", "binary")

    found = Checkout(root).environments_at(git(root, "rev-parse", "HEAD"), LAYOUT)

    assert found is not None
    assert "dev" not in found


def test_a_submodule_where_an_env_file_was_is_no_file(history: tuple[Path, str]) -> None:
    root, before = history
    git(root, "update-index", "--add", "--cacheinfo", f"160000,{before},envs/sub.json")
    git(root, "commit", "-qm", "submodule")

    found = Checkout(root).environments_at(git(root, "rev-parse", "HEAD"), LAYOUT)

    assert found
    assert "sub" not in found


@pytest.mark.parametrize("where", ["loose", "packed", "detached"])
def test_what_changed_since_a_revision_is_listed(history: tuple[Path, str], where: str) -> None:
    root, before = history
    if where == "packed":
        git(root, "pack-refs", "--all")
    elif where == "detached":
        git(root, "checkout", "-q", "--detach")

    assert "envs/dev.json" in (Checkout(root).changed_since(before) or [])
    assert Checkout(root).changed_since("f" * 40) is None
    assert Checkout(root).environments_at("f" * 40, LAYOUT) is None


@pytest.mark.parametrize("head", ["ref: refs/heads/none\n", "ref: ../../x\n", "--output=x\n", ""])
def test_what_changed_is_not_known_without_a_commit_at_the_head(history: tuple[Path, str], head: str) -> None:
    root, before = history
    (root / ".git/HEAD").write_text(head)

    assert Checkout(root).changed_since(before) is None
