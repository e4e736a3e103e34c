"""A rollback that is merged without a review before it: who asked for it, and the issue that asks for the review."""

from __future__ import annotations

from datetime import timedelta
from os import environ
from typing import TYPE_CHECKING

from actions.app.facts import Unknown
from actions.errors import UnknownFactError
from actions.gates.emergency import EmergencyTeam
from actions.gates.holds import HoldReader, review_label
from actions.gates.request_runs import DISPATCH
from actions.pull_request.hold import open_issue
from actions.pull_request.settings import Route
from actions.runner.environment import actors, event_payload
from actions.runner.event import Event
from actions.runner.markdown import escape, format_tag

if TYPE_CHECKING:
    from actions.api.pulls import Pull
    from actions.gates.collect import GateEvaluator
    from actions.pull_request.plan import PullRequestPlan
    from actions.pull_request.settings import Settings


def asked_in_emergency(evaluator: GateEvaluator, settings: Settings) -> bool | Unknown:
    """Tell whether those who started this run by hand may have the environment rolled back and merged at once."""
    rule = evaluator.config.environment(settings.request.env).emergency
    if not rule or not settings.request.rollback or settings.merge is not Route.DIRECT:
        return False
    event = Event.read(environ, event_payload())
    in_infra = event.repository.casefold() == evaluator.infra.name.casefold()
    by_hand = event.name == DISPATCH and event.branch == event.default_branch != ""
    team = EmergencyTeam(evaluator.infra.client)
    return in_infra and by_hand and team.may_ask(rule, filter(None, actors()))


def ask_for_review(evaluator: GateEvaluator, settings: Settings, plan: PullRequestPlan, pull: Pull) -> None:
    """Open an issue, once, that asks for the review of *pull*, with the time until when."""
    env = settings.request.env
    title, name = f"Review the emergency rollback of {env}, #{pull.number}", review_label(env)
    owed = HoldReader(evaluator.infra).labeled([name])
    if isinstance(owed, Unknown):
        raise UnknownFactError(owed.missing)
    if all(issue.title != title for issue in owed):
        open_issue(evaluator.infra, title, name, _body(evaluator, settings, plan, pull))


def _body(evaluator: GateEvaluator, settings: Settings, plan: PullRequestPlan, pull: Pull) -> str:
    env, asked = settings.request.env, escape(", ".join(dict.fromkeys(filter(None, actors()))))
    rule = evaluator.config.environment(env).emergency
    due = evaluator.now + (rule.review_within if rule else timedelta())
    moves = ", ".join(
        f"{escape(change.service)} from {format_tag(change.before)} to {format_tag(change.after)}"
        for change in plan.changes
    )
    return (
        f"{pull.url} rolls back {moves} without a review, as gitops.yml lets {asked} do in an emergency:"
        f" {escape(settings.reason)}\n\n"
        f"**Due: {due:%Y-%m-%d %H:%M} UTC.** Approve the pull request, though it is merged, and close this issue. While"
        f" it is open after that time, {escape(env)} takes nothing but rollbacks.\n"
    )
