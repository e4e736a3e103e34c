"""Show the changes of an environment as one line, a table or a diff."""

from __future__ import annotations

from difflib import unified_diff
from typing import TYPE_CHECKING

from actions.runner import markdown
from actions.runner.markdown import MOST_ROWS, escape, format_tag

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from actions.infra.change import Change
    from actions.infra.layout import Snapshot


def summary_line(env: str, changes: Sequence[Change]) -> str:
    """Return *changes* as one line for a title: `dev: api 31cb393213ee → 0c409f3174e3`."""
    return f"{env}: {', '.join(map(str, changes)) or 'nothing to change'}"


def changes_table(
    env: str,
    changes: Sequence[Change],
    *,
    left_alone: Sequence[str] = (),
    newer: Sequence[str] = (),
    links: Mapping[str, str] | None = None,
) -> str:
    """Return *changes* as a table.

    *links* lead from a service to the comparison of its two tags. *left_alone* are services that only one of two
    environments has, *newer* those with a newer tag than the requested one.
    """
    if not changes:
        text = f"Nothing to change: `{env}` already has these tags.\n"
    else:
        rows = [_row(change, (links or {}).get(change.service, "")) for change in changes[:MOST_ROWS]]
        if len(changes) > MOST_ROWS:
            rows.append([f"… and {len(changes) - MOST_ROWS} more", "", "", ""])
        text = markdown.table(("service", "from", "to", "file"), rows)
    if newer and changes:
        text += f"\nNot changed, because {env} has a newer tag: {', '.join(newer)}\n"
    if left_alone:
        text += f"\nNot changed, because only one of the two environments has them: {', '.join(left_alone)}\n"
    return text


def diff(before: Snapshot, after: Snapshot) -> str:
    """Return a unified diff of the files of *before* and *after*."""
    lines: list[str] = []
    for old, new in zip(before.files, after.files, strict=True):
        lines += unified_diff(
            old.text.splitlines(keepends=True), new.text.splitlines(keepends=True), f"a/{old.path}", f"b/{new.path}"
        )
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def _row(change: Change, link: str) -> list[str]:
    before, after = format_tag(change.before, change.digest_before), format_tag(change.after, change.digest)
    to = f"[{after}]({link})" if link else after
    return [escape(change.service), before, to, f"`{change.file}`"]
