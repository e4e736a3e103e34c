"""Collect the facts that only those gates need that `gitops.yml` asks for; what it does not ask for costs nothing."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from actions.app.facts import NotApplicable, Unknown
from actions.app.order import Order
from actions.deployments.history import deployed_periods
from actions.gates.facts import known
from actions.gates.holds import review_label

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actions.app.repository import AppRepository
    from actions.artifacts.login import RegistryLogin
    from actions.deployments.history import Record
    from actions.gates.facts import Facts
    from actions.gates.holds import HoldReader
    from actions.gates.origin import Origin
    from actions.infra.change import Change
    from actions.infra.config import Config


MOST_RETURNS = 50
# The gate `ancestry` judges what goes back, and another name of what is deployed is no return.
COMPARED_ALREADY = (Order.BEHIND, Order.IDENTICAL)


class FactSource(Protocol):
    """Who reads the facts; *again* means that all gates were asked before."""

    @property
    def config(self) -> Config: ...
    @property
    def again(self) -> bool: ...
    @property
    def holds(self) -> HoldReader: ...
    @property
    def login(self) -> RegistryLogin: ...
    def app(self, service: str) -> AppRepository | None: ...
    def commit_of(self, service: str, tag: str) -> str: ...
    def attempts(self, env: str) -> Iterable[Record]: ...
    def ran(self, env: str, service: str, tag: str, digest: str = "") -> bool: ...


def with_optional_facts(evaluator: FactSource, facts: Facts, origin: Origin) -> Facts:
    """Return *facts* about a change that came by *origin*, with those that the `gitops.yml` of *evaluator* asks for."""
    if facts.policy.ticket and not evaluator.again:
        facts = replace(facts, untracked=known(partial(_untracked, evaluator, facts, origin.texts)))
    if facts.policy.artifact and facts.change.is_new_artifact and not evaluator.again:
        from actions.gates.artifact_facts import with_artifact  # asks another server, and runs another program

        facts = with_artifact(evaluator, facts)
    if evaluator.config.hold:
        facts = _with_holds(evaluator, facts)
    rule = facts.policy.emergency
    if rule:
        owed = evaluator.holds.labeled([review_label(facts.change.env)])
        late = owed if isinstance(owed, Unknown) else tuple(o for o in owed if o.since + rule.review_within < facts.now)
        facts = replace(facts, overdue=late)
    if evaluator.again and facts.trailers.reason and _decides_if_back(facts):
        # Only then has a rollback to be told from what goes forward; the order was known when all gates were asked.
        change = facts.change
        ran = known(partial(evaluator.ran, change.env, change.service, change.after, change.digest))
        facts = replace(facts, ran_here=ran)
    return facts


def _decides_if_back(facts: Facts) -> bool:
    """Tell whether it matters if the change is a rollback: it is held, owes a review, or is an emergency."""
    stopped = any(found and not isinstance(found, NotApplicable) for found in (facts.holds, facts.overdue))
    return stopped or facts.emergency is True


def _with_holds(evaluator: FactSource, facts: Facts) -> Facts:
    """Add which open issues hold the service, and whether its new tag was deployed and replaced before."""
    change = facts.change
    if change.is_new_artifact and not (evaluator.again or facts.is_rollback or facts.order in COMPARED_ALREADY):
        facts = replace(facts, was_replaced=known(partial(_was_replaced, evaluator, change)))
    return replace(facts, holds=evaluator.holds.of(change.env, change.service))


def _was_replaced(evaluator: FactSource, change: Change) -> bool:
    """Tell whether the artifact or the commit of *change* was deployed before what was deployed last, or tried."""
    commit = evaluator.commit_of(change.service, change.after)
    attempts = islice(deployed_periods(evaluator.attempts(change.env), change.service), MOST_RETURNS)
    same = [
        period.is_of(change.after, change.digest) or bool(commit and period.commit == commit) for period in attempts
    ]
    return any(same[1:]) and not same[0]


def _untracked(evaluator: FactSource, facts: Facts, texts: tuple[str, ...] | Unknown) -> tuple[str, ...] | Unknown:
    """Return what the change brings that names no ticket, () if all of *texts*, which are its own, name one."""
    from actions.gates import tickets  # it imports all that reads pull requests

    change, pattern = facts.change, facts.policy.ticket
    if isinstance(texts, Unknown):
        return texts
    if all(tickets.tickets_in(text, [pattern]) for text in texts):
        return ()
    app = evaluator.app(change.service)
    if not app or not change.is_new_artifact or facts.order not in (Order.AHEAD, Order.DIVERGED):
        return ("what it brings",)
    return tickets.untracked(app.client, app.compare_tags(change.before, change.after), pattern)
