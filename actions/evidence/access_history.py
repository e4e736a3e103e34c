"""Tell how the access that was recorded changed from one record to the next."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from actions.evidence.access import Access, AccessKind, AccessPart

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from actions.evidence.records import Record

    Key = tuple[str, AccessKind]
    Parts = Mapping[Key, AccessPart]

NONE = "none"


def access_history(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Return the access of each of *records*, when it was seen, and how it differs from what was seen before."""
    found: list[dict[str, Any]] = []
    before: Parts = {}
    seen: Parts = {}
    for record in records:
        state: Access = record.facts
        now = _parts(state, before)
        changes = list(_changes(before, seen, now)) if found else []
        parts = [asdict(part) for part in state.parts]
        seen = {key: _last_seen(seen.get(key, _nothing(key)), part) for key, part in now.items()} if found else now
        before = now
        found.append({"record": "access", "at": record.collected.at, "parts": parts, "changes": changes})
    return found


def in_words(seen: Mapping[str, Any]) -> str:
    """Return what changed until an access was *seen*, as one line."""
    changed = [f"{_thing(each)} {each['before']} → {each['after']}" for each in seen["changes"]]
    return f"seen {seen['at']}: {'; '.join(changed) or 'first record'}"


def _thing(change: Mapping[str, str]) -> str:
    return " ".join(filter(None, (change["where"], change["kind"], change["who"])))


def _parts(access: Access, before: Parts) -> Parts:
    """Return the parts of *access*, empty ones for those that it has not and that were there *before*."""
    return {key: _nothing(key) for key in before} | {(part.where, part.kind): part for part in access.parts}


def _nothing(key: Key) -> AccessPart:
    return AccessPart(where=key[0], kind=key[1], holders={})


def _last_seen(before: AccessPart, now: AccessPart) -> AccessPart:
    """Return what is known of a part: of who is out of sight *now*, what was known *before*."""
    if not now.lacks:
        return now
    return replace(before, holders=dict(sorted({**before.holders, **now.holders}.items())))


def _changes(before: Parts, seen: Parts, after: Parts) -> Iterator[dict[str, str]]:
    """Yield what differs, by where and kind; who is out of sight has lost nothing that is known.

    *before* is how much the last record shows, and *seen* who was there when somebody last saw it: who came while a
    part was out of sight came.
    """
    for key, now in sorted(after.items()):
        shown, was = before.get(key, _nothing(key)), seen.get(key, _nothing(key))
        named = {"where": now.where, "kind": now.kind}
        if shown.lacks != now.lacks:
            yield {**named, "who": "", "before": _seen(shown), "after": _seen(now)}
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
