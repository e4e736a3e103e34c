"""What it costs to export the evidence of 100 and of 1,000 changes: requests, time, and an export of one change more.

Beside the least that anybody could do: to ask for each change and nothing else, one request each. `make bench-evidence`
prints it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sandbox.client import Person
from sandbox.delivery import Delivery
from sandbox.server import Sandbox
from sandbox.world import build, without_gates

ROOT = Path(__file__).parent.parent
CODE = "from actions.export_evidence import main; raise SystemExit(main())"


def main() -> None:
    """Measure and print."""
    for changes in (100, 1_000):
        with Sandbox.start() as sandbox, tempfile.TemporaryDirectory() as folder:
            delivery = Delivery(sandbox, without_gates(build(sandbox)))
            for _ in range(changes):
                delivery.bump(delivery.release())
            _measure(f"{changes:,} changes", delivery, Path(folder))
            delivery.bump(delivery.release())
            _measure("one change more", delivery, Path(folder))
            _one_by_one(delivery)


def _measure(name: str, delivery: Delivery, folder: Path) -> None:
    sandbox = delivery.sandbox
    given = {
        "INPUT_ENV": "prod", "INPUT_MODE": "export", "INPUT_ENVS_DIR": "envs", "INPUT_OUTPUT_DIR": "evidence",
        "INPUT_APP_REPO": "your-org/app", "INPUT_FAIL_ON_EXCEPTIONS": "false", "INPUT_TIMEOUT": "600",
        "INPUT_TOKEN": delivery.world.tokens["olivia"], "GITHUB_REPOSITORY": "your-org/infra",
        "GITHUB_WORKSPACE": str(folder), "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    sandbox.exchanges.clear()
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        env={**os.environ, **sandbox.environment(), **given},
        check=True,
        capture_output=True,
        text=True,
    )
    took = time.perf_counter() - started
    print(f"{name:<18} {len(sandbox.exchanges):5} requests  {took:6.1f} s   {done.stdout.splitlines()[-1]}", flush=True)


def _one_by_one(delivery: Delivery) -> None:
    """Ask for each commit and for nothing of what is behind it, one request each, as a script would begin to."""
    git, person = delivery.world.infra.git, Person(delivery.sandbox, "olivia", delivery.world.tokens["olivia"])
    shas = git.history(git.head("main") or "", "envs/prod.json")
    started = time.perf_counter()
    for sha in shas:
        person.api("GET", f"/repos/your-org/infra/commits/{sha}")
    print(f"{'commits only':<18} {len(shas):5} requests  {time.perf_counter() - started:6.1f} s", flush=True)


if __name__ == "__main__":
    main()
