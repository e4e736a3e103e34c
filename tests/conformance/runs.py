"""What runs of workflows leave behind. Only a server that runs workflows can say, and it takes some minutes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from actions.api.client import query
from actions.api.jobs import SUITES, SUITES_PERMISSION, jobs_in
from actions.errors import ActionError
from actions.evidence.runs import REVIEWS
from tests.conformance.assumptions import DifferentError, NotTriedError, assumption, needs, question, require

if TYPE_CHECKING:
    from tests.conformance.ground import Ground, Scratch

READ, ADMINISTRATION = "actions: read", "administration: write"
PROBE = """on: [push, pull_request, pull_request_target]
permissions: {}
jobs:
  recorded:
    if: github.event_name == 'push' && github.ref_name == github.event.repository.default_branch
    environment: recorded
    runs-on: ubuntu-latest
    steps: [{run: 'true'}]
  unrecorded:
    if: github.event_name == 'push' && github.ref_name == github.event.repository.default_branch
    environment: {name: unrecorded, deployment: false}
    runs-on: ubuntu-latest
    steps: [{run: 'true'}]
  refused:
    if: github.event_name == 'pull_request'
    environment: guarded
    runs-on: ubuntu-latest
    steps: [{run: 'true'}]
  target:
    if: github.event_name == 'pull_request_target'
    runs-on: ubuntu-latest
    env: {DEFAULT: '${{ github.event.repository.default_branch }}'}
    steps: [{run: 'test "$GITHUB_REF" = "refs/heads/$DEFAULT"'}]
"""
SLOW = """on: push
permissions: {}
jobs:
  slow:
    environment: slow
    runs-on: ubuntu-latest
    steps: [{run: 'true'}]
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Probe:
    """A scratch repository in which the workflow ran for a push and for a pull request; *jobs* by their names."""

    scratch: Scratch
    pushed: str
    proposed: str
    jobs: dict[str, Any]


def probe(ground: Ground) -> Probe:
    """Return what the runs left; they are waited for once, whatever comes of it."""
    if not ground.workflows:
        raise NotTriedError("this server runs no workflows")
    found = _probed(ground)
    if isinstance(found, str):
        raise NotTriedError(f"the workflow did not run to its end: {found}")
    return found


@cache
def _probed(ground: Ground) -> Probe | str:
    try:
        return _run(ground)
    except (ActionError, DifferentError) as error:
        return str(error)


def _run(ground: Ground) -> Probe:
    scratch = ground.make()
    main = scratch.start.branch
    policy = {"deployment_branch_policy": {"protected_branches": False, "custom_branch_policies": True}}
    scratch.rest("PUT", "/environments/guarded", policy, ADMINISTRATION)
    scratch.rest("POST", "/environments/guarded/deployment-branch-policies", {"name": main}, ADMINISTRATION)
    pushed = scratch.commit({".github/workflows/probe.yml": PROBE}, branch=main).head
    jobs = _jobs(scratch, pushed, {"recorded", "unrecorded"})
    onto = scratch.repository.base(main, [])
    branch = scratch.repository.commit_files(onto, branch="change", files={"change": ""}, message="Change")
    scratch.propose(main, branch.name)
    jobs |= _jobs(scratch, branch.head, {"refused"})
    return Probe(scratch=scratch, pushed=pushed, proposed=branch.head, jobs=jobs)


def _jobs(scratch: Scratch, sha: str, names: set[str]) -> dict[str, Any]:
    """Return the checks *names* of GitHub Actions on a commit, when all of them have finished."""

    def finished() -> dict[str, Any] | None:
        listed = scratch.rest("GET", f"/commits/{sha}/check-runs?per_page=100", permission="checks: read")
        done = {run["name"]: run for run in listed["check_runs"] if run["conclusion"] not in (None, "skipped")}
        return done if names <= done.keys() else None

    return scratch.ground.eventually(finished, f"the jobs {', '.join(sorted(names))}", times=3)


@assumption(
    "The check suite of a run has its event, its branch, and each job as a check run with steps",
    source="apache/devlake#3705; GraphQL schema, CheckSuite and CheckRun",
)
def _suites(ground: Ground) -> None:
    found = probe(ground)
    fields = f"object(oid: $oid) {{ ... on Commit {{ {SUITES} }} }}"
    document = query(variables={"oid": "GitObjectID!"}, fields=fields)
    answer = found.scratch.client.repository(document, {"oid": found.pushed}, permission=SUITES_PERMISSION)
    jobs = jobs_in(answer["object"]["checkSuites"], found.scratch.start.branch.__eq__, ["recorded", "unrecorded"])

    require(jobs is not None and {job.state for job in jobs} == {"success"}, answer)


@assumption(
    "The `node_id` that REST gives a run is its id in GraphQL",
    source='docs.github.com, "Using global node IDs"; int128/datadog-actions-metrics#194',
)
def _node_id(ground: Ground) -> None:
    found = probe(ground)
    listed = found.scratch.rest("GET", f"/actions/runs?head_sha={found.pushed}", permission=READ)["workflow_runs"]
    ids = [run["node_id"] for run in listed]
    nodes = found.scratch.client.graphql(REVIEWS, {"ids": ids}, permission=READ)["nodes"]

    require([node["databaseId"] for node in nodes] == [run["id"] for run in listed], nodes)


def _deployments(scratch: Scratch, environment: str) -> Any:
    return scratch.rest("GET", f"/deployments?environment={environment}", permission="deployments: read")


@assumption(
    "A job with an environment creates a deployment whose creator is the user who started the run",
    source="chrnorm/deployment-action#68, #61",
)
def _recorded(ground: Ground) -> None:
    scratch = probe(ground).scratch
    creators = [record["creator"]["login"] for record in _deployments(scratch, "recorded")]

    require(creators == [scratch.login], creators)


@assumption(
    "A job with `deployment: false` creates no deployment",
    source='docs, "Using environments without deployments"; max-sixty/tend#852',
)
def _unrecorded(ground: Ground) -> None:
    found = probe(ground)

    require(found.jobs["unrecorded"]["conclusion"] == "success", found.jobs["unrecorded"]["conclusion"])
    require(_deployments(found.scratch, "unrecorded") == [], "there is a record")


@assumption(
    "A job on a ref that its environment excludes fails: '… is not allowed to deploy to …'",
    source="no-human-ai/no_human#531",
)
def _refused(ground: Ground) -> None:
    found = probe(ground)
    job = found.jobs["refused"]
    notes = found.scratch.rest("GET", f"/check-runs/{job['id']}/annotations", permission="checks: read")
    words = " ".join(note["message"] for note in notes)

    require(job["conclusion"] == "failure", job["conclusion"])
    require("is not allowed to deploy to guarded due to environment protection rules" in words, words)


@assumption(
    "`pull_request_target` runs have the ref of the default branch, and report on the head of the pull request",
    source="GitHub changelog, 7 November 2025",
)
def _target(ground: Ground) -> None:
    found = probe(ground)
    job = _jobs(found.scratch, found.proposed, {"target"})["target"]

    require(job["conclusion"] == "success", f"{job['conclusion']}: GITHUB_REF is not the default branch")


@assumption(
    "An attempt of a run names its actors, started before its jobs, and was updated after them",
    source="OpenAPI description; google/go-github#2237, #2874",
)
def _attempt(ground: Ground) -> None:
    found = probe(ground)
    job = found.scratch.rest("GET", f"/actions/jobs/{found.jobs['recorded']['id']}", permission=READ)
    attempt = found.scratch.rest("GET", f"/actions/runs/{job['run_id']}/attempts/1", permission=READ)
    actors = {attempt[role]["login"] for role in ("actor", "triggering_actor")}

    require(actors == {found.scratch.login}, f"the actors are {actors}")
    require(attempt["run_started_at"] <= job["started_at"], f"it started at {attempt['run_started_at']}")
    require(job["completed_at"] <= attempt["updated_at"], f"it was updated at {attempt['updated_at']}")


@assumption("REST does not show the environment of a job", source="OpenAPI description")
def _job(ground: Ground) -> None:
    found = probe(ground)
    job = found.scratch.rest("GET", f"/actions/jobs/{found.jobs['recorded']['id']}", permission=READ)

    require("environment" not in job, f"environment is {job.get('environment')}")


@assumption("REST does not show whether administrators can bypass an environment", source="OpenAPI description")
def _environment(ground: Ground) -> None:
    environment = probe(ground).scratch.rest("GET", "/environments/guarded", permission=READ)

    require("can_admins_bypass" not in environment, f"can_admins_bypass is {environment.get('can_admins_bypass')}")


needs(
    __name__,
    "The pull request of a GITHUB_TOKEN creates runs that wait for the approval of a user with write access",
    source='docs, "Triggering a workflow from a workflow"',
    why="needs a workflow with write access, which no scratch repository gets",
)
needs(
    __name__,
    "In a called workflow, the secrets of an environment are empty without `secrets: inherit`",
    source="47ng/actions-clever-cloud#259; actions/runner#1490",
    why="needs a secret in a workflow run",
)
needs(
    __name__,
    "`pull_request_target` runs for forks and Dependabot get the secrets of an environment for the default branch",
    source='docs, "Events that trigger workflows"; "Troubleshooting Dependabot on GitHub Actions"',
    why="needs a fork, and a pull request of Dependabot",
)
needs(
    __name__,
    "`schedule` accepts a time zone, and `concurrency` accepts `queue: max`",
    source='docs, "Workflow syntax"; changelog of 7 May 2026',
    why="needs runs that wait for each other or for a time of day",
)


@question("Is `CheckRun.deployment` filled for a job with an environment?")
def _deployment(ground: Ground) -> str:
    found = probe(ground)
    shown = "name deployment { environment creator { login } }"
    contexts = f"statusCheckRollup {{ contexts(first: 10) {{ nodes {{ ... on CheckRun {{ {shown} }} }} }} }}"
    answer = found.scratch.ask(f'object(oid: "{found.pushed}") {{ ... on Commit {{ {contexts} }} }}')
    return str([dict(node) for node in answer["object"]["statusCheckRollup"]["contexts"]["nodes"]])


@question("Which deployment does a job leave if it is cancelled while it waits for its environment?")
def _cancelled(ground: Ground) -> str:
    if not ground.workflows:
        raise NotTriedError("this server runs no workflows")
    scratch = ground.make()
    scratch.rest("PUT", "/environments/slow", {"wait_timer": 30}, ADMINISTRATION)
    sha = scratch.commit({".github/workflows/slow.yml": SLOW}, branch=scratch.start.branch).head

    def waiting() -> int | None:
        runs = scratch.rest("GET", f"/actions/runs?head_sha={sha}", permission=READ)["workflow_runs"]
        return next((int(run["id"]) for run in runs if run["status"] == "waiting"), None)

    number = ground.eventually(waiting, "the run that waits", times=2)
    scratch.rest("POST", f"/actions/runs/{number}/cancel", permission="actions: write")

    def ended() -> str | None:
        return scratch.rest("GET", f"/actions/runs/{number}", permission=READ)["conclusion"] or None

    conclusion = ground.eventually(ended, "the end of the run", times=2)
    records = _deployments(scratch, "slow")
    statuses = [
        [status["state"] for status in scratch.rest("GET", f"/deployments/{record['id']}/statuses")]
        for record in records
    ]
    return f"the run is {conclusion}; {len(records)} records, with the statuses {statuses}"
