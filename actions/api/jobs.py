"""Read the jobs that ran for a commit, of workflows as a branch has them that only reviewed commits reach.

A check of GitHub Actions proves nothing: a workflow of any branch can post one, of any name, on any commit
(kurone-kito/idd-skill#2926). That a run had a job cannot be posted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actions.api.checks import PASSED, SKIPPED, Check, newest_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from actions.api.client import Client

PERMISSION = "actions: read"
# Events whose runs take workflow and code from the branch that they name.
EVENTS = ("push", "workflow_dispatch", "schedule")


def jobs_of(client: Client, sha: str, is_release_branch: Callable[[str], bool]) -> tuple[Check, ...]:
    """Return the jobs for the commit *sha* of runs on branches that release commits, the newest of each name."""
    return newest_runs(_jobs(client, sha, is_release_branch))


def _jobs(client: Client, sha: str, is_release_branch: Callable[[str], bool]) -> Iterator[Check]:
    pages = client.pages(f"/actions/runs?head_sha={sha}&per_page=100", permission=PERMISSION)
    with client.parsing():
        for run in (run for page in pages for run in page["workflow_runs"]):
            if run["event"] not in EVENTS or not is_release_branch(run["head_branch"] or ""):
                continue
            for page in client.pages(f"/actions/runs/{run['id']}/jobs?per_page=100", permission=PERMISSION):
                for job in page["jobs"]:
                    state = "pending" if job["status"] != "completed" else _state(str(job["conclusion"]))
                    conclusion = job["conclusion"] or job["status"]
                    yield Check(name=job["name"], app=None, state=state, conclusion=conclusion, run=int(job["id"]))


def _state(conclusion: str) -> str:
    return "success" if conclusion in (*PASSED, SKIPPED) else "failure"
