"""Read JSON (RFC 8259), and edit it in place."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING

from actions.infra.formats import EditError, FormatError, collector_paused, line_of, require_proof, spliced
from actions.infra.tag_path import DEEPEST, is_deep

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

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
    def _top(self) -> _Value:
        with collector_paused(self.text):
            return _read_values(self.text)

    def _way(self, place: Place) -> Iterator[_Value]:
        """Yield the value of every step from the top to *place*."""
        value = self._top
        for step in (0, *place):
            value = value.members[step]
            yield value

    def _value(self, place: Place) -> _Value:
        return list(self._way(place))[-1]

    def line(self, place: Place) -> int:
        """Return the line number of the value at *place*."""
        return line_of(self.text, self._value(place).start)

    def require_one(self, place: Place) -> None:
        """Raise EditError if a key on the way to *place* occurs twice."""
        for value, step in zip(self._way(place), place, strict=False) if self.repeats_keys else ():
            if step in value.second_keys:
                raise EditError(f"key {step!r} occurs twice", line_of(self.text, value.second_keys[step]), place)

    def edit(self, values: Mapping[Place, str], change_all: Collection[Place] = ()) -> JsonDocument:
        """Replace the scalars at the places of *values* by strings; JSON has no aliases."""
        del change_all
        old = {place: self._value(place) for place in values}
        edits = {(old[place].start, old[place].end): json.dumps(value) for place, value in values.items()}
        after = parse(spliced(self.text, edits))
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
        with collector_paused(text):
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


@dataclass(slots=True)
class _Value:
    """A value from *start* to *end*, with what is in it, and the starts of the keys that came before in it.

    While it is read, *key* is that of its next member, None if that is still to come.
    """

    start: int
    end: int
    key: str | int | None = None
    members: dict[str | int, _Value] = field(default_factory=dict)
    second_keys: dict[str | int, int] = field(default_factory=dict)


def _read_values(text: str) -> _Value:
    """Return a list of the one value of *text*, which must be valid JSON, in linear time and memory."""
    levels = [_Value(0, len(text), key=0)]
    for token in TOKEN.finditer(text):
        level = levels[-1]
        if token[0] in ("}", "]"):
            levels.pop().end = token.end()
        elif level.key is None:
            level.key = token[0][1:-1] if "\\" not in token[0] else json.loads(token[0])
            if level.key in level.members:
                level.second_keys.setdefault(level.key, token.start())
        else:
            value = _Value(token.start(), token.end(), key=0 if token[0] == "[" else None)
            level.members[level.key] = value
            level.key = level.key + 1 if isinstance(level.key, int) else None
            if token[0] in ("{", "["):
                levels.append(value)
    return levels[0]
