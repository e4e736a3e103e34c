"""Work out how commits came to a branch: their order, the push or merge of each, the last pusher of a pull request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from actions.evidence.facts import Movement, Rewrite
from actions.evidence.timestamps import utc_text
from actions.gates.approval import login

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from actions.evidence.facts import PullFacts


@dataclass(frozen=True, kw_only=True, slots=True)
class BranchHistory:
    """The commits of a branch: commit dates (*made*), *parents*, and *position* (0 is the head).

    *trunk* holds the first parents. A merge commit of the trunk shares its position with all commits that it brought,
    and a trunk commit contains every commit with a higher position. Whether a commit is recorded depends on all of its
    parents, because whoever pushes a merge chooses the first one.
    """

    position: Mapping[str, int]
    made: Mapping[str, str]
    parents: Mapping[str, Sequence[str]]
    trunk: frozenset[str]
    age: Mapping[str, int]
    _contained: dict[str, int] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, nodes: Iterable[Mapping[str, Any]]) -> BranchHistory:
        """Build the history from *nodes* of a query, newest first, each with its parents."""
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
        """Return the newest trunk commit that, like all its ancestors, was made before *moment*, "" for none."""
        later = [position for sha, position in self.position.items() if self.made[sha] >= moment]
        first = max(later, default=-1) + 1
        return next((sha for sha in self.trunk if self.position[sha] == first), "")

    def contains(self, newer: str, older: str) -> bool:
        """Tell whether the commit *newer* contains *older*; False if one of them is not on the branch."""
        if newer not in self.position or older not in self.position:
            return False
        if newer in self.trunk:
            return self.position[newer] <= self.position[older]
        if newer not in self._contained:  # one bit per commit: thousands of merges times thousands of commits
            self._contained[newer] = sum(1 << self.age[sha] for sha in self.ancestors(newer))
        return bool(self._contained[newer] >> self.age[older] & 1)

    def ancestors(self, sha: str) -> set[str]:
        """Return the commit *sha* and all its ancestors, an empty set if it is not on the branch."""
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
    """Return the movement by which each commit first came to *branch*, from GitHub's *activity*, newest first.

    That is the first update after which the branch contained the commit.
    """
    by_commit: dict[str, Movement] = {}
    for update, new, _ in _updates(activity, branch, history):
        movement = Movement(
            kind=update["activity_type"], actor=login(update["actor"]), at=utc_text(update["timestamp"])
        )
        by_commit |= dict.fromkeys(new, movement)
    return by_commit


def rewrites(activity: Sequence[Mapping[str, Any]], branch: str, history: BranchHistory) -> list[Rewrite]:
    """Return the updates by which *branch* lost commits, or regained lost ones, oldest first.

    A branch loses commits by a forced push or by its deletion.
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
    """Yield the updates of *branch*, oldest first, with the commits new in each and the known ones they build on."""
    seen: set[str] = set()
    for update in reversed(activity):
        if update["ref"] == f"refs/heads/{branch}":
            seen |= _reachable(update["before"], history.parents, seen)[0]
            new, known = _reachable(update["after"], history.parents, seen)
            seen |= new
            yield update, new, known


def _reachable(sha: str, parents: Mapping[str, Sequence[str]], known: Collection[str]) -> tuple[set[str], set[str]]:
    """Return the unknown commits reachable from *sha*, and the *known* ones at which the search ended."""
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


def last_pusher(activity: Iterable[Mapping[str, Any]], pull: PullFacts) -> str:
    """Return who pushed the last commit of *pull* before the merge, "" if unknown."""
    last_push = (f"refs/heads/{pull.branch}", pull.head)
    return next(
        (
            login(update["actor"])
            for update in activity
            if (update["ref"], update["after"]) == last_push and utc_text(update["timestamp"]) <= pull.merged_at
        ),
        "",
    )
