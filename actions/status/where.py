"""Answer "where is my change": which environments have a commit, since when, and what keeps it from the next.

A command line calls `where(...)`; it reads and writes nothing but what it returns.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from actions.api.client import Client
from actions.api.repository import Repository
from actions.app.facts import NotApplicable
from actions.errors import InputError, UnknownCommitError
from actions.gates.collect import MOST_PERIODS, GateEvaluator
from actions.gates.facts import Decision
from actions.gates.origin import Origin
from actions.gates.trailers import Trailers
from actions.infra import remote
from actions.infra.change import Change
from actions.infra.config import PATH
from actions.infra.config_file import parse_config
from actions.status.reader import StatusReader
from actions.tags import is_commit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from actions.deployments.history import DeployedPeriod
    from actions.infra.layout import Snapshot
    from actions.status.table import Status

NUMBER = re.compile(r"#?(\d{1,9})")
NOT_PROPOSED = NotApplicable("nothing is proposed yet")
CONTAINS = ("ahead", "identical")


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """*what* is asked for, a commit or the number of a pull request of *app_repo*, and where to look."""

    what: str
    app_repo: str
    infra_repo: str
    now: datetime
    token: str = field(repr=False)
    envs_dir: str = "envs"


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """An environment that has the change in *service* *since* a moment, or (None) what keeps it back."""

    env: str
    service: str
    since: datetime | None = None
    kept_by: tuple[str, ...] = ()

    def __str__(self) -> str:
        name = f"{self.env} {self.service}"
        if self.since:
            return f"{name}: since {self.since:%Y-%m-%d %H:%M} UTC"
        return f"{name}: not yet: {'; '.join(self.kept_by)}"


def where(question: Question) -> list[Place]:
    """Return where the change is, in the order of promotion, for each service of its repository.

    Raises UnknownCommitError if there is no such commit, or the pull request is not merged.
    """
    app = Repository(Client(question.app_repo, question.token))
    commit = _commit_of(app, question.what)
    infra = Repository(Client(question.infra_repo, question.token))
    base = infra.base("", [PATH])
    config = parse_config(base.files.get(PATH, ""))
    layout = config.layout(question.envs_dir)
    envs = config.in_order(layout.envs(infra.paths(base.head)))
    snapshots = [found for env in envs if (found := remote.environment(infra, layout, base.head, env))]
    evaluator = GateEvaluator(
        infra=infra,
        config=config,
        layout=layout,
        head=base.head,
        app_repo=question.app_repo,
        app_token=question.token,
        now=question.now,
        snapshots={snapshot.env: snapshot for snapshot in snapshots},
    )
    return _Search(app=app, commit=commit, evaluator=evaluator, snapshots=snapshots).places()


def _commit_of(app: Repository, what: str) -> str:
    number = NUMBER.fullmatch(what)
    if is_commit(what):
        if not app.client.rest("GET", f"/commits/{what}", permission="contents: read", absent=[404, 422]):
            raise UnknownCommitError(f"{app.name} has no commit {what}")
        return what
    if not number:
        raise InputError(f"{what[:80]!r} is no commit, all 40 digits, and no number of a pull request")
    pull = app.client.rest("GET", f"/pulls/{number[1]}", permission="pull requests: read", absent=[404])
    if not pull or not pull.get("merged") or not pull["merge_commit_sha"]:
        raise UnknownCommitError(f"{app.name} has no merged pull request #{number[1]}")
    return str(pull["merge_commit_sha"])


@dataclass(frozen=True, kw_only=True)
class _Search:
    app: Repository
    commit: str
    evaluator: GateEvaluator
    snapshots: Sequence[Snapshot]
    _contains: dict[str, bool] = field(default_factory=dict, repr=False)

    def places(self) -> list[Place]:
        statuses = StatusReader(evaluator=self.evaluator, snapshots=self.snapshots).statuses()
        ours = [status for status in statuses if self._is_of_app(status.service)]
        return [self._place(status) for status in ours]

    def _is_of_app(self, service: str) -> bool:
        app = self.evaluator.app(service)
        return app is not None and app.client.name.casefold() == self.app.name.casefold()

    def _place(self, status: Status) -> Place:
        since = self._since(status.env, status.service)
        if since:
            return Place(env=status.env, service=status.service, since=since)
        kept_by = (*self._gates(status), *(f"{url} is open" for url in status.pulls)) or status.kept_by
        return Place(env=status.env, service=status.service, kept_by=kept_by or ("nothing proposes it",))

    def _since(self, env: str, service: str) -> datetime | None:
        """Return since when what runs has contained the commit, None if it does not."""
        since = None
        for period in islice(self.evaluator.periods(env, service), MOST_PERIODS):
            if not self._has(period):
                break
            since = period.since
        return since

    def _has(self, period: DeployedPeriod) -> bool:
        if period.commit not in self._contains:
            comparison = self.app.compare(self.commit, period.commit) if period.commit else None
            self._contains[period.commit] = comparison is not None and comparison.status in CONTAINS
        return self._contains[period.commit]

    def _gates(self, status: Status) -> tuple[str, ...]:
        """Return what the gates say of promoting, from the environment before, a tag that has the commit."""
        before = self._before(status.env)
        if not before:
            return ()
        if not self._since(before.env, status.service):
            return (f"{before.env} does not run it yet",)
        target = next(snapshot for snapshot in self.snapshots if snapshot.env == status.env)
        artifact, present = before.artifacts()[status.service], target.artifacts().get(status.service)
        change = Change(
            env=status.env,
            service=status.service,
            file=target.file_of(status.service).path,
            before=present.tag if present else "",
            after=artifact.tag,
            digest=artifact.digest,
            digest_before=present.digest if present else "",
        )
        origin = Origin(trailers=Trailers(), freeze_label=False, approved=NOT_PROPOSED, texts=())
        results = self.evaluator.evaluate(change, origin, NOT_PROPOSED).results
        return tuple(result.message for result in results if result.decision is not Decision.ALLOW)

    def _before(self, env: str) -> Snapshot | None:
        after = self.evaluator.config.environment(env).after
        return next((snapshot for snapshot in self.snapshots if snapshot.env == after), None)
