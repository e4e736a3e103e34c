"""Look at the settings of a repository that the workflows rest on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actions.diagnosis import place
from actions.diagnosis.finding import Finding, Question, Unreadable, listed
from actions.diagnosis.workflow import uses_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from actions.diagnosis.repository_state import RepositoryState
    from actions.diagnosis.workflow import Workflow

DEFAULT_METHOD = "squash"  # of open-infra-pr
ROUTES_THAT_WAIT = ("auto", "queue")


def settings_findings(state: RepositoryState) -> Iterator[Finding]:
    """Yield what is to be said of the settings of any repository."""
    yield _deletion(state)
    yield _default_permission(state)
    yield _approvals(state)


def merge_findings(infra: RepositoryState, workflows: Sequence[Workflow]) -> Iterator[Finding]:
    """Yield whether *infra* allows what open-infra-pr does in *workflows*, which may be of other repositories."""
    uses = [
        use
        for use in uses_of(workflows, "open-infra-pr")
        if use.given.get("infra-repo", infra.name).casefold() == infra.name.casefold()
    ]
    methods = dict.fromkeys(use.given.get("merge-method", DEFAULT_METHOD) for use in uses)
    yield _methods(infra, [method for method in methods if "${{" not in method] or [DEFAULT_METHOD])
    routes = [use.given.get("merge", "") for use in uses]
    waiting = [route for route in dict.fromkeys(routes) if route in ROUTES_THAT_WAIT]
    if waiting:
        yield _auto_merge(infra, waiting)
    if "queue" in waiting:
        yield _queue(infra)


def _methods(infra: RepositoryState, used: Iterable[str]) -> Finding:
    question = Question(
        check="merge-methods",
        where=infra.name,
        what="merge methods",
        wanted=f"{listed(used)} among them",
        why="open-infra-pr merges by this method.",
        fix=place.settings(infra.name),
    )
    allowed = listed(sorted(infra.facts.methods))
    return question.ok(allowed) if set(used) <= infra.facts.methods else question.error(allowed)


def _auto_merge(infra: RepositoryState, routes: Iterable[str]) -> Finding:
    question = Question(
        check="auto-merge",
        where=infra.name,
        what="auto-merge",
        wanted="allowed",
        why=f"A workflow uses open-infra-pr with merge: {listed(routes)}.",
        fix=f"gh repo edit {infra.name} --enable-auto-merge",
    )
    return question.ok("allowed") if infra.auto_merge else question.error("not allowed")


def _queue(infra: RepositoryState) -> Finding:
    question = Question(
        check="merge-queue",
        where=infra.name,
        what=f"merge queue of {infra.default_branch}",
        wanted="a rule asks for it",
        why="A workflow uses open-infra-pr with merge: queue.",
        fix=place.settings(infra.name, "rules"),
    )
    if isinstance(infra.rules, Unreadable):
        return question.unknown(infra.rules)
    there = any(rule["type"] == "merge_queue" for rule in infra.rules)
    return question.ok("a rule asks for it") if there else question.error("no rule asks for it")


def _deletion(state: RepositoryState) -> Finding:
    question = Question(
        check="branch-deletion",
        where=state.name,
        what="branches of merged pull requests",
        wanted="deleted automatically",
        why="A branch that stays can be in the way of the next one of that name.",
        fix=f"gh repo edit {state.name} --delete-branch-on-merge",
    )
    return question.ok("deleted automatically") if state.deletes_branches else question.warning("kept")


def _default_permission(state: RepositoryState) -> Finding:
    question = Question(
        check="default-permission",
        where=state.name,
        what="default permission of GITHUB_TOKEN",
        wanted="read",
        why="A workflow that does not say which permissions it needs gets these.",
        fix=place.settings(state.name, "actions"),
    )
    if isinstance(state.runs, Unreadable):
        return question.unknown(state.runs)
    return question.ok(state.runs.default) if state.runs.default == "read" else question.warning(state.runs.default)


def _approvals(state: RepositoryState) -> Finding:
    question = Question(
        check="approval-by-actions",
        where=state.name,
        what="GitHub Actions may create and approve pull requests",
        wanted="no",
        why="Whoever can push a branch could have a workflow approve their pull request.",
        fix=place.settings(state.name, "actions"),
    )
    if isinstance(state.runs, Unreadable):
        return question.unknown(state.runs)
    return question.error("yes") if state.runs.may_approve else question.ok("no")
