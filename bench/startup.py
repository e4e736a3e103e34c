"""Measure how long an action takes to start: from a release, and from main, where every start installs first.

A bare interpreter and a manual installation are measured for comparison. Run it with `make bench`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from io import BytesIO
from pathlib import Path

from actions.launcher import install
from actions.launcher.install import PIP, SAME_FOR_BOTH
from bench.released import LOCK, ROOT, make_release, run_action
from bench.timing import best, process

RUN = run_action(ROOT, "setup-flags")
UV = Path(sys.executable).with_name("uv")
WITHOUT_UV = {"PATH": os.pathsep.join(p for p in os.environ["PATH"].split(os.pathsep) if not (Path(p) / "uv").exists())}
WITH_UV = {"PATH": f"{UV.parent}{os.pathsep}{os.environ['PATH']}"}


def main() -> None:
    """Print the measurements."""
    with tempfile.TemporaryDirectory() as folder:
        _released(Path(folder) / "release")
        for installer in ("pip", "uv"):
            _from_main(Path(folder), installer)


def _environment(folder: Path, path: dict[str, str]) -> dict[str, str]:
    return {
        **os.environ,
        **path,
        "RUNNER_TEMP": str(folder / "temp"),
        "INPUT_MAIN_BRANCH": "main",
        "INPUT_HOTFIX_PREFIX": "hotfixes/",
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_REF": "refs/heads/main",
    }


def _python(folder: Path) -> str:
    """Return the interpreter that the launcher chooses."""
    code = "import sys; print(sys._base_executable)"
    done = subprocess.run(["python3", "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _released(folder: Path) -> None:
    """Measure the first run of a downloaded release, and later ones."""
    make_release(folder)
    packed = BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        tar.add(folder, ".")
    run = run_action(folder, "setup-flags")
    environment = _environment(folder, WITHOUT_UV)
    python = _python(folder)

    def forget() -> None:
        for cache in list(folder.rglob("__pycache__")):
            shutil.rmtree(cache)

    def start() -> None:
        process(run, environment=environment, folder=folder)

    def bare() -> None:
        process([python, "-c", "pass"], environment=environment, folder=folder)

    # The order matters: "first" runs right after the bytecode was deleted.
    times = best({"bare": bare, "forget": forget, "first": start, "again": start}, times=10)
    print(f"python3 -c pass                    {times['bare'] * 1000:6.0f} ms")
    for name, label in (("first", "first use"), ("again", "again    ")):
        more = (times[name] - times["bare"]) * 1000
        print(f"setup-flags, release, {label}    {times[name] * 1000:6.0f} ms   {more:+.0f} ms")
    print(f"the release, as it is downloaded   {len(packed.getvalue()) / 1e6:6.2f} MB")


def _from_main(folder: Path, installer: str) -> None:
    environment = _environment(folder, WITH_UV if installer == "uv" else WITHOUT_UV)
    temp, target = folder / "temp", folder / "by-hand"
    where = ["--target", str(target), "-r", str(LOCK)]
    python = _python(folder)
    by_hand = {
        "pip": [python, *PIP, "install", "--no-compile", *SAME_FOR_BOTH, *where],
        "uv": [str(UV), *install.UV, "--python", python, *SAME_FOR_BOTH, *where],
    }[installer]

    def install_by_hand() -> None:
        shutil.rmtree(target, ignore_errors=True)
        process(by_hand, environment=environment, folder=folder)

    def start() -> None:
        shutil.rmtree(temp, ignore_errors=True)
        temp.mkdir()
        process(RUN, environment=environment, folder=folder)

    times = best({"by hand": install_by_hand, "start": start}, times=5)
    hand, started = times.values()
    print(f"{installer} install by hand                {hand * 1000:6.0f} ms")
    print(f"setup-flags, from main with {installer:<4}   {started * 1000:6.0f} ms   {started / hand:.2f} x by hand")


if __name__ == "__main__":
    main()
