"""Read what was deployed to environments from the infra repository: deployment records or else merged env files.

GitHub creates a record for every job with `environment:`. Its environment is ours, or `env/service` where every service
has its own job.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from actions.api.client import file_fields, next_cursor, path_variables, query
from actions.deployments.history import Record, count_decidable, drop_superseded
from actions.errors import EnvFileError
from actions.infra.layout import Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from actions.api.repository import Repository
    from actions.infra.layout import Layout

PAGE = 50
FIRST_RECORDS = 10
ENVIRONMENTS_PER_QUERY = 20
PERMISSION = "contents: read, deployments: read"
BEGAN = ("IN_PROGRESS", "FAILURE", "ERROR")  # before, a deployment waits for a machine or an approval
NODES = "pageInfo { hasNextPage endCursor } nodes"


@dataclass(frozen=True, kw_only=True, slots=True)
class EnvironmentHistory:
    """The deployments of one environment, whose files are *now*; *page* is the first page of its records.

    *positions* holds the newest commits of the default branch, 0 for its head.
    """

    infra: Repository
    layout: Layout
    now: Snapshot
    positions: Mapping[str, int]
    page: Mapping[str, Any]

    def records(self) -> Iterator[Record]:
        """Yield the deployments, newest first, reading pages as needed.

        Without any deployment record, for instance if an agent pulls, every merged change counts as deployed.
        """
        yield from self.succeeded() if self.page["nodes"] else self._merged()

    def succeeded(self) -> Iterator[Record]:
        """Yield the deployments that ever succeeded, newest first."""
        return (record for record in self.attempts() if record.succeeded)

    def attempts(self) -> Iterator[Record]:
        """Yield the deployments that succeeded, and those that began and have not, newest first."""
        page, pending = self.page, list[Record]()
        cursor: str | None = None
        while True:
            pending += [record for node in page["nodes"] if (record := self._record(node))]
            cursor = next_cursor(page["pageInfo"], cursor)
            succeeded = [record for record in pending if record.succeeded]
            undecided = succeeded[count_decidable(succeeded) :] if cursor else []
            # By identity: two records of one commit may be equal.
            cut = next((n for n, record in enumerate(pending) if undecided and record is undecided[0]), len(pending))
            kept = drop_superseded(succeeded, self.positions)
            yield from (record for record in pending[:cut] if record in kept or not record.succeeded)
            if not cursor:
                return
            pending = pending[cut:]
            page = _pages(self.infra, [self.now], PAGE, cursor)["d0"]

    def _record(self, node: Mapping[str, Any]) -> Record | None:
        """Return the record of *node*, None if it never began or if what succeeded cannot be read any more."""
        statuses = node["statuses"]["nodes"]
        succeeded = [status["createdAt"] for status in statuses if status["state"] == "SUCCESS"]
        began = [status["createdAt"] for status in statuses if status["state"] in BEGAN]
        snapshot = self._snapshot(node["commit"] or {})
        if not (snapshot if succeeded else began):
            return None
        snapshot = snapshot or Snapshot(env=self.now.env, files=())
        # The records were asked for by name, and GitHub ignores the case of names.
        service = node["environment"][len(self.now.env) :].removeprefix("/")
        return Record(
            at=datetime.fromisoformat(min(succeeded or began)),
            name=node["environment"],
            sha=node["commitOid"],
            made=datetime.fromisoformat((node["commit"] or {}).get("committedDate") or began[0]),
            snapshot=snapshot,
            tags={name: tag for name, tag in snapshot.tags().items() if service in ("", name)},
            succeeded=bool(succeeded),
        )

    def _merged(self) -> Iterator[Record]:
        paths = [file.path for file in self.now.files]
        for file in self.now.files:
            commits = f"history(first: {PAGE}, after: $cursor, path: $path) {{ {NODES} {{ oid committedDate %s }} }}"
            head = f"defaultBranchRef {{ target {{ ... on Commit {{ {commits % file_fields(paths)} }} }} }}"
            document = query(variables={"path": "String!", "cursor": "String"}, paths=paths, fields=head)
            cursor: str | None = None
            while True:
                variables = {"path": file.path, "cursor": cursor, **path_variables(paths)}
                history = self.infra.client.repository(document, variables)["defaultBranchRef"]["target"]["history"]
                yield from (record for node in history["nodes"] if (record := self._merge(node, file.service)))
                cursor = next_cursor(history["pageInfo"], cursor)
                if not cursor:
                    break

    def _merge(self, node: Mapping[str, Any], service: str) -> Record | None:
        snapshot = self._snapshot(node)
        if not snapshot:
            return None
        return Record(
            at=datetime.fromisoformat(node["committedDate"]),
            name=f"{self.now.env}/{service}" if service else self.now.env,
            sha=node["oid"],
            made=datetime.fromisoformat(node["committedDate"]),
            snapshot=snapshot,
            tags={name: tag for name, tag in snapshot.tags().items() if service in ("", name)},
        )

    def _snapshot(self, commit: Mapping[str, Any]) -> Snapshot | None:
        """Return the environment at *commit*, None if its files are missing or invalid there."""
        texts = {}
        for index, file in enumerate(self.now.files):
            blob = (commit.get(f"f{index}") or {}).get("object") or {}
            if blob.get("text"):
                texts[file.path] = blob["text"]
        snapshot = self.layout.group(texts).get(self.now.env)
        try:
            return snapshot if snapshot and snapshot.tags() else None
        except EnvFileError:
            return None


def read_history(
    infra: Repository, layout: Layout, snapshots: Sequence[Snapshot], *, first: int = PAGE
) -> list[EnvironmentHistory]:
    """Return the deployments of all *snapshots*; *first* is the number of records on their first pages."""
    histories = []
    for start in range(0, len(snapshots), ENVIRONMENTS_PER_QUERY):
        batch = snapshots[start : start + ENVIRONMENTS_PER_QUERY]
        answer = _pages(infra, batch, first, None)
        newest = answer["defaultBranchRef"]["target"]["history"]["nodes"] if answer["defaultBranchRef"] else []
        positions = {node["oid"]: position for position, node in enumerate(newest)}
        histories += [
            EnvironmentHistory(infra=infra, layout=layout, now=now, positions=positions, page=answer[f"d{index}"])
            for index, now in enumerate(batch)
        ]
    return histories


def _pages(infra: Repository, snapshots: Sequence[Snapshot], first: int, cursor: str | None) -> Any:
    """Return one page of deployment records for all *snapshots*, under the keys d0, d1 and so on."""
    declared = {"cursor": "String"}
    variables: dict[str, object] = {"cursor": cursor}
    parts = []
    for index, now in enumerate(snapshots):
        names, paths = f"n{index}", [file.path for file in now.files]
        declared[names] = "[String!]!"
        variables[names] = [now.env, *(f"{now.env}/{service}" for service in now.tags())]
        declared |= dict.fromkeys(path_variables(paths, f"e{index}p"), "String!")
        variables |= path_variables(paths, f"e{index}p")
        parts.append(
            f"d{index}: deployments(environments: ${names}, first: {first}, after: $cursor,"
            f" orderBy: {{field: CREATED_AT, direction: DESC}}) {{ {NODES} {{"
            " environment commitOid statuses(last: 30) { nodes { state createdAt } }"
            f" commit {{ committedDate {file_fields(paths, f'e{index}p')} }} }} }}"
        )
    newest = "defaultBranchRef { target { ... on Commit { history(first: 100) { nodes { oid } } } } }"
    document = query(variables=declared, fields=" ".join([*parts, newest]))
    return infra.client.repository(document, variables, permission=PERMISSION)
