"""Install the locked dependencies for one run: hash-checked, without resolving, nothing reused.

On a runner that stays, other jobs can write to its tool cache, to the caches of pip and uv, and even to RUNNER_TEMP:
the runner empties it between jobs, but cannot remove what a container left there as another user.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Mapping

EXIT_CODE = 8
REASON = "dependencies-unavailable"

# Wheels only, so that no code runs during installation; every file is checked by hash; nothing is resolved. Both caches
# are off, because pip and uv do not check the hashes of all that they take from them. Bytecode is written when a module
# is first imported.
PIP = ("-I", "-m", "pip", "--isolated", "--disable-pip-version-check", "--no-input", "--no-cache-dir")
UV = ("pip", "install", "--no-config", "--no-cache")
SAME_FOR_BOTH = ("--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:")


def install(lock: str) -> str:
    """Install *lock* in a new folder and return its path; exit with a reason if the installation fails."""
    print("gitops-actions: installing the locked dependencies", flush=True)
    target = new_folder()
    done = subprocess.run(
        command(lock=lock, target=target),
        env=installer_environment(os.environ),
        cwd=target,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        shutil.rmtree(target)
        output = (done.stderr or done.stdout).strip()
        give_up(f"cannot install the locked dependencies; pip or uv and a package index are needed\n{output}")
    return str(target)


def new_folder() -> Path:
    """Return a new folder that only this user can open: in RUNNER_TEMP, which the runner empties, if it is writable."""
    try:
        return Path(tempfile.mkdtemp(dir=os.environ.get("RUNNER_TEMP") or None, prefix="gitops-actions-"))
    except OSError:  # in a container that runs as another user
        return Path(tempfile.mkdtemp(prefix="gitops-actions-"))


def command(*, lock: str, target: Path) -> list[str]:
    """Return the install command: with uv if the runner has it, else with the pip of this Python."""
    where = ("--target", str(target), "-r", lock)
    uv = shutil.which("uv")
    if uv and Path(uv).is_absolute():  # Windows looks in the working directory too, which is the caller's checkout
        return [uv, *UV, "--python", sys.executable, *SAME_FOR_BOTH, *where]
    return [sys.executable, *PIP, "install", "--no-compile", *SAME_FOR_BOTH, *where]


def installer_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return *environment* without what configures pip, uv or Python, and without what can hold a token."""
    settings = ("PIP_", "UV_", "PYTHON", "VIRTUAL_ENV", "CONDA_")
    tokens = ("INPUT_", "ACTIONS_", "GITHUB_", "GH_")
    return {name: value for name, value in environment.items() if not name.upper().startswith(settings + tokens)}


def give_up(message: str) -> NoReturn:
    """Exit with *message* as an annotation, and set the output `reason`."""
    escaped = message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    print(f"::error title=gitops-actions::{escaped}")
    if os.environ.get("GITHUB_OUTPUT"):
        with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as output:
            output.write(f"reason={REASON}\n")
    raise SystemExit(EXIT_CODE)
