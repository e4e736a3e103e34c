"""action-export-evidence: who wrote, approved, merged and deployed each change of an environment, by which rules."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from actions.api.client import Client
from actions.api.repository import Repository
from actions.api.retry import retry
from actions.errors import (
    ConflictError,
    ExceptionsFoundError,
    InputError,
    NotRecordedError,
)
from actions.evidence import ledger
from actions.evidence.chain import Chain, whole_lines
from actions.evidence.collector import COMMITS_PER_BATCH, Collector
from actions.evidence.environment_files import EnvironmentFiles
from actions.evidence.ledger import Ledger, Scope
from actions.evidence.page import page
from actions.evidence.period import FIRST, Period
from actions.evidence.rules import RulesReader
from actions.evidence.settings import Mode, Settings
from actions.evidence.store import PAGE, RECORDS, TABLE, open_store
from actions.evidence.table import evidence_table
from actions.evidence.timestamps import FORMAT, earlier
from actions.infra.config import PATH
from actions.infra.layout import unknown_env
from actions.runner import markdown
from actions.runner.clock import Clock
from actions.runner.environment import event_payload, server_url, workspace_root
from actions.runner.event import Event
from actions.runner.inputs import Inputs
from actions.runner.log import say
from actions.runner.markdown import escape
from actions.runner.outcome import Outcome, run

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from actions.api.repository import Base
    from actions.evidence.store import Store


UNSET = {"changes": 0, "new": 0, "exceptions": [], "head": "", "jsonl": "", "csv": "", "html": ""}
KEPT_EVERY = 500
# A deployment may wait this long for an approval (docs.github.com, "Reviewing deployments").
LONGEST_DEPLOYMENT = timedelta(days=30)
MOST_SHOWN = 50


class Reason(StrEnum):
    """How the run ends well."""

    EXPORTED = "exported"
    UP_TO_DATE = "up-to-date"
    VERIFIED = "verified"
    REPORTED = "reported"


def main(clock: Clock | None = None) -> int:
    """Run the action and return its exit code."""
    clock = clock or Clock()
    return run(lambda: _act(clock), unset=UNSET, clock=clock)


def _act(clock: Clock) -> Outcome:
    event = Event.read(os.environ, event_payload())
    settings = Settings.read(Inputs(), event.repository)
    keeper = Repository(Client(settings.infra_repo, settings.branch_token))
    store = open_store(workspace_root(), settings.output_dir, keeper, settings.branch)
    evidence = _Run(settings=settings, store=store, clock=clock)
    return {Mode.EXPORT: evidence.export, Mode.VERIFY: evidence.verify, Mode.REPORT: evidence.report}[settings.mode]()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Run:
    """One run, in one of the three modes."""

    settings: Settings
    store: Store
    clock: Clock

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock.wall(), UTC)

    def export(self) -> Outcome:
        """Add what is new to the records; a run that fails half-way is continued by the next attempt."""
        return retry(self._export, timeout=self.settings.timeout, clock=self.clock)

    def verify(self) -> Outcome:
        """Check that the records are as they were written."""
        _, chain = self._kept()
        return _outcome(self.settings, Ledger.of(chain.records), chain, 0, Reason.VERIFIED)

    def report(self) -> Outcome:
        """Write the table and the page of a period; all records are beside them, to be verified."""
        content, chain = self._kept()
        whole = Ledger.of(chain.records)
        _require_same(self.settings, whole.begins)
        period = self.settings.period
        if period.since >= self.now:
            raise InputError(f"the period {period} has not begun")
        retry(lambda: self._require_all(whole), timeout=self.settings.timeout, clock=self.clock)
        part = period.of(whole)
        self.store.begin(content)
        self.store.show(evidence_table(part), page(whole, chain, self.now, period))
        return _outcome(self.settings, part, chain, 0, Reason.REPORTED)

    def _kept(self) -> tuple[bytes, Chain]:
        """Return the records that are kept; raise InputError if there are none, TamperedError if they were changed."""
        content = retry(self.store.read, timeout=self.settings.timeout, clock=self.clock)
        if not content:
            raise InputError(f"there is no {self.settings.output_dir}/{RECORDS} to {self.settings.mode}")
        chain = Chain.read(content)
        chain.require(self.settings.head)
        return content, chain

    def _require_all(self, whole: Ledger) -> None:
        """Raise NotRecordedError if the branch has changes that are not recorded: a report would lack them."""
        infra, branch = Repository(Client(self.settings.infra_repo, self.settings.token)), str(whole.begins["branch"])
        head = infra.branches(branch).get(branch)
        if not head:
            raise ConflictError(f"{infra.name} has no branch '{branch}'")
        config = (infra.files_at(head, [PATH]) or {}).get(PATH, "")
        collector = _collector(self.settings, branch, whole.begins, self.now)
        recorded = {change["commit"]["sha"] for change in whole.changes}
        new = collector.are_changes([sha for sha in collector.population(config) if sha not in recorded])
        if new:
            named = ", ".join(sha[:12] for sha in new[:MOST_SHOWN])
            raise NotRecordedError(
                f"{_count(len(new), 'change')} of {self.settings.env} not recorded yet: {named};"
                " run it with mode export first"
            )

    def _export(self) -> Outcome:
        content = whole_lines(self.store.read())
        chain = Chain.read(content)
        chain.require(self.settings.head)
        self.store.begin(content)
        collected = {
            "at": f"{self.now:{FORMAT}}",
            "run": os.environ.get("GITHUB_RUN_ID", ""),
            "attempt": os.environ.get("GITHUB_RUN_ATTEMPT", ""),
        }
        export = _Export(settings=self.settings, store=self.store, now=self.now, collected=collected, chain=chain)
        try:
            export.collect()
        finally:
            export.show()
            if export.added:
                self.store.keep(f"Evidence of {self.settings.env}: {export.added} records")
        reason = Reason.EXPORTED if export.added else Reason.UP_TO_DATE
        return _outcome(self.settings, Ledger.of(export.chain.records), export.chain, export.changes, reason)


@dataclass(kw_only=True)
class _Export:
    """One export: the records that are there already in *chain*, and the number of those that this run adds."""

    settings: Settings
    store: Store
    now: datetime
    collected: Mapping[str, str]
    chain: Chain
    added: int = field(default=0, init=False)
    changes: int = field(default=0, init=False)

    def collect(self) -> None:
        """Add what is new to the records."""
        begins = Ledger.of(self.chain.records).begins
        if begins:
            _require_same(self.settings, begins)
        infra = Repository(Client(self.settings.infra_repo, self.settings.token))
        base = infra.base(str(begins.get("branch", "")), [PATH])
        collector = _collector(self.settings, base.branch, begins, self.now)
        if not begins:
            since = self.settings.period.since
            collector.begin(since.isoformat().replace("+00:00", "Z") if since > FIRST else "")
        population = collector.population(base.files.get(PATH, ""))
        if not begins:
            self._begin(infra, base, collector)
        known = Ledger.of(self.chain.records)
        moves = (move for change in known.changes for move in change["moves"])
        collector.last_tags.update({move["service"]: move["after"] or move["before"] for move in moves})
        recorded = {change["commit"]["sha"] for change in known.changes}
        new = [sha for sha in population if sha not in recorded]
        since_last = self.chain.records[-1]["collected"]["at"]
        moments = [population[sha] for sha in new] + [change["commit"]["at"] for change in known.waiting]
        collector.prefetch(min([earlier(since_last, LONGEST_DEPLOYMENT), *moments]))
        self._amend(collector, known)
        self._add_changes(collector, new, known)
        self._add_strays(collector, base, known)

    def show(self) -> None:
        """Write the table and the page, if there are records."""
        records = Ledger.of(self.chain.records)
        if records.begins:
            self.store.show(evidence_table(records), page(records, self.chain, self.now, Period()))

    def _begin(self, infra: Repository, base: Base, collector: Collector) -> None:
        """Add the first record; raise UnknownEnvError if there never was such an environment."""
        env = self.settings.env
        if not collector.is_known:
            layout = collector.files.layout(base.files.get(PATH, ""))
            raise unknown_env(env, layout, layout.envs(infra.paths(base.head)))
        scope = Scope(
            server=server_url(),
            repository=infra.name,
            environment=env,
            branch=base.branch,
            after=collector.begins,
        )
        self._add([scope.as_record(self.collected)])

    def _add_strays(self, collector: Collector, base: Base, known: Ledger) -> None:
        """Add what is no change: stray deployments, rewrites of the branch, and tags that no change explains."""
        seen = {(record["record"], record["id"]) for record in known.strays}
        strays = [record for record in collector.stray_deployments() if ("deployment", record.number) not in seen]
        self._add([ledger.stray(record, base.branch, self.collected) for record in strays])
        rewrites = [rewrite for rewrite in collector.rewrites() if ("rewrite", rewrite.id) not in seen]
        self._add([ledger.rewritten(rewrite, base.branch, self.collected) for rewrite in rewrites])
        changes = Ledger.of(self.chain.records).changes
        if changes:
            self._add_gap(changes[-1]["tags"], collector.tags_now(base.head), base.head)

    def _add_gap(self, expected: Mapping[str, str], actual: Mapping[str, str], sha: str) -> None:
        """Add, once, that the tags are not those that the changes before *sha* led to."""
        record = ledger.gap(sha, expected, actual, self.collected)
        gaps = [earlier_record for earlier_record in self.chain.records if earlier_record["record"] == "gap"]
        if expected != actual and (not gaps or gaps[-1]["exceptions"] != record["exceptions"]):
            self._add([record])

    def _add_changes(self, collector: Collector, new: Sequence[str], known: Ledger) -> None:
        done = 0
        tags: Mapping[str, str] | None = known.changes[-1]["tags"] if known.changes else None
        for batch in collector.changes(new):
            for change in batch:
                if tags is not None:
                    self._add_gap(tags, change.tags_before, change.commit.sha)
                tags = change.tags
            self._add([ledger.record_of(change, self.collected) for change in batch])
            self.changes += len(batch)
            done = min(done + COMMITS_PER_BATCH, len(new))
            say(f"{done} of {len(new)} changes")
            if done % KEPT_EVERY == 0:
                self.store.keep(f"Evidence of {self.settings.env}: {self.added} records")

    def _amend(self, collector: Collector, known: Ledger) -> None:
        """Add what was learned about changes that are recorded already."""
        for change in known.waiting:
            more, missing = collector.deployments_of(change["commit"]["sha"], change["undeployed"])
            if more:
                self._add([ledger.deployed_later(change, more, missing, self.collected)])
        unreviewed = [c["commit"]["sha"] for c in known.waiting if c["emergency"] and not c["later_review"]]
        for batch in collector.changes(unreviewed):
            reviews = {change.commit.sha: ledger.later_review(change) for change in batch}
            self._add(
                ledger.reviewed_later(change, review, self.collected)
                for change in known.waiting
                if (review := reviews.get(change["commit"]["sha"]))
            )

    def _add(self, records: Iterable[Mapping[str, Any]]) -> None:
        self.chain, lines = self.chain.with_records(records)
        self.store.append(lines)
        self.added += lines.count(b"\n")


def _collector(settings: Settings, branch: str, begins: Mapping[str, Any], now: datetime) -> Collector:
    infra = Client(settings.infra_repo, settings.token)
    return Collector(
        infra=infra,
        rules=RulesReader(infra, branch),
        files=EnvironmentFiles(settings.env, settings.envs_dir),
        branch=branch,
        begins=str(begins.get("after", "")),
        now=now,
        app_repo=settings.app_repo,
        app_token=settings.app_token,
    )


def _require_same(settings: Settings, begins: Mapping[str, Any]) -> None:
    """Raise InputError if the records that are kept are of another environment than the one that was asked for."""
    kept, asked = (begins["repository"], begins["environment"]), (settings.infra_repo, settings.env)
    if kept != asked:
        raise InputError(
            f"{settings.output_dir}/{RECORDS} is of {kept[1]} of {kept[0]}, not of {asked[1]} of {asked[0]}"
        )


def _outcome(settings: Settings, records: Ledger, chain: Chain, new: int, reason: Reason) -> Outcome:
    exceptions = records.exceptions
    when = f" {settings.period}" if settings.mode is Mode.REPORT and settings.period != Period() else ""
    folder, counted = settings.output_dir, f"{_count(len(records.changes), 'change')} of {settings.env}{when}"
    text = f"{counted}, {new} new, {_count(len(exceptions), 'exception')} ({reason})"
    failed = bool(exceptions) and settings.fail_on_exceptions
    names = ", ".join(sorted({entry["exception"] for entry in exceptions}))
    error = ExceptionsFoundError(f"{_count(len(exceptions), 'exception')} in {counted}: {names}")
    return Outcome(
        outputs={
            "changes": len(records.changes),
            "new": new,
            "exceptions": exceptions[:MOST_SHOWN],
            "head": chain.head,
            "jsonl": f"{folder}/{RECORDS}",
            "csv": f"{folder}/{TABLE}",
            "html": f"{folder}/{PAGE}",
            "reason": error.reason if failed else reason,
        },
        notice=text,
        summary=_summary(settings, records, chain, text),
        errors=(error,) if failed else (),
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _summary(settings: Settings, records: Ledger, chain: Chain, text: str) -> str:
    rows = [
        [f"`{entry['commit'][:12]}`", entry["exception"], escape(entry["detail"])]
        for entry in records.exceptions[:MOST_SHOWN]
    ]
    listed = f"\n{markdown.table(('commit', 'exception', 'detail'), rows)}" if rows else ""
    mark = "❌" if records.exceptions else "✅"
    return (
        f"### {mark} Evidence of {escape(settings.env)} of {escape(settings.infra_repo)}\n\n"
        f"{escape(text)}\n{listed}"
        f"\n{_count(len(chain.records), 'record')}; the SHA-256 of the last one is `{chain.head}`.\n"
    )
