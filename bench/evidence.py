"""Measure requests and time of the evidence of 100 changes, and of an export with one more change.

Every round trip is delayed by 0 and 100 ms. The minimum for comparison is one request per change and nothing else. Run
it with `make bench-evidence`, which measures 1,000 changes too.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.released import make_release, run_action
from bench.table import Row, distance, seconds, show
from bench.timing import process
from sandbox import descriptions
from sandbox.client import Person
from sandbox.delivery import Delivery
from sandbox.server import Sandbox
from sandbox.world import build, without_gates

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CHANGES, DELAYS = (100,), (0.0, 0.1)


def names(numbers: Sequence[int]) -> tuple[str, ...]:
    """Return what is measured of exports of so many changes, in words."""
    return tuple(
        f"export-evidence, {what}, {distance(delay)}"
        for changes in numbers
        for what in (f"{changes:,} changes", f"one change more than {changes:,}")
        for delay in DELAYS
    )


ROWS = names(CHANGES)


def rows(numbers: Sequence[int] = CHANGES) -> Iterator[Row]:
    """Yield the measurements of exports of so many changes, each from a first use of the release."""
    descriptions.rest(), descriptions.graphql_schema()  # load them before the first measurement
    with tempfile.TemporaryDirectory() as folder:
        release = Path(folder, "release")
        make_release(release)
        for changes in numbers:
            with Sandbox.start() as sandbox:
                delivery = Delivery(sandbox, without_gates(build(sandbox)))
                for _ in range(changes):
                    delivery.bump(delivery.release())
                workspaces = {delay: Path(folder, f"{changes}-{delay}") for delay in DELAYS}
                measured = iter(names([changes]))
                for sandbox.delay, workspace in workspaces.items():
                    workspace.mkdir()
                    here = _measure(release, delivery, workspace)
                    yield Row(next(measured), here, f"asking for the commits alone: {_one_by_one(delivery)}")
                delivery.bump(delivery.release())
                for sandbox.delay, workspace in workspaces.items():
                    yield Row(next(measured), _measure(release, delivery, workspace))


def _measure(release: Path, delivery: Delivery, workspace: Path) -> str:
    """Return how many requests an export makes, and how long it takes."""
    sandbox = delivery.sandbox
    inputs = {
        "INPUT_ENV": "prod", "INPUT_MODE": "export", "INPUT_ENVS_DIR": "envs", "INPUT_OUTPUT_DIR": "evidence",
        "INPUT_APP_REPO": "your-org/app", "INPUT_FAIL_ON_EXCEPTIONS": "false", "INPUT_TIMEOUT": "600",
        "INPUT_TOKEN": delivery.world.tokens["olivia"], "GITHUB_REPOSITORY": "your-org/infra",
        "GITHUB_WORKSPACE": str(workspace),
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder, "release")
        shutil.copytree(release, fresh)
        sandbox.exchanges.clear()
        started = time.perf_counter()
        process(
            run_action(fresh, "export-evidence"),
            environment={**os.environ, **sandbox.environment(), **inputs},
            folder=workspace,
        )
        took = time.perf_counter() - started
    return f"{len(sandbox.exchanges):,} requests, {seconds(took)}"


def _one_by_one(delivery: Delivery) -> str:
    """Request every commit once, and nothing else, as the simplest script would."""
    git, person = delivery.world.infra.git, Person(delivery.sandbox, "olivia", delivery.world.tokens["olivia"])
    shas = git.history(git.head("main") or "", "envs/prod.json")
    started = time.perf_counter()
    for sha in shas:
        person.api("GET", f"/repos/your-org/infra/commits/{sha}")
    return f"{len(shas):,} requests, {seconds(time.perf_counter() - started)}"


def main(numbers: Sequence[int] = CHANGES) -> list[Row]:
    """Print the measurements, and return them."""
    return show(rows(numbers), names(numbers))


if __name__ == "__main__":
    main([int(number) for number in sys.argv[1:]] or CHANGES)
