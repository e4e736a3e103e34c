"""Trying again, a bounded number of times: exponential back-off with full jitter, and what GitHub itself asks for.

Why full jitter: of many runs that failed together, none waits for the same time as another (AWS Architecture Blog,
"Exponential Backoff And Jitter").
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from actions.errors import BaseMovedError, ChecksPendingError, RateLimitedError, UnavailableError
from actions.runner.log import say

if TYPE_CHECKING:
    from collections.abc import Callable

    from actions.runner.clock import Clock

    Result = TypeVar("Result")

MOST_TIMES_MOVED = 40
MOST_TIMES_UNAVAILABLE = 6
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 20.0


def retry(attempt: Callable[[], Result], *, timeout: float, clock: Clock) -> Result:
    """Return what *attempt* returns, calling it again where others were faster, GitHub failed or checks are running.

    An attempt must look for what an earlier one did before it does it again. Raises the last error when there were
    too many in a row, or when a pause would end after *timeout* seconds.
    """
    deadline = clock.now() + timeout
    moved = unavailable = waited = limited = 0
    while True:
        try:
            return attempt()
        except RateLimitedError as error:
            limited += 1
            pause = max(error.wait, FIRST_PAUSE * 2**limited)  # a server that says "now" is not asked ever faster
            _require_time(error, clock.now() + pause - deadline, clock)
            say(f"{error}; waiting {pause:.0f} s")
            clock.sleep(pause)
        except ChecksPendingError as error:
            waited += 1
            if clock.now() >= deadline:
                raise
            say(f"{error}; waiting")
            clock.sleep(min(FIRST_PAUSE * 2**waited, LONGEST_PAUSE))
        except BaseMovedError as error:
            moved += 1
            if moved == MOST_TIMES_MOVED or clock.now() >= deadline:
                raise
            _pause(error, moved, clock)
        except UnavailableError as error:
            unavailable += 1
            if unavailable == MOST_TIMES_UNAVAILABLE or clock.now() >= deadline:
                raise
            _pause(error, unavailable, clock)


def _require_time(error: RateLimitedError, too_late_by: float, clock: Clock) -> None:
    """Raise *error*, saying until when it would be to wait, unless there is time for it."""
    if too_late_by > 0:
        until = datetime.fromtimestamp(clock.wall(), UTC) + timedelta(seconds=error.wait)
        raise RateLimitedError(
            f"{error}, until {until:%Y-%m-%d %H:%M:%S} UTC, longer than the timeout", wait=error.wait
        )


def _pause(error: Exception, times: int, clock: Clock) -> None:
    pause = random.uniform(0, min(LONGEST_PAUSE, FIRST_PAUSE * 2**times))  # noqa: S311 - it spreads, it hides nothing
    say(f"{error}; trying again in {pause:.1f} s")
    clock.sleep(pause)
