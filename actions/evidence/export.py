"""Add to the records of an environment what is new, in an order in which a run that is killed can be continued."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from actions.api.at_once import AtOnce
from actions.api.client import Client
from actions.api.repository import Repository
from actions.errors import EnvFileError, InputError
from actions.evidence import answers
from actions.evidence.collector import COMMITS_PER_BATCH, Collector
from actions.evidence.environment_files import EnvironmentFiles
from actions.evidence.facts import Amendment, ChangeFacts, Collected, Gap, Listing, Scope
from actions.evidence.ledger import Ledger, awaits_review, unanswered
from actions.evidence.news import News, read_news
from actions.evidence.page import page
from actions.evidence.period import FIRST, Period
from actions.evidence.population import Population
from actions.evidence.records import Record, read_records
from actions.evidence.rules import RulesReader
from actions.evidence.store import RECORDS
from actions.evidence.table import evidence_table
from actions.evidence.timestamps import FORMAT, earlier
from actions.infra.config import PATH
from actions.infra.config_file import parse_config
from actions.infra.layout import unknown_env
from actions.runner.environment import action_version, actors, server_url, this_run
from actions.runner.log import say

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from actions.api.repository import Base
    from actions.evidence.access import Access
    from actions.evidence.chain import Chain
    from actions.evidence.facts import Answer
    from actions.evidence.settings import Settings
    from actions.evidence.store import Store
    from actions.runner.clock import Clock

KEPT_EVERY = 500
# A deployment may wait this long for an approval (docs.github.com, "Reviewing deployments").
LONGEST_DEPLOYMENT = timedelta(days=30)


@dataclass(kw_only=True)
class Export:
    """One export: the records that are there already in *chain*, and the number of those that this run adds."""

    settings: Settings
    store: Store
    clock: Clock
    chain: Chain
    added: int = field(default=0, init=False)
    changes: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """Read the records; raise TamperedError if they cannot be right."""
        self.now = self.clock.utc()
        self._records = read_records(self.chain.records)
        self.ledger = Ledger.of(self._records)

    def collect(self) -> None:
        """Add what is new to the records."""
        scope, infra = self.ledger.scope, Repository(Client(self.settings.infra_repo, self.settings.token))
        if scope:
            require_same(self.settings, scope)
        news = self._news(infra.client)
        if not news or not self._collect(infra, news):
            self._collect(infra, infra.base(scope.branch if scope else "", [PATH, answers.PATH]))

    def _news(self, client: Client) -> News | None:
        """Return what is new since the last export, None if everything has to be read.

        That is so if a change waits for its deployment or review, if the branch was ever rewritten, or if the tags at
        the end of the records are not those of the last change: a record may lack.
        """
        scope, listing, ledger = self.ledger.scope, self.ledger.listing, self.ledger
        if not scope or not listing or not ledger.newest or ledger.waiting or ledger.was_rewritten:
            return None
        news = read_news(client, scope.branch, listing.facts, answers.PATH)
        files = EnvironmentFiles(self.settings.env, self.settings.envs_dir)
        if not news or files.layout(news.files.get(PATH, "")).per_service:
            return None  # the files of a service may be anywhere
        return news if files.tags(news.before) == ledger.newest.tags else None

    def _collect(self, infra: Repository, base: Base | News) -> bool:
        """Add what is new to the records; return False, and add nothing, if it takes more than the news in *base*."""
        scope, listing = self.ledger.scope, self.ledger.listing
        self._collected = self._how(base.head)
        collector = open_collector(self.settings, base.branch, scope.after if scope else "", self.clock, pulls=True)
        seen = listing.facts.head if listing else ""
        if listing and isinstance(base, News):
            population = collector.resume(base, listing.facts, self.ledger.known)
        else:
            population = self._population(infra, base, collector)
        new = [sha for sha in population if sha not in self.ledger.changes]
        waiting = self.ledger.waiting
        made = collector.commits.history.made
        moments = [population[sha] for sha in new] + [change.commit.at for change in waiting]
        last = earlier(self._records[-1].collected.at, LONGEST_DEPLOYMENT)
        since = min([last, *moments, *(made[sha] for sha in collector.commits.after(seen))])
        collector.prefetch(since)
        moves = (move for record in self.ledger.changes.values() for move in record.facts.moves)
        collector.last_tags.update({move.service: move.after or move.before for move in moves})
        self._amend(collector, waiting)
        others, more = collector.look_at_others(population, seen)
        if isinstance(base, News) and (more or not collector.deployed.is_complete):
            return False
        collector.commits.add(listing.facts.paths if listing else ())  # a name that differs in case is in no layout
        self._add_changes(
            collector,
            collector.commits.history.sorted([*{*new, *(sha for sha in more if sha not in self.ledger.changes)}]),
        )
        self._add(self._unrecorded(others))
        lifted = collector.lifted_holds(listing.collected.at if listing else "")
        self._add(self._unrecorded([*collector.deployed.strays(), *collector.rewrites, *lifted]))
        changes: list[ChangeFacts] = [record.facts for record in self.ledger.changes.values()]
        if changes:
            tags = collector.files.tags(base.files) if isinstance(base, News) else collector.tags_now(base.head)
            self._add_gap(changes[-1].tags, tags, base.head)
        self._add(self._new_answers(infra, base))
        self._add(self._new_access(base, collector))
        if base.head != seen or self.added:
            paths = tuple(sorted(collector.commits.paths))
            self._add([Listing(head=base.head, paths=paths, since=collector.deployed.open_since)])
        return True

    def _population(self, infra: Repository, base: Any, collector: Collector) -> dict[str, str]:
        if not self.ledger.scope:
            since = self.settings.period.since
            collector.commits.begin(since.isoformat().replace("+00:00", "Z") if since > FIRST else "")
        population = collector.population(base.files.get(PATH, ""), base.head)
        if not self.ledger.scope:
            self._begin(infra, base, collector)
        return population

    def show(self) -> None:
        """Write the table and the page, if there are records."""
        if self.ledger.scope:
            view = self.ledger.view()
            self.store.show(evidence_table(view), page(view, self.chain, self.now, Period()))

    def _how(self, head: str) -> Collected:
        run, (actor, _) = this_run(), actors()
        return Collected(
            at=f"{self.now:{FORMAT}}",
            run=f"{run.url}/attempts/{run.attempt}" if run.id else "",
            actor=actor,
            action=action_version(),
            head=head,
            kept=self.store.head,
        )

    def _begin(self, infra: Repository, base: Base, collector: Collector) -> None:
        """Add the first record; raise UnknownEnvError if there never was such an environment."""
        env = self.settings.env
        if not collector.commits.is_known:
            layout = collector.files.layout(base.files.get(PATH, ""))
            raise unknown_env(env, layout, layout.envs(infra.paths(base.head)), repository=infra.client.name)
        scope = Scope(
            server=server_url(),
            repository=infra.name,
            environment=env,
            branch=base.branch,
            after=collector.commits.begins,
        )
        self._add([scope])

    def _unrecorded(self, found: Sequence[Any]) -> list[Any]:
        return [facts for facts in found if not self.ledger.has(facts)]

    def _new_answers(self, infra: Repository, base: Base | News) -> list[Answer]:
        """Return the answers to exceptions that are not answered yet; raise ConfigError if the file is invalid."""
        entries = answers.read_entries(base.files.get(answers.PATH, ""))
        found = {(entry["commit"], entry["exception"]) for entry in unanswered(self.ledger.view().exceptions)}
        wanted = {(e.commit, e.exception): e for e in entries if (e.commit, e.exception) in found}
        if not wanted:
            return []
        bots = parse_config(base.files.get(PATH, "")).bots
        reader = answers.AnswerReader(infra=infra, head=base.head, bots=bots)
        new = reader.answers(list(wanted.values()))
        for commit, exception in wanted.keys() - {(answer.commit, answer.exception) for answer in new}:
            say(f"nobody independent approved the answer to {exception} of {commit[:12]}")
        return new

    def _new_access(self, base: Base | News, collector: Collector) -> list[Access]:
        """Return who could change the environment, if `gitops.yml` asks for it and it is not as it was recorded."""
        try:
            config = parse_config(base.files.get(PATH, ""))
        except EnvFileError:
            return []
        if not config.access:
            return []
        from actions.evidence.access_reader import AccessReader

        services = collector.tags_now(base.head)
        repos = {config.repo_of(service, collector.app_repo) for service in services} - {"", self.settings.infra_repo}
        reader = AccessReader(
            Client(self.settings.infra_repo, self.settings.token),
            [Client(repo, self.settings.app_token) for repo in sorted(repos)],
        )
        access = reader.read()
        return [access] if access != self.ledger.access else []

    def _add_gap(self, expected: Mapping[str, str], actual: Mapping[str, str], sha: str) -> None:
        """Add, once, that the tags are not those that the changes before *sha* led to."""
        gap = Gap(sha=sha, expected=expected, actual=actual)
        last = next((record.facts for record in reversed(self._records) if record.kind == "gap"), None)
        same = last is not None and (last.expected, last.actual) == (expected, actual)
        if expected != actual and not same:
            self._add(self._unrecorded([gap]))

    def _add_changes(self, collector: Collector, new: Sequence[str]) -> None:
        done = 0
        known: list[ChangeFacts] = [record.facts for record in self.ledger.changes.values()]
        tags: Mapping[str, str] | None = known[-1].tags if known else None
        for batch in collector.changes(new):
            for change in batch:
                if tags is not None:
                    self._add_gap(tags, change.tags_before, change.commit.sha)
                tags = change.tags
            self._add(batch)
            self.changes += len(batch)
            done = min(done + COMMITS_PER_BATCH, len(new))
            say(f"{done} of {len(new)} changes")
            if done % KEPT_EVERY == 0:
                self.store.keep(f"Evidence of {self.settings.env}: {self.added} records")

    def _amend(self, collector: Collector, waiting: Sequence[ChangeFacts]) -> None:
        """Add what was learned about changes that are recorded already."""
        for change in waiting:
            deployments, missing = collector.later_deployments(change) if change.undeployed else ((), ())
            if deployments:
                self._add([Amendment(commit=change.commit.sha, deployments=deployments, undeployed=missing)])
        emergencies = {change.commit.sha: change for change in waiting if awaits_review(change)}
        for batch in collector.changes([*emergencies]):
            for found in batch:
                self._amend_reviews(emergencies[found.commit.sha], found)

    def _amend_reviews(self, known: ChangeFacts, found: ChangeFacts) -> None:
        before = set(known.commit.pull.reviews) if known.commit.pull else set()
        pull = found.commit.pull
        new = [r for r in pull.reviews if r not in before and r.at > pull.merged_at] if pull else []
        amended: ChangeFacts = self.ledger.changes[known.commit.sha].facts
        if new:
            self._add([Amendment(commit=known.commit.sha, undeployed=amended.undeployed, reviews=tuple(new))])

    def _add(self, found: Iterable[Any]) -> None:
        records = [Record(facts, self._collected) for facts in found]
        for record in records:
            self.ledger.add(record)
        self._records += records
        self.chain, lines = self.chain.with_records(record.as_json() for record in records)
        self.store.append(lines)
        self.added += lines.count(b"\n")


def open_collector(settings: Settings, branch: str, begins: str, clock: Clock, *, pulls: bool = False) -> Collector:
    """Return a collector of the environment that *settings* ask for, on *branch* after the commit *begins*."""
    infra = Client(settings.infra_repo, settings.token)
    return Collector(
        infra=infra,
        rules=RulesReader(infra, branch, AtOnce(clock)),
        commits=Population(
            client=infra,
            files=EnvironmentFiles(settings.env, settings.envs_dir),
            branch=branch,
            begins=begins,
            pulls=pulls,
        ),
        now=clock.utc(),
        app_repo=settings.app_repo,
        app_token=settings.app_token,
    )


def require_same(settings: Settings, scope: Scope) -> None:
    """Raise InputError if the records that are kept are of another environment than the one that was asked for."""
    kept, asked = (scope.repository, scope.environment), (settings.infra_repo, settings.env)
    if kept != asked:
        raise InputError(
            f"{settings.output_dir}/{RECORDS} is of {kept[1]} of {kept[0]}, not of {asked[1]} of {asked[0]}"
        )
