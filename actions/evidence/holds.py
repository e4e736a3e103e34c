"""Read from when to when issues held an environment, and who lifted the holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from actions.api.client import query
from actions.app.facts import Unknown
from actions.errors import AccessError
from actions.evidence.facts import LiftedHold
from actions.evidence.timestamps import utc_text
from actions.gates.approval import login
from actions.gates.facts import Hold
from actions.gates.holds import LABELS_PER_QUERY, PERMISSION, label

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from actions.api.client import Client

# A hold that nobody has touched since this many others is in the records already.
MOST_ISSUES = 50
LOGIN = "{ login __typename }"
LABELED, UNLABELED, CLOSED, REOPENED = "LabeledEvent", "UnlabeledEvent", "ClosedEvent", "ReopenedEvent"
LABELS, STATES = (LABELED, UNLABELED), (CLOSED, REOPENED)
ISSUES = f"""issues(first: {MOST_ISSUES},%s orderBy: {{field: UPDATED_AT, direction: DESC}}) {{ nodes {{
    number title createdAt author {LOGIN}
    timelineItems(first: 100, itemTypes: [LABELED_EVENT, UNLABELED_EVENT, CLOSED_EVENT, REOPENED_EVENT]) {{
        nodes {{ __typename
        ... on LabeledEvent {{ createdAt label {{ name }} }}
        ... on UnlabeledEvent {{ createdAt actor {LOGIN} label {{ name }} }}
        ... on ClosedEvent {{ createdAt actor {LOGIN} }}
        ... on ReopenedEvent {{ createdAt }} }} }} }} }}"""
# An issue that lost its label is not listed by it any more.
RECENT = f"recent: {ISSUES % ''}"


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


@dataclass(frozen=True)
class HoldHistory:
    """The holds of the environment *env* in *infra*; each label is read once."""

    infra: Client
    env: str
    _known: dict[str, tuple[HeldPeriod, ...]] = field(default_factory=dict, repr=False)

    def at(self, moment: datetime, service: str) -> tuple[Hold, ...] | Unknown:
        """Return the issues that held *service* at *moment*."""
        names = (label(self.env), label(self.env, service))
        try:
            self._read(names)
        except AccessError as error:
            return Unknown(f"which issues held it: {error}")
        return tuple(period.hold for name in names for period in self._known[name] if period.holds_at(moment))

    def lifted(self, services: Iterable[str]) -> list[LiftedHold]:
        """Return the holds of the environment and of *services* that somebody lifted, the first one first."""
        names = [label(self.env), *(label(self.env, service) for service in services)]
        self._read(names)
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
            for period in self._known[name]
            if period.until
        ]
        return sorted(found, key=lambda hold: (hold.lifted_at, hold.number, hold.label))

    def _read(self, names: Sequence[str]) -> None:
        new = [name for name in dict.fromkeys(names) if name not in self._known]
        for start in range(0, len(new), LABELS_PER_QUERY):
            batch = {f"i{index}": name for index, name in enumerate(new[start : start + LABELS_PER_QUERY])}
            fields = " ".join(f"{alias}: {ISSUES % f' labels: ${alias},'}" for alias in batch)
            document = query(variables=dict.fromkeys(batch, "[String!]"), fields=f"{RECENT} {fields}")
            variables: dict[str, object] = {alias: [name] for alias, name in batch.items()}
            answer = self.infra.repository(document, variables, permission=PERMISSION)
            recent = {issue["number"]: issue for issue in answer["recent"]["nodes"]}
            for alias, name in batch.items():
                labeled = {issue["number"]: issue for issue in answer[alias]["nodes"]}
                self._known[name] = (
                    *(period for issue in labeled.values() for period in _periods(issue, name, is_labeled=True)),
                    *(
                        period
                        for number, issue in recent.items()
                        if number not in labeled
                        for period in _periods(issue, name, is_labeled=False)
                    ),
                )


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
