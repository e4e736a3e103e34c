"""Work out anew what the gates `after`, `soak`, `freeze`, `hold` and `artifact` said when a tag was deployed.

They depend on the time, or on what no other fact of a record says. The records of that time decide, and the stricter
`gitops.yml`. Of an image, the provenance is asked for: attestations stay, and what a registry had then nobody knows.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from actions.api.client import Client
from actions.app.facts import NotApplicable, Unknown
from actions.app.order import Order
from actions.app.release import Release
from actions.app.repository import AppRepository
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
from actions.infra.config import ATTESTED
from actions.tag_names import TagNames

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from actions.api.repository import Repository
    from actions.deployments.history import DeployedPeriod, Record
    from actions.evidence.facts import ChangeFacts, Deployment, Move, PullFacts
    from actions.evidence.holds import HoldHistory
    from actions.infra.config import Config, Environment
    from actions.infra.layout import Layout

WORKED_OUT = (Gate.AFTER, Gate.SOAK, Gate.FREEZE, Gate.HOLD, Gate.ARTIFACT)
NOT_ASKED = NotApplicable("another fact of the record says it")


@dataclass(frozen=True)
class VerdictReader:
    """Read the records of the environments of *infra*, as they are at *head*; each is read once."""

    infra: Repository
    config: Config
    layout: Layout
    head: str
    holds: HoldHistory
    app_repo: str
    app_token: str = field(repr=False)
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
            if policy.after or policy.freeze or self.config.hold or ATTESTED in policy.artifact
            for move in moves
            for gate in evaluate_gates(self._facts(change, move, policy, now))
            if gate.gate in WORKED_OUT
        }
        return tuple(found)

    def _facts(self, change: ChangeFacts, move: Move, policy: Environment, now: datetime) -> Facts:
        pull, env = change.commit.pull, change.environment
        hotfix, back = move.released == Release.HOTFIX, change.kind is Kind.ROLLBACK
        asked = ATTESTED in policy.artifact and bool(move.repository and self.config.image_of(move.service))
        read = known(partial(self._digest, change.commit.sha, move)) if asked else ""
        digest = "" if isinstance(read, Unknown) else read
        facts = Facts(
            change=Change(
                env=env, service=move.service, file=move.file, before=move.before, after=move.after, digest=digest
            ),
            policy=policy,
            now=now,
            order=Order(move.order) if move.order else Order.UNKNOWN,
            trailers=Trailers(reason=change.reason, freeze_override=pull.freeze_override if pull else ""),
            released=Release.HOTFIX if hotfix else NOT_ASKED,
            unreviewed=(),
            only_fixes=move.only_fixes,
            checks=NOT_ASKED,
            periods=known(partial(self._periods, policy.after, move, now)) if policy.after else NOT_ASKED,
            ran_here=known(lambda: bool(self._periods(env, move, now, digest))) if back else NOT_ASKED,
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
            unattested=read if isinstance(read, Unknown) else NOT_ASKED,
        )
        if not asked or isinstance(read, Unknown):
            return facts
        from actions.gates.artifact_facts import unattested  # runs another program

        return replace(facts, unattested=known(partial(unattested, self, facts)))

    def app(self, service: str) -> AppRepository | None:
        """Return the app repository of *service*, None if it has none."""
        repo, names = self.config.repo_of(service, self.app_repo), self.config.tag_names.get(service, TagNames())
        return AppRepository(Client(repo, self.app_token), names) if repo else None

    def _digest(self, commit: str, move: Move) -> str:
        """Return the digest beside the tag of *move* at the *commit* that moved it."""
        file = (self.infra.files_at(commit, [move.file]) or {}).get(move.file, "")
        return self.layout.env_file(move.file, file).digest(move.service)

    def _periods(self, env: str, move: Move, now: datetime, digest: str = "") -> tuple[DeployedPeriod, ...]:
        """Return when the artifact of *move* ran in *env*, as far as that was known at the time *now*."""
        then = (record for record in self._read(env) if record.at <= now and not record.adopted)
        periods = islice(deployed_periods(then, move.service), MOST_PERIODS)
        return tuple(p for p in periods if p.is_of(move.after, digest) and p.commit in ("", move.sha))

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
