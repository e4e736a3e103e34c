"""What checks on a commit are, and whether those that a branch requires have succeeded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

PASSED = ("success", "neutral")
ACTIONS = "github-actions"
ACTIONS_APP = 15368  # its id on github.com
# GitHub lets a skipped check pass as required, though it tested nothing.
SKIPPED = "skipped"


AnyRun = TypeVar("AnyRun", bound="NumberedRun")


class Concluded(Protocol):
    """A check and its conclusion, in GitHub's word."""

    @property
    def name(self) -> str: ...
    @property
    def conclusion(self) -> str: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class RequiredCheck:
    """A check that the rules of a branch require; *app* is the app that must report it, None for any."""

    name: str
    app: int | None


@dataclass(frozen=True, slots=True)
class NamedCheck:
    """A check that somebody names: a job of a workflow or, with *by*, what that App or account reports."""

    name: str
    by: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One check on a commit: its *state* is `success`, `failure` or `pending`; its *conclusion* is GitHub's word.

    *run* is the number of the check run, which grows; 0 for a commit status. *by* is the App or account that reported.
    """

    name: str
    app: int | None
    state: str
    conclusion: str
    run: int = 0
    by: str = ""

    @property
    def is_skipped(self) -> bool:
        """Tell whether the check was skipped."""
        return self.conclusion == SKIPPED


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportedChecks:
    """The checks that GitHub shows on the commit *sha*, and the number that it hides from this token.

    *next_page* is where the next page begins, "" on the last one.
    """

    sha: str
    shown: tuple[Check, ...]
    hidden: int
    next_page: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckVerdict:
    """The required checks that failed, that have not finished, and that nobody reported.

    A check that was never reported may still come; if its name is wrong, it never will.
    """

    failed: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    unreported: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Tell whether every required check has succeeded."""
        return not self.failed and not self.waiting and not self.unreported

    def delay(self, commit: str) -> str:
        """Return what keeps the checks of *commit* from being complete."""
        waiting = f"{', '.join(self.waiting)} has not finished on {commit}"
        unreported = f"{', '.join(self.unreported)} was never reported on {commit}"
        return " and ".join(text for text, names in ((waiting, self.waiting), (unreported, self.unreported)) if names)


class NumberedRun(Protocol):
    """One run of a check, with the number that GitHub gave it."""

    @property
    def name(self) -> str: ...
    @property
    def app(self) -> int | None: ...
    @property
    def run(self) -> int: ...


def newest_runs(checks: Iterable[AnyRun]) -> tuple[AnyRun, ...]:
    """Return the newest run of each check, by name and app.

    GitHub lists every run, cancelled and superseded ones included; the newest counts for merging, and gh shows it
    (mmnto-ai/totem#2879; cli/cli pkg/cmd/pr/checks/aggregate.go, `eliminateDuplicates`).
    """
    newest: dict[tuple[str, int | None], AnyRun] = {}
    for check in checks:
        known = newest.get((check.name, check.app))
        if not known or check.run >= known.run:
            newest[check.name, check.app] = check
    return tuple(newest.values())


def evaluate_checks(
    required: Sequence[RequiredCheck], reported: Sequence[Check], *, skipped_passes: bool
) -> CheckVerdict:
    """Return how the *required* checks stand, given those *reported*.

    A check counts only if the app that the rules name reported it. Of several with one name, all must succeed.
    GitHub merges past a skipped check (*skipped_passes*); a gate does not, because nothing was tested.
    """
    failed, waiting, unreported = [], [], []
    for requirement in required:
        matching = [c for c in reported if c.name == requirement.name and requirement.app in (None, c.app)]
        broken = [c for c in matching if c.state == "failure" or (c.is_skipped and not skipped_passes)]
        if broken:
            failed += [f"{check.name} ({check.conclusion})" for check in broken]
        elif not matching:
            unreported.append(requirement.name)
        elif any(check.state == "pending" for check in matching):
            waiting.append(requirement.name)
    return CheckVerdict(failed=tuple(failed), waiting=tuple(waiting), unreported=tuple(unreported))


def without_requirement(reported: Collection[Concluded]) -> tuple[str, ...]:
    """Return what is wrong with *reported* where no check is required: each that failed, or that none succeeded."""
    failed = tuple(f"{c.name} {c.conclusion}" for c in reported if c.conclusion not in (*PASSED, SKIPPED))
    return failed or (() if any(c.conclusion in PASSED for c in reported) else ("no successful check",))
