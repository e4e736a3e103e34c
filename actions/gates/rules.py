"""Decide whether a change may be deployed now: facts in; allow, wait or refuse out.

A fact that could not be read never opens a gate. A rollback with a reason, to a tag that ran in the environment before,
skips the gates for checks and promotion: it passed them the first time. A hotfix on top of the deployed tag
skips promotion: the preceding environments run something else, so a run there would prove little.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from actions.app.facts import NoCommit, NotApplicable, Unknown
from actions.app.order import Order
from actions.app.release import Release
from actions.gates import optional
from actions.gates.facts import NOT_FORWARD, Decision, Gate, Reason, allow, moment, refuse, unknown, wait
from actions.tags import short

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from actions.gates.facts import Facts, GateResult

FOREVER = datetime.max.replace(tzinfo=UTC)
MOST_LISTED = 5


def evaluate_gates(facts: Facts, *, again: bool = False) -> tuple[GateResult, ...]:
    """Return the results of all gates that apply to the change; *again*, only of those that may have shut meanwhile.

    If the change brings no new tag (it changes other settings, or removes the service), few apply.
    """
    asked = SECOND_LOOK if again else GATES if facts.change.is_new_artifact else SETTINGS
    results = (gate(facts) for gate in asked)
    return tuple(result for result in results if result)


def worst(results: Iterable[GateResult]) -> GateResult | None:
    """Return the result that decides, None if all gates are open: a refusal, else the longest wait."""
    closed = [result for result in results if result.decision is not Decision.ALLOW]
    return max(closed, key=severity, default=None)


def severity(result: GateResult) -> tuple[bool, datetime]:
    """Return a key that sorts closed gates by severity: waits by length, then refusals."""
    return result.decision is Decision.REFUSE, result.opens or FOREVER


def only_tags(author: str, foreign: Iterable[str]) -> GateResult:
    """Evaluate a pull request of the bot *author*, which may change only tags; *foreign* files have other changes."""
    files = sorted(foreign)
    if files:
        text = f"{author} may change only tags, but this pull request changes more in {_first(files)}"
        return refuse(Gate.ONLY_TAGS, Reason.FOREIGN_FILES, text)
    return allow(Gate.ONLY_TAGS, f"{author} changes only tags")


def _first(items: Sequence[str]) -> str:
    """Return the first of *items*, and how many more there are."""
    unlisted = len(items) - MOST_LISTED
    return ", ".join(items[:MOST_LISTED]) + (f" and {unlisted} more" if unlisted > 0 else "")


def unparsable(message: str) -> GateResult:
    """Return the refusal of an invalid env file."""
    return refuse(Gate.PARSE, Reason.INVALID_ENV_FILE, message)


def _released(facts: Facts) -> GateResult | None:
    tag = short(facts.change.after)
    if isinstance(facts.released, NotApplicable):
        return None
    if isinstance(facts.released, Unknown):
        return unknown(Gate.RELEASED, facts.released)
    if isinstance(facts.released, NoCommit):
        service, what = facts.change.service, f"{tag} names no commit: {facts.released.looked_for}"
        text = f"{what}; if its tags are called otherwise, say so in tag-format or git-tag of services.{service}"
        return refuse(Gate.RELEASED, Reason.UNKNOWN_COMMIT, text)
    if facts.released is Release.HOTFIX:
        return _hotfix_released(facts, tag)
    if facts.released is not Release.NONE:
        return allow(Gate.RELEASED, f"{tag} was released from the default branch")
    text = f"{tag} was not released: it is neither on the default branch nor on a hotfix branch"
    return refuse(Gate.RELEASED, Reason.NOT_RELEASED, text)


def _hotfix_released(facts: Facts, tag: str) -> GateResult:
    if isinstance(facts.unreviewed, Unknown):
        return unknown(Gate.RELEASED, facts.unreviewed)
    if isinstance(facts.unreviewed, NotApplicable):
        return unknown(Gate.RELEASED, Unknown(f"who reviewed the commits of the hotfix {tag}"))
    if facts.unreviewed:
        text = f"{tag} was not released: no approved pull request brought to a hotfix branch {_first(facts.unreviewed)}"
        return refuse(Gate.RELEASED, Reason.NOT_RELEASED, text)
    return allow(Gate.RELEASED, f"{tag} was released from a hotfix branch")


def _checks(facts: Facts) -> GateResult | None:
    if facts.is_rollback or isinstance(facts.checks, NotApplicable):
        return None
    if isinstance(facts.checks, Unknown):
        return unknown(Gate.CHECKS, facts.checks)
    if facts.checks is None:
        service = facts.change.service
        text = f"no check is required of {service}; name its checks in services.{service}.checks, or say none"
        return refuse(Gate.CHECKS, Reason.NO_CHECKS, text)
    tag = short(facts.change.after)
    if facts.checks.failed:
        text = f"{', '.join(facts.checks.failed)} did not succeed on {tag}"
        return refuse(Gate.CHECKS, Reason.CHECKS_FAILED, text)
    if not facts.checks.passed:
        return wait(Gate.CHECKS, Reason.CHECKS_PENDING, facts.checks.delay(tag), None)
    return allow(Gate.CHECKS, f"the required checks succeeded on {tag}")


def _after(facts: Facts) -> GateResult | None:
    if facts.is_rollback or not facts.policy.after:
        return None
    if facts.is_hotfix:
        return allow(Gate.AFTER, f"{short(facts.change.after)} is a hotfix on the deployed tag")
    if isinstance(facts.periods, Unknown):
        return unknown(Gate.AFTER, facts.periods)
    tag, env = short(facts.change.after), facts.policy.after
    if isinstance(facts.periods, NotApplicable):
        return unknown(Gate.AFTER, Unknown(f"the deployments of {tag} to {env}"))
    if not facts.periods:
        return refuse(Gate.AFTER, Reason.NOT_PROMOTED, f"{tag} has not run in {env}; promote it there first")
    return allow(Gate.AFTER, f"{tag} was deployed to {env} at {moment(facts.periods[0].since)}")


def _soak(facts: Facts) -> GateResult | None:
    soak, periods = facts.policy.soak, facts.periods
    if facts.is_rollback or facts.is_hotfix or not soak or not periods or not isinstance(periods, tuple):
        return None  # the gate `after` refuses a tag that has not run at all
    longest = max((period.until or facts.now) - period.since for period in periods)
    tag, env = short(facts.change.after), facts.policy.after
    if longest >= soak:
        return allow(Gate.SOAK, f"{tag} has run in {env} for {duration(longest)}")
    text = f"{tag} has run in {env} for {duration(longest)} of the required {duration(soak)}"
    if periods[0].until:
        return refuse(Gate.SOAK, Reason.NOT_PROMOTED, f"{text} and no longer runs there; promote it there again")
    return wait(Gate.SOAK, Reason.SOAKING, text, periods[0].since + soak)


def _freeze(facts: Facts) -> GateResult | None:
    if not facts.policy.freeze:
        return None
    from actions.infra.freeze import thaw  # loads time zones, which only a freeze needs

    opens = thaw(facts.policy.freeze, facts.now)
    env = facts.change.env
    if opens == facts.now:
        return allow(Gate.FREEZE, f"{env} is not frozen")
    if facts.is_emergency:
        return allow(Gate.FREEZE, f"{env} is frozen, and this is an emergency: {facts.trailers.reason}")
    if facts.freeze_label and facts.trailers.freeze_override:
        return allow(Gate.FREEZE, f"{env} is frozen, and the freeze is overridden: {facts.trailers.freeze_override}")
    return wait(Gate.FREEZE, Reason.FROZEN, f"{env} is frozen", opens)


def _ancestry(facts: Facts) -> GateResult | None:
    change, trailers = facts.change, facts.trailers
    after, before = short(change.after), short(change.before)
    if facts.order is Order.FIRST:
        return allow(Gate.ANCESTRY, f"no deployed commit or version to compare {after} with")
    if facts.order not in NOT_FORWARD:
        return allow(Gate.ANCESTRY, f"{after} contains the deployed tag")
    if facts.is_rollback:
        return allow(Gate.ANCESTRY, f"rollback to {after}: {trailers.reason}")
    return (_backwards if facts.order is Order.BEHIND else _sideways)(facts, after, before)


def _backwards(facts: Facts, after: str, before: str) -> GateResult:
    if not facts.trailers.reason:
        text = f"{after} is older than {before}. If this is a rollback, give the reason in a trailer Reason"
        return refuse(Gate.ANCESTRY, Reason.BACKWARDS, text)
    if isinstance(facts.ran_here, Unknown):
        return unknown(Gate.ANCESTRY, facts.ran_here)
    text = f"{after} is older than {before} and never ran in {facts.change.env}, so this is not a rollback"
    return refuse(Gate.ANCESTRY, Reason.BACKWARDS, text)


def _sideways(facts: Facts, after: str, before: str) -> GateResult:
    lost_commits, allowed_because = facts.lost_commits, facts.trailers.allow_diverged
    if facts.order is Order.DIVERGED and lost_commits == ():
        return allow(Gate.ANCESTRY, f"{after} has an equivalent of every deployed commit")
    if allowed_because:
        return allow(Gate.ANCESTRY, f"{after} may replace {before}: {allowed_because}")
    if isinstance(lost_commits, Unknown):
        return unknown(Gate.ANCESTRY, lost_commits)
    way_out = "If this is intended, give the reason in allow-diverged (a trailer Allow-diverged)"
    if facts.order is Order.DIVERGED:
        if isinstance(lost_commits, NotApplicable):
            return unknown(Gate.ANCESTRY, Unknown(f"the deployed commits that {after} lacks"))
        text = f"{after} lacks commits of {before}: {'; '.join(lost_commits)}. {way_out}"
        return refuse(Gate.ANCESTRY, Reason.DIVERGED, text)
    text = f"the order of {after} and {before} is unknown. {way_out}"
    return refuse(Gate.ANCESTRY, Reason.UNKNOWN_ORDER, text)


def _review(facts: Facts) -> GateResult | None:
    env = facts.change.env
    if facts.policy.review == "none":
        return allow(Gate.REVIEW, f"{env} requires no review")
    if isinstance(facts.approved, NotApplicable):
        return None
    if isinstance(facts.approved, Unknown):
        return unknown(Gate.REVIEW, facts.approved)
    return _approved(facts, env)


def _approved(facts: Facts, env: str) -> GateResult:
    if facts.approved:
        return allow(Gate.REVIEW, "a human who did not contribute approved it")
    if facts.is_emergency:
        return allow(Gate.REVIEW, f"an emergency, to be reviewed afterwards: {facts.trailers.reason}")
    if facts.is_rollback and isinstance(facts.emergency, Unknown):
        return unknown(Gate.REVIEW, facts.emergency)
    text = f"no human who did not contribute approved this change to {env}"
    return refuse(Gate.REVIEW, Reason.REVIEW_REQUIRED, text)


def _commits(facts: Facts) -> GateResult | None:
    unreviewed = facts.unreviewed_commits
    if isinstance(unreviewed, NotApplicable) or (
        facts.approved is False and facts.policy.review != "none" and not facts.is_emergency
    ):
        return None  # the gate `review` has refused it
    if isinstance(unreviewed, Unknown):
        return unknown(Gate.COMMITS, unreviewed)
    if unreviewed:
        way_out = "have its pull request approved or, if it has none, name it in adopt"
        text = f"no human who did not contribute approved {_first(unreviewed)}, which would be deployed too; {way_out}"
        return refuse(Gate.COMMITS, Reason.UNREVIEWED_COMMIT, text)
    return allow(Gate.COMMITS, "all that is deployed with it was approved")


GATES: tuple[Callable[[Facts], GateResult | None], ...] = (
    _released,
    _checks,
    _after,
    _soak,
    _freeze,
    _ancestry,
    _review,
    _commits,
    optional.hold,
    optional.overdue,
    optional.comes_back,
    optional.ticket,
    optional.artifact,
)
# What may have changed since all gates were asked, and can be told without the app.
SECOND_LOOK = (_freeze, _review, _commits, optional.hold, optional.overdue)
# What applies to a change that brings no new tag.
SETTINGS = (*SECOND_LOOK, optional.ticket)


def duration(span: timedelta) -> str:
    """Format *span* in its two largest units, such as `1 d 5 h`."""
    minutes = int(span.total_seconds()) // 60
    parts = (minutes // 1440, "d"), (minutes // 60 % 24, "h"), (minutes % 60, "min")
    return " ".join([f"{number} {unit}" for number, unit in parts if number][:2]) or "less than a minute"
