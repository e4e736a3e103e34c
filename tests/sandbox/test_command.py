"""`gitops-actions doctor` and `where`, from a desk."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from cli import github as here
from cli.main import main
from sandbox.world import GUARD, as_documented
from tests.sandbox.scenarios import GitHub, deploy, started
from tests.sandbox.test_doctor import VERSION, rewrite, workflows
from tests.support import Runner

CONFIG = "environments: {dev: {}, staging: {}, prod: {}}\nservices: {api: {repo: your-org/app}}\n"
IDENTITY = ("-c", "user.name=x", "-c", "user.email=x@example.com")
ORIGIN = "https://github.com/your-org/infra.git"


@pytest.fixture(name="desk")
def _desk(runner: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHub]:
    """The organization, asked from a folder that is a clone of the infra repository, without a token."""
    with started(runner) as github:
        sit_down(github, tmp_path, monkeypatch)
        yield github


def sit_down(github: GitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in github.runner.environment.items():
        if name in ("GITHUB_API_URL", "GITHUB_GRAPHQL_URL"):
            monkeypatch.setenv(name, value)
    for name in ("GH_TOKEN", "GITHUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    tools = tmp_path / "bin"
    tools.mkdir()
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    folder = tmp_path / "infra"
    for command in (["init", "-q", str(folder)], ["-C", str(folder), "remote", "add", "origin", ORIGIN]):
        subprocess.run(["git", *command], check=True)
    monkeypatch.chdir(folder)


def test_doctor_is_healthy_where_the_documents_were_followed(
    desk: GitHub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    as_documented(desk.world)
    for name in ("app", "infra"):
        paths = workflows(getattr(desk.world, name))
        rewrite(desk, name, {path: lambda old: old.replace("@v1\n", f"{VERSION}\n") for path in paths})
    monkeypatch.setenv("GH_TOKEN", desk.world.tokens[GUARD])

    code = main(["doctor"])

    said = capsys.readouterr().out
    assert "your-org/infra" in said
    assert (code, "ERROR" in said) == (0, False), said


def test_doctor_ends_with_the_code_of_the_worst(
    desk: GitHub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.world.infra.rulesets.clear()
    monkeypatch.setenv("GITHUB_TOKEN", desk.world.tokens[GUARD])

    assert main(["doctor", "--infra", "your-org/infra", "--app", "your-org/app"]) == 7
    assert "ERROR" in capsys.readouterr().out


def test_where_says_which_environments_have_a_commit(
    desk: GitHub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GH_TOKEN", desk.bot)
    desk.release("1.0.0", "1.1.0")
    desk.change_infra(
        {"gitops.yml": "environments: {dev: {}, staging: {}, prod: {}}\nservices: {api: {repo: your-org/app}}\n"}
    )
    deploy(desk, "dev", "1.1.0", ago=timedelta(hours=2))
    sha = desk.world.app.git.head("main") or ""

    codes = [main(["where", sha, "--app", "your-org/app", "--infra", "your-org/infra"])]

    said = capsys.readouterr().out
    assert codes == [0]
    assert "dev api: since 2026-11-24" in said
    assert "prod api: not yet" in said


def test_where_takes_what_the_folder_calls_a_commit(
    desk: GitHub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GH_TOKEN", desk.bot)
    subprocess.run(
        ["git", "-c", "user.name=x", "-c", "user.email=x@x", "commit", "-q", "--allow-empty", "-m", "x"], check=True
    )

    assert main(["where", "HEAD", "--app", "your-org/app", "--infra", "your-org/infra"]) != 0
    assert main(["where", "#999", "--app", "your-org/app", "--infra", "your-org/infra"]) == 5
    assert "has no merged pull request #999" in capsys.readouterr().err


@pytest.mark.usefixtures("desk")
def test_the_token_of_gh_does_where_the_environment_has_none(tmp_path: Path) -> None:
    gh = tmp_path / "bin" / "gh"
    gh.write_text("#!/bin/sh\necho from-gh\n")
    gh.chmod(stat.S_IRWXU)

    assert here.token() == "from-gh"


@pytest.mark.usefixtures("desk")
def test_without_a_token_or_a_repository_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor"]) == 2
    assert "no token: set GH_TOKEN, or log in with gh auth login" in capsys.readouterr().err
    monkeypatch.setenv("GH_TOKEN", "x")
    monkeypatch.chdir(tmp_path)
    assert main(["doctor"]) == 2
    assert "this folder is no clone of a repository" in capsys.readouterr().err


def test_another_server_is_asked_unless_the_environment_names_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_API_URL", raising=False)
    monkeypatch.setenv("GITHUB_GRAPHQL_URL", "there")

    here.use_server("https://github.com")
    assert "GITHUB_API_URL" not in os.environ
    here.use_server("https://ghe.acme.com")

    assert os.environ["GITHUB_API_URL"] == "https://ghe.acme.com/api/v3"
    assert os.environ["GITHUB_GRAPHQL_URL"] == "there"
    monkeypatch.delenv("GITHUB_API_URL")
