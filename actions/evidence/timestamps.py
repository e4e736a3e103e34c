"""Moments as evidence holds them: text, in UTC, to the second."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def utc_text(moment: str | None) -> str:
    """Return a moment so that it compares with others as text, "" for none."""
    return f"{datetime.fromisoformat(moment).astimezone(UTC):{FORMAT}}" if moment else ""


def earlier(moment: str, span: timedelta) -> str:
    """Return the moment that is *span* before another."""
    return f"{datetime.fromisoformat(moment) - span:{FORMAT}}"
