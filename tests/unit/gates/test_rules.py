"""The gates: facts in, a decision out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.api.checks import CheckVerdict
from actions.app.facts import NotApplicable, Unknown
from actions.app.order import Order
from actions.app.release import Release
from actions.deployments.history import DeployedPeriod
from actions.gates import rules
from actions.gates.facts import Decision, Facts, Gate, GateResult, Reason
from actions.gates.rules import duration, evaluate_gates, worst
from actions.gates.trailers import Trailers
from actions.infra.change import Change
from actions.infra.config import Environment
from actions.infra.freeze import Window

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
NEW, OLD = "b" * 40, "a" * 40
PASSED = CheckVerdict()
FAILED = CheckVerdict(failed=("gate (failure)",))
LOST: dict[str, Any] = {"order": Order.DIVERGED, "lost_commits": ("fix",)}
BACK: dict[str, Any] = {
    "order": Order.BEHIND,
    "trailers": Trailers(reason="INC-7", allow_diverged="INC-7", freeze_override="INC-7"),
}
HOTFIX: dict[str, Any] = {"released": Release.HOTFIX, "only_fixes": True}
UNKNOWN = Unknown("the token cannot see your-org/app")
NOT_ASKED = NotApplicable("this test does not need it")
WHY = Trailers(reason="INC-7", allow_diverged="INC-7", freeze_override="INC-7")
FROZEN = Window.parse("Mon 00:00 - Wed 00:00 UTC")
FREEZE = Environment(freeze=(FROZEN,))


def period(hours: float, until: float | None = None) -> DeployedPeriod:
    ended = None if until is None else NOW - timedelta(hours=until)
    return DeployedPeriod(tag=NEW, since=NOW - timedelta(hours=hours), until=ended)


SETTING = Change(env="prod", service="api", file="envs/prod.json", before=OLD, after=OLD)
FIRST = Change(env="prod", service="api", file="envs/prod.json", before="", after=NEW)
REMOVAL = Change(env="prod", service="api", file="envs/prod.json", before=OLD, after="")


def facts(**given_: Any) -> Facts:
    change = Change(env="prod", service="api", file="envs/prod.json", before=OLD, after=NEW)
    policy = Environment(after="staging", soak=timedelta(hours=24), freeze=())
    good = Facts(
        change=change, policy=policy, now=NOW, order=Order.AHEAD, trailers=Trailers(), checks=PASSED, approved=True,
        released=Release.DEFAULT_BRANCH, unreviewed=(), periods=(period(30),), only_fixes=NOT_ASKED, ran_here=NOT_ASKED,
        lost_commits=(), unreviewed_commits=(), freeze_label=False, holds=(),
        was_replaced=False, untracked=(), emergency=False, overdue=(),
        stored=NOT_ASKED, unattested=NOT_ASKED,
    )  # fmt: skip
    return replace(good, **given_)


def decided(found: Facts) -> tuple[Decision, Reason | None]:
    result = worst(evaluate_gates(found))
    return (result.decision, result.reason) if result else (Decision.ALLOW, None)


ALLOW = (Decision.ALLOW, None)


def wait(reason: Reason) -> tuple[Decision, Reason]:
    return Decision.WAIT, reason


def refuse(reason: Reason) -> tuple[Decision, Reason]:
    return Decision.REFUSE, reason


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        pytest.param({}, ALLOW, id="all is well"),
        pytest.param({"released": Release.NONE}, refuse(Reason.NOT_RELEASED), id="not released"),
        pytest.param({"released": UNKNOWN}, refuse(Reason.UNKNOWN), id="whether it was released is unknown"),
        pytest.param({"released": NOT_ASKED, "checks": NOT_ASKED}, ALLOW, id="there are no commits to look at"),
        pytest.param(
            {"checks": FAILED}, refuse(Reason.CHECKS_FAILED), id="tests failed"
        ),
        pytest.param(
            {"checks": CheckVerdict(waiting=("gate",))}, wait(Reason.CHECKS_PENDING), id="tests still run"
        ),
        pytest.param({"checks": UNKNOWN}, refuse(Reason.UNKNOWN), id="whether it was tested is unknown"),
        pytest.param({"periods": ()}, refuse(Reason.NOT_PROMOTED), id="never ran in the environment before"),
        pytest.param({"periods": UNKNOWN}, refuse(Reason.UNKNOWN), id="what ran there is unknown"),
        pytest.param({"periods": NOT_ASKED}, refuse(Reason.UNKNOWN), id="what ran there was not read"),
        pytest.param({"periods": (period(23),)}, wait(Reason.SOAKING), id="an hour too early"),
        pytest.param({"periods": (period(24),)}, ALLOW, id="just long enough"),
        pytest.param({"periods": (period(48, 30),)}, refuse(Reason.NOT_PROMOTED), id="taken out too early"),
        pytest.param({"periods": (period(1), period(90, 60))}, ALLOW, id="long enough some time ago"),
        pytest.param({"change": SETTING, "released": Release.NONE}, ALLOW, id="the tag stays as it is"),
        pytest.param({"order": Order.FIRST}, ALLOW, id="the first tag"),
        pytest.param({"order": Order.BEHIND}, refuse(Reason.BACKWARDS), id="backwards"),
        pytest.param({"order": Order.BEHIND, "trailers": WHY}, refuse(Reason.BACKWARDS), id="not there before"),
        pytest.param(BACK | {"ran_here": UNKNOWN}, refuse(Reason.UNKNOWN), id="who knows"),
        pytest.param({"order": Order.BEHIND, "trailers": WHY, "ran_here": True}, ALLOW, id="a rollback"),
        pytest.param(
            {
                "order": Order.BEHIND, "trailers": WHY, "ran_here": True, "periods": (),
                "checks": CheckVerdict(failed=("gate",)),
            },
            ALLOW,
            id="a rollback to what was tested and promoted when it went there",
        ),
        pytest.param(
            {"order": Order.AHEAD, "trailers": WHY, "ran_here": True, "released": Release.NONE},
            refuse(Reason.NOT_RELEASED),
            id="a tag that moves forward is no rollback, whatever reason it has",
        ),
        pytest.param(
            {"order": Order.FIRST, "trailers": WHY, "ran_here": True, "checks": FAILED},
            ALLOW,
            id="a rollback from a tag that has no order",
        ),
        pytest.param(
            BACK | {"ran_here": True, "released": Release.NONE},
            refuse(Reason.NOT_RELEASED),
            id="a rollback to what was never released",
        ),
        pytest.param(
            {"order": Order.FIRST, "change": FIRST, "trailers": WHY, "ran_here": True, "released": Release.NONE},
            refuse(Reason.NOT_RELEASED),
            id="the first tag is no rollback",
        ),
        pytest.param(LOST, refuse(Reason.DIVERGED), id="a hotfix is lost"),
        pytest.param(
            LOST | {"lost_commits": NotApplicable("nobody asked")}, refuse(Reason.UNKNOWN), id="nobody looked"
        ),
        pytest.param({"order": Order.DIVERGED}, ALLOW, id="every commit has an equivalent"),
        pytest.param(LOST | {"lost_commits": UNKNOWN}, refuse(Reason.UNKNOWN), id="what is lost is unknown"),
        pytest.param(LOST | {"trailers": WHY}, ALLOW, id="lost on purpose"),
        pytest.param({"order": Order.UNKNOWN}, refuse(Reason.UNKNOWN_ORDER), id="no order"),
        pytest.param({"order": Order.UNKNOWN, "trailers": WHY}, ALLOW, id="no order, on purpose"),
        pytest.param(
            {"released": Release.HOTFIX, "periods": NOT_ASKED, "only_fixes": True}, ALLOW, id="a hotfix"
        ),
        pytest.param(
            {"released": Release.HOTFIX, "periods": ()}, refuse(Reason.NOT_PROMOTED),
            id="a hotfix that brings commits of main along",
        ),
        pytest.param(
            {"released": Release.HOTFIX, "periods": (), "order": Order.FIRST, "only_fixes": True},
            refuse(Reason.NOT_PROMOTED),
            id="a hotfix on something else",
        ),
        pytest.param(
            HOTFIX | {"unreviewed": ("abc fix",)}, refuse(Reason.NOT_RELEASED), id="a hotfix that nobody reviewed"
        ),
        pytest.param(HOTFIX | {"unreviewed": UNKNOWN}, refuse(Reason.UNKNOWN), id="who reviewed a hotfix is unknown"),
        pytest.param(HOTFIX | {"unreviewed": NOT_ASKED}, refuse(Reason.UNKNOWN), id="nobody asked who reviewed it"),
        pytest.param({"approved": False}, refuse(Reason.REVIEW_REQUIRED), id="nobody approved it"),
        pytest.param({"approved": UNKNOWN}, refuse(Reason.UNKNOWN), id="who approved it is unknown"),
        pytest.param({"approved": NOT_ASKED}, ALLOW, id="it is not merged yet"),
        pytest.param(
            {"approved": False, "policy": Environment(review="none")}, ALLOW, id="it needs no review"
        ),
        pytest.param({"policy": FREEZE}, wait(Reason.FROZEN), id="frozen"),
        pytest.param(
            {"policy": FREEZE, "change": SETTING}, wait(Reason.FROZEN),
            id="frozen, and only a setting changes",
        ),
        pytest.param({"policy": FREEZE, "change": REMOVAL}, wait(Reason.FROZEN), id="frozen, and a service goes"),
        pytest.param({"change": REMOVAL, "approved": False}, refuse(Reason.REVIEW_REQUIRED), id="nobody lets it go"),
        pytest.param(
            {"order": Order.IDENTICAL, "released": Release.NONE}, refuse(Reason.NOT_RELEASED),
            id="another name of what is in place",
        ),
        pytest.param({"policy": FREEZE, "trailers": WHY}, wait(Reason.FROZEN), id="a reason, no label"),
        pytest.param({"policy": FREEZE, "freeze_label": True}, wait(Reason.FROZEN), id="no reason"),
        pytest.param(
            {"policy": FREEZE, "freeze_label": True, "trailers": WHY}, ALLOW, id="a label and a reason"
        ),
        pytest.param({"released": Release.NONE, "periods": (period(1),)}, refuse(Reason.NOT_RELEASED), id="the worst"),
        pytest.param({"policy": Environment(), "periods": NOT_ASKED}, ALLOW, id="no environment before"),
        pytest.param(
            {"order": Order.BEHIND, "trailers": WHY, "ran_here": True, "periods": (period(1),)}, ALLOW,
            id="a rollback to what has not soaked",
        ),
        pytest.param(
            {"released": Release.HOTFIX, "periods": (period(1),), "only_fixes": True}, ALLOW,
            id="a hotfix that has not soaked",
        ),
    ],
)  # fmt: skip
def test_a_change_goes_if_every_gate_is_open(given_: dict[str, Any], expected: tuple[Decision, Reason | None]) -> None:
    assert decided(facts(**given_)) == expected


def test_a_wait_says_when_it_ends_and_the_longest_counts() -> None:
    policy = Environment(after="staging", soak=timedelta(hours=24), freeze=(FROZEN,))

    found = evaluate_gates(facts(policy=policy, periods=(period(1),)))

    opens = {result.gate: result.opens for result in found if result.opens}
    assert opens == {Gate.SOAK: NOW + timedelta(hours=23), Gate.FREEZE: datetime(2026, 11, 25, tzinfo=UTC)}
    decides = worst(found)
    assert decides
    assert decides.opens == NOW + timedelta(hours=23)
    assert decides.message.endswith("; the gate opens at 2026-11-25 11:00 UTC")


def test_a_wait_of_which_nobody_knows_the_end_is_the_longest() -> None:
    never = (Window.parse("00:00 - 12:00 UTC"), Window.parse("12:00 - 00:00 UTC"))

    found = worst(
        evaluate_gates(
            facts(policy=Environment(after="staging", soak=timedelta(hours=24), freeze=never), periods=(period(1),))
        )
    )

    assert found
    assert (found.reason, found.opens, found.message) == (Reason.FROZEN, None, "prod is frozen")


FLAGS = st.booleans()
PERIODS = st.lists(st.tuples(st.integers(0, 100), FLAGS), max_size=3).map(
    lambda found: tuple(period(hours, None if now and n == 0 else hours / 2) for n, (hours, now) in enumerate(found))
)
FACTS = st.builds(
    facts,
    order=st.sampled_from(Order),
    released=st.sampled_from([*Release, UNKNOWN, NOT_ASKED]),
    checks=st.sampled_from([PASSED, CheckVerdict(failed=("x",)), CheckVerdict(waiting=("x",)), UNKNOWN]),
    periods=st.one_of(PERIODS, st.just(UNKNOWN)),
    ran_here=st.sampled_from([True, False, UNKNOWN, NOT_ASKED]),
    lost_commits=st.sampled_from([(), ("fix",), UNKNOWN]),
    approved=st.sampled_from([True, False, UNKNOWN, NOT_ASKED]),
    trailers=st.sampled_from([Trailers(), WHY]),
    freeze_label=FLAGS,
)
WINDOWS = st.sampled_from(
    [FROZEN, Window.parse("Fri 15:00 - Mon 08:00 Europe/Paris"), Window.parse("18:00 - 08:00 UTC")]
)
RANK = {Decision.ALLOW: 0, Decision.WAIT: 1, Decision.REFUSE: 2}


def opening(found: Facts) -> tuple[int, datetime]:
    result = worst(evaluate_gates(found))
    return (RANK[result.decision], result.opens or rules.FOREVER) if result else (0, NOW)


@given(FACTS, st.lists(WINDOWS, max_size=2), WINDOWS)
def test_a_freeze_more_never_allows_more(found: Facts, windows: list[Window], more: Window) -> None:
    before = replace(found, policy=replace(found.policy, freeze=tuple(windows)))
    after = replace(found, policy=replace(found.policy, freeze=(*windows, more)))

    assert opening(before)[0] <= opening(after)[0]


@given(FACTS, st.integers(0, 100), st.integers(0, 100))
def test_a_longer_soak_never_allows_earlier(found: Facts, hours: int, more: int) -> None:
    def soak(span: int) -> Facts:
        return replace(found, policy=replace(found.policy, soak=timedelta(hours=span)))

    assert opening(soak(hours)) <= opening(soak(hours + more))


@given(FACTS, st.sampled_from(["released", "checks", "periods", "approved", "lost_commits", "ran_here"]))
def test_what_is_unknown_never_allows_more(found: Facts, name: str) -> None:
    """Than the best that it could be."""
    best = {
        "released": Release.DEFAULT_BRANCH,
        "checks": PASSED,
        "periods": (period(1000),),
        "approved": True,
        "lost_commits": (),
    }
    worse: dict[str, Any] = {name: UNKNOWN}
    better: dict[str, Any] = {name: best.get(name, True)}
    known, unknown = replace(found, **better), replace(found, **worse)

    assert opening(known)[0] <= opening(unknown)[0]


def test_a_bot_that_changes_many_files_is_told_some_of_them() -> None:
    found = rules.only_tags("bot", [f"f{n}" for n in reversed(range(9))])

    assert (
        found.message == "bot may change only tags, but this pull request changes more in f0, f1, f2, f3, f4 and 4 more"
    )
    assert rules.only_tags("bot", [f"f{n}" for n in range(5)]).message.endswith(" in f0, f1, f2, f3, f4")
    assert rules.only_tags("bot", []) == GateResult(
        gate=Gate.ONLY_TAGS, decision=Decision.ALLOW, message="bot changes only tags"
    )


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(seconds=59), "less than a minute"),
        (timedelta(minutes=61), "1 h 1 min"),
        (timedelta(days=3, hours=4, minutes=5), "3 d 4 h"),
        (timedelta(days=1), "1 d"),
    ],
)
def test_a_duration_is_formatted_in_its_two_largest_units(span: timedelta, text: str) -> None:
    assert duration(span) == text


def test_a_service_without_an_app_repository_has_no_release_gate() -> None:
    found = evaluate_gates(facts(released=NOT_ASKED, checks=NOT_ASKED))

    assert not {Gate.RELEASED, Gate.CHECKS} & {result.gate for result in found}
