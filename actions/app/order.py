"""Which of two tags is newer: git ancestry for commits, precedence for versions, and for others nobody knows.

Of a commit and a version, the commits are compared. The newer of two versions is ahead only if its commit, where both
are known, has what the other's has; of two versions of one precedence (`1.4.2`, `v1.4.2`) the commits alone tell.

Never time: a commit that was made later need not contain the one that was made before.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from actions.tags import is_commit, is_version, precedence

if TYPE_CHECKING:
    from collections.abc import Callable

    from actions.api.repository import Comparison


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
        return _of_versions(precedence(after, before), compare(before, after))
    if not (is_commit(before) or is_version(before)):
        return Order.FIRST, None
    if not (is_commit(after) or is_version(after)):
        return Order.UNKNOWN, None
    found = compare(before, after)
    return (Order(found.status), found) if found else (Order.UNKNOWN, None)


def _of_versions(difference: int, found: Comparison | None) -> tuple[Order, Comparison | None]:
    """Return the order of a version that is newer by *difference*, with the commits compared if they are *found*."""
    if difference < 0:
        return Order.BEHIND, found
    if not found:
        return (Order.AHEAD if difference else Order.UNKNOWN), None
    same = difference and found.status == Order.IDENTICAL  # a commit that was released twice
    return (Order.AHEAD if same else Order(found.status)), found
