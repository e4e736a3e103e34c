"""How commits came to a branch: where they are on it, by whose push, and who pushed to a pull request last."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from actions.approval import login
from actions.evidence.facts import Movement, Rewrite
from actions.evidence.nodes import zulu

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from actions.evidence.facts import Pull


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """The commits of a branch, by *age*: when each was *made*, its *parents*, and its *places*, the newest being 0.

    A merge commit and all that it brought have one place. Those of the *trunk* have all that has a greater one. What
    decides whether something is recorded goes by parents: whoever pushes a merge chooses which of them stands first.
    """

    places: Mapping[str, int]
    made: Mapping[str, str]
    parents: Mapping[str, Sequence[str]]
    trunk: frozenset[str]
    age: Mapping[str, int]
    _contained: dict[str, int] = field(default_factory=dict, repr=False, compare=False)

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
            brought, _ = _brought(sha, parents, places)
            places |= dict.fromkeys(brought, place)
        made = {node["oid"]: zulu(node["committedDate"]) for node in listed}
        age = {sha: number for number, sha in enumerate(parents)}
        return cls(places=places, made=made, parents=parents, trunk=frozenset(trunk), age=age)

    def before(self, moment: str) -> str:
        """Return the newest commit from which on back all were made before *moment*, "" if there is none."""
        later = [place for sha, place in self.places.items() if self.made[sha] >= moment]
        first = max(later, default=-1) + 1
        return next((sha for sha in self.trunk if self.places[sha] == first), "")

    def contains(self, newer: str, older: str) -> bool:
        """Tell whether the commit *newer* has *older*; not if one of them is not on the branch."""
        if newer not in self.places or older not in self.places:
            return False
        if newer in self.trunk:
            return self.places[newer] <= self.places[older]
        if newer not in self._contained:  # a bit for each commit: of thousands there may be thousands
            self._contained[newer] = sum(1 << self.age[sha] for sha in self.up_to(newer))
        return bool(self._contained[newer] >> self.age[older] & 1)

    def up_to(self, sha: str) -> set[str]:
        """Return the commit *sha* and all that it stands on, nothing if it is not on the branch."""
        return _brought(sha, self.parents, ())[0]

    @property
    def first(self) -> str:
        """Return the commit that all others stand on, "" if there is no such one."""
        roots = [sha for sha, parents in self.parents.items() if not parents]
        return roots[0] if len(roots) == 1 else ""

    def merges_without(self, shas: Collection[str]) -> list[str]:
        """Return the commits with several parents that brought none of *shas*."""
        together: dict[int, list[str]] = {}
        for sha, place in self.places.items():
            together.setdefault(place, []).append(sha)

        def brought(merge: str) -> Iterable[str]:
            if merge in self.trunk:
                return together[self.places[merge]]
            return _brought(merge, self.parents, self.up_to(self.parents[merge][0]))[0]

        merges = [sha for sha, parents in self.parents.items() if len(parents) > 1]
        return [merge for merge in merges if not any(sha in shas for sha in brought(merge))]

    def sorted(self, shas: Collection[str]) -> list[str]:
        """Return *shas*, of this line, oldest first."""
        return sorted(shas, key=lambda sha: (-self.places[sha], -self.age[sha]))


def movements(activity: Sequence[Mapping[str, Any]], branch: str, line: Line) -> dict[str, Movement]:
    """Return how each commit came to *branch* first, by what GitHub wrote down of it, the newest first.

    A commit came by the move after which the branch had it and before which it had not.
    """
    found: dict[str, Movement] = {}
    for each, brought, _ in _moves(activity, branch, line):
        movement = Movement(kind=each["activity_type"], actor=login(each["actor"]), at=zulu(each["timestamp"]))
        found |= dict.fromkeys(brought, movement)
    return found


def rewrites(activity: Sequence[Mapping[str, Any]], branch: str, line: Line) -> list[Rewrite]:
    """Return when *branch* lost commits, or got one back that it had lost, oldest first.

    It loses them by a forced push, or because it is deleted.
    """
    found = []
    for each, _, known in _moves(activity, branch, line):
        back = any(not line.contains(each["before"], sha) for sha in known - {each["before"]})
        if back or each["activity_type"] in ("force_push", "branch_deletion"):
            found.append(
                Rewrite(
                    id=each["id"],
                    kind=each["activity_type"],
                    actor=login(each["actor"]),
                    at=zulu(each["timestamp"]),
                    before=each["before"],
                    after=each["after"],
                )
            )
    return found


def _moves(
    activity: Sequence[Mapping[str, Any]], branch: str, line: Line
) -> Iterator[tuple[Mapping[str, Any], set[str], set[str]]]:
    """Yield how *branch* moved, oldest first: the move, what came by it for the first time, and what that stands on."""
    seen: set[str] = set()
    for each in reversed(activity):
        if each["ref"] == f"refs/heads/{branch}":
            seen |= _brought(each["before"], line.parents, seen)[0]
            brought, known = _brought(each["after"], line.parents, seen)
            seen |= brought
            yield each, brought, known


def _brought(sha: str, parents: Mapping[str, Sequence[str]], known: Collection[str]) -> tuple[set[str], set[str]]:
    """Return what the commit *sha* has beside what is *known*, and what of that it stands on."""
    found: set[str] = set()
    reached: set[str] = set()
    waiting = [sha]
    while waiting:
        one = waiting.pop()
        if one in known:
            reached.add(one)
        elif one in parents and one not in found:
            found.add(one)
            waiting += parents[one]
    return found, reached


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
