"""Look at everything, and show the findings as one table. Nothing here writes to GitHub."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from actions.access.inventory import ORGANIZATION, read_installations
from actions.api.client import Client
from actions.api.repository import Repository
from actions.diagnosis import place
from actions.diagnosis.access import access_findings
from actions.diagnosis.apps import app_findings, expected_apps
from actions.diagnosis.configuration import (
    default_branch_findings,
    environment_file_findings,
    file_findings,
    name_findings,
    service_findings,
)
from actions.diagnosis.deployment_state import DeploymentReader
from actions.diagnosis.deployments import deployment_findings, maker_finding
from actions.diagnosis.environments import environment_findings, wanted_environments
from actions.diagnosis.finding import Finding, Question, Severity, Unreadable, attempt
from actions.diagnosis.hotfixes import hotfix_findings
from actions.diagnosis.infra_files import read_infra_files
from actions.diagnosis.pins import pin_findings
from actions.diagnosis.repository_state import read_environment_secrets, read_environments, read_repository
from actions.diagnosis.rulesets import drift_findings, resolve, rule_findings
from actions.diagnosis.settings import merge_findings, settings_findings
from actions.diagnosis.triggers import branch_findings, event_findings, gate_findings
from actions.errors import ProblemsFoundError, UnknownFactError
from actions.protection.actors import Actors
from actions.runner import markdown
from actions.runner.markdown import escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from actions.diagnosis.infra_files import InfraFiles
    from actions.diagnosis.repository_state import RepositoryState
    from actions.errors import ActionError

ICONS = {Severity.ERROR: "❌", Severity.UNKNOWN: "❔", Severity.WARNING: "⚠️", Severity.OK: "✅"}
# What fails a run, and how.
FAILURES = {Severity.ERROR: ProblemsFoundError, Severity.UNKNOWN: UnknownFactError}
READ = "contents: read, metadata: read"


@dataclass(frozen=True, kw_only=True, slots=True)
class Ground:
    """What is looked at: *infra*, and *apps* (empty: those of `services` in gitops.yml), each with its token.

    *envs_dir* and *protection_dir* are folders of *infra*. The gates are asked as they are at *now*.
    """

    infra: str
    token: str = field(repr=False)
    app_token: str = field(repr=False)
    now: datetime
    apps: tuple[str, ...] = ()
    envs_dir: str = "envs"
    protection_dir: str = "protection"


def diagnose(ground: Ground) -> list[Finding]:
    """Return what there is to be said of *ground*, the worst first.

    Raises AccessError if the token cannot see the infra repository; all else that it cannot read is *unknown*.
    """
    client = Client(ground.infra, ground.token)
    infra = read_repository(client)
    files = read_infra_files(
        Repository(client), infra.head, envs_dir=ground.envs_dir, protection_dir=ground.protection_dir
    )
    names = ground.apps or tuple(dict.fromkeys(repo for repo in files.config.repos.values() if repo))
    apps = {name: _read_app(name, ground) for name in names if name.casefold() != infra.name.casefold()}
    readable = [state for state in apps.values() if not isinstance(state, Unreadable)]
    hidden = (_unseen(name, state) for name, state in apps.items() if isinstance(state, Unreadable))
    found = [
        *hidden,
        *_apps(ground, infra, files),
        *chain.from_iterable(_of_any(state, ground, files) for state in (infra, *readable)),
        *_of_infra(ground, infra, files, readable),
        *chain.from_iterable(
            hotfix_findings(state, infra.name, files.config.hotfix_prefix) for state in (infra, *readable)
        ),
    ]
    return sorted(found, key=lambda finding: finding.severity.rank)


def worst(findings: Sequence[Finding]) -> Severity:
    """Return the severity of the worst of *findings*."""
    return min((finding.severity for finding in findings), key=lambda severity: severity.rank, default=Severity.OK)


def errors(findings: Iterable[Finding]) -> tuple[ActionError, ...]:
    """Return what fails a run, the worst first; its exit code and its reason are those of the first."""
    return tuple(FAILURES[finding.severity](str(finding)) for finding in findings if finding.severity in FAILURES)


def summary(findings: Sequence[Finding]) -> str:
    """Return *findings* as a table in Markdown."""
    rows = [
        [
            ICONS[finding.severity],
            *(escape(text) for text in (finding.where, finding.what, finding.found, finding.wanted, finding.why)),
            _linked(finding.fix),
        ]
        for finding in findings
    ]
    heads = ("", "where", "what", "how it is", "how it should be", "why", "where it is changed")
    return f"### {ICONS[worst(findings)]} Doctor: {counted(findings)}\n\n{markdown.table(heads, rows)}"


def text(findings: Sequence[Finding]) -> str:
    """Return *findings* as plain text: a line for what is as it should be, a paragraph for anything else."""
    return "\n".join([*chain.from_iterable(map(_lines, findings)), counted(findings)])


def counted(findings: Iterable[Finding]) -> str:
    """Return how many of *findings* there are of each severity, in words."""
    severities = [finding.severity for finding in findings]
    return ", ".join(f"{severities.count(severity)} {severity}" for severity in Severity if severity in severities)


def _lines(finding: Finding) -> list[str]:
    head = f"{finding.severity.upper():8} {finding.where}: {finding.what}"
    if finding.severity is Severity.OK:
        return [_on_one_line(f"{head}: {finding.found}")]
    named = (("is", finding.found), ("should be", finding.wanted), ("why", finding.why), ("fix", finding.fix))
    return [_on_one_line(head), *(f"{'':9}{name + ':':11}{_on_one_line(value)}" for name, value in named)]


def _on_one_line(value: str) -> str:
    return " ".join(value.splitlines())


def _linked(fix: str) -> str:
    """Return *fix* as Markdown: a link that stands alone as one, all else as text."""
    return f"[open]({fix})" if fix.startswith(("https://", "http://")) and " " not in fix else escape(fix)


def _read_app(name: str, ground: Ground) -> RepositoryState | Unreadable:
    return attempt(lambda: read_repository(Client(name, ground.app_token)), READ)


def _unseen(name: str, state: Unreadable) -> Finding:
    return Question(
        check="repository",
        where=name,
        what="the repository",
        wanted="there, and readable",
        why="Nothing of it can be looked at, and no action can work on it.",
        fix=place.settings(name),
    ).unknown(state)


def _apps(ground: Ground, infra: RepositoryState, files: InfraFiles) -> Iterator[Finding]:
    owner = infra.name.partition("/")[0]
    people = [] if isinstance(infra.people, Unreadable) else [person.login for person in infra.people]
    expected = expected_apps(files.config, files.targets.values())
    if expected:
        installed = attempt(lambda: read_installations(Client(owner, ground.token)), ORGANIZATION)
        yield from app_findings(owner, expected, installed, people)


def _of_any(state: RepositoryState, ground: Ground, files: InfraFiles) -> Iterator[Finding]:
    """Yield what is asked of the infra repository and of an app alike."""
    is_infra = state.name.casefold() == ground.infra.casefold()
    client = Client(state.name, ground.token if is_infra else ground.app_token)
    wanted = wanted_environments(state.workflows, files.environments if is_infra else ())
    target = files.targets.get(state.name.casefold())
    declared = [environment.name for environment in target.environments] if target else []
    environments = read_environments(client, [*(each.name for each in wanted), *declared])
    there = [] if isinstance(environments, Unreadable) else [each.name.casefold() for each in environments]
    secrets = {
        each.name: read_environment_secrets(client, each.name)
        for each in wanted
        if each.name.casefold() in there and (each.secrets or each.maybe)
    }
    yield from environment_findings(state.name, state.default_branch, wanted, environments, secrets)
    yield from rule_findings(state)
    if target:
        yield from drift_findings(state, resolve(target, Actors(client)), environments)
    yield from settings_findings(state)
    guarded = [name for each in wanted for name in each.secrets]
    yield from access_findings(state, [bot.casefold() for bot in files.config.bots], guarded)
    yield from pin_findings(state)
    yield from event_findings(state)
    yield from branch_findings(state)
    yield from default_branch_findings(state)
    yield from name_findings(state, ground.infra, files)


def _of_infra(
    ground: Ground, infra: RepositoryState, files: InfraFiles, apps: Sequence[RepositoryState]
) -> Iterator[Finding]:
    yield from file_findings(infra.name, files)
    yield from environment_file_findings(infra.name, files)
    yield from service_findings(infra, files, ground.apps)
    yield from gate_findings(infra, has_freezes=any(rules.freeze for rules in files.config.environments.values()))
    yield from merge_findings(infra, [workflow for state in (infra, *apps) for workflow in state.workflows])
    yield maker_finding(infra.name, files.config)
    reader = DeploymentReader(
        infra=Repository(Client(infra.name, ground.token)),
        head=infra.head,
        files=files,
        app_token=ground.app_token,
        app_repo=ground.apps[0] if len(ground.apps) == 1 else infra.name,
        now=ground.now,
    )
    if files.snapshots:
        yield from deployment_findings(infra.name, reader.read())
