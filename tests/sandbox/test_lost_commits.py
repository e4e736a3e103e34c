"""Which commits are lost if one tag replaces another: by their patches, and by what cherry-picks say of themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from actions.api.client import Client
from actions.api.comparison import Comparison
from actions.app.lost_commits import LostCommits
from actions.app.repository import AppRepository
from sandbox.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.sandbox.scenarios import GitHub

Files = dict[str, bytes | None]
LINES = [f"line {number}\n".encode() for number in range(30)]
BINARY = bytes(range(256))


@dataclass(frozen=True)
class Lines:
    """The app with two lines of commits: a hotfix and the default branch."""

    github: GitHub
    start: str

    @property
    def app(self) -> AppRepository:
        """Return the app repository as an action reads it."""
        return AppRepository(Client("your-org/app", self.github.bot, self.github.sandbox.environment()))

    def commits(self, branch: str, changes: Mapping[str, Files]) -> str:
        """Return the last of the commits, a title and its files each, that *branch* adds to the start."""
        git, alice = self.github.world.app.git, self.github.sandbox.state.users["alice"].person
        head = self.start
        for message, files in changes.items():
            head = git.commit(parents=[head], message=message, author=alice, files=files)
        git.set_ref(f"refs/heads/{branch}", head)
        return head

    def lost(self, hotfix: Mapping[str, Files], new: Mapping[str, Files]) -> list[str]:
        """Return the titles of the commits of *hotfix* that are lost."""
        found = self.app.lost_commits(self.commits("hotfixes/x", hotfix), self.commits("main", new))
        return [title.partition(" ")[2] for title in found]


@pytest.fixture(name="lines")
def _lines(github: GitHub) -> Lines:
    git, alice = github.world.app.git, github.sandbox.state.users["alice"].person
    head = git.head("main") or ""
    start = git.commit(parents=[head], message="Start", author=alice, files={"text": b"".join(LINES), "blob": BINARY})
    return Lines(github, start)


def text(changed: int | None = None, *, first: bytes = b"") -> bytes:
    """Return the text with one line changed, and lines put *first*."""
    return first + b"".join(b"changed\n" if number == changed else line for number, line in enumerate(LINES))


def many(count: int) -> Files:
    return {f"many/{number}": b"x\n" for number in range(count)}


@pytest.mark.parametrize(
    ("hotfix", "new", "expected"),
    [
        pytest.param({"Fix": {"a": b"1\n"}}, {"Else": {"a": b"1\n"}}, [], id="the same patch"),
        pytest.param({"Fix": {"a": b"1\n"}}, {"Else": {"a": b"2\n"}}, ["Fix"], id="another patch of the same size"),
        pytest.param({"Fix": {"a": b"1\n"}}, {"Else": {"b": b"1\n"}}, ["Fix"], id="the same text in another file"),
        pytest.param({"Fix": {"a": b"1\n"}}, {"Else": {"a": b"1\n", "b": b"2\n"}}, ["Fix"], id="one file more"),
        pytest.param(
            {"Fix": {"text": text(20)}},
            {"Header": {"text": text(first=b"first\n")}, "Else": {"text": text(20, first=b"first\n")}},
            [],
            id="the same patch some lines below",
        ),
        pytest.param(
            {"One": {"a": b"1\n"}, "Two": {"b": b"2\n"}}, {"Else": {"b": b"2\n"}}, ["One"], id="the second of two"
        ),
        pytest.param(
            {"One": {"a": b"1\n"}, "Two": {"b": b"2\n2\n"}},
            {"B": {"b": b"2\n2\n"}, "A": {"a": b"1\n"}},
            [],
            id="two of different sizes",
        ),
        pytest.param({"Fix": {"blob": BINARY[::-1]}}, {"Else": {"blob": BINARY[::-1]}}, ["Fix"], id="no text"),
        pytest.param(
            {"Fix": {"a": b"1\n", "blob": BINARY[::-1]}},
            {"Else": {"a": b"1\n", "blob": BINARY[::-1]}},
            ["Fix"],
            id="text and something else",
        ),
        pytest.param({"Fix": {}}, {"Else": {}}, ["Fix"], id="no files"),
        pytest.param({"Fix": many(299)}, {"Else": many(299)}, [], id="all files that GitHub shows"),
        pytest.param({"Fix": many(300)}, {"Else": many(300)}, ["Fix"], id="more files than GitHub shows"),
        pytest.param({"x" * 81: {}}, {"Else": {}}, ["x" * 80], id="a long title"),
    ],
)
def test_a_commit_without_an_equivalent_is_lost(
    lines: Lines, hotfix: dict[str, Files], new: dict[str, Files], expected: list[str]
) -> None:
    assert lines.lost(hotfix, new) == expected


def test_lost_commits_are_named_by_their_abbreviated_shas(lines: Lines) -> None:
    fix, new = lines.commits("hotfixes/x", {"Fix": {"a": b"1\n"}}), lines.commits("main", {"Else": {"b": b"2\n"}})

    assert lines.app.lost_commits(fix, new) == (f"{fix[:12]} Fix",)


def test_a_commit_that_was_picked_is_not_lost_whatever_its_patch(lines: Lines) -> None:
    fix = lines.commits("hotfixes/x", {"Fix": {"a": b"1\n"}})
    picked = lines.commits("main", {f"Else\n\n(cherry picked from commit {fix})": {"a": b"2\n"}})
    lines.github.operations()

    assert lines.app.lost_commits(fix, picked) == ()
    assert "GET /repos/{owner}/{repo}/commits/{ref}" not in lines.github.operations()


def test_a_commit_picked_from_what_the_new_tag_contains_is_not_lost(lines: Lines) -> None:
    source = lines.commits("main", {"Source": {"a": b"2\n"}, "Later": {"b": b"1\n"}})
    picked = f"Fix\n\n(cherry picked from commit {lines.github.world.app.git.get(source).parent_ids[0]})"
    elsewhere = lines.commits("feature", {"Elsewhere": {"a": b"2\n"}})
    other = f"Other\n\n(cherry picked from commit {elsewhere})"
    fix = lines.commits("hotfixes/x", {picked: {"a": b"1\n"}, other: {"c": b"1\n"}})

    assert lines.app.lost_commits(fix, source) == (f"{fix[:12]} Other",)


def test_only_commits_of_the_same_size_are_compared(lines: Lines) -> None:
    fix = lines.commits("hotfixes/x", {"Fix": {"a": b"1\n"}})
    new = lines.commits("main", {f"Else {size}": {f"b{size}": b"1\n" * size} for size in (1, 2, 3)})
    lines.github.operations()

    lines.app.lost_commits(fix, new)

    asked = lines.github.operations()
    assert asked.count("GET /repos/{owner}/{repo}/commits/{ref}") == 2, asked


def test_commits_that_github_does_not_list_are_counted(lines: Lines) -> None:
    fix, new = lines.commits("hotfixes/x", {"Fix": {"a": b"1\n"}}), lines.commits("main", {"Else": {"a": b"1\n"}})
    lost, added = lines.app.compare_tags(new, fix), lines.app.compare_tags(fix, new)
    assert lost
    more = Comparison(status=lost.status, commits=lost.commits, total=4)

    assert LostCommits(lines.app.repository).between(more, added, new) == ("3 more commits",)
    assert LostCommits(lines.app.repository).between(lost, added, new) == ()
    for one, other in ((lost, None), (None, added)):
        found = LostCommits(lines.app.repository).between(one, other, new)
        assert found == ("commits that do not exist in your-org/app",)


@pytest.mark.parametrize("missing", ["before", "after"])
def test_commits_that_do_not_exist_cannot_be_compared(lines: Lines, missing: str) -> None:
    new, gone = lines.commits("main", {"Else": {"a": b"1\n"}}), "f" * 40

    found = lines.app.lost_commits(*((gone, new) if missing == "before" else (new, gone)))

    assert found == ("commits that do not exist in your-org/app",)


@pytest.mark.parametrize("unknown", ["c0", "c1"], ids=["the lost commit", "the new commit"])
def test_a_commit_whose_size_is_unknown_has_no_equivalent(lines: Lines, unknown: str) -> None:
    """GitHub answers null for an object that it does not find, and for one that it fails to read."""
    fix, new = lines.commits("hotfixes/x", {"Fix": {"a": b"1\n"}}), lines.commits("main", {"Else": {"a": b"1\n"}})
    size = {"oid": fix if unknown == "c1" else new, "additions": 1, "deletions": 0, "changedFilesIfAvailable": 1}
    answer = {"c0": size, "c1": size} | {unknown: None}
    lines.github.sandbox.faults.plan({("query object", 2): Fault(status=200, body={"data": {"repository": answer}})})

    assert lines.app.lost_commits(fix, new) == (f"{fix[:12]} Fix",)


@pytest.mark.parametrize(("added", "queries"), [(99, 1), (100, 2)])
def test_sizes_are_asked_for_a_hundred_at_once(lines: Lines, added: int, queries: int) -> None:
    fix = lines.commits("hotfixes/x", {"Fix": {"a": b"1\n"}})
    new = lines.commits("main", {f"Else {number}": {"b": b"1\n" * (number + 2)} for number in range(added - 1)})
    new = lines.github.app_commit("Last", branch="main", parent=new)
    lost, gained = lines.app.compare_tags(new, fix), lines.app.compare_tags(fix, new)
    lines.github.operations()

    LostCommits(lines.app.repository).between(lost, gained, new)

    assert lines.github.operations().count("query") == queries
