"""The objects of the REST API and of webhook payloads, as far as the sandbox knows them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sandbox.gitrepo import BRANCH
from sandbox.state import (
    ZEROS,
    Activity,
    CheckRun,
    Deployment,
    DeploymentStatus,
    Pull,
    Release,
    Repo,
    Review,
    RulesetVersion,
    RuleSuite,
    State,
    User,
    WorkflowRun,
    branch_of,
)

if TYPE_CHECKING:
    import pygit2


class Payloads:
    """Builds the objects; *server* is the address that their links start with."""

    def __init__(self, state: State, server: str) -> None:
        self.state = state
        self.server = server
        self.api = f"{server}/api/v3"

    def user(self, user: User) -> dict[str, Any]:
        """Return a simple-user."""
        return {
            "login": user.login,
            "id": user.id,
            "node_id": f"U_{user.id}",
            "type": user.kind,
            "site_admin": False,
            "url": f"{self.api}/users/{user.login}",
            "html_url": f"{self.server}/{user.login}",
        }

    def repo(self, repo: Repo) -> dict[str, Any]:
        """Return a repository."""
        return {
            "id": repo.id,
            "node_id": f"R_{repo.id}",
            "name": repo.name,
            "full_name": repo.full_name,
            "private": True,
            "owner": self.user(repo.owner),
            "url": f"{self.api}/repos/{repo.full_name}",
            "html_url": f"{self.server}/{repo.full_name}",
            "clone_url": f"{self.server}/{repo.full_name}.git",
            "default_branch": repo.default_branch,
            "delete_branch_on_merge": repo.delete_branch_on_merge,
        }

    def commit(self, repo: Repo, sha: str) -> dict[str, Any]:
        """Return a commit."""
        commit = repo.git.get(sha)
        author = repo.authors.get(sha) or self.state.account(commit.author.email)
        return {
            "sha": sha,
            "node_id": f"C_{repo.id}_{sha}",
            "url": f"{self.api}/repos/{repo.full_name}/commits/{sha}",
            "html_url": f"{self.server}/{repo.full_name}/commit/{sha}",
            "commit": {
                "author": _signature(commit.author),
                "committer": _signature(commit.committer),
                "message": commit.message,
                "tree": {"sha": str(commit.tree_id)},
                "verification": self.verification(repo, sha),
            },
            "author": self.user(author) if author else None,
            "committer": self.user(self.state.users["web-flow"]) if sha in repo.verified else None,
            "parents": [{"sha": str(parent)} for parent in commit.parent_ids],
        }

    def commit_with_files(self, repo: Repo, sha: str) -> dict[str, Any]:
        """Return a commit with what it changes."""
        files = [
            {
                "filename": path,
                "status": {"A": "added", "D": "removed"}.get(patch.delta.status_char(), "modified"),
                "additions": patch.line_stats[1],
                "deletions": patch.line_stats[2],
                "changes": patch.line_stats[1] + patch.line_stats[2],
                **({} if patch.delta.is_binary else {"patch": _hunks(patch)}),
            }
            for path, patch in repo.git.patches(sha).items()
        ]
        return {**self.commit(repo, sha), "files": files}

    def deployment(self, repo: Repo, deployment: Deployment) -> dict[str, Any]:
        """Return a deployment."""
        url = f"{self.api}/repos/{repo.full_name}/deployments/{deployment.id}"
        return {
            "id": deployment.id,
            "node_id": f"DE_{repo.id}_{deployment.id}",
            "url": url,
            "sha": deployment.sha,
            "ref": deployment.ref,
            "task": deployment.task,
            "payload": deployment.payload,
            "environment": deployment.environment,
            "original_environment": deployment.environment,
            "description": deployment.description,
            "creator": self.user(deployment.creator),
            **self._app(deployment.creator),
            "created_at": deployment.created,
            "updated_at": deployment.statuses[-1].at if deployment.statuses else deployment.created,
            "statuses_url": f"{url}/statuses",
            "repository_url": f"{self.api}/repos/{repo.full_name}",
        }

    @staticmethod
    def _app(creator: User) -> dict[str, Any]:
        """Return which App made something, if one did (chrnorm/deployment-action#61)."""
        if creator.kind != "Bot":
            return {}
        slug = creator.login.removesuffix("[bot]")
        return {"performed_via_github_app": {"id": creator.id, "slug": slug, "name": slug}}

    def deployment_status(self, repo: Repo, deployment: Deployment, status: DeploymentStatus) -> dict[str, Any]:
        """Return one status of a deployment."""
        url = f"{self.api}/repos/{repo.full_name}/deployments/{deployment.id}"
        return {
            "id": status.id,
            "node_id": f"DES_{repo.id}_{status.id}",
            "url": f"{url}/statuses/{status.id}",
            "state": status.state,
            "creator": self.user(status.creator),
            "description": status.description,
            "environment": deployment.environment,
            "target_url": status.log_url,
            "log_url": status.log_url,
            "created_at": status.at,
            "updated_at": status.at,
            "deployment_url": url,
            "repository_url": f"{self.api}/repos/{repo.full_name}",
        }

    def verification(self, repo: Repo, sha: str) -> dict[str, Any]:
        """Return what GitHub says of the signature of a commit."""
        verified = sha in repo.verified
        return {
            "verified": verified,
            "reason": "valid" if verified else "unsigned",
            "signature": "-----BEGIN PGP SIGNATURE-----" if verified else None,
            "payload": "tree" if verified else None,
            "verified_at": None,
        }

    def ref(self, repo: Repo, name: str, sha: str) -> dict[str, Any]:
        """Return a git-ref."""
        return {
            "ref": name,
            "node_id": f"REF_{repo.id}_{name}",
            "url": f"{self.api}/repos/{repo.full_name}/git/{name}",
            "object": {"type": "commit", "sha": sha},
        }

    def pull(self, repo: Repo, pull: Pull) -> dict[str, Any]:
        """Return a pull-request."""
        number = pull.number
        base_sha = repo.git.head(pull.base) or ZEROS
        mergeable = pull.state == "open" and repo.git.merge_tree(base_sha, pull.head_sha) is not None
        return {
            "id": pull.id,
            "node_id": f"PR_{repo.id}_{number}",
            "number": number,
            "url": f"{self.api}/repos/{repo.full_name}/pulls/{number}",
            "html_url": f"{self.server}/{repo.full_name}/pull/{number}",
            "state": pull.state,
            "title": pull.title,
            "body": pull.body,
            "draft": pull.draft,
            "user": self.user(pull.author),
            "head": self._side(repo, pull.head, pull.head_sha),
            "base": self._side(repo, pull.base, base_sha),
            "labels": [{"name": label} for label in pull.labels],
            "created_at": pull.created,
            "updated_at": pull.created,
            "closed_at": pull.closed,
            "merged": pull.merge_sha is not None,
            "merged_at": pull.closed if pull.merge_sha else None,
            "merged_by": self.user(pull.merged_by) if pull.merged_by else None,
            "merge_commit_sha": pull.merge_sha,
            "mergeable": mergeable if pull.state == "open" else None,
            "mergeable_state": "clean" if mergeable else "dirty",
            "author_association": "MEMBER",
        }

    def review(self, repo: Repo, pull: Pull, review: Review) -> dict[str, Any]:
        """Return a pull-request-review."""
        url = f"{self.server}/{repo.full_name}/pull/{pull.number}#pullrequestreview-{review.id}"
        return {
            "id": review.id,
            "user": self.user(review.user),
            "body": review.body,
            "state": review.state,
            "commit_id": review.commit,
            "submitted_at": review.at,
            "html_url": url,
            "author_association": "MEMBER",
        }

    def check_run(self, repo: Repo, run: CheckRun) -> dict[str, Any]:
        """Return a check-run."""
        return {
            "id": run.id,
            "name": run.name,
            "head_sha": run.sha,
            "status": run.status,
            "conclusion": run.conclusion,
            "started_at": run.started,
            "completed_at": run.completed,
            "html_url": f"{self.server}/{repo.full_name}/runs/{run.id}",
            "details_url": f"{self.server}/{repo.full_name}/runs/{run.id}",
            "url": f"{self.api}/repos/{repo.full_name}/check-runs/{run.id}",
            "app": {"id": run.app, "slug": "github-actions", "name": "GitHub Actions"},
        }

    def activity(self, activity: Activity) -> dict[str, Any]:
        """Return how a ref moved."""
        return {
            "id": activity.id,
            "node_id": f"PSH_{activity.id}",
            "before": activity.before,
            "after": activity.after,
            "ref": activity.ref,
            "timestamp": activity.at,
            "activity_type": activity.kind,
            "actor": self.user(activity.actor),
        }

    def job(self, repo: Repo, check: CheckRun) -> dict[str, Any]:
        """Return a job of a workflow run, by the check that it is."""
        url = f"{self.api}/repos/{repo.full_name}/actions"
        return {
            "id": check.id,
            "run_id": check.run,
            "run_url": f"{url}/runs/{check.run}",
            "url": f"{url}/jobs/{check.id}",
            "head_sha": check.sha,
            "name": check.name,
            "status": check.status,
            "conclusion": check.conclusion,
            "started_at": check.started,
            "completed_at": check.completed,
            "check_run_url": f"{self.api}/repos/{repo.full_name}/check-runs/{check.id}",
        }

    def workflow_run(self, repo: Repo, run: WorkflowRun) -> dict[str, Any]:
        """Return a workflow-run."""
        return {
            "id": run.id,
            "run_attempt": 1,
            "event": run.event,
            "path": run.path,
            "head_sha": run.sha,
            "head_branch": repo.default_branch,
            "actor": self.user(run.actor),
            "triggering_actor": self.user(run.actor),
            "html_url": f"{self.server}/{repo.full_name}/actions/runs/{run.id}",
        }

    def rule_suite(self, repo: Repo, suite: RuleSuite) -> dict[str, Any]:
        """Return a rule suite."""
        return {
            "id": suite.id,
            "actor_id": suite.actor.id,
            "actor_name": suite.actor.login,
            "before_sha": suite.before,
            "after_sha": suite.after,
            "ref": suite.ref,
            "repository_id": repo.id,
            "repository_name": repo.full_name,
            "pushed_at": suite.at,
            "result": suite.result,
        }

    def release(self, repo: Repo, release: Release) -> dict[str, Any]:
        """Return what is published of a tag."""
        return {
            "id": release.id,
            "tag_name": release.tag,
            "name": release.tag,
            "body": release.body,
            "draft": False,
            "prerelease": release.prerelease,
            "author": self.user(release.author),
            "created_at": release.at,
            "published_at": release.at,
            "html_url": f"{self.server}/{repo.full_name}/releases/tag/{release.tag}",
            "assets": [],
        }

    def ruleset_version(self, version: RulesetVersion) -> dict[str, Any]:
        """Return one entry of the history of a ruleset."""
        return {
            "version_id": version.id,
            "actor": {"id": version.actor.id, "type": version.actor.kind},
            "updated_at": version.at,
        }

    def push(self, repo: Repo, actor: User, ref: str, before: str | None, after: str | None) -> dict[str, Any]:
        """Return the payload of a push event: *before* or *after* is None where the ref is not there."""
        new = self._new_commits(repo, ref, before, after) if after else []
        return {
            "ref": ref,
            "before": before or ZEROS,
            "after": after or ZEROS,
            "created": before is None,
            "deleted": after is None,
            "forced": bool(before and after and not repo.git.is_ancestor(before, after)),
            "base_ref": None,
            "compare": f"{self.server}/{repo.full_name}/compare/{before or ZEROS}...{after or ZEROS}",
            "commits": new,
            "head_commit": self._pushed_commit(repo, after, distinct=False) if after else None,
            "repository": self.repo(repo),
            "pusher": {"name": actor.login},
            "sender": self.user(actor),
        }

    def pull_event(self, repo: Repo, actor: User, pull: Pull, action: str) -> dict[str, Any]:
        """Return the payload of a pull_request event."""
        return {
            "action": action,
            "number": pull.number,
            "pull_request": self.pull(repo, pull),
            "repository": self.repo(repo),
            "sender": self.user(actor),
        }

    def _side(self, repo: Repo, branch: str, sha: str) -> dict[str, Any]:
        return {
            "label": f"{repo.owner.login}:{branch}",
            "ref": branch,
            "sha": sha,
            "user": self.user(repo.owner),
            "repo": self.repo(repo),
        }

    def _new_commits(self, repo: Repo, ref: str, before: str | None, after: str) -> list[dict[str, Any]]:
        others = [sha for name, sha in repo.git.refs(BRANCH).items() if name != ref]
        if before:
            listed = repo.git.between(before, after)
        else:
            default = repo.git.head(repo.default_branch) if branch_of(ref) != repo.default_branch else None
            listed = repo.git.between(default, after) if default else repo.git.between(after, after) or [after]
            listed = [] if default and repo.git.is_ancestor(after, default) else listed
        distinct = set(repo.git.beyond(others, after)) if listed else set()
        return [self._pushed_commit(repo, sha, distinct=sha in distinct) for sha in listed]

    def _pushed_commit(self, repo: Repo, sha: str, *, distinct: bool) -> dict[str, Any]:
        commit = repo.git.get(sha)
        return {
            "id": sha,
            "tree_id": str(commit.tree_id),
            "distinct": distinct,
            "message": commit.message,
            "timestamp": _signature(commit.committer)["date"],
            "url": f"{self.server}/{repo.full_name}/commit/{sha}",
            "author": {"name": commit.author.name, "email": commit.author.email},
            "committer": {"name": commit.committer.name, "email": commit.committer.email},
        }


def _hunks(patch: pygit2.Patch) -> str:
    """Return a patch as the REST API has it: without the lines that name the files."""
    text = patch.text or ""
    return text[text.index("@@") :].rstrip("\n") if "@@" in text else ""


def moment(signature: pygit2.Signature) -> str:
    """Return when something was signed off, as GitHub writes it."""
    return datetime.fromtimestamp(signature.time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _signature(signature: pygit2.Signature) -> dict[str, str]:
    return {"name": signature.name, "email": signature.email, "date": moment(signature)}
