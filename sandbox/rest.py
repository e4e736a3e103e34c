"""The REST API, as far as the sandbox has it. Every route is named by its template in GitHub's OpenAPI description."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from sandbox.behaviour import Behaviour, Refusal
from sandbox.gitrepo import BRANCH
from sandbox.state import (
    ROLES,
    CheckRun,
    Comment,
    Deployment,
    Pull,
    Release,
    Repo,
    State,
    Token,
    WorkflowRun,
    branch_of,
    timestamp,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.payloads import Payloads

Answer = tuple[int, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One request: who asks, with what."""

    state: State
    behaviour: Behaviour
    payloads: Payloads
    token: Token
    path: dict[str, str]
    query: dict[str, str]
    body: Any

    def repo(self, need: str = "read", permission: str = "contents") -> Repo:
        """Return the repository of the path; raise Refusal as GitHub does if the token may not *need* it."""
        repo = self.state.repos.get(f"{self.path['owner']}/{self.path['repo']}".lower())
        return allowed(repo, self.token, need, permission)

    def pull(self, repo: Repo) -> Pull:
        """Return the pull request of the path."""
        number = self.path.get("pull_number") or self.path["issue_number"]
        pull: Pull = found(repo.pulls.get(int(number)))
        return pull

    def deployment(self, repo: Repo) -> Deployment:
        """Return the deployment of the path."""
        number = int(self.path["deployment_id"])
        return found(next((known for known in repo.deployments if known.id == number), None))  # type: ignore[no-any-return]


def allowed(repo: Repo | None, token: Token, need: str, permission: str) -> Repo:
    """Return *repo* if *token* may *need* (read, write, admin) it; what it may not even read is not there."""
    role = repo.role(token.user) if repo else "none"
    if not repo or role == "none":
        raise Refusal(404, "Not Found", kind="NOT_FOUND")
    if min(ROLES.index(role), ROLES.index(token.grants(permission))) < ROLES.index(need):
        kind = "personal access token" if token.user.kind == "User" else "integration"
        raise Refusal(403, f"Resource not accessible by {kind}", kind="FORBIDDEN")
    return repo


def found(thing: Any) -> Any:
    """Return *thing*; raise Refusal if it is not there."""
    if thing is None:
        raise Refusal(404, "Not Found", kind="NOT_FOUND")
    return thing


ROUTES: dict[str, Callable[[Call], Answer]] = {}


def route(name: str) -> Callable[[Callable[[Call], Answer]], Callable[[Call], Answer]]:
    """Register a function as the answer to *name*, `VERB /template`."""

    def register(function: Callable[[Call], Answer]) -> Callable[[Call], Answer]:
        assert name not in ROUTES, f"{name} is answered twice"
        ROUTES[name] = function
        return function

    return register


@route("GET /user")
def _user(call: Call) -> Answer:
    return 200, call.payloads.user(call.token.user)


@route("GET /repos/{owner}/{repo}")
def _repo(call: Call) -> Answer:
    return 200, call.payloads.repo(call.repo())


@route("GET /repos/{owner}/{repo}/commits/{ref}")
def _commit(call: Call) -> Answer:
    repo = call.repo()
    sha = repo.git.resolve(call.path["ref"])
    if not sha:
        raise Refusal(422, f"No commit found for SHA: {call.path['ref']}")
    return 200, call.payloads.commit_with_files(repo, sha)


@route("GET /repos/{owner}/{repo}/compare/{basehead}")
def _compare(call: Call) -> Answer:
    repo = call.repo()
    names = call.path["basehead"].split("...")
    base, head = (found(repo.git.resolve(name)) for name in names)
    ahead, behind = repo.git.between(base, head), repo.git.between(head, base)
    status = {(True, True): "diverged", (True, False): "ahead", (False, True): "behind"}
    merge_base = repo.git.merge_base(base, head) or found(None)
    return 200, {
        "base_commit": call.payloads.commit(repo, base),
        "merge_base_commit": call.payloads.commit(repo, merge_base),
        "status": status.get((bool(ahead), bool(behind)), "identical"),
        "ahead_by": len(ahead),
        "behind_by": len(behind),
        "total_commits": len(ahead),
        "commits": [call.payloads.commit(repo, sha) for sha in ahead[:250]],
        "files": [{"filename": path, "status": "modified"} for path in repo.git.changed_paths(merge_base, head)],
    }


@route("GET /repos/{owner}/{repo}/git/trees/{tree_sha}")
def _tree(call: Call) -> Answer:
    repo = call.repo()
    sha = found(repo.git.resolve(call.path["tree_sha"]))
    tree = [{"path": path, "mode": "100644", "type": "blob", "sha": blob} for path, blob in repo.git.paths(sha).items()]
    return 200, {"sha": sha, "tree": tree, "truncated": False}


@route("GET /repos/{owner}/{repo}/contents/{path}")
def _contents(call: Call) -> Answer:
    repo = call.repo()
    sha = found(repo.git.resolve(call.query.get("ref") or repo.default_branch))
    path = call.path["path"]
    _, content = found(repo.git.file(sha, path))
    return 200, {
        "type": "file",
        "encoding": "base64",
        "size": len(content),
        "name": path.rpartition("/")[2],
        "path": path,
        "sha": repo.git.paths(sha)[path],
        "content": base64.b64encode(content).decode(),
    }


@route("GET /repos/{owner}/{repo}/git/matching-refs/{ref}")
def _matching_refs(call: Call) -> Answer:
    repo = call.repo()
    refs = repo.git.refs(f"refs/{call.path['ref']}")
    return 200, [call.payloads.ref(repo, name, sha) for name, sha in refs.items()]


@route("GET /repos/{owner}/{repo}/git/ref/{ref}")
def _get_ref(call: Call) -> Answer:
    repo = call.repo()
    name = f"refs/{call.path['ref']}"
    return 200, call.payloads.ref(repo, name, found(repo.git.refs(name).get(name)))


@route("POST /repos/{owner}/{repo}/git/refs")
def _create_ref(call: Call) -> Answer:
    repo = call.repo("write")
    name, sha = call.body["ref"], call.body["sha"]
    if name in repo.git.refs(name):
        raise Refusal(422, "Reference already exists")
    if repo.git.resolve(sha) is None:
        raise Refusal(422, "Object does not exist")
    call.behaviour.update_ref(repo, call.token, name, sha)
    return 201, call.payloads.ref(repo, name, sha)


@route("PATCH /repos/{owner}/{repo}/git/refs/{ref}")
def _update_ref(call: Call) -> Answer:
    repo = call.repo("write")
    name, sha = f"refs/{call.path['ref']}", call.body["sha"]
    before = repo.git.refs(name).get(name)
    if before is None:
        raise Refusal(422, "Reference does not exist")
    if not call.body.get("force") and not repo.git.is_ancestor(before, sha):
        raise Refusal(422, "Update is not a fast forward")
    call.behaviour.update_ref(repo, call.token, name, sha)
    return 200, call.payloads.ref(repo, name, sha)


@route("DELETE /repos/{owner}/{repo}/git/refs/{ref}")
def _delete_ref(call: Call) -> Answer:
    repo = call.repo("write")
    name = f"refs/{call.path['ref']}"
    if name not in repo.git.refs(name):
        raise Refusal(422, "Reference does not exist")
    call.behaviour.update_ref(repo, call.token, name, None)
    return 204, None


@route("GET /repos/{owner}/{repo}/pulls")
def _pulls(call: Call) -> Answer:
    repo = call.repo(permission="pull_requests")
    state, head = call.query.get("state", "open"), call.query.get("head", "").rpartition(":")[2]
    pulls = [
        pull
        for pull in reversed(repo.pulls.values())
        if state in ("all", pull.state) and head in ("", pull.head) and call.query.get("base") in (None, pull.base)
    ]
    return 200, [call.payloads.pull(repo, pull) for pull in pulls]


@route("POST /repos/{owner}/{repo}/pulls")
def _open_pull(call: Call) -> Answer:
    repo = call.repo("write", "pull_requests")
    pull = call.behaviour.open_pull(
        repo,
        call.token,
        head=call.body["head"],
        base=call.body["base"],
        title=call.body["title"],
        body=call.body.get("body") or "",
        draft=call.body.get("draft", False),
    )
    return 201, call.payloads.pull(repo, pull)


@route("GET /repos/{owner}/{repo}/pulls/{pull_number}")
def _pull(call: Call) -> Answer:
    repo = call.repo(permission="pull_requests")
    return 200, call.payloads.pull(repo, call.pull(repo))


@route("PATCH /repos/{owner}/{repo}/pulls/{pull_number}")
def _update_pull(call: Call) -> Answer:
    repo = call.repo("write", "pull_requests")
    pull = call.pull(repo)
    pull.title = call.body.get("title", pull.title)
    pull.body = call.body.get("body", pull.body)
    if call.body.get("state") == "closed" and pull.state == "open":
        call.behaviour.close_pull(repo, call.token, pull)
    return 200, call.payloads.pull(repo, pull)


@route("PUT /repos/{owner}/{repo}/pulls/{pull_number}/merge")
def _merge(call: Call) -> Answer:
    repo = call.repo("write")
    pull = call.pull(repo)
    body = call.body or {}
    sha = call.behaviour.merge(
        repo,
        call.token,
        pull,
        method=body.get("merge_method", "merge"),
        sha=body.get("sha"),
        title=body.get("commit_title") or f"{pull.title} (#{pull.number})",
        message=body.get("commit_message", call.behaviour.squash_message(repo, pull)),
    )
    return 200, {"sha": sha, "merged": True, "message": "Pull Request successfully merged"}


@route("GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews")
def _reviews(call: Call) -> Answer:
    repo = call.repo(permission="pull_requests")
    pull = call.pull(repo)
    return 200, [call.payloads.review(repo, pull, review) for review in pull.reviews]


@route("POST /repos/{owner}/{repo}/pulls/{pull_number}/reviews")
def _review(call: Call) -> Answer:
    repo = call.repo("write", "pull_requests")
    pull = call.pull(repo)
    states = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}
    review = call.behaviour.review(call.token, pull, state=states[call.body["event"]], body=call.body.get("body", ""))
    call.behaviour.carry_out_wishes(repo)
    return 200, call.payloads.review(repo, pull, review)


@route("POST /repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers")
def _request_reviewers(call: Call) -> Answer:
    repo = call.repo("write", "pull_requests")
    pull = call.pull(repo)
    pull.reviewers += [login for login in call.body.get("reviewers", []) if login not in pull.reviewers]
    pull.team_reviewers += call.body.get("team_reviewers", [])
    return 201, call.payloads.pull(repo, pull)


@route("POST /repos/{owner}/{repo}/issues/{issue_number}/labels")
def _add_labels(call: Call) -> Answer:
    repo = call.repo("write", "pull_requests")
    pull = call.pull(repo)
    pull.labels += [label for label in call.body["labels"] if label not in pull.labels]
    return 200, [{"name": label} for label in pull.labels]


@route("POST /repos/{owner}/{repo}/issues/{issue_number}/comments")
def _comment(call: Call) -> Answer:
    repo = call.repo("write", "pull_requests")
    comment = Comment(call.state.new_id(), call.token.user, call.body["body"])
    call.pull(repo).comments.append(comment)
    return 201, {"id": comment.id, "body": comment.body, "user": call.payloads.user(comment.user)}


@route("PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}")
def _update_comment(call: Call) -> Answer:
    repo = call.repo("write", "pull_requests")
    number = int(call.path["comment_id"])
    known = (comment for pull in repo.pulls.values() for comment in pull.comments if comment.id == number)
    comment: Comment = found(next(known, None))
    comment.body = call.body["body"]
    return 200, {"id": comment.id, "body": comment.body, "user": call.payloads.user(comment.user)}


@route("GET /repos/{owner}/{repo}/commits/{ref}/check-runs")
def _check_runs(call: Call) -> Answer:
    repo = call.repo(permission="checks")
    sha = found(repo.git.resolve(call.path["ref"]))
    runs = [call.payloads.check_run(repo, run) for run in repo.checks if run.sha == sha]
    return 200, {"total_count": len(runs), "check_runs": runs}


@route("POST /repos/{owner}/{repo}/check-runs")
def _create_check_run(call: Call) -> Answer:
    repo = call.repo("write", "checks")
    body = call.body
    run = CheckRun(call.state.new_id(), body["name"], body["head_sha"], app=call.token.user.id)
    run.status, run.conclusion = body.get("status", "queued"), body.get("conclusion")
    run.completed = timestamp() if run.conclusion else None
    repo.checks.append(run)
    call.behaviour.carry_out_wishes(repo)
    return 201, call.payloads.check_run(repo, run)


@route("GET /repos/{owner}/{repo}/deployments")
def _deployments(call: Call) -> Answer:
    repo = call.repo(permission="deployments")
    wanted = {name: call.query[name] for name in ("sha", "ref", "environment", "task") if name in call.query}
    listed = [
        deployment
        for deployment in reversed(repo.deployments)
        if all(getattr(deployment, name) == value for name, value in wanted.items())
    ]
    return 200, [call.payloads.deployment(repo, deployment) for deployment in listed]


@route("POST /repos/{owner}/{repo}/deployments")
def _create_deployment(call: Call) -> Answer:
    repo = call.repo("write", "deployments")
    body = call.body
    sha = repo.git.resolve(body["ref"])
    if not sha:
        raise Refusal(422, f"No ref found for: {body['ref']}")
    deployment = call.behaviour.deploy(
        repo, call.token.user, sha=sha, ref=body["ref"], environment=body.get("environment", "production")
    )
    deployment.payload, deployment.description = body.get("payload", ""), body.get("description")
    return 201, call.payloads.deployment(repo, deployment)


@route("GET /repos/{owner}/{repo}/deployments/{deployment_id}/statuses")
def _deployment_statuses(call: Call) -> Answer:
    repo = call.repo(permission="deployments")
    deployment = call.deployment(repo)
    return 200, [call.payloads.deployment_status(repo, deployment, status) for status in reversed(deployment.statuses)]


@route("POST /repos/{owner}/{repo}/deployments/{deployment_id}/statuses")
def _create_deployment_status(call: Call) -> Answer:
    repo = call.repo("write", "deployments")
    deployment, body = call.deployment(repo), call.body
    status = call.behaviour.deployed(repo, deployment, call.token.user, body["state"])
    status.description, status.log_url = body.get("description", ""), body.get("log_url", "")
    return 201, call.payloads.deployment_status(repo, deployment, status)


@route("GET /repos/{owner}/{repo}/activity")
def _activity(call: Call) -> Answer:
    repo = call.repo()
    ref = call.query.get("ref")
    return 200, [call.payloads.activity(each) for each in reversed(repo.activities) if ref in (None, each.ref)]


@route("GET /repos/{owner}/{repo}/git/blobs/{file_sha}")
def _blob(call: Call) -> Answer:
    content = found(call.repo().git.blob(call.path["file_sha"]))
    return 200, {
        "sha": call.path["file_sha"],
        "size": len(content),
        "encoding": "base64",
        "content": base64.b64encode(content).decode(),
    }


@route("GET /repos/{owner}/{repo}/actions/runs")
def _workflow_runs(call: Call) -> Answer:
    repo = call.repo(permission="actions")
    runs = [run for run in repo.runs if run.sha == call.query.get("head_sha", run.sha)]
    return 200, {"total_count": len(runs), "workflow_runs": [call.payloads.workflow_run(repo, run) for run in runs]}


@route("GET /repos/{owner}/{repo}/actions/runs/{run_id}/jobs")
def _jobs(call: Call) -> Answer:
    repo = call.repo(permission="actions")
    run = _run_of(call, repo)
    jobs = [call.payloads.job(repo, check) for check in repo.checks if check.run == run.id]
    return 200, {"total_count": len(jobs), "jobs": jobs}


@route("GET /repos/{owner}/{repo}/actions/runs/{run_id}")
def _workflow_run(call: Call) -> Answer:
    repo = call.repo(permission="actions")
    return 200, call.payloads.workflow_run(repo, _run_of(call, repo))


@route("GET /repos/{owner}/{repo}/actions/runs/{run_id}/approvals")
def _approvals(call: Call) -> Answer:
    return 200, _run_of(call, call.repo(permission="actions")).approvals


def _run_of(call: Call, repo: Repo) -> WorkflowRun:
    number = int(call.path["run_id"])
    return found(next((run for run in repo.runs if run.id == number), None))  # type: ignore[no-any-return]


@route("POST /repos/{owner}/{repo}/releases")
def _create_release(call: Call) -> Answer:
    repo, body = call.repo("write"), call.body
    if any(release.tag == body["tag_name"] for release in repo.releases):
        raise Refusal(422, "Validation Failed: already_exists")
    if f"refs/tags/{body['tag_name']}" not in repo.git.refs("refs/tags/"):
        raise Refusal(422, "Validation Failed: tag_name is not a valid tag")  # GitHub would make one; nobody here asks
    latest = body.get("make_latest", "true") == "true"
    release = Release(
        call.state.new_id(), body["tag_name"], body["body"], call.token.user, body.get("prerelease", False), latest
    )
    repo.releases.append(release)
    return 201, call.payloads.release(repo, release)


@route("GET /repos/{owner}/{repo}/releases/tags/{tag}")
def _release_of_tag(call: Call) -> Answer:
    repo, tag = call.repo(), call.path["tag"]
    return 200, call.payloads.release(repo, found(next((each for each in repo.releases if each.tag == tag), None)))


@route("GET /users/{username}")
def _get_user(call: Call) -> Answer:
    return 200, call.payloads.user(found(call.state.users.get(call.path["username"])))


@route("GET /apps/{app_slug}")
def _get_app(call: Call) -> Answer:
    user = found(call.state.users.get(f"{call.path['app_slug']}[bot]"))
    return 200, {"id": user.id, "slug": call.path["app_slug"], "name": call.path["app_slug"]}


@route("GET /orgs/{org}/teams/{team_slug}")
def _get_team(call: Call) -> Answer:
    owner = found(call.state.users.get(call.path["org"]))
    team = found(next((team for team in owner.teams if team.slug == call.path["team_slug"]), None))
    return 200, {"id": team.id, "slug": team.slug, "name": team.slug}


@route("POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches")
def _dispatch(call: Call) -> Answer:
    repo = call.repo("write", "actions")
    ref = call.body["ref"]
    name = ref if ref.startswith("refs/") else BRANCH + ref
    sha = repo.git.refs(name).get(name)
    path = f".github/workflows/{call.path['workflow_id']}"
    if not sha or not repo.git.file(sha, path):
        raise Refusal(422, f"No ref found for: {branch_of(name) or name}")
    payload = {
        "ref": name,
        "workflow": path,
        "inputs": _inputs(repo, sha, path, call.body.get("inputs") or {}),
        "repository": call.payloads.repo(repo),
        "sender": call.payloads.user(call.token.user),
    }
    call.behaviour.dispatch(repo, call.token, payload, name, sha)
    return 204, None


def _inputs(repo: Repo, sha: str, path: str, given: dict[str, str]) -> dict[str, str]:
    """Return the inputs of a run that is started by hand, with the defaults of those that are not *given*."""
    _, text = repo.git.file(sha, path) or (0, b"")
    workflow = yaml.load(text, yaml.BaseLoader)  # noqa: S506 - strings only, `on` among them
    declared = (workflow["on"].get("workflow_dispatch") or {}).get("inputs") or {}
    unexpected = [name for name in given if name not in declared]
    if unexpected:
        raise Refusal(422, f"Unexpected inputs provided: {unexpected}")
    inputs = {}
    for name, described in declared.items():
        value = given.get(name) or described.get("default", "")
        if not value and described.get("required") == "true":
            raise Refusal(422, f"Required input '{name}' not provided")
        if value and value not in described.get("options", [value]):
            raise Refusal(422, f"Provided value '{value}' for input '{name}' not in the list of allowed values")
        inputs[name] = value
    return inputs
