"""What is tried again, how often, and for how long."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from actions.api.retry import retry
from actions.errors import (
    ActionError,
    BaseMovedError,
    ChecksPendingError,
    ConflictError,
    RateLimitedError,
    UnavailableError,
)
from actions.runner.clock import Clock


class Attempts:
    """An attempt that fails so many times, on a clock that runs only while it is slept, and *takes* its time."""

    def __init__(self, error: ActionError, *, fails: int, takes: float = 0) -> None:
        self.error, self.fails, self.takes = error, fails, takes
        self.calls, self.time = 0, 0.0
        self.slept: list[float] = []

    @property
    def clock(self) -> Clock:
        return Clock(now=lambda: self.time, sleep=self._sleep, wall=lambda: 1_000_000_000.0)

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds

    def __call__(self) -> str:
        self.calls += 1
        self.time += self.takes
        if self.calls <= self.fails:
            raise self.error
        return "done"


ERRORS: dict[str, Callable[[], ActionError]] = {
    "the base moved": lambda: BaseMovedError("x"),
    "GitHub failed": lambda: UnavailableError("x"),
    "checks are running": lambda: ChecksPendingError("x"),
    "GitHub limits": lambda: RateLimitedError("x", wait=1),
}


@pytest.mark.parametrize("error", ERRORS)
def test_what_passes_is_tried_again(error: str) -> None:
    attempts = Attempts(ERRORS[error](), fails=2)

    assert retry(attempts, timeout=600, clock=attempts.clock) == "done"
    assert (attempts.calls, len(attempts.slept)) == (3, 2)


@pytest.mark.parametrize("error", ERRORS)
def test_nothing_is_tried_again_past_the_deadline(error: str) -> None:
    attempts = Attempts(ERRORS[error](), fails=100, takes=10)

    with pytest.raises(ActionError):
        retry(attempts, timeout=10, clock=attempts.clock)

    assert (attempts.calls, attempts.slept) == (1, [])


@pytest.mark.parametrize(("error", "times"), [("the base moved", 40), ("GitHub failed", 6)])
def test_it_is_given_up_after_so_many_times(error: str, times: int) -> None:
    attempts = Attempts(ERRORS[error](), fails=1000)

    with pytest.raises(ActionError):
        retry(attempts, timeout=1_000_000, clock=attempts.clock)

    assert attempts.calls == times
    assert max(attempts.slept) <= 20


@pytest.mark.parametrize("error", ["the base moved", "GitHub failed"])
def test_pauses_grow_from_one_second_at_most(error: str) -> None:
    """Twice as long each time, and within that at random."""
    runs = [Attempts(ERRORS[error](), fails=5) for _ in range(100)]
    for attempts in runs:
        retry(attempts, timeout=600, clock=attempts.clock)

    assert min(min(attempts.slept) for attempts in runs) < 1 / 2
    longest = [max(pauses) for pauses in zip(*(attempts.slept for attempts in runs), strict=True)]
    assert all(at_most / 2 < pause <= at_most for pause, at_most in zip(longest, [1, 2, 4, 8, 16], strict=True))


def test_checks_are_waited_for_as_long_as_there_is_time() -> None:
    attempts = Attempts(ChecksPendingError("x"), fails=1000)

    with pytest.raises(ChecksPendingError):
        retry(attempts, timeout=100, clock=attempts.clock)

    assert attempts.slept[:7] == [1, 2, 4, 8, 16, 20, 20]
    assert 100 <= attempts.time < 120


@pytest.mark.parametrize(("wait", "pauses"), [(30, [30, 30, 30]), (0, [1, 2, 4]), (3, [3, 3, 4])])
def test_a_limit_is_waited_out_and_a_server_that_says_now_is_asked_ever_slower(
    capsys: pytest.CaptureFixture[str], wait: float, pauses: list[float]
) -> None:
    attempts = Attempts(RateLimitedError("x", wait=wait), fails=3)

    assert retry(attempts, timeout=600, clock=attempts.clock) == "done"
    assert attempts.slept == pauses
    assert capsys.readouterr().out.splitlines() == [f"x; waiting {pause} s" for pause in pauses]


def test_a_pause_that_ends_with_the_timeout_is_made() -> None:
    attempts = Attempts(RateLimitedError("x", wait=60), fails=1)

    assert retry(attempts, timeout=60, clock=attempts.clock) == "done"


def test_a_pause_that_is_too_long_is_not_begun() -> None:
    attempts = Attempts(RateLimitedError("limited", wait=61), fails=1)

    with pytest.raises(RateLimitedError, match="limited, until 2001-09-09 01:47:41 UTC, longer than the timeout") as it:
        retry(attempts, timeout=60, clock=attempts.clock)

    assert it.value.wait == 61
    assert attempts.slept == []


def test_what_is_final_is_final_at_once() -> None:
    attempts = Attempts(ConflictError("x"), fails=1)

    with pytest.raises(ConflictError):
        retry(attempts, timeout=600, clock=attempts.clock)

    assert attempts.calls == 1
