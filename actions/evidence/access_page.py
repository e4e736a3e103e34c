"""Show who could change the environment: at the start, at the end, and what changed between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actions.evidence.access_history import NONE
from actions.evidence.html import as_text, table, when

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


def access_report(seen: Sequence[Mapping[str, Any]], environment: str) -> str:
    """Return tables of who could change *environment* when it was first and last *seen*; "" if it never was."""
    if not seen:
        return ""
    first, last = seen[0], seen[-1]
    caption = f"As recorded {when(first['at'])} (start) and {when(last['at'])} (end); recorded whenever it differs"
    rows = [
        (
            f"{when(each['at'])}",
            change["where"],
            change["kind"],
            change["who"] or "–",
            change["before"],
            change["after"],
        )
        for each in seen[1:]
        for change in each["changes"]
    ]
    heads = ("seen", "where", "by", "who or what", "before", "after")
    return "\n".join(
        [
            f"<h2>Who could change {as_text(environment)}</h2>",
            table(caption, ("where", "by", "who or what", "at the start", "at the end"), list(_rows(first, last))),
            table("What changed between", heads, rows) if rows else "<p>Nothing changed between.</p>",
        ]
    )


def _rows(first: Mapping[str, Any], last: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    start, end = ({(part["where"], part["kind"]): part for part in each["parts"]} for each in (first, last))
    for key in sorted({*start, *end}):
        was, now = start.get(key), end.get(key)
        holders = sorted({*(was["holders"] if was else ()), *(now["holders"] if now else ())})
        for who in holders:
            yield (*key, who, _state(was, who), _state(now, who))
        if (was and was["lacks"]) or (now and now["lacks"]) or not holders:
            yield (*key, "all others" if holders else "–", _state(was, ""), _state(now, ""))


def _state(part: Mapping[str, Any] | None, who: str) -> str:
    """Return what *who* may do; unknown if the token that looked lacked a permission."""
    if not part:
        return "not looked at"
    found = part["holders"].get(who)
    return str(found) if found else f"unknown, needs '{part['lacks']}'" if part["lacks"] else NONE
