"""Read JSON (RFC 8259), and edit it in place."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING

from actions.infra.formats import EditError, FormatError, line_of, require_proof, spliced
from actions.infra.tag_path import DEEPEST, is_deep

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from actions.infra.tag_path import Place, Tree

# Whatever is not found, blanks and commas and colons, is the same in every valid text of these tokens.
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]|[^\s{}\[\],:"]+')


@dataclass
class JsonDocument:
    """JSON; where an object *repeats_keys*, the last value counts, as for most readers."""

    text: str
    tree: Tree
    repeats_keys: bool

    @cached_property
    def _members(self) -> _Members:
        return _find_members(self.text)

    def line(self, place: Place) -> int:
        """Return the line number of the value at *place*, 1 if there is none."""
        return line_of(self.text, self._members.spans.get(place, (0, 0))[0])

    def require_one(self, place: Place) -> None:
        """Raise EditError if a key on the way to *place* occurs twice."""
        for end in range(1, len(place) + 1) if self.repeats_keys else ():
            if place[:end] in self._members.second_keys:
                line = line_of(self.text, self._members.second_keys[place[:end]])
                raise EditError(f"key {place[end - 1]!r} occurs twice", line, place)

    def edit(self, values: Mapping[Place, str], change_all: Collection[Place] = ()) -> JsonDocument:
        """Replace the scalars at the places of *values* by strings; JSON has no aliases."""
        del change_all
        spans = self._members.spans
        after = parse(spliced(self.text, {spans[place]: json.dumps(value) for place, value in values.items()}))
        require_proof(self, after, values)
        return after


def parse(text: str) -> JsonDocument:
    """Parse *text*; raise FormatError if it is not JSON or nests too deeply."""
    repeats: list[str] = []

    def pairs(items: list[tuple[str, Tree]]) -> dict[str, Tree]:
        tree = dict(items)
        if len(tree) < len(items):
            repeats.append("")
        return tree

    try:
        tree: Tree = json.loads(text, object_pairs_hook=pairs, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise FormatError(f"not JSON: {error.msg}", error.lineno) from error
    except RecursionError as error:
        raise FormatError("nested too deeply", _line_of_depth(text)) from error
    except _ConstantError as error:
        line = line_of(text, text.find(str(error)))
        raise FormatError(f"not JSON: {error} is not a number in JSON", line) from error
    except ValueError as error:
        line = next((line_of(text, digits.start()) for digits in re.finditer(r"\d{4301,}", text)), 1)
        raise FormatError(f"a number is too long: {error}", line) from error
    if is_deep(tree):
        raise FormatError("nested too deeply", _line_of_depth(text))
    return JsonDocument(text, tree, bool(repeats))


class _ConstantError(Exception):
    pass


def _refuse_constant(name: str) -> Tree:
    raise _ConstantError(name)


def _line_of_depth(text: str) -> int:
    """Return the line number at which *text*, which nests too deeply, does."""
    depths = accumulate((token[0] in ("{", "[")) - (token[0] in ("}", "]")) for token in TOKEN.finditer(text))
    deep = (token.start() for token, depth in zip(TOKEN.finditer(text), depths, strict=True) if depth > DEEPEST)
    return line_of(text, next(deep))


@dataclass
class _Members:
    """The (start, end) of every value by its place, and the start of every key that came before in its object."""

    spans: dict[Place, tuple[int, int]] = field(default_factory=dict)
    second_keys: dict[Place, int] = field(default_factory=dict)


@dataclass
class _Level:
    """An object or a list on the way to a token, whose next member has the *key*, None if that is still to come."""

    place: Place
    start: int
    key: str | int | None
    keys: set[str] = field(default_factory=set)

    def next(self) -> None:
        self.key = self.key + 1 if isinstance(self.key, int) else None


def _find_members(text: str) -> _Members:
    """Return the members of *text*, which must be valid JSON, in linear time."""
    found = _Members()
    levels: list[_Level] = []
    for token in TOKEN.finditer(text):
        level = levels[-1] if levels else None
        if token[0] in ("}", "]"):
            closed = levels.pop()
            found.spans[closed.place] = (closed.start, token.end())
            level = levels[-1] if levels else None
        elif level and level.key is None:
            level.key = key = json.loads(token[0])
            if key in level.keys:
                found.second_keys.setdefault((*level.place, key), token.start())
            level.keys.add(key)
            continue
        else:
            place: Place = (*level.place, level.key) if level and level.key is not None else ()
            if token[0] in ("{", "["):
                levels.append(_Level(place, token.start(), None if token[0] == "{" else 0))
                continue
            found.spans[place] = token.span()
        if level:
            level.next()
    return found
