"""Apply the gates at deployment: hold the changes that are refused or have to wait."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from actions.app.facts import Unknown
from actions.errors import AccessError
from actions.gates import report, rules
from actions.gates.provenance import ProvenanceReader
from actions.gates.trailers import Trailers
from actions.infra.change import Change

if TYPE_CHECKING:
    from collections.abc import Sequence

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


def apply_gates(evaluator: GateEvaluator, head: str, differences: Sequence[Difference], *, whole: bool) -> GatedChanges:
    """Evaluate every change of *differences*, read at the commit *head*, and remove the held ones.

    With *whole*, one held service holds its whole environment, because one job deploys all of it.
    """
    changes = {difference.env: _changes(difference) for difference in differences}
    evaluator.prefetch(change for env_changes in changes.values() for change in env_changes)
    provenance = ProvenanceReader(evaluator.infra, evaluator.config, evaluator.layout, head)
    evaluated, kept = [], []
    for difference in differences:
        results = [_evaluate(evaluator, provenance, change, difference) for change in changes[difference.env]]
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


def _evaluate(
    evaluator: GateEvaluator, provenance: ProvenanceReader, change: Change, difference: Difference
) -> EvaluatedChange:
    deployed = difference.snapshots_before.get(change.service)
    try:
        origin = provenance.origin(change, deployed)
    except AccessError as error:
        return evaluator.evaluate(change, Trailers(), approved=Unknown(str(error)), freeze_label=False)
    result = evaluator.evaluate(change, origin.trailers, approved=origin.approved, freeze_label=origin.freeze_label)
    if not origin.bot:
        return result
    return replace(result, results=(*result.results, rules.only_tags(origin.bot, origin.foreign)))
