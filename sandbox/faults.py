"""What goes wrong between a client and GitHub, on demand.

A fault happens at one API call, counted from 0 since the plan was made: before GitHub does what it is asked to, or
after.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """An answer in place of GitHub's own: a status, or (status 0) a connection that is dropped without one.

    With *after*, GitHub has done what it was asked to, and only the answer is lost. *meanwhile* happens at that moment
    too, whatever it is: another writer, a clock. With *silent* nothing is lost, and only *meanwhile* happens.
    """

    status: int = 0
    body: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    after: bool = False
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
