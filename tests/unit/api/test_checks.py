from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.api.checks import Check, CheckVerdict, RequiredCheck, evaluate_checks, without_requirement

ACTIONS = 15368
ANYONE = RequiredCheck(name="test", app=None)


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
    verdict = evaluate_checks([RequiredCheck(name="test", app=ACTIONS)], reported, skipped_passes=True)

    assert verdict == CheckVerdict(failed=tuple(failed), waiting=tuple(waiting))


def test_a_check_that_anyone_may_report_counts_from_anyone() -> None:
    assert evaluate_checks([ANYONE], [check("test", "success", None)], skipped_passes=True).waiting == ()


@given(st.lists(st.sampled_from(["success", "failure", "pending"])))
def test_only_success_and_nothing_else_opens_the_way(states: list[str]) -> None:
    verdict = evaluate_checks([ANYONE], [check("test", state) for state in states], skipped_passes=True)

    is_open = not verdict.failed and not verdict.waiting
    assert is_open == (bool(states) and set(states) == {"success"})


@pytest.mark.parametrize(("skipped_passes", "failed"), [(True, ()), (False, ("test (skipped)",))])
def test_a_skipped_check_is_enough_for_github_and_not_for_a_gate(
    *, skipped_passes: bool, failed: tuple[str, ...]
) -> None:
    skipped = Check(name="test", app=ACTIONS, state="success", conclusion="skipped")

    verdict = evaluate_checks([ANYONE], [skipped], skipped_passes=skipped_passes)

    assert verdict == CheckVerdict(failed=failed, waiting=())


@pytest.mark.parametrize(
    ("conclusions", "problems"),
    [
        pytest.param([], ("no successful check",), id="none"),
        pytest.param(["skipped"], ("no successful check",), id="skipped only"),
        pytest.param(["skipped", "neutral"], (), id="neutral"),
        pytest.param(["success", "failure", "queued"], ("test failure", "test queued"), id="failed and unfinished"),
    ],
)
def test_where_no_check_is_required_none_may_fail_and_one_must_succeed(
    conclusions: list[str], problems: tuple[str, ...]
) -> None:
    checks = [Check(name="test", app=None, state="", conclusion=conclusion) for conclusion in conclusions]

    assert without_requirement(checks) == problems
