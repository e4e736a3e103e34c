"""How long an action takes to start: cold (the dependencies are installed) and warm (they are there).

Beside a bare interpreter, and beside the install command typed by hand. `make bench` prints it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from actions.install import PIP, SAME_FOR_BOTH
from bench.timing import best, process

ROOT = Path(__file__).parent.parent
RUN = ["bash", str(ROOT / "actions" / "run.sh"), str(ROOT / "action-setup-flags" / "setup_flags.py")]
LOCK = ROOT / "actions" / "requirements.lock"
UV = Path(sys.executable).with_name("uv")
WITHOUT_UV = {"PATH": os.pathsep.join(p for p in os.environ["PATH"].split(os.pathsep) if not (Path(p) / "uv").exists())}
WITH_UV = {"PATH": f"{UV.parent}{os.pathsep}{os.environ['PATH']}"}


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        _warm(Path(folder))
        for installer in ("pip", "uv"):
            _cold(Path(folder), installer)


def _environment(folder: Path, path: dict[str, str]) -> dict[str, str]:
    return {
        **os.environ,
        **path,
        "RUNNER_TOOL_CACHE": str(folder / "tool-cache"),
        "INPUT_MAIN_BRANCH": "main",
        "INPUT_HOTFIX_PREFIX": "hotfixes/",
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_REF": "refs/heads/main",
    }


def _python(folder: Path) -> str:
    """Return the interpreter that the launcher chooses."""
    code = "import sys; print(sys._base_executable)"
    asked = subprocess.run(["python3", "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    return asked.stdout.strip()


def _warm(folder: Path) -> None:
    environment = _environment(folder, WITHOUT_UV)
    process(RUN, environment=environment, folder=folder)
    python = _python(folder)
    times = best(
        {
            "python3 -c pass": lambda: process([python, "-c", "pass"], environment=environment, folder=folder),
            "setup-flags, warm": lambda: process(RUN, environment=environment, folder=folder),
        },
        times=20,
    )
    bare, warm = times.values()
    beside = f"{(warm - bare) * 1000:+.0f} ms, {warm / bare:.1f} x bare"
    print(f"python3 -c pass                    {bare * 1000:6.0f} ms")
    print(f"setup-flags, warm                  {warm * 1000:6.0f} ms   {beside}")


def _cold(folder: Path, installer: str) -> None:
    environment = _environment(folder, WITH_UV if installer == "uv" else WITHOUT_UV)
    target = folder / "by-hand"
    where = ["--target", str(target), "-r", str(LOCK)]
    python = _python(folder)
    by_hand = {
        "pip": [python, *PIP, "install", "--no-compile", *SAME_FOR_BOTH, *where],
        "uv": [str(UV), "pip", "install", "--no-config", "--python", python, *SAME_FOR_BOTH, *where],
    }[installer]

    def install_by_hand() -> None:
        shutil.rmtree(target, ignore_errors=True)
        process(by_hand, environment=environment, folder=folder)

    def cold_start() -> None:
        shutil.rmtree(folder / "tool-cache", ignore_errors=True)
        process(RUN, environment=environment, folder=folder)

    times = best({"by hand": install_by_hand, "cold": cold_start}, times=5)
    hand, cold = times.values()
    print(f"{installer} install by hand                {hand * 1000:6.0f} ms")
    print(f"setup-flags, cold with {installer:<4}        {cold * 1000:6.0f} ms   {cold / hand:.2f} x by hand")


if __name__ == "__main__":
    main()
