"""Describe a change in its pull request and its commit: title, body, message."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from actions.runner.markdown import LONGEST_LIST, escape
from actions.tags import Artifact, is_tag, short

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from actions.api.comparison import Comparison
    from actions.infra.change import Change

# The last line of every commit that open-infra-pr makes; by it a later run knows that it may make the commit anew.
TRAILER = "Made-by: gitops-actions"
MOST_COMMITS = 20
# renovate#2032, #14551: 422 "body is too long (maximum is 65536 characters)"
LONGEST_BODY = 65_536
MOST_HISTORIES = 20


def title(changes: Sequence[Change], *, from_env: str, is_rollback: bool) -> str:
    """Return the title of the pull request and of its commit: `Update dev: api to 0c409f3174e3`."""
    env = changes[0].env
    verb = "Roll back" if is_rollback else "Update"
    what = f"Promote {from_env} to {env}" if from_env else f"{verb} {env}"
    tags = {short(change.after, change.digest) for change in changes}
    services = ", ".join(change.service for change in changes)
    if len(services) > LONGEST_LIST:
        services = f"{len(changes)} services"
    return f"{what}: {services} to {tags.pop()}" if len(tags) == 1 else f"{what}: {services}"


def fitted(text: str, tail: str) -> str:
    """Return *text* and *tail*, cut between two lines of *text* if GitHub takes no body as long as that."""
    whole = f"{text}\n{tail}"
    if len(whole) <= LONGEST_BODY:
        return whole
    notice = "\n\n… cut here: GitHub takes no longer text.\n\n"
    room = LONGEST_BODY - len(notice) - len(tail)
    return text[: text.rfind("\n", 0, room)] + notice + tail


def histories(comparisons: Mapping[str, Comparison | None], *, pulls: Mapping[str, str]) -> str:
    """Return the commits between the two tags of each service.

    *pulls* is, for each service, the address of the pull requests that its commits came from.
    """
    known = [(service, comparison) for service, comparison in comparisons.items() if comparison]
    return "\n".join(
        _history(service, comparison, pulls.get(service, "")) for service, comparison in known[:MOST_HISTORIES]
    )


def opened_by(run_url: str, actor: str) -> str:
    """Return which run opened the pull request, and for whom."""
    for_whom = f" for {escape(actor[:LONGEST_LIST])}" if actor else ""
    return f"<sub>Opened by [this run]({run_url}){for_whom}.</sub>\n"


def allowed(why: str, orders: Mapping[str, str]) -> str:
    """Return, for the body of a pull request, why it is allowed that a tag does not contain the one in place."""
    odd = [f"{service} ({order})" for service, order in orders.items() if order in ("diverged", "unknown")]
    because = f"Allowed because: {escape(why)}" if why else "What it lacks has an equivalent there."
    return f"⚠️ Does not contain what is in place: {', '.join(odd)}. {because}\n" if odd else ""


def commit_message(headline: str, changes: Sequence[Change], trailers: Sequence[str]) -> str:
    """Return the commit message: what moves, in full, for those who read the history and not the pull request."""
    lines = "\n".join(
        f"{change.file}: {change.service} {_plain(change.before, change.digest_before)}"
        f" -> {Artifact(change.after, change.digest)}"
        for change in changes
    )
    return "\n".join([headline, "", lines, "", *trailers, TRAILER])


def _plain(tag: str, digest: str) -> str:
    """Return *tag*, with its *digest*, for a commit message, on one line whatever it is."""
    return (str(Artifact(tag, digest)) if is_tag(tag) else repr(tag[:LONGEST_LIST])) if tag else "(none)"


def _history(service: str, comparison: Comparison, pulls: str) -> str:
    commits = [
        f"- `{commit.sha[:12]}` {_linked(commit.title[:100], pulls)} ({escape(commit.author)})"
        for commit in reversed(comparison.commits[-MOST_COMMITS:])
    ]
    if comparison.total > len(commits):
        commits.append(f"- … and {comparison.total - len(commits)} more")
    noun = "commit" if comparison.total == 1 else "commits"
    how = "taken out" if comparison.status == "behind" else f"({comparison.status})"
    head = f"<summary>{escape(service)}: {comparison.total} {noun} {how}</summary>"
    return f"<details>{head}\n\n" + "\n".join(commits) + "\n\n</details>\n"


def _linked(title: str, pulls: str) -> str:
    """Return the title of a commit with a link to the pull request that GitHub's squash has put at its end."""
    match = re.fullmatch(r"(.*) \(#(\d+)\)", title) if pulls else None
    return f"{escape(match[1])} ([#{match[2]}]({pulls}/{match[2]}))" if match else escape(title)
