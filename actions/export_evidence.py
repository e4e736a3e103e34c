"""action-export-evidence: who wrote, approved, merged and deployed what changed an environment, by which rules."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from actions.clock import Clock
from actions.config import PATH, REPOSITORY
from actions.errors import (
    ConflictError,
    EnvFileError,
    ExceptionsFoundError,
    GitHubError,
    InputError,
    NotRecordedError,
    TamperedError,
)
from actions.event import Event
from actions.evidence import ledger
from actions.evidence.chain import Chain, whole_lines
from actions.evidence.collector import BATCH, Collector
from actions.evidence.ledger import Ledger
from actions.evidence.nodes import earlier
from actions.evidence.page import page
from actions.evidence.period import FIRST, LAST, Period
from actions.evidence.rules_source import RulesSource
from actions.evidence.source import InfraSource
from actions.evidence.store import PAGE, RECORDS, TABLE, Store, open_store
from actions.evidence.table import table
from actions.layout import require_folder, require_name, unknown_env
from actions.retry import persist
from actions.runtime import Inputs, Outcome, event_payload, markdown, run, say, workspace_root

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from actions.repository import Base


UNSET = {"changes": 0, "new": 0, "exceptions": [], "head": "", "jsonl": "", "csv": "", "html": ""}
FAILURES = (InputError, EnvFileError, ConflictError, GitHubError, TamperedError, NotRecordedError, ExceptionsFoundError)
KEPT_EVERY = 500
# A deployment may wait for an approval for as long (docs.github.com, "Reviewing deployments").
LONGEST_DEPLOYMENT = timedelta(days=30)
MOST_SHOWN = 50
DAY = re.compile(r"\d{4}-\d\d-\d\d")


class Reason(StrEnum):
    """How the run ends well."""

    EXPORTED = "exported"
    UP_TO_DATE = "up-to-date"
    VERIFIED = "verified"
    REPORTED = "reported"


class Mode(StrEnum):
    """Whether evidence is added, looked at, or read for a period."""

    EXPORT = "export"
    VERIFY = "verify"
    REPORT = "report"


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The inputs of the action."""

    mode: Mode
    env: str
    infra_repo: str
    envs_dir: str
    app_repo: str
    period: Period
    output_dir: str
    branch: str
    head: str
    fail_on_exceptions: bool
    timeout: int
    token: str = field(repr=False)
    app_token: str = field(repr=False)
    branch_token: str = field(repr=False)

    @classmethod
    def read(cls, inputs: Inputs, repository: str) -> Settings:
        """Read the inputs, where *repository* is the one the run is in; raise InputError if one cannot be used."""
        token = inputs.secret("token")
        tokens = {name: inputs.secret(name) if inputs.text(name) else token for name in ("app-token", "branch-token")}
        repositories = {name: inputs.text(name) or repository for name in ("infra-repo", "app-repo")}
        for name, value in repositories.items():
            if not REPOSITORY.fullmatch(value):
                raise InputError(f"input {name} is {value[:200]!r}; write it as owner/name")
        mode = inputs.choice("mode", Mode)
        return cls(
            mode=mode,
            env=require_name("an environment", inputs.required("env")),
            infra_repo=repositories["infra-repo"],
            envs_dir=inputs.required("envs-dir"),
            app_repo=repositories["app-repo"],
            period=_period(inputs.text("since"), inputs.text("until"), mode),
            output_dir=str(require_folder("output-dir", inputs.required("output-dir"))),
            branch=inputs.branch("branch"),
            head=inputs.text("head"),
            fail_on_exceptions=inputs.flag("fail-on-exceptions"),
            timeout=inputs.seconds("timeout"),
            token=token,
            app_token=tokens["app-token"],
            branch_token=tokens["branch-token"],
        )


def main(clock: Clock | None = None) -> int:
    """Run the action and return its exit code."""
    return run(lambda: _act(clock or Clock()), unset=UNSET)


def _act(clock: Clock) -> Outcome:
    event = Event.read(os.environ, event_payload())
    settings = Settings.read(Inputs(), event.repository)
    keeper = InfraSource(settings.infra_repo, settings.branch_token)
    store = open_store(workspace_root(), settings.output_dir, keeper, settings.branch)
    if settings.mode is Mode.VERIFY:
        return _verified(settings, store, clock)
    if settings.mode is Mode.REPORT:
        return _reported(settings, store, clock)
    return persist(lambda: _exported(settings, store, clock), timeout=settings.timeout, clock=clock)


def _verified(settings: Settings, store: Store, clock: Clock) -> Outcome:
    _, chain = _kept(settings, store, clock)
    return _outcome(settings, Ledger.of(chain.records), chain, 0, Reason.VERIFIED)


def _reported(settings: Settings, store: Store, clock: Clock) -> Outcome:
    """Write the table and the page of a period of what is kept; all records are beside them, to be verified."""
    content, chain = _kept(settings, store, clock)
    now = datetime.fromtimestamp(clock.wall(), UTC)
    whole = Ledger.of(chain.records)
    _require_same(settings, whole.begins)
    if settings.period.since >= now:
        raise InputError(f"the period {settings.period} has not begun")
    persist(lambda: _require_all(settings, whole, now), timeout=settings.timeout, clock=clock)
    found = settings.period.of(whole)
    store.begin(content)
    store.show(table(found), page(whole, chain, now, settings.period))
    return _outcome(settings, found, chain, 0, Reason.REPORTED)


def _require_all(settings: Settings, whole: Ledger, now: datetime) -> None:
    """Raise NotRecordedError if the branch has changes that are not recorded: a report without them would be wrong."""
    infra, branch = InfraSource(settings.infra_repo, settings.token), str(whole.begins["branch"])
    head = infra.branches(branch).get(branch)
    if not head:
        raise ConflictError(f"{infra.name} has no branch '{branch}'")
    said = (infra.files_at(head, [PATH]) or {}).get(PATH, "")
    collector = _collector(settings, infra, branch, whole.begins, now)
    recorded = {change["commit"]["sha"] for change in whole.changes}
    new = collector.are_changes([sha for sha in collector.population(said) if sha not in recorded])
    if new:
        named = ", ".join(sha[:12] for sha in new[:MOST_SHOWN])
        raise NotRecordedError(
            f"{_count(len(new), 'change')} of {settings.env} not recorded yet: {named}; run it with mode export first"
        )


def _collector(
    settings: Settings, infra: InfraSource, branch: str, begins: Mapping[str, Any], now: datetime
) -> Collector:
    return Collector(
        infra=infra,
        rules=RulesSource(infra.name, infra.token, of=branch),
        envs_dir=settings.envs_dir,
        env=settings.env,
        branch=branch,
        begins=str(begins.get("after", "")),
        now=now,
        app_repo=settings.app_repo,
        app_token=settings.app_token,
    )


def _kept(settings: Settings, store: Store, clock: Clock) -> tuple[bytes, Chain]:
    """Return the records that are kept; raise InputError if there are none, TamperedError if they were changed."""
    content = persist(store.read, timeout=settings.timeout, clock=clock)
    if not content:
        raise InputError(f"there is no {settings.output_dir}/{RECORDS} to {settings.mode}")
    chain = Chain.read(content)
    chain.require(settings.head)
    return content, chain


def _exported(settings: Settings, store: Store, clock: Clock) -> Outcome:
    content = whole_lines(store.read())
    chain = Chain.read(content)
    chain.require(settings.head)
    store.begin(content)
    now = datetime.fromtimestamp(clock.wall(), UTC)
    collected = {
        "at": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "run": os.environ.get("GITHUB_RUN_ID", ""),
        "attempt": os.environ.get("GITHUB_RUN_ATTEMPT", ""),
    }
    export = _Export(settings, store, chain, now, collected)
    try:
        export.collect()
    finally:
        export.show()
        if export.added:
            store.keep(f"Evidence of {settings.env}: {export.added} records")
    found = Ledger.of(export.chain.records)
    return _outcome(
        settings, found, export.chain, export.changes, Reason.EXPORTED if export.added else Reason.UP_TO_DATE
    )


class _Export:
    """One export: what is there already, and what this run adds."""

    def __init__(
        self, settings: Settings, store: Store, chain: Chain, now: datetime, collected: Mapping[str, str]
    ) -> None:
        self._settings = settings
        self._store = store
        self._now = now
        self._collected = collected
        self.chain = chain
        self.added = 0
        self.changes = 0

    def collect(self) -> None:
        """Add what is new to the records."""
        begins = Ledger.of(self.chain.records).begins
        if begins:
            _require_same(self._settings, begins)
        infra = InfraSource(self._settings.infra_repo, self._settings.token)
        base = infra.base(str(begins.get("branch", "")), [PATH])
        collector = _collector(self._settings, infra, base.branch, begins, self._now)
        if not begins:
            since = self._settings.period.since
            collector.begin(since.isoformat().replace("+00:00", "Z") if since > FIRST else "")
        population = collector.population(base.files.get(PATH, ""))
        if not begins:
            self._begin(infra, base, collector)
        known = Ledger.of(self.chain.records)
        moves = (move for change in known.changes for move in change["moves"])
        collector.last_tags |= {move["service"]: move["after"] or move["before"] for move in moves}
        recorded = {change["commit"]["sha"] for change in known.changes}
        new = [sha for sha in population if sha not in recorded]
        since_last = self.chain.records[-1]["collected"]["at"]
        moments = [population[sha] for sha in new] + [change["commit"]["at"] for change in known.waiting]
        collector.look(min([earlier(since_last, LONGEST_DEPLOYMENT), *moments]))
        self._amend(collector, known)
        self._add_changes(collector, new, known)
        self._add_strays(collector, base, known)

    def _begin(self, infra: InfraSource, base: Base, collector: Collector) -> None:
        """Add the first record; raise UnknownEnvError if there never was such an environment."""
        env = self._settings.env
        if not collector.is_known:
            layout = collector.layout(base.files.get(PATH, ""))
            raise unknown_env(env, layout, layout.envs(infra.paths(base.head)))
        server = os.environ.get("GITHUB_SERVER_URL", "https://github.com")
        self._add([ledger.start(server, infra.name, env, base.branch, collector.begins, self._collected)])

    def show(self) -> None:
        """Write what is made of the records, if there are any."""
        found = Ledger.of(self.chain.records)
        if found.begins:
            self._store.show(table(found), page(found, self.chain, self._now, Period()))

    def _add_strays(self, collector: Collector, base: Base, known: Ledger) -> None:
        """Add what is no change: stray deployments, rewrites of the branch, and tags that no change explains."""
        seen = {(record["record"], record["id"]) for record in known.strays}
        strays = [each for each in collector.strays() if ("deployment", each.number) not in seen]
        self._add([ledger.stray(each, base.branch, self._collected) for each in strays])
        rewrites = [each for each in collector.rewrites() if ("rewrite", each.id) not in seen]
        self._add([ledger.rewritten(each, base.branch, self._collected) for each in rewrites])
        changes = Ledger.of(self.chain.records).changes
        if changes:
            self._add_gap(changes[-1]["tags"], collector.tags_now(base.head), base.head)

    def _add_gap(self, expected: Mapping[str, str], found: Mapping[str, str], sha: str) -> None:
        """Add that the tags are not those that the changes before *sha* led to; once, as long as it stays so."""
        record = ledger.gap(sha, expected, found, self._collected)
        gaps = [each for each in self.chain.records if each["record"] == "gap"]
        if expected != found and (not gaps or gaps[-1]["exceptions"] != record["exceptions"]):
            self._add([record])

    def _add_changes(self, collector: Collector, new: Sequence[str], known: Ledger) -> None:
        done = 0
        tags: Mapping[str, str] | None = known.changes[-1]["tags"] if known.changes else None
        for batch in collector.changes(new):
            for change in batch:
                if tags is not None:
                    self._add_gap(tags, change.tags_before, change.commit.sha)
                tags = change.tags
            self._add([ledger.record_of(change, self._collected) for change in batch])
            self.changes += len(batch)
            done = min(done + BATCH, len(new))
            say(f"{done} of {len(new)} changes")
            if done % KEPT_EVERY == 0:
                self._store.keep(f"Evidence of {self._settings.env}: {self.added} records")

    def _amend(self, collector: Collector, known: Ledger) -> None:
        """Add what was learned of changes that are recorded already."""
        for change in known.waiting:
            more, missing = collector.deployments_of(change["commit"]["sha"], change["undeployed"])
            if more:
                self._add([ledger.deployed_later(change, more, missing, self._collected)])
        reviewed = [c["commit"]["sha"] for c in known.waiting if c["emergency"] and not c["later_review"]]
        for batch in collector.changes(reviewed):
            reviews = {change.commit.sha: ledger.later_review(change) for change in batch}
            self._add(
                ledger.reviewed_later(change, review, self._collected)
                for change in known.waiting
                if (review := reviews.get(change["commit"]["sha"]))
            )

    def _add(self, records: Iterable[Mapping[str, Any]]) -> None:
        self.chain, lines = self.chain.with_records(records)
        self._store.append(lines)
        self.added += lines.count(b"\n")


def _require_same(settings: Settings, begins: Mapping[str, Any]) -> None:
    """Raise InputError if the records that are kept are of another environment than the one that was asked for."""
    there, asked = (begins["repository"], begins["environment"]), (settings.infra_repo, settings.env)
    if there != asked:
        raise InputError(
            f"{settings.output_dir}/{RECORDS} is of {there[1]} of {there[0]}, not of {asked[1]} of {asked[0]}"
        )


def _period(since: str, until: str, mode: Mode) -> Period:
    """Return the period that two inputs say; raise InputError if they say none."""
    if until and mode is not Mode.REPORT:
        raise InputError(f"input until is for mode report, not for {mode}: records are kept of everything")
    found = Period(
        since=_moment("since", since) if since else FIRST,
        until=_moment("until", until, whole_day=True) if until else LAST,
    )
    if found.since >= found.until:
        raise InputError(f"input until is {until!r}, which is not after since, {since!r}")
    return found


def _moment(name: str, text: str, *, whole_day: bool = False) -> datetime:
    """Return the moment that an input says; where it says a day, its beginning, or the end of the *whole_day*."""
    try:
        found = datetime.fromisoformat(text if DAY.match(text) else "")
        aware = (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
        return aware + timedelta(days=1) if whole_day and DAY.fullmatch(text) else aware
    except (ValueError, OverflowError) as error:
        raise InputError(f"input {name} is {text[:200]!r}; write it like 2026-01-01 or 2026-01-01T00:00:00Z") from error


def _outcome(settings: Settings, found: Ledger, chain: Chain, new: int, reason: Reason) -> Outcome:
    exceptions = found.exceptions
    when = f" {settings.period}" if settings.mode is Mode.REPORT and settings.period != Period() else ""
    folder, counted = settings.output_dir, f"{_count(len(found.changes), 'change')} of {settings.env}{when}"
    text = f"{counted}, {new} new, {_count(len(exceptions), 'exception')} ({reason})"
    failed = bool(exceptions) and settings.fail_on_exceptions
    names = ", ".join(sorted({each["exception"] for each in exceptions}))
    return Outcome(
        outputs={
            "changes": len(found.changes),
            "new": new,
            "exceptions": exceptions[:MOST_SHOWN],
            "head": chain.head,
            "jsonl": f"{folder}/{RECORDS}",
            "csv": f"{folder}/{TABLE}",
            "html": f"{folder}/{PAGE}",
            "reason": ExceptionsFoundError.reason if failed else reason,
        },
        notice=text,
        summary=_summary(settings, found, chain, text),
        errors=(ExceptionsFoundError(f"{_count(len(exceptions), 'exception')} in {counted}: {names}"),)
        if failed
        else (),
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _summary(settings: Settings, found: Ledger, chain: Chain, text: str) -> str:
    rows = "".join(
        f"| `{each['commit'][:12]}` | {each['exception']} | {markdown(each['detail'])} |\n"
        for each in found.exceptions[:MOST_SHOWN]
    )
    listed = f"\n| change | exception | what it is about |\n|---|---|---|\n{rows}" if rows else ""
    mark = "❌" if found.exceptions else "✅"
    return (
        f"### {mark} Evidence of {markdown(settings.env)} of {markdown(settings.infra_repo)}\n\n"
        f"{markdown(text)}\n{listed}"
        f"\nThe last of {_count(len(chain.records), 'record')} has the SHA-256 `{chain.head}`.\n"
    )
