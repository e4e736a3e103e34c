"""Read the commits of a branch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from actions.api.client import next_cursor, query
from actions.api.repository import READ
from actions.evidence.branch_history import BranchHistory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actions.api.client import Client

PER_PAGE = 100


@dataclass(frozen=True)
class BranchReader:
    """Read the branches of one repository; the fields that are asked for need *permission*."""

    client: Client
    permission: str = READ

    def history(self, branch: str) -> BranchHistory:
        """Return all commits of *branch*, with their parents."""
        return BranchHistory.of(self._nodes(branch, "oid committedDate parents(first: 100) { nodes { oid } }"))

    def commits(self, branch: str, path: str, fields: str = "") -> Iterator[dict[str, Any]]:
        """Yield the commits of *branch* that changed *path*, a file or folder, newest first, as nodes with *fields*.

        There is no lower bound by date, because committers choose the dates of their commits.
        """
        return self._nodes(branch, f"oid committedDate {fields}", path)

    def blobs(self, branch: str, path: str) -> Iterator[tuple[str, str, int]]:
        """Yield each commit of *branch* that changed the file *path*, with its git object and its size then.

        Newest first; the object is "" where the file is not there.
        """
        fields = "oid file(path: $path) { object { ... on Blob { oid byteSize } } }"
        for node in self._nodes(branch, fields, path):
            blob = (node["file"] or {}).get("object") or {"oid": "", "byteSize": 0}
            yield node["oid"], blob["oid"], blob["byteSize"]

    def _nodes(self, branch: str, fields: str, path: str = "") -> Iterator[dict[str, Any]]:
        declared = {"ref": "String!", "cursor": "String"} | ({"path": "String!"} if path else {})
        history = f"history(first: {PER_PAGE}, after: $cursor{', path: $path' if path else ''})"
        pages = f"{history} {{ pageInfo {{ hasNextPage endCursor }} nodes {{ {fields} }} }}"
        document = query(
            variables=declared, fields=f"ref(qualifiedName: $ref) {{ target {{ ... on Commit {{ {pages} }} }} }}"
        )
        variables: dict[str, object] = {"ref": f"refs/heads/{branch}", "path": path, "cursor": None}
        while True:
            answer = self.client.repository(document, variables, permission=self.permission)
            with self.client.parsing():
                page = answer["ref"]["target"]["history"]
                yield from page["nodes"]
                variables["cursor"] = next_cursor(page["pageInfo"], variables["cursor"])
                if not variables["cursor"]:
                    return
