"""What exceptions.yml says, and what an answer changes: nothing but what it is an answer to."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest

from actions.errors import ConfigError, TamperedError
from actions.evidence.answers import Entry, read_entries
from actions.evidence.chain import Chain
from actions.evidence.facts import Answer
from actions.evidence.ledger import Ledger, answer_to, unanswered
from actions.evidence.page import page
from actions.evidence.period import Period
from actions.evidence.records import read_records
from actions.evidence.table import evidence_table
from tests.unit.evidence.records import HOSTILE, START
from tests.unit.evidence.test_judgement import COMMIT, with_pull
from tests.unit.evidence.test_ledger import GAP, written

SHA = "a" * 40
ONE = f"- commit: {SHA}\n  exception: not-approved\n  why: reviewed\n    afterwards\n"
ANSWER = Answer(
    commit=COMMIT.sha, exception="not-approved", why="reviewed", ticket="INC-7", sha="e" * 40, author="alice",
    approved_by="bob", approved_at="2026-01-02T00:00:00Z", url="https://github.example/1",
)  # fmt: skip
UNAPPROVED = with_pull(reviews=())


def test_an_answer_has_a_commit_an_exception_and_a_why() -> None:
    assert read_entries(ONE) == (Entry(commit=SHA, exception="not-approved", why="reviewed afterwards"),)
    assert read_entries(f"{ONE}  ticket: INC-7\n")[0].ticket == "INC-7"
    assert read_entries("") == read_entries("# none yet\n") == ()


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        pytest.param("a: b", 1, "it must be a list of answers", id="no list"),
        pytest.param("- x", 1, "an answer has the keys commit, exception, why, ticket", id="a word"),
        pytest.param(f"{ONE}  who: me", 5, "unknown key 'who'", id="another key"),
        pytest.param(f"- commit: {SHA}\n  exception: unknown\n  why: [x]", 3, "why must be a string", id="a list"),
        pytest.param(f"- commit: {SHA}\n  exception: unknown\n  why: ''", 3, "why must be a string", id="no reason"),
        pytest.param(f"- commit: {SHA}\n  why: x", 1, "an answer needs exception", id="to nothing"),
        pytest.param("- commit: abc\n  exception: unknown\n  why: x", 1, "all 40 digits", id="a short commit"),
        pytest.param(
            f"- commit: {SHA}\n  exception: late\n  why: x", 1, "must be one of direct-push", id="no exception"
        ),
        pytest.param("- a\n- [", 3, "exceptions.yml:3", id="no YAML"),
    ],
)
def test_what_is_no_answer_is_named_with_its_line(text: str, line: int, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_entries(text)

    assert message in str(error.value)
    assert error.value.line == line


def ledger(*facts: Any) -> Ledger:
    return Ledger.of(read_records(written(*facts)))


def test_an_answered_exception_stays_and_has_its_answer() -> None:
    before, after = ledger(UNAPPROVED).view(), ledger(UNAPPROVED, ANSWER).view()

    assert [entry["exception"] for entry in before.exceptions] == [entry["exception"] for entry in after.exceptions]
    assert [change["result"] for change in before.changes] == [change["result"] for change in after.changes]
    answered = {entry["exception"] for entry in after.exceptions if entry not in unanswered(after.exceptions)}
    assert answered == {"not-approved"}
    assert len(unanswered(after.exceptions)) == len(after.exceptions) - 1
    assert [answer_to(entry) for entry in after.exceptions if "answer" in entry] == [
        "reviewed (INC-7), by alice, approved by bob"
    ]


def test_an_answer_to_another_commit_or_another_exception_answers_nothing() -> None:
    others = [asdict(ANSWER) | given for given in ({"commit": "9" * 40}, {"exception": "unsigned"})]
    view = ledger(UNAPPROVED, GAP, *(Answer(**each) for each in others)).view()

    assert unanswered(view.exceptions) == view.exceptions


def test_a_second_answer_to_the_same_cannot_be_right() -> None:
    with pytest.raises(TamperedError, match="it answers not-approved of bbbbbbbbbbbb a second time"):
        ledger(UNAPPROVED, ANSWER, ANSWER)


def test_answers_are_shown_whatever_they_are() -> None:
    hostile = Answer(**(asdict(ANSWER) | {"why": HOSTILE, "url": f"javascript:{HOSTILE}", "ticket": ""}))
    view = ledger(UNAPPROVED, hostile).view()

    shown = page(view, Chain(), START, Period())
    table = evidence_table(view)

    assert "Answered: &lt;script&gt;" in shown
    assert "<script>" not in shown
    assert "javascript:&lt;script&gt;" not in shown
    assert "not-approved: <script>" in table
    assert json.dumps(HOSTILE) not in table
