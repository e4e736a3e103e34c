"""The rows that the benchmarks measure, as they print them and as the README shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured, how it went *here*, and what that is to be compared with, measured in turn with it."""

    name: str
    here: str
    beside: str = ""


def show(rows: Iterable[Row], names: Iterable[str]) -> list[Row]:
    """Print *rows* as they come, and return them; a benchmark has exactly the rows of these *names*, in this order."""
    shown = list(_shown(rows))
    assert [row.name for row in shown] == list(names)
    return shown


def _shown(rows: Iterable[Row]) -> Iterator[Row]:
    for row in rows:
        print(f"{row.name:<62} {row.here:<28} {row.beside}", flush=True)
        yield row


def markdown(rows: Iterable[Row]) -> str:
    """Return *rows* as a table."""
    head = "| what | here | for comparison |\n|---|---|---|\n"
    return head + "".join(f"| {row.name} | {row.here} | {row.beside} |\n" for row in rows)


def distance(delay: float) -> str:
    """Return how far away the server is whose answers take *delay* seconds more."""
    return f"{delay * 1000:.0f} ms per round trip" if delay else "no delay"


def seconds(value: float) -> str:
    """Return a time with two digits that mean something."""
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"
