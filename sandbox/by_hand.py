"""What a person has this machine do that on GitHub only time does: the moment of a schedule comes.

It is no part of GitHub's API, so it has an address of its own: `POST /sandbox/{owner}/{repo}/schedule/{file}`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox import events
from sandbox.behaviour import Refusal
from sandbox.rest.call import allowed, found
from sandbox.triggers import FOLDER, triggers_of, workflows_at

if TYPE_CHECKING:
    from sandbox.behaviour import Behaviour
    from sandbox.state import Token

ROOT = "/sandbox/"


def schedule(github: Behaviour, token: Token, verb: str, path: str) -> dict[str, Any]:
    """Have the schedules of a workflow of the default branch come, once each; return what was started."""
    parts = path.removeprefix(ROOT).split("/")
    if verb != "POST" or len(parts) != 4 or parts[2] != "schedule":
        raise Refusal(404, "the sandbox has POST /sandbox/{owner}/{repo}/schedule/{file}")
    repo = allowed(github.state.repos.get(f"{parts[0]}/{parts[1]}".lower()), token, "write", "actions")
    workflows = dict(workflows_at(repo, found(repo.git.head(repo.default_branch))))
    workflow = found(workflows.get(FOLDER + parts[3]) or None)
    crons = [each["cron"] for each in triggers_of(workflow).get("schedule") or ()]
    if not crons:
        raise Refusal(422, f"{parts[3]} has no schedule")
    for cron in crons:
        events.scheduled(github, repo, token.user, FOLDER + parts[3], cron)
    return {"schedule": crons}
