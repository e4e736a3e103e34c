"""Measure requests and time of the evidence of 100 and of 1,000 changes, and of an export with one more change.

The minimum for comparison is one request per change and nothing else. Run it with `make bench-evidence`.
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
    """Print the measurements."""
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
    inputs = {
        "INPUT_ENV": "prod", "INPUT_MODE": "export", "INPUT_ENVS_DIR": "envs", "INPUT_OUTPUT_DIR": "evidence",
        "INPUT_APP_REPO": "your-org/app", "INPUT_FAIL_ON_EXCEPTIONS": "false", "INPUT_TIMEOUT": "600",
        "INPUT_TOKEN": delivery.world.tokens["olivia"], "GITHUB_REPOSITORY": "your-org/infra",
        "GITHUB_WORKSPACE": str(folder), "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    sandbox.exchanges.clear()
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        env={**os.environ, **sandbox.environment(), **inputs},
        check=True,
        capture_output=True,
        text=True,
    )
    seconds = time.perf_counter() - started
    last_line = done.stdout.splitlines()[-1]
    print(f"{name:<18} {len(sandbox.exchanges):5} requests  {seconds:6.1f} s   {last_line}", flush=True)


def _one_by_one(delivery: Delivery) -> None:
    """Request every commit once, and nothing else, as the simplest script would."""
    git, person = delivery.world.infra.git, Person(delivery.sandbox, "olivia", delivery.world.tokens["olivia"])
    shas = git.history(git.head("main") or "", "envs/prod.json")
    started = time.perf_counter()
    for sha in shas:
        person.api("GET", f"/repos/your-org/infra/commits/{sha}")
    print(f"{'commits only':<18} {len(shas):5} requests  {time.perf_counter() - started:6.1f} s", flush=True)


if __name__ == "__main__":
    main()
