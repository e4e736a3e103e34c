"""The gates: facts in, a decision out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions import gates
from actions.change import Change
from actions.checks import Verdict
from actions.config import Environment
from actions.freeze import Window
from actions.gates import Decision, Facts, Finding, Gate, Reason, Release, Unknown, duration, judge, worst
from actions.order import Order
from actions.past import Stay
from actions.trailers import Said

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
NEW, OLD = "b" * 40, "a" * 40
PASSED = Verdict(failed=(), waiting=())
UNKNOWN = Unknown("the token cannot see your-org/app")
WHY = Said(reason="INC-7", allow_diverged="INC-7", freeze_override="INC-7")
FROZEN = Window.parse("Mon 00:00 - Wed 00:00 UTC")
FREEZE = Environment(freeze=(FROZEN,))


def stay(hours: float, until: float | None = None) -> Stay:
    ended = None if until is None else NOW - timedelta(hours=until)
    return Stay(tag=NEW, since=NOW - timedelta(hours=hours), until=ended)


SETTING = Change(env="prod", service="api", file="envs/prod.json", before=OLD, after=OLD)
REMOVAL = Change(env="prod", service="api", file="envs/prod.json", before=OLD, after="")


def facts(**given_: Any) -> Facts:
    change = Change(env="prod", service="api", file="envs/prod.json", before=OLD, after=NEW)
    policy = Environment(after="staging", soak=timedelta(hours=24), freeze=())
    good = Facts(
        change=change, policy=policy, now=NOW, order=Order.AHEAD, said=Said(), released=Release.MAIN, checks=PASSED,
        stays=(stay(30),), approved=True,
    )  # fmt: skip
    return replace(good, **given_)


def decided(found: Facts) -> tuple[Decision, Reason | None]:
    finding = worst(judge(found))
    return (finding.decision, finding.reason) if finding else (Decision.ALLOW, None)


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
        pytest.param({"released": None, "checks": None}, ALLOW, id="there are no commits to look at"),
        pytest.param(
            {"checks": Verdict(failed=("gate (failure)",), waiting=())}, refuse(Reason.CHECKS_FAILED), id="tests failed"
        ),
        pytest.param(
            {"checks": Verdict(failed=(), waiting=("gate",))}, wait(Reason.CHECKS_PENDING), id="tests still run"
        ),
        pytest.param({"checks": UNKNOWN}, refuse(Reason.UNKNOWN), id="whether it was tested is unknown"),
        pytest.param({"stays": ()}, refuse(Reason.NOT_PROMOTED), id="never ran in the environment before"),
        pytest.param({"stays": UNKNOWN}, refuse(Reason.UNKNOWN), id="what ran there is unknown"),
        pytest.param({"stays": None}, refuse(Reason.UNKNOWN), id="what ran there was not read"),
        pytest.param({"stays": (stay(23),)}, wait(Reason.SOAKING), id="an hour too early"),
        pytest.param({"stays": (stay(24),)}, ALLOW, id="just long enough"),
        pytest.param({"stays": (stay(48, 30),)}, refuse(Reason.NOT_PROMOTED), id="taken out too early"),
        pytest.param({"stays": (stay(1), stay(90, 60))}, ALLOW, id="long enough some time ago"),
        pytest.param({"change": SETTING, "released": Release.NONE}, ALLOW, id="the tag stays as it is"),
        pytest.param({"order": Order.FIRST}, ALLOW, id="the first tag"),
        pytest.param({"order": Order.BEHIND}, refuse(Reason.BACKWARDS), id="backwards"),
        pytest.param({"order": Order.BEHIND, "said": WHY}, refuse(Reason.BACKWARDS), id="not there before"),
        pytest.param({"order": Order.BEHIND, "said": WHY, "ran_here": UNKNOWN}, refuse(Reason.UNKNOWN), id="who knows"),
        pytest.param({"order": Order.BEHIND, "said": WHY, "ran_here": True}, ALLOW, id="a roll back"),
        pytest.param(
            {
                "order": Order.BEHIND, "said": WHY, "ran_here": True, "released": Release.NONE, "stays": (),
                "checks": Verdict(failed=("gate",), waiting=()),
            },
            ALLOW,
            id="a roll back to what was released, tested and promoted when it went there",
        ),
        pytest.param({"order": Order.DIVERGED, "undone": ("fix",)}, refuse(Reason.DIVERGED), id="a hotfix is undone"),
        pytest.param({"order": Order.DIVERGED}, ALLOW, id="every commit has an equivalent"),
        pytest.param({"order": Order.DIVERGED, "undone": UNKNOWN}, refuse(Reason.UNKNOWN), id="unknown what is undone"),
        pytest.param({"order": Order.DIVERGED, "undone": ("fix",), "said": WHY}, ALLOW, id="undone on purpose"),
        pytest.param({"order": Order.UNKNOWN}, refuse(Reason.UNKNOWN_ORDER), id="no order"),
        pytest.param({"order": Order.UNKNOWN, "said": WHY}, ALLOW, id="no order, on purpose"),
        pytest.param(
            {"released": Release.HOTFIX, "stays": None, "only_fixes": True}, ALLOW, id="a hotfix on what is in place"
        ),
        pytest.param(
            {"released": Release.HOTFIX, "stays": ()}, refuse(Reason.NOT_PROMOTED),
            id="a hotfix that brings commits of main along",
        ),
        pytest.param(
            {"released": Release.HOTFIX, "stays": (), "order": Order.FIRST}, refuse(Reason.NOT_PROMOTED),
            id="a hotfix on something else",
        ),
        pytest.param({"approved": False}, refuse(Reason.REVIEW_REQUIRED), id="nobody approved it"),
        pytest.param({"approved": UNKNOWN}, refuse(Reason.UNKNOWN), id="who approved it is unknown"),
        pytest.param({"approved": None}, ALLOW, id="it is not merged yet"),
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
        pytest.param({"policy": FREEZE, "said": WHY}, wait(Reason.FROZEN), id="a reason, no label"),
        pytest.param({"policy": FREEZE, "freeze_label": True}, wait(Reason.FROZEN), id="no reason"),
        pytest.param(
            {"policy": FREEZE, "freeze_label": True, "said": WHY}, ALLOW, id="a label and a reason"
        ),
        pytest.param({"released": Release.NONE, "stays": (stay(1),)}, refuse(Reason.NOT_RELEASED), id="the worst"),
    ],
)  # fmt: skip
def test_a_change_goes_if_every_gate_is_open(given_: dict[str, Any], expected: tuple[Decision, Reason | None]) -> None:
    assert decided(facts(**given_)) == expected


def test_a_wait_says_when_it_ends_and_the_longest_counts() -> None:
    policy = Environment(after="staging", soak=timedelta(hours=24), freeze=(FROZEN,))

    found = judge(facts(policy=policy, stays=(stay(1),)))

    opens = {finding.gate: finding.opens for finding in found if finding.opens}
    assert opens == {Gate.SOAK: NOW + timedelta(hours=23), Gate.FREEZE: datetime(2026, 11, 25, tzinfo=UTC)}
    decides = worst(found)
    assert decides
    assert decides.opens == NOW + timedelta(hours=23)


def test_a_wait_of_which_nobody_knows_the_end_is_the_longest() -> None:
    never = (Window.parse("00:00 - 12:00 UTC"), Window.parse("12:00 - 00:00 UTC"))

    found = worst(
        judge(facts(policy=Environment(after="staging", soak=timedelta(hours=24), freeze=never), stays=(stay(1),)))
    )

    assert found
    assert (found.reason, found.opens, found.message) == (Reason.FROZEN, None, "prod is frozen")


FLAGS = st.booleans()
STAYS = st.lists(st.tuples(st.integers(0, 100), FLAGS), max_size=3).map(
    lambda found: tuple(stay(hours, None if now and n == 0 else hours / 2) for n, (hours, now) in enumerate(found))
)
FACTS = st.builds(
    facts,
    order=st.sampled_from(Order),
    released=st.sampled_from([*Release, UNKNOWN, None]),
    checks=st.sampled_from([PASSED, Verdict(failed=("x",), waiting=()), Verdict(failed=(), waiting=("x",)), UNKNOWN]),
    stays=st.one_of(STAYS, st.just(UNKNOWN)),
    ran_here=st.sampled_from([True, False, UNKNOWN, None]),
    undone=st.sampled_from([(), ("fix",), UNKNOWN]),
    approved=st.sampled_from([True, False, UNKNOWN, None]),
    said=st.sampled_from([Said(), WHY]),
    freeze_label=FLAGS,
)
WINDOWS = st.sampled_from(
    [FROZEN, Window.parse("Fri 15:00 - Mon 08:00 Europe/Paris"), Window.parse("18:00 - 08:00 UTC")]
)
RANK = {Decision.ALLOW: 0, Decision.WAIT: 1, Decision.REFUSE: 2}


def opening(found: Facts) -> tuple[int, datetime]:
    finding = worst(judge(found))
    return (RANK[finding.decision], finding.opens or gates.FOREVER) if finding else (0, NOW)


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


@given(FACTS, st.sampled_from(["released", "checks", "stays", "approved", "undone", "ran_here"]))
def test_what_is_unknown_never_allows_more(found: Facts, name: str) -> None:
    """Than the best that it could be."""
    best = {"released": Release.MAIN, "checks": PASSED, "stays": (stay(1000),), "approved": True, "undone": ()}
    worse: dict[str, Any] = {name: UNKNOWN}
    better: dict[str, Any] = {name: best.get(name, True)}
    known, unknown = replace(found, **better), replace(found, **worse)

    assert opening(known)[0] <= opening(unknown)[0]


def test_a_bot_that_changes_many_files_is_told_some_of_them() -> None:
    found = gates.only_tags("bot", [f"f{n}" for n in range(9)])

    assert found.message == "bot may change tags and nothing else; this changes f0, f1, f2, f3, f4 and 4 more"
    assert gates.only_tags("bot", []) == Finding(
        gate=Gate.ONLY_TAGS, decision=Decision.ALLOW, message="bot changes tags and nothing else"
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
def test_a_span_is_said_as_people_say_it(span: timedelta, text: str) -> None:
    assert duration(span) == text
