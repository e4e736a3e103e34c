"""Issues that are no pull requests: opened, read, closed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.behaviour import Refusal, require_short
from sandbox.rest.call import Answer, Call, found, require_grant, route
from sandbox.state import Issue, Label, timestamp

if TYPE_CHECKING:
    from sandbox.state import Repo

ROLES_THAT_LABEL = ("write", "admin")


@route("POST /repos/{owner}/{repo}/issues")
def _open(call: Call) -> Answer:
    """Open an issue; labels of who may not set them are dropped without a word (docs, "Create an issue")."""
    repo = call.repo(permission="issues")
    require_grant(call.token, "write", "issues")
    if not repo.has_issues:
        raise Refusal(410, "Issues are disabled for this repo")  # ossf/allstar#64
    require_short(call.body.get("body") or "")
    issue = Issue(call.state.new_id(), repo.next_number(), call.body["title"], call.body.get("body"), call.token.user)
    if call.token.is_of_app or repo.role(call.token.user) in ROLES_THAT_LABEL:
        # A label that nobody has made is dropped: since 2025 it is not always made (octokit/rest.js#479).
        known = {name.casefold(): name for name in repo.labels}
        issue.labels = [known[name.casefold()] for name in call.body.get("labels", []) if name.casefold() in known]
    issue.events += [("LabeledEvent", issue.created, call.token.user, name) for name in issue.labels]
    repo.issues[issue.number] = issue
    return 201, shown(call, repo, issue)


@route("GET /repos/{owner}/{repo}/issues")
def _list(call: Call) -> Answer:
    repo = call.repo(permission="issues")
    wanted, state = call.query.get("labels", "").split(","), call.query.get("state", "open")
    return 200, [
        shown(call, repo, issue)
        for issue in repo.issues.values()
        if state in (issue.state, "all") and set(filter(None, wanted)) <= set(issue.labels)
    ]


@route("PATCH /repos/{owner}/{repo}/issues/{issue_number}")
def _change(call: Call) -> Answer:
    repo = call.repo("write", "issues")
    issue = found(repo.issues.get(call.number("issue_number")))
    if "body" in call.body:
        require_short(call.body["body"] or "")
        issue.body = call.body["body"]
    if "labels" in call.body:
        for name in call.body["labels"]:
            repo.labels.setdefault(name, Label(call.state.new_id(), name))
            if name not in issue.labels:
                issue.events.append(("LabeledEvent", timestamp(), call.token.user, name))
        gone = [name for name in issue.labels if name not in call.body["labels"]]
        issue.events += [("UnlabeledEvent", timestamp(), call.token.user, name) for name in gone]
        issue.labels = list(call.body["labels"])
    if call.body.get("state", issue.state) != issue.state:
        issue.state = call.body["state"]
        issue.closed = (timestamp(), call.token.user) if issue.state == "closed" else None
        kind = "ClosedEvent" if issue.closed else "ReopenedEvent"
        issue.events.append((kind, timestamp(), call.token.user, ""))
    return 200, shown(call, repo, issue)


def shown(call: Call, repo: Repo, issue: Issue) -> dict[str, Any]:
    """Return *issue* as the API does."""
    base = f"{call.payloads.api}/repos/{repo.full_name}"
    url = f"{base}/issues/{issue.number}"
    return {
        "id": issue.id,
        "node_id": f"I_{repo.id}_{issue.number}",
        "number": issue.number,
        "title": issue.title,
        "body": issue.body,
        "state": issue.state,
        "locked": False,
        "user": call.payloads.user(issue.author),
        "labels": [call.payloads.label(repo, name) for name in issue.labels],
        "assignee": None,
        "assignees": [],
        "milestone": None,
        "comments": 0,
        "created_at": issue.created,
        "updated_at": issue.created,
        "closed_at": issue.closed[0] if issue.closed else None,
        "closed_by": call.payloads.user(issue.closed[1]) if issue.closed else None,
        "author_association": "MEMBER",
        "url": url,
        "html_url": f"{call.payloads.server}/{repo.full_name}/issues/{issue.number}",
        "repository_url": base,
        "labels_url": f"{url}/labels{{/name}}",
        "comments_url": f"{url}/comments",
        "events_url": f"{url}/events",
    }
