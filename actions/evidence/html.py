"""Write HTML in which the text of a record cannot act as markup."""

from __future__ import annotations

from datetime import datetime
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def when(moment: str) -> str:
    """Return a moment of a record as people read it."""
    return f"{datetime.fromisoformat(moment):%Y-%m-%d %H:%M} UTC"


def listed(items: Iterable[str]) -> str:
    """Return an HTML list of *items*, which are HTML themselves."""
    rows = "".join(f"<li>{item}</li>" for item in items)
    return f"<ul>{rows}</ul>" if rows else ""


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table with columns called *heads*; the cells of *rows* are text."""
    head = "".join(f"<th scope=col>{each}</th>" for each in heads)
    body = "".join(f"<tr>{''.join(f'<td>{as_text(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><caption>{as_text(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def link(url: str, text: str, *, code: bool = False) -> str:
    """Return a link with *text*; only the text if *url* is not HTTP, such as `javascript:`."""
    label = f"<code>{as_text(text)}</code>" if code else as_text(text)
    return f'<a href="{escape(url)}">{label}</a>' if url.startswith(("https://", "http://")) else label


def as_text(text: str) -> str:
    """Return *text* as HTML that shows it, whatever it is."""
    return escape(str(text))
