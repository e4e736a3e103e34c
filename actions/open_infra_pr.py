"""action-open-infra-pr: change tags in the infra repository by a pull request, through the API alone."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from actions import change, report
from actions.clock import Clock
from actions.config import PATH
from actions.errors import (
    ConflictError,
    EnvFileError,
    GitHubError,
    InputError,
    RefusedError,
    ReviewRequiredError,
)
from actions.event import Event
from actions.infra_settings import Route, Settings
from actions.infra_state import State, read
from actions.intent import Intent, intend, judge_of, wanted_tags
from actions.landing import Landed, land, offer, settle
from actions.order import Order
from actions.proposal import Proposal, branch_name, propose, tags_in
from actions.repository import Pull, Repository
from actions.retry import persist
from actions.runtime import Inputs, Outcome, event_payload, markdown, run, say
from actions.tags import short

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actions.change import Change
    from actions.judging import Judge

UNSET = {
    "changed": False,
    "changes": [],
    "previous-tag": "",
    "tag": "",
    "pr-number": "",
    "pr-url": "",
    "branch": "",
    "commit-sha": "",
    "verified": False,
    "merged": False,
    "merge-sha": "",
    "merge-route": "none",
    "bypassed": False,
}
FAILURES = (InputError, EnvFileError, ConflictError, GitHubError, RefusedError)


class Reason(StrEnum):
    """How the run ends well."""

    OPENED = "opened"
    ALREADY_OPEN = "already-open"
    MERGED = "merged"
    MERGES_WHEN_READY = "merges-when-ready"
    UP_TO_DATE = "up-to-date"
    SUPERSEDED = "superseded"
    DRY_RUN = "dry-run"


@dataclass(slots=True)
class Memory:
    """What earlier attempts of this run did, should the answer of GitHub get lost or a later step fail."""

    rolled_back_to: Mapping[str, str] | None = None
    changes: tuple[Change, ...] = ()
    proposal: Proposal | None = None
    pull: Pull | None = None
    landed: Landed | None = None


def main(clock: Clock | None = None) -> int:
    """Run the action and return its exit code."""
    return run(lambda: _act(clock or Clock()), unset=UNSET)


def _act(clock: Clock) -> Outcome:
    event = Event.read(os.environ, event_payload())
    settings = Settings.read(Inputs(), event.repository)
    infra = Repository(settings.infra_repo, settings.token)
    memory = Memory()
    return persist(lambda: _attempt(infra, settings, memory, clock), timeout=settings.timeout, clock=clock)


def _attempt(infra: Repository, settings: Settings, memory: Memory, clock: Clock) -> Outcome:
    """Read what is there and do what is left to do; whatever was done before is found."""
    state = read(infra, settings)
    judge = judge_of(infra, settings, state, clock)
    wanted = memory.rolled_back_to or wanted_tags(settings, state, judge)
    if settings.request.rollback:
        memory.rolled_back_to = wanted  # what is previous is another tag when it is done
    branch = settings.branch or branch_name(settings.request, wanted) if wanted else ""
    intent = intend(settings, state, judge, wanted)
    if not intent.changes:
        return _nothing_left(infra, settings, memory, state, intent, branch)
    if settings.merge is Route.DIRECT and state.config.needs_review(state.target.env):
        raise ReviewRequiredError(
            f"{state.target.env} needs a review, so its pull request is not merged on its own; set merge to none,"
            f" or write 'review: none' for it into {PATH} of {infra.name}"
        )
    proposal = propose(settings, state, intent, branch=branch)
    common = change.outputs(intent.changes, wanted)
    if settings.dry_run:
        return _dry_run(state, intent, proposal, common)
    own, pull, is_new = offer(infra, state.base, proposal, settings)
    memory.changes, memory.proposal, memory.pull = intent.changes, proposal, pull
    _close_older(infra, state, judge, pull, wanted)
    landed = Landed(route=Route.NONE)
    if settings.merges:
        landed = memory.landed = land(infra, state.base, pull, proposal, settings=settings, clock=clock)
    verified = infra.is_verified(landed.sha) if landed.sha else own.verified
    outcome = _outcome(common, proposal, own.head, pull, landed, is_new=is_new, verified=verified)
    return replace(outcome, warnings=tuple(intent.waiting))


def _nothing_left(
    infra: Repository, settings: Settings, memory: Memory, state: State, intent: Intent, branch: str
) -> Outcome:
    """End a run whose tags are there, or older than what is there; clear away what was meant to bring them there."""
    merged = settle(infra, branch, state.base.branch) if branch and not settings.dry_run else None
    sha = memory.landed.sha if memory.landed else merged.merge_sha if merged else ""
    if memory.proposal and memory.pull and sha:
        # It was this run that merged it; only the answer, or a step after it, was lost.
        landed = memory.landed or Landed(route=settings.merge, sha=sha)
        common = change.outputs(memory.changes, intent.wanted)
        head = memory.pull.head_sha
        verified = infra.is_verified(sha)
        return _outcome(common, memory.proposal, head, memory.pull, landed, is_new=False, verified=verified)
    env, behind = settings.request.env, intent.behind
    pull = {"pr-number": merged.number, "pr-url": merged.url, "merged": True, "merge-sha": sha} if merged else {}
    reason = Reason.SUPERSEDED if behind else Reason.UP_TO_DATE
    text = f"{env} has something newer than {', '.join(f'{s} {short(intent.wanted[s])}' for s in behind)}"
    return Outcome(
        outputs={**UNSET, **change.outputs((), intent.wanted), **pull, "reason": reason},
        notice=f"{reason}: {text}" if behind else report.one_line(env, ()),
        summary=f"{text}: nothing was changed.\n" if behind else report.changes_table(env, ()),
    )


def _close_older(infra: Repository, state: State, judge: Judge, pull: Pull, wanted: Mapping[str, str]) -> None:
    """Close the open pull requests of ours that offer older tags of the same services, and nothing else."""
    for other in state.base.open_pulls:
        offered = tags_in(other.body, state.target.env)
        if other.author != pull.author or other.number >= pull.number or not offered:
            continue
        if not offered.keys() <= wanted.keys():
            continue
        kinds = {judge.order(service, tag, wanted[service])[0] for service, tag in offered.items()}
        if kinds <= {Order.AHEAD, Order.IDENTICAL}:
            infra.close_pull(other, comment=f"Superseded by #{pull.number}.")
            say(f"closed {other.url}, superseded by {pull.url}")


def _dry_run(state: State, intent: Intent, proposal: Proposal, common: Mapping[str, object]) -> Outcome:
    diff = report.diff(state.target, intent.planned.after)
    say(diff)
    return Outcome(
        outputs={**UNSET, **common, "branch": proposal.branch, "reason": Reason.DRY_RUN},
        notice=f"dry run: {proposal.title}",
        summary=f"### Dry run: {markdown(proposal.title)}\n\n{report.fenced(diff, 'diff')}\n{proposal.body}",
        warnings=tuple(intent.waiting),
    )


def _outcome(
    common: Mapping[str, object],
    proposal: Proposal,
    head: str,
    pull: Pull,
    landed: Landed,
    *,
    is_new: bool,
    verified: bool,
) -> Outcome:
    if landed.sha:
        reason = Reason.MERGED
    elif landed.route is Route.AUTO:
        reason = Reason.MERGES_WHEN_READY
    else:
        reason = Reason.OPENED if is_new else Reason.ALREADY_OPEN
    facts = [
        f"[#{pull.number}]({pull.url}) {reason}",
        f"commit `{landed.sha or head}`",
        "Verified" if verified else "not signed",
    ]
    facts += (
        [f"route {landed.route}", "rules bypassed" if landed.bypassed else "no rule bypassed"] if landed.sha else []
    )
    return Outcome(
        outputs={
            **common,
            "pr-number": pull.number,
            "pr-url": pull.url,
            "branch": pull.branch,
            "commit-sha": head,
            "verified": verified,
            "merged": bool(landed.sha),
            "merge-sha": landed.sha,
            "merge-route": landed.route,
            "bypassed": landed.bypassed,
            "reason": reason,
        },
        notice=f"{reason} {pull.url}: {proposal.title}",
        summary=f"### {markdown(proposal.title)}\n\n{' · '.join(facts)}\n\n{proposal.body}",
    )
