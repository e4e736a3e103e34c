"""Tell the time and sleep; tests pass a faster clock."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, kw_only=True, slots=True)
class Clock:
    """Monotonic seconds (*now*), seconds since 1970 (*wall*), and ways to *sleep* and to *join* a thread for a time."""

    now: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    join: Callable[[Thread, float], None] = Thread.join

    def utc(self) -> datetime:
        """Return the current date and time in UTC."""
        return datetime.fromtimestamp(self.wall(), UTC)
