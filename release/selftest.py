"""Run every action from the commit of a release, on every Python of this machine, without a package index.

A correct answer against a GitHub on loopback proves that the release contains all dependencies. An empty tool cache
afterwards proves that nothing was installed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import yaml

from actions.errors import RefusedError
from actions.runner.inputs import Inputs
from actions.runner.log import say
from actions.runner.outcome import Outcome, run
from release.pythons import pythons
from release.settings import checkout

if TYPE_CHECKING:
    from collections.abc import Mapping

TOKEN = {"token": "a-token-that-nobody-knows"}
SHA = "a" * 40
FILES = {
    "envs/dev.json": '{"api": {"tag": "1.0.0"}}\n',
    "envs/qa.yaml": "api: {tag: 1.0.0}\n",
    "envs/prod.toml": '[api]\ntag = "1.0.0"\n',
    "gitops.yml": "environments: {dev: {}}\nfiles: envs/{env}.json\nservices: {api: {repo: your-org/app}}\n",
    "protection/app/rulesets/main.json": '{"name": "main", "enforcement": "active", "rules": [], "conditions": '
    '{"ref_name": {"include": ["~DEFAULT_BRANCH"], "exclude": []}}}',
}
PULL = {
    "action": "opened",
    "number": 1,
    "pull_request": {
        "number": 1, "base": {"sha": SHA, "ref": "main"}, "head": {"sha": SHA, "ref": "x"}, "user": {"login": "alice"},
    },
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """A run of an *action*, and the *reason* that it must report; *without* names files to leave out."""

    action: str
    reason: str
    inputs: Mapping[str, str] = field(default_factory=dict)
    event: str = "push"
    without: tuple[str, ...] = ()


BUMP = {"service": "api", "tag": "1.1.0"}
DENIED = "permission-denied"  # the reason of every action for a token that GitHub rejects
CASES = (
    Case(action="setup-flags", reason="push-to-default-branch"),
    Case(action="bump-env", reason="changed", inputs={"env": "dev", **BUMP}),
    Case(action="bump-env", reason="changed", inputs={"env": "qa", **BUMP}, without=("gitops.yml",)),
    Case(action="bump-env", reason="changed", inputs={"env": "prod", **BUMP}, without=("gitops.yml",)),
    Case(action="deploy-matrix", reason="all", inputs={"only-changed": "false"}),
    Case(action="open-infra-pr", reason=DENIED, inputs={"env": "dev", **BUMP, **TOKEN}),
    Case(action="check-envs", reason=DENIED, inputs=TOKEN, event="pull_request"),
    Case(action="create-hotfix", reason=DENIED, inputs={"base-commit-sha": SHA, "branch-name": "x", **TOKEN}),
    Case(action="sync-protection", reason=DENIED, inputs=TOKEN),
    Case(action="report-deployment", reason=DENIED, inputs={"env": "dev", "status": "success", **TOKEN}),
    Case(action="doctor", reason=DENIED, inputs=TOKEN),
    Case(action="export-evidence", reason=DENIED, inputs=TOKEN),
)


def main() -> int:
    """Run the program and return its exit code."""
    return run(_test, unset={})


def _test() -> Outcome:
    commit = Inputs().required("commit")
    with tempfile.TemporaryDirectory() as folder, _RejectingGitHub() as github:
        tree = Path(folder, "gitops-actions")
        checkout().fetch(commit, tree)
        if not (tree / "actions" / "site").is_dir():
            raise RefusedError(f"commit {commit[:12]} does not contain its dependencies")
        rows, failed = "", []
        for number, (version, python) in enumerate(pythons().items()):
            bare = min(_seconds([python, "-c", "pass"]) for _ in range(3))
            rows += f"| {version} | `python -c pass` | | {bare * 1000:.0f} ms |\n"
            for index, case in enumerate(CASES):
                machine = Path(folder, f"{number}-{index}")
                reason, installed, took = _run(case, tree, python, machine, github.url)
                passed = reason == case.reason and not installed
                rows += f"| {version} | {case.action} | {'✅' if passed else '❌'} {reason} | {took * 1000:.0f} ms |\n"
                problem = f"{reason}, not {case.reason}" if reason != case.reason else "an installation"
                failed += [] if passed else [f"{case.action} on Python {version} ended with {problem}"]
            say(f"Python {version}: done")
    if failed:
        raise RefusedError("; ".join(failed))
    return Outcome(
        outputs={"reason": "tested"},
        notice=f"{commit[:12]} works on this machine",
        summary=f"### {commit[:12]}\n\n| Python | action | reason | first use |\n|---|---|---|---|\n{rows}",
    )


def _run(case: Case, tree: Path, python: str, machine: Path, url: str) -> tuple[str, bool, float]:
    """Run the action of *case*; return its reason, whether anything was installed, and the seconds that it took."""
    command, environment = prepare(case, tree, python, machine, url)
    took = _seconds(command, cwd=Path(environment["GITHUB_WORKSPACE"]), env=environment)
    tools = Path(environment["RUNNER_TOOL_CACHE"])
    return _reason(Path(environment["GITHUB_OUTPUT"]).read_text(encoding="utf-8")), any(tools.iterdir()), took


def prepare(case: Case, tree: Path, python: str, machine: Path, url: str) -> tuple[list[str], dict[str, str]]:
    """Make a runner in the new folder *machine*; return the command that runs *case* on it, and its environment."""
    workspace, tools = machine / "workspace", machine / "tools"
    for name, text in FILES.items():
        if name not in case.without:
            (workspace / name).parent.mkdir(parents=True, exist_ok=True)
            (workspace / name).write_text(text, encoding="utf-8")
    payload = PULL if case.event == "pull_request" else {"ref": "refs/heads/main", "before": "0" * 40, "after": SHA}
    (machine / "event.json").write_text(json.dumps({**payload, "repository": {"default_branch": "main"}}))
    output = machine / "output"
    output.touch()
    tools.mkdir()
    folder, program = tree / f"action-{case.action}", f"{case.action.replace('-', '_')}.py"
    declared = yaml.safe_load((folder / "action.yml").read_text(encoding="utf-8"))["inputs"]
    inputs = {name: str(entry.get("default", "")) for name, entry in declared.items()} | dict(case.inputs)
    return [shutil.which("bash") or "bash", str(tree / "actions" / "run.sh"), str(folder / program)], {
        **{name: os.environ[name] for name in ("SYSTEMROOT", "TEMP", "TMPDIR") if name in os.environ},
        **{f"INPUT_{name.replace('-', '_').upper()}": value for name, value in inputs.items() if "${{" not in value},
        "PATH": _path(python, machine),
        "RUNNER_TOOL_CACHE": str(tools),
        "RUNNER_TEMP": str(tools),
        "GITHUB_ACTION_PATH": str(folder),
        "GITHUB_WORKSPACE": str(workspace),
        "GITHUB_OUTPUT": str(output),
        "GITHUB_EVENT_NAME": case.event,
        "GITHUB_EVENT_PATH": str(machine / "event.json"),
        "GITHUB_REF": "refs/heads/main",
        "GITHUB_SHA": SHA,
        "GITHUB_REPOSITORY": "your-org/infra",
        "GITHUB_API_URL": url,
        "GITHUB_GRAPHQL_URL": f"{url}/graphql",
        "GITHUB_SERVER_URL": url,
    }


def _seconds(command: list[str], *, cwd: Path | None = None, env: dict[str, str] | None = None) -> float:
    """Run *command*, which may fail, and return how long it took."""
    started = time.perf_counter()
    subprocess.run(command, cwd=cwd, env=env, check=False)
    return time.perf_counter() - started


def _path(python: str, machine: Path) -> str:
    """Return a PATH with *python* as `python3`, and without pip and uv."""
    folder = machine / "bin"
    folder.mkdir()
    if os.name == "nt":
        return os.pathsep.join([str(Path(python).parent), os.environ.get("PATH", "")])
    (folder / "python3").symlink_to(python)  # as on a runner
    return os.pathsep.join([str(folder), os.defpath])


def _reason(text: str) -> str:
    """Return the last value of the output `reason` in *text*, the content of a GITHUB_OUTPUT file."""
    lines = text.splitlines()
    values = [lines[index + 1] for index, line in enumerate(lines[:-1]) if line.startswith("reason<<")]
    values += [line.partition("=")[2] for line in lines if line.startswith("reason=")]
    return values[-1] if values else "nothing"


class _RejectingGitHub:
    """A GitHub on loopback that rejects every token."""

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Unauthorized)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"


class _Unauthorized(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        content = b'{"message": "Bad credentials"}'
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815 - the name is the server's

    def log_message(self, *_: Any) -> None:
        """Be quiet."""


if __name__ == "__main__":
    raise SystemExit(main())
