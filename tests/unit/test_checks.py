from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.checks import Check, RequiredCheck, Verdict, judge

ACTIONS = 15368


def check(name: str, state: str, app: int | None = ACTIONS) -> Check:
    return Check(name=name, app=app, state=state, conclusion=state)


@pytest.mark.parametrize(
    ("reported", "failed", "waiting"),
    [
        pytest.param([], [], ["test"], id="not reported yet"),
        pytest.param([check("test", "pending")], [], ["test"], id="running"),
        pytest.param([check("test", "success")], [], [], id="succeeded"),
        pytest.param([check("test", "failure")], ["test (failure)"], [], id="failed"),
        pytest.param([check("test", "success", 7)], [], ["test"], id="reported by another app"),
        pytest.param([check("test", "success", None)], [], ["test"], id="a status of anybody"),
        pytest.param([check("lint", "failure")], [], ["test"], id="another check"),
        pytest.param([check("test", "success"), check("test", "pending")], [], ["test"], id="one of two runs"),
        pytest.param(
            [check("test", "success"), check("test", "failure")], ["test (failure)"], [], id="one of two failed"
        ),
    ],
)
def test_a_required_check_must_have_succeeded(reported: list[Check], failed: list[str], waiting: list[str]) -> None:
    verdict = judge([RequiredCheck(name="test", app=ACTIONS)], reported)

    assert verdict == Verdict(failed=tuple(failed), waiting=tuple(waiting))


def test_a_check_that_anyone_may_report_counts_from_anyone() -> None:
    assert judge([RequiredCheck(name="test", app=None)], [check("test", "success", None)]).waiting == ()


@given(st.lists(st.sampled_from(["success", "failure", "pending"])))
def test_only_success_and_nothing_else_opens_the_way(states: list[str]) -> None:
    verdict = judge([RequiredCheck(name="test", app=None)], [check("test", state) for state in states])

    is_open = not verdict.failed and not verdict.waiting
    assert is_open == (bool(states) and set(states) == {"success"})
