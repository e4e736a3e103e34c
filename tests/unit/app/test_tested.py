from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.api.checks import ACTIONS, ACTIONS_APP, Check, CheckVerdict, NamedCheck, ReportedChecks
from actions.api.client import Client
from actions.app.facts import Unknown
from actions.app.repository import AppRepository, Build
from actions.app.tested import required_of, verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

SHA, PREFIX = "a" * 40, "hotfixes/"
GATE, SCAN = NamedCheck("gate"), NamedCheck("scan", "scanner")
SCANNER_APP, ELSEWHERE = 77, 4242
STATES = {"success": "success", "neutral": "success", "skipped": "success", "failure": "failure", "queued": "pending"}


def check(name: str, conclusion: str = "success", *, by: str = "", app: int | None = None) -> Check:
    return Check(name=name, app=app, state=STATES[conclusion], conclusion=conclusion, by=by)


def build(*shown: Check) -> Build:
    reported = ReportedChecks(sha=SHA, shown=shown, hidden=0)
    return Build(name=SHA, sha=SHA, reported=reported, merged_into=(), history=(), linear=True)


def repository(*, jobs: Sequence[Check] | None = None, reported: Sequence[Check] | None = None) -> AppRepository:
    """Return a repository of which this has been read; whoever reads anything else is refused a connection."""
    return AppRepository(
        Client("your-org/app", "", {"GITHUB_API_URL": "http://127.0.0.1:9"}),
        _jobs={} if jobs is None else {SHA: tuple(jobs)},
        _checks={} if reported is None else {SHA: tuple(reported)},
    )


def judged(required: Sequence[NamedCheck], app: AppRepository) -> CheckVerdict:
    return verdict(required, app, build(), PREFIX)


@pytest.mark.parametrize(
    ("jobs", "expected"),
    [
        pytest.param([check("gate")], CheckVerdict(), id="succeeded"),
        pytest.param([check("gate", "neutral")], CheckVerdict(), id="neutral"),
        pytest.param([check("gate", "failure")], CheckVerdict(failed=("gate (failure)",)), id="failed"),
        pytest.param([check("gate", "skipped")], CheckVerdict(failed=("gate (skipped)",)), id="skipped"),
        pytest.param([check("gate", "queued")], CheckVerdict(waiting=("gate",)), id="not done"),
        pytest.param([check("lint")], CheckVerdict(unreported=("gate",)), id="another job"),
        pytest.param([], CheckVerdict(unreported=("gate",)), id="no job"),
    ],
)
def test_a_job_must_have_succeeded(jobs: list[Check], expected: CheckVerdict) -> None:
    """What anybody reported of that name is not even read."""
    assert judged([GATE], repository(jobs=jobs)) == expected


@pytest.mark.parametrize(
    ("by", "named", "counts"),
    [
        pytest.param("scanner", "scanner", True, id="an App, by its slug"),
        pytest.param("scanner", "scanner[bot]", True, id="an App, by its login"),
        pytest.param("Scanner[bot]", "scanner", True, id="a status of the App, in another case"),
        pytest.param("alice", "alice", True, id="an account"),
        pytest.param("scanner-2", "scanner", False, id="another App"),
        pytest.param("", "scanner", False, id="nobody knows who"),
        pytest.param(ACTIONS, "scanner", False, id="a workflow of any branch"),
        pytest.param(ACTIONS, ACTIONS, False, id="a workflow of any branch, though it is named"),
        pytest.param("github-actions[bot]", "GitHub-Actions", False, id="whatever it is called"),
    ],
)
def test_what_others_report_counts_from_whom_is_named(by: str, named: str, *, counts: bool) -> None:
    app = repository(reported=[check("scan", by=by)])

    assert judged([NamedCheck("scan", named)], app).passed is counts


def test_jobs_and_what_others_report_are_told_apart_and_each_is_named() -> None:
    required = [GATE, NamedCheck("lint"), SCAN, NamedCheck("audit", "scanner"), NamedCheck("gate", "scanner")]
    jobs = [check("gate"), check("scan"), check("lint", "queued")]
    reported = [check("gate", "failure", by="scanner"), check("scan", "failure", by="alice"), check("lint", by="alice")]

    assert judged(required, repository(jobs=jobs, reported=reported)) == CheckVerdict(
        failed=("gate (failure)",), waiting=("lint",), unreported=("scan", "audit")
    )


@pytest.mark.parametrize("required", [(GATE,), (SCAN,), (GATE, SCAN)])
def test_what_has_no_commit_was_not_tested(required: tuple[NamedCheck, ...]) -> None:
    """And nothing is asked."""
    assert verdict(required, repository(), None, PREFIX).unreported == tuple(each.name for each in required)


def test_where_nothing_is_needed_nothing_is_asked() -> None:
    assert verdict((), repository(), build(), PREFIX).passed


NAMED = st.builds(NamedCheck, st.sampled_from("abc"), st.sampled_from(["", "scanner", "alice", ACTIONS]))
CHECKS = st.lists(
    st.builds(
        check,
        st.sampled_from("abc"),
        st.sampled_from(sorted(STATES)),
        by=st.sampled_from(["", "scanner", "alice[bot]", ACTIONS]),
    ),
    max_size=8,
)


@given(st.lists(NAMED, max_size=5), CHECKS, CHECKS)
def test_a_commit_was_tested_if_each_check_has_succeeded_whoever_is_to_report_it(
    required: list[NamedCheck], jobs: list[Check], reported: list[Check]
) -> None:
    def succeeded(needed: NamedCheck) -> bool:
        if needed.by == ACTIONS:
            return False
        of_others = [each for each in reported if each.by.removesuffix("[bot]") == needed.by]
        found = [each.conclusion for each in (of_others if needed.by else jobs) if each.name == needed.name]
        return bool(found) and set(found) <= {"success", "neutral"}

    assert judged(required, repository(jobs=jobs, reported=reported)).passed == all(map(succeeded, required))


@given(st.lists(NAMED, max_size=5), CHECKS, CHECKS, NAMED)
def test_whoever_needs_more_is_never_satisfied_with_less(
    required: list[NamedCheck], jobs: list[Check], reported: list[Check], more: NamedCheck
) -> None:
    app = repository(jobs=jobs, reported=reported)

    assert judged(required, app).passed or not judged([*required, more], app).passed


@given(st.lists(st.builds(NamedCheck, st.sampled_from("abc")), max_size=5), CHECKS, CHECKS)
def test_no_report_changes_what_jobs_say(required: list[NamedCheck], jobs: list[Check], reported: list[Check]) -> None:
    assert judged(required, repository(jobs=jobs)) == judged(required, repository(jobs=jobs, reported=reported))


# What a branch requires


def requiring(*integrations: int | None, shown: Sequence[Check] = (), protected: Sequence[str] = ()) -> AppRepository:
    """Return a repository whose default branch requires c0, c1 and so on, of these Apps, and *protected* of any."""
    listed = [{"context": f"c{index}", "integrationId": app} for index, app in enumerate(integrations)]
    branch = {
        "name": "main",
        "rules": {"nodes": [{"parameters": None}, {"parameters": {"requiredStatusChecks": listed}}]},
        "refUpdateRule": {"requiredStatusCheckContexts": list(protected)},
    }
    client = Client("your-org/app", "", {})
    return AppRepository(client, _builds={SHA: build(*shown), "gone": None}, _default_branch=branch)


@pytest.mark.parametrize(
    ("app", "expected"),
    [
        pytest.param(AppRepository(Client("your-org/app", "", {})), (), id="no branch"),
        pytest.param(requiring(), (), id="nothing"),
        pytest.param(requiring(ACTIONS_APP), ("c0",), id="a job"),
        pytest.param(requiring(None), ("c0",), id="a check of anybody, which has to be a job"),
        pytest.param(requiring(ACTIONS_APP, None, protected=["old"]), ("c0", "c1", "old"), id="several"),
        pytest.param(
            requiring(ELSEWHERE, shown=[check("x", by=ACTIONS, app=ELSEWHERE)]), ("c0",), id="a job on another server"
        ),
    ],
)
def test_what_the_branch_requires_of_workflows_is_needed(app: AppRepository, expected: tuple[str, ...]) -> None:
    assert required_of(app, "api") == tuple(NamedCheck(name) for name in expected)


@pytest.mark.parametrize(
    ("app", "name"),
    [
        pytest.param(requiring(SCANNER_APP), "c0", id="of another App"),
        pytest.param(requiring(ACTIONS_APP, SCANNER_APP), "c1", id="beside a job"),
        pytest.param(
            requiring(SCANNER_APP, shown=[check("x", by="scanner", app=SCANNER_APP)]), "c0", id="though it reports"
        ),
        pytest.param(requiring(ELSEWHERE), "c0", id="of an App that has not reported"),
    ],
)
def test_whom_the_branch_requires_to_report_gitops_yml_has_to_name(app: AppRepository, name: str) -> None:
    where = "name the checks in services.api.checks"

    assert required_of(app, "api") == Unknown(f"who may report {name}, which is no job of a workflow; {where}")
