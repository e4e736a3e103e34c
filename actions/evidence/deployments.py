"""Read the deployment records of an environment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from actions.api.client import next_cursor, query
from actions.deployments.records import read_payload
from actions.evidence.timestamps import utc_text
from actions.gates.approval import login

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from actions.api.client import Client

PER_PAGE = 100
PERMISSION = "deployments: read"
DEPLOYMENTS = f"""deployments(first: {PER_PAGE}, after: $cursor,
    orderBy: {{field: CREATED_AT, direction: DESC}}) {{ pageInfo {{ hasNextPage endCursor }} nodes {{
        databaseId environment commitOid createdAt payload creator {{ login }}
        statuses(last: 30) {{ nodes {{ state createdAt logUrl creator {{ login }} }} }} }} }}"""
PAGE = query(variables={"cursor": "String"}, fields=DEPLOYMENTS)


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
    """Read the deployments of one repository."""

    client: Client

    def records(
        self, env: str, since: str, is_deployer: Callable[[str], bool], first: Mapping[str, Any] | None = None
    ) -> list[DeploymentRecord]:
        """Return the deployments to *env*, or to one of its services, *since* a moment, newest first.

        Those of a deployer count, by what deployers say of them. *first* is the first page, if it was read.

        All records are read: GitHub filters by exact name, and the names of former services are not known.
        """
        records: list[DeploymentRecord] = []
        cursor: str | None = None
        page = first or self._page(None)
        while True:
            with self.client.parsing():
                batch = [_read_record(node, is_deployer) for node in page["nodes"]]
                records += [r for r in batch if r.name.partition("/")[0].casefold() == env.casefold()]
                cursor = next_cursor(page["pageInfo"], cursor)
                if not cursor or batch[-1].created_at < since:
                    return records
            page = self._page(cursor)

    def _page(self, cursor: str | None) -> Any:
        return self.client.repository(PAGE, {"cursor": cursor}, permission=PERMISSION)["deployments"]


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
