"""Iterate more than once over items that are expensive to read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

Item = TypeVar("Item")


class Replay(Generic[Item]):
    """Cache the items of an iterator, reading each only when it is first needed."""

    def __init__(self, source: Iterator[Item]) -> None:
        self._source = source
        self._known: list[Item] = []

    def __iter__(self) -> Iterator[Item]:
        """Yield all items from the first one on."""
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
