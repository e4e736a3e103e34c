"""One change of one file, opened and merged: our action (warm) and the article's script, side by side.

On infra repositories of 1, 100 and 500 MB of history, with 0 and 50 ms added to each round trip. `make bench-infra-pr`
prints it. Git's own connections are delayed as the API's are.
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
    """Measure and print."""
    descriptions.rest(), descriptions.graphql_schema()  # read once, before anything is timed
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
    """Give the repository *size* MB of history that does not compress."""
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
    took = time.perf_counter() - started
    assert code == 0
    assert tags(world) == {"api": tag}
    return took, len(sandbox.exchanges) - before


if __name__ == "__main__":
    main()
