"""Apply the gates at deployment: hold the changes that are refused or have to wait."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from actions.app.facts import Unknown
from actions.gates import report
from actions.gates.commit_reviews import CommitReviewer
from actions.gates.facts import known
from actions.gates.origin import Origin
from actions.gates.provenance import ProvenanceReader
from actions.gates.trailers import Trailers
from actions.infra.change import Change

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from actions.deployments.matrix import Difference
    from actions.gates.collect import EvaluatedChange, GateEvaluator


@dataclass(frozen=True, kw_only=True, slots=True)
class GatedChanges:
    """The *differences* that may be deployed, and every change that was *evaluated*."""

    differences: Sequence[Difference]
    evaluated: Sequence[EvaluatedChange]

    @property
    def held(self) -> list[EvaluatedChange]:
        """Return the changes that are kept from being deployed."""
        return [change for change in self.evaluated if change.worst]

    def as_output(self) -> list[dict[str, str]]:
        """Return the held changes as the `held` output, with an entry per closed gate."""
        return [entry for entry in report.as_output(self.held, []) if entry["reason"]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployable:
    """What differs in an environment from what was deployed there last, at the commit *since* ("": never)."""

    difference: Difference
    since: str


def apply_gates(evaluator: GateEvaluator, deployables: Sequence[Deployable], *, whole: bool) -> GatedChanges:
    """Evaluate every change of *deployables*, read at the head of *evaluator*, and remove the held ones.

    With *whole*, one held service holds its whole environment, because one job deploys all of it.
    """
    differences = [deployable.difference for deployable in deployables]
    changes = {difference.env: _changes(difference) for difference in differences}
    evaluator.prefetch(change for env_changes in changes.values() for change in env_changes)
    ground = (evaluator.infra, evaluator.judge, evaluator.layout, evaluator.head)
    pulls: dict[int, Mapping[str, Any]] = {}
    gates = _Gates(evaluator, ProvenanceReader(*ground, pulls=pulls), CommitReviewer(*ground, pulls=pulls))
    evaluated, kept = [], []
    for difference, since in ((deployable.difference, deployable.since) for deployable in deployables):
        results = [gates.evaluate(change, difference, since) for change in changes[difference.env]]
        held = {result.change.service for result in results if result.worst}
        changed = () if whole and held else tuple(s for s in difference.changed if s not in held)
        keeps_removed = held and (whole or held & set(difference.removed))
        kept.append(replace(difference, changed=changed, removed=() if keeps_removed else difference.removed))
        evaluated += results
    return GatedChanges(differences=kept, evaluated=evaluated)


def _changes(difference: Difference) -> list[Change]:
    """Return *difference* as changes; a removed service has no tag after the change."""
    removed = {
        service: difference.snapshots_before[service].file_of(service).path
        for service in difference.removed
        if service in difference.snapshots_before
    }
    return [
        Change(
            env=difference.env,
            service=service,
            file=file,
            before=difference.previous.get(service, ""),
            after=difference.tags.get(service, ""),
            digest_before=difference.digest_before(service),
            digest=difference.digest(service),
        )
        for service, file in ({s: difference.files[s] for s in difference.changed} | removed).items()
    ]


@dataclass(frozen=True, slots=True)
class _Gates:
    evaluator: GateEvaluator
    provenance: ProvenanceReader
    reviewer: CommitReviewer

    def evaluate(self, change: Change, difference: Difference, since: str) -> EvaluatedChange:
        deployed = difference.snapshots_before.get(change.service)
        origin = known(lambda: self.provenance.origin(change, deployed))
        unreviewed = known(lambda: self.reviewer.unreviewed(change.env, since))
        if isinstance(origin, Unknown):
            origin = Origin(trailers=Trailers(), freeze_label=False, approved=origin, texts=origin)
        return self.evaluator.evaluate(change, origin, unreviewed)
