"""The page that an auditor reads."""

from __future__ import annotations

import re
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest

from actions.evidence.chain import Chain
from actions.evidence.facts import Collected, Listing
from actions.evidence.judgement import ExceptionKind
from actions.evidence.meanings import MEANINGS
from actions.evidence.page import page
from actions.evidence.period import Period
from actions.evidence.records import Record
from tests.unit.evidence.records import HOSTILE, START, at, begin, between, change, moment, pull, view

VOID = {"meta", "rect", "line", "br"}


class Structure(HTMLParser):
    """What a page is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.headings: list[int] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given_ = dict(attrs)
        self.seen.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        assert not any(name.startswith("on") for name in given_)
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


MADE = Collected(
    at=moment(9), run="https://github.example/your-org/infra/actions/runs/5/attempts/1", actor=HOSTILE, action=HOSTILE,
    head="e" * 40, kept="d" * 40,
)  # fmt: skip


def other(*exceptions: dict[str, str], needs_review: bool = True, bypassed: bool = False) -> dict[str, Any]:
    """A commit that changed nothing of the environment."""
    return {
        "record": "commit", "sha": "f" * 40, "environment": "", "at": moment(1), "by": HOSTILE, "url": "",
        "title": HOSTILE, "suite": {"result": "bypass"} if bypassed else None, "reason": HOSTILE,
        "needs_review": needs_review, "exceptions": [*exceptions], "follows": "",
    }  # fmt: skip


def report(
    *changes: dict[str, Any],
    stray: bool = False,
    others: tuple[dict[str, Any], ...] = (),
    period: Period | None = None,
) -> str:
    finding = {"exception": "deployment-without-change", "detail": HOSTILE}
    known: dict[str, Any] = {"record": "deployment", "sha": "f" * 40, "at": moment(1), "follows": ""}
    strays = [known | {"exceptions": [finding]}] if stray else []
    chain, _ = Chain().with_records([begin(), *changes, *strays])
    listing = Record(Listing(head="e" * 40, paths=("envs/prod.json", HOSTILE)), MADE)
    shown = view(*changes, others=(*strays, *others), listing=listing if changes else None)
    return page(shown, chain, START + timedelta(days=20), period or Period())


def hostile() -> dict[str, Any]:
    """A change of which every text is one that means harm."""
    text = HOSTILE
    suite = {"result": text, "actor": text, "evaluated": [{"rule": text, "source": text, "result": "fail"}]}
    rules = [{"name": text, "since": text, "sha256": text}, {"name": text, "since": "", "sha256": ""}]
    commit = {"sha": "e" * 40, "title": text, "author": text, "at": moment(2), "verified": False, "pull": pull(text)}
    found = change(text, 3, "hotfix", commit=commit, suite=suite, rules=rules, reason=text, approved_by=text)
    found |= {"approved_at": moment(3), "exceptions": [{"exception": "unknown", "detail": text}]}
    found["moves"][0] |= {"service": text, "before": text, "repository": text, "released": text, "compared": text}
    found["moves"][0]["commits"][0] |= {"title": text, "author": text, "approved_by": text, "pull": pull(text)}
    found["deployments"][0] |= {"environment": text, "verdicts": [{"gate": text, "message": text}], "adopted": True}
    found["deployments"][0]["run"] |= {"url": f"javascript:{text}", "triggering_actor": text, "approvals": [text]}
    return found


def pages() -> dict[str, str]:
    emergency = change("x", 30, "rollback", later_review={"by": "bob", "at": moment(31)}, reason="it is bad")
    approved = change("y", 40, "hotfix", approved_by="bob", approved_at=moment(39))
    return {
        "empty": report(),
        "good": report(change("a", 1), change("b", 24 * 12)),
        "mixed": report(
            change("a", 1),
            emergency,
            change("z", 50, "hotfix"),
            approved,
            hostile(),
            stray=True,
            others=(
                other({"exception": HOSTILE, "detail": HOSTILE}),
                other(needs_review=False, bypassed=True),
                other(),
            ),
        ),
    }


@pytest.mark.parametrize("name", ["empty", "good", "mixed"])
def test_a_page_is_well_formed_and_needs_nothing_else(name: str) -> None:
    text = pages()[name]
    structure = Structure()
    structure.feed(text)

    assert text.startswith('<!doctype html>\n<html lang="en">')
    assert structure.open == []
    assert not {"script", "img", "iframe", "link", "object", "form"} & set(structure.seen)
    assert all(link.startswith(("https://github.example/", "#c")) for link in structure.links), structure.links
    assert "default-src 'none'" in text
    assert not re.findall(r"url\(|@import|<base|http-equiv=.?refresh", text)
    assert HOSTILE not in text
    assert "<script>" not in text


@pytest.mark.parametrize("name", ["empty", "good", "mixed"])
def test_a_page_can_be_read_by_those_who_do_not_see_it(name: str) -> None:
    """Headings in order, heads of tables with their scope, a picture with its words, links that lead somewhere."""
    text = pages()[name]
    structure = Structure()
    structure.feed(text)

    assert structure.headings[0] == 1
    assert all(after <= before + 1 for before, after in zip(structure.headings, structure.headings[1:], strict=False))
    assert text.count("<th ") == text.count("<th scope=")
    assert text.count("<table>") == text.count("<caption>")
    assert text.count("<svg") == text.count('role="img" aria-labelledby')
    assert len(structure.ids) == len(set(structure.ids))
    inner = {link[1:] for link in structure.links if link.startswith("#")}
    assert inner <= set(structure.ids)


def test_a_page_says_what_an_auditor_looks_for_first() -> None:
    found = pages()

    assert "None. Every change passed, and every deployment has a change." in found["good"]
    assert found["mixed"].index("<h2>Exceptions</h2>") < found["mixed"].index("<h2>Deployed versions over time</h2>")
    assert "bob, 2026-01-02 07:00 UTC" in found["mixed"]
    assert "not yet" in found["mixed"]
    assert "not needed" in found["mixed"]
    assert "no change" in found["empty"]
    assert found["mixed"].count("by the right to bypass") == 1
    assert found["good"].index("how the list was made") < found["good"].index("<h2>Exceptions</h2>")
    assert "from the first one on, that changed <code>envs/prod.json</code>" in found["good"]
    assert "have the content reviewed" not in found["mixed"]
    assert MEANINGS["unknown"] in found["mixed"]
    assert ">your-org/infra/actions/runs/5/attempts/1</a>, for" in found["good"]
    assert "(changed since)" in found["mixed"]
    assert found["mixed"].count("it ran before there were records") == 1


def test_every_exception_has_a_meaning() -> None:
    assert MEANINGS.keys() == set(ExceptionKind)


def test_the_page_of_a_period_counts_its_changes_and_says_of_how_many() -> None:
    told = report(at(1), at(30), at(60), stray=True, period=between(24, 48))

    assert "from 2026-01-02 to 2026-01-02: 1 of the 3 changes recorded since the first commit" in told
    assert told.count("<article") == 1
    assert "deployment-without-change" not in told
    assert "<dt>Changes</dt><dd>1<small>" in told
