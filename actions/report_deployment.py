"""action-report-deployment: record how the deployments of this run ended, in the infra repository and in the apps."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from actions.api.client import Client
from actions.api.repository import Repository
from actions.api.retry import retry
from actions.app.repository import AppRepository
from actions.deployments.app_records import AppDeployments
from actions.deployments.outcome import GIVEN_UP, SUCCESS, state_of, steps_of_run
from actions.deployments.writer import DeploymentWriter
from actions.errors import UnknownCommitError
from actions.infra.remote import environment, read_config_at
from actions.pull_request.side_work import SideWork
from actions.runner import markdown
from actions.runner.clock import Clock
from actions.runner.environment import event_payload, this_run
from actions.runner.event import Event
from actions.runner.inputs import Inputs
from actions.runner.markdown import escape
from actions.runner.outcome import Outcome, run
from actions.tags import short

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from actions.deployments.writer import WrittenRecord
    from actions.infra.config import Config

UNSET: dict[str, object] = {"deployments": [], "environments": []}
LONGEST_TRY = 300
DESCRIPTION = "Deployed from the infra repository"


class Reason(StrEnum):
    """How the run ends well."""

    REPORTED = "reported"
    NOTHING_TO_REPORT = "nothing-to-report"


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The inputs of the action."""

    job: str
    step: str
    live: str
    envs_dir: str
    app_repo: str
    token: str = field(repr=False)

    @classmethod
    def read(cls, inputs: Inputs, repository: str) -> Settings:
        """Read the inputs, where *repository* is the one the run is in; raise InputError if one cannot be used."""
        return cls(
            job=inputs.required("job"),
            step=inputs.required("step"),
            live=inputs.text("live"),
            envs_dir=inputs.required("envs-dir"),
            app_repo=inputs.repository("app-repo", repository),
            token=inputs.secret("token"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """How the deployment of the record *record* ended, and the *tags* of its environment."""

    record: WrittenRecord
    state: str
    tags: Mapping[str, str]

    @property
    def env(self) -> str:
        """Return the environment."""
        return self.record.name.partition("/")[0]


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """A deployment of *service* at *tag*, to be recorded in *repository* under its name of the environment."""

    repository: str
    environment: str
    service: str
    tag: str
    state: str


def main(clock: Clock | None = None) -> int:
    """Run the action and return its exit code."""
    clock = clock or Clock()
    return run(lambda: _act(clock), unset=UNSET, clock=clock)


def _act(clock: Clock) -> Outcome:
    event = Event.read(os.environ, event_payload())
    settings = Settings.read(Inputs(), event.repository)
    infra = Repository(Client(event.repository, settings.token))
    config, ended = retry(lambda: _conclude(infra, settings, event.sha), timeout=LONGEST_TRY, clock=clock)
    reports = [report for each in ended for report in plan_reports(config, settings.app_repo, each)]
    apps = {report.repository: AppRepository(Client(report.repository, settings.token)) for report in reports}
    payload = {"infra": event.repository, "commit": event.sha}
    done: list[dict[str, str]] = []
    side_work = SideWork(clock)
    for report in reports:
        what = f"{report.repository} was not told of {report.service} in {report.environment}"
        side_work.attempt(what, partial(_report, apps[report.repository], report, payload, done))
    return _outcome(ended, done, side_work.warnings)


def _conclude(infra: Repository, settings: Settings, sha: str) -> tuple[Config, list[Ended]]:
    """Say of every record of this run how its deployment ended."""
    this, config = this_run(), read_config_at(infra, sha)
    writer, layout = DeploymentWriter(infra.client), config.layout(settings.envs_dir)
    records = writer.of_run(config, sha, this.id)
    steps = steps_of_run(infra.client, this.id) if records and not settings.live else []
    states = []
    for record in records:
        env, _, service = record.name.partition("/")
        if settings.live:
            infra.move_branch(f"{settings.live}{env}", sha)
            state = SUCCESS
        else:
            job = settings.job.replace("{env}", env).replace("{service}", service)
            state = state_of(steps, job=job, step=settings.step, since=int(record.payload.attempt or 1))
        writer.set_state(record.number, state, this.url)
        states.append((record, state))
    ended = []
    for record, state in states:
        snapshot = environment(infra, layout, sha, record.name.partition("/")[0])
        ended.append(Ended(record=record, state=state, tags=snapshot.tags() if snapshot else {}))
    return config, ended


def plan_reports(config: Config, app_repo: str, ended: Ended) -> list[Report]:
    """Return what there is to report to the apps of an environment whose deployment has *ended*.

    An app repository knows the environment by its name or, where several services of it come from that repository, by
    `env/service`: what one of them runs says nothing of the others.
    """
    repos = {service: config.repo_of(service, app_repo) for service in ended.tags}
    homes = list(repos.values())
    _, _, only = ended.record.name.partition("/")
    return [
        Report(
            repository=repos[service],
            environment=ended.env if homes.count(repos[service]) == 1 else f"{ended.env}/{service}",
            service=service,
            tag=tag,
            state=ended.state,
        )
        for service, tag in ended.tags.items()
        if ended.state != GIVEN_UP and tag and repos[service] and only in ("", service)
    ]


def _report(app: AppRepository, report: Report, payload: object, done: list[dict[str, str]]) -> None:
    """Record a deployment, unless it is there, going on from where an earlier try got to, and add it to *done*.

    Raises UnknownCommitError if the app has no commit behind the tag.
    """
    build = app.build(report.tag)
    if not build:
        raise UnknownCommitError(f"{report.repository} has no commit behind {report.service} {short(report.tag)}")
    writer, newest = DeploymentWriter(app.client), AppDeployments(app.client).newest(report.environment)
    told = newest and (newest.sha, newest.state.lower()) == (build.sha, report.state)
    if newest and told and (report.state == SUCCESS or newest.payload == payload):
        return
    begun = newest and not newest.state and (newest.sha, newest.payload) == (build.sha, payload)
    number = (
        newest.number
        if newest and begun
        else writer.create(report.environment, build.sha, payload, description=DESCRIPTION)
    )
    writer.set_state(number, report.state, this_run().url)
    done.append(
        {
            "repository": report.repository,
            "environment": report.environment,
            "service": report.service,
            "tag": report.tag,
            "sha": build.sha,
            "state": report.state,
        }
    )


def _outcome(ended: Sequence[Ended], done: Sequence[Mapping[str, str]], warnings: Sequence[str]) -> Outcome:
    rows = [[escape(each.record.name), each.state] for each in ended]
    table = markdown.table(("environment", "state"), rows) if rows else ""
    apps = [
        [
            escape(deployment["service"]),
            f"`{short(deployment['tag'])}`",
            deployment["repository"],
            escape(deployment["environment"]),
            deployment["state"],
        ]
        for deployment in done
    ]
    if apps:
        table += "\n" + markdown.table(("service", "tag", "repository", "environment", "state"), apps)
    what = f"{len(ended)} deployments recorded, {len(done)} told to the apps"
    return Outcome(
        outputs={
            "deployments": done,
            "environments": [{"environment": each.record.name, "state": each.state} for each in ended],
            "reason": Reason.REPORTED if ended else Reason.NOTHING_TO_REPORT,
        },
        notice=what,
        summary=f"### {escape(what)}\n\n{table}",
        warnings=tuple(warnings),
    )
