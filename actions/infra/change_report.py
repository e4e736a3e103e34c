"""Show changes of an environment to people: one line, a table, a diff."""

from __future__ import annotations

from difflib import unified_diff
from typing import TYPE_CHECKING

from actions.runner import markdown
from actions.runner.markdown import MOST_ROWS, escape, format_tag

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from actions.infra.change import Change
    from actions.infra.layout import Snapshot


def one_line(env: str, changes: Sequence[Change]) -> str:
    """Return *changes* as one line, as in a title: `dev: api 31cb393213ee → 0c409f3174e3`."""
    return f"{env}: {', '.join(map(str, changes)) or 'nothing to change'}"


def changes_table(
    env: str,
    changes: Sequence[Change],
    *,
    left_alone: Sequence[str] = (),
    newer: Sequence[str] = (),
    links: Mapping[str, str] | None = None,
) -> str:
    """Return *changes* as a table; *links* lead, for a service, to what changed between the two tags."""
    if not changes:
        text = f"`{env}` has these tags already: nothing to change.\n"
    else:
        rows = [_row(change, (links or {}).get(change.service, "")) for change in changes[:MOST_ROWS]]
        if len(changes) > MOST_ROWS:
            rows.append([f"… and {len(changes) - MOST_ROWS} more", "", "", ""])
        text = markdown.table(("service", "from", "to", "file"), rows)
    if newer and changes:
        text += f"\nLeft alone, because {env} has something newer: {', '.join(newer)}\n"
    if left_alone:
        text += f"\nLeft alone, because only one of the two environments has them: {', '.join(left_alone)}\n"
    return text


def diff(before: Snapshot, after: Snapshot) -> str:
    """Return what changes from *before* to *after* as a unified diff."""
    lines: list[str] = []
    for old, new in zip(before.files, after.files, strict=True):
        lines += unified_diff(
            old.text.splitlines(keepends=True), new.text.splitlines(keepends=True), f"a/{old.path}", f"b/{new.path}"
        )
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def _row(change: Change, link: str) -> list[str]:
    before, after = format_tag(change.before), format_tag(change.after)
    to = f"[{after}]({link})" if link else after
    return [escape(change.service), before, to, f"`{change.file}`"]
