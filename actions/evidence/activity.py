"""Read the branch activity of a repository, no further back than it is needed."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from actions.evidence.timestamps import utc_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from actions.api.client import Client

PER_PAGE = 100
PERMISSION = "contents: read"


@dataclass(frozen=True)
class Activity:
    """GitHub's branch activity of a repository, newest first; GitHub keeps one year. What was read is kept."""

    client: Client
    read: list[Mapping[str, Any]] = field(default_factory=list)

    def since(self, moment: str) -> Iterator[Mapping[str, Any]]:
        """Yield the updates, newest first, to the end of the page that goes back to *moment*."""
        number = 0
        while True:
            yield from self.read[number:]
            number = len(self.read)
            if (self.read and utc_text(self.read[-1]["timestamp"]) < moment) or not self._read_on():
                return

    def until(self, is_last: Callable[[Mapping[str, Any]], bool]) -> list[Mapping[str, Any]]:
        """Return the updates, newest first, to the end of the page that has one of which *is_last* is true."""
        while not any(map(is_last, self.read)) and self._read_on():
            pass
        return [*self.read]

    def _read_on(self) -> bool:
        """Read the next page; return False if there is none."""
        page = next(self._pages, None)
        self.read.extend(page or ())
        return page is not None

    @cached_property
    def _pages(self) -> Iterator[Any]:
        return self.client.pages(f"/activity?per_page={PER_PAGE}&time_period=year", permission=PERMISSION)
