"""What is to be deployed, what is left out of it and why, in words and as tables."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from actions.runner import markdown
from actions.runner.markdown import escape, format_tag
from actions.tags import short

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from actions.deployments.baseline import DeployedDiff
    from actions.deployments.matrix import Difference
    from actions.gates.collect import EvaluatedChange
    from actions.gates.enforce import GatedChanges


class Reason(StrEnum):
    """What the matrix holds, and why."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    ALL = "all"
    NO_BASE = "no-base"
    NEW_BRANCH = "new-branch"
    FORCED_PUSH = "forced-push"
    LOST_HISTORY = "lost-history"
    NO_DEPLOYMENT = "no-deployment"
    SUPERSEDED = "superseded"
    HELD = "held"


BECAUSE = {
    Reason.ALL: "only-changed is false",
    Reason.NO_BASE: "the event names no commit before it",
    Reason.NEW_BRANCH: "the branch is new",
    Reason.FORCED_PUSH: "the branch was rewritten by a forced push",
    Reason.LOST_HISTORY: "the commit before is in neither the checkout nor the repository",
    Reason.NO_DEPLOYMENT: "nothing is recorded as deployed",
    Reason.SUPERSEDED: "the branch says something else by now",
    Reason.HELD: "the gates hold it back",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class DeployPlan:
    """What differs, from which *revision* or why from none, and what of it is left out.

    *deployed* is what is known of the last deployments, in the order of *differences*; empty if they were not asked
    for. *gated* is what the gates say, None if they were not asked. *adopted* are environments that were taken as they
    are.
    """

    differences: Sequence[Difference]
    reason: Reason
    revision: str = ""
    deployed: Sequence[DeployedDiff] = ()
    gated: GatedChanges | None = None
    adopted: Sequence[str] = ()

    @property
    def superseded(self) -> list[str]:
        """Return the environments that differ and of which the branch says something else by now."""
        return [diff.difference.env for diff in self.deployed if diff.superseded and diff.differs]

    @property
    def unfinished(self) -> list[str]:
        """Return the services of which another deployment may have left something half done."""
        return [f"{diff.difference.env}/{service}" for diff in self.deployed for service in diff.unfinished]

    @property
    def held(self) -> Sequence[EvaluatedChange]:
        """Return what the gates hold back."""
        return self.gated.held if self.gated else ()


def because_of(plan: DeployPlan, reason: Reason) -> str:
    """Return what the plan is compared with, or why with nothing; with a space before it, for a sentence."""
    if reason in BECAUSE:
        return f" ({BECAUSE[reason]})"
    return f" since {short(plan.revision)}" if plan.revision else ""


def left_out(plan: DeployPlan) -> str:
    """Return what is not deployed, and what else is to be known of it."""
    superseded = ", ".join(plan.superseded)
    parts = [f"; the branch says something else by now of {superseded}"] if superseded else []
    parts += [f"; taken as it is: {', '.join(plan.adopted)}"] if plan.adopted else []
    unfinished = ", ".join(plan.unfinished)
    parts += [f"; a deployment of something else began and did not succeed in {unfinished}"] if unfinished else []
    return "".join(parts)


def held_back(plan: DeployPlan) -> tuple[str, ...]:
    """Return what is held and why, for warnings that mark the run."""
    return tuple(f"held: {h.change.env} {h.change.service}: {h.worst.message}" for h in plan.held if h.worst)


def summary(plan: DeployPlan, entries: Sequence[Mapping[str, object]], because: str) -> str:
    """Return the tables of services, those that are deployed or held first, and of gates."""
    deployed = {(entry["env"], entry.get("service")) for entry in entries}
    held = {(item.change.env, item.change.service) for item in plan.held}
    rows: list[tuple[int, list[str]]] = []
    for difference in plan.differences:
        going = [s for s in difference.tags if {(difference.env, None), (difference.env, s)} & deployed]
        digests = difference.now.digests(going)
        for service, tag in difference.tags.items():
            before = difference.previous.get(service, "")
            arrow = f"{format_tag(before)} → " if before and before != tag else ""
            is_held = (difference.env, service) in held
            rank, mark = (0, "🚀") if service in digests else (1, "✋") if is_held else (2, "–")
            cell = f"{arrow}{format_tag(tag, digests.get(service, ''))}"
            rows.append((rank, [escape(difference.env), escape(service), cell, mark]))
    rows.sort(key=lambda row: row[0])
    table = markdown.table(("environment", "service", "tag", "deploy"), [cells for _, cells in rows], centered=1)
    return f"### Deploy{because}\n\n{table}{_gates(plan)}"


def _gates(plan: DeployPlan) -> str:
    if not plan.gated or not plan.gated.evaluated:
        return ""
    from actions.gates import report

    return f"\n#### Gates\n\n{report.gates_table(plan.gated.evaluated)}"
