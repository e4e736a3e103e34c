"""32 runs at once, 8 services, tags out of order, one env file: do all end well, and what does it cost?

DeployedDiff it the script of the article under the same load: how many of its runs fail, and how many updates are lost.
`make bench-contention` prints it.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from bench.article import open_infra_pr
from sandbox.server import Sandbox
from sandbox.world import BOT, World, build, release, without_gates
from tests.support import declaration

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parent.parent
RUNS, SERVICES = 32, 8
CODE = "from actions.open_infra_pr import main; raise SystemExit(main())"


def main() -> None:
    """Measure and print."""
    for name, start in (("open-infra-pr", start_action), ("the article's script", start_script)):
        with Sandbox.start() as sandbox, tempfile.TemporaryDirectory() as folder:
            measure(name, sandbox, Path(folder), start)


def measure(name: str, sandbox: Sandbox, folder: Path, start: Callable[..., subprocess.Popen[bytes]]) -> None:
    """Run them all at once and print how they ended."""
    world = without_gates(build(sandbox))
    world.infra.rulesets.clear()
    write(sandbox, world, {f"service-{n}": "1.0.0" for n in range(SERVICES)})
    release(world, "1.0.0", *(f"1.{n}.0" for n in range(1, RUNS // SERVICES + 1)))
    wishes = [(f"service-{n % SERVICES}", f"1.{n // SERVICES + 1}.0") for n in range(RUNS)]
    random.Random(7).shuffle(wishes)
    started = time.perf_counter()
    processes = [start(sandbox, world, folder / str(n), *wish) for n, wish in enumerate(wishes)]
    codes = Counter(process.wait() for process in processes)
    took = time.perf_counter() - started
    newest = {service: max(tag for other, tag in wishes if other == service) for service, _ in wishes}
    lost = sum(newest[service] != tag for service, tag in tags(world).items())
    asked = len(sandbox.exchanges)
    again = sum(log.read_text().count("trying again") for log in folder.glob("*/log"))
    print(
        f"{name:<22} {RUNS - codes[0]:3} of {RUNS} runs failed  {lost} of {SERVICES} services not at their newest tag"
        f"  {1 + again / RUNS:4.1f} attempts and {asked / RUNS:4.1f} requests per run  {took:5.1f} s"
    )


def start_action(sandbox: Sandbox, world: World, folder: Path, service: str, tag: str) -> subprocess.Popen[bytes]:
    """Start a run of our action."""
    folder.mkdir()
    inputs = {name: str(d.get("default", "")) for name, d in declaration("action-open-infra-pr")["inputs"].items()}
    inputs |= {"env": "dev", "service": service, "tag": tag, "infra-repo": "your-org/infra", "merge": "direct"}
    inputs |= {"token": world.tokens[BOT]}
    environment = {f"INPUT_{name.upper().replace('-', '_')}": value for name, value in inputs.items()}
    environment |= sandbox.environment() | {"GITHUB_REPOSITORY": "your-org/app", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", CODE],
        env={**os.environ, **environment},
        cwd=folder,
        stdout=(folder / "log").open("wb"),
        stderr=subprocess.DEVNULL,
    )


def start_script(sandbox: Sandbox, world: World, folder: Path, service: str, tag: str) -> subprocess.Popen[bytes]:
    """Start a run of the article's script."""
    folder.mkdir()
    return open_infra_pr(sandbox, world.tokens[BOT], folder, service=service, tag=tag)


def write(sandbox: Sandbox, world: World, wanted: dict[str, str]) -> None:
    """Put *wanted* into dev's env file."""
    text = json.dumps({service: {"tag": tag} for service, tag in wanted.items()}, indent=2) + "\n"
    git, author = world.infra.git, sandbox.state.users["olivia"].person
    files = {"envs/dev.json": text.encode()}
    sha = git.commit(parents=[git.head("main") or ""], message="x", author=author, files=dict(files))
    git.set_ref("refs/heads/main", sha)


def tags(world: World) -> dict[str, str]:
    """Return what dev holds."""
    found = world.infra.git.file(world.infra.git.head("main") or "", "envs/dev.json")
    return {service: part["tag"] for service, part in json.loads(found[1] if found else b"{}").items()}


if __name__ == "__main__":
    main()
