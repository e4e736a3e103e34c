"""Find problems in rulesets before they are sent to GitHub: rules that cannot work, or are weaker than they look."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from itertools import chain, permutations
from typing import TYPE_CHECKING, Any

from actions.api.patterns import ruleset_pattern
from actions.protection import workflow_checks
from actions.runner.event import BRANCH

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from actions.protection.environment import Environment
    from actions.protection.ruleset import Ruleset

ACTIONS_APP = 15368  # GitHub Actions itself
DEFAULT = "~DEFAULT_BRANCH"
ALL = "~ALL"
METHODS = frozenset({"merge", "squash", "rebase"})
CROWDS = ("RepositoryRole", "OrganizationAdmin", "Team", "DeployKey", "EnterpriseOwner", "EnterpriseRole")


@dataclass(frozen=True, kw_only=True, slots=True)
class LintProblem:
    """A problem of *subject*, at the line that contains *at*; what has a *fatal* problem is not sent."""

    subject: Ruleset | Environment
    message: str
    at: str = ""
    fatal: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class RepositoryFacts:
    """The facts about a repository that the lint needs: default branch, workflows by path, allowed merge methods."""

    default_branch: str
    workflows: Mapping[str, str]
    methods: frozenset[str]


def lint(rulesets: Sequence[Ruleset], repository: RepositoryFacts | None) -> list[LintProblem]:
    """Return the problems of *rulesets*, checked together; *repository* is None for rulesets of an organization."""
    branches = [ruleset for ruleset in rulesets if ruleset.target == "branch"]
    problems = [
        *chain.from_iterable(map(_bypasses, rulesets)),
        *chain.from_iterable(map(_covers_something, rulesets)),
        *chain.from_iterable(map(_creation, branches)),
        *chain.from_iterable(map(_reviewers, branches)),
        *_bots(branches, repository),
    ]
    methods = repository.methods if repository else METHODS
    problems += chain.from_iterable(_merging(ruleset, branches, repository, methods) for ruleset in branches)
    if repository:
        problems += chain.from_iterable(_checks(ruleset, repository) for ruleset in branches)
        problems += chain.from_iterable(_nested(ruleset, branches, repository) for ruleset in branches)
    return problems


def covers(ruleset: Ruleset, branch: str, default_branch: str) -> bool:
    """Tell whether *ruleset* applies to *branch*."""

    def matches(pattern: str) -> bool:
        if pattern in (DEFAULT, ALL):
            return pattern == ALL or branch == default_branch
        return ruleset_pattern(pattern).fullmatch(BRANCH + branch) is not None

    return any(map(matches, ruleset.includes)) and not any(map(matches, ruleset.excludes))


def _covers_something(ruleset: Ruleset) -> Iterator[LintProblem]:
    if not ruleset.includes and ruleset.target != "push":
        yield LintProblem(
            subject=ruleset,
            message="conditions.ref_name.include is empty, so the ruleset applies to no branch",
            at='"include"',
        )
    if ruleset.enforcement != "active":
        yield LintProblem(
            subject=ruleset,
            message=f"enforcement is {ruleset.enforcement}, so the ruleset prevents nothing",
            at='"enforcement"',
            fatal=False,
        )


def _bypasses(ruleset: Ruleset) -> Iterator[LintProblem]:
    for entry in ruleset.bypass or ():
        at = f'"{entry.name or entry.kind}"'
        if entry.mode == "exempt":
            yield LintProblem(
                subject=ruleset,
                message=f"{entry}: GitHub does not record what an exempt actor does; use pull_request or always",
                at='"exempt"',
            )
        if entry.mode == "pull_request" and ruleset.rules.keys() == {"creation"}:
            yield LintProblem(
                subject=ruleset,
                message=f"{entry} cannot create a branch, because that is not a pull request; use bypass_mode always",
                at=at,
            )
        if entry.mode == "always" and ruleset.rules.keys() & {"pull_request", "required_status_checks"}:
            yield LintProblem(
                subject=ruleset,
                message=f"{entry} is wider than needed: it allows pushes without pull request, review and checks; use"
                " bypass_mode pull_request, or move rules that need always, like creation, to a separate ruleset",
                at=at,
                fatal=False,
            )
        if entry.kind in CROWDS:
            yield LintProblem(
                subject=ruleset,
                message=f"{entry} is wider than needed: it includes all present and future members; name the bot",
                at=at,
                fatal=False,
            )


def _creation(ruleset: Ruleset) -> Iterator[LintProblem]:
    if "creation" not in ruleset.rules:
        return
    if ruleset.includes == [DEFAULT]:
        yield LintProblem(
            subject=ruleset,
            message="rule creation protects nothing on the default branch, which already exists, and prevents renaming"
            " it; remove the rule",
            at='"creation"',
            fatal=False,
        )
    elif ruleset.bypass is not None and not any(entry.mode == "always" for entry in ruleset.bypass):
        yield LintProblem(
            subject=ruleset,
            message="nobody can create these branches: creation is restricted, and no actor has bypass_mode always",
            at='"creation"',
        )


def _reviewers(ruleset: Ruleset) -> Iterator[LintProblem]:
    """Find teams that are asked for reviews, but never have to approve."""
    for required in ruleset.rules.get("pull_request", {}).get("required_reviewers") or ():
        if all(pattern.startswith("!") for pattern in required["file_patterns"]):
            yield LintProblem(
                subject=ruleset,
                message="required_reviewers: every file_pattern starts with !, so the team has no file to review",
                at='"file_patterns"',
            )
        if required["minimum_approvals"] < 1:
            yield LintProblem(
                subject=ruleset,
                message="required_reviewers: minimum_approvals is 0, so the team is asked, but need not approve",
                at='"minimum_approvals"',
                fatal=False,
            )


def _bots(rulesets: Sequence[Ruleset], repository: RepositoryFacts | None) -> Iterator[LintProblem]:
    """Find actors that may bypass a rule in one ruleset, but not in another one for the same branches."""
    active = [ruleset for ruleset in rulesets if ruleset.enforcement == "active"]
    for rule in ("creation", "pull_request"):
        with_rule = [ruleset for ruleset in active if rule in ruleset.rules]
        for ruleset, other in permutations(with_rule, 2):
            for entry in set(ruleset.bypass or ()) - set(other.bypass or ()):
                if _meet(ruleset, other, repository):
                    yield LintProblem(
                        subject=ruleset,
                        message=f"{entry} may bypass {rule} here, but not in '{other.name}', which applies to the same"
                        " branches, so the bypass has no effect; add it there too",
                        at=f'"{entry.name or entry.kind}"',
                    )
    for ruleset, other in permutations(active, 2):
        checks = other.rules.get("required_status_checks", {})
        for entry in set(ruleset.bypass or ()) - set(other.bypass or ()) if "creation" in ruleset.rules else ():
            if checks and not checks.get("do_not_enforce_on_create") and _meet(ruleset, other, repository):
                yield LintProblem(
                    subject=other,
                    message=f"{entry} may create these branches only at commits on which the required checks have"
                    " succeeded; set do_not_enforce_on_create",
                    at='"required_status_checks"',
                    fatal=False,
                )


def _merging(
    ruleset: Ruleset, rulesets: Sequence[Ruleset], repository: RepositoryFacts | None, methods: frozenset[str]
) -> Iterator[LintProblem]:
    """Find rules that no merge method satisfies, considering all rulesets for the same branches."""
    overlapping = [
        other
        for other in rulesets
        if other is ruleset or (_active(ruleset, other) and _meet(ruleset, other, repository))
    ]
    for other in overlapping:
        allowed = other.rules.get("pull_request", {}).get("allowed_merge_methods")
        methods = methods & frozenset(allowed) if allowed else methods
    if "required_linear_history" in ruleset.rules and not methods & {"squash", "rebase"}:
        yield LintProblem(
            subject=ruleset,
            message="nothing can be merged: linear history is required, but neither squash nor rebase is allowed"
            f" (allowed: {_listed(methods)})",
            at='"required_linear_history"',
        )
    if "required_signatures" in ruleset.rules and methods == {"rebase"}:
        yield LintProblem(
            subject=ruleset,
            message="nothing can be merged: signatures are required, but only rebase is allowed, which GitHub does not"
            " sign; allow squash",
            at='"required_signatures"',
        )


def _checks(ruleset: Ruleset, repository: RepositoryFacts) -> Iterator[LintProblem]:
    reported = workflow_checks.reported_checks(repository.workflows)
    for required in _required_checks(ruleset):
        name, app = required["context"], required.get("integration_id")
        if app not in (None, ACTIONS_APP):
            continue
        reporters = [check for check in reported if check.is_named(name)]
        if not reporters:
            nearest = get_close_matches(name, [check.name for check in reported], n=1, cutoff=0.3)
            hint = f"; did you mean '{nearest[0]}'?" if nearest else ""
            yield LintProblem(
                subject=ruleset,
                message=f"check '{name}' is required, but no workflow reports it on pull requests{hint}",
                at=f'"{name}"',
                fatal=app == ACTIONS_APP,
            )
        elif all(check.filtered for check in reporters):
            yield LintProblem(
                subject=ruleset,
                message=f"check '{name}' is not reported on pull requests that {reporters[0].workflow} skips because of"
                " its paths filter, so they can never be merged; remove the filter",
                at=f'"{name}"',
                fatal=False,
            )
        if app is None:
            yield LintProblem(
                subject=ruleset,
                message=f"check '{name}' can be reported by anyone with write access; require an app by its"
                f" integration_id ({ACTIONS_APP} for GitHub Actions)",
                at=f'"{name}"',
                fatal=False,
            )


def _nested(ruleset: Ruleset, rulesets: Sequence[Ruleset], repository: RepositoryFacts) -> Iterator[LintProblem]:
    """Find branches one level deeper that a workflow runs for, but that no ruleset like *ruleset* covers."""
    for pattern in ruleset.includes:
        flat = _sample(pattern)
        if "/" not in flat or not covers(ruleset, flat, repository.default_branch):
            continue
        deep = f"{flat}/nested"
        covered = any(
            covers(other, deep, repository.default_branch) for other in rulesets if _same_rules(ruleset, other)
        )
        workflow = workflow_checks.publishes(repository.workflows, deep)
        if workflow and not covered:
            yield LintProblem(
                subject=ruleset,
                message=f"{pattern} covers {flat} but not {deep}, although {workflow} runs for both; to cover both, use"
                f" {pattern.rstrip('*').rstrip('/')}/**/*",
                at=f'"{pattern}"',
            )


def _sample(pattern: str) -> str:
    """Return an example of a branch that *pattern* covers."""
    return pattern.removeprefix(BRANCH).replace("**/", "").replace("**", "*").replace("*", "name")


def _same_rules(ruleset: Ruleset, other: Ruleset) -> bool:
    """Tell whether *other* is *ruleset* itself or enforces the same rules."""
    return other is ruleset or (other.enforcement == "active" and ruleset.rules.keys() <= other.rules.keys())


def _meet(ruleset: Ruleset, other: Ruleset, repository: RepositoryFacts | None) -> bool:
    """Tell whether both apply to the same branch, judged by examples of their patterns."""
    default = repository.default_branch if repository else "main"
    samples = {default, *(_sample(pattern) for pattern in (*ruleset.includes, *other.includes))}
    return any(covers(ruleset, sample, default) and covers(other, sample, default) for sample in samples)


def _active(ruleset: Ruleset, other: Ruleset) -> bool:
    return ruleset.enforcement == other.enforcement == "active"


def _required_checks(ruleset: Ruleset) -> list[dict[str, Any]]:
    return list(ruleset.rules.get("required_status_checks", {}).get("required_status_checks", []))


def _listed(methods: frozenset[str]) -> str:
    return ", ".join(sorted(methods)) or "none at all"
