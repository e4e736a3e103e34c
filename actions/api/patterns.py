"""The two pattern languages of GitHub for names of branches: that of rulesets, and that of workflow filters.

They differ where it hurts: `hotfixes/**` covers `hotfixes/a/b` in a workflow, and does not in a ruleset.

A regular expression would try the ways to divide a name between wildcards one after the other, which can take years.
Here all ways are followed at once: the steps grow with the length of the pattern times the length of the name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache

CLASS = r"\[[^\]]+\]"


@dataclass(frozen=True, slots=True)
class Item:
    """One character that *accepts* matches; it may be *optional*, and it may come more than once."""

    accepts: re.Pattern[str]
    optional: bool = False
    repeats: bool = False


NOTHING = Item(re.compile("(?!)"))
ANYTHING = Item(re.compile(r"(?s)."), optional=True, repeats=True)
NO_SLASH = Item(re.compile("[^/]"))
FOLDERS = "**"


@dataclass(frozen=True, slots=True)
class TextPattern:
    """A pattern of *items*, one after the other."""

    items: tuple[Item, ...]

    def fullmatch(self, name: str) -> str | None:
        """Return *name* if all of it matches, else None."""
        reached = self._with_optional({0})
        for character in name:
            passed = [at for at in reached if at < len(self.items) and self.items[at].accepts.match(character)]
            reached = self._with_optional({at + 1 for at in passed} | {at for at in passed if self.items[at].repeats})
        return name if len(self.items) in reached else None

    def _with_optional(self, reached: set[int]) -> set[int]:
        """Return the places of *reached*, and those behind the optional items that follow."""
        for at, item in enumerate(self.items):
            if at in reached and item.optional:
                reached.add(at + 1)
        return reached


@dataclass(frozen=True, slots=True)
class PathPattern:
    """A pattern whose *parts* are those between slashes."""

    parts: tuple[str, ...]

    def fullmatch(self, name: str) -> str | None:
        """Return *name* if all of it matches, else None."""
        names = name.split("/")
        reached = {0}
        for part in self.parts[:-1]:
            reached = self._through_folders(names, reached) if part == FOLDERS else self._through(part, names, reached)
        return name if len(names) in self._through(self.parts[-1], names, reached) else None

    @staticmethod
    def _through(part: str, names: list[str], reached: set[int]) -> set[int]:
        """Return the places behind those of *names* that are *reached* and match *part*."""
        return {
            at + 1
            for at in reached
            if at < len(names)
            and (part.startswith(".") or not names[at].startswith("."))
            and _segment(part).fullmatch(names[at]) is not None
        }

    @staticmethod
    def _through_folders(names: list[str], reached: set[int]) -> set[int]:
        for at, folder in enumerate(names[:-1]):
            if at in reached and folder and not folder.startswith("."):
                reached.add(at + 1)
        return reached


def ruleset_pattern(pattern: str) -> PathPattern:
    """Return *pattern* as a ruleset reads it: Ruby's File.fnmatch with FNM_PATHNAME.

    No wildcard matches a slash but `**/`, which stands for any number of folders; none matches a dot at the start of a
    name (docs.github.com, "Creating rulesets for a repository", "Using fnmatch syntax").
    """
    return PathPattern(tuple(pattern.split("/")))


@cache
def filter_pattern(pattern: str) -> TextPattern:
    """Return *pattern* as the filters `branches` and `tags` of a workflow read it: `**` matches slashes, `*` does not.

    `?` and `+` repeat what stands before them (docs.github.com, "Workflow syntax", "Filter pattern cheat sheet").
    """
    items: list[Item] = []
    for part in re.findall(rf"\*\*|\*|{CLASS}|.", pattern):
        if part == "**":
            items.append(ANYTHING)
        elif part not in ("?", "+"):
            items.append(_item(part))
        elif not items:
            items.append(NOTHING)
        elif part == "?":
            items[-1] = replace(items[-1], optional=True)
        else:
            items[-1] = replace(items[-1], repeats=True)
    return TextPattern(tuple(items))


def passes(name: str, *, wanted: list[str] | None, ignored: list[str]) -> bool:
    """Tell whether *name* passes the filter of a workflow: one of *wanted* (None is any), none of *ignored*.

    Of the wanted, the last that matches counts; one that starts with `!` takes out.
    """
    if any(filter_pattern(pattern).fullmatch(name) is not None for pattern in ignored):
        return False
    passed = wanted is None
    for pattern in wanted or []:
        if filter_pattern(pattern.removeprefix("!")).fullmatch(name) is not None:
            passed = not pattern.startswith("!")
    return passed


@cache
def _segment(part: str) -> TextPattern:
    """Return the pattern of one folder, or of the last name, in a ruleset."""
    found = re.findall(rf"\*+|\?|{CLASS}|.", part)
    return TextPattern(tuple(NO_SLASH if text == "?" else _item(text) for text in found))


def _item(part: str) -> Item:
    """Return the item of one character, of a class of characters like `[a-z]`, or of `*`."""
    if part.startswith("*"):
        return replace(NO_SLASH, optional=True, repeats=True)
    if len(part) == 1:
        return Item(re.compile(re.escape(part)))
    inside = re.escape(part[1:-1]).replace(r"\-", "-")
    try:
        return Item(re.compile(f"[{inside}]"))
    except re.error:  # a range that runs backwards
        return NOTHING
