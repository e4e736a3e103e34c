"""The gates that gitops.yml asks for: a rule more never allows more, and lifting one never refuses more."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.api.checks import CheckVerdict
from actions.app.order import Order
from actions.app.release import Release
from actions.gates.facts import Decision, Facts, Gate, Hold, Reason
from actions.gates.optional import named
from actions.gates.rules import evaluate_gates
from actions.gates.trailers import Trailers
from actions.infra.change import Change
from tests.unit.gates.test_rules import (
    ALLOW,
    BACK,
    FACTS,
    FAILED,
    FLAGS,
    FREEZE,
    NEW,
    NOT_ASKED,
    NOW,
    OLD,
    REMOVAL,
    SETTING,
    UNKNOWN,
    WHY,
    decided,
    facts,
    opening,
    refuse,
    wait,
)

HOLD = Hold(number=7, title="Sessions are lost", by="bob", since=NOW)
NAMED = Trailers(allow_return=f"{NEW}: it was the database")
HOLDS = st.sampled_from([NOT_ASKED, (), (HOLD,), (HOLD, replace(HOLD, number=8)), UNKNOWN])
RETURNS = st.sampled_from([NOT_ASKED, True, False, UNKNOWN])


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        pytest.param({"holds": NOT_ASKED, "was_replaced": NOT_ASKED}, ALLOW, id="nothing asks for holds"),
        pytest.param({"holds": (HOLD,)}, wait(Reason.HELD), id="held"),
        pytest.param({"holds": (HOLD,), "change": SETTING}, wait(Reason.HELD), id="held, and only a setting changes"),
        pytest.param({"holds": (HOLD,), "change": REMOVAL}, wait(Reason.HELD), id="held, and a service goes"),
        pytest.param({"holds": UNKNOWN}, refuse(Reason.UNKNOWN), id="whether it is held is unknown"),
        pytest.param(BACK | {"holds": (HOLD,), "ran_here": True}, ALLOW, id="held, and a rollback"),
        pytest.param(BACK | {"holds": UNKNOWN, "ran_here": True}, ALLOW, id="who knows, and a rollback"),
        pytest.param({"was_replaced": True}, refuse(Reason.ROLLED_BACK), id="the bad tag comes back"),
        pytest.param({"was_replaced": True, "trailers": WHY}, refuse(Reason.ROLLED_BACK), id="with another reason"),
        pytest.param({"was_replaced": True, "trailers": NAMED}, ALLOW, id="it comes back, and the change names it"),
        pytest.param(
            {"was_replaced": True, "trailers": Trailers(allow_return="1.4.3")}, refuse(Reason.ROLLED_BACK),
            id="it names another one",
        ),
        pytest.param({"was_replaced": UNKNOWN}, refuse(Reason.UNKNOWN), id="whether it was there is unknown"),
        pytest.param({"was_replaced": True, "change": SETTING}, ALLOW, id="only a setting changes"),
        pytest.param(
            {"was_replaced": True, "order": Order.BEHIND}, refuse(Reason.BACKWARDS), id="what goes back is said once",
        ),
    ],
)  # fmt: skip
def test_what_is_held_waits_and_what_was_bad_is_named(
    given_: dict[str, Any], expected: tuple[Decision, Reason | None]
) -> None:
    assert decided(facts(**given_)) == expected


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        pytest.param({"untracked": NOT_ASKED}, ALLOW, id="no rule"),
        pytest.param({"untracked": ()}, ALLOW, id="all is named"),
        pytest.param({"untracked": ("your-org/app #1",)}, refuse(Reason.NO_TICKET), id="something is not"),
        pytest.param(BACK | {"untracked": ("it",), "ran_here": True}, refuse(Reason.NO_TICKET), id="a rollback"),
        pytest.param({"untracked": ("it",), "change": SETTING}, ALLOW, id="a setting"),
        pytest.param({"untracked": ("it",), "change": REMOVAL}, refuse(Reason.NO_TICKET), id="a removal"),
        pytest.param({"untracked": UNKNOWN}, refuse(Reason.UNKNOWN), id="who knows"),
    ],
)
def test_a_change_names_a_ticket(given_: dict[str, Any], expected: tuple[Decision, Reason | None]) -> None:
    assert decided(facts(**given_)) == expected


def test_what_names_no_ticket_is_listed_as_far_as_one_reads() -> None:
    (message,) = (
        result.message
        for result in evaluate_gates(facts(untracked=tuple(f"#{n}" for n in range(7))))
        if result.gate is Gate.TICKET
    )

    assert "neither by the change nor by #0, #1, #2, #3, #4 and 2 more. Name it" in message


@given(FACTS, st.sampled_from([(), ("it",), UNKNOWN]))
def test_a_ticket_rule_more_never_allows_more(found: Facts, untracked: Any) -> None:
    without, with_rule = (replace(found, untracked=each) for each in (NOT_ASKED, untracked))

    assert opening(without) <= opening(with_rule)


DIGEST, OTHER = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
PINNED = Change(env="prod", service="api", file="envs/prod.json", before=OLD, after=NEW, digest=DIGEST)
FAULT = "it was built from cccccccccccc, not from bbbbbbbbbbbb"
STORED = st.sampled_from([NOT_ASKED, "", DIGEST, OTHER, UNKNOWN])
UNATTESTED = st.sampled_from([NOT_ASKED, "", FAULT, UNKNOWN])
CHANGES = st.sampled_from([PINNED, replace(PINNED, digest=""), SETTING, REMOVAL])
ROLLBACK = BACK | {"ran_here": True, "change": PINNED}


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        pytest.param({"stored": DIGEST, "unattested": ""}, ALLOW, id="all is well"),
        pytest.param({"stored": ""}, refuse(Reason.ARTIFACT_MISSING), id="not there"),
        pytest.param({"stored": OTHER}, refuse(Reason.ARTIFACT_MOVED), id="moved"),
        pytest.param({"stored": UNKNOWN}, refuse(Reason.UNKNOWN), id="who knows"),
        pytest.param({"stored": OTHER, "change": replace(PINNED, digest="")}, ALLOW, id="there, by its name"),
        pytest.param({"unattested": FAULT}, refuse(Reason.NOT_ATTESTED), id="not attested"),
        pytest.param({"unattested": UNKNOWN}, refuse(Reason.UNKNOWN), id="who knows whether it is attested"),
        pytest.param(
            {"unattested": "", "change": replace(PINNED, digest="")}, refuse(Reason.NOT_ATTESTED), id="no digest"
        ),
        pytest.param({"stored": DIGEST, "unattested": FAULT}, refuse(Reason.NOT_ATTESTED), id="there, not attested"),
        pytest.param({"stored": "", "unattested": ""}, refuse(Reason.ARTIFACT_MISSING), id="attested, not there"),
        pytest.param({"stored": "", "unattested": FAULT, "change": SETTING}, ALLOW, id="a setting"),
        pytest.param({"stored": "", "unattested": FAULT, "change": REMOVAL}, ALLOW, id="a removal"),
        pytest.param(ROLLBACK | {"stored": DIGEST, "unattested": FAULT}, ALLOW, id="a rollback"),
        pytest.param(ROLLBACK | {"unattested": UNKNOWN}, ALLOW, id="a rollback, and gh is away"),
        pytest.param(ROLLBACK | {"stored": ""}, refuse(Reason.ARTIFACT_MISSING), id="a rollback to what is gone"),
        pytest.param(ROLLBACK | {"stored": OTHER}, refuse(Reason.ARTIFACT_MOVED), id="a rollback to what moved"),
        pytest.param(
            ROLLBACK | {"unattested": "", "change": replace(PINNED, digest="")}, refuse(Reason.NOT_ATTESTED),
            id="a rollback by a name",
        ),
    ],
)  # fmt: skip
def test_an_image_is_there_and_was_built_as_it_should_be(
    given_: dict[str, Any], expected: tuple[Decision, Reason | None]
) -> None:
    assert decided(facts(**{"change": PINNED} | given_)) == expected


@given(FACTS, CHANGES, STORED, UNATTESTED)
def test_a_rule_of_artifacts_more_never_allows_more(found: Facts, change: Change, stored: Any, fault: Any) -> None:
    without = replace(found, change=change, stored=NOT_ASKED, unattested=NOT_ASKED)
    one, both = replace(without, stored=stored), replace(without, stored=stored, unattested=fault)

    assert opening(without) <= opening(one) <= opening(both)
    assert opening(replace(without, unattested=fault)) <= opening(both)


@given(FACTS, CHANGES, STORED)
def test_what_is_unknown_of_an_image_never_opens_more_than_what_is_known(
    found: Facts, change: Change, stored: Any
) -> None:
    known = replace(found, change=change, stored=stored)

    assert opening(known)[0] <= opening(replace(known, stored=UNKNOWN))[0]


LATE = replace(HOLD, number=9, title="Review it")
FROZEN_ROLLBACK = BACK | {"policy": FREEZE, "ran_here": True, "approved": False, "emergency": True}
NO_OVERRIDE = Trailers(reason="INC-7")


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        pytest.param(FROZEN_ROLLBACK | {"trailers": NO_OVERRIDE}, ALLOW, id="an emergency in a freeze"),
        pytest.param(FROZEN_ROLLBACK | {"holds": (HOLD,), "overdue": (LATE,)}, ALLOW, id="held, and a review overdue"),
        pytest.param(FROZEN_ROLLBACK | {"emergency": False}, refuse(Reason.REVIEW_REQUIRED), id="of somebody else"),
        pytest.param(FROZEN_ROLLBACK | {"emergency": UNKNOWN}, refuse(Reason.UNKNOWN), id="of who knows whom"),
        pytest.param(FROZEN_ROLLBACK | {"checks": UNKNOWN}, refuse(Reason.REVIEW_REQUIRED), id="tested, who knows"),
        pytest.param(FROZEN_ROLLBACK | {"checks": FAILED}, refuse(Reason.REVIEW_REQUIRED), id="its tests failed"),
        pytest.param(FROZEN_ROLLBACK | {"released": Release.NONE}, refuse(Reason.NOT_RELEASED), id="not released"),
        pytest.param(FROZEN_ROLLBACK | {"ran_here": False}, refuse(Reason.REVIEW_REQUIRED), id="it never ran there"),
        pytest.param(
            FROZEN_ROLLBACK | {"unreviewed_commits": ("abc x",)}, refuse(Reason.UNREVIEWED_COMMIT),
            id="something else comes along",
        ),
        pytest.param({"approved": False, "emergency": True}, refuse(Reason.REVIEW_REQUIRED), id="no rollback"),
        pytest.param({"overdue": (LATE,)}, wait(Reason.REVIEW_OVERDUE), id="a review is overdue"),
        pytest.param({"overdue": (LATE,), "change": SETTING}, wait(Reason.REVIEW_OVERDUE), id="overdue, and a setting"),
        pytest.param({"overdue": UNKNOWN}, refuse(Reason.UNKNOWN), id="whether one is overdue is unknown"),
        pytest.param({"overdue": NOT_ASKED}, ALLOW, id="no rule for emergencies"),
    ],
)  # fmt: skip
def test_an_emergency_goes_first_and_owes_a_review(
    given_: dict[str, Any], expected: tuple[Decision, Reason | None]
) -> None:
    assert decided(facts(**given_))[0] == expected[0]
    assert expected[1] in {result.reason for result in evaluate_gates(facts(**given_))} | {None}


@given(FACTS, st.sampled_from([True, False, UNKNOWN]))
def test_an_emergency_never_refuses_more_and_helps_rollbacks_alone(found: Facts, asked: Any) -> None:
    without, with_rule = (replace(found, emergency=each) for each in (False, asked))

    assert opening(with_rule)[0] <= opening(without)[0]
    if not found.is_rollback:
        assert opening(with_rule) == opening(without)


@given(FACTS, st.sampled_from([(), (LATE,), UNKNOWN]))
def test_an_overdue_review_never_allows_more(found: Facts, late: Any) -> None:
    in_time, overdue = (replace(found, overdue=each) for each in ((), late))

    assert opening(in_time) <= opening(overdue)


CHECK_NAMES = st.sets(st.sampled_from("abc"))
STATES = st.dictionaries(st.sampled_from("abc"), st.sampled_from(["failure", "pending"]))


@given(
    FACTS, CHECK_NAMES, CHECK_NAMES, st.dictionaries(st.sampled_from("abc"), st.sampled_from(["failure", "pending"]))
)
def test_a_check_more_never_allows_more(found: Facts, some: set[str], more: set[str], states: dict[str, str]) -> None:
    def with_checks(names: set[str]) -> Facts:
        failed, waiting = (tuple(n for n in sorted(names) if states.get(n) == s) for s in ("failure", "pending"))
        return replace(found, checks=CheckVerdict(failed=failed, waiting=waiting))

    assert opening(with_checks(some)) <= opening(with_checks(some | more))


def test_a_hold_says_who_why_and_since_when() -> None:
    two = facts(holds=(HOLD, replace(HOLD, number=8)))
    gone = facts(holds=(replace(HOLD, by=""),))

    texts = [next(r.message for r in evaluate_gates(found) if r.gate is Gate.HOLD) for found in (two, gone)]

    opened = "opened at 2026-11-24 12:00 UTC: Sessions are lost. To lift the hold, close it"
    assert texts == [
        f"held by issue #7 and 1 more, which bob {opened}",
        f"held by issue #7, which a deleted account {opened}",
    ]


@pytest.mark.parametrize("text", ["1.4.3", "1.4.3: why", "why, 1.4.3.", "1.4.2, 1.4.3; both", "1.4.3 1.4.4"])
def test_a_tag_is_named_as_a_word(text: str) -> None:
    assert "1.4.3" in named(text)
    assert "1.4" not in named(text)


@given(FACTS, HOLDS, RETURNS, FLAGS)
def test_a_hold_more_never_allows_more(found: Facts, holds: Any, returns: Any, known: bool) -> None:
    before = replace(found, holds=holds, was_replaced=returns)
    more = (*holds, HOLD) if isinstance(holds, tuple) else (HOLD,)
    held = replace(before, holds=UNKNOWN if holds is UNKNOWN or not known else more)

    assert opening(before) <= opening(held)


@given(FACTS, HOLDS, RETURNS)
def test_lifting_a_hold_never_refuses_more(found: Facts, holds: Any, returns: Any) -> None:
    held, lifted = (replace(found, holds=issues, was_replaced=returns) for issues in (holds, ()))

    assert opening(lifted) <= opening(held)


@given(FACTS, HOLDS, RETURNS)
def test_what_was_replaced_never_allows_more(found: Facts, holds: Any, returns: Any) -> None:
    before, after = (replace(found, holds=holds, was_replaced=answer) for answer in (False, returns))

    assert opening(before) <= opening(after)


@given(FACTS, HOLDS)
def test_a_rollback_passes_every_hold(found: Facts, holds: Any) -> None:
    back = replace(found, **(BACK | {"ran_here": True}))

    assert opening(back) == opening(replace(back, holds=holds))
