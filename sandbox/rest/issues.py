"""Pull requests as the issues that they are too: labels and comments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox import events
from sandbox.behaviour import Refusal, require_short
from sandbox.rest.call import Answer, Call, found, route
from sandbox.state import Comment, Label

if TYPE_CHECKING:
    from sandbox.state import Pull, Repo

LONGEST_LABEL = 50
PERMISSION = "issues or pull_requests"  # github/docs, "Permissions required for GitHub Apps"


@route("GET /repos/{owner}/{repo}/issues/{issue_number}")
def _issue(call: Call) -> Answer:
    repo = call.repo(permission=PERMISSION)
    return 200, call.payloads.issue(repo, call.pull(repo))


@route("GET /repos/{owner}/{repo}/labels")
def _labels(call: Call) -> Answer:
    repo = call.repo(permission=PERMISSION)
    return 200, [call.payloads.label(repo, name) for name in sorted(repo.labels)]


@route("POST /repos/{owner}/{repo}/labels")
def _create_label(call: Call) -> Answer:
    repo, name = call.repo("write", PERMISSION), call.body["name"]
    _require_short_label(name)
    if name in repo.labels:
        raise Refusal(
            422, "Validation Failed", errors=[{"resource": "Label", "code": "already_exists", "field": "name"}]
        )
    color, description = call.body.get("color", "ededed"), call.body.get("description")
    repo.labels[name] = Label(call.state.new_id(), name, color, description)
    return 201, call.payloads.label(repo, name)


@route("GET /repos/{owner}/{repo}/labels/{name}")
def _label(call: Call) -> Answer:
    repo = call.repo(permission=PERMISSION)
    return 200, call.payloads.label(repo, found(repo.labels.get(call.path["name"])).name)


@route("DELETE /repos/{owner}/{repo}/labels/{name}")
def _delete_label(call: Call) -> Answer:
    repo, name = call.repo("write", PERMISSION), call.path["name"]
    del repo.labels[found(repo.labels.get(name)).name]
    for pull in repo.pulls.values():
        pull.labels = [label for label in pull.labels if label != name]
    return 204, None


@route("GET /repos/{owner}/{repo}/issues/{issue_number}/labels")
def _labels_of(call: Call) -> Answer:
    repo = call.repo(permission=PERMISSION)
    return _shown(call, repo, call.pull(repo))


@route("POST /repos/{owner}/{repo}/issues/{issue_number}/labels")
def _add_labels(call: Call) -> Answer:
    repo = call.repo("write", PERMISSION)
    pull = call.pull(repo)
    call.behaviour.label(repo, call.token, pull, [*pull.labels, *_named(call.body)])
    return _shown(call, repo, pull)


@route("PUT /repos/{owner}/{repo}/issues/{issue_number}/labels")
def _set_labels(call: Call) -> Answer:
    repo = call.repo("write", PERMISSION)
    pull = call.pull(repo)
    call.behaviour.label(repo, call.token, pull, _named(call.body))
    return _shown(call, repo, pull)


@route("DELETE /repos/{owner}/{repo}/issues/{issue_number}/labels")
def _remove_labels(call: Call) -> Answer:
    repo = call.repo("write", PERMISSION)
    call.behaviour.label(repo, call.token, call.pull(repo), [])
    return 204, None


@route("DELETE /repos/{owner}/{repo}/issues/{issue_number}/labels/{name}")
def _remove_label(call: Call) -> Answer:
    repo, name = call.repo("write", PERMISSION), call.path["name"]
    pull = call.pull(repo)
    if name not in pull.labels:
        raise Refusal(404, "Label does not exist", kind="NOT_FOUND")
    call.behaviour.label(repo, call.token, pull, [label for label in pull.labels if label != name])
    return _shown(call, repo, pull)


def _shown(call: Call, repo: Repo, pull: Pull) -> Answer:
    return 200, [call.payloads.label(repo, name) for name in pull.labels]


def _named(body: Any) -> list[str]:
    """Return the labels that *body* names: a list, or an object with one; each a text, or an object with its name."""
    listed = body.get("labels", []) if isinstance(body, dict) else body or []
    names = [label["name"] if isinstance(label, dict) else label for label in listed]
    for name in names:
        _require_short_label(name)
    return names


def _require_short_label(name: str) -> None:
    if len(name) > LONGEST_LABEL:  # renovate#31091
        errors = [{"resource": "Label", "code": "custom", "message": "name is too long (maximum is 50 characters)"}]
        raise Refusal(422, "Validation Failed", errors=errors)


@route("PUT /repos/{owner}/{repo}/issues/{issue_number}/lock")
def _lock(call: Call) -> Answer:
    call.pull(call.repo("write", PERMISSION)).locked = True
    return 204, None


@route("GET /repos/{owner}/{repo}/issues/{issue_number}/comments")
def _comments(call: Call) -> Answer:
    repo = call.repo(permission=PERMISSION)
    pull = call.pull(repo)
    return 200, [call.payloads.comment(repo, pull, comment) for comment in pull.comments]


@route("POST /repos/{owner}/{repo}/issues/{issue_number}/comments")
def _comment(call: Call) -> Answer:
    repo = call.repo("write", PERMISSION)
    pull, body = call.pull(repo), call.body["body"]
    require_short(body)
    if not body.strip():  # refused; the words are a guess
        error = {
            "resource": "IssueComment",
            "code": "unprocessable",
            "field": "data",
            "message": "Body cannot be blank",
        }
        raise Refusal(422, "Validation Failed", errors=[error])
    if pull.locked:  # renovate#6215
        raise Refusal(403, "Unable to create comment because issue is locked.")
    comment = Comment(call.state.new_id(), call.token.user, body)
    pull.comments.append(comment)
    events.commented(call.behaviour, repo, call.token, pull, comment)
    return 201, call.payloads.comment(repo, pull, comment)


@route("GET /repos/{owner}/{repo}/issues/comments/{comment_id}")
def _get_comment(call: Call) -> Answer:
    repo = call.repo(permission=PERMISSION)
    return 200, call.payloads.comment(repo, *_known(call, repo))


@route("PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}")
def _update_comment(call: Call) -> Answer:
    repo = call.repo("write", PERMISSION)
    pull, comment = _known(call, repo)
    require_short(call.body["body"])
    comment.body = call.body["body"]
    events.commented(call.behaviour, repo, call.token, pull, comment, "edited")
    return 200, call.payloads.comment(repo, pull, comment)


@route("DELETE /repos/{owner}/{repo}/issues/comments/{comment_id}")
def _delete_comment(call: Call) -> Answer:
    repo = call.repo("write", PERMISSION)
    pull, comment = _known(call, repo)
    pull.comments.remove(comment)
    events.commented(call.behaviour, repo, call.token, pull, comment, "deleted")
    return 204, None


def _known(call: Call, repo: Repo) -> tuple[Pull, Comment]:
    """Return the comment of the path and the pull request that it is on."""
    number = call.number("comment_id")
    known = ((pull, each) for pull in repo.pulls.values() for each in pull.comments if each.id == number)
    return found(next(known, None))  # type: ignore[no-any-return]
