from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.api.checks import Check, CheckVerdict, RequiredCheck, evaluate_checks, newest_runs, without_requirement

ACTIONS = 15368
ANYONE = RequiredCheck(name="test", app=None)


def check(name: str, state: str, app: int | None = ACTIONS, *, run: int = 0) -> Check:
    return Check(name=name, app=app, state=state, conclusion=state, run=run)


@pytest.mark.parametrize(
    ("reported", "verdict"),
    [
        pytest.param([], CheckVerdict(unreported=("test",)), id="never reported"),
        pytest.param([check("test", "pending")], CheckVerdict(waiting=("test",)), id="running"),
        pytest.param([check("test", "success")], CheckVerdict(), id="succeeded"),
        pytest.param([check("test", "failure")], CheckVerdict(failed=("test (failure)",)), id="failed"),
        pytest.param([check("test", "success", 7)], CheckVerdict(unreported=("test",)), id="reported by another app"),
        pytest.param([check("test", "success", None)], CheckVerdict(unreported=("test",)), id="a status of anybody"),
        pytest.param([check("lint", "failure")], CheckVerdict(unreported=("test",)), id="another check"),
        pytest.param(
            [check("test", "success"), check("test", "pending")], CheckVerdict(waiting=("test",)), id="one of two runs"
        ),
        pytest.param(
            [check("test", "success"), check("test", "failure")],
            CheckVerdict(failed=("test (failure)",)),
            id="one of two failed",
        ),
    ],
)
def test_a_required_check_must_have_succeeded(reported: list[Check], verdict: CheckVerdict) -> None:
    assert evaluate_checks([RequiredCheck(name="test", app=ACTIONS)], reported, skipped_passes=True) == verdict


def test_every_check_that_failed_is_named() -> None:
    required = [RequiredCheck(name=name, app=ACTIONS) for name in ("test", "lint")]
    reported = [check("lint", "failure"), check("test", "failure")]

    verdict = evaluate_checks(required, reported, skipped_passes=True)

    assert verdict.failed == ("test (failure)", "lint (failure)")


@pytest.mark.parametrize(
    ("runs", "newest"),
    [
        pytest.param([check("a", "old", run=1), check("a", "new", run=2)], ["new"], id="the oldest first"),
        pytest.param([check("a", "new", run=2), check("a", "old", run=1)], ["new"], id="the newest first"),
        pytest.param([check("a", "first", run=1), check("a", "last", run=1)], ["last"], id="two of one run"),
        pytest.param([check("a", "one"), check("b", "two")], ["one", "two"], id="two checks"),
        pytest.param([check("a", "one", 1), check("a", "two", 2)], ["one", "two"], id="two apps"),
    ],
)
def test_the_newest_run_of_each_check_counts(runs: list[Check], newest: list[str]) -> None:
    assert [found.state for found in newest_runs(runs)] == newest


def test_pending_and_failed_checks_are_named_with_their_state() -> None:
    verdict = CheckVerdict(waiting=("test", "lint"), unreported=("scan",))

    assert verdict.delay("abc") == "test, lint has not finished on abc and scan was never reported on abc"


def test_a_check_that_anyone_may_report_counts_from_anyone() -> None:
    assert evaluate_checks([ANYONE], [check("test", "success", None)], skipped_passes=True).passed


@given(st.lists(st.sampled_from(["success", "failure", "pending"])))
def test_only_success_and_nothing_else_opens_the_way(states: list[str]) -> None:
    verdict = evaluate_checks([ANYONE], [check("test", state) for state in states], skipped_passes=True)

    assert verdict.passed == (bool(states) and set(states) == {"success"})


@pytest.mark.parametrize(("skipped_passes", "failed"), [(True, ()), (False, ("test (skipped)",))])
def test_a_skipped_check_is_enough_for_github_and_not_for_a_gate(
    *, skipped_passes: bool, failed: tuple[str, ...]
) -> None:
    skipped = Check(name="test", app=ACTIONS, state="success", conclusion="skipped")

    verdict = evaluate_checks([ANYONE], [skipped], skipped_passes=skipped_passes)

    assert verdict == CheckVerdict(failed=failed)


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
