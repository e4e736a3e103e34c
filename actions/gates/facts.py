"""The facts about a change that the gates judge, and the results that they give."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from actions.app.facts import NotApplicable, Unknown
from actions.app.order import Order
from actions.app.release import Release
from actions.errors import AccessError, EnvFileError, UnknownEnvError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from actions.api.checks import CheckVerdict
    from actions.app.facts import NoCommit
    from actions.deployments.history import DeployedPeriod
    from actions.gates.trailers import Trailers
    from actions.infra.change import Change
    from actions.infra.config import Environment

    Fact = TypeVar("Fact")

NOT_FORWARD = (Order.BEHIND, Order.DIVERGED, Order.UNKNOWN)


class Decision(StrEnum):
    """The decision of a gate; of several, the worst counts."""

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
    COMMITS = "commits"
    HOLD = "hold"
    OVERDUE = "overdue"
    RETURN = "return"
    TICKET = "ticket"
    ARTIFACT = "artifact"
    ONLY_TAGS = "only-tags"


class Reason(StrEnum):
    """Why a gate is closed."""

    INVALID_ENV_FILE = "invalid-env-file"
    UNKNOWN_COMMIT = "unknown-commit"
    NOT_RELEASED = "not-released"
    CHECKS_FAILED = "checks-failed"
    CHECKS_PENDING = "checks-pending"
    NO_CHECKS = "no-checks"
    NOT_PROMOTED = "not-promoted"
    SOAKING = "soaking"
    FROZEN = "frozen"
    BACKWARDS = "backwards"
    DIVERGED = "diverged"
    UNKNOWN_ORDER = "unknown-order"
    REVIEW_REQUIRED = "review-required"
    UNREVIEWED_COMMIT = "unreviewed-commit"
    FOREIGN_FILES = "foreign-files"
    HELD = "held"
    REVIEW_OVERDUE = "review-overdue"
    ROLLED_BACK = "rolled-back"
    NO_TICKET = "no-ticket"
    ARTIFACT_MISSING = "artifact-missing"
    ARTIFACT_MOVED = "artifact-moved"
    NOT_ATTESTED = "not-attested"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class Hold:
    """An open issue that holds an environment or a service: who opened it, when, and its title, which says why."""

    number: int
    title: str
    by: str
    since: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """All facts that the gates need about one *change*. No fact that decides has a default.

    *unreviewed* are the commits of a hotfix that no approved pull request brought to its branch. *periods* are when the
    new tag ran in the preceding environment. *lost_commits* are the deployed commits that the new tag lacks.
    *only_fixes* means that a hotfix brings no commits of the default branch. *approved* means that a human who did not
    contribute approved the change. *unreviewed_commits* are those of the infra repository, whatever they change, that
    would be deployed and that nobody approved. *checks* is None if nothing says which are needed. *holds* are the open
    issues that hold the service. *was_replaced* means that the new tag was deployed here, and another one after it.
    *untracked* is what the change brings that names no ticket, () if the change itself names one. *emergency* means
    that those asked for it who may roll back without a review; *overdue* are the reviews of earlier ones that are due.
    *stored* is the digest that the new tag names in the registry, "" if it is not there. *unattested* is why the image
    has not the provenance that it must have, "" if it has.
    """

    change: Change
    policy: Environment
    now: datetime
    order: Order
    trailers: Trailers
    released: Release | Unknown | NoCommit | NotApplicable
    unreviewed: tuple[str, ...] | Unknown | NotApplicable
    only_fixes: bool | Unknown | NotApplicable
    checks: CheckVerdict | Unknown | NotApplicable | None
    periods: tuple[DeployedPeriod, ...] | Unknown | NotApplicable
    ran_here: bool | Unknown | NotApplicable
    lost_commits: tuple[str, ...] | Unknown | NotApplicable
    approved: bool | Unknown | NotApplicable
    unreviewed_commits: tuple[str, ...] | Unknown | NotApplicable
    freeze_label: bool
    holds: tuple[Hold, ...] | Unknown | NotApplicable
    was_replaced: bool | Unknown | NotApplicable
    untracked: tuple[str, ...] | Unknown | NotApplicable
    emergency: bool | Unknown | NotApplicable
    overdue: tuple[Hold, ...] | Unknown | NotApplicable
    stored: str | Unknown | NotApplicable
    unattested: str | Unknown | NotApplicable

    @property
    def is_rollback(self) -> bool:
        """Tell whether the change, with a reason, returns to a tag that ran in the environment before."""
        return bool(self.trailers.reason) and self.ran_here is True and self.may_go_back

    @property
    def is_emergency(self) -> bool:
        """Tell whether the change is a rollback that goes without a review before it; it must have been tested."""
        tested = isinstance(self.checks, NotApplicable) or getattr(self.checks, "passed", False) is True
        return self.emergency is True and self.is_rollback and tested

    @property
    def may_go_back(self) -> bool:
        """Tell whether the new tag may be older; names that are no versions have no order."""
        return self.order in NOT_FORWARD or (self.order is Order.FIRST and bool(self.change.before))

    @property
    def is_hotfix(self) -> bool:
        """Tell whether the change is a hotfix on top of the deployed tag, without commits of the default branch."""
        return self.released is Release.HOTFIX and self.order is Order.AHEAD and self.only_fixes is True


@dataclass(frozen=True, kw_only=True, slots=True)
class GateResult:
    """The result of one gate; *opens* is when a waiting gate opens, None if unknown."""

    gate: Gate
    decision: Decision
    message: str
    reason: Reason | None = None
    opens: datetime | None = None


def moment(at: datetime) -> str:
    """Format a moment of a message."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def allow(gate: Gate, message: str) -> GateResult:
    """Return that *gate* is open."""
    return GateResult(gate=gate, decision=Decision.ALLOW, message=message)


def wait(gate: Gate, reason: Reason, message: str, opens: datetime | None) -> GateResult:
    """Return that *gate* opens later, at *opens* if that is known."""
    text = f"{message}; the gate opens at {moment(opens)}" if opens else message
    return GateResult(gate=gate, decision=Decision.WAIT, reason=reason, message=text, opens=opens)


def refuse(gate: Gate, reason: Reason, message: str) -> GateResult:
    """Return that *gate* is shut for *reason*."""
    return GateResult(gate=gate, decision=Decision.REFUSE, reason=reason, message=message)


def unknown(gate: Gate, fact: Unknown) -> GateResult:
    """Return that *gate* is shut because *fact* could not be read."""
    return refuse(gate, Reason.UNKNOWN, f"unknown: {fact.missing}")


def known(read: Callable[[], Fact]) -> Fact | Unknown:
    """Return the fact that *read* returns, or what of it cannot be known."""
    try:
        return read()
    except (AccessError, EnvFileError, UnknownEnvError) as error:
        return Unknown(str(error))
