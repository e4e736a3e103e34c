"""Show what the gates hold in an environment as an issue of the infra repository, open for as long as it is held."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from actions.app.facts import Unknown
from actions.errors import UnknownFactError
from actions.gates.holds import HoldReader
from actions.gates.report import gates_table
from actions.pull_request.hold import LONGEST_LABEL, PERMISSION, open_issue
from actions.pull_request.side_work import SideWork
from actions.runner.markdown import escape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actions.api.repository import Repository
    from actions.gates.collect import EvaluatedChange
    from actions.gates.deploy_plan import DeployPlan
    from actions.runner.clock import Clock


def held_label(env: str) -> str:
    """Return the label of the issue that shows what is held in *env*."""
    return f"held-back:{env}"[:LONGEST_LABEL]


def show_held(infra: Repository, plan: DeployPlan, run: str, clock: Clock) -> list[str]:
    """Open, update or close the issue of each environment that *plan*, made by *run*, judged; return warnings."""
    side_work, held = SideWork(clock), plan.held
    envs = [diff.env for diff in plan.differences if diff.env not in plan.superseded]
    for env in envs:
        items = [item for item in held if item.change.env == env]
        side_work.attempt(
            f"the issue of what is held in {env} is not up to date", partial(_show, infra, env, items, run)
        )
    return side_work.warnings


def _show(infra: Repository, env: str, held: Sequence[EvaluatedChange], run: str) -> None:
    label = held_label(env)
    issues = HoldReader(infra).labeled([label])
    if isinstance(issues, Unknown):
        raise UnknownFactError(issues.missing)
    body = _body(env, held, run)
    if held and not issues:
        open_issue(infra, f"Held back: {env}", label, body)
    for issue in issues:
        changes = {"body": body} if held else {"state": "closed", "state_reason": "completed"}
        infra.client.rest("PATCH", f"/issues/{issue.number}", changes, permission=PERMISSION)


def _body(env: str, held: Sequence[EvaluatedChange], run: str) -> str:
    return (
        f"The branch says this of {escape(env)}, and it is not deployed:\n\n{gates_table(held)}\n"
        f"Judged by {run}. Every run of *Deploy* brings this issue up to date, and closes it when nothing is held.\n"
    )
