"""Ask many things at once, within what GitHub advises."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from actions.runner.clock import Clock

    Item = TypeVar("Item")
    Result = TypeVar("Result")

# GitHub allows 100 at once and 900 points a minute, of which a GET takes one; other runs and the rest of this one share
# both (docs.github.com, "Rate limits for the REST API").
MOST_AT_ONCE = 8
POINTS_A_MINUTE = 800
MINUTE = 60.0


@dataclass(frozen=True)
class AtOnce:
    """Sends GETs, a few at once, and no more in a minute than GitHub allows."""

    clock: Clock
    _sent: deque[float] = field(default_factory=deque, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def ask(self, ask: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """Return what *ask*, one GET, returns for each of *items*, in their order.

        Raises the error of the first item that has one; no further item is asked then.
        """
        with ThreadPoolExecutor(MOST_AT_ONCE) as pool:
            asked = [pool.submit(self._ask, ask, item) for item in items]
            try:
                return [each.result() for each in asked]
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def _ask(self, ask: Callable[[Item], Result], item: Item) -> Result:
        self._wait()
        return ask(item)

    def _wait(self) -> None:
        """Wait until a request more is within the limit; the others wait too."""
        with self._lock:
            if len(self._sent) >= POINTS_A_MINUTE:
                begin = self._sent.popleft() + MINUTE
                self.clock.sleep(max(0.0, begin - self.clock.now()))
            self._sent.append(self.clock.now())
