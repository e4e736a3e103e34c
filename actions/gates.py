"""May this change go to this environment now? Facts in; allow, wait or refuse out.

What could not be read is never a yes. A roll back to what ran there before, with its reason, need not be asked again
whether it was released, tested and promoted: it was, when it went there. A hotfix on top of what is in place goes there
straight: the environments before run something else, so that it ran there would prove little.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from actions.order import Order
from actions.tags import short

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from actions.change import Change
    from actions.checks import Verdict
    from actions.config import Environment
    from actions.past import Stay
    from actions.trailers import Said

FOREVER = datetime.max.replace(tzinfo=UTC)


class Decision(StrEnum):
    """What a gate says; of several the worst counts."""

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


class Release(StrEnum):
    """By which kind of branch, with its rules, a commit was released."""

    MAIN = "main"
    HOTFIX = "hotfix"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Unknown:
    """A fact that could not be read, and what is missing for it."""

    missing: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """All that the gates ask of one *change*. None: there is nothing to ask, or it is not the time to.

    *stays* are those of the new tag in the environment that comes before. *undone* names the commits that are in place
    and would be lost. *only_fixes* tells whether a hotfix brings no commits of main. *approved* tells whether somebody
    independent approved the change.
    """

    change: Change
    policy: Environment
    now: datetime
    order: Order
    said: Said
    released: Release | Unknown | None = None
    only_fixes: bool | Unknown = False
    checks: Verdict | Unknown | None = None
    stays: tuple[Stay, ...] | Unknown | None = None
    ran_here: bool | Unknown | None = None
    undone: tuple[str, ...] | Unknown = ()
    approved: bool | Unknown | None = None
    freeze_label: bool = False

    @property
    def is_roll_back(self) -> bool:
        """Tell whether this puts back what ran here, on purpose."""
        return bool(self.said.reason) and self.ran_here is True and self.may_go_back

    @property
    def may_go_back(self) -> bool:
        """Tell whether this is, or may be, a way back: nobody can tell of names that are no versions."""
        return self.order in NOT_FORWARD or (self.order is Order.FIRST and bool(self.change.before))

    @property
    def is_hotfix(self) -> bool:
        """Tell whether this is a hotfix on top of what is in place, and brings nothing of main along."""
        return self.released is Release.HOTFIX and self.order is Order.AHEAD and self.only_fixes is True


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What one gate says, in one line, and for `wait` when it opens (None: nobody can tell)."""

    gate: Gate
    decision: Decision
    message: str
    reason: Reason | None = None
    opens: datetime | None = None


NOT_FORWARD = (Order.BEHIND, Order.DIVERGED, Order.UNKNOWN)


def judge(facts: Facts) -> tuple[Finding, ...]:
    """Return what each gate says that the policy of the environment, or the nature of the change, asks for.

    Where the tag stays as it is and something else of the service changes, or where the service goes, only time and
    review matter.
    """
    brings = facts.change.after and facts.change.after != facts.change.before
    found = (gate(facts) for gate in (GATES if brings else (_freeze, _review)))
    return tuple(finding for finding in found if finding)


def worst(findings: Iterable[Finding]) -> Finding | None:
    """Return the finding that decides, None if all allow: a refusal before a wait, a longer wait before others."""
    closed = [finding for finding in findings if finding.decision is not Decision.ALLOW]
    return max(closed, key=severity, default=None)


def severity(finding: Finding) -> tuple[bool, datetime]:
    """Return how bad *finding* is beside others that are not open either."""
    return finding.decision is Decision.REFUSE, finding.opens or FOREVER


def only_tags(author: str, foreign: Iterable[str]) -> Finding:
    """Judge a pull request of the bot *author*, which may hold nothing beside tags."""
    files = sorted(foreign)
    if files:
        listed = ", ".join(files[:5]) + (f" and {len(files) - 5} more" if len(files) > 5 else "")  # noqa: PLR2004
        text = f"{author} may change tags and nothing else; this changes {listed}"
        return _refuse(Gate.ONLY_TAGS, Reason.FOREIGN_FILES, text)
    return _allow(Gate.ONLY_TAGS, f"{author} changes tags and nothing else")


def unparsable(message: str) -> Finding:
    """Return the refusal of an env file that cannot be read, or that has lost what it must have."""
    return _refuse(Gate.PARSE, Reason.INVALID_ENV_FILE, message)


def _released(facts: Facts) -> Finding | None:
    tag = short(facts.change.after)
    if facts.is_roll_back:
        return _allow(Gate.RELEASED, f"{tag} ran here before")
    if facts.released is None:
        return None
    if isinstance(facts.released, Unknown):
        return _unknown(Gate.RELEASED, facts.released)
    if facts.released is not Release.NONE:
        return _allow(Gate.RELEASED, f"{tag} was reviewed and merged")
    text = f"{tag} is no commit of the main branch nor of a hotfix branch, so nobody reviewed it"
    return _refuse(Gate.RELEASED, Reason.NOT_RELEASED, text)


def _checks(facts: Facts) -> Finding | None:
    if facts.is_roll_back or facts.checks is None:
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


def _after(facts: Facts) -> Finding | None:
    if facts.is_roll_back or not facts.policy.after:
        return None
    if facts.is_hotfix:
        return _allow(Gate.AFTER, f"{short(facts.change.after)} is a hotfix on what is in place")
    if facts.stays is None or isinstance(facts.stays, Unknown):
        return _unknown(Gate.AFTER, facts.stays or Unknown("what ran there"))
    tag, env = short(facts.change.after), facts.policy.after
    if not facts.stays:
        return _refuse(Gate.AFTER, Reason.NOT_PROMOTED, f"{tag} has not run in {env}; it goes there first")
    return _allow(Gate.AFTER, f"{tag} ran in {env} since {_moment(facts.stays[0].since)}")


def _soak(facts: Facts) -> Finding | None:
    soak, stays = facts.policy.soak, facts.stays
    if facts.is_roll_back or facts.is_hotfix or not soak or not stays or isinstance(stays, Unknown):
        return None  # where it has not run at all, the gate before says so
    longest = max((stay.until or facts.now) - stay.since for stay in stays)
    tag, env = short(facts.change.after), facts.policy.after
    if longest >= soak:
        return _allow(Gate.SOAK, f"{tag} has run in {env} for {duration(longest)}")
    text = f"{tag} has run in {env} for {duration(longest)} of {duration(soak)}"
    if stays[0].until:
        return _refuse(Gate.SOAK, Reason.NOT_PROMOTED, f"{text} and does not run there any more")
    return _wait(Gate.SOAK, Reason.SOAKING, text, stays[0].since + soak)


def _freeze(facts: Facts) -> Finding | None:
    if not facts.policy.freeze:
        return None
    from actions.freeze import thaw  # time zones are for those who have a freeze

    opens = thaw(facts.policy.freeze, facts.now)
    env = facts.change.env
    if opens == facts.now:
        return _allow(Gate.FREEZE, f"{env} is not frozen")
    if facts.freeze_label and facts.said.freeze_override:
        return _allow(Gate.FREEZE, f"{env} is frozen, and this goes all the same: {facts.said.freeze_override}")
    return _wait(Gate.FREEZE, Reason.FROZEN, f"{env} is frozen", opens)


def _ancestry(facts: Facts) -> Finding | None:
    change, said = facts.change, facts.said
    what = f"{short(change.after)} in place of {short(change.before)}"
    if facts.order not in NOT_FORWARD:
        return _allow(Gate.ANCESTRY, f"{short(change.after)} contains what is in place")
    if facts.is_roll_back:
        return _allow(Gate.ANCESTRY, f"rolls back to {short(change.after)}: {said.reason}")
    return _backwards(facts, what) if facts.order is Order.BEHIND else _sideways(facts, what)


def _backwards(facts: Facts, what: str) -> Finding:
    if not facts.said.reason:
        text = f"{what} goes backwards; if it is a roll back, say why in a trailer Reason"
        return _refuse(Gate.ANCESTRY, Reason.BACKWARDS, text)
    if isinstance(facts.ran_here, Unknown):
        return _unknown(Gate.ANCESTRY, facts.ran_here)
    text = f"{what} is no roll back: {short(facts.change.after)} never ran in {facts.change.env}"
    return _refuse(Gate.ANCESTRY, Reason.BACKWARDS, text)


def _sideways(facts: Facts, what: str) -> Finding:
    tag, undone = short(facts.change.after), facts.undone
    if facts.order is Order.DIVERGED and undone == ():
        return _allow(Gate.ANCESTRY, f"{tag} has an equivalent of every commit that is in place")
    if facts.said.allow_diverged:
        return _allow(Gate.ANCESTRY, f"{what} is allowed: {facts.said.allow_diverged}")
    if isinstance(undone, Unknown):
        return _unknown(Gate.ANCESTRY, undone)
    way_out = "say why in allow-diverged (a trailer Allow-diverged), if it is meant"
    if facts.order is Order.DIVERGED:
        return _refuse(Gate.ANCESTRY, Reason.DIVERGED, f"{what} would undo {'; '.join(undone)}; {way_out}")
    text = f"nobody can tell how {tag} relates to {short(facts.change.before)}; {way_out}"
    return _refuse(Gate.ANCESTRY, Reason.UNKNOWN_ORDER, text)


def _review(facts: Facts) -> Finding | None:
    env = facts.change.env
    if facts.policy.review == "none":
        return _allow(Gate.REVIEW, f"{env} needs no review")
    if facts.approved is None:
        return None
    if isinstance(facts.approved, Unknown):
        return _unknown(Gate.REVIEW, facts.approved)
    if facts.approved:
        return _allow(Gate.REVIEW, "somebody independent approved it")
    text = f"nobody independent approved this change of {env}"
    return _refuse(Gate.REVIEW, Reason.REVIEW_REQUIRED, text)


GATES: tuple[Callable[[Facts], Finding | None], ...] = (
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


def _allow(gate: Gate, message: str) -> Finding:
    return Finding(gate=gate, decision=Decision.ALLOW, message=message)


def _wait(gate: Gate, reason: Reason, message: str, opens: datetime | None) -> Finding:
    text = f"{message}; this gate opens {_moment(opens)}" if opens else message
    return Finding(gate=gate, decision=Decision.WAIT, reason=reason, message=text, opens=opens)


def _refuse(gate: Gate, reason: Reason, message: str) -> Finding:
    return Finding(gate=gate, decision=Decision.REFUSE, reason=reason, message=message)


def _unknown(gate: Gate, fact: Unknown) -> Finding:
    return _refuse(gate, Reason.UNKNOWN, f"cannot be known: {fact.missing}")
