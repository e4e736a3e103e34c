"""Write deployment records, and find those that a run has written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from actions.deployments.records import Payload, read_payload

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from actions.api.client import Client
    from actions.infra.config import Config
    from actions.runner.environment import Run

WRITE = "deployments: write"
READ = "deployments: read"


@dataclass(frozen=True, kw_only=True, slots=True)
class WrittenRecord:
    """A record of the environment *name*, which a run has written."""

    number: int
    name: str
    payload: Payload


@dataclass(frozen=True)
class DeploymentWriter:
    """Write the deployment records of one repository."""

    client: Client

    def create(self, environment: str, sha: str, payload: object, *, description: str = "") -> int:
        """Create a deployment record of *sha* to *environment*, and return its number.

        By default GitHub merges the default branch first and requires all checks to succeed. Both are switched off,
        because the gates have decided already (docs.github.com, "Create a deployment").
        """
        values = {
            "ref": sha,
            "environment": environment,
            "auto_merge": False,
            "required_contexts": [],
            "payload": payload,
            "description": description,
        }
        with self.client.parsing():
            return int(self.client.rest("POST", "/deployments", values, permission=WRITE)["id"])

    def set_state(self, number: int, state: str, log_url: str) -> None:
        """Set the *state* of the deployment *number*. A success makes the deployments before it inactive."""
        values = {"state": state, "log_url": log_url}
        self.client.rest("POST", f"/deployments/{number}/statuses", values, permission=WRITE, fresh=True)

    def begin(self, config: Config, sha: str, names: Mapping[str, Mapping[str, str]], run: Run) -> None:
        """Record that *sha* is being deployed to *names*, each with the commits that its tags name.

        What an earlier try of the same attempt of *run* has recorded is not recorded again.
        """
        there = {record.name for record in self.of_run(config, sha, run.id) if record.payload.attempt == run.attempt}
        for name, commits in names.items():
            if name not in there:
                payload = Payload(run=run.id, attempt=run.attempt, commits=commits).as_json()
                self.set_state(self.create(name, sha, payload), "in_progress", run.url)

    def of_run(self, config: Config, sha: str, run: str) -> list[WrittenRecord]:
        """Return the newest record of each environment that the run *run* at the commit *sha* has written."""
        found = {
            record.name: record for record in reversed([*self._of_commit(config, sha)]) if record.payload.run == run
        }
        return list(found.values())

    def _of_commit(self, config: Config, sha: str) -> Iterator[WrittenRecord]:
        for page in self.client.pages(f"/deployments?sha={sha}&per_page=100", permission=READ):
            with self.client.parsing():
                for entry in page:
                    if config.is_deployer(str((entry["creator"] or {}).get("login") or "")):
                        payload = read_payload(entry["payload"])
                        yield WrittenRecord(number=int(entry["id"]), name=entry["environment"], payload=payload)
