"""GitHub's two pattern languages for ref names, matched one character at a time.

The actions have a translation to regular expressions of their own. The two implementations share no code, so that a
mistake in one shows in the tests.
"""

from __future__ import annotations

from functools import cache


@cache
def ruleset_matches(pattern: str, ref: str) -> bool:
    """Tell whether a ruleset's *pattern* matches *ref* (docs.github.com, "Creating rulesets", "fnmatch syntax")."""
    return _folders(tuple(pattern.split("/")), tuple(ref.split("/")))


def _folders(pattern: tuple[str, ...], ref: tuple[str, ...]) -> bool:
    if not pattern or not ref:
        return not pattern and not ref
    if pattern[0] == "**" and len(pattern) > 1:
        deeper = not ref[0].startswith(".") and ref[0] != "" and _folders(pattern, ref[1:])
        return _folders(pattern[1:], ref) or deeper
    if ref[0].startswith(".") and not pattern[0].startswith("."):
        return False
    return _glob(pattern[0], ref[0]) and _folders(pattern[1:], ref[1:])


def _glob(pattern: str, name: str) -> bool:
    if not pattern:
        return not name
    if pattern[0] == "*":
        return _glob(pattern[1:], name) or (bool(name) and _glob(pattern, name[1:]))
    if not name:
        return False
    if pattern[0] == "?":
        return _glob(pattern[1:], name[1:])
    if pattern[0] == "[" and "]" in pattern[2:]:
        end = pattern.index("]", 2)
        return _in_class(pattern[1:end], name[0]) and _glob(pattern[end + 1 :], name[1:])
    return pattern[0] == name[0] and _glob(pattern[1:], name[1:])


def filter_passes(name: str, *, wanted: list[str] | None, ignored: list[str]) -> bool:
    """Tell whether the branch or tag *name* passes a workflow's filter ("Workflow syntax", "Filter pattern")."""
    if any(_filter(pattern, name) for pattern in ignored):
        return False
    if wanted is None:
        return True
    passed = False
    for pattern in wanted:
        if _filter(pattern.removeprefix("!"), name):
            passed = not pattern.startswith("!")
    return passed


@cache
def _filter(pattern: str, name: str) -> bool:
    if not pattern:
        return not name
    if pattern.startswith("**"):
        return any(_filter(pattern[2:], name[taken:]) for taken in range(len(name) + 1))
    if pattern[0] == "*":
        whole = name.partition("/")[0]
        return any(_filter(pattern[1:], name[taken:]) for taken in range(len(whole) + 1))
    one, rest = _one(pattern)
    fits = bool(name) and (_in_class(one[1:-1], name[0]) if len(one) > 1 else one == name[0])
    if rest[:1] == "?":
        return _filter(rest[1:], name) or (fits and _filter(rest[1:], name[1:]))
    if rest[:1] == "+":
        return fits and (_filter(rest[1:], name[1:]) or _filter(pattern, name[1:]))
    return fits and _filter(rest, name[1:])


def _one(pattern: str) -> tuple[str, str]:
    """Return the first character, or class of characters like `[a-z]`, of *pattern*, and the rest."""
    end = pattern.find("]", 2) if pattern[0] == "[" else -1
    return (pattern[: end + 1], pattern[end + 1 :]) if end > 0 else (pattern[0], pattern[1:])


def _in_class(members: str, character: str) -> bool:
    if len(members) >= 3 and members[1] == "-":
        return members[0] <= character <= members[2] or _in_class(members[3:], character)
    return bool(members) and (members[0] == character or _in_class(members[1:], character))
