"""Which of two tags is newer: git ancestry for commits, precedence for versions, and for others nobody knows.

Of a commit and a version, the commits are compared.

Never time: a commit that was made later need not contain the one that was made before.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from actions.tags import is_commit, is_version, precedence

if TYPE_CHECKING:
    from collections.abc import Callable

    from actions.repository import Comparison


class Order(StrEnum):
    """How a new tag relates to the one in place."""

    FIRST = "first"  # there is none in place, or only a name that stands for one
    AHEAD = "ahead"
    IDENTICAL = "identical"
    BEHIND = "behind"
    DIVERGED = "diverged"
    UNKNOWN = "unknown"


def order(before: str, after: str, compare: Callable[[str, str], Comparison | None]) -> tuple[Order, Comparison | None]:
    """Return how the tag *after* relates to *before*, and the comparison of their commits if there is one.

    *compare* asks the repository of the app, and returns None if that does not know both of them.
    """
    if before == after:
        return Order.IDENTICAL, None
    if is_version(before) and is_version(after):
        difference = precedence(after, before)
        return (Order.AHEAD if difference > 0 else Order.BEHIND if difference < 0 else Order.IDENTICAL), None
    if not (is_commit(before) or is_version(before)):
        return Order.FIRST, None
    if not (is_commit(after) or is_version(after)):
        return Order.UNKNOWN, None
    found = compare(before, after)
    return (Order(found.status), found) if found else (Order.UNKNOWN, None)
