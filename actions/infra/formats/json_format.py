"""Read JSON (RFC 8259), and edit it in place."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from actions.infra.formats import FormatError, line_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actions.infra.tag_path import Place, Tree

TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]|[^"{}\[\],: \t\n\r]+')

OPENING, KEY, SCALAR = "opening", "key", "scalar"


def load(text: str) -> Tree:
    """Parse *text*; raise FormatError if it is not JSON or if an object repeats a key."""
    try:
        tree: Tree = json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise FormatError(f"not JSON: {error.msg}", error.lineno) from error
    except _DuplicateKeyError as error:
        raise _duplicate(text) from error
    except RecursionError as error:
        raise FormatError("nested too deeply") from error
    except ValueError as error:
        raise FormatError(f"a number is too long: {error}") from error
    return tree


def splice(text: str, place: Place, value: str) -> str:
    """Replace the scalar at *place* by the string *value*, and change no other character."""
    wanted = list(place)
    [(start, end)] = [token.span() for at, token, kind in _tokens(text) if kind == SCALAR and at == wanted]
    return text[:start] + json.dumps(value) + text[end:]


def _refuse_constant(name: str) -> Tree:
    raise FormatError(f"not JSON: {name} is not a number in JSON")


class _DuplicateKeyError(Exception):
    """An object has a key twice; which one, the parser's hook cannot tell with its line."""


def _object(pairs: list[tuple[str, Tree]]) -> dict[str, Tree]:
    tree = dict(pairs)
    if len(tree) < len(pairs):
        raise _DuplicateKeyError
    return tree


def _duplicate(text: str) -> FormatError:
    """Return the error for the first key of *text* that its object has already."""
    seen: list[set[str | int]] = []
    tokens = _tokens(text)
    place, token, kind = next(tokens)
    while kind != KEY or place[-1] not in seen[len(place) - 1]:
        if kind == OPENING:
            seen[len(place) - 1 :] = [set()]
        elif kind == KEY:
            seen[len(place) - 1].add(place[-1])
        place, token, kind = next(tokens)
    return FormatError(f"key {place[-1]!r} occurs twice", line_of(text, token.start()))


def _tokens(text: str) -> Iterator[tuple[list[str | int], re.Match[str], str]]:
    """Yield each bracket, key and scalar of *text*, valid JSON as far as it is read, with its place and its kind.

    The next step changes the place: it is one list for the whole text, so that the time is proportional to the text
    however deeply it nests.
    """
    place: list[str | int] = []
    before = ""
    for token in TOKEN.finditer(text):
        mark = token[0]
        if mark in "{[":
            place.append("" if mark == "{" else 0)
            yield place, token, OPENING
        elif mark in "}]":
            place.pop()
        elif mark == "," and isinstance(place[-1], int):
            place[-1] += 1
        elif mark not in ",:":
            kind = KEY if before in ("{", ",") and isinstance(place[-1], str) else SCALAR
            if kind == KEY:
                place[-1] = json.loads(mark)
            yield place, token, kind
        before = mark
