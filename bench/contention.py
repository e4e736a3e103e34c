"""Start 32 runs at once for 8 services in one env file, with tags out of order; count failures and lost updates.

The article's script runs under the same load for comparison: how many of its runs fail, and how many updates are lost?
Run it with `make bench-contention`.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from bench.article import open_infra_pr
from bench.table import Row, show
from sandbox.server import Sandbox
from sandbox.world import BOT, World, build, release, without_gates
from tests.support import declaration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parent.parent
RUNS, SERVICES = 32, 8
CODE = "from actions.open_infra_pr import main; raise SystemExit(main())"


ROWS = (f"open-infra-pr, {RUNS} runs at once on one env file",)


def rows() -> Iterator[Row]:
    """Yield how the action did beside the script."""
    ours, theirs = (_measured(start) for start in (start_action, start_script))
    yield Row(ROWS[0], ours, f"the article's script: {theirs}")


def _measured(start: Callable[..., subprocess.Popen[bytes]]) -> str:
    with Sandbox.start() as sandbox, tempfile.TemporaryDirectory() as folder:
        return measure(sandbox, Path(folder), start)


def measure(sandbox: Sandbox, folder: Path, start: Callable[..., subprocess.Popen[bytes]]) -> str:
    """Start all runs at once and return how they ended."""
    world = without_gates(build(sandbox))
    world.infra.rulesets.clear()
    write(sandbox, world, {f"service-{n}": "1.0.0" for n in range(SERVICES)})
    release(world, "1.0.0", *(f"1.{n}.0" for n in range(1, RUNS // SERVICES + 1)))
    updates = [(f"service-{n % SERVICES}", f"1.{n // SERVICES + 1}.0") for n in range(RUNS)]
    random.Random(7).shuffle(updates)
    processes = [start(sandbox, world, folder / str(n), *update) for n, update in enumerate(updates)]
    codes = Counter(process.wait() for process in processes)
    newest = {service: max(tag for name_, tag in updates if name_ == service) for service, _ in updates}
    lost = sum(newest[service] != tag for service, tag in tags(world).items())
    return f"{RUNS - codes[0]} fail, {lost} of {SERVICES} updates lost"


def start_action(sandbox: Sandbox, world: World, folder: Path, service: str, tag: str) -> subprocess.Popen[bytes]:
    """Start a run of action-open-infra-pr."""
    folder.mkdir()
    environment = environment_of(sandbox, world, service, tag) | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", CODE],
        env={**os.environ, **environment},
        cwd=folder,
        stdout=(folder / "log").open("wb"),
        stderr=subprocess.DEVNULL,
    )


def environment_of(sandbox: Sandbox, world: World, service: str, tag: str) -> dict[str, str]:
    """Return the inputs of a run of action-open-infra-pr, and what the runner sets."""
    inputs = {name: str(d.get("default", "")) for name, d in declaration("action-open-infra-pr")["inputs"].items()}
    inputs |= {"env": "dev", "service": service, "tag": tag, "infra-repo": "your-org/infra", "merge": "direct"}
    inputs |= {"token": world.tokens[BOT]}
    environment = {f"INPUT_{name.upper().replace('-', '_')}": value for name, value in inputs.items()}
    return environment | sandbox.environment() | {"GITHUB_REPOSITORY": "your-org/app"}


def start_script(sandbox: Sandbox, world: World, folder: Path, service: str, tag: str) -> subprocess.Popen[bytes]:
    """Start a run of the article's script."""
    folder.mkdir()
    return open_infra_pr(sandbox, world.tokens[BOT], folder, service=service, tag=tag)


def write(sandbox: Sandbox, world: World, wanted: dict[str, str]) -> None:
    """Write the tags *wanted* to the env file of dev."""
    text = json.dumps({service: {"tag": tag} for service, tag in wanted.items()}, indent=2) + "\n"
    git, author = world.infra.git, sandbox.state.users["olivia"].person
    files = {"envs/dev.json": text.encode()}
    sha = git.commit(parents=[git.head("main") or ""], message="x", author=author, files=dict(files))
    git.set_ref("refs/heads/main", sha)


def tags(world: World) -> dict[str, str]:
    """Return the tags in the env file of dev."""
    file = world.infra.git.file(world.infra.git.head("main") or "", "envs/dev.json")
    return {service: part["tag"] for service, part in json.loads(file[1] if file else b"{}").items()}


def main() -> list[Row]:
    """Print the measurements, and return them."""
    return show(rows(), ROWS)


if __name__ == "__main__":
    main()
