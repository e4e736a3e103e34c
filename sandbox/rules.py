"""Rulesets: which rules hold for a ref, what a change violates, who may bypass them, and the record of all that."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING, Any

from sandbox.gitrepo import BRANCH
from sandbox.patterns import ruleset_matches
from sandbox.state import ROLES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.state import Pull, Repo, Review, User

GOOD = ("success", "skipped", "neutral")
# The ids of the roles that every repository has.
ROLE_IDS = {2: "write", 4: "write", 5: "admin"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Update:
    """A ref that is to move from *before* to *after* (None where it is not there), by *pull* or directly."""

    ref: str
    before: str | None
    after: str | None
    pull: Pull | None = None
    method: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """What one rule of one ruleset says of an update, and whether whoever makes it may bypass the ruleset."""

    ruleset: dict[str, Any]
    rule: str
    problems: tuple[str, ...]
    bypassed: bool


def rules_for(repo: Repo, ref: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield (ruleset, rule) for every active rule that holds for *ref*, be it there or not; no layer undoes another."""
    for ruleset in (*repo.rulesets, *filter(partial(_is_about, repo), repo.owner.rulesets)):
        target = f"refs/{'tags' if ruleset.get('target') == 'tag' else 'heads'}/"
        if ruleset["enforcement"] == "active" and ref.startswith(target) and _covers(repo, ruleset, ref):
            for rule in ruleset.get("rules", []):
                yield ruleset, rule


def evaluate(repo: Repo, update: Update, actor: User) -> list[Evaluation]:
    """Return what every rule says of *update*; one who is exempt from a ruleset is not judged by it at all."""
    return [
        Evaluation(
            ruleset=ruleset,
            rule=rule["type"],
            problems=tuple(_problems(repo, rule, update)),
            bypassed=mode == "always" or (mode == "pull_request" and update.pull is not None),
        )
        for ruleset, rule in rules_for(repo, update.ref)
        if (mode := _bypass_mode(repo, ruleset, actor)) != "exempt"
    ]


def violations(repo: Repo, update: Update, actor: User) -> list[str]:
    """Return what *update* violates of the rules that *actor* cannot bypass, in GitHub's words."""
    return [
        problem
        for evaluation in evaluate(repo, update, actor)
        if not evaluation.bypassed
        for problem in evaluation.problems
    ]


def _problems(repo: Repo, rule: dict[str, Any], update: Update) -> list[str]:
    kind, parameters = rule["type"], rule.get("parameters", {})
    if kind == "creation":
        return ["Cannot create ref due to creations being restricted."] if update.before is None else []
    if kind == "deletion":
        return ["Cannot delete this branch"] if update.after is None else []
    if update.after is None:
        return []
    if kind == "update":
        return ["Cannot update this protected ref."] if update.before else []
    if kind == "required_signatures":
        return _signature_problems(repo, update)
    if kind == "non_fast_forward":
        # What a pull request is merged as always follows its base.
        forced = update.before and not update.pull and not repo.git.is_ancestor(update.before, update.after)
        return ["Cannot force-push to this branch"] if forced else []
    if kind == "required_linear_history":
        return _history_problems(repo, update)
    judges = {
        "pull_request": _review_problems,
        "required_status_checks": _check_problems,
        "workflows": _workflow_problems,
    }
    return judges[kind](repo, parameters, update) if kind in judges else []


def _signature_problems(repo: Repo, update: Update) -> list[str]:
    """Judge what is pushed; of a new branch, only commits that no other branch has, which is what GitHub does."""
    if update.pull or not update.after:
        return []  # GitHub signs what it merges
    known = [update.before] if update.before else list(repo.git.refs(BRANCH).values())
    pushed = repo.git.beyond(known, update.after)
    return [] if set(pushed) <= repo.verified else ["Commits must have verified signatures."]


def _history_problems(repo: Repo, update: Update) -> list[str]:
    pushed = not update.pull and update.before
    merges = update.method == "merge" or (
        pushed
        and any(
            len(repo.git.get(sha).parent_ids) > 1 for sha in repo.git.between(update.before or "", update.after or "")
        )
    )
    return ["This branch must not contain merge commits."] if merges else []


def _approvals(repo: Repo, pull: Pull, *, current: bool) -> list[Review]:
    """Return the approvals of *pull* that count; with *current*, only those of its present head."""
    latest = _latest(pull)
    return [
        review
        for review in latest.values()
        if review.state == "APPROVED"
        and review.user is not pull.author
        and review.user.kind == "User"
        and repo.role(review.user) in ("write", "admin")
        and (review.commit == pull.head_sha or not current)
    ]


def _latest(pull: Pull) -> dict[str, Review]:
    """Return by reviewer the last review that says yes or no, or takes that back."""
    return {review.user.login: review for review in pull.reviews if review.state not in ("COMMENTED", "PENDING")}


def review_decision(repo: Repo, pull: Pull) -> str:
    """Return what GitHub's GraphQL says of the reviews of *pull*, "" where no rule requires one, whatever they say.

    antiwork/gumroad#6495, abcxyz/github-metrics-aggregator#224, corveil/crow#153; mcnewcp/my-team#27 saw APPROVED.
    """
    rules = [rule["parameters"] for _, rule in rules_for(repo, BRANCH + pull.base) if rule["type"] == "pull_request"]
    needed = max((rule["required_approving_review_count"] for rule in rules), default=0)
    if not needed:
        return ""
    if _objections(repo, pull):
        return "CHANGES_REQUESTED"
    approvals = _approvals(repo, pull, current=any(rule["dismiss_stale_reviews_on_push"] for rule in rules))
    return "APPROVED" if len(approvals) >= needed else "REVIEW_REQUIRED"


def _objections(repo: Repo, pull: Pull) -> list[Review]:
    """Return the requests for changes that stand; they stop a merge until their author approves, or they are dismissed.

    docs.github.com, "About pull request reviews" and "Approving a pull request with required reviews".
    """
    return [
        review
        for review in _latest(pull).values()
        if review.state == "CHANGES_REQUESTED" and repo.role(review.user) in ("write", "admin")
    ]


def _review_problems(repo: Repo, parameters: dict[str, Any], update: Update) -> list[str]:
    if update.before is None:
        return []  # a ref that is created at a commit brings no change
    if not update.pull:
        return ["Changes must be made through a pull request."]
    pull = update.pull
    problems = []
    allowed = parameters.get("allowed_merge_methods") or ["merge", "squash", "rebase"]
    if update.method not in allowed:
        problems.append(f"{update.method.capitalize()} commits are not allowed on this repository.")
    approvals = _approvals(repo, pull, current=parameters["dismiss_stale_reviews_on_push"])
    needed = parameters["required_approving_review_count"]
    if needed and _objections(repo, pull):  # the words are a guess
        problems.append("Changes were requested by a reviewer with write access.")
    if len(approvals) < needed:
        noun = "review is" if needed == 1 else "reviews are"
        problems.append(f"At least {needed} approving {noun} required by reviewers with write access.")
    elif parameters["require_last_push_approval"] and all(review.user is pull.pusher for review in approvals):
        pusher = pull.pusher.login
        problems.append(
            f"New changes require approval from someone other than {pusher} because they were the last pusher."
        )
    return problems + _team_problems(repo, parameters, pull)


def _team_problems(repo: Repo, parameters: dict[str, Any], pull: Pull) -> list[str]:
    """Return which teams have not approved the files that they review, whatever count is required.

    docs.github.com, "Available rules for rulesets": `.gitignore` patterns, in order. The words are a guess.
    """
    approvals = _approvals(repo, pull, current=parameters["dismiss_stale_reviews_on_push"])
    changed = repo.git.changed_paths(repo.base_of(pull), pull.head_sha)
    problems = []
    for required in parameters.get("required_reviewers") or ():
        team = next(team for team in repo.owner.teams if team.id == required["reviewer"]["id"])
        given = sum(review.user.login in team.members for review in approvals)
        reviewed = any(_is_ignored(required["file_patterns"], path.split("/")) for path in changed)
        if reviewed and given < required["minimum_approvals"]:
            needed = required["minimum_approvals"]
            problems.append(f"At least {needed} approving reviews are required by members of {team.slug}.")
    return problems


def _is_ignored(patterns: list[str], path: list[str]) -> bool:
    """Tell whether a `.gitignore` of *patterns* ignores *path*; nothing in an ignored folder is taken back.

    gitignore(5). That GitHub follows it in this too is a guess.
    """
    return any(_last_word(patterns, path[:depth], is_folder=depth < len(path)) for depth in range(1, len(path) + 1))


def _last_word(patterns: list[str], path: list[str], *, is_folder: bool) -> bool:
    """Tell whether the last of *patterns* that matches *path* itself ignores it."""
    ignored = False
    for pattern in patterns:
        plain = pattern.removeprefix("!")
        names = plain.strip("/").split("/")
        anywhere = [] if "/" in plain.rstrip("/") else ["**"]
        if (is_folder or not plain.endswith("/")) and _names_match([*anywhere, *names], path):
            ignored = not pattern.startswith("!")
    return ignored


def _names_match(patterns: list[str], names: list[str]) -> bool:
    if not patterns or not names:
        return not patterns and not names
    if patterns[0] == "**" and len(patterns) > 1:
        return _names_match(patterns[1:], names) or _names_match(patterns, names[1:])
    return patterns[0] == "**" or (fnmatchcase(names[0], patterns[0]) and _names_match(patterns[1:], names[1:]))


def _workflow_problems(repo: Repo, parameters: dict[str, Any], update: Update) -> list[str]:
    """Return the required workflows that have not succeeded (safe-settings#607); one is reported by its path here."""
    sha = update.pull.head_sha if update.pull else update.after
    done = {run.name for run in repo.checks if run.sha == sha and run.conclusion == "success"}
    paths = [workflow["path"] for workflow in parameters["workflows"]]
    return [f"Required workflow {path} is expected" for path in paths if path not in done]


def _check_problems(repo: Repo, parameters: dict[str, Any], update: Update) -> list[str]:
    if update.before is None and parameters.get("do_not_enforce_on_create"):
        return []
    sha = update.pull.head_sha if update.pull else update.after
    problems = []
    for required in parameters["required_status_checks"]:
        name, app = required["context"], required.get("integration_id")
        # Of several runs of one check, the newest counts (docs.github.com, "Troubleshooting required status checks").
        runs = [
            run for run in repo.checks if (run.sha, run.name, run.bare) == (sha, name, False) and app in (None, run.app)
        ]
        statuses = [s for s in repo.newest_statuses(sha or "") if s.context == name and app in (None, s.creator.id)]
        if not runs and not statuses:
            problems.append(f'Required status check "{name}" is expected.')
        elif runs and runs[-1].conclusion not in GOOD:
            problems.append(f'Required status check "{name}" is {runs[-1].conclusion or runs[-1].status}.')
        elif any(status.state != "success" for status in statuses):
            problems.append(f'Required status check "{name}" is {statuses[-1].state}.')
    return problems


def _bypass_mode(repo: Repo, ruleset: dict[str, Any], actor: User) -> str:
    """Return in which way *actor* may bypass *ruleset*, the widest of all that hold, "" if in none."""
    modes = [entry["bypass_mode"] for entry in ruleset.get("bypass_actors", []) if _is_meant(repo, entry, actor)]
    return next((mode for mode in ("exempt", "always", "pull_request") if mode in modes), "")


def _is_meant(repo: Repo, entry: dict[str, Any], actor: User) -> bool:
    kind, number = entry["actor_type"], entry.get("actor_id")
    if kind == "RepositoryRole":
        return ROLES.index(repo.role(actor)) >= ROLES.index(ROLE_IDS[number])  # type: ignore[index]
    if kind == "OrganizationAdmin":
        return actor.login in repo.owner.owners
    if kind == "Team":
        return any(team.id == number and actor.login in team.members for team in repo.owner.teams)
    return kind in ("User", "Integration") and actor.id == number


def _is_about(repo: Repo, ruleset: dict[str, Any]) -> bool:
    """Tell whether *ruleset*, of an organization, is about *repo*."""
    names = ruleset["conditions"].get("repository_name", {})
    return any(pattern == "~ALL" or ruleset_matches(pattern, repo.name) for pattern in names.get("include", []))


def _covers(repo: Repo, ruleset: dict[str, Any], ref: str) -> bool:
    # Without conditions, which GitHub takes (octokit/rest.js#331, github/docs#33821), it is about no branch: a guess.
    names = ruleset["conditions"].get("ref_name", {})

    def matches(pattern: str) -> bool:
        if pattern == "~ALL":
            return True
        if pattern == "~DEFAULT_BRANCH":
            return ref == BRANCH + repo.default_branch
        return ruleset_matches(pattern, ref)

    return any(map(matches, names.get("include", []))) and not any(map(matches, names.get("exclude", [])))
