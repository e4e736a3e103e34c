"""What nobody knows of GitHub: the answers are printed, and nothing depends on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actions.api.github_errors import types_of
from actions.api.repository import UPDATE_REFS
from actions.errors import ActionError, QueryTooLargeError
from tests.conformance.assumptions import NotTriedError, cause, question, refusal, said
from tests.conformance.ground import reviewed
from tests.conformance.merging import queued

if TYPE_CHECKING:
    from tests.conformance.ground import Ground


@question("What is the error type of updateRefs for a wrong `beforeOid`?")
def _before(ground: Ground) -> str:
    scratch = ground.shared
    branch = scratch.commit()
    update = {
        "name": f"refs/heads/{branch.name}",
        "beforeOid": scratch.start.head,
        "afterOid": branch.head,
        "force": True,
    }
    values = {"input": {"repositoryId": scratch.start.repository_id, "refUpdates": [update]}}
    error = refusal(lambda: scratch.client.graphql(UPDATE_REFS, values))
    return f"{', '.join(sorted(types_of(cause(error)))) or 'none'}: {said(error)}"


@question("In which order does GraphQL list the statuses of a deployment?")
def _statuses(ground: Ground) -> str:
    scratch = ground.shared
    body = {"ref": scratch.start.head, "environment": "order", "auto_merge": False, "required_contexts": []}
    path = f"/deployments/{scratch.rest('POST', '/deployments', body)['id']}/statuses"
    for state in ("queued", "in_progress", "success"):
        scratch.rest("POST", path, {"state": state})
    asked = 'deployments(environments: ["order"], first: 1) { nodes { statuses(first: 5) { nodes { state } } } }'
    (deployment,) = scratch.ask(asked)["deployments"]["nodes"]
    return ", ".join(status["state"] for status in deployment["statuses"]["nodes"])


@question("Does a merge queue list a pull request immediately after enqueuePullRequest?")
def _at_once(ground: Ground) -> str:
    scratch, pull = queued(ground)
    scratch.status(pull.head_sha, "queued")
    scratch.progress(pull, lambda progress: not progress.blocked, "the green check")
    scratch.pulls.enqueue(pull)
    asked = f'mergeQueue(branch: "{pull.base}") {{ entries(first: 1) {{ totalCount }} }}'
    queue = scratch.ask(asked)["mergeQueue"]
    return f"{queue and queue['entries']['totalCount']} entries; isInMergeQueue: {scratch.pulls.progress(pull).queued}"


@question("Does a query for 400,000 nodes fail with RESOURCE_LIMITS_EXCEEDED in a nearly empty repository?")
def _resources(ground: Ground) -> str:
    asked = "pullRequests(first: 40) { nodes { commits(first: 100) { nodes { commit { %s } } } } }"
    try:
        ground.shared.ask(asked % "parents(first: 98) { nodes { oid } }")
    except QueryTooLargeError as error:
        return f"yes: {said(error)}"
    except ActionError as error:
        return f"no, but: {said(error)}"
    return "no, it was answered"


@question("What does an App get for the history of a ruleset?")
def _history(ground: Ground) -> str:
    scratch = ground.shared
    number = scratch.ruleset("refs/heads/nowhere", {"type": "deletion"})
    try:
        versions = scratch.as_app().rest("GET", f"/rulesets/{number}/history", permission="administration: write")
    except ActionError as error:
        return said(error)
    return f"it shows {len(versions)} versions"


@question("If a branch and a git tag share a name, which one does a comparison use?")
def _short(ground: Ground) -> str:
    scratch, name = ground.shared, ground.fresh("twin")
    branch = scratch.commit(branch=name)
    scratch.rest("POST", "/git/refs", {"ref": f"refs/tags/{name}", "sha": scratch.start.head})
    compared = scratch.repository.compare(name, branch.head)
    meant = {branch.head: "the branch", scratch.start.head: "the git tag"}
    return meant.get(compared.base if compared else "", "neither")


@question("Does `required_reviewers` accept a negated file pattern?")
def _negation(ground: Ground) -> str:
    rule = reviewed(0)
    teams = ground.organization.rest("GET", "/teams?per_page=1", permission="members: read")
    if not teams:
        raise NotTriedError("the organization has no team")
    reviewer = {"id": teams[0]["id"], "type": "Team"}
    patterns = [{"file_patterns": ["*", "!envs/*"], "minimum_approvals": 1, "reviewer": reviewer}]
    rule["parameters"] = {**dict(rule["parameters"]), "required_reviewers": patterns}  # type: ignore[call-overload]
    try:
        ground.shared.guarded(rule)
    except ActionError as error:
        return f"no: {said(error)}"
    return "yes; whether it takes the files out, a review would have to tell"
