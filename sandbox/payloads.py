"""The objects of the REST API and of webhook payloads, as far as the sandbox knows them."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pygit2

from sandbox.gitrepo import BRANCH
from sandbox.rules import rules_for
from sandbox.state import (
    ACTIONS_APP,
    ZEROS,
    Activity,
    CheckRun,
    Comment,
    CommitStatus,
    Deployment,
    DeploymentStatus,
    Label,
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
    from collections.abc import Mapping


MERGE_SETTINGS = {"merge": "merge_commit", "squash": "squash_merge", "rebase": "rebase_merge"}


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
            "archived": repo.archived,
            "delete_branch_on_merge": repo.delete_branch_on_merge,
            "allow_auto_merge": repo.allow_auto_merge,
            **{f"allow_{name}": method in repo.merge_methods for method, name in MERGE_SETTINGS.items()},
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
            "parents": [
                {"sha": str(parent), "url": f"{self.api}/repos/{repo.full_name}/commits/{parent}"}
                for parent in commit.parent_ids
            ],
        }

    def git_commit(self, repo: Repo, sha: str) -> dict[str, Any]:
        """Return a git-commit: what git knows of it."""
        commit = self.commit(repo, sha)
        return {**{name: commit[name] for name in ("sha", "node_id", "url", "html_url", "parents")}, **commit["commit"]}

    def commit_with_files(self, repo: Repo, sha: str) -> dict[str, Any]:
        """Return a commit with what it changes."""
        files = self.files(repo, sha, repo.git.patches(sha))
        stats = {name: sum(file[name] for file in files) for name in ("additions", "deletions")}
        return {
            **self.commit(repo, sha),
            "stats": {**stats, "total": sum(stats.values())},
            "files": files,
        }

    def files(self, repo: Repo, sha: str, patches: Mapping[str, pygit2.Patch]) -> list[dict[str, Any]]:
        """Return what *patches*, which end at the commit *sha*, change: a diff-entry for each file."""
        return [self._file(repo, sha, path, patch) for path, patch in sorted(patches.items())]

    def _file(self, repo: Repo, sha: str, path: str, patch: pygit2.Patch) -> dict[str, Any]:
        delta = patch.delta
        status = {"A": "added", "D": "removed", "R": "renamed"}.get(delta.status_char(), "modified")
        added, deleted = patch.line_stats[1:]
        blob = delta.old_file if status == "removed" else delta.new_file
        return {
            "sha": str(blob.id),
            "filename": path,
            "status": status,
            "additions": added,
            "deletions": deleted,
            "changes": added + deleted,
            "blob_url": f"{self.server}/{repo.full_name}/blob/{sha}/{path}",
            "raw_url": f"{self.server}/{repo.full_name}/raw/{sha}/{path}",
            "contents_url": f"{self.api}/repos/{repo.full_name}/contents/{path}?ref={sha}",
            **({"previous_filename": delta.old_file.path} if status == "renamed" else {}),
            **({} if delta.is_binary or not added + deleted else {"patch": _hunks(patch)}),
        }

    def content(self, repo: Repo, ref: str, path: str, entry: pygit2.Object) -> dict[str, Any]:
        """Return what a folder says of the file, folder or symbolic link at *path*."""
        kinds = {pygit2.enums.FileMode.TREE: "dir", pygit2.enums.FileMode.LINK: "symlink"}
        url = f"{self.api}/repos/{repo.full_name}/contents/{path}?ref={ref}"
        page = f"{self.server}/{repo.full_name}/{'tree' if isinstance(entry, pygit2.Tree) else 'blob'}/{ref}/{path}"
        git_url = f"{self.api}/repos/{repo.full_name}/git/blobs/{entry.id}"
        return {
            "type": kinds.get(pygit2.enums.FileMode(entry.filemode), "file"),
            "size": entry.size if isinstance(entry, pygit2.Blob) else 0,
            "name": path.rpartition("/")[2],
            "path": path,
            "sha": str(entry.id),
            "url": url,
            "html_url": page,
            "git_url": git_url,
            "download_url": f"{self.server}/{repo.full_name}/raw/{ref}/{path}",
            "_links": {"self": url, "git": git_url, "html": page},
        }

    def branch(self, repo: Repo, name: str, sha: str) -> dict[str, Any]:
        """Return a short-branch."""
        protected = any(rules_for(repo, BRANCH + name))
        url = f"{self.api}/repos/{repo.full_name}/commits/{sha}"
        return {"name": name, "commit": {"sha": sha, "url": url}, "protected": protected}

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
            "transient_environment": deployment.transient,
            "production_environment": deployment.production,
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
            "environment_url": status.environment_url,
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

    def ref(self, repo: Repo, name: str) -> dict[str, Any]:
        """Return a git-ref; that of an annotated tag points at the tag, not at its commit."""
        kind, sha = repo.git.target(name)
        return {
            "ref": name,
            "node_id": f"REF_{repo.id}_{name}",
            "url": f"{self.api}/repos/{repo.full_name}/git/{name}",
            "object": {"type": kind, "sha": sha, "url": f"{self.api}/repos/{repo.full_name}/git/{kind}s/{sha}"},
        }

    def pull(self, repo: Repo, pull: Pull) -> dict[str, Any]:
        """Return a pull-request."""
        number = pull.number
        base_sha = repo.git.head(pull.base) or ZEROS
        mergeable = pull.state == "open" and repo.git.merge_tree(base_sha, pull.head_sha) is not None
        url, issue = (f"{self.api}/repos/{repo.full_name}/{kind}/{number}" for kind in ("pulls", "issues"))
        page = f"{self.server}/{repo.full_name}/pull/{number}"
        links = {"self": url, "html": page, "issue": issue, "comments": f"{issue}/comments"}
        links |= {"review_comments": f"{url}/comments", "commits": f"{url}/commits"}
        statuses = f"{self.api}/repos/{repo.full_name}/statuses/{pull.head_sha}"
        return {
            "id": pull.id,
            "node_id": f"PR_{repo.id}_{number}",
            "number": number,
            "url": url,
            "html_url": page,
            "issue_url": issue,
            "comments_url": f"{issue}/comments",
            "review_comments_url": f"{url}/comments",
            "commits_url": f"{url}/commits",
            "statuses_url": statuses,
            "diff_url": f"{page}.diff",
            "patch_url": f"{page}.patch",
            "_links": {name: {"href": link} for name, link in {**links, "statuses": statuses}.items()},
            "state": pull.state,
            "locked": pull.locked,
            "title": pull.title,
            "body": pull.body,
            "draft": pull.draft,
            "user": self.user(pull.author),
            "head": self._side(repo, pull.head, pull.head_sha),
            "base": self._side(repo, pull.base, base_sha),
            "labels": [self.label(repo, label) for label in pull.labels],
            "requested_reviewers": [self.user(self.state.users[login]) for login in pull.reviewers],
            "requested_teams": [self._team(repo, slug) for slug in pull.team_reviewers],
            "created_at": pull.created,
            "updated_at": pull.updated,
            "closed_at": pull.closed,
            "merged": pull.merge_sha is not None,
            "merged_at": pull.closed if pull.merge_sha else None,
            "merged_by": self.user(pull.merged_by) if pull.merged_by else None,
            "merge_commit_sha": pull.merge_sha,
            "mergeable": mergeable if pull.state == "open" else None,
            "mergeable_state": "clean" if mergeable else "dirty",
            "comments": len(pull.comments),
            "author_association": "MEMBER",
        }

    def _team(self, repo: Repo, slug: str) -> dict[str, Any]:
        """Return a team; one that nobody made here is taken to be one, as it was when its review was asked for."""
        known = (team.id for team in repo.owner.teams if team.slug == slug)
        return {"id": next(known, 0), "slug": slug, "name": slug}

    def label(self, repo: Repo, name: str) -> dict[str, Any]:
        """Return a label."""
        known = repo.labels.get(name, Label(0, name))
        url = f"{self.api}/repos/{repo.full_name}/labels/{name}"
        described = {"description": known.description} if known.description is not None else {}
        return {"id": known.id, "name": known.name, "color": known.color, **described, "url": url, "default": False}

    def comment(self, repo: Repo, pull: Pull, comment: Comment) -> dict[str, Any]:
        """Return an issue-comment."""
        issues = f"{self.api}/repos/{repo.full_name}/issues"
        return {
            "id": comment.id,
            "body": comment.body,
            "user": self.user(comment.user),
            "url": f"{issues}/comments/{comment.id}",
            "issue_url": f"{issues}/{pull.number}",
            "html_url": f"{self.server}/{repo.full_name}/pull/{pull.number}#issuecomment-{comment.id}",
            "author_association": "MEMBER",
            "created_at": comment.at,
            "updated_at": comment.at,
        }

    def issue(self, repo: Repo, pull: Pull) -> dict[str, Any]:
        """Return a pull request as the issue that it is too."""
        shared = self.pull(repo, pull)
        kept = ("number", "state", "title", "body", "user", "labels", "locked", "created_at", "updated_at", "closed_at")
        return {
            **{name: shared[name] for name in (*kept, "comments", "comments_url", "html_url", "author_association")},
            "id": pull.id,
            "url": shared["issue_url"],
            "labels_url": f"{shared['issue_url']}/labels{{/name}}",
            "repository_url": f"{self.api}/repos/{repo.full_name}",
            "pull_request": {name: shared[name] for name in ("url", "html_url", "diff_url", "patch_url")},
        }

    def commit_status(self, repo: Repo, status: CommitStatus) -> dict[str, Any]:
        """Return a status of the older kind."""
        return {
            "id": status.id,
            "url": f"{self.api}/repos/{repo.full_name}/statuses/{status.sha}",
            "context": status.context,
            "state": status.state,
            "description": status.description,
            "target_url": status.target_url,
            "creator": self.user(status.creator),
            "created_at": status.at,
            "updated_at": status.at,
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
            **({"submitted_at": review.at} if review.state != "PENDING" else {}),
            "pull_request_url": f"{self.api}/repos/{repo.full_name}/pulls/{pull.number}",
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
            "check_suite": {"id": run.run},
            "app": self._app_of(run.app),
        }

    def _app_of(self, number: int) -> dict[str, Any]:
        if number == ACTIONS_APP:
            return {"id": number, "slug": "github-actions", "name": "GitHub Actions"}
        slug = next((u.login.removesuffix("[bot]") for u in self.state.users.values() if u.id == number), "")
        return {"id": number, "slug": slug, "name": slug}

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
            "run_attempt": check.attempt,
            "url": f"{url}/jobs/{check.id}",
            "head_sha": check.sha,
            "name": check.name,
            "status": check.status,
            "conclusion": check.conclusion,
            "started_at": check.started,
            "completed_at": check.completed,
            "steps": [
                {
                    "name": name,
                    "status": "completed" if end else "queued",
                    "conclusion": end or None,
                    "number": number,
                }
                for number, (name, end) in enumerate(check.steps.items(), 1)
            ],
            "check_run_url": f"{self.api}/repos/{repo.full_name}/check-runs/{check.id}",
            "html_url": f"{self.server}/{repo.full_name}/actions/runs/{check.run}/job/{check.id}",
        }

    def workflow(self, repo: Repo, path: str, name: str) -> dict[str, Any]:
        """Return a workflow; its number is made of its path, and stays."""
        number = workflow_id(repo, path)
        return {
            "id": number,
            "name": name,
            "path": path,
            "state": "active",
            "url": f"{self.api}/repos/{repo.full_name}/actions/workflows/{number}",
            "html_url": f"{self.server}/{repo.full_name}/blob/{repo.default_branch}/{path}",
        }

    def workflow_run(self, repo: Repo, run: WorkflowRun, attempt: int = 0) -> dict[str, Any]:
        """Return a workflow-run, as it was at an *attempt* if one is given."""
        attempt = attempt or run.attempt
        status, conclusion = repo.progress(run, attempt)
        started, triggering = run.start_of(attempt)
        return {
            "id": run.id,
            "node_id": f"WFR_{repo.id}_{run.id}",
            "name": run.name,
            "run_number": run.number,
            "run_attempt": attempt,
            "workflow_id": workflow_id(repo, run.path),
            "display_title": self._title(repo, run),
            "status": status,
            "conclusion": conclusion,
            "event": run.event,
            "path": run.path,
            "head_sha": run.sha,
            "head_branch": run.branch or repo.default_branch,
            "created_at": run.created,
            "run_started_at": started,
            "updated_at": max([started, *(job.completed or "" for job in repo.jobs(run, attempt))]),
            "actor": self.user(run.actor),
            "triggering_actor": self.user(triggering),
            "html_url": f"{self.server}/{repo.full_name}/actions/runs/{run.id}",
            **{
                f"{what}_url": f"{self.api}/repos/{repo.full_name}/actions/runs/{run.id}/{what}"
                for what in ("jobs", "logs", "cancel", "rerun")
            },
        }

    @staticmethod
    def _title(repo: Repo, run: WorkflowRun) -> str:
        """Return what a list of runs shows: the commit, the pull request, else the workflow ("run-name")."""
        pulls = [pull.title for pull in repo.pulls.values() if pull.head_sha == run.sha]
        if run.event in ("pull_request", "pull_request_target") and pulls:
            return pulls[-1]
        pushed = repo.git.resolve(run.sha) if run.event == "push" else None  # of a run that was made up, there is none
        return repo.git.get(pushed).message.partition("\n")[0] if pushed else run.name

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


def workflow_id(repo: Repo, path: str) -> int:
    """Return the number of the workflow at *path*."""
    return zlib.crc32(f"{repo.full_name}/{path}".encode())


def _hunks(patch: pygit2.Patch) -> str:
    """Return a patch as the REST API has it: without the lines that name the files."""
    text = patch.text or ""
    return text[text.index("@@") :].rstrip("\n") if "@@" in text else ""


def moment(signature: pygit2.Signature) -> str:
    """Return when something was signed off, as GitHub writes it."""
    return datetime.fromtimestamp(signature.time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _signature(signature: pygit2.Signature) -> dict[str, str]:
    return {"name": signature.name, "email": signature.email, "date": moment(signature)}
