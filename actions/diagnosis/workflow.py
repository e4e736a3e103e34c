"""Read from the texts of workflows what they use: actions, environments, secrets, machines."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from actions.protection.workflow_checks import events_of, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

OURS = (
    "bump-env", "check-envs", "create-hotfix", "deploy-matrix", "doctor", "export-evidence", "open-infra-pr",
    "report-deployment", "setup-flags", "sync-protection",
)  # fmt: skip
OUR_ACTION = re.compile(rf"[^/@\s]+/[^/@\s]+/action-({'|'.join(OURS)})")
SECRET = re.compile(r"\bsecrets(?:\.|\[\\?[\"'])([A-Za-z_][A-Za-z0-9_]*)")
OF_EVERY_RUN = "GITHUB_TOKEN"
EVERY = "*"  # an environment whose name only a run knows


@dataclass(frozen=True, kw_only=True, slots=True)
class Use:
    """A step or a job that uses *action*, without its version, at *ref*, with the inputs *given*."""

    action: str
    ref: str
    given: Mapping[str, str] = field(default_factory=dict)

    @property
    def our_name(self) -> str:
        """Return which of our actions it is, "" if it is none."""
        match = OUR_ACTION.fullmatch(self.action)
        return match[1] if match else ""

    @property
    def is_pinned(self) -> bool:
        """Tell whether *ref* is a commit, which nobody can move, or the digest of an image."""
        return re.fullmatch(r"[0-9a-f]{40}|sha256:[0-9a-f]{64}", self.ref) is not None

    @property
    def short(self) -> str:
        """Return the action with its version; of ours, without the repository."""
        return f"{self.our_name or self.action}@{self.ref}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A job: its *environment* ("" if it has none, `*` if only a run knows its name), the names of its *secrets*."""

    environment: str
    secrets: tuple[str, ...]
    machines: tuple[str, ...]
    uses: tuple[Use, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Workflow:
    """A workflow at *path*, the *events* that start it with their filters, and its *jobs*."""

    path: str
    events: Mapping[str, Mapping[str, Any]]
    jobs: tuple[Job, ...]

    @property
    def uses(self) -> list[Use]:
        """Return all that its jobs use."""
        return [use for job in self.jobs for use in job.uses]

    def uses_of(self, *names: str) -> list[Use]:
        """Return the uses of those of our actions that are called *names*."""
        return [use for use in self.uses if use.our_name in names]


def read_workflows(texts: Mapping[str, str]) -> tuple[Workflow, ...]:
    """Read workflows from *texts*, by path; GitHub does not run an invalid one, and says so itself."""
    return tuple(
        Workflow(path=path, events=events_of(document), jobs=tuple(_jobs(document)))
        for path, document in parse(texts).items()
    )


def uses_of(workflows: Iterable[Workflow], *names: str) -> list[Use]:
    """Return the uses of those of our actions that are called *names* in *workflows*."""
    return [use for workflow in workflows for use in workflow.uses_of(*names)]


def _jobs(document: Mapping[str, Any]) -> Iterator[Job]:
    jobs = document.get("jobs")
    for job in jobs.values() if isinstance(jobs, dict) else ():
        if isinstance(job, dict):
            named = SECRET.findall(json.dumps(job))
            yield Job(
                environment=_environment(job.get("environment")),
                secrets=tuple(dict.fromkeys(name for name in named if name.upper() != OF_EVERY_RUN)),
                machines=tuple(_texts(job.get("runs-on"))),
                uses=tuple(_uses(job)),
            )


def _environment(declared: object) -> str:
    name = declared.get("name") if isinstance(declared, dict) else declared
    text = name if isinstance(name, str) else ""
    return EVERY if "${{" in text else text


def _uses(job: Mapping[str, Any]) -> Iterator[Use]:
    """Yield what *job* uses of other repositories; `./` is the repository's own commit."""
    steps = job.get("steps")
    for user in (job, *(steps if isinstance(steps, list) else ())):
        used = user.get("uses") if isinstance(user, dict) else None
        if isinstance(used, str) and not used.startswith(("./", "$/")):
            action, _, ref = used.partition("@")
            given = user.get("with")
            inputs = given if isinstance(given, dict) else {}
            yield Use(action=action, ref=ref, given={str(name): str(value) for name, value in inputs.items()})


def _texts(value: object) -> list[str]:
    """Return the labels of machines in *value*: one, a list, or those of a group."""
    if isinstance(value, dict):
        return _texts(value.get("labels")) or _texts(value.get("group"))
    return [str(item) for item in value] if isinstance(value, list) else [value] if isinstance(value, str) else []
