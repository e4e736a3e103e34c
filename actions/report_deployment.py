"""action-report-deployment: record on the commits of the apps which environment runs them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from actions.api.client import Client
from actions.api.retry import retry
from actions.app.repository import AppRepository
from actions.deployments.app_records import AppDeployments
from actions.errors import UnknownCommitError, UnknownServiceError
from actions.infra.checkout import Checkout
from actions.infra.layout import require_name
from actions.runner import markdown
from actions.runner.clock import Clock
from actions.runner.environment import event_payload, run_url, workspace_root
from actions.runner.event import Event
from actions.runner.inputs import Inputs
from actions.runner.markdown import escape
from actions.runner.outcome import Outcome, run
from actions.tags import short

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from actions.infra.config import Config

UNSET: dict[str, object] = {"deployments": []}
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
        return cls(
            env=require_name("an environment", inputs.required("env")),
            services=tuple(inputs.names("service")),
            status=inputs.choice("status", Status),
            envs_dir=inputs.required("envs-dir"),
            app_repo=inputs.repository("app-repo", repository),
            token=inputs.secret("token"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """A deployment of *service* at *tag*, to be recorded in *repository* under its name of the environment."""

    repository: str
    environment: str
    service: str
    tag: str


def main(clock: Clock | None = None) -> int:
    """Run the action and return its exit code."""
    clock = clock or Clock()
    return run(lambda: _act(clock), unset=UNSET, clock=clock)


def _act(clock: Clock) -> Outcome:
    event = Event.read(os.environ, event_payload())
    settings = Settings.read(Inputs(), event.repository)
    checkout = Checkout(workspace_root())
    config = checkout.config()
    tags = checkout.environment(settings.env, config.layout(settings.envs_dir)).tags()
    for service in settings.services:
        if service not in tags:
            known = ", ".join(sorted(tags)) or "none"
            raise UnknownServiceError(f"no service '{service}' in {settings.env}; it has: {known}")
    reports = plan_reports(config, settings, tags)
    apps = {report.repository: AppRepository(Client(report.repository, settings.token)) for report in reports}
    done: list[dict[str, str]] = []
    warnings = []
    payload = {"infra": event.repository, "commit": event.sha}
    for report in reports:
        attempt = partial(_report, apps[report.repository], report, payload, settings.status)
        try:
            done += retry(attempt, timeout=LONGEST_TRY, clock=clock)
        except UnknownCommitError as error:
            warnings.append(str(error))
    return _outcome(settings, reports, done, warnings)


def plan_reports(config: Config, settings: Settings, tags: Mapping[str, str]) -> list[Report]:
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


def _report(app: AppRepository, report: Report, payload: object, status: Status) -> list[dict[str, str]]:
    """Record a deployment, going on from where an earlier try got to, and return it; nothing if it was there already.

    Raises UnknownCommitError if the app has no commit behind the tag.
    """
    build = app.build(report.tag)
    if not build:
        raise UnknownCommitError(f"{report.repository} has no commit behind {report.service} {short(report.tag)}")
    deployments = AppDeployments(app.client)
    newest = deployments.newest(report.environment)
    if newest and (newest.sha, newest.state, status) == (build.sha, "SUCCESS", Status.SUCCESS):
        return []
    begun = newest and not newest.state and (newest.sha, newest.payload) == (build.sha, payload)
    number = newest.number if newest and begun else deployments.create(report.environment, build.sha, payload)
    deployments.conclude(number, status.state, run_url())
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


def _outcome(
    settings: Settings, reports: Sequence[Report], done: Sequence[Mapping[str, str]], warnings: Sequence[str]
) -> Outcome:
    missing = len(warnings) == len(reports)
    reason = Reason.REPORTED if done else Reason.NOTHING_TO_REPORT if missing else Reason.ALREADY_REPORTED
    rows = [
        [
            escape(deployment["service"]),
            f"`{short(deployment['tag'])}`",
            deployment["repository"],
            escape(deployment["environment"]),
            deployment["state"],
        ]
        for deployment in done
    ]
    table = markdown.table(("service", "tag", "repository", "environment", "state"), rows) if rows else ""
    what = f"{len(done)} of {len(reports)} services of {settings.env} reported"
    return Outcome(
        outputs={"deployments": done, "reason": reason},
        notice=f"{what} ({reason})",
        summary=f"### {escape(what)}\n\n{table}",
        warnings=tuple(warnings),
    )
