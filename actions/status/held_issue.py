"""Show what the gates hold in an environment as an issue of the infra repository, open for as long as it is held.

Whoever may label could otherwise have the bot close an issue that holds, or write over one: an issue is ours if the
account of the token opened it, with our title.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from actions.api.client import query
from actions.errors import ConfigError
from actions.gates.report import gates_table
from actions.infra.config import PATH
from actions.pull_request.description import fitted
from actions.pull_request.hold import LONGEST_LABEL, PERMISSION, open_issue
from actions.pull_request.side_work import SideWork
from actions.runner.markdown import escape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actions.api.repository import Repository
    from actions.gates.collect import EvaluatedChange
    from actions.gates.deploy_plan import DeployPlan
    from actions.runner.clock import Clock


ISSUES = query(
    variables={"labels": "[String!]"},
    fields="""hasIssuesEnabled
        issues(states: OPEN, labels: $labels, first: 100, orderBy: {field: UPDATED_AT, direction: DESC}) {
            nodes { number title viewerDidAuthor } }""",
)


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
    title, body = f"Held back: {env}", _body(env, held, run)
    numbers = _open_issues(infra, env, title)
    if held and not numbers:
        open_issue(infra, title, held_label(env), body)
    for number in numbers:
        changes = {"body": body} if held else {"state": "closed", "state_reason": "completed"}
        infra.client.rest("PATCH", f"/issues/{number}", changes, permission=PERMISSION)


def _open_issues(infra: Repository, env: str, title: str) -> list[int]:
    """Return the numbers of our open issues of *env*."""
    answer = infra.client.repository(ISSUES, {"labels": [held_label(env)]}, permission=PERMISSION)
    with infra.client.parsing():
        if not answer["hasIssuesEnabled"]:
            raise ConfigError(
                f"{PATH} has show-held, and {infra.name} has no issues; switch them on in its settings, or remove"
                " the key",
                file=PATH,
                line=1,
            )
        nodes = answer["issues"]["nodes"]
        return [node["number"] for node in nodes if node["viewerDidAuthor"] and node["title"] == title]


def _body(env: str, held: Sequence[EvaluatedChange], run: str) -> str:
    said = f"The branch says this of {escape(env)}, and it is not deployed:\n\n{gates_table(held)}"
    how = f"Judged by {run}. Every run of *Deploy* brings this issue up to date, and closes it when nothing is held.\n"
    return fitted(said, how)
