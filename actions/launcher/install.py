"""Install the locked dependencies once per runner: hash-checked, unresolved, all or nothing."""

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

# Wheels only (no code runs while installing), every byte checked, nothing resolved; bytecode is written when a module
# is first imported, and only for what is imported.
PIP = ("-I", "-m", "pip", "--isolated", "--disable-pip-version-check", "--no-input")
SAME_FOR_BOTH = ("--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:")


def install(name: str, *, homes: Sequence[str], lock: str) -> str:
    """Install *lock* under the first of *homes* that can be written, as folder *name*, and return its path.

    Everything goes into a folder of its own that is renamed when it is complete, so two runs at once end with one
    complete install and a run that is killed leaves none. Ends the process with a reason if it cannot be done.
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
        said = (done.stderr or done.stdout).strip()
        give_up(f"cannot install the locked dependencies; pip or uv and a package index are needed\n{said}")
    final = parent / name
    try:
        partial.rename(final)
    except OSError:
        # Another run was faster; what it installed is the same, byte for byte.
        if not final.is_dir():
            raise
        shutil.rmtree(partial)
    return str(final)


def writable(homes: Sequence[str]) -> Path:
    """Return the folder for our installs in the first of *homes* that lets us write, or in a temporary one."""
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
    """Remove what runs that were killed long ago left behind; a young folder may be another run's work."""
    for folder in parent.glob("partial-*"):
        if time.time() - folder.stat().st_mtime > ABANDONED_AFTER:
            shutil.rmtree(folder, ignore_errors=True)


def command(*, lock: str, target: Path) -> list[str]:
    """Return the install command: uv where the runner has it, else the pip of this Python."""
    where = ("--target", str(target), "-r", lock)
    uv = shutil.which("uv")
    if uv:
        return [uv, "pip", "install", "--no-config", "--python", sys.executable, *SAME_FOR_BOTH, *where]
    return [sys.executable, *PIP, "install", "--no-compile", *SAME_FOR_BOTH, *where]


def without_the_callers_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return *environment* without what would make pip, uv or Python behave as the caller's project wants."""
    ours = ("PIP_", "UV_", "PYTHON", "VIRTUAL_ENV", "CONDA_")
    return {name: value for name, value in environment.items() if not name.upper().startswith(ours)}


def give_up(message: str) -> NoReturn:
    """End the process with *message* as its annotation and a machine-readable reason."""
    escaped = message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    print(f"::error title=gitops-actions::{escaped}")
    if os.environ.get("GITHUB_OUTPUT"):
        with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as output:
            output.write(f"reason={REASON}\n")
    raise SystemExit(EXIT_CODE)
