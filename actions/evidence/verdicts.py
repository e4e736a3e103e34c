"""Work out anew what the gates `after`, `soak`, `freeze` and `hold` said when a tag was deployed.

They are the gates that depend on the time. The records of that time decide, and the stricter `gitops.yml`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from actions.app.facts import NotApplicable
from actions.app.order import Order
from actions.app.release import Release
from actions.deployments.history import deployed_periods
from actions.deployments.records import RecordReader
from actions.deployments.replay import Replay
from actions.evidence.facts import Kind, Verdict
from actions.gates.collect import MOST_PERIODS
from actions.gates.facts import Facts, Gate, known
from actions.gates.rules import evaluate_gates
from actions.gates.trailers import Trailers
from actions.infra import remote
from actions.infra.change import Change

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from actions.api.repository import Repository
    from actions.deployments.history import DeployedPeriod, Record
    from actions.evidence.facts import ChangeFacts, Deployment, Move, PullFacts
    from actions.evidence.holds import HoldHistory
    from actions.infra.config import Config, Environment
    from actions.infra.layout import Layout

OF_TIME = (Gate.AFTER, Gate.SOAK, Gate.FREEZE, Gate.HOLD)
NOT_ASKED = NotApplicable("it does not depend on the time")


@dataclass(frozen=True)
class VerdictReader:
    """Read the records of the environments of *infra*, as they are at *head*; each is read once."""

    infra: Repository
    config: Config
    layout: Layout
    head: str
    holds: HoldHistory
    _records: dict[str, Replay[Record]] = field(default_factory=dict, repr=False)

    def verdicts(
        self, change: ChangeFacts, deployment: Deployment, policies: Iterable[Environment]
    ) -> tuple[Verdict, ...]:
        """Return what the gates said of *change* when *deployment* began; each of *policies* is asked."""
        part = deployment.environment.partition("/")[2]
        moves = [move for move in change.moves if move.after and part.casefold() in ("", move.service.casefold())]
        now = datetime.fromisoformat(deployment.created_at)
        found = {
            Verdict(service=move.service, gate=str(gate.gate), decision=str(gate.decision), message=gate.message): None
            for policy in policies
            if policy.after or policy.freeze or self.config.hold
            for move in moves
            for gate in evaluate_gates(self._facts(change, move, policy, now))
            if gate.gate in OF_TIME
        }
        return tuple(found)

    def _facts(self, change: ChangeFacts, move: Move, policy: Environment, now: datetime) -> Facts:
        pull, env = change.commit.pull, change.environment
        hotfix, back = move.released == Release.HOTFIX, change.kind is Kind.ROLLBACK
        return Facts(
            change=Change(env=env, service=move.service, file=move.file, before=move.before, after=move.after),
            policy=policy,
            now=now,
            order=Order(move.order) if move.order else Order.UNKNOWN,
            trailers=Trailers(reason=change.reason, freeze_override=pull.freeze_override if pull else ""),
            released=Release.HOTFIX if hotfix else NOT_ASKED,
            unreviewed=(),
            only_fixes=move.only_fixes,
            checks=NOT_ASKED,
            periods=known(partial(self._periods, policy.after, move, now)) if policy.after else NOT_ASKED,
            ran_here=known(lambda: bool(self._periods(env, move, now))) if back else NOT_ASKED,
            lost_commits=NOT_ASKED,
            approved=NOT_ASKED,
            unreviewed_commits=NOT_ASKED,
            freeze_label=_is_independent(pull),
            holds=self.holds.at(now, move.service) if self.config.hold else NOT_ASKED,
            was_replaced=NOT_ASKED,
            untracked=NOT_ASKED,
            emergency=change.asked_in_emergency,
            overdue=NOT_ASKED,
            stored=NOT_ASKED,
            unattested=NOT_ASKED,
        )

    def _periods(self, env: str, move: Move, now: datetime) -> tuple[DeployedPeriod, ...]:
        """Return when the tag of *move* ran in *env*, as far as that was known at the time *now*."""
        then = (record for record in self._read(env) if record.at <= now and not record.adopted)
        periods = islice(deployed_periods(then, move.service), MOST_PERIODS)
        return tuple(p for p in periods if p.is_of(move.after, "") and p.commit in ("", move.sha))

    def _read(self, env: str) -> Iterator[Record]:
        if env not in self._records:
            snapshot = remote.environment(self.infra, self.layout, self.head, env)
            reader = RecordReader(infra=self.infra, config=self.config, layout=self.layout)
            histories = reader.histories([snapshot]) if snapshot else []
            self._records[env] = Replay(record for history in histories for record in history.succeeded())
        return iter(self._records[env])


def _is_independent(pull: PullFacts | None) -> bool:
    """Tell whether who marked *pull* as an exception from a freeze did not contribute to it."""
    others = (pull.author, *pull.writers, *pull.requesters) if pull else ()
    return bool(pull and pull.freeze_label_by and pull.freeze_label_by not in others)
