"""What is made of the facts: the chain of records, the table, the metrics, the page.

How facts are collected and judged is tested on the sandbox.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import json
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.errors import TamperedError
from actions.evidence.branch_history import BranchHistory
from actions.evidence.chain import Chain, canonical, whole_lines
from actions.evidence.facts import Change, Commit, Kind, Move
from actions.evidence.judgement import find_exceptions
from actions.evidence.ledger import Ledger
from actions.evidence.metrics import measure
from actions.evidence.page import page
from actions.evidence.period import FIRST, Period
from actions.evidence.table import COLUMNS, FORMULA, safe, table
from actions.evidence.timeline import timeline

if TYPE_CHECKING:
    from pathlib import Path

START = datetime(2026, 1, 1, tzinfo=UTC)
VOID = {"meta", "rect", "line", "br"}
HOSTILE = "<script>alert(1)</script>\"'&=cmd|' /C calc'!A0\n\u202e`${{ x }}"
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
a_record = st.fixed_dictionaries({"record": st.sampled_from(["change", "amendment", "deployment"]), "x": json_values})
more_records = st.lists(a_record, min_size=1, max_size=5)
records = more_records.map(lambda found: [{"record": "start"}, *found])


def lines_of(found: list[dict[str, Any]]) -> list[bytes]:
    return Chain().with_records(found)[1].splitlines(keepends=True)


def moment(hours: float) -> str:
    return f"{START + timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}"


def change(name: str, hours: float, kind: str = "update", **more: Any) -> dict[str, Any]:
    """One change of the api to *name*, built an hour before it was deployed."""
    move = {
        "service": "api", "file": "envs/prod.json", "before": "", "after": name, "order": "ahead",
        "repository": "your-org/app", "sha": "c" * 40, "built_at": moment(hours - 1), "released": "main",
        "required_checks": [], "missing_checks": [], "skipped_checks": [], "commits_in_all": 1,
        "commits": [{"sha": "c" * 40, "title": name, "author": "alice", "pull": None, "approved_by": ""}],
    }  # fmt: skip
    run = {
        "id": 5,
        "url": "https://github.example/runs/5",
        "triggering_actor": "alice",
        "approvals": ["olivia: approved, prod"],
    }
    deployment = {
        "id": 1, "environment": "prod", "sha": "d" * 40, "creator": "x", "created_at": moment(hours),
        "succeeded_at": moment(hours), "failed_before": 1, "url": "", "run": run,
    }  # fmt: skip
    return {
        "record": "change", "environment": "prod", "kind": kind, "emergency": kind in ("rollback", "hotfix"),
        "commit": {
            "sha": hashlib.sha1(f"{name} {hours}".encode(), usedforsecurity=False).hexdigest(), "title": name,
            "author": "alice", "at": moment(hours), "verified": True, "pull": None,
        },
        "moves": [move], "reason": "", "deployments": [deployment], "undeployed": [], "rules": None, "suite": None,
        "approved_by": "", "approved_at": "", "later_review": None, "needs_review": True, "exceptions": [],
        "movement": None,
    } | more  # fmt: skip


def begin() -> dict[str, Any]:
    return {
        "record": "start", "server": "https://github.example", "repository": "your-org/infra", "environment": "prod",
        "branch": "main", "after": "",
    }  # fmt: skip


def pull(text: str) -> dict[str, Any]:
    return {
        "number": 1, "url": f"javascript:{text}", "title": text, "author": text, "merged_by": text,
        "merged_at": moment(0), "requesters": [text], "writers": [text], "tickets": [text],
        "checks": [{"name": text, "conclusion": text}],
    }  # fmt: skip


# The chain


@given(records)
def test_what_was_written_is_read(found: list[dict[str, Any]]) -> None:
    chain, content = Chain().with_records(found)

    assert Chain.read(content) == chain
    assert [{**record, "previous": ""} for record in chain.records] == [{**record, "previous": ""} for record in found]


@given(records, st.data())
def test_any_byte_that_is_changed_is_found(found: list[dict[str, Any]], data: st.DataObject) -> None:
    """Up to the last line, by the chain itself; in the last one by who knows its SHA-256."""
    chain, content = Chain().with_records(found)
    place = data.draw(st.integers(0, len(content) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda byte: byte != content[place]))
    tampered = content[:place] + bytes([byte]) + content[place + 1 :]

    with pytest.raises(TamperedError):
        Chain.read(tampered).require(chain.head)


@given(records, st.data())
def test_any_line_that_is_removed_or_moved_is_found(found: list[dict[str, Any]], data: st.DataObject) -> None:
    lines = lines_of(found)
    head = Chain.read(b"".join(lines)).head
    without = data.draw(st.integers(0, len(lines) - 1))
    shuffled = data.draw(st.permutations(lines))

    with pytest.raises(TamperedError):
        Chain.read(b"".join(lines[:without] + lines[without + 1 :])).require(head)
    if shuffled != lines:
        with pytest.raises(TamperedError):
            Chain.read(b"".join(shuffled))


@given(records, more_records)
def test_adding_changes_nothing_of_what_is_there(one: list[dict[str, Any]], two: list[dict[str, Any]]) -> None:
    first, content = Chain().with_records(one)

    whole, more = first.with_records(two)

    assert Chain.read(content + more) == whole
    whole.require(first.head)


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), json_values, max_size=4))
def test_a_record_is_one_line_and_there_is_one_way_to_write_it(record: dict[str, Any]) -> None:
    line = canonical(record)

    assert b"\n" not in line
    assert canonical(json.loads(line)) == line


@pytest.mark.parametrize("line", [b"[]", b"{}", b'{"previous": 1}', b"\xff", b"[" * 100_000, b'{"previous":"x"}'])
def test_what_is_no_record_is_found(line: bytes) -> None:
    with pytest.raises(TamperedError, match="line 1 "):
        Chain.read(line + b"\n")


def test_a_half_line_at_the_end_goes() -> None:
    assert whole_lines(b"a\nb\nhal") == b"a\nb\n"
    assert whole_lines(b"hal") == b""


# The judgement


def test_commits_that_are_not_listed_are_unknown() -> None:
    commit = Commit(sha="a" * 40, title="x", author="alice", at=moment(0), verified=True, pull=None)
    move = Move(
        service="api", file="envs/prod.json", before="1", after="2", order="ahead", repository="your-org/app",
        sha="b" * 40, released="main", commits_in_all=3,
    )  # fmt: skip
    found = Change(
        environment="prod", commit=commit, parents=("c" * 40,), kind=Kind.UPDATE, needs_review=True, reason="",
        bots=(), moves=(move,), tags_before={}, tags={},
    )  # fmt: skip

    assert "3 more commits of your-org/app in api 2" in [finding.detail for finding in find_exceptions(found)]


# The table


@given(st.text())
def test_no_cell_is_a_formula_and_each_is_on_one_line(text: str) -> None:
    cell = safe(text)

    assert not cell.startswith(FORMULA)
    assert "\n" not in cell
    assert "\r" not in cell


def test_a_row_of_the_table_is_a_change() -> None:
    commit = {"sha": "e" * 40, "title": "=1+1", "author": "x", "at": moment(0), "verified": False, "pull": pull("=x")}
    chain, _ = Chain().with_records([begin(), change("a", 1, commit=commit), change("b", 2)])

    rows = list(csv.DictReader(StringIO(table(Ledger.of(chain.records)))))

    assert tuple(rows[0]) == COLUMNS
    assert (rows[0]["title"], rows[0]["author"], rows[0]["merged_by"]) == ("'=x", "'=x", "'=x")
    assert (rows[1]["changes"], rows[1]["deployed_at"]) == ("api (none) -> b", "2026-01-01T02:00:00Z")
    assert rows[1]["deployed_by"] == "alice (run 5)"


# The metrics


def test_metrics_are_computed_from_the_records() -> None:
    """Two good changes, a bad one that is rolled back after two hours, and a hotfix of the last good one."""
    changes = [
        change("first", 0, "first"),
        change("a", 24),
        change("b", 100),
        change("a", 102, "rollback"),
        change("c", 24 * 10),
        change("d", 24 * 10 + 6, "hotfix"),
    ]

    found = measure(changes, changes)

    assert found.lead_time == timedelta(hours=1)
    assert found.failure_rate == pytest.approx(2 / 3)
    assert found.time_to_restore == timedelta(hours=4)
    assert found.per_week == pytest.approx(5 / ((24 * 9 + 6) / (24 * 7)))


def test_a_change_that_failed_after_the_others_that_are_measured_has_failed_all_the_same() -> None:
    good, bad, mended = change("a", 1), change("b", 5), change("a", 8, "rollback")

    found = measure([good, bad], [good, bad, mended])

    assert (found.failure_rate, found.time_to_restore) == (1 / 2, timedelta(hours=3))


def test_where_there_is_nothing_to_tell_from_nothing_is_told() -> None:
    changes = [change("a", 0, deployments=[])]

    found = measure(changes, changes)

    assert (found.lead_time, found.per_week, found.failure_rate, found.time_to_restore) == (None,) * 4


def test_a_service_that_goes_ends_its_bar() -> None:
    gone = change("", 2)

    picture = timeline([change("a", 1), gone], FIRST, START + timedelta(hours=3))

    assert picture.count("<rect x=") == 1 + 4  # and four of the legend
    assert timeline([], FIRST, START) == ""


def test_the_picture_of_a_period_has_what_ran_in_it_whenever_that_came() -> None:
    changes = [change("old", 1), change("mid", 20), change("new", 60), change("next", 90)]
    since, until = (START + timedelta(hours=hours) for hours in (30, 70))

    picture = timeline(changes, since, until)

    tags = re.findall(r"<title>api (\w+), update, since ([^<]*)</title>", picture)
    assert tags == [("mid", "2026-01-01 20:00 UTC"), ("new", "2026-01-03 12:00 UTC")]
    (mid, new) = [(float(x), float(w)) for x, w in re.findall(r"<rect x=([\d.]+) y=26 width=([\d.]+)", picture)]
    assert mid[0] == 130
    assert mid[0] + mid[1] == pytest.approx(new[0], abs=0.2)
    assert new[0] + new[1] == pytest.approx(1070, abs=0.2)


# The line of a branch


def line_of(*commits: tuple[str, str]) -> BranchHistory:
    """Return the line of commits, each with the names of its parents, newest first."""
    return BranchHistory.of(
        {"oid": sha, "committedDate": moment(0), "parents": {"nodes": [{"oid": parent} for parent in parents]}}
        for sha, parents in commits
    )


def test_a_merge_that_brought_what_is_known_is_no_change_by_itself() -> None:
    """The branch was merged into a pull request, which was then merged."""
    line = line_of(("m", "bg"), ("g", "fb"), ("b", "a"), ("f", "a"), ("a", ""))

    assert line.merges_without("b") == ["m"]
    assert line.merges_without("f") == ["g"]
    assert line.merges_without("a") == ["m", "g"]
    assert line.sorted("mgbfa") == ["a", "b", "f", "g", "m"]


def test_evidence_that_begins_after_a_merge_begins_after_all_that_it_brought() -> None:
    line = line_of(("n", "m"), ("m", "bf"), ("f", "a"), ("b", "a"), ("a", ""))
    dated = dataclasses.replace(line, made={**line.made, "n": moment(9)})

    begins = dated.before(moment(5))

    assert begins == "m"
    assert line.ancestors(begins) == {"m", "f", "b", "a"}


def test_what_a_commit_contains_goes_by_its_parents() -> None:
    """The wrong way round: the branch that was there is the second parent."""
    line = line_of(("m", "hb"), ("b", "a"), ("h", "a"), ("a", ""))

    contained = {(one, other) for one in "mbha" for other in "mbha" if line.contains(one, other)}

    assert {one for one, other in contained if other == "h"} == {"m", "h"}
    assert {one for one, other in contained if other == "b"} == {"m", "b"}
    assert not line.contains("x", "a")
    assert not line.contains("a", "x")


# A period


def at(hours: float | None) -> dict[str, Any]:
    """A change that came to the branch then; its commit says that it was made on another day."""
    movement = None if hours is None else {"kind": "push", "actor": "alice", "at": moment(hours)}
    return change(f"{hours}", -1000, movement=movement)


def between(since: float | None, until: float | None) -> Period:
    given_ = {"since": since, "until": until}
    return Period(**{name: START + timedelta(hours=hours) for name, hours in given_.items() if hours is not None})


def of(period: Period, changes: list[dict[str, Any]], strays: list[dict[str, Any]] | None = None) -> list[str]:
    found = period.of(Ledger(begins=begin(), changes=changes, strays=strays or []))
    return [each["commit"]["title"] for each in found.changes] + [each["sha"] for each in found.strays]


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        (None, None, ["1", "2", "3"]),
        (2, None, ["2", "3"]),
        (None, 2, ["1"]),
        (2, 3, ["2"]),
        (2.5, 2.7, []),
        (4, None, []),
    ],
)
def test_a_period_has_what_came_to_the_branch_within_it(
    since: float | None, until: float | None, expected: list[str]
) -> None:
    assert of(between(since, until), [at(1), at(2), at(3)]) == expected


def test_without_a_record_of_its_move_a_change_came_when_its_pull_request_was_merged() -> None:
    merged = at(None)
    merged["commit"]["pull"] = pull("x")

    assert of(between(0, 1), [merged]) == ["None"]
    assert of(between(1, None), [merged]) == []


@pytest.mark.parametrize(("since", "until", "there"), [(0, 1, False), (0, 2, True), (2, 3, True), (4, 5, False)])
def test_a_change_of_which_nobody_knows_when_it_came_is_wherever_it_may_have(
    since: float, until: float, *, there: bool
) -> None:
    assert ("None" in of(between(since, until), [at(1), at(None), at(3)])) is there


@given(st.lists(st.none() | st.integers(0, 9), max_size=8), st.integers(-1, 10))
def test_what_is_not_before_a_moment_is_after_it(hours: list[int | None], then: int) -> None:
    changes = [at(hour) for hour in hours]
    before, after = ({id(each) for each in period.of(Ledger(begins={}, changes=changes, strays=[])).changes}
                     for period in (between(None, then), between(then, None)))  # fmt: skip

    assert before | after == {id(each) for each in changes}
    assert not any(id(each) in before & after for each in changes if each["movement"])


def test_what_is_no_change_has_its_time_or_came_between_what_was_before_it_and_its_record() -> None:
    known = {"follows": at(4)["commit"]["sha"], "collected": {"at": moment(6)}}
    strays = [{"sha": "then", "at": moment(1), **known}, {"sha": "gap", "at": "", **known}]

    found = {
        (since, until): of(between(since, until), [at(4)], strays) for since, until in ((0, 2), (2, 4), (4, 5), (5, 7))
    }

    assert found == {(0, 2): ["then"], (2, 4): [], (4, 5): ["4", "gap"], (5, 7): ["gap"]}
    assert of(between(7, None), [], strays) == []
    assert of(between(0, 1), [], strays) == ["gap"]  # with nothing recorded before it


@pytest.mark.parametrize(
    ("since", "until", "said"),
    [
        (None, None, ""),
        (0, None, "from 2026-01-01"),
        (None, 48, "to 2026-01-02"),
        (1, 49, "from 2026-01-01 01:00:00 UTC until 2026-01-03 01:00:00 UTC"),
    ],
)
def test_a_period_says_its_days(since: float | None, until: float | None, said: str) -> None:
    assert str(between(since, until)) == said


def test_the_page_of_a_period_counts_its_changes_and_says_of_how_many() -> None:
    told = report(at(1), at(30), at(60), stray=True, period=between(24, 48))

    assert "from 2026-01-02 to 2026-01-02: 1 of the 3 changes recorded since the first commit" in told
    assert told.count("<article") == 1
    assert "deployment-without-change" not in told
    assert "<dt>Changes</dt><dd>1<small>" in told


# The page


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


def report(*changes: dict[str, Any], stray: bool = False, period: Period | None = None) -> str:
    finding = {"exception": "deployment-without-change", "detail": HOSTILE}
    strays = [{"record": "deployment", "sha": "f" * 40, "at": moment(1), "exceptions": [finding]}] if stray else []
    chain, _ = Chain().with_records([begin(), *changes, *strays])
    return page(Ledger.of(chain.records), chain, START + timedelta(days=20), period or Period())


def hostile() -> dict[str, Any]:
    """A change of which every text is one that means harm."""
    text = HOSTILE
    suite = {"result": text, "actor": text, "broken": [text]}
    rules = [{"name": text, "since": text, "sha256": text}]
    commit = {"sha": "e" * 40, "title": text, "author": text, "at": moment(2), "verified": False, "pull": pull(text)}
    found = change(text, 3, "hotfix", commit=commit, suite=suite, rules=rules, reason=text, approved_by=text)
    found |= {"approved_at": moment(3), "exceptions": [{"exception": "unknown", "detail": text}]}
    found["moves"][0] |= {"service": text, "before": text, "repository": text, "released": text}
    found["moves"][0]["commits"][0] |= {"title": text, "author": text, "approved_by": text, "pull": pull(text)}
    found["deployments"][0] |= {"environment": text}
    found["deployments"][0]["run"] |= {"url": f"javascript:{text}", "triggering_actor": text, "approvals": [text]}
    return found


def pages() -> dict[str, str]:
    emergency = change("x", 30, "rollback", later_review={"by": "bob", "at": moment(31)}, reason="it is bad")
    approved = change("y", 40, "hotfix", approved_by="bob", approved_at=moment(39))
    return {
        "empty": report(),
        "good": report(change("a", 1), change("b", 24 * 12)),
        "mixed": report(change("a", 1), emergency, change("z", 50, "hotfix"), approved, hostile(), stray=True),
    }


@pytest.mark.parametrize("name", pages())
def test_a_page_is_well_formed_and_needs_nothing_else(name: str) -> None:
    text = pages()[name]
    structure = Structure()
    structure.feed(text)

    assert text.startswith('<!doctype html>\n<html lang="en">')
    assert structure.open == []
    assert not {"script", "img", "iframe", "link", "object", "form"} & set(structure.seen)
    assert all(link.startswith(("https://github.example/", "#c")) for link in structure.links), structure.links
    assert "default-src 'none'" in text
    assert HOSTILE not in text
    assert "<script>" not in text


@pytest.mark.parametrize("name", pages())
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


def test_a_browser_shows_the_page(tmp_path: Path) -> None:
    """If there is one: a picture is made that is not blank."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    (tmp_path / "page.html").write_text(pages()["mixed"], encoding="utf-8")
    if browser:
        flags = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
        picture = tmp_path / "page.png"
        subprocess.run(
            [browser, *flags, f"--user-data-dir={tmp_path}/profile", "--window-size=1200,1600",
             f"--screenshot={picture}", f"file://{tmp_path}/page.html"],
            check=True, capture_output=True, timeout=60,
        )  # fmt: skip
        assert picture.stat().st_size > 20_000
