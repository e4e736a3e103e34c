"""Install the locked dependencies once per runner: hash-checked, without resolving, all or nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

EXIT_CODE = 8
REASON = "dependencies-unavailable"
ABANDONED_AFTER = 60 * 60

# Wheels only, so that no code runs during installation; every file is checked by hash; nothing is resolved. Bytecode is
# written when a module is first imported.
PIP = ("-I", "-m", "pip", "--isolated", "--disable-pip-version-check", "--no-input")
SAME_FOR_BOTH = ("--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:")


def install(name: str, *, homes: Sequence[str], lock: str) -> str:
    """Install *lock* as the folder *name* in the first writable folder of *homes*, and return its path.

    The installation goes to a temporary folder that is renamed when complete: two simultaneous runs end with one
    complete installation, and a killed run leaves none. Exits with a reason if the installation fails.
    """
    parent = writable(homes)
    remove_abandoned(parent)
    print("gitops-actions: installing the locked dependencies (first use on this runner)", flush=True)
    partial = Path(tempfile.mkdtemp(dir=parent, prefix="partial-"))
    done = subprocess.run(
        command(lock=lock, target=partial),
        env=without_the_callers_settings(os.environ),
        cwd=partial,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        shutil.rmtree(partial)
        output = (done.stderr or done.stdout).strip()
        give_up(f"cannot install the locked dependencies; pip or uv and a package index are needed\n{output}")
    final = parent / name
    try:
        partial.rename(final)
    except OSError:
        # Another run was faster and installed the same files.
        if not final.is_dir():
            raise
        shutil.rmtree(partial)
    return str(final)


def writable(homes: Sequence[str]) -> Path:
    """Return the folder `gitops-actions` in the first writable folder of *homes*, or else a temporary folder."""
    for home in homes:
        folder = Path(home, "gitops-actions")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return folder
        except OSError:
            continue
    return Path(tempfile.mkdtemp(prefix="gitops-actions-"))


def remove_abandoned(parent: Path) -> None:
    """Remove folders of runs that were killed over an hour ago; a younger one may belong to a running installation."""
    for folder in parent.glob("partial-*"):
        if time.time() - folder.stat().st_mtime > ABANDONED_AFTER:
            shutil.rmtree(folder, ignore_errors=True)


def command(*, lock: str, target: Path) -> list[str]:
    """Return the install command: with uv if the runner has it, else with the pip of this Python."""
    where = ("--target", str(target), "-r", lock)
    uv = shutil.which("uv")
    if uv:
        return [uv, "pip", "install", "--no-config", "--python", sys.executable, *SAME_FOR_BOTH, *where]
    return [sys.executable, *PIP, "install", "--no-compile", *SAME_FOR_BOTH, *where]


def without_the_callers_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return *environment* without the variables by which the caller configures pip, uv or Python."""
    prefixes = ("PIP_", "UV_", "PYTHON", "VIRTUAL_ENV", "CONDA_")
    return {name: value for name, value in environment.items() if not name.upper().startswith(prefixes)}


def give_up(message: str) -> NoReturn:
    """Exit with *message* as an annotation, and set the output `reason`."""
    escaped = message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    print(f"::error title=gitops-actions::{escaped}")
    if os.environ.get("GITHUB_OUTPUT"):
        with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as output:
            output.write(f"reason={REASON}\n")
    raise SystemExit(EXIT_CODE)
