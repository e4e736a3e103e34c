"""Hold what is rolled back: while an issue that names the bad tag is open, the service does not move forward."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING

from actions.app.facts import Unknown
from actions.errors import AccessError, UnknownFactError
from actions.gates.holds import HoldReader, label
from actions.runner.markdown import escape, format_tag
from actions.tags import short

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actions.api.pulls import Pull
    from actions.api.repository import Repository
    from actions.infra.change import Change
    from actions.pull_request.side_work import SideWork

PERMISSION = "issues: write"
LONGEST_LABEL = 50


def hold_rolled_back(
    infra: Repository, changes: Iterable[Change], pull: Pull, *, reason: str, side_work: SideWork
) -> None:
    """Open an issue for each of *changes*, which *pull* rolls back for *reason*, unless there is one."""
    for change in changes:
        what = f"nothing holds {change.service} in {change.env}"
        side_work.attempt(what, partial(_hold, infra, change, pull, reason))


def _hold(infra: Repository, change: Change, pull: Pull, reason: str) -> None:
    title = f"{change.service} {short(change.before)} was rolled back in {change.env}"
    holds = HoldReader(infra).of(change.env, change.service)
    if isinstance(holds, Unknown):
        raise UnknownFactError(holds.missing)
    if any(hold.title == title for hold in holds):
        return
    name = label(change.env, change.service)
    if len(name) > LONGEST_LABEL:
        name = label(change.env)
    open_issue(infra, title, name, _body(change, pull, reason))


def open_issue(infra: Repository, title: str, name: str, body: str) -> None:
    """Open an issue with the label *name*, which GitHub drops without a word if it cannot be set."""
    rest = infra.client.rest
    taken = (HTTPStatus.UNPROCESSABLE_ENTITY,)
    rest("POST", "/labels", {"name": name, "color": "b60205"}, permission=PERMISSION, absent=taken)
    issue = rest("POST", "/issues", {"title": title, "body": body, "labels": [name]}, permission=PERMISSION)
    if name.casefold() not in {known["name"].casefold() for known in issue["labels"]}:
        raise AccessError(f"GitHub did not set the label {name} on {issue['html_url']}; set it by hand")


def _body(change: Change, pull: Pull, reason: str) -> str:
    return (
        f"{pull.url} rolls {escape(change.service)} in {escape(change.env)} back from"
        f" {format_tag(change.before)} to {format_tag(change.after)}: {escape(reason)}\n\n"
        "While this issue is open, nothing but rollbacks goes there. Close it when the next change may go. For the bad"
        " tag itself to return, its pull request must also name it, in a trailer `Allow-return:`.\n"
    )
