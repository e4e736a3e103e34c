"""Events of reviews, comments, deployments, releases and runs (docs.github.com, "Events that trigger workflows")."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.gitrepo import BRANCH
from sandbox.state import Event
from sandbox.triggers import triggers_of, workflows_at

if TYPE_CHECKING:
    from sandbox.behaviour import Behaviour
    from sandbox.state import (
        Comment,
        CommitStatus,
        Deployment,
        DeploymentStatus,
        Pull,
        Release,
        Repo,
        Review,
        Token,
        User,
        WorkflowRun,
    )


def reviewed(
    github: Behaviour, repo: Repo, token: Token, pull: Pull, review: Review, action: str = "submitted"
) -> None:
    """Tell of a review that was submitted or dismissed; one that is only begun is nobody's business yet."""
    sha = github.test_merge(repo, pull) if pull.state == "open" else pull.head_sha
    if review.state != "PENDING" and sha:
        payload: dict[str, object] = {
            **github.payloads.pull_event(repo, token.user, pull, action),
            "review": github.payloads.review(repo, pull, review),
        }
        github.emit("pull_request_review", repo, token, payload, f"refs/pull/{pull.number}/merge", sha)


def commented(
    github: Behaviour, repo: Repo, token: Token, pull: Pull, comment: Comment, action: str = "created"
) -> None:
    """Tell of a comment; what it starts runs on the default branch."""
    payload: dict[str, object] = {
        "action": action,
        "issue": github.payloads.issue(repo, pull),
        "comment": github.payloads.comment(repo, pull, comment),
    }
    on_default(github, repo, token, "issue_comment", payload)


def on_default(github: Behaviour, repo: Repo, token: Token, name: str, payload: dict[str, object]) -> None:
    """Tell of an event whose workflows run on the default branch, at its head."""
    head = repo.git.head(repo.default_branch) or ""
    whole = {**payload, **_where(github, repo, token.user)}
    github.emit(name, repo, token, whole, BRANCH + repo.default_branch, head)


def deployment_recorded(github: Behaviour, repo: Repo, token: Token, deployment: Deployment) -> None:
    """Tell of a deployment that somebody recorded through the API."""
    payload: dict[str, object] = {
        "action": "created",
        "deployment": github.payloads.deployment(repo, deployment),
        **_where(github, repo, token.user),
    }
    github.emit("deployment", repo, token, payload, _deployed_ref(repo, deployment), deployment.sha)


def deployment_changed(
    github: Behaviour, repo: Repo, token: Token, deployment: Deployment, status: DeploymentStatus
) -> None:
    """Tell of how far a deployment is; of `inactive`, nothing runs."""
    payload: dict[str, object] = {
        "action": "created",
        "deployment": github.payloads.deployment(repo, deployment),
        "deployment_status": github.payloads.deployment_status(repo, deployment, status),
        **_where(github, repo, token.user),
    }
    if status.state != "inactive":
        github.emit("deployment_status", repo, token, payload, _deployed_ref(repo, deployment), deployment.sha)


def _deployed_ref(repo: Repo, deployment: Deployment) -> str:
    return BRANCH + deployment.ref if repo.git.head(deployment.ref) else ""


def status_reported(github: Behaviour, repo: Repo, token: Token, status: CommitStatus) -> None:
    """Tell of a commit status."""
    payload = {**github.payloads.commit_status(repo, status), "sha": status.sha, "name": repo.full_name}
    on_default(github, repo, token, "status", payload)


def released(github: Behaviour, repo: Repo, token: Token, release: Release) -> None:
    """Tell of a release that is published at once: it was created, published, and is one, or one to come."""
    ref = f"refs/tags/{release.tag}"
    for action in ("created", "published", "prereleased" if release.prerelease else "released"):
        payload = {
            "action": action,
            "release": github.payloads.release(repo, release),
            **_where(github, repo, token.user),
        }
        github.emit("release", repo, token, payload, ref, repo.git.refs(ref)[ref])


def dispatched(github: Behaviour, repo: Repo, token: Token, kind: str, client_payload: dict[str, object]) -> None:
    """Tell of what somebody elsewhere calls *kind*; its workflows run on the default branch."""
    payload = {
        "action": kind,
        "branch": repo.default_branch,
        "client_payload": client_payload,
        **_where(github, repo, token.user),
    }
    head = repo.git.head(repo.default_branch) or ""
    github.state.emit(Event("repository_dispatch", repo, token.user, payload, BRANCH + repo.default_branch, head))


def scheduled(github: Behaviour, repo: Repo, actor: User, path: str, cron: str) -> None:
    """Have the time come that a workflow waits for."""
    payload = {"schedule": cron, "workflow": path, **_where(github, repo, actor)}
    head = repo.git.head(repo.default_branch) or ""
    github.state.emit(Event("schedule", repo, actor, payload, BRANCH + repo.default_branch, head))


def run_changed(github: Behaviour, repo: Repo, run: WorkflowRun, action: str) -> None:
    """Tell of a run of a workflow: whoever started it, this starts others."""
    with github.state.lock:
        head = repo.git.head(repo.default_branch)
        listening = head and any("workflow_run" in triggers_of(each) for _, each in workflows_at(repo, head) if each)
        if head and listening:
            payload = {
                "action": action,
                "workflow_run": github.payloads.workflow_run(repo, run),
                "workflow": {"name": run.name, "path": run.path},
                **_where(github, repo, run.actor),
            }
            github.state.emit(Event("workflow_run", repo, run.actor, payload, BRANCH + repo.default_branch, head))


def _where(github: Behaviour, repo: Repo, actor: User) -> dict[str, object]:
    return {"repository": github.payloads.repo(repo), "sender": github.payloads.user(actor)}
