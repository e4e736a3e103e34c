"""Find what was deployed: the deployments that brought a change, and those that brought what no change explains."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from actions.evidence.facts import Deployment, StrayDeployment
from actions.evidence.ledger import Known

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from actions.evidence.branch_history import BranchHistory
    from actions.evidence.deployments import DeploymentRecord
    from actions.evidence.facts import Movement
    from actions.evidence.runs import RunReader
    from actions.evidence.unknowns import Unknowns


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """The deployment *records* of an environment, newest first, of commits of the branch with *history*.

    *movements* brought the commits to the branch. What is *known* was found by an earlier run.
    """

    records: Sequence[DeploymentRecord]
    runs: RunReader
    unknown: Unknowns
    history: BranchHistory
    movements: Mapping[str, Movement]
    known: Known = field(default_factory=Known)

    @cached_property
    def in_force(self) -> list[DeploymentRecord]:
        """Return the records of the pipeline that succeeded."""
        return [record for record in self.records if record.succeeded_at and record.counts]

    def prefetch(self) -> None:
        """Read the runs of all deployments that are not known, if they are many."""
        new = [record for record in self.in_force if record.number not in self.known.deployments]
        self.runs.prefetch([(record.url, record.created_at) for record in new])

    def strays(self) -> list[StrayDeployment]:
        """Return the successful deployments, oldest first, of commits that were not on the branch at the time.

        And those that others than the pipeline recorded, who may have deployed anything.
        """
        succeeded = [record for record in self.records[::-1] if record.succeeded_at]
        found = [r for r in succeeded if not r.counts or not self._was_on_branch(r.sha) or self._is_early(r)]
        return [
            StrayDeployment(
                id=record.number,
                environment=record.name,
                sha=record.sha,
                by=record.creator,
                counts=record.counts,
                at=record.succeeded_at,
                url=record.url,
            )
            for record in found
        ]

    @property
    def open_since(self) -> str:
        """Return when the oldest deployment was recorded that has not succeeded, else the newest; "" if none was."""
        waiting = [record.created_at for record in self.records if not record.succeeded_at]
        return min([*waiting, *(record.created_at for record in self.records[:1])], default="")

    @property
    def is_complete(self) -> bool:
        """Tell whether it is known of every deployment whether its commit was on the branch."""
        return all(
            not record.succeeded_at or record.number in self.known.strays or self._was_on_branch(record.sha)
            for record in self.records
        )

    def _was_on_branch(self, sha: str) -> bool:
        return sha in self.history.position or sha in self.known.commits

    def _is_early(self, record: DeploymentRecord) -> bool:
        """Tell whether the commit was deployed before it came to the branch."""
        movement = self.movements.get(record.sha)
        return movement is not None and record.succeeded_at < movement.at

    def of(self, sha: str, services: Sequence[str]) -> tuple[tuple[Deployment, ...], tuple[str, ...]]:
        """Return the deployments that brought *services*, as of the commit *sha*, and the services not yet deployed.

        The first deployment that contains the commit counts: of the service, of the whole environment or, for the
        service "", of anything in it.
        """
        later = [
            record
            for record in self.in_force[::-1]
            if self.history.contains(record.sha, sha) and not self._is_early(record)
        ]

        def reaches(record: DeploymentRecord, service: str) -> bool:
            _, _, part = record.name.partition("/")
            return not part or not service or part.casefold() == service.casefold()

        first = {service: next((record for record in later if reaches(record, service)), None) for service in services}
        reached = {record.number: self._deployment(record) for record in first.values() if record}
        return tuple(reached.values()), tuple(service for service, record in first.items() if not record)

    def _deployment(self, record: DeploymentRecord) -> Deployment:
        same = [r for r in self.records if (r.sha, r.name) == (record.sha, record.name)]
        failed = [r for r in same if r.counts and not r.succeeded_at]
        return Deployment(
            id=record.number,
            environment=record.name,
            sha=record.sha,
            creator=record.creator,
            created_at=record.created_at,
            succeeded_at=record.succeeded_at,
            failed_before=len(failed),
            url=record.url,
            adopted=record.adopted,
            run=self.unknown.read(run_of(record.url), lambda: self.runs.run(record.url, record.sha), None),
        )


def run_of(url: str) -> str:
    """Name the workflow run at *url* as an unknown fact."""
    return f"workflow run {url}"
