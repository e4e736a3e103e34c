"""What is delivered, and the evidence of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from actions import export_evidence
from actions.evidence.ledger import Ledger
from actions.evidence.records import read_records
from actions.runner.clock import Clock
from sandbox.delivery import Delivery
from sandbox.faults import Fault, When
from tests.sandbox.scenarios import GitHub

if TYPE_CHECKING:
    from sandbox.state import Pull
    from tests.support import Result

ACTION = "action-export-evidence"
INFRA, APP = "your-org/infra", "your-org/app"
FILE = "evidence/evidence.jsonl"
TREE = "GET /repos/{owner}/{repo}/git/trees/{tree_sha}"


@dataclass(kw_only=True)
class Exported(Delivery):
    """What is delivered, and the evidence of it."""

    github: GitHub
    now: datetime | None = None

    def without_rules(self) -> None:
        self.github.world.infra.rulesets.clear()

    @property
    def newest(self) -> Pull:
        return list(self.github.world.infra.pulls.values())[-1]

    def export(self, **inputs: str) -> Result:
        """Run the action; time flies where it waits."""
        wall = (self.now or datetime.now(UTC)).timestamp
        clock = Clock(now=lambda: sum(self.github.slept), wall=wall, sleep=self.github._sleep)
        given = {"token": self.github.world.tokens["olivia"], "app-repo": APP, **inputs}
        return self.github.runner.run(ACTION, lambda: export_evidence.main(clock), **given)

    def export_again(self, faults: dict[When, Fault]) -> Result:
        """Export anew, with *faults*."""
        (self.github.runner.workspace / FILE).unlink(missing_ok=True)
        self.github.sandbox.faults.plan(faults)
        result = self.export()
        self.github.sandbox.faults.plan({})
        return result

    def records(self, result: Result | None = None) -> list[dict[str, Any]]:
        """Export, and return the records, each with what follows from its facts."""
        result = result or self.export()
        assert result.exit_code == 0, result.log
        lines = self.lines()
        return [shown(line, lines[0]) for line in lines if line["record"] != "list"]

    def lines(self) -> list[dict[str, Any]]:
        """Return the records as they are written."""
        return [json.loads(line) for line in self.github.runner.read(FILE).splitlines()]

    def last(self, result: Result | None = None) -> dict[str, Any]:
        """Export, and return the record of the newest change."""
        return [record for record in self.records(result) if record["record"] == "change"][-1]


def shown(line: dict[str, Any], start: dict[str, Any]) -> dict[str, Any]:
    """Return a line of the records as the page shows it."""
    view = (
        Ledger.of(read_records([start, line])).view() if line["record"] not in ("start", "amendment", "list") else None
    )
    found = [*view.changes, *view.others] if view else [{}]
    return {**line, **json.loads(json.dumps(found[0])), "previous": line["previous"]}


def exceptions(record: dict[str, Any]) -> list[str]:
    return sorted({found["exception"] for found in record["exceptions"]})


def told(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return *records* without when they were collected."""
    return [
        {name: value for name, value in record.items() if name not in ("collected", "previous")} for record in records
    ]
