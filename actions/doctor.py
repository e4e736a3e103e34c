"""action-doctor: list what is not set up in the infra repository and its apps, and where it is changed."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from actions.api.retry import retry
from actions.diagnosis.finding import Severity
from actions.diagnosis.report import Ground, counted, diagnose, errors, summary, text, worst
from actions.errors import InputError
from actions.infra.layout import require_folder
from actions.runner.clock import Clock
from actions.runner.environment import event_payload
from actions.runner.event import Event
from actions.runner.inputs import REPOSITORY, Inputs
from actions.runner.log import say
from actions.runner.outcome import Outcome, run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actions.diagnosis.finding import Finding

UNSET = {"healthy": False, "findings": []}
LONGEST_TRY = 300


class Reason(StrEnum):
    """How the run ends well."""

    HEALTHY = "healthy"
    ADVICE = "advice"


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The inputs of the action; *apps* is empty for the repositories that gitops.yml names."""

    infra: str
    apps: tuple[str, ...]
    envs_dir: str
    protection_dir: str
    token: str = field(repr=False)
    app_token: str = field(repr=False)

    @classmethod
    def read(cls, inputs: Inputs, repository: str) -> Settings:
        """Read the inputs, where *repository* is the one the run is in; raise InputError if one cannot be used."""
        token = inputs.secret("token")
        apps = inputs.names("app-repo")
        for name in apps:
            if not REPOSITORY.fullmatch(name):
                raise InputError(f"input app-repo has {name[:200]!r}; write each as owner/name")
        return cls(
            infra=inputs.repository("infra-repo", repository),
            apps=tuple(apps),
            envs_dir=str(require_folder("envs-dir", inputs.required("envs-dir"))),
            protection_dir=str(require_folder("protection-dir", inputs.required("protection-dir"))),
            token=token,
            app_token=inputs.optional_secret("app-token", token),
        )

    def ground(self, clock: Clock) -> Ground:
        """Return what is to be looked at."""
        return Ground(
            infra=self.infra,
            apps=self.apps,
            envs_dir=self.envs_dir,
            protection_dir=self.protection_dir,
            token=self.token,
            app_token=self.app_token,
            now=clock.utc(),
        )


def main(clock: Clock | None = None) -> int:
    """Run the action and return its exit code."""
    clock = clock or Clock()
    return run(lambda: _act(clock), unset=UNSET, clock=clock)


def _act(clock: Clock) -> Outcome:
    event = Event.read(os.environ, event_payload())
    settings = Settings.read(Inputs(), event.repository)
    findings = retry(lambda: diagnose(settings.ground(clock)), timeout=LONGEST_TRY, clock=clock)
    say(text(findings))
    return _outcome(findings)


def _outcome(findings: Sequence[Finding]) -> Outcome:
    failures, state = errors(findings), worst(findings)
    reason = Reason.HEALTHY if state is Severity.OK else Reason.ADVICE
    return Outcome(
        outputs={
            "healthy": state is Severity.OK,
            "findings": [finding.to_json() for finding in findings if finding.severity is not Severity.OK],
            "reason": failures[0].reason if failures else reason,
        },
        notice=counted(findings),
        summary=summary(findings),
        warnings=tuple(str(finding) for finding in findings if finding.severity is Severity.WARNING),
        errors=failures,
    )
