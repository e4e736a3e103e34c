from __future__ import annotations

from actions.errors import AccessError, UnavailableError
from actions.pull_request.side_work import SideWork
from actions.runner.clock import Clock


def test_a_failure_is_a_warning_and_said_once() -> None:
    def refuse() -> None:
        raise AccessError("no")

    side_work = SideWork(Clock())

    assert [side_work.attempt("a label", refuse), side_work.attempt("a label", refuse)] == [False, False]
    assert side_work.warnings == ["a label: no"]


def test_what_fails_for_a_moment_is_tried_again() -> None:
    answers = iter([UnavailableError("down"), None])

    def work() -> None:
        error = next(answers)
        if error:
            raise error

    side_work = SideWork(Clock(now=lambda: 0.0, sleep=lambda _: None))

    assert side_work.attempt("a label", work)
    assert side_work.warnings == []
