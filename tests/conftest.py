"""What every test starts from: a runner's environment of its own, and no network beyond loopback."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from tests import in_memory, reasons
from tests.support import THOROUGH, Runner

if TYPE_CHECKING:
    from pathlib import Path

LONG = tuple(f"tests/{path}" for path in (
    "e2e/", "conformance/", "sandbox/test_faults.py", "sandbox/test_interleavings.py"
))  # fmt: skip
# How long an example takes is no test. Where nobody waits, there are more of them.
settings.register_profile("quick", deadline=None, max_examples=25)
settings.register_profile("thorough", deadline=None)
settings.load_profile("thorough" if THOROUGH else "quick")
RUNNERS = ("GITHUB_", "INPUT_", "RUNNER_", "ACTIONS_")


def pytest_configure() -> None:
    """Begin what lasts as long as the tests do."""
    in_memory.begin()
    reasons.begin()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what CI alone runs, unless it is asked for by its path, and begin with the long tests.

    Each worker has its share of them: one that begins late is waited for by all the others. It is given a run of the
    list, and takes from another's when it has no more (`--dist worksteal`).
    """
    if not THOROUGH and config.args == config.getini("testpaths"):
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("thorough")])
        items[:] = [item for item in items if not item.get_closest_marker("thorough")]
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    long = [item for item in items if item.nodeid.startswith(LONG)]
    short = [item for item in items if not item.nodeid.startswith(LONG)]
    size = -(-len(items) // workers)
    ordered: list[pytest.Item] = []
    for worker in range(workers):
        share = long[worker::workers]
        ordered += share + [short.pop(0) for _ in range(min(size - len(share), len(short)))]
    items[:] = ordered + short


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail if a README lists a reason that no test produced, or the other way round."""
    if hasattr(session.config, "workerinput"):
        return
    problems = reasons.problems(session.config)
    reasons.end()
    if problems:
        print("", *problems, sep="\n")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(autouse=True)
def _no_runner_around_us(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever runs the tests may be a workflow itself; nothing of it must be seen."""
    for name in list(os.environ):
        if name.startswith(RUNNERS):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that reaches for the network is broken."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test reaches for {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(name="runner")
def _runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Runner:
    """A runner that runs the actions in this process."""
    return Runner(tmp_path, monkeypatch, capsys)
