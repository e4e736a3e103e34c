"""What several commits that brought one change say together. Where they come from is tested on the sandbox."""

from __future__ import annotations

from dataclasses import replace

import pytest

from actions.app.facts import Unknown
from actions.gates.origin import Origin
from actions.gates.provenance import combine_origins
from actions.gates.trailers import Trailers

UNKNOWN, OTHER = Unknown("who wrote it"), Unknown("who approved it")


def origin(
    approved: bool | Unknown = True,  # noqa: FBT002 - it is what the tables say
    *,
    label: bool = False,
    **trailers: str,
) -> Origin:
    return Origin(trailers=Trailers(**trailers), freeze_label=label, approved=approved, texts=("",))


def test_what_several_commits_say_is_said_by_each() -> None:
    one, other, unknown = (replace(origin(), texts=texts) for texts in (("a",), ("b",), UNKNOWN))

    assert combine_origins([one, other]).texts == ("a", "b")
    assert combine_origins([one, unknown]).texts == UNKNOWN
    assert combine_origins([]).texts == ()


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        pytest.param([], False, id="nothing"),
        pytest.param([(True, False)], False, id="approved"),
        pytest.param([(False, True)], True, id="an emergency"),
        pytest.param([(False, True), (True, False)], True, id="an emergency after what was approved"),
        pytest.param([(False, True), (False, False)], False, id="one was neither"),
        pytest.param([(False, True), (False, UNKNOWN)], UNKNOWN, id="one is unknown"),
    ],
)
def test_what_nobody_approved_was_asked_for_in_an_emergency(
    steps: list[tuple[bool, bool | Unknown]], expected: bool | Unknown
) -> None:
    origins = [replace(origin(approved), emergency=emergency) for approved, emergency in steps]

    assert combine_origins(origins).emergency == expected


@pytest.mark.parametrize(
    ("approved", "expected"),
    [
        pytest.param([True], True, id="the only one approved"),
        pytest.param([True, True], True, id="all approved"),
        pytest.param([True, False], False, id="the older one not approved"),
        pytest.param([False, True], False, id="the newest one not approved"),
        pytest.param([True, UNKNOWN], UNKNOWN, id="the older one unknown"),
        pytest.param([UNKNOWN, True], UNKNOWN, id="the newest one unknown"),
        pytest.param([UNKNOWN, False], False, id="one unknown and an older one not approved"),
        pytest.param([False, UNKNOWN], False, id="one not approved and an older one unknown"),
        pytest.param([UNKNOWN, OTHER], UNKNOWN, id="the newest of what is unknown"),
    ],
)
def test_a_change_is_approved_if_all_its_commits_are(approved: list[bool | Unknown], expected: bool | Unknown) -> None:
    assert combine_origins([origin(each) for each in approved]).approved == expected


def test_the_trailer_of_the_newest_commit_counts() -> None:
    together = combine_origins([origin(reason="newer"), origin(reason="older", allow_diverged="meant")])

    assert together.trailers == Trailers(reason="newer", allow_diverged="meant")


@pytest.mark.parametrize(
    ("origins", "expected"),
    [
        pytest.param([origin(label=True, freeze_override="x")], True, id="a label and a trailer"),
        pytest.param([origin(label=True)], False, id="a label alone"),
        pytest.param([origin(freeze_override="x")], False, id="a trailer alone"),
        pytest.param([origin(label=True, freeze_override="x"), origin()], False, id="one commit of two"),
        pytest.param([origin(label=True), origin(freeze_override="x")], False, id="one each"),
        pytest.param([origin(label=True, freeze_override=text) for text in "xy"], True, id="both commits"),
    ],
)
def test_a_freeze_is_overridden_for_every_commit_or_not_at_all(origins: list[Origin], *, expected: bool) -> None:
    assert combine_origins(origins).freeze_label is expected
