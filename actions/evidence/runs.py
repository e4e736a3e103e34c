"""Read the workflow runs that deployed, and the reviews that their environments required: many at once, or one by one.

GitHub lists the runs of a period, a hundred a request (OpenAPI, "List workflow runs for a repository"), and GraphQL has
the reviews of many. What neither tells is asked of the run itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from actions.api.batches import in_batches
from actions.errors import AccessError
from actions.evidence.facts import RunFacts
from actions.evidence.timestamps import earlier, utc_text
from actions.gates.approval import login
from actions.runner.environment import server_url

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from actions.api.client import Client

PER_PAGE = 100
MOST_RESULTS = 1000  # of one search (OpenAPI)
FEW = 3
RUNS_PER_QUERY = 100
PERMISSION = "actions: read"
RUN = re.compile(r"/actions/runs/(\d+)")
# A run began before the record that it made, by as much as its other jobs took.
BEGAN_BEFORE = timedelta(days=1)
SECOND = timedelta(seconds=1)
REVIEWS = """query($ids: [ID!]!) { nodes(ids: $ids) { ... on WorkflowRun { databaseId
    deploymentReviews(first: 20) { totalCount nodes {
        state user { login } environments(first: 10) { totalCount nodes { name } } } } } } }"""


@dataclass(frozen=True)
class RunReader:
    """Read the runs of one repository, those of its default *branch* together; answers are cached."""

    client: Client
    branch: str
    _found: dict[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    _reviews: dict[str, tuple[str, ...]] = field(default_factory=dict, repr=False)

    def number(self, url: str) -> str:
        """Return the number of the run at *url*, "" if that is no run of this repository."""
        match = RUN.match(url.removeprefix(f"{server_url()}/{self.client.name}"))
        return match[1] if match else ""

    def prefetch(self, records: Collection[tuple[str, str]]) -> None:
        """Read the runs of *records*, each a URL and when it was recorded, if they are many.

        What cannot be read so is read later, by `run`.
        """
        moments = [at for url, at in records if self.number(url)]
        wanted = {self.number(url) for url, _ in records} - {"", *self._found}
        if len(wanted) <= FEW:
            return
        begin, end = earlier(min(moments), BEGAN_BEFORE), max(moments)
        try:
            for run in self._created(begin, end, at_most=len(wanted)):
                if str(run["id"]) in wanted:
                    self._found[str(run["id"])] = run
            known = [run for number, run in self._found.items() if number in wanted and run.get("node_id")]
            for _ in in_batches(known, RUNS_PER_QUERY, self._read_reviews):
                pass  # they are cached
        except AccessError:
            return  # the runs are asked one by one, and each is then unknown

    def run(self, url: str, sha: str) -> RunFacts | None:
        """Return the workflow run at *url*; None if *url* is not a run of this repository for the commit *sha*."""
        number = self.number(url)
        if not number:
            return None
        if number not in self._found:
            self._found[number] = self.client.rest("GET", f"/actions/runs/{number}", permission=PERMISSION)
        if number not in self._reviews:
            said = self.client.rest("GET", f"/actions/runs/{number}/approvals", permission=PERMISSION)
            with self.client.parsing():
                self._reviews[number] = tuple(
                    _approval(each["user"], each["state"], each["environments"]) for each in said
                )
        with self.client.parsing():
            run = _read_run(self._found[number], self._reviews[number])
        return run if run.head_sha == sha else None

    def _created(self, begin: str, end: str, *, at_most: int) -> Iterator[Mapping[str, Any]]:
        """Yield the runs of the branch that were created from *begin* to *end*, none if that takes *at_most* pages.

        A search shows a limited number, newest first (cli/cli#6678, a guess there: a run that is missed is asked by
        itself). The next one begins with the oldest of them.
        """
        while True:
            path = f"/actions/runs?branch={quote(self.branch)}&created={begin}..{end}&per_page={PER_PAGE}"
            pages = self.client.pages(path, permission=PERMISSION)
            first = next(pages)
            with self.client.parsing():
                count = int(first["total_count"])
            if count > at_most * PER_PAGE:
                return
            with self.client.parsing():
                runs = [run for page in chain([first], pages) for run in page["workflow_runs"]]
                oldest = min((utc_text(run["created_at"]) for run in runs), default=end)
            yield from runs
            end = oldest if oldest < end else earlier(end, SECOND)  # one with more than are shown
            if count < MOST_RESULTS or end < begin:
                return

    def _read_reviews(self, runs: Sequence[Mapping[str, Any]]) -> None:
        """Read the reviews of *runs*; one with more than are asked for is left for later."""
        answer = self.client.graphql(REVIEWS, {"ids": [run["node_id"] for run in runs]}, permission=PERMISSION)
        with self.client.parsing():
            for node in filter(None, answer["nodes"]):
                reviews = node["deploymentReviews"]
                listed = [reviews, *(review["environments"] for review in reviews["nodes"])]
                if all(connection["totalCount"] == len(connection["nodes"]) for connection in listed):
                    self._reviews[str(node["databaseId"])] = tuple(
                        _approval(each["user"], each["state"].lower(), each["environments"]["nodes"])
                        for each in reviews["nodes"]
                    )


def _read_run(run: Mapping[str, Any], approvals: tuple[str, ...]) -> RunFacts:
    return RunFacts(
        id=run["id"],
        attempt=run.get("run_attempt") or 1,
        event=run["event"],
        workflow=run.get("path") or "",
        actor=login(run.get("actor")),
        triggering_actor=login(run.get("triggering_actor")),
        head_sha=run["head_sha"],
        url=run["html_url"],
        approvals=approvals,
    )


def _approval(user: Mapping[str, Any], state: str, environments: Sequence[Mapping[str, Any]]) -> str:
    return f"{login(user)}: {state}, {', '.join(environment['name'] for environment in environments)}"
