"""Tell how the access that was recorded changed from one record to the next."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from actions.evidence.access import Access, AccessPart

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from actions.evidence.records import Record

NONE = "none"


def access_history(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Return the access of each of *records*, when it was seen, and how it differs from the one before."""
    states: list[Access] = [record.facts for record in records]
    return [
        {
            "record": "access",
            "at": record.collected.at,
            "parts": [asdict(part) for part in state.parts],
            "changes": list(_changes(before, state)) if before else [],
        }
        for record, state, before in zip(records, states, [None, *states], strict=False)
    ]


def in_words(seen: Mapping[str, Any]) -> str:
    """Return what changed until an access was *seen*, as one line."""
    changed = [f"{_thing(each)} {each['before']} → {each['after']}" for each in seen["changes"]]
    return f"seen {seen['at']}: {'; '.join(changed) or 'first record'}"


def _thing(change: Mapping[str, str]) -> str:
    return " ".join(filter(None, (change["where"], change["kind"], change["who"])))


def _changes(before: Access, after: Access) -> Iterator[dict[str, str]]:
    """Yield what differs, by where and kind; who is out of sight has lost nothing that is known."""
    old, new = ({(part.where, part.kind): part for part in access.parts} for access in (before, after))
    for where, kind in sorted({*old, *new}):
        nothing = AccessPart(where=where, kind=kind, holders={})
        was, now = old.get((where, kind), nothing), new.get((where, kind), nothing)
        named = {"where": where, "kind": kind}
        if was.lacks != now.lacks:
            yield {**named, "who": "", "before": _seen(was), "after": _seen(now)}
        for who in sorted({*was.holders, *now.holders}):
            hidden = (was.lacks and who not in was.holders) or (now.lacks and who not in now.holders)
            if not hidden and was.holders.get(who) != now.holders.get(who):
                yield {
                    **named,
                    "who": who,
                    "before": was.holders.get(who, NONE),
                    "after": now.holders.get(who, NONE),
                }


def _seen(part: AccessPart) -> str:
    return f"unknown, needs '{part.lacks}'" if part.lacks else "seen"
