"""How the benchmarks measure: best of several runs, alternating, so that all meet the same machine."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path


def best(runs: Mapping[str, Callable[[], object]], *, times: int) -> dict[str, float]:
    """Return the shortest time in seconds of each of *runs*, taken *times* times in turn."""
    found = dict.fromkeys(runs, float("inf"))
    for _ in range(times):
        for name, run in runs.items():
            started = time.perf_counter()
            run()
            found[name] = min(found[name], time.perf_counter() - started)
    return found


def process(command: Sequence[str], *, environment: Mapping[str, str], folder: Path) -> None:
    """Run *command*; raise if it fails."""
    subprocess.run(command, env=environment, cwd=folder, check=True, capture_output=True)
