"""Tell which of two tags is newer: by git ancestry wherever both name a commit, and for versions by SemVer too.

Names without a commit (`stable`) have no order. The newer of two versions is ahead only if its commit, where both are
known, contains the other's; versions of equal precedence (`1.4.2`, `v1.4.2`) are compared by commit alone. Time never
counts, because a later commit need not contain an earlier one.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from actions.tags import precedence

if TYPE_CHECKING:
    from collections.abc import Callable

    from actions.api.comparison import Comparison
    from actions.tag_names import TagNames


class Order(StrEnum):
    """How a new tag relates to the deployed one."""

    FIRST = "first"  # nothing is deployed, or only a name without a commit
    AHEAD = "ahead"
    IDENTICAL = "identical"
    BEHIND = "behind"
    DIVERGED = "diverged"
    UNKNOWN = "unknown"


def order(
    before: str, after: str, compare: Callable[[str, str], Comparison | None], names: TagNames
) -> tuple[Order, Comparison | None]:
    """Return how the tag *after* relates to *before*, and the comparison of their commits if there is one.

    *compare* compares two tags in the app repository; it returns None if one of them names no commit there.
    """
    if before == after:
        return Order.IDENTICAL, None
    if not before:
        return Order.FIRST, None
    comparison = compare(before, after)
    old, new = names.version(before), names.version(after)
    if old and new:
        return _of_versions(precedence(new, old), comparison)
    if comparison:
        return Order(comparison.status), comparison
    return (Order.UNKNOWN if names.names_commit(before) else Order.FIRST), None


def _of_versions(difference: int, comparison: Comparison | None) -> tuple[Order, Comparison | None]:
    """Combine the SemVer precedence (*difference*) of two versions with the comparison of their commits, if any."""
    if difference < 0:
        return Order.BEHIND, comparison
    if not comparison:
        return (Order.AHEAD if difference else Order.UNKNOWN), None
    same_commit = difference and comparison.status == Order.IDENTICAL  # one commit, released as both versions
    return (Order.AHEAD if same_commit else Order(comparison.status)), comparison
