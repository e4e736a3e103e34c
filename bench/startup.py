"""Measure the first use of every action on a new machine: from a release, and from main, which installs first.

Before each run the release is copied anew, so that it has no bytecode but its own. An action that asks GitHub is
measured until its first request arrives, and so is Octokit, which JavaScript actions are made of, as npm installs it:
a bundle of it may load faster. A bare interpreter, and an installation by hand, are measured in turn too. Run it with
`make bench`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from actions.launcher import install
from actions.launcher.install import PIP, SAME_FOR_BOTH
from bench.released import LOCK, ROOT, add_libyaml, run_action
from bench.table import Row, seconds, show
from bench.timing import best, process
from release import tree
from release.selftest import CASES, Case, prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TIMES = 10
CLIENTS = ROOT / "tests" / "clients"
UV = Path(sys.executable).with_name("uv")
WITHOUT_UV = {"PATH": os.pathsep.join(p for p in os.environ["PATH"].split(os.pathsep) if not (Path(p) / "uv").exists())}
WITH_UV = {"PATH": f"{UV.parent}{os.pathsep}{os.environ['PATH']}"}
MEASURED = list({case.action: case for case in reversed(CASES)}.values())[::-1]  # the first case of each action
OFFLINE = ("setup-flags", "bump-env", "deploy-matrix")
# A small parent of its own: Linux counts what the parent holds until the child has started its program.
MEMORY = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:])
print()
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
OCTOKIT = """
import { Octokit } from "@octokit/rest"
const octokit = new Octokit({ baseUrl: process.env.GITHUB_API_URL, auth: "x" })
await octokit.rest.repos.get({ owner: "your-org", repo: "infra" }).catch(() => {})
"""
ROWS = (
    *(f"{case.action}, first use{'' if case.action in OFFLINE else ', to its first request'}" for case in MEASURED),
    "the most memory that one of them holds",
    "a release, as a runner downloads it",
    "setup-flags from main, with pip",
    "setup-flags from main, with uv",
)


def rows() -> Iterator[Row]:
    """Yield the measurements."""
    with tempfile.TemporaryDirectory() as folder:
        release = Path(folder) / "release"
        compilers = tree.write(release)
        packed = BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as tar:
            tar.add(release, ".")
        add_libyaml(release)
        yield from _first_uses(release, Path(folder))
        size = f"{len(packed.getvalue()) / 1e6:.1f} MB"
        yield Row("a release, as a runner downloads it", f"{size}, bytecode of CPython {', '.join(compilers)}")
        for installer in ("pip", "uv"):
            yield _from_main(Path(folder), installer)


class _GitHub(ThreadingHTTPServer):
    """A GitHub that notes when the first request arrives, and rejects every token."""

    daemon_threads = True
    first = 0.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Rejection(BaseHTTPRequestHandler):
    server: _GitHub

    def do_GET(self) -> None:
        self.server.first = self.server.first or time.perf_counter()
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_POST = do_GET  # noqa: N815 - the name is the server's

    def log_message(self, *_: object) -> None:
        """Be quiet."""


@dataclass(slots=True)
class _Uses:
    """First uses of actions of *release* on new machines below *folder*."""

    release: Path
    folder: Path
    github: _GitHub
    python: str
    number: int = 0
    bare: float = float("inf")
    octokit: float = float("inf")
    shortest: dict[str, float] = field(default_factory=dict)

    def use_octokit(self) -> None:
        """Measure Octokit until its first request."""
        self.github.first = 0.0
        started = time.perf_counter()
        environment = {**os.environ, "GITHUB_API_URL": self.github.url}
        process(["node", "--input-type=module", "-e", OCTOKIT], environment=environment, folder=CLIENTS)
        self.octokit = min(self.octokit, self.github.first - started)

    def use(self, case: Case) -> None:
        """Measure one first use, and a bare interpreter beside it."""
        self.number += 1
        machine = self.folder / f"machine-{self.number}"
        tree = machine / "gitops-actions"
        shutil.copytree(self.release, tree)
        command, environment = prepare(case, tree, self.python, machine, self.github.url)
        self.github.first = 0.0
        started = time.perf_counter()
        subprocess.run(command, cwd=machine / "workspace", env=environment, capture_output=True, check=False)
        ended = time.perf_counter() if case.action in OFFLINE else self.github.first
        assert ended, f"{case.action} has sent no request"
        self.shortest[case.action] = min(self.shortest.get(case.action, float("inf")), ended - started)
        started = time.perf_counter()
        subprocess.run([self.python, "-c", "pass"], env=environment, check=True)
        self.bare = min(self.bare, time.perf_counter() - started)
        shutil.rmtree(machine)

    def memory(self, case: Case) -> int:
        """Return how many KiB a run holds at most."""
        machine = self.folder / f"machine-{case.action}"
        command, environment = prepare(case, self.release, self.python, machine, self.github.url)
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, *command],
            cwd=machine / "workspace",
            env=environment,
            capture_output=True,
            check=True,
        )
        return int(done.stdout.split()[-1])


def _first_uses(release: Path, folder: Path) -> Iterator[Row]:
    github = _GitHub(("127.0.0.1", 0), _Rejection)
    threading.Thread(target=github.serve_forever, daemon=True).start()
    uses = _Uses(release, folder, github, getattr(sys, "_base_executable", sys.executable))
    for _ in range(TIMES):
        uses.use_octokit()
        for case in MEASURED:
            uses.use(case)
    memory = max(map(uses.memory, MEASURED))
    github.shutdown()
    for name, case in zip(ROWS, MEASURED, strict=False):
        took = uses.shortest[case.action]
        octokit = "" if case.action in OFFLINE else f", `@octokit/rest` in Node {seconds(uses.octokit)}"
        beside = f"`python3 -c pass` {seconds(uses.bare)}{octokit}"
        yield Row(name, f"{seconds(took)} ({(took - uses.bare) * 1000:+.0f})", beside)
    yield Row(ROWS[len(MEASURED)], f"{memory / 1024:.0f} MiB")


def _environment(folder: Path, path: dict[str, str]) -> dict[str, str]:
    return {
        **os.environ,
        **path,
        "RUNNER_TEMP": str(folder / "temp"),
        "INPUT_MAIN_BRANCH": "main",
        "INPUT_HOTFIX_PREFIX": "hotfixes/",
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_REF": "refs/heads/main",
    }


def _python(folder: Path) -> str:
    """Return the interpreter that the launcher chooses."""
    code = "import sys; print(sys._base_executable)"
    done = subprocess.run(["python3", "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _from_main(folder: Path, installer: str) -> Row:
    environment = _environment(folder, WITH_UV if installer == "uv" else WITHOUT_UV)
    temp, target, main = folder / "temp", folder / "by-hand", folder / "main"
    where = ["--target", str(target), "-r", str(LOCK)]
    python = _python(folder)
    by_hand = {
        "pip": [python, *PIP, "install", "--no-compile", *SAME_FOR_BOTH, *where],
        "uv": [str(UV), *install.UV, "--python", python, *SAME_FOR_BOTH, *where],
    }[installer]

    def again(work: Callable[[], None], *leftovers: Path) -> Callable[[], None]:
        def run() -> None:
            for path in leftovers:
                shutil.rmtree(path, ignore_errors=True)
            temp.mkdir(exist_ok=True)
            work()

        return run

    def new_copy() -> None:
        for part in ("actions", "action-setup-flags"):
            ignored = shutil.ignore_patterns("__pycache__", "site")
            shutil.copytree(ROOT / part, main / part, ignore=ignored)

    runs = {
        "prepare": again(new_copy, main, temp, target),
        "by hand": lambda: process(by_hand, environment=environment, folder=folder),
        "start": lambda: process(run_action(main, "setup-flags"), environment=environment, folder=folder),
    }
    times = best(runs, times=5)
    hand, started = times["by hand"], times["start"]
    return Row(
        f"setup-flags from main, with {installer}", seconds(started), f"the same install by hand {seconds(hand)}"
    )


def main() -> list[Row]:
    """Print the measurements, and return them."""
    return show(rows(), ROWS)


if __name__ == "__main__":
    main()
