"""What the workflows of a repository say of the organization around it: names, Apps, secrets, environments."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from sandbox.triggers import FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TOKEN_ACTION = "actions/create-github-app-token@"  # noqa: S105 - the name of an action
NAMED = re.compile(r"\b(secrets|vars)\s*(?:\.\s*([A-Za-z_][A-Za-z0-9_]*)|\[\s*'([A-Za-z_][A-Za-z0-9_]*)'\s*\])")
EXPRESSION = re.compile(r"\$\{\{.*?\}\}")
MATRIX = "*"  # an environment that only a run knows


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenStep:
    """A step that makes a token of an App; *client* and *key* are the names of a variable and of a secret."""

    client: str
    client_id: str
    key: str
    owner: str
    repositories: tuple[str, ...]
    permissions: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkflowFacts:
    """All of it: *secrets* with the environments that their jobs have; *inputs* that steps give, by name.

    Of an input, what only a run knows is left out: `/infra` of `${{ github.repository_owner }}/infra`.
    """

    tokens: tuple[TokenStep, ...] = ()
    inputs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    secrets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    variables: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()


def read_workflows(files: Mapping[str, str]) -> WorkflowFacts:
    """Return what the workflows among *files* say; one that is no YAML says nothing, and GitHub says so of it."""
    jobs = [job for path, text in files.items() if path.startswith(FOLDER) for job in _jobs(text)]
    steps = [step for job in jobs for step in job.get("steps") or () if isinstance(step, dict)]
    inputs: dict[str, list[str]] = {}
    for step in steps:
        for name, value in _mapping(step.get("with")).items():
            inputs.setdefault(name, []).append(EXPRESSION.sub("", value) if isinstance(value, str) else "")
    secrets: dict[str, list[str]] = {}
    variables: list[str] = []
    for job in jobs:
        for kind, plain, quoted in NAMED.findall(yaml.safe_dump(job, width=100_000)):
            if kind == "vars":
                variables.append(plain or quoted)
            elif (plain or quoted) != "GITHUB_TOKEN":
                secrets.setdefault(plain or quoted, []).append(_environment(job))
    return WorkflowFacts(
        tokens=tuple(_token_step(step) for step in steps if step.get("uses", "").startswith(TOKEN_ACTION)),
        inputs={name: tuple(dict.fromkeys(values)) for name, values in inputs.items()},
        secrets={name: tuple(dict.fromkeys(found)) for name, found in secrets.items()},
        variables=tuple(dict.fromkeys(variables)),
        environments=tuple(dict.fromkeys(name for job in jobs if (name := _environment(job)) not in ("", MATRIX))),
    )


def _jobs(text: str) -> Iterator[dict[str, Any]]:
    try:
        workflow = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - it makes nothing but texts
    except yaml.YAMLError:
        return
    yield from (job for job in _mapping(_mapping(workflow).get("jobs")).values() if isinstance(job, dict))


def _token_step(step: Mapping[str, Any]) -> TokenStep:
    given = _mapping(step.get("with"))
    client = given.get("client-id", given.get("app-id", ""))
    names = re.split(r"[,\s]+", given.get("repositories", ""))
    return TokenStep(
        client=_named("vars", client) or _named("secrets", client),
        client_id=_literal(client),
        key=_named("secrets", given.get("private-key", "")),
        owner=_literal(given.get("owner", "")),
        repositories=tuple(name for name in names if name and _literal(name)),
        permissions={
            name.removeprefix("permission-").replace("-", "_"): level
            for name, level in given.items()
            if name.startswith("permission-")
        },
    )


def _environment(job: Mapping[str, Any]) -> str:
    declared = job.get("environment") or ""
    name = str(declared.get("name", "") if isinstance(declared, dict) else declared)
    return MATRIX if "${{" in name else name


def _named(kind: str, text: str) -> str:
    found = [plain or quoted for what, plain, quoted in NAMED.findall(text) if what == kind]
    return found[0] if found else ""


def _literal(text: object) -> str:
    """Return *text*, "" if it is no text or only a run knows what it is."""
    return text.strip() if isinstance(text, str) and "${{" not in text else ""


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
