"""Look at the versions of the actions that workflows use, ours and those of others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actions.diagnosis import place
from actions.diagnosis.finding import Finding, Question, listed
from actions.protection.workflow_checks import FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actions.diagnosis.repository_state import RepositoryState
    from actions.diagnosis.workflow import Use


def pin_findings(state: RepositoryState) -> Iterator[Finding]:
    """Yield which versions the workflows of *state* use, and what is not pinned to a commit."""
    uses = [use for workflow in state.workflows for use in workflow.uses]
    ours = [use for use in uses if use.our_name]
    yield _pinned(state, "our-actions-pinned", "gitops-actions that are not pinned to a commit", ours)
    others = [use for use in uses if not use.our_name]
    yield _pinned(state, "other-actions-pinned", "other actions that are not pinned to a commit", others)
    yield _versions(state, ours)


def _pinned(state: RepositoryState, check: str, what: str, uses: list[Use]) -> Finding:
    question = Question(
        check=check,
        where=state.name,
        what=what,
        wanted=listed(()),
        why="Whoever can move a tag or a branch of an action runs code with the tokens and keys of the job.",
        fix="Write the commit in place of the tag, and the tag behind it as a comment, for Dependabot.",
    )
    loose = [use.short for use in uses if not use.is_pinned]
    return question.warning(listed(loose)) if loose else question.ok(listed(()))


def _versions(state: RepositoryState, ours: list[Use]) -> Finding:
    question = Question(
        check="versions",
        where=state.name,
        what="versions of gitops-actions in use",
        wanted="one",
        why="Actions of different versions may judge one change differently.",
        fix=place.file(state.name, FOLDER),
    )
    versions = list(dict.fromkeys(use.ref for use in ours))
    return question.ok(listed(versions)) if len(versions) <= 1 else question.warning(listed(versions))
