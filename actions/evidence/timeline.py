"""Which version ran when, as a picture (SVG) that says the same in words to those who do not see it."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from actions.evidence.metrics import ran
from actions.tags import short

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from actions.evidence.metrics import Ran

WIDTH, LEFT, LANE, BAR, TOP = 1080, 130, 52, 30, 26
TICKS = 6
CHARACTER = 7.2
FILLS = {"first": "#8c959f", "update": "#0969da", "settings": "#0969da", "rollback": "#bf8700", "hotfix": "#cf222e"}
LEGEND = (("update", "update"), ("rollback", "rollback"), ("hotfix", "hotfix"), ("first", "first"))
FORMATS = ((2, "%H:%M:%S"), (60 * 24 * 3, "%a %H:%M"), (float("inf"), "%Y-%m-%d"))


def timeline(changes: Sequence[Mapping[str, Any]], since: datetime, until: datetime) -> str:
    """Return the picture of what ran *since* then and *until* then, "" if nothing did."""
    found = [each for each in ran(changes) if each.since < until and (not each.until or each.until > since)]
    if not found:
        return ""
    services = list(dict.fromkeys(each.service for each in found))
    start = max(since, min(each.since for each in found))
    scale = (WIDTH - LEFT - 10) / max((until - start).total_seconds(), 1)
    height = TOP + LANE * len(services) + 40
    lanes = "".join(
        f"<text x=0 y={TOP + LANE * row + BAR / 2 + 4}>{escape(service[:18])}</text>"
        for row, service in enumerate(services)
    )
    bars = "".join(_bar(each, services.index(each.service), start, until, scale) for each in found)
    words = "; ".join(f"{each.service} {short(each.tag)} from {each.since:%Y-%m-%d %H:%M}" for each in found[-20:])
    return (
        "<h2>What ran when</h2>\n<figure>"
        f'<svg viewBox="0 0 {WIDTH} {height}" width="100%" role="img" aria-labelledby="tt td">'
        f"<title id=tt>Versions over time</title><desc id=td>{escape(words)}</desc>"
        f"{_axis(start, until, scale, height)}{lanes}{bars}{_legend(height)}</svg></figure>"
    )


def _bar(each: Ran, row: int, start: datetime, end: datetime, scale: float) -> str:
    begins, ends = max(each.since, start), min(each.until or end, end)
    x = LEFT + (begins - start).total_seconds() * scale
    width = max((ends - begins).total_seconds() * scale, 2)
    y = TOP + LANE * row
    fits = width > len(short(each.tag)) * CHARACTER + 8
    text = f'<text x={x + 5:.1f} y={y + BAR / 2 + 4} fill="#fff">{escape(short(each.tag))}</text>' if fits else ""
    said = escape(f"{each.service} {short(each.tag)}, {each.change['kind']}, since {each.since:%Y-%m-%d %H:%M} UTC")
    fill = FILLS[each.change["kind"]]
    edge = "#cf222e" if each.change["exceptions"] else "#fff"
    return (
        f"<g><title>{said}</title><rect x={x:.1f} y={y} width={width:.1f} height={BAR} rx=3"
        f' fill="{fill}" stroke="{edge}" stroke-width=2 />{text}</g>'
    )


def _axis(start: datetime, end: datetime, scale: float, height: int) -> str:
    minutes = (end - start).total_seconds() / 60
    form = next(form for limit, form in FORMATS if minutes < limit * TICKS)
    lines = []
    for tick in range(TICKS):
        at = start + (end - start) * tick / TICKS
        x = LEFT + (at - start).total_seconds() * scale
        lines.append(
            f'<line x1={x:.1f} x2={x:.1f} y1=16 y2={height - 30} stroke="#d0d7de" />'
            f'<text x={x:.1f} y=12 fill="#57606a">{at.strftime(form)}</text>'
        )
    return "".join(lines)


def _legend(height: int) -> str:
    return "".join(
        f'<rect x={LEFT + 110 * place} y={height - 20} width=12 height=12 rx=2 fill="{FILLS[kind]}" />'
        f"<text x={LEFT + 110 * place + 18} y={height - 10}>{word}</text>"
        for place, (kind, word) in enumerate(LEGEND)
    )
