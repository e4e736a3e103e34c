"""Look at the rules of a repository: against the files of protection, and whether they can work at all."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from actions.diagnosis import place
from actions.diagnosis.finding import Finding, Question, Unreadable, attempt, listed
from actions.errors import InvalidEnvironmentError, InvalidRulesetError
from actions.protection.lint import lint
from actions.protection.plan import find_drift, find_environment_drift
from actions.protection.report import in_words
from actions.protection.target import Target
from actions.protection.workflow_checks import reported_checks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from actions.diagnosis.repository_state import RepositoryState
    from actions.errors import ActionError
    from actions.protection.actors import Actors
    from actions.protection.difference import Difference
    from actions.protection.environment import Environment
    from actions.protection.ruleset import Ruleset

WRITE = "administration: write"
MEMBERS = "members: read"
MUST_HAVE = ("pull_request", "required_status_checks", "non_fast_forward")
QUEUE = ("merge_group",)


def resolve(target: Target, actors: Actors) -> Target | Unreadable | ActionError:
    """Return *target* with the ids of the actors that its files name, or why they are not known."""
    try:
        return attempt(
            lambda: replace(
                target,
                rulesets=tuple(map(actors.in_ruleset, target.rulesets)),
                environments=tuple(map(actors.in_environment, target.environments)),
            ),
            MEMBERS,
        )
    except (InvalidRulesetError, InvalidEnvironmentError) as error:
        return error


def rule_findings(state: RepositoryState) -> Iterator[Finding]:
    """Yield whether the rules of the default branch protect it, can be met, and how the rulesets are made."""
    yield _protects(state)
    if not isinstance(state.rules, Unreadable):
        yield from _queued_checks(state, state.rules)
    question = Question(
        check="rulesets",
        where=state.name,
        what="rulesets",
        wanted="rules that can be met, and no bypass that is wider than needed",
        why="A rule that cannot be met blocks every pull request, and one that can be bypassed protects nothing.",
        fix=place.settings(state.name, "rules"),
    )
    if isinstance(state.rulesets, Unreadable):
        yield question.unknown(state.rulesets)
        return
    yield _bypasses(state, state.rulesets)
    problems = lint(state.rulesets, state.facts)
    for problem in problems:
        shown = f"'{problem.subject.name}': {problem.message}"
        yield question.error(shown) if problem.fatal else question.warning(shown)
    if not problems:
        yield question.ok(listed(sorted(ruleset.name for ruleset in state.rulesets)))


def drift_findings(
    state: RepositoryState, target: Target | Unreadable | ActionError, environments: Sequence[Environment] | Unreadable
) -> Iterator[Finding]:
    """Yield how the rulesets and environments on GitHub differ from the files of *target*, as far as is known."""
    question = Question(
        check="protection",
        where=state.name,
        what="rulesets and environments",
        wanted="as in the files of protection",
        why="The files were reviewed. What differs from them was changed by hand, or not applied.",
        fix="Run the workflow of sync-protection with mode apply, or change the file by pull request.",
    )
    if isinstance(target, Unreadable):
        yield question.unknown(target)
        return
    if not isinstance(target, Target):
        yield question.error(str(target))
        return
    differences: list[Difference] = []
    if target.rulesets and not isinstance(state.rulesets, Unreadable):
        found = find_drift(target.rulesets, state.rulesets, prune=False)
        differences += [each for each in found if each.kind != "unknown"]  # bypass actors, which have their own finding
    if target.environments and not isinstance(environments, Unreadable):
        differences += find_environment_drift(target.environments, environments, prune=False)
    for each in differences:
        yield replace(question, what=f"{each.thing} {each.name}").error(in_words(each))
    if not differences:
        yield question.ok("as in the files")


def _protects(state: RepositoryState) -> Finding:
    question = Question(
        check="branch-rules",
        where=state.name,
        what=f"rules of the branch {state.default_branch}",
        wanted=f"{', '.join(MUST_HAVE)}; at least one approval",
        why="Without them, one person alone can change what is deployed.",
        fix=place.settings(state.name, "rules"),
    )
    if isinstance(state.rules, Unreadable):
        return question.unknown(state.rules)
    kinds = list(dict.fromkeys(str(rule["type"]) for rule in state.rules))
    missing = [kind for kind in MUST_HAVE if kind not in kinds]
    if missing:
        return question.error(f"{listed(kinds)}; not there: {listed(missing)}")
    return question.ok(listed(kinds)) if _asks_for_review(state.rules) else question.error("no approval is required")


def _bypasses(state: RepositoryState, rulesets: Sequence[Ruleset]) -> Finding:
    question = Question(
        check="bypass-actors",
        where=state.name,
        what="who may bypass rulesets",
        wanted="only the Apps, each as far as its work needs it",
        why="Rules do not hold for them.",
        fix=place.settings(state.name, "rules"),
    )
    if any(ruleset.bypass is None for ruleset in rulesets):
        return question.unknown(Unreadable(permission=WRITE, said="GitHub does not show the bypass actors"))
    entries = [(ruleset.name, entry) for ruleset in rulesets for entry in ruleset.bypass or ()]
    shown = listed(f"{entry} of '{name}'" for name, entry in entries)
    others = any(entry.kind != "Integration" for _, entry in entries)
    return question.warning(shown) if others else question.ok(shown)


def _asks_for_review(rules: Iterable[Mapping[str, Any]]) -> bool:
    """Tell whether a rule asks for an approval: by a number, or of teams by files."""
    parameters = [rule.get("parameters") or {} for rule in rules if rule["type"] == "pull_request"]
    return any(
        each.get("required_approving_review_count", 0) > 0
        or any(team.get("minimum_approvals", 0) > 0 for team in each.get("required_reviewers") or ())
        for each in parameters
    )


def _queued_checks(state: RepositoryState, rules: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """Yield whether the required checks are reported in a merge queue, if there is one."""
    if not any(rule["type"] == "merge_queue" for rule in rules):
        return
    reported = reported_checks(state.facts.workflows, QUEUE)
    required = [
        check["context"]
        for rule in rules
        if rule["type"] == "required_status_checks"
        for check in (rule.get("parameters") or {}).get("required_status_checks", ())
    ]
    question = Question(
        check="queued-checks",
        where=state.name,
        what="required checks that no workflow reports in the merge queue",
        wanted=listed(()),
        why="The queue waits for them, and then removes every pull request.",
        fix="Add the event merge_group to the workflow of the check.",
    )
    unreported = [name for name in required if not any(check.is_named(name) for check in reported)]
    yield question.error(listed(unreported)) if unreported else question.ok(listed(()))
