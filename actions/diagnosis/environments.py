"""Find environments that are missing, admit too much or lack a secret that a job reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from actions.diagnosis import place
from actions.diagnosis.finding import Finding, Question, Unreadable, listed
from actions.diagnosis.workflow import EVERY
from actions.protection.environment_lint import KEYS, lint_environments

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from actions.diagnosis.workflow import Workflow
    from actions.protection.environment import Environment


@dataclass(frozen=True, kw_only=True, slots=True)
class WantedEnvironment:
    """An environment that something names: *secrets* are read by jobs in it, *maybe* by jobs that may be in it."""

    name: str
    secrets: tuple[str, ...] = ()
    maybe: tuple[str, ...] = ()


def wanted_environments(workflows: Iterable[Workflow], deployed: Sequence[str]) -> list[WantedEnvironment]:
    """Return the environments that *workflows* name; jobs whose environment only a run knows are in those *deployed*.

    GitHub ignores the case of their names.
    """
    jobs = [job for workflow in workflows for job in workflow.jobs if job.environment]
    anywhere = [job for job in jobs if job.environment == EVERY]
    names = {job.environment.casefold(): job.environment for job in jobs if job.environment != EVERY}
    names = {env.casefold(): env for env in deployed if anywhere} | names
    inside = {env.casefold() for env in deployed}
    return [
        WantedEnvironment(
            name=name,
            secrets=tuple(
                dict.fromkeys(secret for job in jobs if job.environment.casefold() == key for secret in job.secrets)
            ),
            maybe=tuple(dict.fromkeys(secret for job in anywhere for secret in job.secrets)) if key in inside else (),
        )
        for key, name in names.items()
    ]


def environment_findings(
    repository: str,
    default_branch: str,
    wanted: Sequence[WantedEnvironment],
    present: Sequence[Environment] | Unreadable,
    secrets: Mapping[str, Sequence[str] | Unreadable],
) -> Iterator[Finding]:
    """Yield what is to be said of the *wanted* environments; *secrets* are the names of those of each, by its name."""
    for environment in wanted:
        question = _is_there(repository, environment.name)
        if isinstance(present, Unreadable):
            yield question.unknown(present)
            continue
        found = next((each for each in present if each.is_named(environment.name)), None)
        if not found:
            yield question.error("missing")
            continue
        yield question.ok(f"there; reviewers: {listed(sorted(map(str, found.reviewers)))}")
        yield _admits(repository, default_branch, found)
        yield from _secrets(repository, environment, secrets.get(environment.name, ()))


def _admits(repository: str, default_branch: str, found: Environment) -> Finding:
    question = Question(
        check="environment-branches",
        where=repository,
        what=f"branches and git tags that the environment {found.name} admits",
        wanted=f"branch {default_branch}",
        why="Whoever can push to an admitted branch can read the secrets of the environment.",
        fix=place.settings(repository, "environments"),
    )
    admitted = listed([found.admits] if found.admits else sorted(map(str, found.policies)))
    problems = list(lint_environments([found], default_branch))
    if found.admits or not found.policies or problems:
        has_key = any(found.is_named(key) for key in KEYS)
        return question.error(admitted) if has_key else question.warning(admitted)
    return question.ok(admitted)


def _secrets(repository: str, wanted: WantedEnvironment, held: Sequence[str] | Unreadable) -> Iterator[Finding]:
    """Yield whether the environment holds what jobs in it read; nothing if they read no secret."""
    needed = [*wanted.secrets, *(name for name in wanted.maybe if name not in wanted.secrets)]
    if not needed:
        return
    question = Question(
        check="environment-secrets",
        where=repository,
        what=f"secrets of the environment {wanted.name}",
        wanted=listed(needed),
        why="A secret that is not there is empty in the job, which then fails.",
        fix=f"gh secret set <name> --env {wanted.name} --repo {repository}",
    )
    if isinstance(held, Unreadable):
        yield question.unknown(held)
        return
    missing = [name for name in needed if name.upper() not in {each.upper() for each in held}]
    if not missing:
        yield question.ok(listed(held))
    elif set(missing) & set(wanted.secrets):
        yield question.error(f"{listed(held)}; not there: {listed(missing)}")
    else:
        yield question.warning(f"{listed(held)}; not there: {listed(missing)}")


def _is_there(repository: str, name: str) -> Question:
    return Question(
        check="environment",
        where=repository,
        what=f"the environment {name}",
        wanted="there; who must approve is in the files of protection",
        why="GitHub makes a missing environment when a job names it, and that one admits every branch.",
        fix=place.settings(repository, "environments"),
    )
