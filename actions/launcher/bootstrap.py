"""Put the locked dependencies on the import path and run one entrypoint.

run.sh starts it as `python -I -S bootstrap.py <entrypoint.py>`. It runs on every start, before anything is installed:
it imports only the standard library, and little of that.

A release contains the dependencies next to this package; see release/bundle.py for the parts that it leaves out.
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
    """Return the folder name for the dependencies: it changes with the lock, the Python and the platform."""
    with open(LOCK, "rb") as lock:
        digest = hashlib.sha256(lock.read()).hexdigest()
    return f"{digest[:16]}-{sys.implementation.cache_tag}-{sys.platform}-{os.environ.get('RUNNER_ARCH', '')}"


def dependencies() -> str:
    """Return the folder of the dependencies, and install them first if this runner does not have them yet."""
    homes = [os.environ[name] for name in ("RUNNER_TOOL_CACHE", "RUNNER_TEMP") if os.environ.get(name)]
    name = name_of_install()
    for home in homes:
        folder = os.path.join(home, "gitops-actions", name)
        if os.path.isdir(folder):
            return folder
    from actions.launcher.install import install

    return install(name, homes=homes, lock=LOCK)


def main(entrypoint: str, *, carried: bool) -> None:
    """Run *entrypoint* with an import path of the standard library, the dependencies and this package, in that order.

    This package comes last because a checkout used by `./` may have any other modules next to it. If the dependencies
    *carried* by a release lack a module, the entrypoint runs again with dependencies installed from the lock.
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
