"""What reached an environment, as the infra repository knows it: deployment records or, without any, its env files.

GitHub makes a record for every job with `environment:`. The environment is called like ours, or `env/service` where
each service is deployed by a job of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING, Any

from actions.api import file_fields, path_variables, query
from actions.errors import EnvFileError
from actions.past import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from actions.layout import Layout, Snapshot
    from actions.repository import Repository

PAGE = 50
PERMISSION = "contents: read, deployments: read"


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployments:
    """The past of *env*, whose files are *now*; *head* is the commit of the base branch that it ends with."""

    infra: Repository
    layout: Layout
    now: Snapshot
    head: str

    def records(self) -> Iterator[Record]:
        """Yield what reached the environment, newest first, read as far as is asked for.

        Without any deployment record, as where an agent pulls, what was merged counts as what reached it.
        """
        nodes = self._nodes()
        first = next(nodes, None)
        yield from self._succeeded(chain([first], nodes)) if first else self._merged()

    def last(self, service: str = "") -> Record | None:
        """Return the newest deployment that succeeded, of the service if it is deployed on its own."""
        return next(
            (record for record in self._succeeded(self._nodes()) if not service or service in record.tags), None
        )

    def _nodes(self) -> Iterator[Mapping[str, Any]]:
        names = [self.now.env, *(f"{self.now.env}/{service}" for service in self.now.tags())]
        fields = f"""deployments(environments: $names, first: {PAGE}, after: $cursor,
                orderBy: {{field: CREATED_AT, direction: DESC}}) {{
            pageInfo {{ hasNextPage endCursor }}
            nodes {{ environment commitOid statuses(last: 30) {{ nodes {{ state createdAt }} }}
                commit {{ {file_fields(self._paths)} }} }} }}"""
        variables = {"names": "[String!]!", "cursor": "String"}
        yield from self._pages(fields, variables, {"names": names}, "deployments")

    def _succeeded(self, nodes: Iterable[Mapping[str, Any]]) -> Iterator[Record]:
        """Yield the deployments that succeeded at some time; that a newer one came after them changes nothing."""
        for node in nodes:
            moments = [status["createdAt"] for status in node["statuses"]["nodes"] if status["state"] == "SUCCESS"]
            if moments and node["commit"]:
                service = node["environment"].removeprefix(self.now.env).removeprefix("/")
                tags = {name: tag for name, tag in self._tags(node["commit"]).items() if service in ("", name)}
                yield Record(at=datetime.fromisoformat(min(moments)), sha=node["commitOid"], tags=tags)

    def _merged(self) -> Iterator[Record]:
        for path in self._paths:
            nodes = f"pageInfo {{ hasNextPage endCursor }} nodes {{ oid committedDate {file_fields(self._paths)} }}"
            history = f"history(first: {PAGE}, after: $cursor, path: $path) {{ {nodes} }}"
            fields = f"object(oid: $oid) {{ ... on Commit {{ {history} }} }}"
            variables = {"oid": "GitObjectID!", "path": "String!", "cursor": "String"}
            for node in self._pages(fields, variables, {"oid": self.head, "path": path}, "history"):
                owner = self.layout.owner(path)
                service = owner[1] if owner else ""
                tags = {name: tag for name, tag in self._tags(node).items() if service in ("", name)}
                yield Record(at=datetime.fromisoformat(node["committedDate"]), sha=node["oid"], tags=tags)

    def _pages(
        self, fields: str, variables: Mapping[str, str], given: Mapping[str, object], connection: str
    ) -> Iterator[Mapping[str, Any]]:
        document = query(variables=variables, paths=self._paths, fields=fields)
        cursor = None
        while True:
            values = {**given, "cursor": cursor, **path_variables(self._paths)}
            found = self.infra.ask(document, values, permission=PERMISSION)
            page = (found.get("object") or found)[connection]
            yield from page["nodes"]
            if not page["pageInfo"]["hasNextPage"]:
                return
            cursor = page["pageInfo"]["endCursor"]

    def _tags(self, commit: Mapping[str, Any]) -> dict[str, str]:
        """Return the tags of the env files at *commit*; what cannot be read tells nothing."""
        texts = {}
        for index, path in enumerate(self._paths):
            blob = (commit[f"f{index}"] or {}).get("object") or {}
            if blob.get("text"):
                texts[path] = blob["text"]
        try:
            return self.layout.group(texts)[self.now.env].tags()
        except (EnvFileError, KeyError):
            return {}

    @property
    def _paths(self) -> Sequence[str]:
        return [file.path for file in self.now.files]
