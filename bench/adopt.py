"""Count the commands of setting up, and time what the machine does of it: write both repositories, first deployment.

Run it with `make demo-adopt`. The sandbox is in the place of GitHub: making the Apps takes a person a few minutes more.
"""

from __future__ import annotations

import contextlib
import io
import subprocess
import tempfile
import time
from pathlib import Path

from cli.main import main as command
from sandbox.client import Person
from sandbox.serve import read_pair
from sandbox.server import Sandbox
from sandbox.workflows import Workflows
from sandbox.world import as_documented, build, publish_actions

APP = "acme/shop"
NEW = ("new", "--org", "acme", "--app", "shop", "--yes")


def main() -> None:
    """Print the commands and the times."""
    with tempfile.TemporaryDirectory() as folder:
        root, started, printed = Path(folder), time.perf_counter(), io.StringIO()
        with contextlib.redirect_stdout(printed):
            command([*NEW, "--actions", "your-org/gitops-actions@v1", "--out", folder])
        written = time.perf_counter()
        for name in ("shop", "shop-infra"):
            _git(root / name, "add", ".")
            _git(root / name, "-c", "user.name=x", "-c", "user.email=x@example", "commit", "-qm", "Add the pipeline")
        seconds = _first_deployment(root)
    commands = [
        line for line in printed.getvalue().splitlines() if line.startswith("   ") and "https://" not in line[:12]
    ]
    links = [line for line in printed.getvalue().splitlines() if line.startswith("   https://")]
    print(f"make new, and {len(commands)} commands that it prints, and {len(links)} links for the Apps")
    print(f"{written - started:5.1f} s  both repositories are written")
    print(f"{seconds:5.1f} s  a merged change of the app is tested, published and deployed to dev, on the sandbox")


def _first_deployment(root: Path) -> float:
    with Sandbox.start() as sandbox:
        world = as_documented(build(sandbox, read_pair(root / "shop", root / "shop-infra")))
        actions = publish_actions(sandbox.state.folder / "actions")
        with Workflows(sandbox, actions=actions, logs=root) as workflows:
            alice, bob = (Person(sandbox, login, world.tokens[login]) for login in ("alice", "bob"))
            clone = alice.clone(APP, root / "clone")
            alice.push_change(clone, "first", {"projects/api/first.txt": "x"}, "First")
            number = alice.open_pull(APP, head="first", title="First")
            workflows.wait(running=0)
            started = time.perf_counter()
            bob.approve(APP, number)
            alice.merge(APP, number)
            workflows.wait(running=0)
            last = world.infra.deployments[-1]
            assert (last.environment, last.statuses[-1].state) == ("dev", "success")
            return time.perf_counter() - started


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True)


if __name__ == "__main__":
    main()
