"""Read from when to when issues held an environment, and who lifted the holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from actions.api.client import next_cursor, query
from actions.app.facts import Unknown
from actions.errors import AccessError
from actions.evidence.facts import LiftedHold
from actions.evidence.timestamps import utc_text
from actions.gates.approval import login
from actions.gates.facts import Hold
from actions.gates.holds import LABELS_PER_QUERY, PERMISSION, label

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from actions.api.client import Client

ISSUES_PER_PAGE = 50
MOST_PAGES = 40
LOGIN = "{ login __typename }"
LABELED, UNLABELED, CLOSED, REOPENED = "LabeledEvent", "UnlabeledEvent", "ClosedEvent", "ReopenedEvent"
LABELS, STATES = (LABELED, UNLABELED), (CLOSED, REOPENED)
PAGE = "pageInfo { hasNextPage endCursor }"
EVENTS = f"""timelineItems(first: 100,%s itemTypes: [LABELED_EVENT, UNLABELED_EVENT, CLOSED_EVENT, REOPENED_EVENT]) {{
    {PAGE} nodes {{ __typename
    ... on LabeledEvent {{ createdAt label {{ name }} }}
    ... on UnlabeledEvent {{ createdAt actor {LOGIN} label {{ name }} }}
    ... on ClosedEvent {{ createdAt actor {LOGIN} }}
    ... on ReopenedEvent {{ createdAt }} }} }}"""
ISSUES = f"""issues(first: {ISSUES_PER_PAGE}, after: $%s,%s orderBy: {{field: UPDATED_AT, direction: DESC}}) {{
    {PAGE} nodes {{ number title createdAt updatedAt author {LOGIN} {EVENTS % ""} }} }}"""
MORE_EVENTS = query(
    variables={"number": "Int!", "cursor": "String"},
    fields=f"issue(number: $number) {{ {EVENTS % ' after: $cursor,'} }}",
)
# An issue that lost its label is not listed by it any more, so those that changed last are read too.
ANY = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldPeriod:
    """An issue with the *label* was a *hold* until the moment *until*; None means that it still is."""

    hold: Hold
    label: str
    until: datetime | None
    lifted_by: str

    def holds_at(self, moment: datetime) -> bool:
        """Tell whether it held at *moment*."""
        return self.hold.since <= moment and (self.until is None or moment < self.until)


@dataclass(slots=True)
class IssueList:
    """The *issues* that changed after the moment *since*, by their numbers (None: none are read yet, "": all are)."""

    issues: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    since: str | None = None
    cursor: str | None = None
    pages: int = 0

    def has_all(self, since: str) -> bool:
        """Tell whether it has all that changed at the moment *since* ("": ever) or later."""
        return self.since == "" or (self.since is not None and self.since < since)

    def take(self, page: Mapping[str, Any]) -> None:
        """Add the next *page* of the list."""
        self.issues |= {issue["number"]: issue for issue in page["nodes"]}
        self.cursor = next_cursor(page["pageInfo"], self.cursor)
        self.since = page["nodes"][-1]["updatedAt"] if self.cursor else ""
        self.pages += 1


@dataclass(frozen=True)
class HoldHistory:
    """The holds of the environment *env* in *infra*; each issue is read once."""

    infra: Client
    env: str
    _lists: dict[str, IssueList] = field(default_factory=dict, repr=False)

    def at(self, moment: datetime, service: str) -> tuple[Hold, ...] | Unknown:
        """Return the issues that held *service* at *moment*."""
        names = (label(self.env), label(self.env, service))
        try:
            is_whole = self._read(names, utc_text(moment.isoformat()))
        except AccessError as error:
            return Unknown(f"which issues held it: {error}")
        if not is_whole:
            return Unknown(f"which issues held it: more than {ISSUES_PER_PAGE * MOST_PAGES} have changed since")
        return tuple(period.hold for name in names for period in self._periods(name) if period.holds_at(moment))

    def lifted(self, services: Iterable[str], since: str = "") -> list[LiftedHold]:
        """Return the holds of the environment and of *services* that somebody lifted, the first one first.

        They are all that were lifted *since* a moment ("": ever), and some that were lifted before, unless more issues
        have changed since than are read.
        """
        names = [label(self.env), *(label(self.env, service) for service in services)]
        self._read(names, since)
        found = [
            LiftedHold(
                number=period.hold.number,
                title=period.hold.title,
                label=period.label,
                by=period.hold.by,
                since=utc_text(period.hold.since.isoformat()),
                lifted_by=period.lifted_by,
                lifted_at=utc_text(period.until.isoformat()),
            )
            for name in names
            for period in self._periods(name)
            if period.until
        ]
        return sorted(found, key=lambda hold: (hold.lifted_at, hold.number, hold.label))

    def _read(self, names: Iterable[str], since: str) -> bool:
        """Read the issues with the labels *names* and those that changed *since* a moment; tell if these are all."""
        lists = {name: self._lists.setdefault(name, IssueList()) for name in (ANY, *names)}
        while missing := [name for name, each in lists.items() if not each.has_all("" if name else since)]:
            wanted = [name for name in missing if lists[name].pages < MOST_PAGES]
            if not wanted:
                return False
            for start in range(0, len(wanted), LABELS_PER_QUERY):
                self._read_on(wanted[start : start + LABELS_PER_QUERY])
        return True

    def _read_on(self, names: Sequence[str]) -> None:
        """Read the next page of the lists of *names*."""
        aliases = {f"i{index}": name for index, name in enumerate(names)}
        fields = " ".join(
            f"{alias}: {ISSUES % (f'c{alias}', f' labels: $l{alias},' if name else '')}"
            for alias, name in aliases.items()
        )
        labels = {f"l{alias}": [name] for alias, name in aliases.items() if name}
        cursors = {f"c{alias}": self._lists[name].cursor for alias, name in aliases.items()}
        declared = dict.fromkeys(labels, "[String!]") | dict.fromkeys(cursors, "String")
        document = query(variables=declared, fields=fields)
        answer = self.infra.repository(document, {**labels, **cursors}, permission=PERMISSION)
        with self.infra.parsing():
            for alias, name in aliases.items():
                for issue in answer[alias]["nodes"]:
                    self._read_events(issue)
                self._lists[name].take(answer[alias])

    def _read_events(self, issue: Mapping[str, Any]) -> None:
        """Add the events of *issue* that are on further pages."""
        events = issue["timelineItems"]
        cursor = next_cursor(events["pageInfo"], None)
        while cursor:
            variables = {"number": issue["number"], "cursor": cursor}
            page = self.infra.repository(MORE_EVENTS, variables, permission=PERMISSION)["issue"]["timelineItems"]
            events["nodes"] += page["nodes"]
            cursor = next_cursor(page["pageInfo"], cursor)

    def _periods(self, name: str) -> Iterator[HeldPeriod]:
        """Yield when the issues that were read held what the label *name* says."""
        labeled = self._lists[name].issues
        for issue in labeled.values():
            yield from _periods(issue, name, is_labeled=True)
        for number, issue in self._lists[ANY].issues.items():
            if number not in labeled:
                yield from _periods(issue, name, is_labeled=False)


def _periods(issue: Mapping[str, Any], name: str, *, is_labeled: bool) -> list[HeldPeriod]:
    """Return when *issue* held what the label *name* says: while it was open and had the label.

    *is_labeled* means that it has the label now.
    """
    events = [event for event in issue["timelineItems"]["nodes"] if event and _concerns(event, name)]
    kinds = [event["__typename"] for event in events]
    first = next((kind for kind in kinds if kind in LABELS), UNLABELED if is_labeled else LABELED)
    labeled, is_open = first == UNLABELED, True
    since: str | None = issue["createdAt"] if labeled else None
    found = []
    for event, kind in zip(events, kinds, strict=True):
        labeled = kind == LABELED if kind in LABELS else labeled
        is_open = kind == REOPENED if kind in STATES else is_open
        if labeled and is_open:
            since = since or event["createdAt"]
        elif since:
            found.append(_period(issue, name, since, event))
            since = None
    return [*found, *([_period(issue, name, since, None)] if since else [])]


def _concerns(event: Mapping[str, Any], name: str) -> bool:
    """Tell whether *event* is of the issue itself or of its label *name*."""
    return event["__typename"] in STATES or event["label"]["name"].casefold() == name.casefold()


def _period(issue: Mapping[str, Any], name: str, since: str, lifted: Mapping[str, Any] | None) -> HeldPeriod:
    hold = Hold(
        number=issue["number"],
        title=issue["title"],
        by=login(issue["author"]),
        since=datetime.fromisoformat(since),
    )
    until = datetime.fromisoformat(lifted["createdAt"]) if lifted else None
    return HeldPeriod(hold=hold, label=name, until=until, lifted_by=login(lifted["actor"]) if lifted else "")
