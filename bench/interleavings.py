"""Play thousands of interleavings of the calls of two runs; the tests play about a hundred.

`make bench-interleavings` plays 1,000 for every pair of runs, and stops at the first that loses a change, makes one
twice, or moves an environment backwards.
"""

from __future__ import annotations

import contextlib
import io
import random
import sys

import pytest

from tests.sandbox.interleavings import CALLS, PAIRS, play


def main() -> None:
    """Play the interleavings and print the results."""
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    for name, writers in PAIRS.items():
        source = random.Random(name)
        for _ in range(times):
            order = [0] * CALLS + [1] * CALLS
            source.shuffle(order)
            with pytest.MonkeyPatch.context() as patched, contextlib.redirect_stdout(io.StringIO()):
                play(patched, writers, order)
        print(f"{name}: {times} orders, nothing lost, nothing backwards, nothing twice", flush=True)


if __name__ == "__main__":
    main()
