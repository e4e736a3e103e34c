"""Read what was deployed to environments from the deployment records of the infra repository.

The environment of a record is ours, or `env/service` where every service is deployed alone. A record and its statuses
count only if GitHub names one of our own accounts as their creator, and its commit is on the default branch: whoever
may write to the repository can make records of anything.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from actions.api.client import file_fields, next_cursor, path_variables, query
from actions.deployments.history import Record
from actions.errors import EnvFileError
from actions.infra.layout import Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from actions.api.repository import Repository
    from actions.infra.config import Config
    from actions.infra.layout import Layout

PAGE = 50
FIRST_RECORDS = 10
ENVIRONMENTS_PER_QUERY = 20
PERMISSION = "contents: read, deployments: read"
BEGAN = ("IN_PROGRESS", "FAILURE", "ERROR")  # before, a deployment waits for a machine or an approval
NODES = "pageInfo { hasNextPage endCursor } nodes"
STATUSES = "statuses(last: 30) { nodes { state createdAt creator { login } } }"


@dataclass(frozen=True, kw_only=True)
class DefaultBranch:
    """The default branch of *infra*: its *newest* commits, the head first."""

    infra: Repository
    newest: tuple[str, ...]
    _known: dict[str, bool] = field(default_factory=dict, repr=False)

    @property
    def head(self) -> str:
        """Return the newest commit, "" if there is none."""
        return next(iter(self.newest), "")

    def has(self, sha: str) -> bool:
        """Tell whether the commit *sha* is on the branch."""
        if sha in self.newest:
            return True
        if sha not in self._known:
            comparison = self.infra.compare(self.head, sha) if self.head else None
            self._known[sha] = comparison is not None and comparison.status in ("behind", "identical")
        return self._known[sha]


@dataclass(frozen=True, kw_only=True)
class RecordReader:
    """Read the records of the environments of *infra* that count by its *config*."""

    infra: Repository
    config: Config
    layout: Layout

    def histories(self, snapshots: Sequence[Snapshot], *, first: int = PAGE) -> list[EnvironmentHistory]:
        """Return the deployments of all *snapshots*; *first* is the number of records on their first pages."""
        found = []
        for start in range(0, len(snapshots), ENVIRONMENTS_PER_QUERY):
            batch = snapshots[start : start + ENVIRONMENTS_PER_QUERY]
            answer = self.page(batch, first, None)
            newest = answer["defaultBranchRef"]["target"]["history"]["nodes"] if answer["defaultBranchRef"] else []
            branch = DefaultBranch(infra=self.infra, newest=tuple(node["oid"] for node in newest))
            found += [
                EnvironmentHistory(reader=self, now=now, branch=branch, first_page=answer[f"d{index}"])
                for index, now in enumerate(batch)
            ]
        return found

    def page(self, snapshots: Sequence[Snapshot], first: int, cursor: str | None) -> Any:
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
                f" environment commitOid payload creator {{ login }} {STATUSES}"
                f" commit {{ {file_fields(paths, f'e{index}p')} }} }} }}"
            )
        newest = "defaultBranchRef { target { ... on Commit { history(first: 100) { nodes { oid } } } } }"
        document = query(variables=declared, fields=" ".join([*parts, newest]))
        return self.infra.client.repository(document, variables, permission=PERMISSION)


@dataclass(frozen=True, kw_only=True, slots=True)
class EnvironmentHistory:
    """The deployments of one environment, whose files are *now*."""

    reader: RecordReader
    now: Snapshot
    branch: DefaultBranch
    first_page: Mapping[str, Any]

    def succeeded(self) -> Iterator[Record]:
        """Yield the deployments that ever succeeded, newest first, reading pages as needed."""
        return (record for record in self.attempts() if record.succeeded)

    def attempts(self) -> Iterator[Record]:
        """Yield the deployments that succeeded, and those that began and have not, newest first."""
        page = self.first_page
        cursor: str | None = None
        while True:
            yield from (record for node in page["nodes"] if (record := self._record(node)))
            cursor = next_cursor(page["pageInfo"], cursor)
            if not cursor:
                return
            page = self.reader.page([self.now], PAGE, cursor)["d0"]

    def _record(self, node: Mapping[str, Any]) -> Record | None:
        """Return the record of *node*; None if it does not count, never began or was given up before it did."""
        statuses = [status for status in node["statuses"]["nodes"] if self._is_ours(status)]
        succeeded = [status["createdAt"] for status in statuses if status["state"] == "SUCCESS"]
        began = [status["createdAt"] for status in statuses if status["state"] in BEGAN]
        given_up = not succeeded and bool(statuses) and statuses[-1]["state"] == "INACTIVE"
        if given_up or not self._is_ours(node) or not (succeeded or began):
            return None
        snapshot = self._snapshot(node["commit"] or {})
        if (succeeded and not snapshot) or not self.branch.has(node["commitOid"]):
            return None
        snapshot = snapshot or Snapshot(env=self.now.env, files=())
        # The records were asked for by name, and GitHub ignores the case of names.
        service = node["environment"][len(self.now.env) :].removeprefix("/")
        payload = read_payload(node["payload"])
        return Record(
            at=datetime.fromisoformat(min(succeeded or began)),
            name=node["environment"],
            sha=node["commitOid"],
            snapshot=snapshot,
            tags={name: tag for name, tag in snapshot.tags().items() if service in ("", name)},
            commits=payload.commits,
            adopted=payload.adopted,
            succeeded=bool(succeeded),
        )

    def _is_ours(self, node: Mapping[str, Any]) -> bool:
        return self.reader.config.is_deployer(str((node["creator"] or {}).get("login") or ""))

    def _snapshot(self, commit: Mapping[str, Any]) -> Snapshot | None:
        """Return the environment at *commit*, None if its files are missing or invalid there."""
        texts = {}
        for index, file in enumerate(self.now.files):
            blob = (commit.get(f"f{index}") or {}).get("object") or {}
            if blob.get("text"):
                texts[file.path] = blob["text"]
        snapshot = self.reader.layout.group(texts).get(self.now.env)
        try:
            return snapshot if snapshot and snapshot.tags() else None
        except EnvFileError:
            return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Payload:
    """What a record says of itself: the *run* and *attempt* that made it, and the commits that the tags named then.

    *adopted* means that it was not deployed: it ran there before there were records.
    """

    run: str = ""
    attempt: str = ""
    commits: Mapping[str, str] = field(default_factory=dict)
    adopted: bool = False

    def as_json(self) -> dict[str, object]:
        """Return what `read_payload` reads."""
        return {"run": self.run, "attempt": self.attempt, "commits": dict(self.commits), "adopted": self.adopted}


def read_payload(given: object) -> Payload:
    """Read the payload of a record, text (GraphQL) or not (REST); what is not ours says nothing."""
    try:
        value = json.loads(given) if isinstance(given, str) else given
    except ValueError:
        value = None
    if not isinstance(value, dict):
        return Payload()
    commits = value.get("commits")
    return Payload(
        run=str(value.get("run") or ""),
        attempt=str(value.get("attempt") or ""),
        commits={str(name): str(sha) for name, sha in commits.items()} if isinstance(commits, dict) else {},
        adopted=value.get("adopted") is True,
    )
