"""Write Markdown in which untrusted text cannot act as markup."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from actions.tags import is_tag, short

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MARKUP = {ord(character): f"&#{ord(character)};" for character in "&<>\\`*_[]#|~@!:"}
# GitHub takes at most 65,536 characters in the body of a pull request.
MOST_ROWS = 100
LONGEST_LIST = 60


def escape(text: str) -> str:
    """Return *text* on one line, with all characters escaped that have a meaning in Markdown or HTML."""
    return " ".join(text.split()).translate(MARKUP)


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], *, centered: int = 0) -> str:
    """Return a table of cells that are already Markdown; the last *centered* columns are centered."""
    left = len(headers) - centered
    rules = ["---"] * left + [":-:"] * centered
    lines = [headers, rules, *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def format_tag(tag: str, digest: str = "") -> str:
    """Return *tag*, with the start of its *digest*, as a cell; a value that is not a valid tag is escaped."""
    return f"`{short(tag, digest)}`" if not tag or is_tag(tag) else escape(tag[:LONGEST_LIST])


def code_block(text: str, language: str) -> str:
    """Return *text* as a code block that the text cannot end."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}{fence}\n"
