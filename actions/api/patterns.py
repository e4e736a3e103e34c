"""The two pattern languages of GitHub for names of branches: that of rulesets, and that of workflow filters.

They differ where it hurts: `hotfixes/**` covers `hotfixes/a/b` in a workflow, and does not in a ruleset.
"""

from __future__ import annotations

import re
from functools import cache

CLASS = r"\[[^\]]+\]"
NOTHING = re.compile("(?!)")


@cache
def ruleset_pattern(pattern: str) -> re.Pattern[str]:
    """Return *pattern* as a ruleset reads it: Ruby's File.fnmatch with FNM_PATHNAME.

    No wildcard matches a slash but `**/`, which stands for any number of folders; none matches a dot at the start of a
    name (docs.github.com, "Creating rulesets for a repository", "Using fnmatch syntax").
    """
    *folders, last = pattern.split("/")
    folded = "".join(r"(?:(?!\.)[^/]+/)*" if part == "**" else f"{_segment(part)}/" for part in folders)
    return _compiled(folded + _segment(last))


@cache
def filter_pattern(pattern: str) -> re.Pattern[str]:
    """Return *pattern* as the filters `branches` and `tags` of a workflow read it: `**` matches slashes, `*` does not.

    `?` and `+` repeat what stands before them (docs.github.com, "Workflow syntax", "Filter pattern cheat sheet").
    """
    special = {"**": ".*", "*": "[^/]*", "?": "?", "+": "+"}
    parts = re.findall(rf"\*\*|\*|\?|\+|{CLASS}|.", pattern)
    return _compiled("".join(special.get(part) or _literal(part) for part in parts))


def passes(name: str, *, wanted: list[str] | None, ignored: list[str]) -> bool:
    """Tell whether *name* passes the filter of a workflow: one of *wanted* (None is any), none of *ignored*.

    Of the wanted, the last that matches counts; one that starts with `!` takes out.
    """
    if any(filter_pattern(pattern).fullmatch(name) for pattern in ignored):
        return False
    passed = wanted is None
    for pattern in wanted or []:
        if filter_pattern(pattern.removeprefix("!")).fullmatch(name):
            passed = not pattern.startswith("!")
    return passed


def _segment(text: str) -> str:
    parts = re.findall(rf"\*+|\?|{CLASS}|.", text)
    wild = {"*": "[^/]*", "?": "[^/]"}
    regex = "".join(wild.get(part[0]) or _literal(part) for part in parts)
    return regex if text.startswith(".") else rf"(?!\.){regex}"


def _literal(part: str) -> str:
    """Return one character, or a class of characters like `[a-z]`, as a regular expression."""
    if len(part) == 1:
        return re.escape(part)
    inside = re.escape(part[1:-1]).replace(r"\-", "-")
    return f"[{inside}]"


def _compiled(regex: str) -> re.Pattern[str]:
    try:
        return re.compile(regex)
    except re.error:  # a range that runs backwards
        return NOTHING
