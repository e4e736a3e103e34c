"""Read JSON (RFC 8259), and edit it in place."""

from __future__ import annotations

import json
import re
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import TYPE_CHECKING

from actions.infra.formats import FormatError, line_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actions.infra.tag_path import Place, Tree

BLANK = re.compile(r"[ \t\n\r]*")


def load(text: str) -> Tree:
    """Parse *text*; raise FormatError if it is not JSON or if an object repeats a key."""
    try:
        tree: Tree = json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise FormatError(f"not JSON: {error.msg}", error.lineno) from error
    except _DuplicateKeyError as error:
        raise FormatError(f"key {error.key!r} occurs twice", _line_of_duplicate(text)) from error
    except RecursionError as error:
        raise FormatError("nested too deeply") from error
    except ValueError as error:
        raise FormatError(f"a number is too long: {error}") from error
    return tree


def splice(text: str, place: Place, value: str) -> str:
    """Replace the scalar at *place* by the string *value*, and change no other character."""
    start, end = next((start, end) for member, _, start, end in _members(text) if member == place)
    return text[:start] + json.dumps(value) + text[end:]


def _refuse_constant(name: str) -> Tree:
    raise FormatError(f"not JSON: {name} is not a number in JSON")


class _DuplicateKeyError(Exception):
    def __init__(self, key: str) -> None:
        self.key = key


def _object(pairs: list[tuple[str, Tree]]) -> dict[str, Tree]:
    tree = dict(pairs)
    if len(tree) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _DuplicateKeyError(next(key for key in keys if keys.count(key) > 1))
    return tree


def _line_of_duplicate(text: str) -> int:
    starts: dict[Place, list[int]] = {}
    for place, key_start, _, _ in _members(text):
        starts.setdefault(place, []).append(key_start)
    return line_of(text, next(positions[1] for positions in starts.values() if len(positions) > 1))


def _members(text: str) -> Iterator[tuple[Place, int, int, int]]:
    """Yield (place, start of its key, start, end) of every value in *text*, which must be valid JSON."""
    yield from _value(text, _skip(text, 0), ())


def _value(text: str, start: int, place: Place) -> Iterator[tuple[Place, int, int, int]]:
    """Yield the members of the value that starts at *start*, and the value itself last."""
    end = start
    if text[start] in "{[":
        at = _skip(text, start + 1)
        index = 0
        while text[at] not in "}]":
            key_start, key = at, index
            if text[start] == "{":
                key, at = scanstring(text, at + 1)
                at = _skip(text, _skip(text, at) + 1)
            for member in _value(text, at, (*place, key)):
                inner, own_key, first, end = member
                yield inner, key_start if inner == (*place, key) else own_key, first, end
            at = _skip(text, end)
            at = _skip(text, at + 1) if text[at] == "," else at
            index += 1
        end = at + 1
    else:
        _, end = json.JSONDecoder().raw_decode(text, start)
    yield place, start, start, end


def _skip(text: str, at: int) -> int:
    match = BLANK.match(text, at)
    return match.end() if match else at
