"""What is wrong with rulesets before GitHub ever sees them: what cannot work, and what is weaker than it looks."""

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

    from actions.protection.ruleset import Ruleset

ACTIONS_APP = 15368  # GitHub Actions itself
DEFAULT = "~DEFAULT_BRANCH"
ALL = "~ALL"
METHODS = frozenset({"merge", "squash", "rebase"})
CROWDS = ("RepositoryRole", "OrganizationAdmin", "Team", "DeployKey", "EnterpriseOwner", "EnterpriseRole")


@dataclass(frozen=True, kw_only=True, slots=True)
class LintProblem:
    """What is wrong with *ruleset*, at the line with *at*. If *fatal*, it is not sent."""

    ruleset: Ruleset
    message: str
    at: str = ""
    fatal: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class RepositoryFacts:
    """What the lint knows of the repository: default branch, workflows by path, ways to merge that are switched on."""

    default_branch: str
    workflows: Mapping[str, str]
    methods: frozenset[str]


def lint(rulesets: Sequence[Ruleset], repository: RepositoryFacts | None) -> list[LintProblem]:
    """Return what is wrong with *rulesets*, which hold together; *repository* is None for those of an organization."""
    branches = [ruleset for ruleset in rulesets if ruleset.target == "branch"]
    problems = [
        *chain.from_iterable(map(_bypasses, rulesets)),
        *chain.from_iterable(map(_covers_something, rulesets)),
        *chain.from_iterable(map(_creation, branches)),
        *_bots(branches, repository),
    ]
    methods = repository.methods if repository else METHODS
    problems += chain.from_iterable(_merging(ruleset, branches, repository, methods) for ruleset in branches)
    if repository:
        problems += chain.from_iterable(_checks(ruleset, repository) for ruleset in branches)
        problems += chain.from_iterable(_nested(ruleset, branches, repository) for ruleset in branches)
    return problems


def covers(ruleset: Ruleset, branch: str, default_branch: str) -> bool:
    """Tell whether *ruleset* holds for *branch*."""

    def matches(pattern: str) -> bool:
        if pattern in (DEFAULT, ALL):
            return pattern == ALL or branch == default_branch
        return ruleset_pattern(pattern).fullmatch(BRANCH + branch) is not None

    return any(map(matches, ruleset.includes)) and not any(map(matches, ruleset.excludes))


def _covers_something(ruleset: Ruleset) -> Iterator[LintProblem]:
    if not ruleset.includes and ruleset.target != "push":
        yield LintProblem(
            ruleset=ruleset,
            message="conditions.ref_name.include is empty, so it covers nothing",
            at='"include"',
        )
    if ruleset.enforcement != "active":
        yield LintProblem(
            ruleset=ruleset,
            message=f"enforcement is {ruleset.enforcement}, so it stops nothing",
            at='"enforcement"',
            fatal=False,
        )


def _bypasses(ruleset: Ruleset) -> Iterator[LintProblem]:
    for entry in ruleset.bypass or ():
        at = f'"{entry.name or entry.kind}"'
        if entry.mode == "exempt":
            yield LintProblem(
                ruleset=ruleset,
                message=f"{entry}: GitHub keeps no record of what one who is exempt does; use pull_request or always",
                at='"exempt"',
            )
        if entry.mode == "pull_request" and ruleset.rules.keys() == {"creation"}:
            yield LintProblem(
                ruleset=ruleset,
                message=f"{entry} cannot create a branch: that is no pull request; use bypass_mode always",
                at=at,
            )
        if entry.mode == "always" and ruleset.rules.keys() & {"pull_request", "required_status_checks"}:
            yield LintProblem(
                ruleset=ruleset,
                message=f"{entry} is wider than needed: it may push without a pull request, a review and checks; use"
                " pull_request, or give what it may always do, like creation, a ruleset of its own",
                at=at,
                fatal=False,
            )
        if entry.kind in CROWDS:
            yield LintProblem(
                ruleset=ruleset,
                message=f"{entry} is wider than needed: it is whoever belongs to it, today and later; name the bot",
                at=at,
                fatal=False,
            )


def _creation(ruleset: Ruleset) -> Iterator[LintProblem]:
    if "creation" not in ruleset.rules:
        return
    if ruleset.includes == [DEFAULT]:
        yield LintProblem(
            ruleset=ruleset,
            message="creation on the default branch protects nothing, as the branch is there, and gets in the way of"
            " renaming it; leave it out",
            at='"creation"',
            fatal=False,
        )
    elif not any(entry.mode == "always" for entry in ruleset.bypass or ()):
        yield LintProblem(
            ruleset=ruleset,
            message="nobody can create these branches: creation is restricted, and nobody may always bypass it",
            at='"creation"',
        )


def _bots(rulesets: Sequence[Ruleset], repository: RepositoryFacts | None) -> Iterator[LintProblem]:
    """Find those who may bypass a rule of one ruleset and meet it again in another that holds for the same branch."""
    active = [ruleset for ruleset in rulesets if ruleset.enforcement == "active"]
    for rule in ("creation", "pull_request"):
        asking = [ruleset for ruleset in active if rule in ruleset.rules]
        for ruleset, other in permutations(asking, 2):
            for entry in set(ruleset.bypass or ()) - set(other.bypass or ()):
                if _meet(ruleset, other, repository):
                    yield LintProblem(
                        ruleset=ruleset,
                        message=f"{entry} may bypass {rule} here, and not in '{other.name}', which holds for the same"
                        " branches: it cannot do its job",
                        at=f'"{entry.name or entry.kind}"',
                    )
    for ruleset, other in permutations(active, 2):
        checks = other.rules.get("required_status_checks", {})
        for entry in set(ruleset.bypass or ()) - set(other.bypass or ()) if "creation" in ruleset.rules else ():
            if checks and not checks.get("do_not_enforce_on_create") and _meet(ruleset, other, repository):
                yield LintProblem(
                    ruleset=other,
                    message=f"{entry} may create these branches only at commits that the required checks have"
                    " succeeded on; set do_not_enforce_on_create",
                    at='"required_status_checks"',
                    fatal=False,
                )


def _merging(
    ruleset: Ruleset, rulesets: Sequence[Ruleset], repository: RepositoryFacts | None, methods: frozenset[str]
) -> Iterator[LintProblem]:
    """Find what no way to merge satisfies, all rulesets taken together that hold for the same branches."""
    together = [
        other
        for other in rulesets
        if other is ruleset or (_active(ruleset, other) and _meet(ruleset, other, repository))
    ]
    for other in together:
        allowed = other.rules.get("pull_request", {}).get("allowed_merge_methods")
        methods = methods & frozenset(allowed) if allowed else methods
    if "required_linear_history" in ruleset.rules and not methods & {"squash", "rebase"}:
        yield LintProblem(
            ruleset=ruleset,
            message="linear history is required, and neither squash nor rebase may be used to merge"
            f" ({_listed(methods)}): nothing can be merged",
            at='"required_linear_history"',
        )
    if "required_signatures" in ruleset.rules and methods == {"rebase"}:
        yield LintProblem(
            ruleset=ruleset,
            message="signatures are required, and rebase alone may be used to merge, which GitHub does not sign: allow"
            " squash",
            at='"required_signatures"',
        )


def _checks(ruleset: Ruleset, repository: RepositoryFacts) -> Iterator[LintProblem]:
    reported = workflow_checks.reported_checks(repository.workflows)
    for required in _required_checks(ruleset):
        name, app = required["context"], required.get("integration_id")
        if app not in (None, ACTIONS_APP):
            continue
        makers = [check for check in reported if check.is_named(name)]
        if not makers:
            nearest = get_close_matches(name, [check.name for check in reported], n=1, cutoff=0.3)
            hint = f"; the nearest is '{nearest[0]}'" if nearest else ""
            yield LintProblem(
                ruleset=ruleset,
                message=f"check '{name}' is required, and no workflow reports it on pull requests{hint}",
                at=f'"{name}"',
                fatal=app == ACTIONS_APP,
            )
        elif all(check.filtered for check in makers):
            yield LintProblem(
                ruleset=ruleset,
                message=f"check '{name}' never comes where {makers[0].workflow} does not run because of its paths, and"
                " such a pull request waits for ever",
                at=f'"{name}"',
                fatal=False,
            )
        if app is None:
            yield LintProblem(
                ruleset=ruleset,
                message=f"check '{name}' may be reported by anybody who can write; name the app that must"
                f" (integration_id, {ACTIONS_APP} for GitHub Actions)",
                at=f'"{name}"',
                fatal=False,
            )


def _nested(ruleset: Ruleset, rulesets: Sequence[Ruleset], repository: RepositoryFacts) -> Iterator[LintProblem]:
    """Find branches one level deeper that a workflow publishes and that nothing like *ruleset* covers."""
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
                ruleset=ruleset,
                message=f"{pattern} covers {flat} and not {deep}, which {workflow} runs for all the same; in a ruleset"
                f" it is {pattern.rstrip('*').rstrip('/')}/**/*",
                at=f'"{pattern}"',
            )


def _sample(pattern: str) -> str:
    """Return the name of a branch that *pattern* may cover."""
    return pattern.removeprefix(BRANCH).replace("**/", "").replace("**", "*").replace("*", "name")


def _same_rules(ruleset: Ruleset, other: Ruleset) -> bool:
    return other.enforcement == "active" and ruleset.rules.keys() <= other.rules.keys()


def _meet(ruleset: Ruleset, other: Ruleset, repository: RepositoryFacts | None) -> bool:
    """Tell whether there is a branch for which both hold, among those that their patterns name."""
    default = repository.default_branch if repository else "main"
    samples = {default, *(_sample(pattern) for pattern in (*ruleset.includes, *other.includes))}
    return any(covers(ruleset, sample, default) and covers(other, sample, default) for sample in samples)


def _active(ruleset: Ruleset, other: Ruleset) -> bool:
    return ruleset.enforcement == other.enforcement == "active"


def _required_checks(ruleset: Ruleset) -> list[dict[str, Any]]:
    return list(ruleset.rules.get("required_status_checks", {}).get("required_status_checks", []))


def _listed(methods: frozenset[str]) -> str:
    return ", ".join(sorted(methods)) or "none at all"
