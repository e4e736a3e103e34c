"""Ask many things at once, within what GitHub advises."""

from __future__ import annotations

import threading
from collections import deque
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

        Raises the error of the first item that has one; after an error, nothing more is asked. The threads do not keep
        a process alive whose time is over.
        """
        waiting = deque(enumerate(items))
        results: dict[int, Result] = {}
        errors: dict[int, BaseException] = {}

        def work() -> None:
            while not errors:
                try:
                    number, item = waiting.popleft()
                except IndexError:
                    return
                try:
                    self._wait()
                    results[number] = ask(item)
                except BaseException as error:  # noqa: BLE001 - it is raised where the answers are waited for
                    errors[number] = error

        threads = [threading.Thread(target=work, daemon=True) for _ in range(min(MOST_AT_ONCE, len(waiting)))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[min(errors)]
        return [results[number] for number in sorted(results)]

    def _wait(self) -> None:
        """Wait until a request more is within the limit; the others wait too."""
        with self._lock:
            if len(self._sent) >= POINTS_A_MINUTE:
                begin = self._sent.popleft() + MINUTE
                self.clock.sleep(max(0.0, begin - self.clock.now()))
            self._sent.append(self.clock.now())
