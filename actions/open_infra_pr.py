"""action-open-infra-pr: change tags in the infra repository by a pull request, through the API alone."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from os import environ
from typing import TYPE_CHECKING

from actions.api.client import Client
from actions.api.pulls import MergedCommit
from actions.api.repository import Repository
from actions.api.retry import retry
from actions.app.order import Order
from actions.errors import ReviewRequiredError
from actions.gates import report as gate_report
from actions.gates.collect import GateEvaluator
from actions.infra import change, change_report
from actions.infra.config import PATH
from actions.infra.remote import told_of
from actions.pull_request.emergency import ask_for_review, asked_in_emergency
from actions.pull_request.hold import hold_rolled_back
from actions.pull_request.merge import Merge, MergeResult
from actions.pull_request.opening import Target, close_obsolete, close_pull, ensure_pull_request
from actions.pull_request.plan import PullRequestPlan, State, make_plan, read_state, wanted_artifacts
from actions.pull_request.proposal import Proposal, branch_name, propose, tags_in
from actions.pull_request.settings import Route, Settings
from actions.pull_request.side_work import SideWork
from actions.runner.clock import Clock
from actions.runner.environment import event_payload
from actions.runner.event import Event
from actions.runner.inputs import Inputs
from actions.runner.log import say
from actions.runner.markdown import code_block, escape
from actions.runner.outcome import Outcome, run
from actions.tags import short

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actions.api.pulls import Pull
    from actions.infra.change import Change
    from actions.tags import Artifact

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


class Reason(StrEnum):
    """How the run ends well."""

    OPENED = "opened"
    ALREADY_OPEN = "already-open"
    MERGED = "merged"
    MERGES_WHEN_READY = "merges-when-ready"
    UP_TO_DATE = "up-to-date"
    SUPERSEDED = "superseded"
    WAITING = "waiting"
    DRY_RUN = "dry-run"


@dataclass(slots=True)
class AttemptState:
    """What earlier attempts of this run did, in case an answer of GitHub is lost or a later step fails."""

    side_work: SideWork
    rolled_back_to: Mapping[str, Artifact] | None = None
    changes: tuple[Change, ...] = ()
    proposal: Proposal | None = None
    pull: Pull | None = None
    outputs: dict[str, object] = field(default_factory=dict)

    def pull_exists(self, pull: Pull, commit_sha: str) -> None:
        """Remember the pull request, so that the outputs name it even if the run fails later."""
        self.pull = pull
        self.outputs |= {
            "pr-number": pull.number,
            "pr-url": pull.url,
            "branch": pull.branch,
            "commit-sha": commit_sha,
        }

    def is_merged(self, commit: MergedCommit | None) -> None:
        """Remember that GitHub has merged it, as *commit* if it has said so."""
        self.outputs |= {"merged": True, "merge-sha": commit.sha if commit else ""}


def main(clock: Clock | None = None) -> int:
    """Run the action and return its exit code."""
    clock = clock or Clock()
    attempted = AttemptState(SideWork(clock))
    return run(lambda: _act(attempted, clock), unset=UNSET, known=attempted.outputs, clock=clock)


def _act(attempted: AttemptState, clock: Clock) -> Outcome:
    event = Event.read(environ, event_payload())
    settings = Settings.read(Inputs(), event.repository)
    infra = Repository(Client(settings.infra_repo, settings.token))
    with told_of(infra.name, here=event.repository):
        return retry(lambda: _attempt(infra, settings, attempted, clock), timeout=settings.timeout, clock=clock)


def _attempt(infra: Repository, settings: Settings, attempted: AttemptState, clock: Clock) -> Outcome:
    """Read what is there and do what is left to do; whatever was done before is found."""
    state = read_state(infra, settings)
    evaluator = _evaluator(infra, settings, state, clock)
    wanted = attempted.rolled_back_to or wanted_artifacts(settings, state, evaluator)
    if settings.request.rollback:
        attempted.rolled_back_to = wanted  # once it is merged, another tag is the previous one
    branch = settings.branch or branch_name(settings.request, wanted) if wanted else ""
    plan = make_plan(settings, state, evaluator, wanted, emergency=asked_in_emergency(evaluator, settings))
    target = Target(infra=infra, base=state.base, is_bot=state.config.is_bot, side_work=attempted.side_work)
    if not plan.changes:
        return _nothing_left(target, settings, attempted, plan, branch)
    if plan.postponed:
        return _waiting(settings, plan)
    may_merge = plan.is_emergency or not state.config.needs_review(state.target.env)
    if settings.merge is Route.DIRECT and not may_merge:
        raise ReviewRequiredError(
            f"{state.target.env} needs a review, so its pull request is not merged on its own; set merge to none,"
            f" or write 'review: none' for it into {PATH} of {infra.name}"
        )
    proposal = propose(settings, state, plan, branch=branch)
    common = change.outputs(plan.changes, wanted)
    if settings.dry_run:
        return _dry_run(state, plan, proposal, common)
    proposed = ensure_pull_request(target, proposal, settings)
    own, pull = proposed.branch, proposed.pull
    attempted.changes, attempted.proposal = plan.changes, proposal
    attempted.pull_exists(pull, own.head)
    _close_older(target, state, evaluator, pull, wanted)
    _open_issues(evaluator, settings, plan, attempted, pull)
    merge = MergeResult(route=Route.NONE)
    if settings.merges:
        merge = Merge(
            target=target,
            proposed=proposed,
            proposal=proposal,
            settings=settings,
            clock=clock,
            merged=attempted.is_merged,
        ).run()
    pull = replace(pull, head_sha=own.head)
    end = End(proposal=proposal, pull=pull, merge=merge, is_new=proposed.is_new, verified=own.verified)
    outcome = _outcome(common, end)
    return replace(outcome, warnings=(*plan.waiting, *attempted.side_work.warnings))


def _open_issues(
    evaluator: GateEvaluator, settings: Settings, plan: PullRequestPlan, attempted: AttemptState, pull: Pull
) -> None:
    """Open the issues that hold what is rolled back, and that ask for the review of an emergency."""
    config, side_work = evaluator.config, attempted.side_work
    if settings.request.rollback and config.hold:
        hold_rolled_back(evaluator.infra, plan.changes, pull, reason=settings.reason, side_work=side_work)
    if plan.is_emergency and config.needs_review(settings.request.env):
        what = f"nobody is asked to review {pull.url}"
        side_work.attempt(what, lambda: ask_for_review(evaluator, settings, plan, pull))


def _evaluator(infra: Repository, settings: Settings, state: State, clock: Clock) -> GateEvaluator:
    return GateEvaluator(
        infra=infra,
        head=state.base.head,
        config=state.config,
        layout=state.layout,
        app_repo=settings.app_repo,
        app_token=settings.token,
        now=clock.utc(),
        snapshots={snapshot.env: snapshot for snapshot in (state.target, state.source) if snapshot},
        login=settings.login,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class End:
    """How a run ended that had something to change; *verified* is of the commit that it proposed."""

    proposal: Proposal
    pull: Pull
    merge: MergeResult
    is_new: bool
    verified: bool


def _nothing_left(
    target: Target, settings: Settings, attempted: AttemptState, plan: PullRequestPlan, branch: str
) -> Outcome:
    """End a run whose tags are there, or older than what is there; clear away the branch that was to bring them."""
    merged = close_obsolete(target, branch) if branch and not settings.dry_run else None
    sha = merged.merge_sha if merged else ""
    if attempted.proposal and attempted.pull and sha:
        # It was this run that merged it; only the answer was lost.
        commit = MergedCommit(sha=sha, verified=target.infra.is_verified(sha))
        merge = MergeResult(route=settings.merge, commit=commit)
        common = change.outputs(attempted.changes, plan.wanted)
        end = End(proposal=attempted.proposal, pull=attempted.pull, merge=merge, is_new=False, verified=commit.verified)
        return _outcome(common, end)
    env, older = settings.request.env, plan.superseded
    pull = {"pr-number": merged.number, "pr-url": merged.url, "merged": True, "merge-sha": sha} if merged else {}
    reason = Reason.SUPERSEDED if older else Reason.UP_TO_DATE
    text = f"{env} has something newer than {', '.join(f'{s} {short(plan.wanted[s].tag)}' for s in older)}"
    return Outcome(
        outputs={**UNSET, **change.outputs((), plan.wanted), **pull, "reason": reason},
        notice=f"{reason}: {text}" if older else change_report.summary_line(env, ()),
        summary=f"{text}: nothing was changed.\n" if older else change_report.changes_table(env, ()),
    )


def _close_older(
    target: Target, state: State, evaluator: GateEvaluator, pull: Pull, wanted: Mapping[str, Artifact]
) -> None:
    """Close the open pull requests of ours that propose older tags of the same services, and nothing else."""
    for other in state.base.open_pulls:
        if other.author_id != pull.author_id or other.number >= pull.number:
            continue
        proposed = tags_in(other.body, state.target.env)
        if not proposed or not proposed.keys() <= wanted.keys():
            continue
        orders = {evaluator.order(service, tag, wanted[service].tag)[0] for service, tag in proposed.items()}
        older = orders <= {Order.AHEAD, Order.IDENTICAL}
        if older and close_pull(target, other, comment=f"Superseded by #{pull.number}."):
            say(f"closed {other.url}, superseded by {pull.url}")


def _waiting(settings: Settings, plan: PullRequestPlan) -> Outcome:
    """End a run that may be started again until the gates are open."""
    text = f"{settings.request.env} waits: {'; '.join(plan.postponed)}"
    table = gate_report.gates_table(plan.evaluated)
    return Outcome(
        outputs={**UNSET, "reason": Reason.WAITING},
        notice=f"{Reason.WAITING}: {text}",
        summary=f"### {escape(settings.request.env)} waits\n\n{table}",
    )


def _dry_run(state: State, plan: PullRequestPlan, proposal: Proposal, common: Mapping[str, object]) -> Outcome:
    diff = change_report.diff(state.target, plan.planned.after)
    say(diff)
    return Outcome(
        outputs={**UNSET, **common, "branch": proposal.branch, "reason": Reason.DRY_RUN},
        notice=f"dry run: {proposal.title}",
        summary=f"### Dry run: {escape(proposal.title)}\n\n{code_block(diff, 'diff')}\n{proposal.body}",
        warnings=tuple(plan.waiting),
    )


def _outcome(common: Mapping[str, object], end: End) -> Outcome:
    pull, merge, commit = end.pull, end.merge, end.merge.commit
    verified = commit.verified if commit else end.verified
    if commit:
        reason = Reason.MERGED
    elif merge.route is Route.AUTO:
        reason = Reason.MERGES_WHEN_READY
    else:
        reason = Reason.OPENED if end.is_new else Reason.ALREADY_OPEN
    facts = [
        f"[#{pull.number}]({pull.url}) {reason}",
        f"commit `{commit.sha if commit else pull.head_sha}`",
        "Verified" if verified else "not signed",
    ]
    if commit:
        facts += [f"route {merge.route}", "rules bypassed" if merge.bypassed else "no rule bypassed"]
    return Outcome(
        outputs={
            **common,
            "pr-number": pull.number,
            "pr-url": pull.url,
            "branch": pull.branch,
            "commit-sha": pull.head_sha,
            "verified": verified,
            "merged": bool(commit),
            "merge-sha": commit.sha if commit else "",
            "merge-route": merge.route,
            "bypassed": merge.bypassed,
            "reason": reason,
        },
        notice=f"{reason} {pull.url}: {end.proposal.title}",
        summary=f"### {escape(end.proposal.title)}\n\n{' · '.join(facts)}\n\n{end.proposal.body}",
    )
