"""Put the locked dependencies on the import path and run one entrypoint.

run.sh starts it as `python -I -S bootstrap.py <entrypoint.py>`. It runs on every start, before anything is installed:
it imports only the standard library, and little of that.

A release contains the dependencies next to this package; see release/bundle.py for the parts that it leaves out.
Without them, as on main, every start installs them anew.
"""

from __future__ import annotations

import gc
import os
import sys

ACTIONS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LOCK = os.path.join(ACTIONS, "requirements.lock")
SITE = os.path.join(ACTIONS, "site")


def dependencies() -> str:
    """Install the dependencies for this run alone, and return their folder."""
    from actions.launcher.install import install

    return install(LOCK)


def main(entrypoint: str, *, carried: bool) -> None:
    """Run *entrypoint* with an import path of the standard library, the dependencies and this package, in that order.

    This package comes last because a checkout used by `./` may have any other modules next to it. If the dependencies
    *carried* by a release lack a module, the entrypoint runs again with dependencies installed from the lock.
    """
    root = os.path.dirname(ACTIONS)
    sys.path.append(root)
    sys.path.insert(-1, SITE if carried else dependencies())
    sys.argv = [entrypoint]
    with open(entrypoint, encoding="utf-8") as file:
        code = compile(file.read(), entrypoint, "exec")
    try:
        exec(code, {"__name__": "__main__", "__file__": entrypoint})  # noqa: S102 - runpy does it too, in 10 ms more
    except ModuleNotFoundError as error:
        if not carried:
            raise
        import subprocess

        print(f"gitops-actions: the release lacks {error.name}; installing the locked dependencies instead", flush=True)
        again = [sys.executable, "-I", "-S", os.path.abspath(__file__), entrypoint, "--from-the-lock"]
        raise SystemExit(subprocess.call(again)) from None


if __name__ == "__main__":
    gc.set_threshold(100_000)  # what is imported stays: looking for garbage in it finds none
    try:
        main(sys.argv[1], carried=os.path.isdir(SITE) and "--from-the-lock" not in sys.argv)
    except SystemExit as end:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(int(end.code or 0))  # taking all that was imported apart would take a tenth of the run
