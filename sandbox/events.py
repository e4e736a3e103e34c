"""Events of reviews, comments and deployments (docs.github.com, "Events that trigger workflows")."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.gitrepo import BRANCH

if TYPE_CHECKING:
    from sandbox.behaviour import Behaviour
    from sandbox.state import Comment, Deployment, Pull, Repo, Review, Token


def reviewed(github: Behaviour, repo: Repo, token: Token, pull: Pull, review: Review) -> None:
    """Tell of a review that was submitted; one that is only begun is nobody's business yet."""
    sha = github.test_merge(repo, pull) if pull.state == "open" else pull.head_sha
    if review.state != "PENDING" and sha:
        payload: dict[str, object] = {
            **github.payloads.pull_event(repo, token.user, pull, "submitted"),
            "review": github.payloads.review(repo, pull, review),
        }
        github.emit("pull_request_review", repo, token, payload, f"refs/pull/{pull.number}/merge", sha)


def commented(github: Behaviour, repo: Repo, token: Token, pull: Pull, comment: Comment) -> None:
    """Tell of a comment; what it starts runs on the default branch."""
    payload: dict[str, object] = {
        "action": "created",
        "issue": github.payloads.issue(repo, pull),
        "comment": github.payloads.comment(repo, pull, comment),
        "repository": github.payloads.repo(repo),
        "sender": github.payloads.user(token.user),
    }
    head = repo.git.head(repo.default_branch) or ""
    github.emit("issue_comment", repo, token, payload, BRANCH + repo.default_branch, head)


def deployment_recorded(github: Behaviour, repo: Repo, token: Token, deployment: Deployment) -> None:
    """Tell of a deployment that somebody recorded through the API."""
    payload: dict[str, object] = {
        "action": "created",
        "deployment": github.payloads.deployment(repo, deployment),
        "repository": github.payloads.repo(repo),
        "sender": github.payloads.user(token.user),
    }
    ref = BRANCH + deployment.ref if repo.git.head(deployment.ref) else ""
    github.emit("deployment", repo, token, payload, ref, deployment.sha)
