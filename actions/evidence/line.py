"""How commits came to a branch: where they are on it, by whose push, and who pushed to a pull request last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from actions.approval import login
from actions.evidence.facts import Movement, Rewrite
from actions.evidence.nodes import zulu

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from actions.evidence.facts import Pull


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """The commits of a branch: when each was made, and its *places*, the newest being 0.

    A merge commit and all that it brought have one place: they came to be there together.
    """

    places: Mapping[str, int]
    made: Mapping[str, str]

    @classmethod
    def of(cls, nodes: Iterable[Mapping[str, Any]]) -> Line:
        """Return the line of the commits *nodes*, each with its parents, newest first."""
        listed = list(nodes)
        parents = {node["oid"]: [parent["oid"] for parent in node["parents"]["nodes"]] for node in listed}
        places: dict[str, int] = {}
        sha = listed[0]["oid"] if listed else ""
        trunk = []
        while sha in parents:
            trunk.append(sha)
            sha = next(iter(parents[sha]), "")
        for place, sha in reversed([*enumerate(trunk)]):
            brought = [sha]
            while brought:
                one = brought.pop()
                if one in parents and one not in places:
                    places[one] = place
                    brought += parents[one]
        return cls(places=places, made={node["oid"]: zulu(node["committedDate"]) for node in listed})

    def before(self, moment: str) -> str:
        """Return the newest commit from which on back all were made before *moment*, "" if there is none."""
        later = [place for sha, place in self.places.items() if self.made[sha] >= moment]
        first = max(later, default=-1) + 1
        return next((sha for sha, place in self.places.items() if place == first), "")


def movements(activity: Iterable[Mapping[str, Any]], branch: str, order: Mapping[str, int]) -> dict[str, Movement]:
    """Return how each commit came to *branch*; *order* is the place of each commit on it, the newest first."""
    found: dict[str, Movement] = {}
    for each in activity:
        end = order.get(each["after"]) if each["ref"] == f"refs/heads/{branch}" else None
        if end is None:
            continue
        start = order.get(each["before"], len(order))
        movement = Movement(kind=each["activity_type"], actor=login(each["actor"]), at=zulu(each["timestamp"]))
        found |= {sha: movement for sha, place in order.items() if end <= place < start}
    return found


def rewrites(activity: Iterable[Mapping[str, Any]], branch: str) -> list[Rewrite]:
    """Return when *branch* lost commits, oldest first: by a forced push, or because it was deleted."""
    return [
        Rewrite(
            id=each["id"],
            kind=each["activity_type"],
            actor=login(each["actor"]),
            at=zulu(each["timestamp"]),
            before=each["before"],
            after=each["after"],
        )
        for each in activity
        if each["ref"] == f"refs/heads/{branch}" and each["activity_type"] in ("force_push", "branch_deletion")
    ][::-1]


def last_pusher(activity: Iterable[Mapping[str, Any]], pull: Pull) -> str:
    """Return who moved the branch of *pull* to its last commit, before it was merged; "" if nobody is known to have."""
    wanted = (f"refs/heads/{pull.branch}", pull.head)
    return next(
        (
            login(each["actor"])
            for each in activity
            if (each["ref"], each["after"]) == wanted and zulu(each["timestamp"]) <= pull.merged_at
        ),
        "",
    )
