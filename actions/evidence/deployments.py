"""Read the deployment records of an environment and the workflow runs that made them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from actions.api.client import next_cursor, query
from actions.deployments.records import read_payload
from actions.evidence.facts import RunFacts
from actions.evidence.timestamps import utc_text
from actions.gates.approval import login
from actions.runner.environment import server_url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from actions.api.client import Client

PER_PAGE = 100
PERMISSION = "deployments: read"
RUN = re.compile(r"/actions/runs/(\d+)")
DEPLOYMENTS = query(
    variables={"cursor": "String"},
    fields=f"""deployments(first: {PER_PAGE}, after: $cursor,
        orderBy: {{field: CREATED_AT, direction: DESC}}) {{ pageInfo {{ hasNextPage endCursor }} nodes {{
            databaseId environment commitOid createdAt payload creator {{ login }}
            statuses(last: 30) {{ nodes {{ state createdAt logUrl creator {{ login }} }} }} }} }}""",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class DeploymentRecord:
    """A deployment record, which *counts* if the pipeline made it; *succeeded_at* is "" if no deployment succeeded.

    An *adopted* one deployed nothing: it says what ran before there were records.
    """

    number: int
    name: str
    sha: str
    counts: bool
    creator: str
    created_at: str
    succeeded_at: str
    url: str
    adopted: bool


@dataclass(frozen=True)
class DeploymentReader:
    """Read the deployments and workflow runs of one repository; runs are cached."""

    client: Client
    _runs: dict[str, RunFacts] = field(default_factory=dict, repr=False)

    def records(self, env: str, since: str, is_deployer: Callable[[str], bool]) -> list[DeploymentRecord]:
        """Return the deployments to *env*, or to one of its services, *since* a moment, newest first.

        Those of a deployer count, by what deployers say of them.

        All records are read: GitHub filters by exact name, and the names of former services are not known.
        """
        records: list[DeploymentRecord] = []
        cursor: str | None = None
        while True:
            answer = self.client.repository(DEPLOYMENTS, {"cursor": cursor}, permission=PERMISSION)
            with self.client.parsing():
                page = answer["deployments"]
                batch = [_read_record(node, is_deployer) for node in page["nodes"]]
                records += [r for r in batch if r.name.partition("/")[0].casefold() == env.casefold()]
                cursor = next_cursor(page["pageInfo"], cursor)
                if not cursor or batch[-1].created_at < since:
                    return records

    def run(self, url: str, sha: str) -> RunFacts | None:
        """Return the workflow run at *url*; None if *url* is not a run of this repository for the commit *sha*."""
        match = RUN.match(url.removeprefix(f"{server_url()}/{self.client.name}"))
        if not match:
            return None
        if match[1] not in self._runs:
            self._runs[match[1]] = self._read_run(match[1])
        run = self._runs[match[1]]
        return run if run.head_sha == sha else None

    def _read_run(self, number: str) -> RunFacts:
        run = self.client.rest("GET", f"/actions/runs/{number}", permission="actions: read")
        approvals = self.client.rest("GET", f"/actions/runs/{number}/approvals", permission="actions: read")
        with self.client.parsing():
            return RunFacts(
                id=run["id"],
                attempt=run.get("run_attempt") or 1,
                event=run["event"],
                workflow=run.get("path") or "",
                actor=login(run.get("actor")),
                triggering_actor=login(run.get("triggering_actor")),
                head_sha=run["head_sha"],
                url=run["html_url"],
                approvals=tuple(map(_approval, approvals)),
            )


def _approval(entry: Mapping[str, Any]) -> str:
    return f"{login(entry['user'])}: {entry['state']}, {', '.join(env['name'] for env in entry['environments'])}"


def _read_record(node: Mapping[str, Any], is_deployer: Callable[[str], bool]) -> DeploymentRecord:
    counts = is_deployer(login(node["creator"]))
    statuses = [each for each in node["statuses"]["nodes"] if not counts or is_deployer(login(each["creator"]))]
    succeeded = [utc_text(status["createdAt"]) for status in statuses if status["state"] == "SUCCESS"]
    return DeploymentRecord(
        number=node["databaseId"],
        name=node["environment"],
        sha=node["commitOid"],
        counts=counts,
        creator=login(node["creator"]),
        created_at=utc_text(node["createdAt"]),
        succeeded_at=min(succeeded, default=""),
        url=next((status["logUrl"] for status in reversed(statuses) if status["logUrl"]), ""),
        adopted=read_payload(node["payload"]).adopted,
    )
