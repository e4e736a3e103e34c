"""Find the last pusher of the pull request that brought a commit."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from actions.evidence.branch import BranchReader
from actions.evidence.branch_history import last_pusher

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actions.api.client import Client
    from actions.evidence.facts import CommitFacts
    from actions.evidence.unknowns import Unknowns


@dataclass(frozen=True)
class Pushers:
    """Read the branch activity of repositories since *earliest*, once each; failures go to *unknown*."""

    earliest: str
    unknown: Unknowns
    _activities: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict, repr=False)

    def activity(self, client: Client) -> list[Mapping[str, Any]]:
        """Return the branch activity of the client's repository, newest first."""
        if client.name not in self._activities:
            name = activity_of(client.name)
            self._activities[client.name] = self.unknown.read(
                name, lambda: BranchReader(client).activity(self.earliest), []
            )
        return self._activities[client.name]

    def with_pusher(self, commit: CommitFacts, client: Client, unknown: Unknowns) -> CommitFacts:
        """Return *commit* with the last pusher of its pull request."""
        if not commit.pull:
            return commit
        pusher = last_pusher(self.activity(client), commit.pull)
        unknown.take(activity_of(client.name), self.unknown)
        if not pusher and activity_of(client.name) not in self.unknown.why:
            unknown.add(f"the last pusher of {client.name}#{commit.pull.number} ({commit.pull.branch})")
        return replace(commit, pull=replace(commit.pull, last_pusher=pusher))


def activity_of(repository: str) -> str:
    """Name the branch activity of *repository* as an unknown fact."""
    return f"branch activity of {repository}"
