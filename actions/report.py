"""What people read of changes: the line in the log, the table in a summary and in a pull request."""

from __future__ import annotations

import re
from difflib import unified_diff
from typing import TYPE_CHECKING

from actions.runtime import markdown
from actions.tags import is_tag, short

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from actions.change import Change
    from actions.layout import Snapshot
    from actions.repository import Comparison

LONGEST_LIST = 60
# The last line of every commit that open-infra-pr makes; by it a later run knows that it may make the commit anew.
TRAILER = "Made-by: gitops-actions"
MOST_COMMITS = 20
# GitHub takes 65,536 characters in the body of a pull request.
MOST_ROWS = 100
MOST_HISTORIES = 20


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
        rows = "".join(_row(change, (links or {}).get(change.service, "")) for change in changes[:MOST_ROWS])
        if len(changes) > MOST_ROWS:
            rows += f"| … and {len(changes) - MOST_ROWS} more | | | |\n"
        text = f"| service | from | to | file |\n|---|---|---|---|\n{rows}"
    if newer and changes:
        text += f"\nLeft alone, because {env} has something newer: {', '.join(newer)}\n"
    if left_alone:
        text += f"\nLeft alone, because only one of the two environments has them: {', '.join(left_alone)}\n"
    return text


def shown(tag: str) -> str:
    """Return *tag* for a table; one that is there need not be a tag, and must do nothing there either."""
    return f"`{short(tag)}`" if not tag or is_tag(tag) else markdown(tag[:LONGEST_LIST])


def _plain(tag: str) -> str:
    """Return *tag* for a commit message, on one line whatever it is."""
    return (tag if is_tag(tag) else repr(tag[:LONGEST_LIST])) if tag else "(none)"


def _row(change: Change, link: str) -> str:
    before, after = shown(change.before), shown(change.after)
    to = f"[{after}]({link})" if link else after
    return f"| {markdown(change.service)} | {before} | {to} | `{change.file}` |\n"


def title(changes: Sequence[Change], *, from_env: str = "", rolls_back: bool = False) -> str:
    """Return the title of the pull request and of its commit: `Update dev: api to 0c409f3174e3`."""
    env = changes[0].env
    verb = "Roll back" if rolls_back else "Update"
    what = f"Promote {from_env} to {env}" if from_env else f"{verb} {env}"
    tags = {short(change.after) for change in changes}
    services = ", ".join(change.service for change in changes)
    if len(services) > LONGEST_LIST:
        services = f"{len(changes)} services"
    return f"{what}: {services} to {tags.pop()}" if len(tags) == 1 else f"{what}: {services}"


def pull_body(histories: Mapping[str, Comparison | None], *, pulls: Mapping[str, str], run_url: str, actor: str) -> str:
    """Return, for the body of a pull request, the commits between the tags of each service, and who asked for it.

    *pulls* is, for each service, where the pull requests are that its commits came from.
    """
    known = [(service, found) for service, found in list(histories.items())[:MOST_HISTORIES] if found]
    parts = [_history(service, found, pulls.get(service, "")) for service, found in known]
    by = f" for {markdown(actor[:LONGEST_LIST])}" if actor else ""
    parts.append(f"<sub>Opened by [this run]({run_url}){by}.</sub>\n")
    return "\n".join(parts)


def allowed(why: str, orders: Mapping[str, str]) -> str:
    """Return, for the body of a pull request, why it is allowed that a tag does not contain the one in place."""
    odd = [f"{service} ({order})" for service, order in orders.items() if order in ("diverged", "unknown")]
    because = f"Allowed because: {markdown(why)}" if why else "What it lacks has an equivalent there."
    return f"⚠️ Does not contain what is in place: {', '.join(odd)}. {because}\n" if odd else ""


def commit_message(headline: str, changes: Sequence[Change], trailers: Sequence[str]) -> str:
    """Return the commit message: what moves, in full, for those who read the history and not the pull request."""
    lines = "\n".join(
        f"{change.file}: {change.service} {_plain(change.before)} -> {change.after}" for change in changes
    )
    return "\n".join([headline, "", lines, "", *trailers, TRAILER])


def diff(before: Snapshot, after: Snapshot) -> str:
    """Return what changes from *before* to *after* as a unified diff."""
    lines: list[str] = []
    for old, new in zip(before.files, after.files, strict=True):
        lines += unified_diff(
            old.text.splitlines(keepends=True), new.text.splitlines(keepends=True), f"a/{old.path}", f"b/{new.path}"
        )
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def fenced(text: str, language: str) -> str:
    """Return *text* as a code block of Markdown that it cannot end."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}{fence}\n"


def _history(service: str, found: Comparison, pulls: str) -> str:
    commits = [
        f"- `{commit.sha[:12]}` {_linked(commit.title[:100], pulls)} ({markdown(commit.author)})"
        for commit in reversed(found.commits[-MOST_COMMITS:])
    ]
    if found.total > len(commits):
        commits.append(f"- … and {found.total - len(commits)} more")
    noun = "commit" if found.total == 1 else "commits"
    how = "taken out" if found.status == "behind" else f"({found.status})"
    head = f"<summary>{markdown(service)}: {found.total} {noun} {how}</summary>"
    return f"<details>{head}\n\n" + "\n".join(commits) + "\n\n</details>\n"


def _linked(title: str, pulls: str) -> str:
    """Return the title of a commit with a link to the pull request that GitHub's squash has put at its end."""
    match = re.fullmatch(r"(.*) \(#(\d+)\)", title) if pulls else None
    return f"{markdown(match[1])} ([#{match[2]}]({pulls}/{match[2]}))" if match else markdown(title)
