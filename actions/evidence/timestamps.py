"""Convert moments to the text that evidence holds: UTC, to the second."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def utc_text(moment: str | None) -> str:
    """Return *moment* in the one form that sorts as text, "" for None."""
    return f"{datetime.fromisoformat(moment).astimezone(UTC):{FORMAT}}" if moment else ""


def earlier(moment: str, span: timedelta) -> str:
    """Return the moment *span* before *moment*."""
    return f"{datetime.fromisoformat(moment) - span:{FORMAT}}"
