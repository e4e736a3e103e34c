"""Look at everybody and everything that gets into a repository beside the pipeline: people, keys, secrets, machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actions.diagnosis import place
from actions.diagnosis.finding import Finding, Question, Unreadable, listed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from actions.diagnosis.repository_state import RepositoryState

TWO = 2
SELF_HOSTED = "self-hosted"


def access_findings(state: RepositoryState, bots: Collection[str], guarded: Collection[str]) -> Iterator[Finding]:
    """Yield what is to be said of access to *state*; *guarded* are the secrets that belong into environments."""
    yield _writers(state, bots)
    yield _administrators(state, bots)
    yield _keys(state)
    settings, owner = place.settings, state.name.partition("/")[0]
    for what, held, fix in (
        ("secrets of the repository", state.secrets.repository, settings(state.name, "secrets/actions")),
        ("secrets of the organization", state.secrets.organization, place.organization(owner, "secrets/actions")),
        ("secrets for Dependabot", state.secrets.dependabot, settings(state.name, "secrets/dependabot")),
    ):
        question = Question(
            check="open-secrets",
            where=state.name,
            what=what,
            wanted="none that opens anything",
            why="Whoever can push a branch can read them. Keys belong into environments.",
            fix=fix,
        )
        yield _open_secrets(question, held, guarded)
    yield _runners(state)


def _writers(state: RepositoryState, bots: Collection[str]) -> Finding:
    question = Question(
        check="writers",
        where=state.name,
        what="who may write",
        wanted="at least two people, and nobody who need not",
        why="A change needs somebody else's approval, and only who may write can give one that counts.",
        fix=place.settings(state.name, "access"),
    )
    if isinstance(state.people, Unreadable):
        return question.unknown(state.people)
    writers = [person.login for person in state.people if person.may_write]
    enough = len([login for login in writers if login.casefold() not in bots]) >= TWO
    return question.ok(listed(writers)) if enough else question.error(listed(writers))


def _administrators(state: RepositoryState, bots: Collection[str]) -> Finding:
    question = Question(
        check="administrators",
        where=state.name,
        what="who may administer",
        wanted="few people, and no bot",
        why="An administrator can switch off every rule.",
        fix=place.settings(state.name, "access"),
    )
    if isinstance(state.people, Unreadable):
        return question.unknown(state.people)
    administrators = [person.login for person in state.people if person.may_administer]
    has_bot = any(login.casefold() in bots for login in administrators)
    return question.error(listed(administrators)) if has_bot else question.ok(listed(administrators))


def _keys(state: RepositoryState) -> Finding:
    question = Question(
        check="deploy-keys",
        where=state.name,
        what="deploy keys",
        wanted="none that may write",
        why="Whoever holds a deploy key pushes as nobody, and a rule may let all deploy keys pass.",
        fix=place.settings(state.name, "keys"),
    )
    if isinstance(state.keys, Unreadable):
        return question.unknown(state.keys)
    shown = listed(f"{key.title} ({'write' if key.may_write else 'read'})" for key in state.keys)
    return question.error(shown) if any(key.may_write for key in state.keys) else question.ok(shown)


def _open_secrets(question: Question, held: Sequence[str] | Unreadable, guarded: Collection[str]) -> Finding:
    if isinstance(held, Unreadable):
        return question.unknown(held)
    if {name.upper() for name in held} & {name.upper() for name in guarded}:
        return question.error(listed(held))
    return question.warning(listed(held)) if held else question.ok(listed(()))


def _runners(state: RepositoryState) -> Finding:
    """Tell whether jobs run on machines that outlive them: by the repository's list, and by what workflows ask for."""
    question = Question(
        check="self-hosted-runners",
        where=state.name,
        what="self-hosted runners",
        wanted="none, or machines that are made anew for each job",
        why="What a job of any branch leaves on a machine, the next job finds, with its keys.",
        fix=place.settings(state.name, "actions/runners"),
    )
    asked = [
        workflow.path
        for workflow in state.workflows
        if any(SELF_HOSTED in machine for job in workflow.jobs for machine in job.machines)
    ]
    named = [f"asked for by {listed(asked)}"] if asked else []
    if isinstance(state.runners, Unreadable):
        return question.unknown(state.runners)
    found = [*state.runners, *named]
    return question.warning(listed(found)) if found else question.ok(listed(()))
