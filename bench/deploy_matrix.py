"""Measure the first use of deploy-matrix on 1,000 env files of 10 services, and compare it with parsing them once.

Run it with `make bench`.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench.released import make_release, run_action, without_libyaml
from bench.table import Row, seconds, show
from bench.timing import best, process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ENVIRONMENTS, SERVICES = 1000, 10
READ_ALL = "import glob, json; [json.load(open(path)) for path in glob.glob('envs/*.json')]"
FORMATS: dict[str, Callable[[dict[str, dict[str, str]]], str]] = {
    "json": json.dumps,
    "yaml": lambda tree: "".join(f"{name}:\n  tag: {settings['tag']}\n" for name, settings in tree.items()),
    "toml": lambda tree: "".join(f"[{name}]\ntag = '{settings['tag']}'\n" for name, settings in tree.items()),
}


def name_of(kind: str) -> str:
    """Return what is measured, in words."""
    return f"deploy-matrix, {ENVIRONMENTS:,} {kind} files of {SERVICES} services, all changed"


WITHOUT_LIBYAML = f"{name_of('yaml')}, without libyaml"
ROWS = (*map(name_of, FORMATS), WITHOUT_LIBYAML)


def rows() -> Iterator[Row]:
    """Yield the measurements for every format."""
    with tempfile.TemporaryDirectory() as folder:
        release = Path(folder, "release")
        make_release(release)
        for kind in FORMATS:
            yield _measure(name_of(kind), Path(folder, kind), kind, release)
        without_libyaml(release)
        yield _measure(WITHOUT_LIBYAML, Path(folder, "pure"), "yaml", release)


def _measure(name: str, folder: Path, kind: str, release: Path) -> Row:
    identity = ("-c", "user.name=bench", "-c", "user.email=bench@example.com")
    environment: dict[str, str] = {**os.environ}
    folder.mkdir()
    process(["git", "init", "-q"], environment=environment, folder=folder)
    for number in (1, 2):
        _write(folder, kind, number)
        process(["git", "add", "."], environment=environment, folder=folder)
        process(["git", *identity, "commit", "-q", "-m", str(number)], environment=environment, folder=folder)
    environment |= _inputs(folder)
    fresh = folder / ".git" / "release"
    run, read = run_action(fresh, "deploy-matrix"), [sys.executable, "-c", READ_ALL]

    def renew() -> None:
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(release, fresh)

    runs: dict[str, Callable[[], None]] = {
        "renew": renew,
        "deploy-matrix": lambda: process(run, environment=environment, folder=folder),
    }
    if kind == "json":
        runs |= {"bare reading": lambda: process(read, environment=environment, folder=folder)}
    times = best(runs, times=5)
    beside = f"reading them with `json.load` {seconds(times['bare reading'])}" if kind == "json" else ""
    return Row(name, seconds(times["deploy-matrix"]), beside)


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
        "INPUT_SHOW_STATUS": "false",
    }


def main() -> list[Row]:
    """Print the measurements, and return them."""
    return show(rows(), ROWS)


if __name__ == "__main__":
    main()
