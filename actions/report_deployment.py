"""action-report-deployment: record, on the commits of the apps, that an environment runs them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from actions.clock import Clock
from actions.config import REPOSITORY
from actions.deployment_records import DeploymentRecords
from actions.errors import EnvFileError, GitHubError, InputError, UnknownCommitError, UnknownServiceError
from actions.event import Event
from actions.layout import require_name
from actions.retry import persist
from actions.runtime import Inputs, Outcome, event_payload, markdown, run, workspace_root
from actions.tags import short
from actions.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from actions.config import Config

UNSET: dict[str, object] = {"deployments": []}
FAILURES = (InputError, EnvFileError, GitHubError)
LONGEST_TRY = 300


class Reason(StrEnum):
    """How the run ends well."""

    REPORTED = "reported"
    ALREADY_REPORTED = "already-reported"
    NOTHING_TO_REPORT = "nothing-to-report"


class Status(StrEnum):
    """How a job ended, in the words of `job.status`."""

    SUCCESS = "success"
    FAILURE = "failure"
    CANCELLED = "cancelled"

    @property
    def state(self) -> str:
        """Return the same as a state of a deployment, which has no word for a job that was stopped."""
        return "error" if self is Status.CANCELLED else str(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The inputs of the action."""

    env: str
    services: tuple[str, ...]
    status: Status
    envs_dir: str
    app_repo: str
    token: str = field(repr=False)

    @classmethod
    def read(cls, inputs: Inputs, repository: str) -> Settings:
        """Read the inputs, where *repository* is the one the run is in; raise InputError if one cannot be used."""
        app_repo = inputs.text("app-repo") or repository
        if not REPOSITORY.fullmatch(app_repo):
            raise InputError(f"input app-repo is {app_repo[:200]!r}; write it as owner/name")
        return cls(
            env=require_name("an environment", inputs.required("env")),
            services=tuple(inputs.names("service")),
            status=inputs.choice("status", Status),
            envs_dir=inputs.required("envs-dir"),
            app_repo=app_repo,
            token=inputs.secret("token"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """A service of which *repository* is to know that *environment*, as it calls it, was to run *tag*."""

    repository: str
    environment: str
    service: str
    tag: str


def main(clock: Clock | None = None) -> int:
    """Run the action and return its exit code."""
    return run(lambda: _act(clock or Clock()), unset=UNSET)


def _act(clock: Clock) -> Outcome:
    event = Event.read(os.environ, event_payload())
    settings = Settings.read(Inputs(), event.repository)
    workspace = Workspace(workspace_root())
    config = workspace.config()
    tags = workspace.environment(settings.env, config.layout(settings.envs_dir)).tags()
    for service in settings.services:
        if service not in tags:
            known = ", ".join(sorted(tags)) or "none"
            raise UnknownServiceError(f"no service '{service}' in {settings.env}; it has: {known}")
    reports = plan(config, settings, tags)
    apps = {report.repository: DeploymentRecords(report.repository, settings.token) for report in reports}
    done: list[dict[str, str]] = []
    warnings = []
    payload = {"infra": event.repository, "commit": event.sha}
    for report in reports:
        attempt = partial(_report, apps[report.repository], report, payload, settings.status)
        try:
            done += persist(attempt, timeout=LONGEST_TRY, clock=clock)
        except UnknownCommitError as error:
            warnings.append(str(error))
    return _outcome(settings, reports, done, warnings)


def plan(config: Config, settings: Settings, tags: Mapping[str, str]) -> list[Report]:
    """Return what there is to report of the services that were deployed.

    An app repository knows the environment by its name or, where several services of it come from that repository, by
    `env/service`: what one of them runs says nothing of the others.
    """
    repos = {service: config.repo_of(service, settings.app_repo) for service in tags}
    homes = list(repos.values())
    return [
        Report(
            repository=repos[service],
            environment=settings.env if homes.count(repos[service]) == 1 else f"{settings.env}/{service}",
            service=service,
            tag=tag,
        )
        for service, tag in tags.items()
        if tag and repos[service] and (not settings.services or service in settings.services)
    ]


def _report(app: DeploymentRecords, report: Report, payload: object, status: Status) -> list[dict[str, str]]:
    """Record a deployment, going on from where an earlier try got to, and return it; nothing if it was there already.

    Raises UnknownCommitError if the app has no commit behind the tag.
    """
    build = app.build(report.tag)
    if not build:
        raise UnknownCommitError(f"{report.repository} has no commit behind {report.service} {short(report.tag)}")
    newest = app.newest(report.environment)
    if newest and (newest.sha, newest.state, status) == (build.sha, "SUCCESS", Status.SUCCESS):
        return []
    begun = newest and not newest.state and (newest.sha, newest.payload) == (build.sha, payload)
    number = newest.number if newest and begun else app.create(report.environment, build.sha, payload)
    app.conclude(number, status.state, _run_url())
    return [
        {
            "repository": report.repository,
            "environment": report.environment,
            "service": report.service,
            "tag": report.tag,
            "sha": build.sha,
            "state": status.state,
        }
    ]


def _run_url() -> str:
    server = os.environ.get("GITHUB_SERVER_URL", "https://github.com")
    return f"{server}/{os.environ.get('GITHUB_REPOSITORY', '')}/actions/runs/{os.environ.get('GITHUB_RUN_ID', '')}"


def _outcome(
    settings: Settings, reports: Sequence[Report], done: Sequence[Mapping[str, str]], warnings: Sequence[str]
) -> Outcome:
    missing = len(warnings) == len(reports)
    reason = Reason.REPORTED if done else Reason.NOTHING_TO_REPORT if missing else Reason.ALREADY_REPORTED
    rows = "".join(
        f"| {markdown(each['service'])} | `{short(each['tag'])}` | {each['repository']} |"
        f" {markdown(each['environment'])} | {each['state']} |\n"
        for each in done
    )
    table = f"\n\n| service | tag | repository | environment | |\n|---|---|---|---|---|\n{rows}" if done else "\n"
    what = f"{len(done)} of {len(reports)} services of {settings.env} reported"
    return Outcome(
        outputs={"deployments": done, "reason": reason},
        notice=f"{what} ({reason})",
        summary=f"### {markdown(what)}{table}",
        warnings=tuple(warnings),
    )
