"""Pull requests, their reviews, labels and comments."""

from __future__ import annotations

from sandbox.behaviour import Refusal, require_short
from sandbox.rest.call import Answer, Call, found, route
from sandbox.state import Comment

LONGEST_LABEL = 50
NO_COLLABORATOR = (
    "Reviews may only be requested from collaborators. One or more of the users or teams you specified is not a"
    " collaborator of the {} repository."
)


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
    require_short(call.body.get("body") or "")
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
    for login in call.body.get("reviewers", []):
        if login == pull.author.login:  # Madrapps/add-reviewers#5
            raise Refusal(422, "Review cannot be requested from pull request author.")
        if repo.members.get(login, "none") == "none":  # Dolibarr#32024
            raise Refusal(422, NO_COLLABORATOR.format(repo.full_name))
    pull.reviewers += [login for login in call.body.get("reviewers", []) if login not in pull.reviewers]
    pull.team_reviewers += call.body.get("team_reviewers", [])
    return 201, call.payloads.pull(repo, pull)


@route("POST /repos/{owner}/{repo}/issues/{issue_number}/labels")
def _add_labels(call: Call) -> Answer:
    repo = call.repo("write", "pull_requests")
    pull = call.pull(repo)
    if any(len(label) > LONGEST_LABEL for label in call.body["labels"]):  # renovate#31091
        errors = [{"resource": "Label", "code": "custom", "message": "name is too long (maximum is 50 characters)"}]
        raise Refusal(422, "Validation Failed", errors=errors)
    pull.labels += [label for label in call.body["labels"] if label not in pull.labels]
    return 200, [{"name": label} for label in pull.labels]


@route("PUT /repos/{owner}/{repo}/issues/{issue_number}/lock")
def _lock(call: Call) -> Answer:
    call.pull(call.repo("write", "pull_requests")).locked = True
    return 204, None


@route("POST /repos/{owner}/{repo}/issues/{issue_number}/comments")
def _comment(call: Call) -> Answer:
    repo = call.repo("write", "pull_requests")
    require_short(call.body["body"])
    if call.pull(repo).locked:  # renovate#6215
        raise Refusal(403, "Unable to create comment because issue is locked.")
    comment = Comment(call.state.new_id(), call.token.user, call.body["body"])
    call.pull(repo).comments.append(comment)
    return 201, {"id": comment.id, "body": comment.body, "user": call.payloads.user(comment.user)}


@route("PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}")
def _update_comment(call: Call) -> Answer:
    repo = call.repo("write", "pull_requests")
    number = int(call.path["comment_id"])
    known = (comment for pull in repo.pulls.values() for comment in pull.comments if comment.id == number)
    comment: Comment = found(next(known, None))
    require_short(call.body["body"])
    comment.body = call.body["body"]
    return 200, {"id": comment.id, "body": comment.body, "user": call.payloads.user(comment.user)}
