"""Names of branches against the patterns of rulesets and of workflow filters."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actions.api.patterns import PathPattern, TextPattern, filter_pattern, passes, ruleset_pattern
from tests.counting import calls

NAMES = [
    *("hotfixes/a", "hotfixes/a/b", "hotfixes", "hotfixes/.a", "hotfixes/a/.b", "hotfixes/", "release-1", "release-12"),
    *("release-x", "1.x", ".hidden", "fix", "a/fix", "a/b/fix", "ax/x", "feature/x", "a", "b", "a+b", "{a,b}", "hax"),
]
FLAT = "hotfixes release-1 release-12 release-x 1.x fix a b a+b {a,b} hax"
DEEP = (
    "hotfixes/a hotfixes/a/b hotfixes release-1 release-12 release-x 1.x fix a/fix a/b/fix ax/x feature/x a b a+b"
    " {a,b} hax hotfixes/"
)
# What File.fnmatch(pattern, "refs/heads/" + name, File::FNM_PATHNAME) of Ruby 3.1.2 says of NAMES.
RUBY = {
    "refs/heads/hotfixes/*": "hotfixes/a hotfixes/",
    "refs/heads/hotfixes/**": "hotfixes/a hotfixes/",
    "refs/heads/hotfixes/**/*": "hotfixes/a hotfixes/a/b hotfixes/",
    "refs/heads/**": FLAT,
    "refs/heads/**/*": DEEP,
    "refs/heads/*/*": "hotfixes/a a/fix ax/x feature/x hotfixes/",
    "refs/heads/release-?": "release-1 release-x",
    "refs/heads/release-[0-9]": "release-1",
    "refs/heads/release-[0-9]*": "release-1 release-12",
    "refs/heads/*.x": "1.x",
    "refs/heads/.*": ".hidden",
    "refs/heads/**/fix": "fix a/fix a/b/fix",
    "refs/heads/[ab]*/x": "ax/x",
    "refs/**/hotfixes/*": "hotfixes/a hotfixes/",
    "refs/heads/feat**/x": "feature/x",
    "**/*": DEEP,
    "refs/heads/{a,b}": "{a,b}",
    "refs/heads/a+b": "a+b",
    "refs/heads/h*x*": "hotfixes hax",
}


@pytest.mark.parametrize("pattern", RUBY)
def test_a_ruleset_reads_a_pattern_as_ruby_does(pattern: str) -> None:
    matched = [name for name in NAMES if ruleset_pattern(pattern).fullmatch(f"refs/heads/{name}")]

    assert sorted(matched) == sorted(RUBY[pattern].split())


@pytest.mark.parametrize("pattern", ["[z-a]", "[]", "[", "a]", "\\", "(", "[^a]"])
def test_a_pattern_that_makes_no_sense_matches_nothing_that_it_does_not_spell(pattern: str) -> None:
    assert not ruleset_pattern(pattern).fullmatch("main")


@pytest.mark.parametrize(
    ("pattern", "matched"),
    [
        ("hotfixes/*", "hotfixes/a hotfixes/.a hotfixes/"),
        ("hotfixes/**", "hotfixes/a hotfixes/a/b hotfixes/.a hotfixes/a/.b hotfixes/"),
        ("release-[0-9]+", "release-1 release-12"),
        ("release-1?", "release-1"),
        ("?", ""),
    ],
)
def test_a_workflow_filter_reads_a_pattern_as_the_cheat_sheet_says(pattern: str, matched: str) -> None:
    passed = [name for name in NAMES if filter_pattern(pattern).fullmatch(name)]

    assert sorted(passed) == sorted(matched.split())


@pytest.mark.parametrize(
    ("wanted", "ignored", "passed"),
    [
        pytest.param(None, [], True, id="no filter"),
        pytest.param(["main"], [], False, id="another branch"),
        pytest.param(["hotfixes"], [], False, id="a branch that begins so"),
        pytest.param(None, ["hotfixes"], True, id="a branch that begins so is ignored"),
        pytest.param(["hotfixes/**", "!hotfixes/a"], [], False, id="taken out again"),
        pytest.param(["!hotfixes/a", "hotfixes/**"], [], True, id="taken in again"),
        pytest.param(None, ["hotfixes/*"], False, id="ignored"),
    ],
)
def test_a_filter_lets_a_branch_pass(wanted: list[str] | None, ignored: list[str], passed: bool) -> None:
    assert passes("hotfixes/a", wanted=wanted, ignored=ignored) is passed


FOLDERS = "/".join(["ab"] * 60)


@pytest.mark.parametrize(
    ("read", "beginning", "repeated", "end", "name"),
    [
        pytest.param(ruleset_pattern, "refs/heads/", "**/", "x", f"refs/heads/{FOLDERS}", id="any folders"),
        pytest.param(ruleset_pattern, "", "**/*/", "x", FOLDERS, id="any folders, and one"),
        pytest.param(ruleset_pattern, "", "*a", "x", "a" * 200, id="wildcards in one name"),
        pytest.param(filter_pattern, "", "**a", "x", "a" * 200, id="a filter"),
        pytest.param(filter_pattern, "", "*a?", "x", "a" * 200, id="a filter with optional letters"),
        pytest.param(filter_pattern, "", "a?+", "x", "a" * 200, id="a filter with letters that repeat"),
    ],
)
def test_the_steps_grow_with_the_pattern_and_not_with_the_ways_to_divide_a_name(
    read: Callable[[str], PathPattern | TextPattern], beginning: str, repeated: str, end: str, name: str
) -> None:
    """One more wildcard would double the ways."""
    counts = []
    for number in (15, 30):
        pattern = read(beginning + repeated * number + end)
        assert pattern.fullmatch(name) is None
        counts.append(calls(lambda pattern=pattern: pattern.fullmatch(name)))  # type: ignore[misc]

    assert counts[1] <= 2.2 * counts[0]


@settings(max_examples=300)
@given(
    st.lists(st.sampled_from(["a", "b", ".", "/", "*", "**/", "?", "[ab]", "-"]), max_size=7).map("".join),
    st.text("ab./-", max_size=8),
)
def test_a_ruleset_reads_short_patterns_as_a_regular_expression_does(pattern: str, name: str) -> None:
    """The same rules, written the way that is too slow for long patterns."""
    *folders, last = pattern.split("/")
    parts = [r"(?:(?!\.)[^/]+/)*" if part == "**" else f"{segment(part)}/" for part in folders]
    expected = re.fullmatch("".join(parts) + segment(last), name)

    assert (ruleset_pattern(pattern).fullmatch(name) is None) == (expected is None)


def segment(text: str) -> str:
    wild = {"*": "[^/]*", "?": "[^/]", "[": "[ab]"}
    found = re.findall(r"\*+|\[ab\]|.", text)
    regex = "".join(wild.get(part[0]) or re.escape(part) for part in found)
    return regex if text.startswith(".") else rf"(?!\.){regex}"
