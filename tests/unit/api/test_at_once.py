"""Several requests at once: in order, no more than are allowed, and none after the first that failed."""

from __future__ import annotations

import threading

import pytest

from actions.api.at_once import MINUTE, MOST_AT_ONCE, POINTS_A_MINUTE, AtOnce
from actions.errors import UnavailableError
from actions.runner.clock import Clock


class Time:
    """A clock that runs only while it is slept."""

    def __init__(self) -> None:
        self.now = 0.0

    @property
    def clock(self) -> Clock:
        return Clock(now=lambda: self.now, sleep=self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.now += seconds


def test_the_answers_come_in_the_order_of_the_questions() -> None:
    """Whichever is answered first: here, the last question of each eight is."""
    answered = [threading.Event() for _ in range(MOST_AT_ONCE)]

    def ask(number: int) -> int:
        if number + 1 < MOST_AT_ONCE:
            assert answered[number + 1].wait(10), "they are not asked at once"
        answered[number].set()
        return number * number

    assert AtOnce(Time().clock).ask(ask, range(MOST_AT_ONCE)) == [n * n for n in range(MOST_AT_ONCE)]


def test_no_more_are_under_way_than_github_advises() -> None:
    lock, under_way, most = threading.Lock(), 0, 0

    def ask(_: int) -> None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        with lock:
            under_way -= 1

    AtOnce(Time().clock).ask(ask, range(200))

    assert most <= MOST_AT_ONCE


def test_no_minute_has_more_requests_than_github_allows() -> None:
    """900 points, of which some are left to others."""
    time = Time()
    sent: list[float] = []

    AtOnce(time.clock).ask(lambda _: sent.append(time.now), range(2 * POINTS_A_MINUTE + 1))

    assert time.now == 2 * MINUTE
    assert all(later - earlier >= MINUTE for earlier, later in zip(sent, sent[POINTS_A_MINUTE:], strict=False))


def test_what_was_sent_long_ago_does_not_count() -> None:
    time = Time()
    at_once = AtOnce(time.clock)
    at_once.ask(str, range(POINTS_A_MINUTE))
    time.now = 100.0

    at_once.ask(str, range(POINTS_A_MINUTE))

    assert time.now == 100.0


def test_the_first_error_is_told_and_ends_it() -> None:
    asked = []

    def ask(number: int) -> None:
        asked.append(number)
        raise UnavailableError(str(number))

    with pytest.raises(UnavailableError, match="0"):
        AtOnce(Time().clock).ask(ask, range(1000))

    assert len(asked) < 1000
