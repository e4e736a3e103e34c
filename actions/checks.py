"""Whether the checks that a branch requires have succeeded on a commit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from actions.errors import ChecksFailedError, TooLateError
from actions.runtime import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actions.clock import Clock
    from actions.repository import Check, Pull, Repository, RequiredCheck

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 15.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """The required checks, sorted by how they stand."""

    failed: tuple[str, ...]
    waiting: tuple[str, ...]


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


def wait(repository: Repository, pull: Pull, required: Sequence[RequiredCheck], *, timeout: int, clock: Clock) -> None:
    """Return when every one of *required* has succeeded on the head of *pull*.

    A merge by one who may bypass the rules would not wait for them; so we do. Raises ChecksFailedError, naming the
    check, or TooLateError after *timeout* seconds.
    """
    started, pause = clock.now(), FIRST_PAUSE
    while required:
        verdict = judge(required, repository.checks(pull))
        if verdict.failed:
            raise ChecksFailedError(f"{pull.url} is not merged: {', '.join(verdict.failed)} did not succeed")
        if not verdict.waiting:
            break
        waited = clock.now() - started
        if waited >= timeout:
            raise TooLateError(
                f"{pull.url} is not merged: {', '.join(verdict.waiting)} did not finish within {timeout} s"
            )
        say(f"waiting for {', '.join(verdict.waiting)} on {pull.head_sha[:12]}: {waited:.0f} of {timeout} s")
        clock.sleep(min(pause, timeout - waited))
        pause = min(pause * 1.5, LONGEST_PAUSE)
