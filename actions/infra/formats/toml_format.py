"""Read TOML 1.0, and edit it in place."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, cast

from actions.infra.formats import FormatError, line_of
from actions.infra.tag_path import DEEPEST, value_at

if TYPE_CHECKING:
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


def load(text: str) -> Tree:
    """Parse *text*; raise FormatError if it is not TOML.

    The parser's time for a dotted key grows with the square of its parts.
    """
    if any(key.count(".") > DEEPEST for key in AROUND_KEYS.split(STRING_OR_COMMENT.sub("", text))):
        raise FormatError("nested too deeply")
    try:
        return cast("Tree", tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        raise FormatError(f"not TOML: {error}", int(line[1]) if line else 0) from error
    except ValueError as error:
        raise FormatError(f"a number is too long: {error}") from error
    except RecursionError as error:
        raise FormatError("nested too deeply") from error


def splice(text: str, place: Place, value: str) -> str:
    """Replace the string at *place* by *value* in the same quotes, and change no other character.

    The parser gives no positions. Therefore every string with the old value is replaced by a unique label; the label
    that the parser finds at *place* tells the position.
    """
    old = value_at(load(text), place)
    matches = [match for match in STRING_OR_COMMENT.finditer(text) if _is_value(match, old)]
    label = "label"
    while label in text:
        label += "-"
    labeled, at = "", 0
    for number, match in enumerate(matches):
        labeled += text[at : match.start()] + f'"{label}{number}"'
        at = match.end()
    number = int(str(value_at(load(labeled + text[at:]), place)).removeprefix(label))
    start, end = matches[number].span()
    if "\n" in matches[number][0]:
        raise FormatError("stands on several lines; write it on one", line_of(text, start))
    quote = _quote(matches[number][0])
    return text[:start] + quote + value + quote + text[end:]


def _is_value(match: re.Match[str], value: Tree) -> bool:
    token = match[0]
    if token.startswith("#") or KEY_FOLLOWS.match(match.string, match.end()):
        return False
    return bool(tomllib.loads(f"v = {token}")["v"] == value)


def _quote(token: str) -> str:
    return token[:3] if token.startswith(('"""', "'''")) else token[:1]
