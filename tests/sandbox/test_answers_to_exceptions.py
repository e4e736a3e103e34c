"""exceptions.yml: an answer to an exception counts if somebody independent approved it, and removes nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from actions.evidence.answers import read_entries
from sandbox.world import BOT
from tests.sandbox.exported import FILE, Exported
from tests.support import ROOT

if TYPE_CHECKING:
    from tests.support import Result


def entry(sha: str, exception: str = "not-approved", why: str = "reviewed afterwards") -> str:
    return f"- commit: {sha}\n  exception: {exception}\n  why: {why}\n  ticket: INC-7\n"


@pytest.fixture(name="unapproved")
def _unapproved(delivery: Exported) -> tuple[Exported, str]:
    """A change that nobody approved, and says why."""
    sha = delivery.bump(
        delivery.release(), by=BOT, approved_by="", merged_by=BOT, message="Update prod\n\nReason: the shop is down"
    )
    return delivery, sha


def answer(delivery: Exported, text: str, **how: str) -> str:
    return delivery.land(delivery.github.world.infra, {"exceptions.yml": text}, message="Answer", **how)


def ended(result: Result) -> tuple[int, str]:
    return result.exit_code, result.outputs["reason"]


def test_an_approved_answer_turns_the_run_green_and_stays_visible(unapproved: tuple[Exported, str]) -> None:
    delivery, sha = unapproved
    red = delivery.export(fail_on_exceptions="unanswered")
    brought = answer(delivery, entry(sha))

    green = delivery.export(fail_on_exceptions="unanswered")
    strict = delivery.export(fail_on_exceptions="true")

    assert ended(red) == (7, "exceptions-found")
    assert ended(green) == (0, "exported"), green.log
    assert ended(strict) == (7, "exceptions-found")
    (recorded,) = [line for line in delivery.lines() if line["record"] == "answer"]
    assert (recorded["commit"], recorded["why"], recorded["ticket"]) == (sha, "reviewed afterwards", "INC-7")
    assert (recorded["sha"], recorded["approved_by"]) == (brought, "bob")
    (shown,) = green.json("exceptions")
    assert shown["exception"] == "not-approved"
    assert shown["answer"]["approved_by"] == "bob"
    assert "reviewed afterwards (INC-7), by alice, approved by bob" in green.summary.replace("&#58;", ":")
    assert "✅ Evidence of prod" in green.summary
    page, table = (delivery.github.runner.read(f"evidence/evidence.{kind}") for kind in ("html", "csv"))
    assert "Answered: " in page
    assert "not-approved: reviewed afterwards (INC-7), by alice, approved by bob" in table
    assert ended(delivery.export(mode="verify", fail_on_exceptions="unanswered")) == (0, "verified")


def test_an_answer_is_recorded_once_and_cannot_be_taken_back(unapproved: tuple[Exported, str]) -> None:
    delivery, sha = unapproved
    answer(delivery, entry(sha))
    delivery.export()
    answer(delivery, "# nothing\n")

    gone = delivery.export(fail_on_exceptions="unanswered")
    answer(delivery, entry(sha, why="something else"))
    again = delivery.export(fail_on_exceptions="unanswered")

    assert gone.exit_code == again.exit_code == 0
    assert [line["why"] for line in delivery.lines() if line["record"] == "answer"] == ["reviewed afterwards"]


@pytest.mark.parametrize("pushed", [False, True])
def test_an_answer_that_nobody_approved_counts_for_nothing(unapproved: tuple[Exported, str], *, pushed: bool) -> None:
    delivery, sha = unapproved
    infra, text = delivery.github.world.infra, entry(sha)
    delivery.without_rules()
    if pushed:
        delivery.push(infra, "main", {"exceptions.yml": text}, message="Answer", by="olivia")
    else:
        delivery.land(infra, {"exceptions.yml": text}, message="Answer", approved_by="")

    result = delivery.export(fail_on_exceptions="unanswered")

    assert ended(result) == (7, "exceptions-found")
    assert f"nobody independent approved the answer to not-approved of {sha[:12]}" in result.log
    assert "answer" not in [line["record"] for line in delivery.lines()]


def test_who_brought_an_answer_is_found_though_the_file_was_broken_before(unapproved: tuple[Exported, str]) -> None:
    delivery, sha = unapproved
    answer(delivery, "- nonsense\n")
    answer(delivery, entry(sha) + entry("f" * 40))
    brought = delivery.github.world.infra.git.head("main")
    answer(delivery, entry(sha) + entry("f" * 40) + "# more\n")

    delivery.export()

    assert [line["sha"] for line in delivery.lines() if line["record"] == "answer"] == [brought]


def test_a_broken_file_fails_the_run_after_what_is_new_was_recorded(unapproved: tuple[Exported, str]) -> None:
    delivery, sha = unapproved
    answer(delivery, "- commit: x\n")

    result = delivery.export()

    assert ended(result) == (3, "invalid-config")
    assert "exceptions.yml:1: an answer needs exception" in result.log
    assert sha in delivery.github.runner.read(FILE)


def test_the_page_shows_an_answer_that_is_one() -> None:
    text = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8").partition("## Exceptions answered")[2]

    (snippet,) = re.findall(r"(?ms)^```text\n(.*?)^```$", text)[:1]

    assert read_entries(snippet)[0].exception == "not-approved"
