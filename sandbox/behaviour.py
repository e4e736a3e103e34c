"""What GitHub does when it is asked to: refs that move, pull requests that open and merge, with their events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox import merge_queue
from sandbox.gitrepo import BRANCH, Person
from sandbox.rules import GOOD, Evaluation, Update, evaluate, rules_for, violations
from sandbox.state import (
    ZEROS,
    Activity,
    AutoMerge,
    Deployment,
    DeploymentStatus,
    Event,
    Label,
    Pull,
    Repo,
    Review,
    RuleSuite,
    State,
    Token,
    User,
    branch_of,
    timestamp,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sandbox.payloads import Payloads

LONGEST_BODY = 65536
BAD_BASE = {"resource": "PullRequest", "field": "base", "code": "invalid"}
WEB_FLOW = Person("GitHub", "noreply@github.com")


class Refusal(Exception):  # noqa: N818 - GitHub's answer, not a fault
    """GitHub says no: the HTTP status of the REST API, the error type of GraphQL, and the message of both."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "UNPROCESSABLE",
        code: str = "",
        errors: Sequence[Mapping[str, str] | str] = (),
    ) -> None:
        super().__init__(message)
        self.errors = list(errors)
        self.status = status
        self.kind = kind
        self.code = code


def require_short(body: str) -> None:
    """Raise Refusal if *body* is longer than GitHub takes (renovate#2032, #14551)."""
    if len(body) > LONGEST_BODY:
        raise Refusal(422, f"body is too long (maximum is {LONGEST_BODY} characters)")


def name_is_taken(repo: Repo, ref: str) -> bool:
    """Tell whether another ref stands where a folder is wanted for *ref*, or is in the folder that *ref* would be."""
    parts = ref.split("/")
    above = ["/".join(parts[:count]) for count in range(3, len(parts))]
    return any(name in above or name.startswith(f"{ref}/") for name in repo.git.refs("refs/"))


def has_queue(repo: Repo, branch: str) -> bool:
    """Tell whether *branch* has a merge queue."""
    return any(rule["type"] == "merge_queue" for _, rule in rules_for(repo, BRANCH + branch))


def _invalid_pull(message: str) -> Refusal:
    """Return GitHub's refusal of a pull request, with the words that it puts beside "Validation Failed" (hub4j)."""
    return Refusal(422, "Validation Failed", errors=[{"resource": "PullRequest", "code": "custom", "message": message}])


class Behaviour:
    """Carries out what a token asks for, as GitHub would."""

    def __init__(self, state: State, payloads: Payloads) -> None:
        self.state = state
        self.payloads = payloads

    def update_ref(self, repo: Repo, token: Token, ref: str, after: str | None) -> None:
        """Let *ref* point at *after* (None removes it), if the rules let this token do it, and tell the world."""
        before = repo.git.refs(ref).get(ref)
        if before == after:
            return
        self.require_update(repo, token, ref, after)
        self._move(repo, token, ref, before, after)

    def update_refs(self, repo: Repo, token: Token, updates: Mapping[str, str | None]) -> None:
        """Update all refs of *updates* or none."""
        before = {ref: repo.git.refs(ref).get(ref) for ref in updates}
        moving = {ref: after for ref, after in updates.items() if before[ref] != after}
        for ref, after in moving.items():
            self.require_update(repo, token, ref, after)
        for ref, after in moving.items():
            self._move(repo, token, ref, before[ref], after)

    def require_update(self, repo: Repo, token: Token, ref: str, after: str | None) -> None:
        """Raise Refusal if *ref* may not point at *after*."""
        before = repo.git.refs(ref).get(ref)
        if before is None and name_is_taken(repo, ref):
            raise Refusal(422, "Reference update failed", code="name-taken")
        self.require_rules(repo, token, Update(ref=ref, before=before, after=after))

    def _move(
        self, repo: Repo, token: Token, ref: str, before: str | None, after: str | None, *, merged: bool = False
    ) -> None:
        payload = self.payloads.push(repo, token.user, ref, before, after)
        kinds = {"created": "branch_creation", "deleted": "branch_deletion", "forced": "force_push"}
        kind = "pr_merge" if merged else next((kinds[key] for key in kinds if payload[key]), "push")
        repo.activities.append(Activity(self.state.new_id(), ref, before or ZEROS, after or ZEROS, kind, token.user))
        if after:
            repo.git.set_ref(ref, after)
        else:
            repo.git.delete_ref(ref)
        self.emit("push", repo, token, payload, ref, after or before or "")
        kind, name = ref.removeprefix("refs/").partition("/")[::2]
        named = {"ref": name, "ref_type": "branch" if kind == "heads" else "tag"}
        who = {"repository": payload["repository"], "sender": payload["sender"]}
        if after and not before:
            self.emit("create", repo, token, {**named, **who}, ref, after)
        default = repo.git.head(repo.default_branch)
        if not after and default:
            self.emit("delete", repo, token, {**named, **who}, BRANCH + repo.default_branch, default)
        self._update_pulls(repo, token, branch_of(ref), after)

    def require_rules(self, repo: Repo, token: Token, update: Update) -> None:
        """Raise Refusal if *update* violates a rule."""
        evaluations = evaluate(repo, update, token.user)
        problems = [p for found in evaluations if not found.bypassed for p in found.problems]
        self._record(repo, token.user, update, evaluations)
        if problems:
            listed = "".join(f"\n\n{problem}" for problem in problems)
            status = 405 if update.pull else 422
            raise Refusal(status, f"Repository rule violations found{listed}", code="GH013")

    def _record(self, repo: Repo, actor: User, update: Update, evaluations: list[Evaluation]) -> None:
        if not evaluations:
            return
        broken = [found for found in evaluations if found.problems]
        failed = any(not found.bypassed for found in broken)
        told = [
            {
                "rule_source": {"type": "ruleset", "id": found.ruleset["id"], "name": found.ruleset.get("name", "")},
                "enforcement": "active",
                "result": "fail" if found.problems else "pass",
                "rule_type": found.rule,
                **({"details": " ".join(found.problems)} if found.problems else {}),
            }
            for found in evaluations
        ]
        suite = RuleSuite(
            self.state.new_id(),
            actor,
            update.ref,
            update.before or ZEROS,
            update.after or ZEROS,
            "fail" if failed else "bypass" if broken else "pass",
            told,
        )
        repo.rule_suites.append(suite)

    def commit_on_branch(
        self, repo: Repo, token: Token, branch: str, expected: str, files: Mapping[str, bytes | None], message: str
    ) -> str:
        """Commit *files* to *branch* as createCommitOnBranch does: signed, and only if the branch is at *expected*."""
        head = repo.git.head(branch)
        if head is None:
            raise Refusal(404, f'A ref named "{BRANCH}{branch}" was not found.', kind="NOT_FOUND")
        if head != expected:
            text = f'Expected branch to point to "{expected}" but it did not.  Pull and try again.'
            raise Refusal(409, text, kind="STALE_DATA")
        sha = repo.git.commit(
            parents=[head], message=message, author=token.user.person, committer=WEB_FLOW, files=files
        )
        repo.verified.add(sha)
        repo.authors[sha] = token.user
        self.update_ref(repo, token, BRANCH + branch, sha)
        return sha

    def open_pull(self, repo: Repo, token: Token, *, head: str, base: str, title: str, body: str, draft: bool) -> Pull:
        """Open a pull request."""
        head = head.removeprefix(f"{repo.owner.login}:")
        head_sha, base_sha = repo.git.head(head), repo.git.head(base)
        if not head_sha or not base_sha:
            missing = {**BAD_BASE, "field": "base" if head_sha else "head"}
            raise Refusal(422, "Validation Failed", code="invalid", errors=[missing])
        if any(pull.base == base for pull in repo.open_pulls(head)):
            raise _invalid_pull(f"A pull request already exists for {repo.owner.login}:{head}.")
        if not repo.git.between(base_sha, head_sha):
            raise _invalid_pull(f"No commits between {base} and {head}")
        if draft and not repo.allow_drafts:
            raise Refusal(422, "Draft pull requests are not supported in this repository.")
        require_short(body)
        number = repo.next_number()
        pull = Pull(
            id=self.state.new_id(),
            number=number,
            title=title,
            body=body,
            author=token.user,
            head=head,
            head_sha=head_sha,
            base=base,
            draft=draft,
        )
        repo.pulls[number] = pull
        self._emit_pull(repo, token, pull, "opened")
        return pull

    def close_pull(self, repo: Repo, token: Token, pull: Pull) -> None:
        """Close *pull* without merging it."""
        pull.state, pull.closed, pull.closed_by = "closed", timestamp(), token.user
        self._emit_pull(repo, token, pull, "closed")

    def reopen_pull(self, repo: Repo, token: Token, pull: Pull) -> None:
        """Open *pull* again; one that is merged, or whose branch is gone, cannot be. The words are a guess."""
        if pull.merge_sha or not repo.git.head(pull.head):
            why = "The pull request is merged." if pull.merge_sha else f"The {pull.head} branch has been deleted."
            raise _invalid_pull(f"state cannot be changed. {why}")
        pull.state, pull.closed, pull.closed_by = "open", None, None
        pull.head_sha = repo.git.head(pull.head) or ""
        self._emit_pull(repo, token, pull, "reopened")

    def edit_pull(self, repo: Repo, token: Token, pull: Pull, wanted: Mapping[str, str]) -> None:
        """Change title, body or base of *pull*."""
        base = wanted.get("base", pull.base)
        if not repo.git.head(base):
            raise Refusal(422, "Validation Failed", errors=[BAD_BASE])
        if base != pull.base and any(other.base == base for other in repo.open_pulls(pull.head)):  # a guess
            raise _invalid_pull(f"A pull request already exists for base branch '{base}' and head branch '{pull.head}'")
        changes = {name: getattr(pull, name) for name, value in wanted.items() if value != getattr(pull, name)}
        for name in changes:
            setattr(pull, name, wanted[name])
        if changes:
            told = {name: {"from": {"ref": value} if name == "base" else value} for name, value in changes.items()}
            self._emit_pull(repo, token, pull, "edited", changes=told)

    def label(self, repo: Repo, token: Token, pull: Pull, wanted: Sequence[str]) -> None:
        """Have *pull* bear exactly the labels *wanted*; a label that nobody knows is made."""
        added = [name for name in dict.fromkeys(wanted) if name not in pull.labels]
        removed = [name for name in pull.labels if name not in wanted]
        for name in added:
            repo.labels.setdefault(name, Label(self.state.new_id(), name))
            pull.labeled.append((token.user, name))
        pull.labels = [name for name in (*pull.labels, *added) if name not in removed]
        for action, names in {"labeled": added, "unlabeled": removed}.items():
            for name in names:
                self._emit_pull(repo, token, pull, action, label=self.payloads.label(repo, name))

    def request_reviews(
        self, repo: Repo, token: Token, pull: Pull, logins: Sequence[str], teams: Sequence[str]
    ) -> None:
        """Ask people and teams for their reviews."""
        users = [login for login in logins if login not in pull.reviewers]
        slugs = [slug for slug in teams if slug not in pull.team_reviewers]
        pull.reviewers += users
        pull.team_reviewers += slugs
        asked = [{"requested_reviewer": self.payloads.user(self.state.users[login])} for login in users]
        for more in (*asked, *({"requested_team": {"slug": slug}} for slug in slugs)):
            self._emit_pull(repo, token, pull, "review_requested", **more)

    def review(self, token: Token, pull: Pull, *, state: str, body: str) -> Review:
        """Add a review of *pull* at its present head."""
        if state == "APPROVED" and token.user is pull.author:
            raise Refusal(422, "Can not approve your own pull request", code="unprocessable")
        review = Review(self.state.new_id(), token.user, state, body, pull.head_sha, timestamp())
        pull.reviews.append(review)
        # Who has reviewed is asked no more (docs.github.com, "About pull request reviews").
        pull.reviewers = [login for login in pull.reviewers if login != token.user.login or state == "PENDING"]
        return review

    def merge_when_ready(self, repo: Repo, pull: Pull, wish: AutoMerge) -> None:
        """Merge *pull* as soon as the rules allow it; a right to bypass them does not count here.

        The refusals: AliceJump/ok-end-field#211, iterative/cml#955, enable-pull-request-automerge#343 and #355.
        """
        if not repo.allow_auto_merge:
            raise Refusal(422, "Pull request Auto merge is not allowed for this repository")
        if not any(rules_for(repo, BRANCH + pull.base)):
            raise Refusal(422, "Pull request Protected branch rules not configured for this branch")
        state = self.merge_state(repo, pull, wish.method)
        if state in ("CLEAN", "UNSTABLE") and not has_queue(repo, pull.base):
            raise Refusal(422, f"Pull request Pull request is in {state.lower()} status")
        pull.auto_merge = wish
        self.carry_out_wishes(repo)

    def merge_state(self, repo: Repo, pull: Pull, method: str = "squash") -> str:
        """Return the MergeStateStatus of *pull*, for somebody who may bypass nothing."""
        if repo.git.merge_tree(repo.git.head(pull.base) or "", pull.head_sha) is None:
            return "DIRTY"
        if pull.draft:
            return "DRAFT"
        if self._blocked(repo, pull, method):
            return "BLOCKED"
        newest = {(run.name, run.app): run for run in repo.checks if run.sha == pull.head_sha}
        green = all(run.conclusion in GOOD for run in newest.values())
        green = green and all(status.state == "success" for status in repo.newest_statuses(pull.head_sha))
        return "CLEAN" if green else "UNSTABLE"

    def enqueue(self, repo: Repo, token: Token, pull: Pull) -> None:
        """Put *pull* into the merge queue; not before its rules are met (triagebot merge.rs, cli/cli merge.go)."""
        if not has_queue(repo, pull.base):
            raise Refusal(422, "Pull request The merge queue is not enabled for this branch")
        if pull.queued:
            raise Refusal(422, "Pull request is already in the queue")
        problems = self._problems(repo, pull, "squash")
        if problems:
            raise Refusal(422, f"Pull request {problems[0]}")
        pull.queued = True
        merge_queue.advance(self, repo, token)

    def carry_out_wishes(self, repo: Repo) -> None:
        """Merge, or put into the queue, what was waiting for its checks or its approval and has them now."""
        for pull in list(repo.pulls.values()):
            wish = pull.auto_merge
            if wish and pull.state == "open" and not self._blocked(repo, pull, wish.method):
                pull.auto_merge = None
                if has_queue(repo, pull.base):
                    pull.queued = True
                    merge_queue.advance(self, repo, wish.token)
                    continue
                self.merge(repo, wish.token, pull, method=wish.method, sha=None, title=wish.title, message=wish.message)
        merge_queue.advance(self, repo, None)

    def deploy(self, repo: Repo, creator: User, *, sha: str, ref: str, environment: str) -> Deployment:
        """Record that *sha* is on its way to *environment*."""
        deployment = Deployment(self.state.new_id(), sha, ref, environment, creator)
        deployment.production = environment == "production"
        repo.deployments.append(deployment)
        return deployment

    def deployed(
        self, repo: Repo, deployment: Deployment, creator: User, state: str, *, auto_inactive: bool = True
    ) -> DeploymentStatus:
        """Record how far *deployment* is. One that succeeds makes those before it inactive (OpenAPI, `auto_inactive`).

        Not those of production, and of transient environments.
        """
        status = DeploymentStatus(self.state.new_id(), state, creator)
        deployment.statuses.append(status)
        for other in repo.deployments if state == "success" and auto_inactive else ():
            active = other.statuses and other.statuses[-1].state == "success"
            kept = other is deployment or other.production or other.transient
            if active and not kept and other.environment == deployment.environment:
                other.statuses.append(DeploymentStatus(self.state.new_id(), "inactive", creator))
        return status

    def record_deployment(self, repo: Repo, sha: str, environment: str, *, by: str) -> None:
        """Record that *sha* was deployed, as *by* would."""
        runner = self.state.users[by]
        deployment = self.deploy(repo, runner, sha=sha, ref=repo.default_branch, environment=environment)
        self.deployed(repo, deployment, runner, "success")

    def leave_queue(self, repo: Repo, token: Token, pull: Pull, *, merged: bool) -> None:
        """End the wait of *pull* in the merge queue, one way or the other."""
        pull.queued = False
        if merged:
            title = f"{pull.title} (#{pull.number})"
            self.merge(repo, token, pull, method="squash", sha=None, title=title, message="")

    def _blocked(self, repo: Repo, pull: Pull, method: str) -> bool:
        conflicts = repo.git.merge_tree(repo.git.head(pull.base) or "", pull.head_sha) is None
        return conflicts or bool(self._problems(repo, pull, method))

    def _problems(self, repo: Repo, pull: Pull, method: str) -> list[str]:
        base = repo.git.head(pull.base) or ""
        update = Update(ref=BRANCH + pull.base, before=base, after=pull.head_sha, pull=pull, method=method)
        return violations(repo, update, self.state.users["github-actions[bot]"])

    def merge(
        self, repo: Repo, token: Token, pull: Pull, *, method: str, sha: str | None, title: str, message: str
    ) -> str:
        """Merge *pull* and return the commit that its base is at then."""
        if pull.state != "open":
            raise Refusal(405, "Pull Request is not mergeable")
        if sha and sha != pull.head_sha:
            raise Refusal(409, "Head branch was modified. Review and try the merge again.")
        if pull.draft:
            raise Refusal(405, "Pull Request is still a draft")
        if method not in repo.merge_methods:
            raise Refusal(405, f"{method.capitalize()} merges are not allowed on this repository.")
        base = repo.git.head(pull.base) or ""
        tree = repo.git.merge_tree(base, pull.head_sha)
        if tree is None:
            raise Refusal(405, "Pull Request is not mergeable")
        update = Update(ref=BRANCH + pull.base, before=base, after=pull.head_sha, pull=pull, method=method)
        self.require_rules(repo, token, update)
        merged = self.merged_commit(repo, token, pull, base, tree, method, f"{title}\n\n{message}".strip())
        self.land(repo, token, pull, base, merged)
        return merged

    def land(self, repo: Repo, token: Token, pull: Pull, base: str, merged: str) -> None:
        """Have the base of *pull*, which is at *base*, be at *merged*, the commit that it is merged as."""
        if repo.rule_suites and repo.rule_suites[-1].after == pull.head_sha:
            repo.rule_suites[-1].after = merged
        pull.state, pull.closed = "closed", timestamp()
        pull.merged_by, pull.merge_sha = token.user, merged
        self._move(repo, token, BRANCH + pull.base, base, merged, merged=True)
        self._emit_pull(repo, token, pull, "closed")
        if repo.delete_branch_on_merge and repo.git.head(pull.head):
            self.update_ref(repo, token, BRANCH + pull.head, None)

    @staticmethod
    def squash_message(repo: Repo, pull: Pull) -> str:
        """Return what GitHub puts below the title of a squashed commit: the messages of the commits."""
        base = repo.git.head(pull.base) or ""
        commits = [repo.git.get(sha).message for sha in repo.git.between(base, pull.head_sha)]
        if len(commits) == 1:
            return commits[0].partition("\n\n")[2]
        return "\n\n".join(f"* {message}" for message in commits)

    def merged_commit(
        self, repo: Repo, token: Token, pull: Pull, base: str, tree: str, method: str, message: str
    ) -> str:
        """Return the commit that *pull* becomes on top of *base*."""
        person = token.user.person
        if method == "rebase":
            # GitHub makes these commits anew and cannot sign them for their authors.
            at = base
            for sha in repo.git.between(base, pull.head_sha):
                step = repo.git.get(sha)
                picked = repo.git.merge_tree(at, sha) or tree
                author = Person(step.author.name, step.author.email)
                at = repo.git.commit(parents=[at], tree=picked, message=step.message, author=author, committer=person)
                repo.authors[at] = pull.author
            return at
        parents = [base] if method == "squash" else [base, pull.head_sha]
        author = pull.author.person if method == "squash" else person
        merged = repo.git.commit(parents=parents, tree=tree, message=message, author=author, committer=WEB_FLOW)
        repo.verified.add(merged)
        repo.authors[merged] = pull.author if method == "squash" else token.user
        return merged

    def _update_pulls(self, repo: Repo, token: Token, branch: str, after: str | None) -> None:
        for pull in repo.open_pulls(branch):
            if after is None:
                self.close_pull(repo, token, pull)
            else:
                pull.head_sha, pull.last_pusher = after, token.user
                self._emit_pull(repo, token, pull, "synchronize")

    def _emit_pull(self, repo: Repo, token: Token, pull: Pull, action: str, **more: object) -> None:
        pull.updated = timestamp()
        repo.git.set_ref(f"refs/pull/{pull.number}/head", pull.head_sha)
        payload = {**self.payloads.pull_event(repo, token.user, pull, action), **more}
        merged = pull.merge_sha is not None
        ref = BRANCH + pull.base if merged else f"refs/pull/{pull.number}/merge"
        sha = pull.merge_sha if merged else self.test_merge(repo, pull)
        if sha:
            self.emit("pull_request", repo, token, payload, ref, sha)
        # By the workflow file, ref and commit of the default branch, conflicts or not (changelog, 7 November 2025).
        default = repo.default_branch
        self.emit("pull_request_target", repo, token, payload, BRANCH + default, repo.git.head(default) or "")

    def test_merge(self, repo: Repo, pull: Pull) -> str | None:
        """Return the commit that GitHub tests an open pull request at, None if it conflicts: then nothing runs."""
        base = repo.git.head(pull.base) or ""
        tree = repo.git.merge_tree(base, pull.head_sha)
        if tree is None:
            return None
        message = f"Merge {pull.head_sha} into {base}"
        sha = repo.git.commit(parents=[base, pull.head_sha], tree=tree, message=message, author=WEB_FLOW)
        repo.git.set_ref(f"refs/pull/{pull.number}/merge", sha)
        return sha

    def emit(self, name: str, repo: Repo, token: Token, payload: dict[str, object], ref: str, sha: str) -> None:
        """Tell of an event, which may start workflows at *sha*."""
        # docs.github.com, "Triggering a workflow from a workflow": what GITHUB_TOKEN does starts no runs.
        if not token.of_run:
            self.state.emit(Event(name, repo, token.user, payload, ref, sha))

    def dispatch(self, repo: Repo, token: Token, payload: dict[str, object], ref: str, sha: str) -> None:
        """Start a workflow by hand. A run's own token may do this too."""
        self.state.emit(Event("workflow_dispatch", repo, token.user, payload, ref, sha))
