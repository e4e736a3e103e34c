"""Find the supported Pythons of this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST, NEWEST = 11, 14  # of Python 3, with bytecode in a release; a newer Python compiles at each first use
PROBE = "import sys; print(sys.implementation.name, *sys.version_info[:3])"


def pythons() -> dict[str, str]:
    """Return the CPythons from 3.11 on by version: the running one, those of the tool cache, and those of the PATH."""
    cache = Path(os.environ.get("RUNNER_TOOL_CACHE") or "nowhere", "Python")
    own = getattr(sys, "_base_executable", sys.executable)
    cached = [str(path) for name in ("bin/python3", "python.exe") for path in sorted(cache.glob(f"3.*/*/{name}"))]
    named = [shutil.which(f"python3.{minor}") for minor in range(OLDEST, NEWEST + 1)]
    versions: dict[str, str] = {}
    for python in (own, *cached, *filter(None, named)):
        done = subprocess.run([python, "-I", "-S", "-c", PROBE], capture_output=True, text=True, check=False)
        name, *numbers = done.stdout.split() or [""]  # a name on the PATH may stand for nothing, as those of pyenv do
        if name == "cpython" and int(numbers[1]) >= OLDEST:
            versions.setdefault(".".join(numbers), python)
    return versions


def newest_of_each(versions: dict[str, str]) -> dict[str, str]:
    """Return the newest of *versions* of each minor version that a release has bytecode for."""
    ordered = sorted(versions.items(), key=lambda item: tuple(map(int, item[0].split("."))))
    by_minor = {int(version.split(".")[1]): (version, python) for version, python in ordered}
    return dict(found for minor, found in by_minor.items() if minor <= NEWEST)
