"""Measure one change, opened and merged, by the first use of action-open-infra-pr and by the article's script.

The infra repositories have 1 and 100 MB of history, and every round trip of the API and of git is delayed by 0 and 50
ms. Both run in turn, and the best run of each counts. Run it with `make bench-infra-pr`; other sizes are its arguments.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from bench.contention import environment_of, start_script, tags, write
from bench.released import make_release, run_action
from bench.table import Row, distance, seconds, show
from bench.timing import process
from sandbox import descriptions
from sandbox.server import Sandbox
from sandbox.world import build, release, without_gates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sandbox.world import World

SIZES, DELAYS = (1, 100), (0.0, 0.05)
TIMES = {1: 10}
NUMBERS = count(1)
# The interpreter itself as `python3`, as on a runner, and not a script that looks for it.
PYTHON = {
    "PATH": os.pathsep.join([str(Path(getattr(sys, "_base_executable", sys.executable)).parent), os.environ["PATH"]])
}


def name_of(size: int, delay: float) -> str:
    """Return what is measured, in words."""
    return f"open-infra-pr, opened and merged, {size} MB of history, {distance(delay)}"


ROWS = tuple(name_of(size, delay) for size in SIZES for delay in DELAYS)


def rows(sizes: Sequence[int] = SIZES) -> Iterator[Row]:
    """Yield the measurements for infra repositories of *sizes* in MB."""
    descriptions.rest(), descriptions.graphql_schema()  # load them before the first measurement
    with tempfile.TemporaryDirectory() as folder:
        make_release(Path(folder, "release"))
        for size in sizes:
            with Sandbox.start() as sandbox:
                world = without_gates(build(sandbox))
                world.infra.rulesets.clear()
                _grow(sandbox, world, size)
                write(sandbox, world, {"api": "1.0.0"})
                for delay in DELAYS:
                    sandbox.delay = delay
                    ground = _Ground(sandbox, world, Path(folder))
                    yield ground.compare(name_of(size, delay), TIMES.get(size, 1))


@dataclass(frozen=True, slots=True)
class _Ground:
    """Runs that change a tag in *world*, each on a new machine below *folder*, where the release is."""

    sandbox: Sandbox
    world: World
    folder: Path

    def compare(self, name: str, times: int) -> Row:
        """Measure the action and the script, in turn."""
        ours, theirs, requests = float("inf"), float("inf"), 0
        for _ in range(times):
            took, requests = self._time(self._action)
            ours = min(ours, took)
            theirs = min(theirs, self._time(self._script)[0])
        return Row(name, f"{seconds(ours)}, {requests} requests", f"the article's script {seconds(theirs)}")

    def _time(self, prepare: Callable[[Path, str], Callable[[], object]]) -> tuple[float, int]:
        tag = f"1.{next(NUMBERS)}.0"
        release(self.world, tag)
        machine = self.folder / tag
        machine.mkdir()
        run = prepare(machine, tag)
        before = len(self.sandbox.exchanges)
        started = time.perf_counter()
        run()
        took = time.perf_counter() - started
        assert tags(self.world) == {"api": tag}
        shutil.rmtree(machine)
        return took, len(self.sandbox.exchanges) - before

    def _action(self, machine: Path, tag: str) -> Callable[[], object]:
        shutil.copytree(self.folder / "release", machine / "release")
        command = run_action(machine / "release", "open-infra-pr")
        environment = {**os.environ, **PYTHON, **environment_of(self.sandbox, self.world, "api", tag)}
        return partial(process, command, environment=environment, folder=machine)

    def _script(self, machine: Path, tag: str) -> Callable[[], object]:
        return lambda: start_script(self.sandbox, self.world, machine / "script", "api", tag).wait()


def _grow(sandbox: Sandbox, world: World, size: int) -> None:
    """Add *size* MB of incompressible history to the repository."""
    git, author = world.infra.git, sandbox.state.users["olivia"].person
    for number in range(size):
        files = {"blob": os.urandom(1024 * 1024)}
        parents = [git.head("main") or ""]
        git.set_ref(
            "refs/heads/main", git.commit(parents=parents, message=str(number), author=author, files=dict(files))
        )


def main(sizes: Sequence[int] = SIZES) -> list[Row]:
    """Print the measurements, and return them."""
    return show(rows(sizes), [name_of(size, delay) for size in sizes for delay in DELAYS])


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or SIZES)
