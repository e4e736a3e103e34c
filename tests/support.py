"""Helpers of the tests: a runner in this process, and the declarations of the actions."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pytest

ROOT = Path(__file__).parent.parent
THOROUGH = bool(os.environ.get("THOROUGH"))  # as in CI, see the Makefile
REASONS = "GITOPS_TESTS_REASONS"  # the folder in which `tests.reasons` looks for what the actions ended with
ACTIONS = sorted(path.parent.name for path in ROOT.glob("action-*/action.yml"))
HEREDOC = re.compile(r"(?P<name>[^\n<]+)<<(?P<end>\S+)\n(?P<value>.*?)\n?(?P=end)\n", re.DOTALL)


def git(folder: Path, *arguments: str) -> str:
    """Run git in *folder* and return what it prints."""
    who = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main")
    return subprocess.run(
        ["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


def module_name(action: str) -> str:
    """Return the module behind the folder *action*."""
    return action.removeprefix("action-").replace("-", "_")


@cache
def declaration(action: str) -> dict[str, Any]:
    """Return the content of an action.yml."""
    loaded: dict[str, Any] = yaml.safe_load((ROOT / action / "action.yml").read_text(encoding="utf-8"))
    return loaded


def readme_rows(action: str, heading: str) -> list[list[str]]:
    """Return the rows of all tables under *heading* in the README of *action*, subheadings included."""
    text = (ROOT / action / "README.md").read_text(encoding="utf-8")
    section = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    tables = re.findall(r"(?:^\|.*\n)+", section + "\n", re.MULTILINE)
    rows = [row for table in tables for row in table.splitlines()[2:]]
    return [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows]


def outputs_of(text: str) -> dict[str, str]:
    """Return what a GITHUB_OUTPUT file says."""
    return {match["name"]: match["value"] for match in HEREDOC.finditer(text.replace("\r\n", "\n"))}


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended, as GitHub sees it."""

    exit_code: int
    outputs: dict[str, str]
    summary: str
    log: str

    def json(self, output: str) -> Any:
        """Return an output that is JSON."""
        return json.loads(self.outputs[output])


class Runner:
    """Runs an action in this process, with the inputs as action.yml has them and files as a runner gives them."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.workspace = folder / "workspace"
        self.workspace.mkdir()
        self._folder = folder
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        self.environment: dict[str, str] = {"GITHUB_WORKSPACE": str(self.workspace)}

    def write(self, files: Mapping[str, str]) -> None:
        """Put *files* into the workspace, every byte as it is."""
        for path, text in files.items():
            (self.workspace / path).parent.mkdir(parents=True, exist_ok=True)
            (self.workspace / path).write_bytes(text.encode())

    def read(self, path: str) -> str:
        """Return the text of a file of the workspace, every byte as it is."""
        return (self.workspace / path).read_bytes().decode()

    def event(self, name: str, payload: Mapping[str, object], **variables: str) -> None:
        """Say what started the run."""
        path = self._folder / "event.json"
        path.write_text(json.dumps(payload), encoding="utf-8")
        self.environment |= {"GITHUB_EVENT_NAME": name, "GITHUB_EVENT_PATH": str(path), **variables}

    def run(self, action: str, main: Callable[[], int] | None = None, /, **inputs: str) -> Result:
        """Run *action*; inputs that are not given have their defaults."""
        files = {name: self._folder / name.lower() for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for file in files.values():
            file.write_text("", encoding="utf-8")
        given = {name.replace("_", "-"): value for name, value in inputs.items()}
        assert given.keys() <= declaration(action)["inputs"].keys(), "no such input"
        values = {
            name: given.get(name, str(declared.get("default", "")))
            for name, declared in declaration(action)["inputs"].items()
        }
        variables = {f"INPUT_{name.replace('-', '_').upper()}": value for name, value in values.items()}
        variables |= {name: str(path) for name, path in files.items()} | self.environment
        with self._monkeypatch.context() as patched:
            for name in [name for name in os.environ if name.startswith("INPUT_")]:
                patched.delenv(name)
            for name, value in variables.items():
                patched.setenv(name, "" if value.startswith("${{") else value)
            code = (main or importlib.import_module(f"actions.{module_name(action)}").main)()
        log = self._capsys.readouterr().out
        outputs, summary = (file.read_bytes().decode() for file in files.values())
        result = Result(code, outputs_of(outputs), summary, log)
        if os.environ.get(REASONS) and not (main and main.__module__.endswith("test_runner")):
            Path(os.environ[REASONS], f"{action} {result.outputs.get('reason', '')}").touch()
        return result
