"""Measure one change, opened and merged, by action-open-infra-pr (warm) and by the article's script.

The infra repositories have 1, 100 and 500 MB of history, and every round trip of the API and of git is delayed by 0 and
50 ms. Run it with `make bench-infra-pr`.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.contention import start_action, start_script, tags, write
from sandbox import descriptions
from sandbox.server import Sandbox
from sandbox.world import build, release, without_gates

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from sandbox.world import World

SIZES = (1, 100, 500)
DELAYS = (0.0, 0.05)


def main() -> None:
    """Print the measurements."""
    descriptions.rest(), descriptions.graphql_schema()  # load them before the first measurement
    sizes = [int(size) for size in sys.argv[1:]] or SIZES
    for size in sizes:
        with Sandbox.start() as sandbox, tempfile.TemporaryDirectory() as folder:
            world = without_gates(build(sandbox))
            world.infra.rulesets.clear()
            _grow(sandbox, world, size)
            release(world, "1.0.0", *(f"1.{n}.1" for n in range(len(DELAYS))))
            write(sandbox, world, {"api": "1.0.0"})
            for number, delay in enumerate(DELAYS):
                sandbox.delay = delay
                ours = _time(sandbox, world, Path(folder) / f"ours-{number}", start_action, f"1.{number}.1")
                theirs = _time(sandbox, world, Path(folder) / f"theirs-{number}", start_script, f"1.{number}.2")
                print(
                    f"{size:4} MB  +{delay * 1000:2.0f} ms   open-infra-pr {ours[0]:6.2f} s, {ours[1]} round trips"
                    f"   article {theirs[0]:6.2f} s, {theirs[1]} round trips   {theirs[0] / ours[0]:5.1f} x",
                    flush=True,
                )


def _grow(sandbox: Sandbox, world: World, size: int) -> None:
    """Add *size* MB of incompressible history to the repository."""
    git, author = world.infra.git, sandbox.state.users["olivia"].person
    for number in range(size):
        files = {"blob": os.urandom(1024 * 1024)}
        parents = [git.head("main") or ""]
        git.set_ref(
            "refs/heads/main", git.commit(parents=parents, message=str(number), author=author, files=dict(files))
        )


def _time(
    sandbox: Sandbox, world: World, folder: Path, start: Callable[..., subprocess.Popen[bytes]], tag: str
) -> tuple[float, int]:
    before = len(sandbox.exchanges)
    started = time.perf_counter()
    code = start(sandbox, world, folder, "api", tag).wait()
    seconds = time.perf_counter() - started
    assert code == 0
    assert tags(world) == {"api": tag}
    return seconds, len(sandbox.exchanges) - before


if __name__ == "__main__":
    main()
