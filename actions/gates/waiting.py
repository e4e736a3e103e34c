"""Start the gates of a pull request again when they have opened, so that nobody has to press a button.

The comment on a pull request that waits says which run judged it and until when it waits. GitHub starts a run again for
30 days, and 50 times (docs.github.com, "Re-running workflows and jobs"); what comes of a run is not decided here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from actions.api.client import query
from actions.api.pulls import PullRequests
from actions.errors import AccessError, GitHubError, RateLimitedError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actions.api.client import Client
    from actions.runner.clock import Clock

WAITS = re.compile(r"<!-- gitops-actions waits run=(?P<run>\d{1,20}) until=(?P<until>[0-9T:.+-]{20,40}) -->\n?")
OPEN_PULLS = query(
    variables={"cursor": "String"},
    fields="""pullRequests(first: 50, states: OPEN, after: $cursor, orderBy: {field: CREATED_AT, direction: DESC}) {
        pageInfo { hasNextPage endCursor }
        nodes { number comments(last: 50) { nodes { databaseId body viewerDidAuthor } } } }""",
)
GIVEN_UP = "GitHub starts this check no more. When the gate is open, close and reopen the pull request.\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """The pull request *number*, which the *run* found waiting *until* a time; the *comment* with *body* says so."""

    number: int
    run: int
    until: datetime
    comment: int
    body: str


def start_opened(client: Client, clock: Clock) -> list[int]:
    """Start the gates again of those pull requests that wait for what has come by now; return their numbers."""
    due = [waiting for waiting in waiting_pulls(client) if waiting.until <= clock.utc()]
    return [waiting.number for waiting in due if start_again(client, waiting)]


def mark(run: str, until: datetime) -> str:
    """Return the line of a comment that says which *run* waits *until* when."""
    return f"<!-- gitops-actions waits run={run} until={until.isoformat(timespec='seconds')} -->\n"


def waiting_pulls(client: Client) -> Iterator[Waiting]:
    """Yield the open pull requests that wait, by the comments of the account of the token."""
    variables: dict[str, object] = {"cursor": None}
    while True:
        answer = client.repository(OPEN_PULLS, variables, permission="pull requests: read")
        with client.parsing():
            pulls = answer["pullRequests"]
            for node in pulls["nodes"]:
                ours = [each for each in node["comments"]["nodes"] if each["viewerDidAuthor"]]
                found = next((each for each in reversed(ours) if WAITS.search(each["body"])), None)
                if found:
                    yield _read(node["number"], found["databaseId"], found["body"])
            if not pulls["pageInfo"]["hasNextPage"]:
                return
            variables["cursor"] = pulls["pageInfo"]["endCursor"]


def _read(number: int, comment: int, body: str) -> Waiting:
    found = WAITS.search(body)
    assert found  # noqa: S101 - the caller has found it
    until = datetime.fromisoformat(found["until"])
    return Waiting(number=number, run=int(found["run"]), until=until, comment=comment, body=body)


def start_again(client: Client, waiting: Waiting) -> bool:
    """Start the run of *waiting* again unless it is running; tell whether it was started.

    If GitHub does not start it any more, the comment says so, and what to do.
    """
    run = client.rest("GET", f"/actions/runs/{waiting.run}", permission="actions: read")
    with client.parsing():
        if run["status"] != "completed":
            return False
    try:
        client.rest("POST", f"/actions/runs/{waiting.run}/rerun", {}, permission="actions: write")
    except (AccessError, UnavailableError, RateLimitedError):
        raise
    except GitHubError:
        text = WAITS.sub(GIVEN_UP, waiting.body)
        PullRequests(client).comment(waiting.number, text, replaces=waiting.comment)
        return False
    return True
