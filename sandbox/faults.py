"""What goes wrong between a client and GitHub, on demand.

A fault happens at one API call, counted from 0 since the plan was made: before GitHub does what it is asked to, or
after.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """An answer in place of GitHub's own: a status, or (status 0) a connection that is dropped without one.

    With *after*, GitHub has done what it was asked to, and only the answer is lost. *meanwhile* happens at that moment
    too, whatever it is: another writer, a clock. With *silent* nothing is lost, and only *meanwhile* happens. An answer
    comes *delay* seconds late.
    """

    status: int = 0
    body: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    after: bool = False
    delay: float = 0
    silent: bool = False
    meanwhile: Callable[[], object] = lambda: None


@dataclass(slots=True)
class Faults:
    """The faults to come, by the number of the call that they happen at."""

    planned: dict[int, Fault] = field(default_factory=dict)
    calls: int = 0

    def plan(self, faults: Mapping[int, Fault]) -> None:
        """Plan *faults*, and count calls from here."""
        self.planned = dict(faults)
        self.calls = 0

    def next(self) -> Fault | None:
        """Return the fault of the call that begins now, if it has one."""
        fault = self.planned.pop(self.calls, None)
        self.calls += 1
        return fault


class Turns:
    """An order in which several clients, known by their tokens, make their calls: one at a time, each when it is due.

    A client that is done gives up its turns; who has none left calls when it likes.
    """

    def __init__(self, order: Sequence[str]) -> None:
        self._order = list(order)
        self._changed = threading.Condition()

    def wait(self, client: str) -> None:
        """Return when it is the turn of *client*, and take that turn."""
        with self._changed:
            self._changed.wait_for(lambda: client not in self._order or self._order[0] == client)
            if self._order and self._order[0] == client:
                self._order.pop(0)
            self._changed.notify_all()

    def give_up(self, client: str) -> None:
        """Take *client* out of the order."""
        with self._changed:
            self._order = [other for other in self._order if other != client]
            self._changed.notify_all()
