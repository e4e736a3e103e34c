"""Read the jobs that ran for a commit, of workflows as a branch has them that only reviewed commits reach.

A check of GitHub Actions proves nothing: a workflow of any branch can post one, of any name, on any commit
(kurone-kito/idd-skill#2926). That a run had a job cannot be posted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actions.api.checks import ACTIONS_APP, PASSED, SKIPPED, Check, newest_runs
from actions.runner.event import BRANCH

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from typing import Any

    from actions.api.client import Client

PERMISSION = "actions: read"
# Events whose runs take workflow and code from the branch that they name.
EVENTS = ("push", "workflow_dispatch", "schedule")
# The check suite of a run holds a check run for each of its jobs (apache/devlake#3705). No parameter of the API makes a
# check run with steps (OpenAPI, "Create a check run"), and only Actions changes the conclusion of one that it made
# (GitHub changelog, 12 February 2025; LouisBrunner/checks-action#369).
SUITES = f"""checkSuites(first: 5, filterBy: {{appId: {ACTIONS_APP}}}) {{ pageInfo {{ hasNextPage }} nodes {{
    branch {{ prefix name }} workflowRun {{ event }}
    checkRuns(first: 10, filterBy: {{checkType: ALL}}) {{ pageInfo {{ hasNextPage }} nodes {{
        databaseId name status conclusion steps {{ totalCount }} }} }} }} }}"""
SUITES_PERMISSION = f"checks: read, {PERMISSION}"


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


def jobs_in(
    suites: Mapping[str, Any], is_release_branch: Callable[[str], bool], names: Collection[str]
) -> tuple[Check, ...] | None:
    """Return the jobs called *names* that `jobs_of` would, from an answer to SUITES; None if that does not tell.

    A check run without steps may be anybody's, a job that has not begun or one that was skipped.
    """
    jobs: list[Check | None] = []
    if suites["pageInfo"]["hasNextPage"]:
        return None
    for suite in suites["nodes"]:
        run, branch = suite["workflowRun"], suite["branch"]
        if not run or run["event"] not in EVENTS:
            continue
        if not branch or suite["checkRuns"]["pageInfo"]["hasNextPage"]:
            return None  # a branch that was deleted has no name here
        if branch["prefix"] == BRANCH and is_release_branch(branch["name"]):
            jobs += [_job(node) for node in suite["checkRuns"]["nodes"] if node["name"] in names]
    newest = newest_runs(job for job in jobs if job)
    return newest if all(jobs) and {job.name for job in newest} == {*names} else None


def _job(node: Mapping[str, Any]) -> Check | None:
    if not node["steps"]["totalCount"]:
        return None
    status, conclusion = node["status"].lower(), str(node["conclusion"] or "").lower()
    state = "pending" if status != "completed" else _state(conclusion)
    return Check(name=node["name"], app=None, state=state, conclusion=conclusion or status, run=int(node["databaseId"]))


def _state(conclusion: str) -> str:
    return "success" if conclusion in (*PASSED, SKIPPED) else "failure"
