"""action-sync-protection: compare rulesets and environments on GitHub with the files, and apply the files."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from actions.api.client import Client
from actions.api.retry import retry
from actions.errors import AccessError, ActionError, InputError
from actions.infra.checkout import Checkout
from actions.infra.layout import require_folder
from actions.protection.actors import Actors
from actions.protection.apply import apply
from actions.protection.plan import TargetPlan, required_files
from actions.protection.planner import Planner
from actions.protection.report import summary
from actions.protection.review import find_unapproved, read_head
from actions.protection.target import read_organization, read_targets
from actions.protection.verdict import drift_errors, leftover_errors, lint_errors, unknown_errors
from actions.runner.clock import Clock
from actions.runner.environment import event_payload, workspace_root
from actions.runner.event import Event
from actions.runner.inputs import ORGANIZATION, REPOSITORY, Inputs
from actions.runner.markdown import escape
from actions.runner.outcome import Outcome, run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actions.protection.review import Head
    from actions.protection.target import Target

UNSET = {"in-sync": False, "drift": [], "changed": []}

LONGEST_TRY = 300


class Mode(StrEnum):
    """What the run does about a difference: fail, show it, or mend it."""

    CHECK = "check"
    PLAN = "plan"
    APPLY = "apply"


class Reason(StrEnum):
    """How the run ends well."""

    IN_SYNC = "in-sync"
    PLANNED = "planned"
    APPLIED = "applied"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The inputs of the action; *owner* is that of the run's repository, *only* one of its repositories, or ""."""

    mode: Mode
    folder: str
    owner: str
    only: str
    organization: str
    prune: bool
    token: str = field(repr=False)

    @classmethod
    def read(cls, inputs: Inputs, repository: str) -> Settings:
        """Read the inputs, where *repository* is the one the run is in; raise InputError if one cannot be used."""
        token = inputs.secret("token")
        named, organization = inputs.text("repository"), inputs.text("organization")
        owner = repository.partition("/")[0]
        if named and organization:
            raise InputError("give repository or organization, not both")
        if named and not REPOSITORY.fullmatch(named):
            raise InputError(f"input repository is {named[:200]!r}; write it as owner/name")
        if organization and not ORGANIZATION.fullmatch(organization):
            raise InputError(f"input organization is {organization[:200]!r}; it must be the name of one")
        named_owner, _, only = named.partition("/")
        if named and named_owner.casefold() != owner.casefold():
            raise InputError(f"input repository is {named[:200]!r}; it must be a repository of {owner}")
        return cls(
            mode=inputs.choice("mode", Mode),
            folder=str(require_folder("protection-dir", inputs.required("protection-dir"))),
            owner=owner,
            only=only,
            organization=organization,
            prune=inputs.flag("prune"),
            token=token,
        )

    def targets(self, checkout: Checkout) -> list[Target]:
        """Return what the inputs choose of the folders in *checkout*."""
        if self.organization:
            return [read_organization(checkout, self.folder, self.organization)]
        return read_targets(checkout, self.folder, owner=self.owner, only=self.only)


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """What is to be done for each target, and what *refusals* keep the run from doing it."""

    plans: Sequence[TargetPlan]
    refusals: Sequence[ActionError] = ()


def main(clock: Clock | None = None) -> int:
    """Run the action and return its exit code."""
    clock = clock or Clock()
    return run(lambda: _act(clock), unset=UNSET, clock=clock)


def _act(clock: Clock) -> Outcome:
    event = Event.read(os.environ, event_payload())
    settings = Settings.read(Inputs(), event.repository)
    targets = settings.targets(Checkout(workspace_root()))
    clients = {target.name: Client(target.name, settings.token) for target in targets}
    home = Client(event.repository, settings.token)
    planner = Planner(actors=Actors(clients[targets[0].name]), event=event, prune=settings.prune)

    def prepare() -> Work | Head:
        head = read_head(home, event.sha, settings.folder) if settings.mode is Mode.APPLY else None
        if head and not head.has_its_files:
            return head
        plans = [_plan(planner, target, clients[target.name], settings.mode) for target in targets]
        files = required_files(plans) if head and not _problems(plans, settings.mode) else {}
        return Work(plans=plans, refusals=find_unapproved(home, head, files) if head and files else ())

    prepared = retry(prepare, timeout=LONGEST_TRY, clock=clock)
    if not isinstance(prepared, Work):
        return _superseded(prepared, event.sha, settings.folder)
    errors = [*_problems(prepared.plans, settings.mode), *prepared.refusals]
    failure = None
    if settings.mode is Mode.APPLY and not errors:
        failure = apply([(plan, clients[plan.target.name]) for plan in prepared.plans])
        errors = [failure] if failure else [*leftover_errors(prepared.plans)]
    return _outcome(prepared, settings.mode, errors, failure)


def _plan(planner: Planner, target: Target, client: Client, mode: Mode) -> TargetPlan:
    """Return the plan for *target*. A plan may be made with a token that cannot read all of it, the rest may not."""
    try:
        return planner.plan(target, client)
    except AccessError as error:
        if mode is not Mode.PLAN:
            raise
        return TargetPlan(target=target, drift=target.unknown(), unreadable=str(error))


def _problems(plans: Sequence[TargetPlan], mode: Mode) -> list[ActionError]:
    """Return what keeps the run from ending well, the worst first."""
    differs = drift_errors(plans) if mode is Mode.CHECK else ()
    unknown = unknown_errors(plans) if mode is not Mode.PLAN else ()
    return [*lint_errors(plans), *differs, *unknown]


def _superseded(head: Head, sha: str, folder: str) -> Outcome:
    newer = f"{head.branch} has a newer {folder} or newer workflows than commit {sha[:12]} of this run"
    text = f"nothing was applied: {newer}; only a run of {head.branch} as it is now ({head.sha[:12]}) applies the files"
    shown = f"### ⏭️ Protection: superseded\n\n{escape(text)}\n"
    return Outcome(outputs={**UNSET, "reason": Reason.SUPERSEDED}, notice=text, summary=shown)


def _outcome(work: Work, mode: Mode, errors: Sequence[ActionError], failure: ActionError | None) -> Outcome:
    plans = work.plans
    done = [(plan, step) for plan in plans for step in plan.done]
    left = [step for plan in plans for step in plan.left]
    drift = [(plan, difference) for plan in plans for difference in plan.drift]
    in_sync = not left and not errors and (not drift or mode is Mode.APPLY)
    reason = Reason.APPLIED if done else Reason.IN_SYNC if in_sync else Reason.PLANNED
    stopped = [f"stopped after {len(done)} of {len(done) + len(left)} steps; run it again to finish"]
    refusals = [*work.refusals, *([failure] if failure else [])]
    return Outcome(
        outputs={
            "in-sync": in_sync,
            "drift": [difference.to_json(plan.target.key) for plan, difference in drift],
            "changed": [
                {**plan.target.key, step.thing: step.subject.name, "action": f"{step.verb}d"}
                for plan, step in done
                if not step.guards
            ],
            "reason": errors[0].reason if errors else reason,
        },
        notice=" | ".join(_notice(plan, mode) for plan in plans),
        summary=summary(plans, mode, refusals, failed=bool(errors), in_sync=in_sync),
        warnings=(
            *(
                f"{problem.subject.source.file}: {problem.message}"
                for plan in plans
                for problem in plan.problems
                if not problem.fatal
            ),
            *(f"{plan.target.name} is unknown: {plan.unreadable}" for plan in plans if plan.unreadable),
            *(stopped if failure and done else []),
        ),
        errors=tuple(errors),
    )


def _notice(plan: TargetPlan, mode: Mode) -> str:
    name = plan.target.name
    if plan.done:
        return f"{name}: {', '.join(map(str, plan.done))}"
    if plan.steps:
        return f"{name}: to do: {', '.join(map(str, plan.steps))}"
    if plan.drift and mode is not Mode.APPLY:
        return f"{name}: not everything can be read with this token"
    return f"{name} matches the files"
