"""Tell which of two tags is newer: by git ancestry for commits, by SemVer precedence for versions.

Other tags have no order. A commit and a version are compared by their commits. The newer of two versions is ahead only
if its commit, where both are known, contains the other's; versions of equal precedence (`1.4.2`, `v1.4.2`) are compared
by commit alone. Time never counts, because a later commit need not contain an earlier one.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from actions.tags import is_commit, is_version, precedence

if TYPE_CHECKING:
    from collections.abc import Callable

    from actions.api.comparison import Comparison


class Order(StrEnum):
    """How a new tag relates to the deployed one."""

    FIRST = "first"  # nothing is deployed, or only a tag that is neither a commit nor a version
    AHEAD = "ahead"
    IDENTICAL = "identical"
    BEHIND = "behind"
    DIVERGED = "diverged"
    UNKNOWN = "unknown"


def order(before: str, after: str, compare: Callable[[str, str], Comparison | None]) -> tuple[Order, Comparison | None]:
    """Return how the tag *after* relates to *before*, and the comparison of their commits if there is one.

    *compare* compares two tags in the app repository; it returns None if one of them does not exist there.
    """
    if before == after:
        return Order.IDENTICAL, None
    if is_version(before) and is_version(after):
        return _of_versions(precedence(after, before), compare(before, after))
    if not (is_commit(before) or is_version(before)):
        return Order.FIRST, None
    if not (is_commit(after) or is_version(after)):
        return Order.UNKNOWN, None
    comparison = compare(before, after)
    return (Order(comparison.status), comparison) if comparison else (Order.UNKNOWN, None)


def _of_versions(difference: int, comparison: Comparison | None) -> tuple[Order, Comparison | None]:
    """Combine the SemVer precedence (*difference*) of two versions with the comparison of their commits, if any."""
    if difference < 0:
        return Order.BEHIND, comparison
    if not comparison:
        return (Order.AHEAD if difference else Order.UNKNOWN), None
    same_commit = difference and comparison.status == Order.IDENTICAL  # one commit, released as both versions
    return (Order.AHEAD if same_commit else Order(comparison.status)), comparison
