"""Draw which version ran when as an SVG chart, with a text alternative for screen readers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
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
SECOND = timedelta(seconds=1)
FILLS = {"first": "#8c959f", "update": "#0969da", "settings": "#0969da", "rollback": "#bf8700", "hotfix": "#8250df"}
WRONG = "#cf222e"
LEGEND = (("update", "update"), ("rollback", "rollback"), ("hotfix", "hotfix"), ("first", "first commit"))
FORMATS = ((2, "%H:%M:%S"), (60 * 24 * 3, "%d %b %H:%M"), (float("inf"), "%Y-%m-%d"))


def timeline(changes: Sequence[Mapping[str, Any]], since: datetime, until: datetime) -> str:
    """Draw the tags that ran between *since* and *until*, one lane per service; return "" if none did."""
    deployed = [tag for tag in ran(changes) if tag.since < until and (not tag.until or tag.until > since)]
    if not deployed:
        return ""
    services = list(dict.fromkeys(tag.service for tag in deployed))
    start = max(since, min(tag.since for tag in deployed))
    axis = _Axis(start, until)
    height = TOP + LANE * len(services) + 40
    lanes = "".join(
        f"<text x=0 y={TOP + LANE * row + BAR / 2 + 4}>{escape(service[:18])}</text>"
        for row, service in enumerate(services)
    )
    bars = "".join(_bar(tag, services.index(tag.service), axis) for tag in deployed)
    words = "; ".join(f"{tag.service} {short(tag.tag)} from {tag.since:%Y-%m-%d %H:%M}" for tag in deployed[-20:])
    return (
        "<h2>Deployed versions over time</h2>\n<figure>"
        f'<svg viewBox="0 0 {WIDTH} {height}" width="100%" role="img" aria-labelledby="tt td">'
        f"<title id=tt>Deployed versions over time</title><desc id=td>{escape(words)}</desc>"
        f"{axis.ticks(height)}{lanes}{bars}{_legend(height)}</svg></figure>"
    )


def _bar(tag: Ran, row: int, axis: _Axis) -> str:
    begins, ends = max(tag.since, axis.start), min(tag.until or axis.end, axis.end)
    x, y = axis.x(begins), TOP + LANE * row
    width = max(axis.x(ends) - x, 2)
    fits = width > len(short(tag.tag)) * CHARACTER + 8
    text = f'<text x={x + 5:.1f} y={y + BAR / 2 + 4} fill="#fff">{escape(short(tag.tag))}</text>' if fits else ""
    kind = tag.change["kind"]
    tooltip = escape(f"{tag.service} {short(tag.tag)}, {kind}, since {tag.since:%Y-%m-%d %H:%M} UTC")
    edge = WRONG if tag.change["exceptions"] else "#fff"
    return (
        f"<g><title>{tooltip}</title><rect x={x:.1f} y={y} width={width:.1f} height={BAR} rx=3"
        f' fill="{FILLS[kind]}" stroke="{edge}" stroke-width=2 />{text}</g>'
    )


@dataclass(frozen=True, slots=True)
class _Axis:
    start: datetime
    end: datetime

    def x(self, moment: datetime) -> float:
        """Return the horizontal position of *moment*, in units of the SVG."""
        return LEFT + (WIDTH - LEFT - 10) * ((moment - self.start) / max(self.end - self.start, SECOND))

    def ticks(self, height: int) -> str:
        minutes = (self.end - self.start).total_seconds() / 60
        form = next(form for limit, form in FORMATS if minutes < limit * TICKS)
        moments = [self.start + (self.end - self.start) * tick / TICKS for tick in range(TICKS)]
        return "".join(
            f'<line x1={self.x(at):.1f} x2={self.x(at):.1f} y1=16 y2={height - 30} stroke="#d0d7de" />'
            f'<text x={self.x(at):.1f} y=12 fill="#57606a">{at.strftime(form)}</text>'
            for at in moments
        )


def _legend(height: int) -> str:
    looks = [(label, f'fill="{FILLS[kind]}"') for kind, label in LEGEND]
    looks.append(("has an exception", f'fill="#fff" stroke="{WRONG}" stroke-width=2'))
    return "".join(
        f"<rect x={LEFT + 110 * column} y={height - 20} width=12 height=12 rx=2 {look} />"
        f"<text x={LEFT + 110 * column + 18} y={height - 10}>{label}</text>"
        for column, (label, look) in enumerate(looks)
    )
