"""Collect the facts about a change that the gates need, and evaluate the gates."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from actions.api.checks import evaluate_checks
from actions.api.client import Client
from actions.app.facts import NotApplicable, Unknown
from actions.app.order import Order, order
from actions.app.release import Release
from actions.app.repository import AppRepository
from actions.deployments.history import DeployedPeriod, Record, deployed_periods
from actions.deployments.records import read_history
from actions.deployments.replay import Replay
from actions.errors import AccessError, EnvFileError, UnknownEnvError
from actions.gates import rules
from actions.gates.rules import Facts, GateResult
from actions.infra import remote
from actions.tags import is_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from actions.api.checks import CheckVerdict
    from actions.api.comparison import Comparison
    from actions.api.repository import Repository
    from actions.gates.trailers import Trailers
    from actions.infra.change import Change
    from actions.infra.config import Config
    from actions.infra.layout import Layout, Snapshot

    Fact = TypeVar("Fact")

MOST_PERIODS = 200
UNCHANGED_TAG = NotApplicable("the change brings no new tag")


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluatedChange:
    """A change, how its tag relates to the deployed one, the result of each gate, and whether it *needs_review*."""

    change: Change
    order: Order
    comparison: Comparison | None
    results: tuple[GateResult, ...]
    needs_review: bool
    line: int = 1

    @property
    def worst(self) -> GateResult | None:
        """Return the result that decides, None if all gates are open."""
        return rules.worst(self.results)


@dataclass(frozen=True, kw_only=True)
class GateEvaluator:
    """Evaluate changes to the infra repository on top of the commit *head*, at the time *now*.

    *snapshots* are environments that were already read at *head*; others are read when needed.
    """

    infra: Repository
    config: Config
    layout: Layout
    head: str
    app_repo: str
    app_token: str = field(repr=False)
    now: datetime
    snapshots: Mapping[str, Snapshot]
    _snapshots: dict[str, Snapshot | None] = field(default_factory=dict, repr=False)
    _apps: dict[str, AppRepository] = field(default_factory=dict, repr=False)
    _records: dict[str, Replay[Record]] = field(default_factory=dict, repr=False)

    def prefetch(self, changes: Iterable[Change]) -> None:
        """Request all tags of *changes* from the app repositories, with one request to each."""
        tags: dict[str, list[str]] = {}
        for change in changes:
            before = [change.before] if is_version(change.before) else []
            after = [change.after] if change.after else []
            tags.setdefault(self._repo(change.service), []).extend([*after, *before])
        for repo, wanted in tags.items():
            if repo:
                self._app(repo).prefetch(wanted)

    def order(self, service: str, before: str, after: str) -> tuple[Order, Comparison | None]:
        """Return how the tag *after* relates to *before*."""
        repo = self._repo(service)
        return self._app(repo).order(before, after) if repo else order(before, after, lambda *_: None)

    def evaluate(
        self,
        change: Change,
        trailers: Trailers,
        *,
        approved: bool | Unknown | NotApplicable,
        freeze_label: bool,
    ) -> EvaluatedChange:
        """Evaluate the gates for *change*, whose commits have *trailers*.

        A fact that is missing or that the token cannot read is unknown, and an unknown fact keeps a gate closed.
        """
        placed = _known(partial(self._with_last_tag, change))
        ordered = placed if isinstance(placed, Unknown) else _known(partial(self._order_of, placed))
        relation, comparison = (Order.UNKNOWN, None) if isinstance(ordered, Unknown) else ordered
        facts = Facts(
            change=change if isinstance(placed, Unknown) else placed,
            policy=self.config.environment(change.env),
            now=self.now,
            order=relation,
            trailers=trailers,
            released=UNCHANGED_TAG,
            unreviewed=UNCHANGED_TAG,
            only_fixes=UNCHANGED_TAG,
            checks=UNCHANGED_TAG,
            periods=UNCHANGED_TAG,
            ran_here=NotApplicable("the change does not go back, or gives no reason"),
            lost_commits=ordered if isinstance(ordered, Unknown) else NotApplicable("no deployed commit is lost"),
            approved=approved,
            freeze_label=freeze_label,
        )
        if trailers.reason and facts.may_go_back:
            facts = replace(facts, ran_here=_known(lambda: self.ran(change.env, change.service, change.after)))
        if not facts.is_rollback and change.after not in ("", facts.change.before):
            facts = self._with_release(facts)
        return EvaluatedChange(
            change=change,
            order=relation,
            comparison=comparison,
            results=rules.evaluate_gates(facts),
            needs_review=self.config.needs_review(change.env),
        )

    def _order_of(self, change: Change) -> tuple[Order, Comparison | None]:
        """Return the order of *change*, with the commits that it adds or, if it goes back, removes."""
        if not change.after:
            return Order.IDENTICAL, None  # the service is removed; there is nothing to compare
        relation, comparison = self.order(change.service, change.before, change.after)
        if relation is not Order.BEHIND or not comparison:
            return relation, comparison
        removed = self._app(self._repo(change.service)).compare_tags(change.after, change.before)
        return relation, replace(removed or comparison, status="behind")

    def _with_last_tag(self, change: Change) -> Change:
        """Return *change*, with the last deployed tag as its *before* if the env file has none."""
        if change.before or not change.after or not self._snapshot(change.env):
            return change
        try:
            last = next((period.tag for period in self.periods(change.env, change.service)), "")
        except EnvFileError:
            return change  # the change repairs the file: the tag was not removed to evade this comparison
        return replace(change, before=last)

    def ran(self, env: str, service: str, tag: str) -> bool:
        """Tell whether *tag* of *service* ever ran in *env*."""
        return any(period.tag == tag for period in islice(self.periods(env, service), MOST_PERIODS))

    def periods(self, env: str, service: str) -> Iterator[DeployedPeriod]:
        """Yield the periods of *service* in *env*, newest first; raise UnknownEnvError if there is no such env."""
        return deployed_periods(self.records(env), service)

    def records(self, env: str) -> Iterable[Record]:
        """Return the deployments of *env*, newest first; raise UnknownEnvError if there is no such env."""
        snapshot = self._snapshot(env)
        if not snapshot:
            raise UnknownEnvError(f"no environment '{env}' in {self.infra.name} at {self.head[:12]}")
        if env not in self._records:
            (history,) = read_history(self.infra, self.layout, [snapshot])
            self._records[env] = Replay(history.records())
        return self._records[env]

    def _with_release(self, facts: Facts) -> Facts:
        change = facts.change
        repo = self._repo(change.service)
        if not repo:
            no_repo = NotApplicable(f"{change.service} has no app repository")
            facts = replace(facts, released=no_repo, unreviewed=no_repo, checks=no_repo, only_fixes=no_repo)
        else:
            app, prefix = self._app(repo), self.config.hotfix_prefix
            facts = replace(
                facts,
                released=_known(lambda: self._released(app, change.after, prefix)),
                checks=_known(lambda: self._checks(app, change.after)),
            )
            if facts.released is Release.HOTFIX:
                facts = replace(facts, unreviewed=_known(lambda: self._unreviewed(app, change.after)))
            if facts.order is Order.DIVERGED:
                facts = replace(facts, lost_commits=_known(lambda: app.lost_commits(change.before, change.after)))
            if facts.policy.after and facts.released is Release.HOTFIX and facts.order is Order.AHEAD:
                facts = replace(facts, only_fixes=_known(lambda: app.brings_only_fixes(change.before, change.after)))
        if facts.policy.after and not facts.is_hotfix:
            facts = replace(facts, periods=_known(partial(self._periods_before, facts)))
        return facts

    @staticmethod
    def _released(app: AppRepository, tag: str, prefix: str) -> Release | Unknown:
        if app.is_ambiguous(tag):
            return Unknown(f"which commit {tag} is, because the git tags {tag} and v{tag} name different ones")
        return app.released(tag, prefix)

    def _unreviewed(self, app: AppRepository, tag: str) -> tuple[str, ...] | Unknown:
        from actions.gates.hotfix_reviews import unreviewed_commits  # hotfixes are rare

        return unreviewed_commits(app.client, self.config, app.beyond_default_branch(tag))

    def _periods_before(self, facts: Facts) -> tuple[DeployedPeriod, ...]:
        """Return when the new tag ran in the preceding environment; read only as many records as needed."""
        soak = facts.policy.soak or timedelta()
        ran = []
        for period in islice(self.periods(facts.policy.after, facts.change.service), MOST_PERIODS):
            if period.tag == facts.change.after:
                ran.append(period)
                if (period.until or facts.now) - period.since >= soak:
                    break
        return tuple(ran)

    def _checks(self, app: AppRepository, tag: str) -> CheckVerdict:
        build, required = app.build(tag), app.required_checks()
        reported = app.checks_of(build) if build and required else ()
        return evaluate_checks(required, reported, skipped_passes=False)

    def _snapshot(self, env: str) -> Snapshot | None:
        if env in self.snapshots:
            return self.snapshots[env]
        if env not in self._snapshots:
            self._snapshots[env] = remote.environment(self.infra, self.layout, self.head, env)
        return self._snapshots[env]

    def _repo(self, service: str) -> str:
        return self.config.repo_of(service, self.app_repo)

    def _app(self, repo: str) -> AppRepository:
        return self._apps.setdefault(repo, AppRepository(Client(repo, self.app_token)))


def _known(read: Callable[[], Fact]) -> Fact | Unknown:
    try:
        return read()
    except (AccessError, EnvFileError, UnknownEnvError) as error:
        return Unknown(str(error))
