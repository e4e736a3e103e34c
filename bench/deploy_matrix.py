"""Measure deploy-matrix of a release on 1,000 env files of 10 services, and compare it with parsing the files once.

Run it with `make bench`.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench.released import make_release, run_action, without_libyaml
from bench.timing import best, process

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ENVIRONMENTS, SERVICES = 1000, 10
READ_ALL = "import glob, json; [json.load(open(path)) for path in glob.glob('envs/*.json')]"
FORMATS: dict[str, Callable[[dict[str, dict[str, str]]], str]] = {
    "json": json.dumps,
    "yaml": lambda tree: "".join(f"{name}:\n  tag: {settings['tag']}\n" for name, settings in tree.items()),
    "toml": lambda tree: "".join(f"[{name}]\ntag = '{settings['tag']}'\n" for name, settings in tree.items()),
}


def main() -> None:
    """Print the measurements for every format."""
    with tempfile.TemporaryDirectory() as folder:
        make_release(Path(folder, "release"))
        run = run_action(Path(folder, "release"), "deploy-matrix")
        for kind in FORMATS:
            _measure(Path(folder, kind), kind, run)
        without_libyaml(Path(folder, "release"))
        print("without libyaml: ", end="")
        _measure(Path(folder, "pure"), "yaml", run)


def _measure(folder: Path, kind: str, run: Sequence[str]) -> None:
    identity = ("-c", "user.name=bench", "-c", "user.email=bench@example.com")
    environment: dict[str, str] = {**os.environ}
    folder.mkdir()
    process(["git", "init", "-q"], environment=environment, folder=folder)
    for number in (1, 2):
        _write(folder, kind, number)
        process(["git", "add", "."], environment=environment, folder=folder)
        process(["git", *identity, "commit", "-q", "-m", str(number)], environment=environment, folder=folder)
    environment |= _inputs(folder)
    process(run, environment=environment, folder=folder)
    runs = {"deploy-matrix": lambda: process(run, environment=environment, folder=folder)}
    if kind == "json":
        read = [sys.executable, "-c", READ_ALL]
        runs |= {"bare reading": lambda: process(read, environment=environment, folder=folder)}
    times = best(runs, times=5)
    seconds = times["deploy-matrix"]
    ratio = f"   {seconds / times['bare reading']:.1f} x json.load of them all" if len(times) > 1 else ""
    print(f"deploy-matrix, {ENVIRONMENTS} x {SERVICES}, all of {kind} changed  {seconds * 1000:6.0f} ms{ratio}")


def _write(folder: Path, kind: str, number: int) -> None:
    (folder / "envs").mkdir(exist_ok=True)
    for env in range(ENVIRONMENTS):
        tree = {f"service-{n}": {"tag": f"{env * 100 + n * 10 + number:040x}"} for n in range(SERVICES)}
        (folder / "envs" / f"env-{env}.{kind}").write_text(FORMATS[kind](tree))


def _inputs(folder: Path) -> dict[str, str]:
    event = folder / ".git" / "event.json"
    head = (folder / ".git" / "logs" / "HEAD").read_text().split()
    event.write_text(json.dumps({"before": head[1]}))
    return {
        "GITHUB_EVENT_PATH": str(event),
        "INPUT_ENVS_DIR": "envs",
        "INPUT_PER": "env",
        "INPUT_ONLY_CHANGED": "true",
        "INPUT_SINCE": "before",
        "INPUT_ENFORCE_GATES": "false",
        "INPUT_RECORD": "false",
    }


if __name__ == "__main__":
    main()
