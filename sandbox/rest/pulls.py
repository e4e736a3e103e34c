"""Pull requests and their reviews."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox import events
from sandbox.behaviour import Refusal, require_short
from sandbox.rest.call import Answer, Call, found, route

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.state import Pull, Repo, Review

# OpenAPI, "List pull requests".
ORDERS: dict[str, Callable[[Pull], Any]] = {
    "created": lambda pull: pull.number,
    "updated": lambda pull: (pull.updated, pull.number),
    "popularity": lambda pull: (len(pull.comments), pull.number),
    "long-running": lambda pull: pull.number,
}
# Without an event, a review is pending.
STATES = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED", "": "PENDING"}
NO_COLLABORATOR = (
    "Reviews may only be requested from collaborators. One or more of the users or teams you specified is not a"
    " collaborator of the {} repository."
)


@route("GET /repos/{owner}/{repo}/pulls")
def _pulls(call: Call) -> Answer:
    repo = call.repo(permission="pull_requests")
    state, head = call.query.get("state", "open"), call.query.get("head", "")
    # Without an owner, `head` is ignored in silence (argoproj-labs/gitops-promoter#1417, PyGithub#1566).
    wanted = head if ":" in head else ""
    pulls = [
        pull
        for pull in repo.pulls.values()
        if state in ("all", pull.state)
        and wanted in ("", f"{repo.owner.login}:{pull.head}")
        and call.query.get("base") in (None, pull.base)
    ]
    sort = call.query.get("sort", "created")
    pulls.sort(key=ORDERS[sort], reverse=call.query.get("direction", "desc" if sort == "created" else "asc") == "desc")
    return 200, [call.payloads.pull(repo, pull) for pull in pulls]


@route("POST /repos/{owner}/{repo}/pulls")
def _open_pull(call: Call) -> Answer:
    repo = call.repo("write", "pull_requests")
    if not call.body.get("title"):  # docs.github.com, "Troubleshooting the REST API", "Validation Failed"
        error = {"resource": "PullRequest", "code": "missing_field", "field": "title"}
        raise Refusal(422, "Validation Failed", errors=[error])
    pull = call.behaviour.open_pull(
        repo,
        call.token,
        head=call.body["head"],
        base=call.body["base"],
        title=call.body["title"],
        body=call.body.get("body") or "",
        draft=call.body.get("draft", False),
    )
    return 201, _in_full(call, repo, pull)


@route("GET /repos/{owner}/{repo}/pulls/{pull_number}")
def _pull(call: Call) -> Answer:
    repo = call.repo(permission="pull_requests")
    pull = call.pull(repo)
    if call.media_type == "diff":
        return 200, repo.git.diff(repo.base_of(pull), pull.head_sha)
    return 200, _in_full(call, repo, pull)


@route("PATCH /repos/{owner}/{repo}/pulls/{pull_number}")
def _update_pull(call: Call) -> Answer:
    repo = call.repo("write", "pull_requests")
    pull = call.pull(repo)
    require_short(call.body.get("body") or "")
    state = call.body.get("state", pull.state)
    if state == "open" and pull.state == "closed":
        call.behaviour.reopen_pull(repo, call.token, pull)
    changed = {name: call.body[name] for name in ("title", "body", "base") if name in call.body}
    call.behaviour.edit_pull(repo, call.token, pull, changed)
    if state == "closed" and pull.state == "open":
        call.behaviour.close_pull(repo, call.token, pull)
    return 200, _in_full(call, repo, pull)


def _in_full(call: Call, repo: Repo, pull: Pull) -> dict[str, Any]:
    """Return a pull request with what only the answer about one has."""
    files = call.payloads.files(repo, pull.head_sha, repo.git.patches(pull.head_sha, repo.base_of(pull)))
    shown = {
        **call.payloads.pull(repo, pull),
        "commits": len(repo.commits_of(pull)),
        "changed_files": len(files),
        **{name: sum(file[name] for file in files) for name in ("additions", "deletions")},
    }
    if pull.state == "open":
        shown["mergeable_state"] = call.behaviour.merge_state(repo, pull).lower()
    return shown


@route("GET /repos/{owner}/{repo}/pulls/{pull_number}/files")
def _files(call: Call) -> Answer:
    repo = call.repo(permission="pull_requests")
    pull = call.pull(repo)
    return 200, call.payloads.files(repo, pull.head_sha, repo.git.patches(pull.head_sha, repo.base_of(pull)))


@route("GET /repos/{owner}/{repo}/pulls/{pull_number}/commits")
def _commits(call: Call) -> Answer:
    repo = call.repo(permission="pull_requests")
    return 200, [call.payloads.commit(repo, sha) for sha in repo.commits_of(call.pull(repo))]


@route("GET /repos/{owner}/{repo}/pulls/{pull_number}/merge")
def _is_merged(call: Call) -> Answer:
    found(call.pull(call.repo(permission="pull_requests")).merge_sha)
    return 204, None


@route("GET /repos/{owner}/{repo}/commits/{commit_sha}/pulls")
def _pulls_of_commit(call: Call) -> Answer:
    repo = call.repo(permission="pull_requests")
    sha = call.commit(repo, "commit_sha")
    pulls = [pull for pull in repo.pulls.values() if sha == pull.merge_sha or sha in repo.commits_of(pull)]
    return 200, [call.payloads.pull(repo, pull) for pull in pulls]


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
    # What is pending only its author sees (OpenAPI, "Create a review for a pull request").
    shown = [review for review in pull.reviews if review.state != "PENDING" or review.user is call.token.user]
    return 200, [call.payloads.review(repo, pull, review) for review in shown]


@route("POST /repos/{owner}/{repo}/pulls/{pull_number}/reviews")
def _review(call: Call) -> Answer:
    repo = call.repo("write", "pull_requests")
    pull, given = call.pull(repo), call.body or {}
    state, body = STATES[given.get("event", "")], given.get("body", "")
    if state in ("CHANGES_REQUESTED", "COMMENTED") and not body:  # required, says OpenAPI; the words are a guess
        raise Refusal(422, "Unprocessable Entity", errors=["Body can't be blank"])
    review = call.behaviour.review(call.token, pull, state=state, body=body)
    call.behaviour.carry_out_wishes(repo)
    events.reviewed(call.behaviour, repo, call.token, pull, review)
    return 200, call.payloads.review(repo, pull, review)


@route("PUT /repos/{owner}/{repo}/pulls/{pull_number}/reviews/{review_id}/dismissals")
def _dismiss(call: Call) -> Answer:
    repo = call.repo("write", "pull_requests")
    pull, number = call.pull(repo), call.number("review_id")
    review: Review = found(next((known for known in pull.reviews if known.id == number), None))
    if review.state not in ("APPROVED", "CHANGES_REQUESTED"):  # the words are a guess
        raise Refusal(422, "Unprocessable Entity", errors=["Can not dismiss a commented pull request review"])
    review.state = "DISMISSED"
    events.reviewed(call.behaviour, repo, call.token, pull, review, "dismissed")
    return 200, call.payloads.review(repo, pull, review)


@route("GET /repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers")
def _requested_reviewers(call: Call) -> Answer:
    repo = call.repo(permission="pull_requests")
    shown = call.payloads.pull(repo, call.pull(repo))
    return 200, {"users": shown["requested_reviewers"], "teams": shown["requested_teams"]}


@route("POST /repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers")
def _request_reviewers(call: Call) -> Answer:
    repo = call.repo("write", "pull_requests")
    pull, given = call.pull(repo), call.body or {}
    for login in given.get("reviewers", []):
        if login == pull.author.login:  # Madrapps/add-reviewers#5
            raise Refusal(422, "Review cannot be requested from pull request author.")
        if repo.members.get(login, "none") == "none":  # Dolibarr#32024
            raise Refusal(422, NO_COLLABORATOR.format(repo.full_name))
    call.behaviour.request_reviews(repo, call.token, pull, given.get("reviewers", []), given.get("team_reviewers", []))
    return 201, call.payloads.pull(repo, pull)


@route("DELETE /repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers")
def _withdraw_reviewers(call: Call) -> Answer:
    repo = call.repo("write", "pull_requests")
    pull = call.pull(repo)
    pull.reviewers = [login for login in pull.reviewers if login not in call.body["reviewers"]]
    pull.team_reviewers = [slug for slug in pull.team_reviewers if slug not in call.body.get("team_reviewers", [])]
    return 200, call.payloads.pull(repo, pull)
