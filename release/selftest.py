"""Run every action from the commit that is to be released, on every Python of this machine, with no index to ask.

An action that answers as it should against a GitHub on loopback has all that it needs with it. A runner that keeps its
tool cache empty shows that nothing was installed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import yaml

from actions.errors import RefusedError
from actions.runner.inputs import Inputs
from actions.runner.log import say
from actions.runner.outcome import Outcome, run
from release.settings import checkout

if TYPE_CHECKING:
    from collections.abc import Mapping

OLDEST = (3, 11)
TOKEN = {"token": "a-token-that-nobody-knows"}
SHA = "a" * 40
FILES = {
    "envs/dev.json": '{"api": {"tag": "1.0.0"}}\n',
    "envs/qa.yaml": "api: {tag: 1.0.0}\n",
    "envs/prod.toml": '[api]\ntag = "1.0.0"\n',
    "gitops.yml": "environments: {dev: {}}\nfiles: envs/{env}.json\nservices: {api: {repo: your-org/app}}\n",
    "rulesets/main.json": '{"name": "main", "enforcement": "active", "rules": [], "conditions": {"ref_name": '
    '{"include": ["~DEFAULT_BRANCH"], "exclude": []}}}',
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
    """An action, its inputs, the event, the files in the workspace, and what it must end with."""

    action: str
    reason: str
    inputs: Mapping[str, str] = field(default_factory=dict)
    event: str = "push"
    without: tuple[str, ...] = ()


BUMP = {"service": "api", "tag": "1.1.0"}
DENIED = "permission-denied"  # what every action says of a token that GitHub does not know
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
    Case(action="export-evidence", reason=DENIED, inputs=TOKEN),
)


def main() -> int:
    """Run, and return the exit code."""
    return run(_test, unset={})


def _test() -> Outcome:
    commit = Inputs().required("commit")
    with tempfile.TemporaryDirectory() as folder, _Nobody() as github:
        tree = Path(folder, "gitops-actions")
        checkout().fetch(commit, tree)
        if not (tree / "actions" / "site").is_dir():
            raise RefusedError(f"{commit[:12]} does not carry its dependencies")
        rows, failed = "", []
        for number, (version, python) in enumerate(pythons().items()):
            for place, case in enumerate(CASES):
                machine = Path(folder, f"{number}-{place}")
                said = _run(case, tree, python, machine, github.url)
                good = said == (case.reason, False)
                rows += f"| {version} | {case.action} | {'✅' if good else '❌'} {said[0]} |\n"
                failed += [] if good else [f"{case.action} on Python {version} ended with {said}"]
            say(f"Python {version}: done")
    if failed:
        raise RefusedError("; ".join(failed))
    return Outcome(
        outputs={"reason": "tested"},
        notice=f"{commit[:12]} works on this machine",
        summary=f"### {commit[:12]}\n\n| Python | action | ended with |\n|---|---|---|\n{rows}",
    )


def pythons() -> dict[str, str]:
    """Return the Pythons of this machine that are new enough, by their versions: this one, and the runner's others."""
    cache = Path(os.environ.get("RUNNER_TOOL_CACHE") or "nowhere", "Python")
    own = getattr(sys, "_base_executable", sys.executable)
    found = [
        own,
        *(str(path) for name in ("bin/python3", "python.exe") for path in sorted(cache.glob(f"3.*/*/{name}"))),
    ]
    versions: dict[str, str] = {}
    for python in found:
        code = "import sys; print('.'.join(map(str, sys.version_info[:3])))"
        version = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True).stdout.strip()
        if tuple(map(int, version.split(".")[:2])) >= OLDEST:
            versions.setdefault(version, python)
    return versions


def _run(case: Case, tree: Path, python: str, machine: Path, url: str) -> tuple[str, bool]:
    """Return the reason that the action ends with, and whether anything was installed for it."""
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
    folder = tree / f"action-{case.action}"
    declared = yaml.safe_load((folder / "action.yml").read_text(encoding="utf-8"))["inputs"]
    given = {name: str(each.get("default", "")) for name, each in declared.items()} | dict(case.inputs)
    environment = {
        **{name: os.environ[name] for name in ("SYSTEMROOT", "TEMP", "TMPDIR") if name in os.environ},
        **{f"INPUT_{name.replace('-', '_').upper()}": value for name, value in given.items() if "${{" not in value},
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
    program = folder / f"{case.action.replace('-', '_')}.py"
    subprocess.run(
        [shutil.which("bash") or "bash", str(tree / "actions" / "run.sh"), str(program)],
        cwd=workspace,
        env=environment,
        check=False,
    )
    return _reason(output.read_text(encoding="utf-8")), any(tools.iterdir())


def _path(python: str, machine: Path) -> str:
    """Return a PATH on which `python3` is *python*, and neither pip nor uv is."""
    folder = machine / "bin"
    folder.mkdir()
    if os.name == "nt":
        return os.pathsep.join([str(Path(python).parent), os.environ.get("PATH", "")])
    (folder / "python3").write_text(f'#!/bin/sh\nexec "{python}" "$@"\n')
    (folder / "python3").chmod(0o755)
    return os.pathsep.join([str(folder), os.defpath])


def _reason(text: str) -> str:
    """Return the output `reason` of a file of outputs, the last one that was set."""
    lines = text.splitlines()
    values = [lines[index + 1] for index, line in enumerate(lines[:-1]) if line.startswith("reason<<")]
    values += [line.partition("=")[2] for line in lines if line.startswith("reason=")]
    return values[-1] if values else "nothing"


class _Nobody:
    """A GitHub on loopback that knows no token."""

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
