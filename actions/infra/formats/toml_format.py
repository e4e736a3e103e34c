"""Read TOML 1.0, and edit it in place."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, cast

from actions.infra.formats import EditError, FormatError, line_of, require_proof, spliced
from actions.infra.tag_path import DEEPEST, first_text, is_deep, value_at

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from actions.infra.tag_path import Place, Tree

# Quotes occur in TOML only in strings and comments, so this finds every string of a document.
STRING_OR_COMMENT = re.compile(
    r'"""(?:[^\\]|\\.)*?""""{0,2}'
    r"|'''.*?''''{0,2}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*",
    re.DOTALL,
)
AROUND_KEYS = re.compile(r"[=,{}\[\]\n]")
KEY_FOLLOWS = re.compile(r"[ \t]*[=.\]]")


@dataclass
class TomlDocument:
    """TOML."""

    text: str
    tree: Tree

    @cached_property
    def _labeled(self) -> tuple[str, list[re.Match[str]], Tree]:
        """Return the start of the labels, the strings, and the tree in which each string is a label and its number.

        The parser gives no positions: the label that it finds at a place tells the position.
        """
        matches = [match for match in STRING_OR_COMMENT.finditer(self.text) if _is_value(match)]
        label = "label"
        while label in self.text:
            label += "-"
        labels = {match.span(): f'"{label}{number}"' for number, match in enumerate(matches)}
        return label, matches, cast("Tree", tomllib.loads(spliced(self.text, labels)))

    def _token(self, place: Place) -> re.Match[str] | None:
        label, matches, tree = self._labeled
        value = str(value_at(tree, place))
        return matches[int(value.removeprefix(label))] if value.startswith(label) else None

    def line(self, place: Place) -> int:
        """Return the line number of the first string at or below *place*.

        Without one, it is that of the key, or 1 if the key is not the only such.
        """
        found = first_text(value_at(self.tree, place))
        token = self._token((*place, *found)) if found is not None else None
        if token:
            return line_of(self.text, token.start())
        lines = [number for number, line in enumerate(self.text.splitlines(), 1) if _sets(str(place[-1]), line)]
        return lines[0] if len(lines) == 1 else 1

    def require_one(self, place: Place) -> None:
        """Do nothing: TOML has no doubled keys."""

    def edit(self, values: Mapping[Place, str], change_all: Collection[Place] = ()) -> TomlDocument:
        """Replace the strings at the places of *values* in the same quotes; TOML has no aliases."""
        del change_all
        edits: dict[tuple[int, int], str] = {}
        for place, value in values.items():
            token = self._token(place)
            if not token or "\n" in token[0]:
                problem = "stands on several lines; write it on one" if token else "is not a string in a table"
                raise EditError(problem, self.line(place), place)
            quote = token[0][:3] if token[0].startswith(('"""', "'''")) else token[0][:1]
            edits[token.span()] = quote + value + quote
        after = parse(spliced(self.text, edits))
        require_proof(self, after, values)
        return after


def parse(text: str) -> TomlDocument:
    """Parse *text*; raise FormatError if it is not TOML or nests too deeply.

    The parser's time for a dotted key grows with the square of its parts.
    """
    keys = AROUND_KEYS.split(STRING_OR_COMMENT.sub("", text))
    if any(key.count(".") > DEEPEST for key in keys):
        raise FormatError("nested too deeply")
    try:
        tree = cast("Tree", tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        raise FormatError(f"not TOML: {error}", int(line[1]) if line else text.count("\n") + 1) from error
    except ValueError as error:
        raise FormatError(f"a number is too long: {error}") from error
    except RecursionError as error:
        raise FormatError("nested too deeply") from error
    if is_deep(tree):
        raise FormatError("nested too deeply")
    return TomlDocument(text, tree)


def _is_value(match: re.Match[str]) -> bool:
    return not match[0].startswith("#") and not KEY_FOLLOWS.match(match.string, match.end())


def _sets(key: str, line: str) -> bool:
    return re.search(rf"(?:^|[\s.{{,\"'])({re.escape(key)})[\"']?\s*=", line) is not None
