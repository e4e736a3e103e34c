"""What a run of open-infra-pr is to do, given what is there: which tags, which of them go, and what the gates say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

from actions.change import Change, Plan, only_service, plan
from actions.errors import ChecksPendingError, NeverRanError
from actions.gate_report import closed
from actions.gates import Decision, duration
from actions.infra_state import environment
from actions.judging import Judge, Judged
from actions.order import Order
from actions.past import earlier
from actions.tags import short

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actions.clock import Clock
    from actions.infra_settings import Settings
    from actions.infra_state import State
    from actions.repository import Repository

PREVIOUS = re.compile(r"previous(?:-([1-9]\d?))?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Intent:
    """The tags that are *wanted*, the plan for those that go, and how each of these was judged.

    *in_source* says, of a promotion, for how long each has been where it comes from.
    """

    wanted: Mapping[str, str]
    behind: tuple[str, ...]
    planned: Plan
    judged: tuple[Judged, ...]
    in_source: tuple[str, ...] = ()

    @property
    def changes(self) -> tuple[Change, ...]:
        """Return the changes that go."""
        return self.planned.changes

    @property
    def waiting(self) -> list[str]:
        """Return, in words, what must be waited for before the change may go."""
        return [each.worst.message for each in self.judged if each.worst and each.worst.decision is Decision.WAIT]


def judge_of(infra: Repository, settings: Settings, state: State, clock: Clock) -> Judge:
    """Return who judges changes of *state*."""
    known = {snapshot.env: snapshot for snapshot in (state.target, state.source) if snapshot}
    head = state.base.head
    return Judge(
        infra=infra,
        config=state.config,
        layout=state.layout,
        snapshot=lambda env: known.get(env) or environment(infra, state.layout, head, env),
        app_repo=settings.app_repo,
        app_token=settings.token,
        now=datetime.fromtimestamp(clock.wall(), UTC),
    )


def wanted_tags(settings: Settings, state: State, judge: Judge) -> dict[str, str]:
    """Return the tag that each service is to have; raise NeverRanError if one is to go back to what never ran there."""
    request = settings.request
    if not request.rollback:
        return request.wanted(state.target, state.source)
    services = request.services or (only_service(state.target),)
    return {service: _earlier(state, judge, service, request.rollback) for service in services}


def intend(settings: Settings, state: State, judge: Judge, wanted: Mapping[str, str]) -> Intent:
    """Return what is to be done for *wanted*; raise the error of the gate that is not open.

    What only has to wait may be offered, but not be merged.
    """
    moving = plan(state.target, wanted).changes
    judge.look(moving)
    orders = {change.service: judge.order(change.service, change.before, change.after)[0] for change in moving}
    goes = {
        service: tag
        for service, tag in wanted.items()
        if service in orders and (settings.request.rollback or orders[service] is not Order.BEHIND)
    }
    planned = plan(state.target, goes)
    judged = tuple(judge.judge(change, settings.said) for change in planned.changes)
    for error in closed(judged, waits=settings.merges and not settings.dry_run):
        if not (settings.dry_run and isinstance(error, ChecksPendingError)):
            raise error
    behind = tuple(service for service, order in orders.items() if order is Order.BEHIND and service not in goes)
    source = settings.request.from_env
    in_source = tuple(_in_source(judge, source, change) for change in planned.changes if source)
    return Intent(wanted=wanted, behind=behind, planned=planned, judged=judged, in_source=in_source)


def _in_source(judge: Judge, source: str, change: Change) -> str:
    """Return, in words, for how long what *change* promotes has been in *source*."""
    stay = next((stay for stay in islice(judge.stays(source, change.service), 1) if stay.tag == change.after), None)
    if not stay:
        return f"{change.service} has not been deployed to {source}"
    return f"{change.service} for {duration(judge.now - stay.since)}, since {stay.since:%Y-%m-%d %H:%M} UTC"


def _earlier(state: State, judge: Judge, service: str, rollback: str) -> str:
    env, present = state.target.env, state.target.tags().get(service, "")
    previous = PREVIOUS.fullmatch(rollback)
    if previous:
        found = earlier(judge.stays(env, service), present, int(previous[1] or 1))
        if found:
            return found
        raise NeverRanError(f"there is no {rollback} tag of {service}: no other has run in {env} that long ago")
    if rollback == present or judge.ran(env, service, rollback):
        return rollback
    raise NeverRanError(
        f"{service} {short(rollback)} never ran in {env}, so that is no roll back; set it with tag, as a new change"
    )
