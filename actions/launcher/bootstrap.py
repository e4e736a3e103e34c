"""Put the locked dependencies on the import path and run one entrypoint.

Started by run.sh as `python -I -S bootstrap.py <entrypoint.py>`. It runs before anything is installed and on every
start, so it needs the standard library alone, and little of that.

A release carries the dependencies beside this file; see release/bundle.py for what it leaves out of them.
"""

from __future__ import annotations

import hashlib
import os
import runpy
import sys

ACTIONS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LOCK = os.path.join(ACTIONS, "requirements.lock")
SITE = os.path.join(ACTIONS, "site")


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
    from actions.launcher.install import install

    return install(name, homes=homes, lock=LOCK)


def main(entrypoint: str, *, carried: bool) -> None:
    """Run *entrypoint* as a program that can import the standard library, the dependencies and our package.

    In that order: who uses an action by `./` from its own checkout has whatever else is there beside our package. Where
    what the release has *carried* with it lacks a module after all, the entrypoint runs again with what the lock gives.
    """
    root = os.path.dirname(ACTIONS)
    sys.path.append(root)
    sys.path.insert(-1, SITE if carried else dependencies())
    sys.argv = [entrypoint]
    try:
        runpy.run_path(entrypoint, run_name="__main__")
    except ModuleNotFoundError as error:
        if not carried:
            raise
        import subprocess

        print(f"gitops-actions: the release lacks {error.name}; installing the locked dependencies instead", flush=True)
        again = [sys.executable, "-I", "-S", os.path.abspath(__file__), entrypoint, "--from-the-lock"]
        raise SystemExit(subprocess.call(again)) from None


if __name__ == "__main__":
    main(sys.argv[1], carried=os.path.isdir(SITE) and "--from-the-lock" not in sys.argv)
