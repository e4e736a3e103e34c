"""Read the inputs of action-export-evidence."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from actions.errors import InputError
from actions.evidence.period import FIRST, LAST, Period
from actions.infra.layout import require_folder
from actions.names import require_name

if TYPE_CHECKING:
    from actions.runner.inputs import Inputs

DAY = re.compile(r"\d{4}-\d\d-\d\d")


class Mode(StrEnum):
    """Add evidence, verify it, or report a period of it."""

    EXPORT = "export"
    VERIFY = "verify"
    REPORT = "report"


class FailOn(StrEnum):
    """Which exceptions fail the run."""

    NONE = "false"
    ALL = "true"
    UNANSWERED = "unanswered"


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The validated inputs."""

    mode: Mode
    env: str
    infra_repo: str
    envs_dir: str
    app_repo: str
    period: Period
    output_dir: str
    branch: str
    head: str
    fail_on: FailOn
    timeout: int
    token: str = field(repr=False)
    app_token: str = field(repr=False)
    branch_token: str = field(repr=False)

    @classmethod
    def read(cls, inputs: Inputs, repository: str) -> Settings:
        """Read the inputs; *repository* is the default for both repositories. Raises InputError if one is invalid."""
        token, mode = inputs.secret("token"), inputs.choice("mode", Mode)
        return cls(
            mode=mode,
            env=require_name("an environment", inputs.required("env")),
            infra_repo=inputs.repository("infra-repo", repository),
            envs_dir=inputs.required("envs-dir"),
            app_repo=inputs.repository("app-repo", repository),
            period=_period(inputs.text("since"), inputs.text("until"), mode),
            output_dir=str(require_folder("output-dir", inputs.required("output-dir"))),
            branch=inputs.branch("branch"),
            head=inputs.text("head"),
            fail_on=inputs.choice("fail-on-exceptions", FailOn),
            timeout=inputs.seconds("timeout"),
            token=token,
            app_token=inputs.optional_secret("app-token", token),
            branch_token=inputs.optional_secret("branch-token", token),
        )


def _period(since: str, until: str, mode: Mode) -> Period:
    """Parse the inputs `since` and `until`; raise InputError if they are not a period."""
    if until and mode is not Mode.REPORT:
        raise InputError(f"input until is only allowed in mode report, not in mode {mode}, which covers everything")
    period = Period(
        since=_moment("since", since) if since else FIRST,
        until=_moment("until", until, whole_day=True) if until else LAST,
    )
    if period.since >= period.until:
        raise InputError(f"input until is {until!r}, which is not after since, {since!r}")
    return period


def _moment(name: str, text: str, *, whole_day: bool = False) -> datetime:
    """Parse a moment: for a day, its beginning or, with *whole_day*, its end."""
    try:
        moment = datetime.fromisoformat(text if DAY.match(text) else "")
        aware = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        return aware + timedelta(days=1) if whole_day and DAY.fullmatch(text) else aware
    except (ValueError, OverflowError) as error:
        raise InputError(f"input {name} is {text[:200]!r}; write it like 2026-01-01 or 2026-01-01T00:00:00Z") from error
