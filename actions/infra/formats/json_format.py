"""JSON (RFC 8259), edited where it stands."""

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
    """Return the tree of *text*; raise FormatError if it is not JSON or an object names a key twice."""
    try:
        tree: Tree = json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise FormatError(f"not JSON: {error.msg}", error.lineno) from error
    except _DuplicateKeyError as error:
        raise FormatError(f"key {error.key!r} is there twice", _line_of_duplicate(text)) from error
    except RecursionError as error:
        raise FormatError("nested too deeply") from error
    except ValueError as error:
        raise FormatError(f"holds a number that is too long: {error}") from error
    return tree


def splice(text: str, place: Place, value: str) -> str:
    """Return *text* with the scalar at *place* replaced by the string *value*, and nothing else."""
    start, end = next((start, end) for found, _, start, end in _members(text) if found == place)
    return text[:start] + json.dumps(value) + text[end:]


def _refuse_constant(name: str) -> Tree:
    raise FormatError(f"not JSON: {name} is no number there")


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
    return line_of(text, next(found[1] for found in starts.values() if len(found) > 1))


def _members(text: str) -> Iterator[tuple[Place, int, int, int]]:
    """Yield (place, start of its key, start, end) of every value in *text*, which `json.loads` has accepted."""
    yield from _value(text, _skip(text, 0), ())


def _value(text: str, start: int, place: Place) -> Iterator[tuple[Place, int, int, int]]:
    """Yield the members within the value that starts at *start*; the last one is the value itself."""
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
                found, own_key, first, end = member
                yield found, key_start if found == (*place, key) else own_key, first, end
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
