"""Run the benchmarks, and write the README's tables of figures from what they measure: `make bench-readme`."""

from __future__ import annotations

import os
import platform
import re
import sys
from pathlib import Path

from bench import contention, cost, deploy_matrix, evidence, infra_pr, startup
from bench.table import markdown

README = Path(__file__).parent.parent / "README.md"
BENCHMARKS = (startup, deploy_matrix, infra_pr, contention, evidence)
TIMES, COSTS = "times", "costs"


def main() -> None:
    """Measure, and write the README."""
    rows = [row for benchmark in BENCHMARKS for row in benchmark.main()]
    text = README.read_text(encoding="utf-8")
    text = with_part(text, TIMES, f"{machine()}\n\n{markdown(rows)}")
    README.write_text(with_part(text, COSTS, cost.table(cost.main())), encoding="utf-8")


def machine() -> str:
    """Return on which machine this is measured."""
    cores, python = len(os.sched_getaffinity(0)), ".".join(map(str, sys.version_info[:3]))
    load = os.getloadavg()[0]
    busy = f"; others used it too (load {load:.0f})" if load > cores / 2 else ""
    return f"Measured with Python {python} on {cores} cores of {platform.machine()}, {platform.system()}{busy}."


def part(text: str, name: str) -> str:
    """Return the part *name* of *text*, which comments enclose."""
    found = re.search(rf"(?s)<!-- bench: {name} -->\n(.*?)\n*<!-- bench: end -->", text)
    assert found, f"README.md has no part '{name}'"
    return found[1]


def with_part(text: str, name: str, content: str) -> str:
    """Return *text* with *content* as its part *name*."""
    part(text, name)
    new = f"<!-- bench: {name} -->\n{content.rstrip()}\n<!-- bench: end -->"
    return re.sub(rf"(?s)<!-- bench: {name} -->\n.*?<!-- bench: end -->", lambda _: new, text)


if __name__ == "__main__":
    main()
