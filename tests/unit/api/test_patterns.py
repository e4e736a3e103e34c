"""Names of branches against the patterns of rulesets and of workflow filters."""

from __future__ import annotations

import pytest

from actions.api.patterns import filter_pattern, passes, ruleset_pattern

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
