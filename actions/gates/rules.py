"""Decide whether a change may go to its environment now: facts in; allow, wait or refuse out.

A fact that could not be read never opens a gate. A rollback, with its reason, to what ran there before is not asked
again whether it was released, tested and promoted: it was when it went there first. A hotfix on top of what is in place
skips the environments before: they run something else, so a run there would prove little.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from actions.app.facts import NotApplicable, Unknown
from actions.app.order import Order
from actions.app.release import Release
from actions.tags import short

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from actions.api.checks import CheckVerdict
    from actions.deployments.history import DeployedPeriod
    from actions.gates.trailers import Trailers
    from actions.infra.change import Change
    from actions.infra.config import Environment

FOREVER = datetime.max.replace(tzinfo=UTC)
MOST_FILES_LISTED = 5


class Decision(StrEnum):
    """What a gate says. Of several, the worst counts."""

    ALLOW = "allow"
    WAIT = "wait"
    REFUSE = "refuse"


class Gate(StrEnum):
    """The gates, in the order in which they are shown."""

    PARSE = "parse"
    RELEASED = "released"
    CHECKS = "checks"
    AFTER = "after"
    SOAK = "soak"
    FREEZE = "freeze"
    ANCESTRY = "ancestry"
    REVIEW = "review"
    ONLY_TAGS = "only-tags"


class Reason(StrEnum):
    """Why a gate is not open."""

    INVALID_ENV_FILE = "invalid-env-file"
    NOT_RELEASED = "not-released"
    CHECKS_FAILED = "checks-failed"
    CHECKS_PENDING = "checks-pending"
    NOT_PROMOTED = "not-promoted"
    SOAKING = "soaking"
    FROZEN = "frozen"
    BACKWARDS = "backwards"
    DIVERGED = "diverged"
    UNKNOWN_ORDER = "unknown-order"
    REVIEW_REQUIRED = "review-required"
    FOREIGN_FILES = "foreign-files"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """All that the gates ask of one *change*. No fact that decides has a default.

    *periods* are those of the new tag in the environment that comes before. *lost_commits* names the commits that are
    in place and that the new tag lacks. *only_fixes*: a hotfix brings no commits of the default branch. *approved*:
    a human who did not contribute approved the change.
    """

    change: Change
    policy: Environment
    now: datetime
    order: Order
    trailers: Trailers
    released: Release | Unknown | NotApplicable
    only_fixes: bool | Unknown | NotApplicable
    checks: CheckVerdict | Unknown | NotApplicable
    periods: tuple[DeployedPeriod, ...] | Unknown | NotApplicable
    ran_here: bool | Unknown | NotApplicable
    lost_commits: tuple[str, ...] | Unknown | NotApplicable
    approved: bool | Unknown | NotApplicable
    freeze_label: bool

    @property
    def is_rollback(self) -> bool:
        """Tell whether this deliberately puts back what ran here."""
        return bool(self.trailers.reason) and self.ran_here is True and self.may_go_back

    @property
    def may_go_back(self) -> bool:
        """Tell whether this goes back, or may: names that are no versions have no order."""
        return self.order in NOT_FORWARD or (self.order is Order.FIRST and bool(self.change.before))

    @property
    def is_hotfix(self) -> bool:
        """Tell whether this is a hotfix on top of what is in place, without commits of the default branch."""
        return self.released is Release.HOTFIX and self.order is Order.AHEAD and self.only_fixes is True


@dataclass(frozen=True, kw_only=True, slots=True)
class GateResult:
    """What one gate says, in one line; *opens* is when a gate that waits opens, None if that is unknown."""

    gate: Gate
    decision: Decision
    message: str
    reason: Reason | None = None
    opens: datetime | None = None


NOT_FORWARD = (Order.BEHIND, Order.DIVERGED, Order.UNKNOWN)


def evaluate_gates(facts: Facts) -> tuple[GateResult, ...]:
    """Return what each gate says that the policy of the environment, or the nature of the change, asks for.

    Where the tag stays as it is and something else of the service changes, or where the service goes, only time and
    review matter.
    """
    brings = facts.change.after and facts.change.after != facts.change.before
    results = (gate(facts) for gate in (GATES if brings else (_freeze, _review)))
    return tuple(result for result in results if result)


def worst(results: Iterable[GateResult]) -> GateResult | None:
    """Return the result that decides, None if all allow: a refusal before a wait, a longer wait before others."""
    closed = [result for result in results if result.decision is not Decision.ALLOW]
    return max(closed, key=severity, default=None)


def severity(result: GateResult) -> tuple[bool, datetime]:
    """Return how bad *result* is beside others that are not open either."""
    return result.decision is Decision.REFUSE, result.opens or FOREVER


def only_tags(author: str, foreign: Iterable[str]) -> GateResult:
    """Judge a pull request of the bot *author*, which may change nothing but tags."""
    files = sorted(foreign)
    if files:
        unlisted = len(files) - len(files[:MOST_FILES_LISTED])
        listed = ", ".join(files[:MOST_FILES_LISTED]) + (f" and {unlisted} more" if unlisted else "")
        text = f"{author} may change tags and nothing else; this changes {listed}"
        return _refuse(Gate.ONLY_TAGS, Reason.FOREIGN_FILES, text)
    return _allow(Gate.ONLY_TAGS, f"{author} changes tags and nothing else")


def unparsable(message: str) -> GateResult:
    """Return the refusal of an env file that cannot be read, or that has lost what it must have."""
    return _refuse(Gate.PARSE, Reason.INVALID_ENV_FILE, message)


def _released(facts: Facts) -> GateResult | None:
    tag = short(facts.change.after)
    if facts.is_rollback:
        return _allow(Gate.RELEASED, f"{tag} ran here before")
    if isinstance(facts.released, NotApplicable):
        return None
    if isinstance(facts.released, Unknown):
        return _unknown(Gate.RELEASED, facts.released)
    if facts.released is not Release.NONE:
        return _allow(Gate.RELEASED, f"{tag} was reviewed and merged")
    text = f"{tag} is on neither the default branch nor a hotfix branch, so it was not released"
    return _refuse(Gate.RELEASED, Reason.NOT_RELEASED, text)


def _checks(facts: Facts) -> GateResult | None:
    if facts.is_rollback or isinstance(facts.checks, NotApplicable):
        return None
    if isinstance(facts.checks, Unknown):
        return _unknown(Gate.CHECKS, facts.checks)
    tag = short(facts.change.after)
    if facts.checks.failed:
        text = f"{', '.join(facts.checks.failed)} did not succeed on {tag}"
        return _refuse(Gate.CHECKS, Reason.CHECKS_FAILED, text)
    if facts.checks.waiting:
        text = f"{', '.join(facts.checks.waiting)} has not finished on {tag}"
        return _wait(Gate.CHECKS, Reason.CHECKS_PENDING, text, None)
    return _allow(Gate.CHECKS, f"the required checks succeeded on {tag}")


def _after(facts: Facts) -> GateResult | None:
    if facts.is_rollback or not facts.policy.after:
        return None
    if facts.is_hotfix:
        return _allow(Gate.AFTER, f"{short(facts.change.after)} is a hotfix on what is in place")
    if isinstance(facts.periods, Unknown):
        return _unknown(Gate.AFTER, facts.periods)
    tag, env = short(facts.change.after), facts.policy.after
    if isinstance(facts.periods, NotApplicable):
        return _unknown(Gate.AFTER, Unknown(f"when {tag} ran in {env}"))
    if not facts.periods:
        return _refuse(Gate.AFTER, Reason.NOT_PROMOTED, f"{tag} has not run in {env}; promote it there first")
    return _allow(Gate.AFTER, f"{tag} ran in {env} since {_moment(facts.periods[0].since)}")


def _soak(facts: Facts) -> GateResult | None:
    soak, periods = facts.policy.soak, facts.periods
    if facts.is_rollback or facts.is_hotfix or not soak or not periods or not isinstance(periods, tuple):
        return None  # the gate `after` says where it has not run at all
    longest = max((period.until or facts.now) - period.since for period in periods)
    tag, env = short(facts.change.after), facts.policy.after
    if longest >= soak:
        return _allow(Gate.SOAK, f"{tag} has run in {env} for {duration(longest)}")
    text = f"{tag} has run in {env} for {duration(longest)} of {duration(soak)}"
    if periods[0].until:
        return _refuse(Gate.SOAK, Reason.NOT_PROMOTED, f"{text} and no longer runs there")
    return _wait(Gate.SOAK, Reason.SOAKING, text, periods[0].since + soak)


def _freeze(facts: Facts) -> GateResult | None:
    if not facts.policy.freeze:
        return None
    from actions.infra.freeze import thaw  # time zones are for those who have a freeze

    opens = thaw(facts.policy.freeze, facts.now)
    env = facts.change.env
    if opens == facts.now:
        return _allow(Gate.FREEZE, f"{env} is not frozen")
    if facts.freeze_label and facts.trailers.freeze_override:
        return _allow(Gate.FREEZE, f"{env} is frozen, and the freeze is overridden: {facts.trailers.freeze_override}")
    return _wait(Gate.FREEZE, Reason.FROZEN, f"{env} is frozen", opens)


def _ancestry(facts: Facts) -> GateResult | None:
    change, trailers = facts.change, facts.trailers
    what = f"{short(change.after)} in place of {short(change.before)}"
    if facts.order not in NOT_FORWARD:
        return _allow(Gate.ANCESTRY, f"{short(change.after)} contains what is in place")
    if facts.is_rollback:
        return _allow(Gate.ANCESTRY, f"rolls back to {short(change.after)}: {trailers.reason}")
    return _backwards(facts, what) if facts.order is Order.BEHIND else _sideways(facts, what)


def _backwards(facts: Facts, what: str) -> GateResult:
    if not facts.trailers.reason:
        text = f"{what} goes backwards. If this is a rollback, give the reason in a trailer Reason"
        return _refuse(Gate.ANCESTRY, Reason.BACKWARDS, text)
    if isinstance(facts.ran_here, Unknown):
        return _unknown(Gate.ANCESTRY, facts.ran_here)
    text = f"{what} is no rollback: {short(facts.change.after)} never ran in {facts.change.env}"
    return _refuse(Gate.ANCESTRY, Reason.BACKWARDS, text)


def _sideways(facts: Facts, what: str) -> GateResult:
    tag, lost_commits = short(facts.change.after), facts.lost_commits
    if facts.order is Order.DIVERGED and lost_commits == ():
        return _allow(Gate.ANCESTRY, f"{tag} has an equivalent of every commit that is in place")
    if facts.trailers.allow_diverged:
        return _allow(Gate.ANCESTRY, f"{what} is allowed: {facts.trailers.allow_diverged}")
    if isinstance(lost_commits, Unknown):
        return _unknown(Gate.ANCESTRY, lost_commits)
    way_out = "if this is intended, give the reason in allow-diverged (a trailer Allow-diverged)"
    if facts.order is Order.DIVERGED:
        if isinstance(lost_commits, NotApplicable):
            return _unknown(Gate.ANCESTRY, Unknown(f"which commits {tag} lacks"))
        return _refuse(Gate.ANCESTRY, Reason.DIVERGED, f"{what} would undo {'; '.join(lost_commits)}; {way_out}")
    text = f"the order of {tag} and {short(facts.change.before)} is unknown; {way_out}"
    return _refuse(Gate.ANCESTRY, Reason.UNKNOWN_ORDER, text)


def _review(facts: Facts) -> GateResult | None:
    env = facts.change.env
    if facts.policy.review == "none":
        return _allow(Gate.REVIEW, f"{env} needs no review")
    if isinstance(facts.approved, NotApplicable):
        return None
    if isinstance(facts.approved, Unknown):
        return _unknown(Gate.REVIEW, facts.approved)
    if facts.approved:
        return _allow(Gate.REVIEW, "a human who did not contribute approved it")
    text = f"no human who did not contribute approved this change of {env}"
    return _refuse(Gate.REVIEW, Reason.REVIEW_REQUIRED, text)


GATES: tuple[Callable[[Facts], GateResult | None], ...] = (
    _released,
    _checks,
    _after,
    _soak,
    _freeze,
    _ancestry,
    _review,
)


def duration(span: timedelta) -> str:
    """Return *span* as people say it: its two largest units."""
    minutes = int(span.total_seconds()) // 60
    parts = (minutes // 1440, "d"), (minutes // 60 % 24, "h"), (minutes % 60, "min")
    return " ".join([f"{number} {unit}" for number, unit in parts if number][:2]) or "less than a minute"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _allow(gate: Gate, message: str) -> GateResult:
    return GateResult(gate=gate, decision=Decision.ALLOW, message=message)


def _wait(gate: Gate, reason: Reason, message: str, opens: datetime | None) -> GateResult:
    text = f"{message}; this gate opens {_moment(opens)}" if opens else message
    return GateResult(gate=gate, decision=Decision.WAIT, reason=reason, message=text, opens=opens)


def _refuse(gate: Gate, reason: Reason, message: str) -> GateResult:
    return GateResult(gate=gate, decision=Decision.REFUSE, reason=reason, message=message)


def _unknown(gate: Gate, fact: Unknown) -> GateResult:
    return _refuse(gate, Reason.UNKNOWN, f"unknown: {fact.missing}")
