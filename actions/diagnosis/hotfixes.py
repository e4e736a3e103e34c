"""Find places that disagree about how the names of hotfix branches start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actions.diagnosis import place
from actions.diagnosis.finding import Finding, Question, Unreadable, listed
from actions.diagnosis.triggers import pushed_to
from actions.diagnosis.workflow import uses_of
from actions.infra.config import HOTFIX_PREFIX
from actions.infra.config import PATH as CONFIG
from actions.protection.lint import covers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actions.diagnosis.repository_state import RepositoryState

SAMPLE = "name"


def hotfix_findings(app: RepositoryState, infra: str, prefix: str) -> Iterator[Finding]:
    """Yield whether the workflows and the rules of *app* agree with the *prefix* in gitops.yml of *infra*.

    Nothing is asked if no workflow creates hotfix branches.
    """
    if not uses_of(app.workflows, "create-hotfix"):
        return
    for action in ("create-hotfix", "setup-flags"):
        yield from _inputs(app, infra, prefix, action)
    branch = f"{prefix}{SAMPLE}"
    published = Question(
        check="hotfix-published",
        where=app.name,
        what=f"a push to {branch}",
        wanted="starts the workflow that uses setup-flags",
        why="A hotfix that is not tested and published cannot be deployed.",
        fix=place.file(app.name, ".github/workflows"),
    )
    yield (
        published.ok("starts it")
        if pushed_to(app.workflows, "setup-flags", branch)
        else published.error("does not start it")
    )
    yield _rules(app, branch)


def _inputs(app: RepositoryState, infra: str, prefix: str, action: str) -> Iterator[Finding]:
    """Yield which prefix each use of *action* has."""
    given = [use.given.get("hotfix-prefix") or HOTFIX_PREFIX for use in uses_of(app.workflows, action)]
    if given:
        question = Question(
            check="hotfix-prefix",
            where=app.name,
            what=f"hotfix-prefix of {action}",
            wanted=f"{prefix}, as in {CONFIG} of {infra}",
            why="The gates take only branches with the prefix of gitops.yml for hotfix branches.",
            fix=f"Set the input hotfix-prefix to {prefix}, or hotfix-prefix in {place.file(infra, CONFIG)}",
        )
        different = [name for name in given if name != prefix and "${{" not in name]
        yield question.error(listed(different)) if different else question.ok(listed(given))


def _rules(app: RepositoryState, branch: str) -> Finding:
    question = Question(
        check="hotfix-rules",
        where=app.name,
        what=f"rules of {branch}",
        wanted="pull_request, required_status_checks",
        why="One person alone could put a commit on a hotfix branch, from which it is published.",
        fix=place.settings(app.name, "rules"),
    )
    if isinstance(app.rulesets, Unreadable):
        return question.unknown(app.rulesets)
    kinds = {
        kind
        for ruleset in app.rulesets
        if ruleset.enforcement == "active"
        and ruleset.target == "branch"
        and covers(ruleset, branch, app.default_branch)
        for kind in ruleset.rules
    }
    shown = listed(sorted(kinds))
    return question.ok(shown) if {"pull_request", "required_status_checks"} <= kinds else question.error(shown)
