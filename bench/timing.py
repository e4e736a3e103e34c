"""Time the benchmarks: the best of several runs, in turn, so that all run under the same conditions."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path


def best(runs: Mapping[str, Callable[[], object]], *, times: int) -> dict[str, float]:
    """Call all *runs* in turn, *times* times, and return the shortest time of each in seconds."""
    shortest = dict.fromkeys(runs, float("inf"))
    for _ in range(times):
        for name, run in runs.items():
            started = time.perf_counter()
            run()
            shortest[name] = min(shortest[name], time.perf_counter() - started)
    return shortest


def process(command: Sequence[str], *, environment: Mapping[str, str], folder: Path) -> None:
    """Run *command*; raise if it fails."""
    subprocess.run(command, env=environment, cwd=folder, check=True, capture_output=True)
