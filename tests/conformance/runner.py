"""Try every assumption within 15 minutes and 1,000 points, and delete what was made, however that ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING

from actions.errors import ActionError, GitHubError, RateLimitedError, UnavailableError
from tests.conformance.assumptions import ASSUMPTIONS, Assumption, DifferentError, NotTriedError, Verdict
from tests.conformance.ground import plan_lacks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.conformance.ground import Ground

SUBJECTS = (
    "limits",
    "texts",
    "identities",
    "merging",
    "checks",
    "rulesets",
    "runs",
    "inventory",
    "issues",
    "questions",
)
MOST_SECONDS = 13 * 60  # two minutes are left to finish the last assumption and to delete the repositories
MOST_POINTS = 900  # no assumption takes the hundred that are left

for _subject in SUBJECTS:  # each module registers its assumptions, in the order of the table
    import_module(f"tests.conformance.{_subject}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What came of an assumption; *seen* says what was seen instead, why it could not be tried, or the answer."""

    assumption: Assumption
    verdict: Verdict
    seen: str = ""


@dataclass(kw_only=True, slots=True)
class Report:
    """What came of all of them, what they cost, and the repositories that could not be deleted.

    *points* is None if the server does not count; *earlier* are repositories that earlier runs left.
    """

    results: list[Result] = field(default_factory=list)
    points: int | None = None
    seconds: float = 0
    earlier: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def count(self, verdict: Verdict) -> int:
        """Return how many ended with *verdict*."""
        return sum(result.verdict == verdict for result in self.results)


class Meter:
    """Counts the points of GraphQL that were used since it was made; the server's own count begins anew every hour."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._last = ground.points()
        self.spent = None if self._last is None else 0

    def read(self) -> int:
        """Return the points spent so far, 0 if the server does not count."""
        used = self._ground.points() if self.spent is not None else None
        if used is not None and self._last is not None and self.spent is not None:
            self.spent += used - self._last if used >= self._last else used
            self._last = used
        return self.spent or 0


def run(ground: Ground, assumptions: Sequence[Assumption] = (), *, questions: bool = True) -> Report:
    """Try *assumptions*, all of them if none are given; without *questions*, those are not asked.

    Raises ActionError if the server cannot be reached, or no scratch repository can be made.
    """
    start = ground.clock.now()
    ground.end = start + MOST_SECONDS
    meter = Meter(ground)  # the first call: it only reads
    report = Report(earlier=ground.leftovers())
    try:
        _ = ground.shared
        for each in assumptions or ASSUMPTIONS:
            report.results.append(_tried(each, ground, meter, start, questions=questions))
    finally:
        report.left = ground.delete_all()
        if report.left:
            print(f"Delete these by hand: {', '.join(report.left)}")
    meter.read()
    report.points, report.seconds = meter.spent, ground.clock.now() - start
    return report


def _tried(each: Assumption, ground: Ground, meter: Meter, start: float, *, questions: bool) -> Result:
    skipped = Verdict.NOT_ASKED if each.question else Verdict.NOT_TRIED
    if each.question and not questions:
        return Result(assumption=each, verdict=skipped)
    if ground.clock.now() - start > MOST_SECONDS:
        return Result(assumption=each, verdict=skipped, seen="the time is up")
    if meter.read() > MOST_POINTS:
        return Result(assumption=each, verdict=skipped, seen="the points are spent")
    different = skipped if each.question else Verdict.DIFFERENT
    try:
        seen = each.attempt(ground)
    except NotTriedError as error:
        return Result(assumption=each, verdict=skipped, seen=str(error))
    except RateLimitedError as error:
        ground.pause(error.wait)  # or all that follow would be limited too
        return Result(assumption=each, verdict=skipped, seen=str(error))
    except GitHubError as error:
        missing = isinstance(error, UnavailableError) or plan_lacks(error)
        return Result(assumption=each, verdict=skipped if missing else different, seen=str(error))
    except (ActionError, DifferentError) as error:
        return Result(assumption=each, verdict=different, seen=str(error))
    except (AssertionError, AttributeError, LookupError, TypeError, ValueError) as error:  # an answer of another shape
        return Result(assumption=each, verdict=different, seen=repr(error))
    return Result(assumption=each, verdict=Verdict.ANSWERED if each.question else Verdict.AS_ASSUMED, seen=seen or "")
