"""Find workflows that GitHub does not start when our actions need it: other events, other branches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from actions.api.patterns import passes
from actions.diagnosis import place
from actions.diagnosis.finding import Finding, Question, listed
from actions.protection.workflow_checks import FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from actions.diagnosis.repository_state import RepositoryState
    from actions.diagnosis.workflow import Workflow

FILTERED = ("push", "pull_request", "pull_request_target")
GATES = ("opened", "synchronize", "reopened")
OVERRIDES = ("edited", "labeled", "unlabeled")


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """An *action* needs one of *events*, because of *why*; without it is an error, or a mere shortcoming."""

    action: str
    events: tuple[str, ...]
    why: str
    is_error: bool = True


NEEDS = (
    Need(
        action="check-envs",
        events=("pull_request_target", "pull_request"),
        why="Nothing judges pull requests without one.",
    ),
    Need(
        action="check-envs",
        events=("schedule",),
        why="A pull request that waits for a gate is judged again only when a run looks again.",
        is_error=False,
    ),
    Need(action="deploy-matrix", events=("push",), why="A merged change is not deployed without it."),
    Need(
        action="deploy-matrix",
        events=("schedule",),
        why="A change that a gate holds is deployed only when a run looks again.",
        is_error=False,
    ),
    Need(
        action="sync-protection",
        events=("schedule",),
        why="Nobody notices a rule that is changed by hand without it.",
        is_error=False,
    ),
    Need(
        action="export-evidence",
        events=("schedule",),
        why="GitHub deletes evaluations of rules after a month.",
        is_error=False,
    ),
)


def event_findings(state: RepositoryState) -> Iterator[Finding]:
    """Yield whether something starts the workflows that use our actions."""
    for need in NEEDS:
        using = [workflow for workflow in state.workflows if workflow.uses_of(need.action)]
        if not using:
            continue
        question = Question(
            check="events",
            where=state.name,
            what=f"events that start {need.action}, for {' or '.join(need.events)}",
            wanted=" or ".join(need.events),
            why=need.why,
            fix=place.file(state.name, using[0].path),
        )
        events = sorted({event for workflow in using for event in workflow.events})
        if set(events) & set(need.events):
            yield question.ok(listed(events))
        else:
            yield question.error(listed(events)) if need.is_error else question.warning(listed(events))


def gate_findings(infra: RepositoryState, *, has_freezes: bool) -> Iterator[Finding]:
    """Yield whether *infra* judges pull requests, on every change of them that matters."""
    using = [workflow for workflow in infra.workflows if workflow.uses_of("check-envs")]
    question = Question(
        check="gates",
        where=infra.name,
        what="workflow that checks the gates on pull requests",
        wanted="one that uses check-envs",
        why="Only the deployment would say that a change is refused, after the merge.",
        fix=place.file(infra.name, FOLDER),
    )
    yield question.ok(listed(workflow.path for workflow in using)) if using else question.error(listed(()))
    needed = [*GATES, *(OVERRIDES if has_freezes else ())]
    for workflow in using:
        for event in ("pull_request_target", "pull_request"):
            types = workflow.events.get(event, {}).get("types")
            given = types if isinstance(types, list) else [types] if isinstance(types, str) else list(GATES)
            missing = [kind for kind in needed if kind not in given]
            if event in workflow.events:
                typed = Question(
                    check="gate-types",
                    where=infra.name,
                    what=f"types of {event} in {workflow.path}",
                    wanted=listed(needed),
                    why="After any other change of the pull request, the check would say what held before it.",
                    fix=place.file(infra.name, workflow.path),
                )
                yield typed.error(listed(given)) if missing else typed.ok(listed(given))


def branch_findings(state: RepositoryState) -> Iterator[Finding]:
    """Yield whether the filters of workflows with our actions let the default branch pass."""
    for workflow in state.workflows:
        if not any(use.our_name for use in workflow.uses):
            continue
        for event in FILTERED:
            filters = workflow.events.get(event)
            if filters is None or not filters.keys() & {"branches", "branches-ignore"}:
                continue  # for every branch, or for git tags alone
            question = Question(
                check="branch-filters",
                where=state.name,
                what=f"branches of {event} in {workflow.path}",
                wanted=f"{state.default_branch} among them",
                why="GitHub does not start the workflow for the default branch otherwise, and says nothing.",
                fix=place.file(state.name, workflow.path),
            )
            shown = listed(
                _texts(filters, "branches") or [f"not {name}" for name in _texts(filters, "branches-ignore")]
            )
            yield question.ok(shown) if lets_pass(filters, state.default_branch) else question.error(shown)


def lets_pass(filters: Mapping[str, Any], branch: str) -> bool:
    """Tell whether *filters* of an event let *branch* pass."""
    wanted = _texts(filters, "branches") if "branches" in filters else None
    return passes(branch, wanted=wanted, ignored=_texts(filters, "branches-ignore"))


def pushed_to(workflows: Sequence[Workflow], action: str, branch: str) -> bool:
    """Tell whether a push to *branch* starts a workflow with our *action*."""
    return any(
        "push" in workflow.events and lets_pass(workflow.events["push"], branch)
        for workflow in workflows
        if workflow.uses_of(action)
    )


def _texts(filters: Mapping[str, Any], key: str) -> list[str]:
    value = filters.get(key)
    return [str(item) for item in value] if isinstance(value, list) else [value] if isinstance(value, str) else []
