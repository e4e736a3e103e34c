"""How commits came to a branch: their order on it, by whose push, and who pushed to a pull request last."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from actions.evidence.facts import Movement, Rewrite
from actions.evidence.timestamps import utc_text
from actions.gates.approval import login

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from actions.evidence.facts import Pull


@dataclass(frozen=True, kw_only=True, slots=True)
class BranchHistory:
    """The commits of a branch: when each was *made*, its *parents*, and its *position*, 0 being the head.

    A merge commit and all that it brought share a position. A commit of the *trunk* (the first parents) contains every
    commit with a higher position. Whether a commit is recorded depends on all its parents: whoever pushes a merge
    chooses which parent stands first.
    """

    position: Mapping[str, int]
    made: Mapping[str, str]
    parents: Mapping[str, Sequence[str]]
    trunk: frozenset[str]
    age: Mapping[str, int]
    _contained: dict[str, int] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, nodes: Iterable[Mapping[str, Any]]) -> BranchHistory:
        """Return the history of the commits *nodes*, each with its parents, newest first."""
        listed = list(nodes)
        parents = {node["oid"]: [parent["oid"] for parent in node["parents"]["nodes"]] for node in listed}
        trunk = []
        sha = listed[0]["oid"] if listed else ""
        while sha in parents:
            trunk.append(sha)
            sha = next(iter(parents[sha]), "")
        position: dict[str, int] = {}
        for number, sha in reversed([*enumerate(trunk)]):
            new, _ = _reachable(sha, parents, position)
            position |= dict.fromkeys(new, number)
        made = {node["oid"]: utc_text(node["committedDate"]) for node in listed}
        age = {sha: number for number, sha in enumerate(parents)}
        return cls(position=position, made=made, parents=parents, trunk=frozenset(trunk), age=age)

    def before(self, moment: str) -> str:
        """Return the newest trunk commit before which, itself included, all were made before *moment*, "" for none."""
        later = [position for sha, position in self.position.items() if self.made[sha] >= moment]
        first = max(later, default=-1) + 1
        return next((sha for sha in self.trunk if self.position[sha] == first), "")

    def contains(self, newer: str, older: str) -> bool:
        """Tell whether the commit *newer* contains *older*; False if one of them is not on the branch."""
        if newer not in self.position or older not in self.position:
            return False
        if newer in self.trunk:
            return self.position[newer] <= self.position[older]
        if newer not in self._contained:  # a bit for each commit: of thousands there may be thousands
            self._contained[newer] = sum(1 << self.age[sha] for sha in self.ancestors(newer))
        return bool(self._contained[newer] >> self.age[older] & 1)

    def ancestors(self, sha: str) -> set[str]:
        """Return the commit *sha* and all its ancestors, nothing if it is not on the branch."""
        return _reachable(sha, self.parents, ())[0]

    @property
    def first(self) -> str:
        """Return the only commit without a parent, "" if there are several."""
        roots = [sha for sha, parents in self.parents.items() if not parents]
        return roots[0] if len(roots) == 1 else ""

    def merges_without(self, shas: Collection[str]) -> list[str]:
        """Return the merge commits that brought none of *shas*."""
        together: dict[int, list[str]] = {}
        for sha, position in self.position.items():
            together.setdefault(position, []).append(sha)

        def brought(merge: str) -> Iterable[str]:
            if merge in self.trunk:
                return together[self.position[merge]]
            return _reachable(merge, self.parents, self.ancestors(self.parents[merge][0]))[0]

        merges = [sha for sha, parents in self.parents.items() if len(parents) > 1]
        return [merge for merge in merges if not any(sha in shas for sha in brought(merge))]

    def sorted(self, shas: Collection[str]) -> list[str]:
        """Return *shas*, all on this branch, oldest first."""
        return sorted(shas, key=lambda sha: (-self.position[sha], -self.age[sha]))


def movements(activity: Sequence[Mapping[str, Any]], branch: str, history: BranchHistory) -> dict[str, Movement]:
    """Return how each commit first came to *branch*, by GitHub's *activity*, which has the newest first.

    A commit came by the update after which the branch had it and before which it had not.
    """
    by_commit: dict[str, Movement] = {}
    for update, new, _ in _updates(activity, branch, history):
        movement = Movement(
            kind=update["activity_type"], actor=login(update["actor"]), at=utc_text(update["timestamp"])
        )
        by_commit |= dict.fromkeys(new, movement)
    return by_commit


def rewrites(activity: Sequence[Mapping[str, Any]], branch: str, history: BranchHistory) -> list[Rewrite]:
    """Return when *branch* lost commits, or got back one that it had lost, oldest first.

    It loses commits by a forced push, or by its deletion.
    """
    return [
        Rewrite(
            id=update["id"],
            kind=update["activity_type"],
            actor=login(update["actor"]),
            at=utc_text(update["timestamp"]),
            before=update["before"],
            after=update["after"],
        )
        for update, _, known in _updates(activity, branch, history)
        if update["activity_type"] in ("force_push", "branch_deletion")
        or any(not history.contains(update["before"], sha) for sha in known - {update["before"]})
    ]


def _updates(
    activity: Sequence[Mapping[str, Any]], branch: str, history: BranchHistory
) -> Iterator[tuple[Mapping[str, Any], set[str], set[str]]]:
    """Yield each update of *branch*, oldest first, with the commits that are new, and the known ones they stand on."""
    seen: set[str] = set()
    for update in reversed(activity):
        if update["ref"] == f"refs/heads/{branch}":
            seen |= _reachable(update["before"], history.parents, seen)[0]
            new, known = _reachable(update["after"], history.parents, seen)
            seen |= new
            yield update, new, known


def _reachable(sha: str, parents: Mapping[str, Sequence[str]], known: Collection[str]) -> tuple[set[str], set[str]]:
    """Return the commits reachable from *sha* that are not *known*, and the known ones at which the search ended."""
    new: set[str] = set()
    ends: set[str] = set()
    waiting = [sha]
    while waiting:
        commit = waiting.pop()
        if commit in known:
            ends.add(commit)
        elif commit in parents and commit not in new:
            new.add(commit)
            waiting += parents[commit]
    return new, ends


def last_pusher(activity: Iterable[Mapping[str, Any]], pull: Pull) -> str:
    """Return who pushed the last commit of *pull* before it was merged, "" if that is not known."""
    wanted = (f"refs/heads/{pull.branch}", pull.head)
    return next(
        (
            login(update["actor"])
            for update in activity
            if (update["ref"], update["after"]) == wanted and utc_text(update["timestamp"]) <= pull.merged_at
        ),
        "",
    )
