"""Decide whether a commit was tested; gates and evidence share this rule.

A check of GitHub Actions counts only as a job of a run on the default or a hotfix branch. What another App or account
reports counts only if `gitops.yml` names it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actions.api.checks import ACTIONS, CheckVerdict, NamedCheck, RequiredCheck, evaluate_checks
from actions.app.facts import Unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actions.api.checks import Check
    from actions.app.repository import AppRepository, Build


def required_of(app: AppRepository, service: str) -> tuple[NamedCheck, ...] | Unknown:
    """Return the checks that the default branch of *app* requires, for *service*, of which `gitops.yml` names none."""
    required = app.required_checks()
    foreign = [check for check in required if not app.is_of_actions(check)]
    if foreign:
        where = f"services.{service}.checks"
        return Unknown(f"who may report {foreign[0].name}, which is no job of a workflow; name the checks in {where}")
    return tuple(NamedCheck(check.name) for check in required)


def verdict(required: Sequence[NamedCheck], app: AppRepository, build: Build | None, prefix: str) -> CheckVerdict:
    """Return how the *required* checks of *build* stand; hotfix branches begin with *prefix*."""
    names = {check.name for check in required if not check.by}
    jobs = app.jobs_of(build, prefix, names) if build and names else ()
    reported = app.checks_of(build) if build and any(check.by for check in required) else ()
    parts = [
        evaluate_checks([RequiredCheck(name=check.name, app=None)], _of(check, jobs, reported), skipped_passes=False)
        for check in required
    ]
    return CheckVerdict(
        failed=tuple(name for part in parts for name in part.failed),
        waiting=tuple(name for part in parts for name in part.waiting),
        unreported=tuple(name for part in parts for name in part.unreported),
    )


def _of(check: NamedCheck, jobs: Sequence[Check], reported: Sequence[Check]) -> Sequence[Check]:
    if not check.by:
        return jobs
    return [each for each in reported if _account(each.by) == _account(check.by) != ACTIONS]


def _account(login: str) -> str:
    return login.casefold().removesuffix("[bot]")
