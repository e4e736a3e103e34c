"""The inputs of action-open-infra-pr."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from actions.change import Request
from actions.config import REPOSITORY
from actions.errors import InputError
from actions.trailers import Said

if TYPE_CHECKING:
    from actions.runtime import Inputs


LONGEST_TITLE = 256  # GitHub takes no more


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
    merge: Route
    method: Method
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
    reason: str

    @property
    def merges(self) -> bool:
        """Tell whether this run is to see to the merge."""
        return self.merge is not Route.NONE

    @property
    def said(self) -> Said:
        """Return why the change does what would be refused otherwise."""
        return Said(reason=self.reason, allow_diverged=self.allow_diverged)

    @classmethod
    def read(cls, inputs: Inputs, repository: str) -> Settings:
        """Read the inputs, where *repository* is the one the run is in; raise InputError if one cannot be used."""
        token = inputs.secret("token")
        request = Request.parse(
            env=inputs.required("env"),
            service=inputs.text("service"),
            tag=inputs.text("tag"),
            tags=inputs.lines("tags"),
            from_env=inputs.text("from-env"),
            rollback=inputs.text("rollback"),
        )
        settings = cls(
            request=request,
            reason=inputs.text("reason"),
            envs_dir=inputs.required("envs-dir"),
            infra_repo=_repository("infra-repo", inputs.text("infra-repo") or repository),
            app_repo=_repository("app-repo", inputs.text("app-repo") or repository),
            base=inputs.branch("base"),
            token=token,
            merge=inputs.choice("merge", Route),
            method=inputs.choice("merge-method", Method),
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
        )
        if request.rollback and not settings.reason:
            raise InputError("say in reason why it is rolled back; it stands in the pull request and in the commit")
        if settings.draft and settings.merge is not Route.NONE:
            raise InputError("a draft cannot be merged; set draft to false or merge to none")
        return settings


def _repository(name: str, value: str) -> str:
    if REPOSITORY.fullmatch(value):
        return value
    raise InputError(f"input {name} is {value[:200]!r}; write it as owner/name")
