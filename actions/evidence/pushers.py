"""Find the last pusher of the pull request that brought a commit."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from actions.evidence.activity import Activity
from actions.evidence.branch_history import last_pusher

if TYPE_CHECKING:
    from collections.abc import Callable

    from actions.api.client import Client
    from actions.evidence.facts import CommitFacts
    from actions.evidence.unknowns import Unknowns

    Fact = TypeVar("Fact")


@dataclass(frozen=True)
class Pushers:
    """Read the branch activity of repositories since *earliest*, once each; failures go to *unknown*."""

    earliest: str
    unknown: Unknowns
    _activities: dict[str, Activity] = field(default_factory=dict, repr=False)

    def read(self, client: Client, read: Callable[[Activity], Fact], otherwise: Fact) -> Fact:
        """Return what *read* returns for the branch activity of the client's repository, *otherwise* if it cannot."""
        name = activity_of(client.name)
        if name in self.unknown.why:
            return otherwise
        activity = self._activities.setdefault(client.name, Activity(client))
        return self.unknown.read(name, lambda: read(activity), otherwise)

    def with_pusher(self, commit: CommitFacts, client: Client, unknown: Unknowns) -> CommitFacts:
        """Return *commit* with the last pusher of its pull request."""
        if not commit.pull:
            return commit
        pull, name = commit.pull, activity_of(client.name)
        pusher = self.read(client, lambda activity: last_pusher(activity.since(self.earliest), pull), "")
        unknown.take(name, self.unknown)
        if not pusher and name not in self.unknown.why:
            unknown.add(f"the last pusher of {client.name}#{pull.number} ({pull.branch})")
        return replace(commit, pull=replace(pull, last_pusher=pusher))


def activity_of(repository: str) -> str:
    """Name the branch activity of *repository* as an unknown fact."""
    return f"branch activity of {repository}"
