"""Put the locked dependencies on the import path and run one entrypoint.

Started by run.sh as `python -I -S bootstrap.py <entrypoint.py>`. It runs before anything is installed and on every
start, so it needs the standard library alone, and little of that.
"""

from __future__ import annotations

import hashlib
import os
import runpy
import sys

ACTIONS = os.path.dirname(os.path.abspath(__file__))
LOCK = os.path.join(ACTIONS, "requirements.lock")


def name_of_install() -> str:
    """Return the folder name for what the lock gives on this Python: other bytes, other name."""
    with open(LOCK, "rb") as lock:
        digest = hashlib.sha256(lock.read()).hexdigest()
    return f"{digest[:16]}-{sys.implementation.cache_tag}-{sys.platform}-{os.environ.get('RUNNER_ARCH', '')}"


def dependencies() -> str:
    """Return the folder of the installed dependencies, installing them if this runner has none yet."""
    homes = [os.environ[name] for name in ("RUNNER_TOOL_CACHE", "RUNNER_TEMP") if os.environ.get(name)]
    name = name_of_install()
    for home in homes:
        folder = os.path.join(home, "gitops-actions", name)
        if os.path.isdir(folder):
            return folder
    from actions.install import install

    return install(name, homes=homes, lock=LOCK)


def main(entrypoint: str) -> None:
    """Run *entrypoint* as a program that can import the standard library, the dependencies and our package.

    In that order: who uses an action by `./` from its own checkout has whatever else is there beside our package.
    """
    root = os.path.dirname(ACTIONS)
    sys.path.append(root)
    sys.path.insert(-1, dependencies())
    sys.argv = [entrypoint]
    runpy.run_path(entrypoint, run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1])
