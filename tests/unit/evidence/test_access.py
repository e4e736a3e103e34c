"""What is recorded of access, and how it is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.errors import TamperedError
from actions.evidence.access import Access, AccessKind, AccessPart
from actions.evidence.access_history import access_history, in_words
from actions.evidence.access_page import access_report
from actions.evidence.ledger import Ledger
from actions.evidence.records import Record, read_records
from tests.unit.evidence.records import HOSTILE, between, moment, view
from tests.unit.evidence.test_ledger import MADE, written

INFRA = "your-org/infra"


def part(kind: AccessKind = AccessKind.PEOPLE, where: str = INFRA, lacks: str = "", **holders: str) -> AccessPart:
    return AccessPart(where=where, kind=kind, holders=dict(sorted(holders.items())), lacks=lacks)


def seen(*parts: AccessPart) -> Access:
    return Access(parts=parts)


ALICE, BOTH = seen(part(alice="write")), seen(part(alice="write", bob="admin"))
HIDDEN = seen(part(lacks="metadata: read"))
HIDDEN_BUT_ALICE = seen(part(lacks="metadata: read", alice="read"))
WIDER = seen(part(), part(where="your-org/zoo", zoe="read"))


def history(*states: Access) -> list[dict[str, Any]]:
    return access_history(
        [Record(state, replace(MADE, at=moment(hours))) for hours, state in enumerate(states, start=1)]
    )


def told(*states: Access) -> str:
    return in_words(history(*states)[-1])


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        pytest.param((ALICE,), "first record", id="nothing before it"),
        pytest.param((ALICE, BOTH), "your-org/infra people bob none → admin", id="somebody came"),
        pytest.param((BOTH, ALICE), "your-org/infra people bob admin → none", id="somebody went"),
        pytest.param(
            (BOTH, HIDDEN), "your-org/infra people seen → unknown, needs 'metadata: read'", id="nobody is seen any more"
        ),
        pytest.param((HIDDEN, ALICE), "your-org/infra people unknown, needs 'metadata: read' → seen", id="seen again"),
        pytest.param(
            (ALICE, HIDDEN, BOTH),
            "your-org/infra people unknown, needs 'metadata: read' → seen; your-org/infra people bob none → admin",
            id="somebody came while nobody was seen",
        ),
        pytest.param(
            (BOTH, HIDDEN, HIDDEN_BUT_ALICE, seen(part(alice="admin"))),
            "your-org/infra people unknown, needs 'metadata: read' → seen; your-org/infra people alice read → admin; "
            "your-org/infra people bob admin → none",
            id="somebody went while nobody was seen",
        ),
        pytest.param(
            (ALICE, HIDDEN, seen(part(lacks="metadata: read", bob="read"))),
            "your-org/infra people bob none → read",
            id="of some who are out of sight, one is seen to have come",
        ),
        pytest.param(
            (HIDDEN, HIDDEN_BUT_ALICE, BOTH),
            "your-org/infra people unknown, needs 'metadata: read' → seen; your-org/infra people alice read → write",
            id="nobody knows who was there before",
        ),
        pytest.param(
            (BOTH, ALICE, HIDDEN, ALICE),
            "your-org/infra people unknown, needs 'metadata: read' → seen",
            id="the same as when they were seen",
        ),
        pytest.param((seen(part()), WIDER), "your-org/zoo people zoe none → read", id="another repository"),
    ],
)
def test_what_changed_is_told_and_who_is_out_of_sight_has_lost_nothing(
    states: tuple[Access, ...], expected: str
) -> None:
    assert told(*states) == f"seen {moment(len(states))}: {expected}"


states = st.builds(
    lambda holders, lacks: seen(part(lacks=lacks, **holders)),
    st.dictionaries(st.sampled_from(["alice", "bob", "zoe"]), st.sampled_from(["read", "write"])),
    st.sampled_from(["", "metadata: read"]),
)


@given(st.lists(states))
def test_who_was_seen_whole_is_told_whatever_was_hidden_between(looks: list[Access]) -> None:
    """The changes after the first whole look lead to each later one."""
    made: dict[str, str] | None = None
    for each, look in zip(history(*looks), looks, strict=True):
        (found,) = look.parts
        if made is not None:
            made |= {change["who"]: change["after"] for change in each["changes"] if change["who"]}
        elif not found.lacks:
            made = dict(found.holders)
        if made is not None and not found.lacks:
            assert {who: what for who, what in made.items() if what != "none"} == found.holders


@given(states, states)
def test_what_was_seen_whole_is_told_so_that_it_can_be_made_again(before: Access, after: Access) -> None:
    old, new = before.parts[0], after.parts[0]
    changes = history(before, after)[-1]["changes"]

    if not old.lacks and not new.lacks:
        made = {**old.holders, **{each["who"]: each["after"] for each in changes}}
        assert {who: what for who, what in made.items() if what != "none"} == new.holders
    elif not new.holders:
        assert not [each for each in changes if each["who"] and new.lacks]
    assert (before == after) == (not changes) or old.lacks or new.lacks


def test_one_look_can_be_written_in_one_way_only() -> None:
    with pytest.raises(ValueError, match="not sorted"):
        AccessPart(where=INFRA, kind=AccessKind.PEOPLE, holders={"bob": "read", "alice": "read"})
    with pytest.raises(ValueError, match="not sorted"):
        seen(part(), part())
    with pytest.raises(ValueError, match="not sorted"):
        seen(part(AccessKind.TEAMS), part(AccessKind.PEOPLE))


def test_it_is_read_as_it_was_written_and_what_repeats_the_last_one_is_found() -> None:
    ledger = Ledger.of(read_records(written(ALICE, BOTH, ALICE)))

    assert ledger.access == ALICE
    assert len(ledger.view().access) == 3
    with pytest.raises(TamperedError, match="line 3 of the evidence cannot be right: it repeats the access"):
        Ledger.of(read_records(written(ALICE, ALICE)))


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "friends"},
        {"holders": {"bob": "x", "alice": "y"}},
        {"holders": ["alice"]},
        {"title": "x"},
        {"lacks": None},
    ],
    ids=str,
)
def test_a_record_of_another_form_is_found(change: dict[str, Any]) -> None:
    start, line = written(BOTH)
    line["parts"][0] |= change

    with pytest.raises(TamperedError, match="line 2 of the evidence is no record that this action writes"):
        read_records([start, line])


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        pytest.param(None, None, [1, 2, 3], id="all of it"),
        pytest.param(2.5, None, [2, 3], id="it begins with what was so before"),
        pytest.param(2, 3, [2], id="to the moment"),
        pytest.param(0, 1, [], id="nothing was recorded yet"),
        pytest.param(9, None, [3], id="nothing changed since"),
    ],
)
def test_a_period_has_its_start_its_end_and_what_changed(
    since: float | None, until: float | None, expected: list[int]
) -> None:
    whole = view(access=history(ALICE, BOTH, HIDDEN))

    assert [each["at"] for each in between(since, until).of(whole).access] == [moment(hours) for hours in expected]


def test_the_page_shows_start_and_end_and_what_no_token_saw() -> None:
    text = access_report(history(BOTH, seen(part(lacks="metadata: read", alice="read"))), "prod")

    assert f"<td>{INFRA}</td><td>people</td><td>alice</td><td>write</td><td>read</td>" in text
    assert "<td>bob</td><td>admin</td><td>unknown, needs &#x27;metadata: read&#x27;</td>" in text
    assert "<td>all others</td><td>none</td><td>unknown, needs &#x27;metadata: read&#x27;</td>" in text
    assert "What changed between" in text


def test_the_page_shows_who_came_while_nobody_was_seen() -> None:
    text = access_report(history(ALICE, HIDDEN, BOTH), "prod")

    assert (
        f"<td>{INFRA}</td><td>people</td><td>bob</td><td>none</td><td>admin</td></tr>" in text.partition("between")[2]
    )


def test_the_page_of_one_look_says_that_nothing_changed() -> None:
    text = access_report(history(seen(part(), part(AccessKind.TEAMS, **{HOSTILE: HOSTILE}))), "prod")

    assert "<td>people</td><td>–</td><td>none</td><td>none</td>" in text
    assert "Nothing changed between." in text
    assert "<script>" not in text
    assert access_report([], "prod") == ""


def test_a_repository_that_was_not_looked_at_is_not_empty() -> None:
    text = access_report(history(ALICE, WIDER), "prod")

    assert "<td>zoe</td><td>not looked at</td><td>read</td>" in text
