"""Iterate over what is expensive to read, more than once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

Item = TypeVar("Item")


class Replay(Generic[Item]):
    """Keep the items of an iterator: each is read once, when it is first asked for."""

    def __init__(self, source: Iterator[Item]) -> None:
        self._source = source
        self._known: list[Item] = []

    def __iter__(self) -> Iterator[Item]:
        """Yield the items from the first on."""
        position = 0
        while True:
            if position == len(self._known):
                for item in self._source:
                    self._known.append(item)
                    break
                else:
                    return
            yield self._known[position]
            position += 1
