"""action-export-evidence: who wrote, approved, merged and deployed each change of an environment, by which rules."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from actions.api.client import Client
from actions.api.repository import Repository
from actions.api.retry import retry
from actions.errors import ConflictError, ExceptionsFoundError, InputError, NotRecordedError
from actions.evidence.chain import Chain, whole_lines
from actions.evidence.export import Export, open_collector, require_same
from actions.evidence.ledger import Ledger, answer_to, unanswered
from actions.evidence.page import page
from actions.evidence.period import Period
from actions.evidence.records import read_records
from actions.evidence.settings import FailOn, Mode, Settings
from actions.evidence.store import PAGE, RECORDS, TABLE, open_store
from actions.evidence.table import evidence_table
from actions.infra.config import PATH
from actions.runner import markdown
from actions.runner.clock import Clock
from actions.runner.environment import event_payload, workspace_root
from actions.runner.event import Event
from actions.runner.inputs import Inputs
from actions.runner.markdown import escape
from actions.runner.outcome import Outcome, run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from actions.evidence.facts import Scope
    from actions.evidence.ledger import View
    from actions.evidence.store import Store


UNSET = {"changes": 0, "new": 0, "exceptions": [], "head": "", "jsonl": "", "csv": "", "html": ""}
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

    def _export(self) -> Outcome:
        content = whole_lines(self.store.read())
        chain = Chain.read(content)
        chain.require(self.settings.head)
        self.store.begin(content)
        export = Export(settings=self.settings, store=self.store, clock=self.clock, chain=chain)
        try:
            export.collect()
        finally:
            export.show()
            if export.added:
                self.store.keep(f"Evidence of {self.settings.env}: {export.added} records")
        reason = Reason.EXPORTED if export.added else Reason.UP_TO_DATE
        return _outcome(self.settings, export.ledger.view(), export.chain, export.changes, reason)

    def verify(self) -> Outcome:
        """Check that the records are as they were written, and that the branch only ever grew."""
        content, chain, ledger = self._kept()
        retry(lambda: self.store.require_grown(content), timeout=self.settings.timeout, clock=self.clock)
        return _outcome(self.settings, ledger.view(), chain, 0, Reason.VERIFIED)

    def report(self) -> Outcome:
        """Write the table and the page of a period; all records are beside them, to be verified."""
        content, chain, ledger = self._kept()
        scope = ledger.begun
        require_same(self.settings, scope)
        period = self.settings.period
        if period.since >= self.now:
            raise InputError(f"the period {period} has not begun")
        retry(lambda: self._require_all(ledger, scope), timeout=self.settings.timeout, clock=self.clock)
        whole = ledger.view()
        part = period.of(whole)
        self.store.begin(content)
        self.store.show(evidence_table(part), page(whole, chain, self.now, period))
        return _outcome(self.settings, part, chain, 0, Reason.REPORTED)

    def _kept(self) -> tuple[bytes, Chain, Ledger]:
        """Return the records that are kept; raise InputError if there are none, TamperedError if they were changed."""
        content = retry(self.store.read, timeout=self.settings.timeout, clock=self.clock)
        if not content:
            raise InputError(f"there is no {self.settings.output_dir}/{RECORDS} to {self.settings.mode}")
        chain = Chain.read(content)
        chain.require(self.settings.head)
        return content, chain, Ledger.of(read_records(chain.records))

    def _require_all(self, ledger: Ledger, scope: Scope) -> None:
        """Raise NotRecordedError if the branch has changes that are not recorded: a report would lack them."""
        infra = Repository(Client(self.settings.infra_repo, self.settings.token))
        head = infra.branches(scope.branch).get(scope.branch)
        if not head:
            raise ConflictError(f"{infra.name} has no branch '{scope.branch}'")
        config = (infra.files_at(head, [PATH]) or {}).get(PATH, "")
        collector = open_collector(self.settings, scope.branch, scope.after, self.clock)
        population = collector.population(config, head)
        new = collector.are_changes([sha for sha in population if sha not in ledger.changes])
        if new:
            named = ", ".join(sha[:12] for sha in new[:MOST_SHOWN])
            raise NotRecordedError(
                f"{_count(len(new), 'change')} of {self.settings.env} not recorded yet: {named};"
                " run it with mode export first"
            )


def _outcome(settings: Settings, view: View, chain: Chain, new: int, reason: Reason) -> Outcome:
    exceptions = view.exceptions
    when = f" {settings.period}" if settings.mode is Mode.REPORT and settings.period != Period() else ""
    folder, counted = settings.output_dir, f"{_count(len(view.changes), 'change')} of {settings.env}{when}"
    text = f"{counted}, {new} new, {_count(len(exceptions), 'exception')} ({reason})"
    failing = _failing(settings.fail_on, exceptions)
    failed = bool(failing)
    names = ", ".join(sorted({entry["exception"] for entry in failing}))
    error = ExceptionsFoundError(f"{_count(len(failing), 'exception')} in {counted}: {names}")
    return Outcome(
        outputs={
            "changes": len(view.changes),
            "new": new,
            "exceptions": exceptions[:MOST_SHOWN],
            "head": chain.head,
            "jsonl": f"{folder}/{RECORDS}",
            "csv": f"{folder}/{TABLE}",
            "html": f"{folder}/{PAGE}",
            "reason": error.reason if failed else reason,
        },
        notice=text,
        summary=_summary(settings, view, chain, text),
        errors=(error,) if failed else (),
    )


def _failing(fail_on: FailOn, exceptions: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Return the exceptions that fail the run."""
    if fail_on is FailOn.UNANSWERED:
        return unanswered(exceptions)
    return exceptions if fail_on is FailOn.ALL else ()


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _summary(settings: Settings, view: View, chain: Chain, text: str) -> str:
    rows = [
        [f"`{entry['commit'][:12]}`", entry["exception"], escape(entry["detail"]), escape(answer_to(entry))]
        for entry in view.exceptions[:MOST_SHOWN]
    ]
    answered = any(row[-1] for row in rows)
    heads = ("commit", "exception", "detail", *(("answer",) if answered else ()))
    listed = f"\n{markdown.table(heads, [row[: len(heads)] for row in rows])}" if rows else ""
    mark = "❌" if unanswered(view.exceptions) else "✅"
    return (
        f"### {mark} Evidence of {escape(settings.env)} of {escape(settings.infra_repo)}\n\n"
        f"{escape(text)}\n{listed}"
        f"\n{_count(len(chain.records), 'record')}; the SHA-256 of the last one is `{chain.head}`.\n"
    )
