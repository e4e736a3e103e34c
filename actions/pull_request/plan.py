"""Plan a run of open-infra-pr: the wanted artifacts, those that change, and what the gates say of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from actions.app.facts import NotApplicable
from actions.app.order import Order
from actions.deployments.history import earlier_tag
from actions.errors import ChecksPendingError, EnvFileError, InputError, NeverRanError
from actions.gates import report
from actions.gates.facts import Decision, Reason
from actions.gates.origin import Origin
from actions.gates.rules import duration
from actions.infra.change import Change, ChangePlan, only_service, plan_changes, require_digests
from actions.infra.config import PATH
from actions.infra.remote import read_infra
from actions.tags import Artifact, short

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from actions.api.repository import Base, Repository
    from actions.app.facts import Unknown
    from actions.gates.collect import EvaluatedChange, GateEvaluator
    from actions.infra.config import Config
    from actions.infra.layout import Layout, Snapshot
    from actions.pull_request.settings import Settings

PREVIOUS = re.compile(r"previous(?:-([1-9]\d?))?")
NOT_PROPOSED = NotApplicable("the pull request is not open yet")


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """The base branch, and the environment that is to change (*target*) or to be copied (*source*)."""

    base: Base
    config: Config
    layout: Layout
    target: Snapshot
    source: Snapshot | None


@dataclass(frozen=True, kw_only=True, slots=True)
class PullRequestPlan:
    """The artifacts that are *wanted*, the changes that go, and what the gates say of each.

    *superseded* names the services that have something newer. *in_source* says, of a promotion, how long each tag has
    run in the source environment. *postponed* is why nothing is proposed now, as `when-waiting: skip` asks.
    """

    wanted: Mapping[str, Artifact]
    superseded: tuple[str, ...]
    planned: ChangePlan
    evaluated: tuple[EvaluatedChange, ...]
    in_source: tuple[str, ...] = ()
    postponed: tuple[str, ...] = ()

    @property
    def changes(self) -> tuple[Change, ...]:
        """Return the changes that go."""
        return self.planned.changes

    @property
    def is_emergency(self) -> bool:
        """Tell whether all changes go without a review before them."""
        return bool(self.evaluated) and all(item.is_emergency for item in self.evaluated)

    @property
    def waiting(self) -> list[str]:
        """Return, in words, what the change has to wait for."""
        return [item.worst.message for item in self.evaluated if item.worst and item.worst.decision is Decision.WAIT]


def read_state(infra: Repository, settings: Settings) -> State:
    """Read what matters of *infra*, all at one commit; raise UnknownEnvError if an environment is not there."""
    request = settings.request
    envs = [env for env in (request.env, request.from_env) if env]
    state = read_infra(infra, branch=settings.base, envs_dir=settings.envs_dir, envs=envs)
    return State(
        base=state.base,
        config=state.config,
        layout=state.layout,
        target=state.environments[request.env],
        source=state.environments.get(request.from_env),
    )


def wanted_artifacts(settings: Settings, state: State, evaluator: GateEvaluator) -> dict[str, Artifact]:
    """Return the artifact that each service is to have; raise NeverRanError for a rollback to what never ran there."""
    request = settings.request
    if not request.rollback:
        wanted = request.wanted(state.target, state.source)
        require_digests(state.target, wanted, drop=state.config.drop_digests)
        return wanted
    services = request.services or (only_service(state.target),)
    tags = {service: _rollback_tag(state, evaluator, service, request.rollback) for service in services}
    return {service: Artifact(tag, _digest_that_ran(state, evaluator, service, tag)) for service, tag in tags.items()}


def make_plan(
    settings: Settings,
    state: State,
    evaluator: GateEvaluator,
    wanted: Mapping[str, Artifact],
    *,
    emergency: bool | Unknown = False,
) -> PullRequestPlan:
    """Return what has to be done for *wanted*; raise the error of a gate that is not open.

    In an *emergency*, those asked for it who may roll back without a review.

    A change that only has to wait may be proposed, and not be merged.
    """
    if settings.skips_waiting and not state.config.hold:
        raise InputError(
            f"when-waiting: skip needs hold: issues in {PATH}: without it, the next run would bring back what was"
            " rolled back"
        )
    moving = plan_changes(state.target, wanted).changes
    evaluator.prefetch(moving)
    orders = {change.service: evaluator.order(change.service, change.before, change.after)[0] for change in moving}
    goes = {
        service: artifact
        for service, artifact in wanted.items()
        if service in orders and (settings.request.rollback or orders[service] is not Order.BEHIND)
    }
    planned = plan_changes(state.target, goes)
    said = "\n".join([settings.title, settings.branch, *settings.trailers.as_lines()])
    origin = Origin(
        trailers=settings.trailers, freeze_label=False, approved=NOT_PROPOSED, texts=(said,), emergency=emergency
    )
    evaluated = tuple(evaluator.evaluate(change, origin, NOT_PROPOSED) for change in planned.changes)
    postponed = _postponed(evaluated, settings) if settings.skips_waiting else ()
    for error in () if postponed else report.errors(evaluated, waits=settings.merges and not settings.dry_run):
        if not (settings.dry_run and isinstance(error, ChecksPendingError)):
            raise error
    source = settings.request.from_env
    return PullRequestPlan(
        wanted=wanted,
        superseded=tuple(service for service in orders if service not in goes),
        planned=planned,
        evaluated=evaluated,
        postponed=postponed,
        in_source=tuple(_time_in_source(evaluator, source, change) for change in planned.changes if source),
    )


def _postponed(evaluated: Sequence[EvaluatedChange], settings: Settings) -> tuple[str, ...]:
    """Return why the change has to wait, () if it has not, or if a gate refuses what time does not mend.

    What is to be promoted may not be deployed yet where it comes from, and what was rolled back waits for a newer tag.
    """
    later = (Reason.ROLLED_BACK, *((Reason.NOT_PROMOTED,) if settings.request.from_env else ()))
    closed = [result for item in evaluated for result in item.results if result.decision is not Decision.ALLOW]
    waits = [result.decision is Decision.WAIT or result.reason in later for result in closed]
    return tuple(result.message for result in closed) if all(waits) else ()


def _time_in_source(evaluator: GateEvaluator, source: str, change: Change) -> str:
    """Return, in words, how long *change*'s tag has run in *source*."""
    newest = next(islice(evaluator.periods(source, change.service), 1), None)
    if not newest or newest.tag != change.after:
        return f"{change.service} has not been deployed to {source}"
    return f"{change.service} for {duration(evaluator.now - newest.since)}, since {newest.since:%Y-%m-%d %H:%M} UTC"


def _rollback_tag(state: State, evaluator: GateEvaluator, service: str, rollback: str) -> str:
    env, present = state.target.env, state.target.tags().get(service, "")
    previous = PREVIOUS.fullmatch(rollback)
    if previous:
        tag = earlier_tag(evaluator.periods(env, service), present, int(previous[1] or 1))
        if tag:
            return tag
        raise NeverRanError(f"there is no {rollback} tag of {service}: no other tag ran in {env} that long ago")
    if rollback == present or evaluator.ran(env, service, rollback):
        return rollback
    raise NeverRanError(
        f"{service} {short(rollback)} never ran in {env}, so this is no rollback; set it with tag, as a new change"
    )


def _digest_that_ran(state: State, evaluator: GateEvaluator, service: str, tag: str) -> str:
    """Return the digest of the last deployment of *tag*, "" if it had none or an invalid one, or *tag* never ran."""
    env = state.target.env
    if tag == state.target.tags().get(service) and not evaluator.ran(env, service, tag):
        return ""
    snapshot = next(record.snapshot for record in evaluator.records(env) if record.tags.get(service) == tag)
    try:
        return snapshot.digests([service])[service]
    except EnvFileError:
        return ""
