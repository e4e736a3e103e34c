"""Collect the facts about a change that the gates need, and evaluate the gates."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property, partial
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from actions.api.checks import CheckVerdict
from actions.api.client import Client
from actions.api.jobs import SUITES
from actions.app import tested
from actions.app.facts import NoCommit, NotApplicable, Unknown
from actions.app.order import Order, order
from actions.app.release import Release
from actions.app.repository import AppRepository
from actions.artifacts.login import RegistryLogin
from actions.deployments.history import DeployedPeriod, Record, deployed_periods
from actions.deployments.replay import Replay
from actions.errors import EnvFileError, UnknownEnvError
from actions.gates import rules
from actions.gates.facts import Facts, known
from actions.gates.holds import HoldReader, label, review_label
from actions.gates.optional_facts import with_optional_facts
from actions.infra import remote
from actions.tag_names import TagNames
from actions.tags import is_commit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from actions.api.comparison import Comparison
    from actions.api.repository import Repository
    from actions.gates.facts import GateResult
    from actions.gates.origin import Origin
    from actions.gates.pull_reader import PullJudge
    from actions.infra.change import Change
    from actions.infra.config import Config
    from actions.infra.layout import Layout, Snapshot

    Fact = TypeVar("Fact")

MOST_PERIODS = 200
NOT_ASKED = NotApplicable("all gates were asked before")
NOT_HELD = NotApplicable("gitops.yml does not say hold: issues")
NO_RULE = NotApplicable("gitops.yml has no such rule for the environment")
UNCHANGED_TAG = NotApplicable("the change brings no new tag")


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluatedChange:
    """A change, how its tag relates to the deployed one, the result of each gate, and whether it *needs_review*.

    *compared* is how GitHub's pages name the comparison of the two tags, "" if there is none.
    """

    change: Change
    order: Order
    comparison: Comparison | None
    results: tuple[GateResult, ...]
    needs_review: bool
    compared: str = ""
    line: int = 1
    is_emergency: bool = False

    @property
    def worst(self) -> GateResult | None:
        """Return the result that decides, None if all gates are open."""
        return rules.worst(self.results)


@dataclass(frozen=True, kw_only=True)
class GateEvaluator:
    """Evaluate changes to the infra repository on top of the commit *head*, at the time *now*.

    *snapshots* are environments that were already read at *head*; others are read when needed. *again* asks only those
    gates that may have shut since all were asked, and that need no app repository.
    """

    infra: Repository
    config: Config
    layout: Layout
    head: str
    app_repo: str
    app_token: str = field(repr=False)
    now: datetime
    snapshots: Mapping[str, Snapshot]
    login: RegistryLogin = field(default_factory=RegistryLogin)
    again: bool = False
    _snapshots: dict[str, Snapshot | None] = field(default_factory=dict, repr=False)
    _apps: dict[tuple[str, TagNames], AppRepository] = field(default_factory=dict, repr=False)
    _records: dict[str, Replay[Record]] = field(default_factory=dict, repr=False)

    @cached_property
    def judge(self) -> PullJudge:
        """Return who judges pull requests. When gates are asked again, who asked a bot was known before."""
        from actions.gates.emergency import EmergencyTeam  # many changes need no review
        from actions.gates.pull_reader import PullJudge
        from actions.gates.request_runs import RequestRuns

        if self.again:
            return PullJudge(self.config, None)
        return PullJudge(self.config, RequestRuns(self._client), EmergencyTeam(self.infra.client))

    @cached_property
    def holds(self) -> HoldReader:
        """Return who reads the issues that hold environments."""
        return HoldReader(self.infra)

    def _client(self, repository: str) -> Client | None:
        if repository.casefold() == self.infra.name.casefold():
            return self.infra.client
        ours = {self.app_repo, *self.config.repos.values()}
        return Client(repository, self.app_token) if repository in ours else None

    def prefetch(self, changes: Iterable[Change]) -> None:
        """Request all tags of *changes* from the app repositories, with one request to each, and what holds them."""
        self.prefetch_holds(changes := list(changes))
        if self.again:
            return
        tags: dict[tuple[str, TagNames], list[str]] = {}
        for change in changes:
            wanted = [
                tag for tag in (change.after, change.before) if tag and (tag == change.after or not is_commit(tag))
            ]
            tags.setdefault((self._repo(change.service), self._names(change.service)), []).extend(wanted)
        for (repo, names), together in tags.items():
            if repo:
                self._named(repo, names).prefetch(together)

    def prefetch_holds(self, changes: Iterable[Change]) -> None:
        """Request the issues that hold *changes* or ask for a review, if `gitops.yml` asks for that."""
        env_of, wanted = self.config.environment, list(changes)
        labels = [review_label(change.env) for change in wanted if env_of(change.env).emergency]
        if self.config.hold:
            labels += [label(change.env, service) for change in wanted for service in ("", change.service)]
        self.holds.read(labels)

    def order(self, service: str, before: str, after: str) -> tuple[Order, Comparison | None]:
        """Return how the tag *after* relates to *before*."""
        if self._repo(service):
            return self._app(service).order(before, after)
        return order(before, after, lambda *_: None, self._names(service))

    def evaluate(
        self, change: Change, origin: Origin, unreviewed: tuple[str, ...] | Unknown | NotApplicable
    ) -> EvaluatedChange:
        """Evaluate the gates for *change*, which came by *origin* together with *unreviewed* commits.

        A fact that is missing or that the token cannot read is unknown, and an unknown fact keeps a gate closed.
        """
        trailers = origin.trailers
        placed = change if self.again else known(partial(self._with_last_tag, change))
        ordered: tuple[Order, Comparison | None] | Unknown | NotApplicable
        if self.again or isinstance(placed, Unknown):
            ordered = placed if isinstance(placed, Unknown) else NOT_ASKED
        else:
            ordered = known(partial(self._order_of, placed))
        relation, comparison = ordered if isinstance(ordered, tuple) else (Order.UNKNOWN, None)
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
            approved=origin.approved,
            unreviewed_commits=unreviewed,
            freeze_label=origin.freeze_label,
            holds=NOT_HELD,
            was_replaced=UNCHANGED_TAG,
            untracked=NO_RULE,
            emergency=origin.emergency,
            overdue=NO_RULE,
            stored=NO_RULE,
            unattested=NO_RULE,
        )
        if not self.again:
            facts = self._with_app(facts)
        facts = with_optional_facts(self, facts, origin)
        results = rules.evaluate_gates(facts, again=self.again)
        return EvaluatedChange(
            change=change,
            order=relation,
            comparison=comparison,
            results=results,
            needs_review=self.config.needs_review(change.env),
            compared=self._compared(change),
            is_emergency=facts.is_emergency,
        )

    def _compared(self, change: Change) -> str:
        if self.again or not change.before or not self._repo(change.service):
            return ""
        return self._app(change.service).comparison_of(change.before, change.after)

    def _with_app(self, facts: Facts) -> Facts:
        """Add what the records and the app repository say of the change."""
        change = facts.change
        if facts.trailers.reason and facts.may_go_back:
            facts = replace(
                facts, ran_here=known(partial(self.ran, change.env, change.service, change.after, change.digest))
            )
        if not change.is_new_artifact:
            return facts
        facts = self._with_release(facts)
        if facts.is_rollback and not facts.emergency:
            return facts  # it was tested and promoted when it ran here
        facts = self._with_tests(facts)
        if facts.policy.after and not (facts.is_hotfix or facts.is_rollback):
            facts = replace(facts, periods=known(partial(self._periods_before, facts)))
        return facts

    def _order_of(self, change: Change) -> tuple[Order, Comparison | None]:
        """Return the order of *change*, with the commits that it adds or, if it goes back, removes."""
        if not change.after:
            return Order.IDENTICAL, None  # the service is removed; there is nothing to compare
        relation, comparison = self.order(change.service, change.before, change.after)
        if relation is not Order.BEHIND or not comparison:
            return relation, comparison
        removed = self._app(change.service).compare_tags(change.after, change.before)
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

    def ran(self, env: str, service: str, tag: str, digest: str = "") -> bool:
        """Tell whether the artifact *tag* of *service* ever ran in *env*."""
        return any(period.is_of(tag, digest) for period in islice(self.periods(env, service), MOST_PERIODS))

    def periods(self, env: str, service: str, *, adopted: bool = True) -> Iterator[DeployedPeriod]:
        """Yield the periods of *service* in *env*, newest first; raise UnknownEnvError if there is no such env.

        Without *adopted*, what ran there before there were records does not count.
        """
        return deployed_periods((record for record in self.records(env) if adopted or not record.adopted), service)

    def records(self, env: str) -> Iterable[Record]:
        """Return the deployments of *env*, newest first; raise UnknownEnvError if there is no such env."""
        return (record for record in self.attempts(env) if record.succeeded)

    def attempts(self, env: str) -> Iterable[Record]:
        """Return the deployments of *env* that began, newest first; raise UnknownEnvError if there is no such env."""
        snapshot = self._snapshot(env)
        if not snapshot:
            raise UnknownEnvError(f"no environment '{env}' in {self.infra.name} at {self.head[:12]}")
        if env not in self._records:
            from actions.deployments.records import RecordReader  # many changes ask for none

            reader = RecordReader(infra=self.infra, config=self.config, layout=self.layout)
            (history,) = reader.histories([snapshot])
            self._records[env] = Replay(history.attempts())
        return self._records[env]

    def _with_release(self, facts: Facts) -> Facts:
        change = facts.change
        repo = self._repo(change.service)
        if not repo:
            no_repo = NotApplicable(f"{change.service} has no app repository")
            return replace(facts, released=no_repo, unreviewed=no_repo, checks=no_repo, only_fixes=no_repo)
        app, prefix = self._app(change.service), self.config.hotfix_prefix
        facts = replace(facts, released=known(lambda: self._released(app, change.after, prefix)))
        if facts.released is Release.HOTFIX:
            facts = replace(facts, unreviewed=known(lambda: self._unreviewed(app, change.after)))
        return facts

    def _with_tests(self, facts: Facts) -> Facts:
        change = facts.change
        repo = self._repo(change.service)
        if not repo:
            return facts
        app = self._app(change.service)
        facts = replace(facts, checks=known(lambda: self._checks(app, change)))
        if facts.order is Order.DIVERGED:
            facts = replace(facts, lost_commits=known(lambda: app.lost_commits(change.before, change.after)))
        if facts.policy.after and facts.released is Release.HOTFIX and facts.order is Order.AHEAD:
            facts = replace(facts, only_fixes=known(lambda: app.brings_only_fixes(change.before, change.after)))
        return facts

    @staticmethod
    def _released(app: AppRepository, tag: str, prefix: str) -> Release | Unknown | NoCommit:
        looked_for = " or ".join(map(str, app.names.candidates(tag)))
        if app.is_ambiguous(tag):
            return Unknown(f"which commit {tag} is, because {app.client.name} has several: {looked_for}")
        build = app.build(tag)
        if not build:
            return NoCommit(f"{app.client.name} has no {looked_for}" if looked_for else f"it is no {app.names.form}")
        return app.released(build, prefix)

    def _unreviewed(self, app: AppRepository, tag: str) -> tuple[str, ...] | Unknown:
        from actions.gates.hotfix_reviews import unreviewed_commits  # hotfixes are rare

        return unreviewed_commits(app.client, self.judge, app.beyond_default_branch(tag))

    def _periods_before(self, facts: Facts) -> tuple[DeployedPeriod, ...] | Unknown:
        """Return when the new tag ran in the preceding environment; read only as many records as needed."""
        change, soak = facts.change, facts.policy.soak or timedelta()
        commit = known(lambda: self.commit_of(change.service, change.after))
        ran = []
        for period in islice(self.periods(facts.policy.after, change.service, adopted=False), MOST_PERIODS):
            if not period.is_of(change.after, change.digest):
                continue
            if self._repo(change.service) and period.commit != commit:
                was = period.commit[:12] or "not recorded"
                where = f"when it ran in {facts.policy.after}"
                return Unknown(
                    f"whether {change.after} ran there: the commit that it named {where} is {was}, not {commit}"
                )
            ran.append(period)
            if (period.until or facts.now) - period.since >= soak:
                break
        return tuple(ran)

    def commit_of(self, service: str, tag: str) -> str:
        """Return the commit that *tag* of *service* names now, "" if there is none or no app repository."""
        if not self._repo(service) or (is_commit(tag) and not self._names(service).form):
            return tag if is_commit(tag) else ""
        build = self._app(service).build(tag)
        return build.sha if build else ""

    def _checks(self, app: AppRepository, change: Change) -> CheckVerdict | Unknown | None:
        """Return how the checks stand that the tag of *change* needs, None if nothing says which."""
        build = app.build(change.after)
        named = self.config.checks.get(change.service)
        required = tested.required_of(app, change.service) if named is None else named
        if isinstance(required, Unknown):
            return required
        if not required and named is None:
            return None
        required = tuple(dict.fromkeys((*required, *self.config.environment(change.env).checks)))
        if not required:
            return CheckVerdict()
        return tested.verdict(required, app, build, self.config.hotfix_prefix)

    def app(self, service: str) -> AppRepository | None:
        """Return the app repository of *service*, None if it has none."""
        return self._app(service) if self._repo(service) else None

    def _snapshot(self, env: str) -> Snapshot | None:
        if env in self.snapshots:
            return self.snapshots[env]
        if env not in self._snapshots:
            self._snapshots[env] = remote.environment(self.infra, self.layout, self.head, env)
        return self._snapshots[env]

    def _repo(self, service: str) -> str:
        return self.config.repo_of(service, self.app_repo)

    def _names(self, service: str) -> TagNames:
        return self.config.tag_names.get(service, TagNames())

    def _app(self, service: str) -> AppRepository:
        return self._named(self._repo(service), self._names(service))

    def _named(self, repo: str, names: TagNames) -> AppRepository:
        """Return the app repository *repo*, where tags are called as *names* says."""
        return self._apps.setdefault((repo, names), AppRepository(Client(repo, self.app_token), names, SUITES))
