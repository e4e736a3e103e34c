"""The gates once more, at the time of deployment: what is refused, or has to wait, is held back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from actions import gate_report, gates, provenance
from actions.change import Change
from actions.errors import AccessError
from actions.gates import Unknown
from actions.trailers import Said

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actions.judging import Judge, Judged
    from actions.matrix import Difference


@dataclass(frozen=True, kw_only=True, slots=True)
class Holding:
    """What may be deployed, and what was judged on the way."""

    differences: Sequence[Difference]
    judged: Sequence[Judged]

    @property
    def held(self) -> list[Judged]:
        """Return what is held back."""
        return [each for each in self.judged if each.worst]

    def as_output(self) -> list[dict[str, str]]:
        """Return what is held back, in the words of the `held` output."""
        return [entry for entry in gate_report.as_output(self.held, []) if entry["reason"]]


def hold(judge: Judge, head: str, differences: Sequence[Difference], *, whole: bool) -> Holding:
    """Judge every change of *differences*, which are those of the commit *head*.

    With *whole*, an environment of which a service is held is held as a whole, because one job deploys all of it.
    """
    changes = {difference.env: _changes(difference) for difference in differences}
    judge.look(change for some in changes.values() for change in some)
    judged, kept = [], []
    for difference in differences:
        found = [_judged(judge, head, change, difference) for change in changes[difference.env]]
        held = {each.change.service for each in found if each.worst}
        goes = () if whole and held else tuple(s for s in difference.changed if s not in held)
        stays = held and (whole or held & set(difference.removed))
        kept.append(replace(difference, changed=goes, removed=() if stays else difference.removed))
        judged += found
    return Holding(differences=kept, judged=judged)


def _changes(difference: Difference) -> list[Change]:
    """Return what is to change; a service that goes has no tag after it."""
    gone = {
        service: difference.beside[service].file_of(service).path
        for service in difference.removed
        if service in difference.beside
    }
    return [
        Change(
            env=difference.env,
            service=service,
            file=file,
            before=difference.previous.get(service, ""),
            after=difference.tags.get(service, ""),
        )
        for service, file in ({s: difference.files[s] for s in difference.changed} | gone).items()
    ]


def _judged(judge: Judge, head: str, change: Change, difference: Difference) -> Judged:
    deployed = difference.beside.get(change.service)
    try:
        origin = provenance.origin(judge.infra, judge.config, judge.layout, change, deployed, head)
    except AccessError as error:
        return judge.judge(change, Said(), approved=Unknown(str(error)))
    judged = judge.judge(change, origin.said, approved=origin.approved, freeze_label=origin.freeze_label)
    if not origin.bot:
        return judged
    return replace(judged, findings=(*judged.findings, gates.only_tags(origin.bot, origin.foreign)))
