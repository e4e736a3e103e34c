"""The status of every service in every environment, as one table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from actions.runner import markdown
from actions.runner.markdown import MOST_ROWS, escape, format_tag

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

HEADERS = ("environment", "service", "runs", "since", "behind", "kept back by", "pull request")
NOTHING = "–"


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """What *service* runs in *env*: the *tag* that was deployed last, and *since* when; "" and None if nothing was.

    *behind* is the number of commits of the default branch that it lacks, as text; "" if that is not known. *kept_by*
    says what keeps the next tag back, *pulls* are the addresses of the open pull requests that propose one.
    """

    env: str
    service: str
    tag: str = ""
    since: datetime | None = None
    behind: str = ""
    kept_by: tuple[str, ...] = ()
    pulls: tuple[str, ...] = ()


def status_table(statuses: Sequence[Status]) -> str:
    """Return *statuses* as a section of a summary."""
    rows = [_row(status) for status in statuses[:MOST_ROWS]]
    unlisted = len(statuses) - MOST_ROWS
    more = f"\nand {unlisted} more\n" if unlisted > 0 else ""
    return f"\n#### Status\n\n{markdown.table(HEADERS, rows)}{more}"


def _row(status: Status) -> list[str]:
    pulls = [f"[#{url.rpartition('/')[2]}]({url})" for url in status.pulls]
    return [
        escape(status.env),
        escape(status.service),
        format_tag(status.tag) if status.tag else NOTHING,
        f"{status.since:%Y-%m-%d %H:%M} UTC" if status.since else NOTHING,
        status.behind or NOTHING,
        "; ".join(map(escape, status.kept_by)) or NOTHING,
        ", ".join(pulls) or NOTHING,
    ]
