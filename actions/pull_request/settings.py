"""The inputs of action-open-infra-pr."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from actions.artifacts.login import RegistryLogin
from actions.errors import InputError
from actions.gates.trailers import Trailers
from actions.infra.change import Request

if TYPE_CHECKING:
    from actions.runner.inputs import Inputs


LONGEST_TITLE = 256  # GitHub takes no more
LONGEST_LABEL = 50
SKIP = "skip"


class Route(StrEnum):
    """How the pull request is merged."""

    NONE = "none"
    DIRECT = "direct"
    AUTO = "auto"
    QUEUE = "queue"


class Method(StrEnum):
    """How GitHub makes the merged commit. Rebase leaves it unsigned, and linear history forbids merge."""

    SQUASH = "squash"
    REBASE = "rebase"
    MERGE = "merge"


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The inputs of the action."""

    request: Request
    envs_dir: str
    infra_repo: str
    app_repo: str
    base: str
    token: str = field(repr=False)
    login: RegistryLogin
    merge: Route
    method: Method | None
    branch: str
    title: str
    body: str
    labels: tuple[str, ...]
    reviewers: tuple[str, ...]
    team_reviewers: tuple[str, ...]
    draft: bool
    wait_for_checks: bool
    timeout: int
    dry_run: bool
    allow_diverged: str
    allow_return: str
    skips_waiting: bool
    reason: str

    @property
    def merges(self) -> bool:
        """Tell whether this run merges the pull request."""
        return self.merge is not Route.NONE

    @property
    def trailers(self) -> Trailers:
        """Return why the change does what a gate would refuse otherwise."""
        return Trailers(reason=self.reason, allow_diverged=self.allow_diverged, allow_return=self.allow_return)

    @classmethod
    def read(cls, inputs: Inputs, repository: str) -> Settings:
        """Read the inputs, where *repository* is the one the run is in; raise InputError if one cannot be used."""
        token = inputs.secret("token")
        request = Request.read(inputs, rollback=inputs.text("rollback"))
        settings = cls(
            request=request,
            reason=inputs.text("reason"),
            envs_dir=inputs.required("envs-dir"),
            infra_repo=inputs.repository("infra-repo", repository),
            app_repo=inputs.repository("app-repo", repository),
            base=inputs.branch("base"),
            token=token,
            login=RegistryLogin.read(inputs),
            merge=inputs.choice("merge", Route),
            method=inputs.choice("merge-method", Method) if inputs.text("merge-method") else None,
            branch=inputs.branch("branch"),
            title=" ".join(inputs.text("title").split())[:LONGEST_TITLE],
            body=inputs.text("body"),
            labels=tuple(inputs.lines("labels")),
            reviewers=tuple(inputs.names("reviewers")),
            team_reviewers=tuple(inputs.names("team-reviewers")),
            draft=inputs.flag("draft"),
            wait_for_checks=inputs.flag("wait-for-checks"),
            timeout=inputs.seconds("timeout"),
            dry_run=inputs.flag("dry-run"),
            allow_diverged=inputs.text("allow-diverged"),
            allow_return=inputs.text("allow-return"),
            skips_waiting=_skips_waiting(inputs.text("when-waiting")),
        )
        if request.rollback and not settings.reason:
            raise InputError(
                "input reason is required for a rollback; it is shown in the pull request and in the commit"
            )
        for label in settings.labels:
            if len(label) > LONGEST_LABEL:
                raise InputError(
                    f"label {label[:60]!r} is longer than the {LONGEST_LABEL} characters that GitHub takes"
                )
        if settings.draft and settings.merge is not Route.NONE:
            raise InputError("a draft cannot be merged; set draft to false or merge to none")
        return settings


def _skips_waiting(text: str) -> bool:
    if text not in ("", SKIP):
        raise InputError(f"input when-waiting is {text[:200]!r}; it can be '{SKIP}', or empty")
    return text == SKIP
