"""Whether the checks that a branch requires have succeeded on a commit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, kw_only=True, slots=True)
class RequiredCheck:
    """A check that the rules of a branch require; *app* is who must report it, None if anyone may."""

    name: str
    app: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """The state of one check on a commit: `success`, `failure`, `pending`, and what GitHub calls it."""

    name: str
    app: int | None
    state: str
    conclusion: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Reported:
    """The checks on the commit *sha* that GitHub shows, and how many it does not show to this token.

    If there are *more* than it lists at once, that is where they begin.
    """

    sha: str
    shown: tuple[Check, ...]
    hidden: int
    more: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """The required checks, sorted by how they stand."""

    failed: tuple[str, ...]
    waiting: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Tell whether every one has succeeded."""
        return not self.failed and not self.waiting


def judge(required: Sequence[RequiredCheck], reported: Sequence[Check]) -> Verdict:
    """Return how *required* checks stand, given what was *reported*; a check nobody reported yet is waited for.

    A check counts only if it comes from the app that the rules name. Of several of one name all must succeed.
    """
    failed, waiting = [], []
    for check in required:
        states = [found for found in reported if found.name == check.name and check.app in (None, found.app)]
        if any(found.state == "failure" for found in states):
            failed += [f"{found.name} ({found.conclusion})" for found in states if found.state == "failure"]
        elif not states or any(found.state == "pending" for found in states):
            waiting.append(check.name)
    return Verdict(failed=tuple(failed), waiting=tuple(waiting))
