"""Every exception, from the least that is wrong with a change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from actions.api.checks import RequiredCheck
from actions.evidence.facts import (
    ChangeFacts,
    CheckRecord,
    CommitFacts,
    Deployment,
    EvaluatedRule,
    Kind,
    Move,
    Movement,
    OtherCommit,
    PullFacts,
    Suite,
    Verdict,
)
from actions.evidence.judgement import ExceptionKind, find_exceptions, find_exceptions_of_other, recorded_approval
from actions.evidence.ledger import later_review
from actions.gates.approval import PullCommit, Review
from tests.unit.evidence.records import moment

HEAD, EARLIER = "a" * 40, "9" * 40


def review(user: str = "bob", **given: Any) -> Review:
    known: dict[str, Any] = {"is_person": True, "may_push": True, "state": "APPROVED", "at": moment(1), "commit": HEAD}
    return Review(user=user, **known | given)


def check(conclusion: str, *, app: int = 15368, at: float = 1, run: int = 1) -> CheckRecord:
    return CheckRecord(name="test", app=app, conclusion=conclusion, at=moment(at), run=run)


OWN = PullCommit(sha=HEAD, at=moment(0), author="alice", is_attributed=True, is_signed=False, requesters=(), run="")
PULL = PullFacts(
    number=1, url="https://x/1", title="x", author="alice", by_bot=False, branch="x", base="main", created_at=moment(0),
    merged_at=moment(2), merged_by="alice", head=HEAD, merge_commit="b" * 40, labels=(), tickets=(), writers=("alice",),
    commits=(OWN,), requesters=(), reviews=(review(),), checks=(check("success"),),
)  # fmt: skip
COMMIT = CommitFacts(sha="b" * 40, title="x", author="alice", at=moment(2), verified=True, pull=PULL)
APP = CommitFacts(sha="c" * 40, title="y", author="alice", at=moment(0), verified=True, pull=PULL)
MOVE = Move(
    service="api", file="envs/prod.json", before="1", after="2", order="ahead", repository="your-org/app", sha="c" * 40,
    released="default-branch", commits=(APP,), commits_in_all=1,
)  # fmt: skip
CHANGE = ChangeFacts(
    environment="prod", commit=COMMIT, parents=("d" * 40,), kind=Kind.UPDATE, needs_review=True, reason="",
    bots=("Robot",), moves=(MOVE,), tags_before={"api": "1"}, tags={"api": "2"},
    checks_required=(RequiredCheck(name="test", app=15368),),
)  # fmt: skip

ANY_APP = RequiredCheck(name="test", app=None)


def with_pull(**given: Any) -> ChangeFacts:
    return replace(CHANGE, commit=replace(COMMIT, pull=replace(PULL, **given)))


def with_move(**given: Any) -> ChangeFacts:
    return replace(CHANGE, moves=(replace(MOVE, **given),))


def with_app_pull(**given: Any) -> ChangeFacts:
    return with_move(commits=(replace(APP, pull=replace(PULL, **given)),))


OF_RULES = (ExceptionKind.NO_TICKET, ExceptionKind.EMERGENCY_NOT_REVIEWED)
TRACKED = replace(CHANGE, ticket="ENG-[0-9]+")


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        pytest.param(CHANGE, "", id="no rule"),
        pytest.param(TRACKED, "nor your-org/app#1 names a ticket (ENG-[0-9]+)", id="nothing names one"),
        pytest.param(
            replace(TRACKED, commit=replace(COMMIT, pull=replace(PULL, own_tickets=("ENG-1",)))), "", id="it does"
        ),
        pytest.param(
            replace(TRACKED, moves=(replace(MOVE, commits=(replace(APP, pull=replace(PULL, tickets=("ENG-1",))),)),)),
            "", id="all that it brings does",
        ),
        pytest.param(
            replace(TRACKED, moves=(replace(MOVE, commits=(replace(APP, pull=replace(PULL, tickets=("X-1",))),)),)),
            "nor your-org/app#1 names", id="another kind of ticket",
        ),
        pytest.param(
            replace(TRACKED, moves=(replace(MOVE, commits=(replace(APP, pull=None),)),)),
            "nor your-org/app cccccccccccc names", id="without a pull request",
        ),
        pytest.param(replace(TRACKED, moves=()), "", id="a setting"),
        pytest.param(
            replace(TRACKED, moves=(replace(MOVE, commits=()),)), "nor what it brings names", id="it brings nothing"
        ),
        pytest.param(replace(TRACKED, kind=Kind.FIRST), "", id="the first commit"),
    ],
)  # fmt: skip
def test_a_change_had_to_name_a_ticket(change: ChangeFacts, detail: str) -> None:
    found = [exception.detail for exception in find_exceptions(change) if exception.kind == "no-ticket"]

    assert bool(found) is bool(detail)
    assert all(detail in text for text in found)


@pytest.mark.parametrize(
    ("reviews", "given_", "expected"),
    [
        pytest.param((), {}, ["emergency-not-reviewed"], id="not yet"),
        pytest.param((review(at=moment(3)),), {}, [], id="reviewed afterwards"),
        pytest.param((review("alice", at=moment(3)),), {}, ["emergency-not-reviewed"], id="reviewed by its author"),
        pytest.param((review(),), {}, [], id="approved before"),
        pytest.param((review(at=moment(3)),), {"kind": Kind.UPDATE}, ["not-approved"], id="no rollback"),
        pytest.param((review(at=moment(3)),), {"asked_in_emergency": False}, ["not-approved"], id="of somebody else"),
    ],
)
def test_an_emergency_owes_a_review(reviews: tuple[Review, ...], given_: dict[str, Any], expected: list[str]) -> None:
    known: dict[str, Any] = {"kind": Kind.ROLLBACK, "asked_in_emergency": True}

    assert kinds(replace(with_pull(reviews=reviews), **known | given_)) == expected


def kinds(change: ChangeFacts) -> list[str]:
    return [str(found.kind) for found in find_exceptions(change)]


def moved_by(kind: str) -> ChangeFacts:
    return replace(CHANGE, movement=Movement(kind=kind, actor="alice", at=moment(2)))


def evaluated(result: str, **given: Any) -> ChangeFacts:
    """A change that GitHub's rules were asked about, and that broke one of them unless the result is that it passed."""
    broken = "pass" if result == "pass" else "fail"
    suite = Suite(id=1, result=result, actor="alice", at=moment(2), evaluated=(rule("pull_request", broken),))
    return replace(CHANGE, suite=suite, **given)


def rule(name: str, result: str = "pass", enforcement: str = "active") -> EvaluatedRule:
    return EvaluatedRule(id=1, source="main", rule=name, enforcement=enforcement, result=result)


def without_rules(*evaluated: EvaluatedRule) -> ChangeFacts:
    return replace(CHANGE, suite=Suite(id=1, result="pass", actor="", at="", evaluated=evaluated))


VERDICT = Verdict(service="api", gate="soak", decision="wait", message="it has run for 1 h")


def deployed(*verdicts: Verdict) -> ChangeFacts:
    deployment = Deployment(
        id=1, environment="prod", sha=HEAD, creator="x", created_at=moment(3), succeeded_at=moment(3), failed_before=0,
        url="", verdicts=verdicts,
    )  # fmt: skip
    return replace(CHANGE, deployments=(deployment,))


CASES = [
    pytest.param(CHANGE, [], id="all is well"),
    pytest.param(moved_by("push"), ["direct-push"], id="a push"),
    pytest.param(moved_by("force_push"), ["direct-push"], id="a forced push"),
    pytest.param(moved_by("pr_merge"), [], id="a merge"),
    pytest.param(without_rules(), ["no-rules"], id="no rules"),
    pytest.param(without_rules(rule("pull_request", enforcement="evaluate")), ["no-rules"], id="rules on trial"),
    pytest.param(without_rules(rule("deletion")), ["no-rules"], id="other rules"),
    pytest.param(without_rules(rule("pull_request", enforcement="deleted ruleset")), [], id="rules since deleted"),
    pytest.param(replace(without_rules(), kind=Kind.FIRST), [], id="no rules for the first commit"),
    pytest.param(deployed(replace(VERDICT, decision="allow")), [], id="a gate that was open"),
    pytest.param(deployed(VERDICT), ["gate-closed"], id="a gate that was not"),
    pytest.param(deployed(replace(VERDICT, message="unknown: x")), ["unknown"], id="a gate of which nobody knows"),
    pytest.param(replace(CHANGE, commit=replace(COMMIT, pull=None)), ["no-pull-request"], id="no pull request"),
    pytest.param(
        replace(CHANGE, commit=replace(COMMIT, pull=None, verified=False), kind=Kind.FIRST, moves=()),
        [],
        id="the first commit",
    ),
    pytest.param(with_move(commits=(replace(APP, pull=None),)), ["no-pull-request"], id="none in the app"),
    pytest.param(with_pull(reviews=()), ["not-approved"], id="no approval"),
    pytest.param(replace(with_pull(reviews=()), needs_review=False), [], id="no approval where none is needed"),
    pytest.param(with_app_pull(reviews=()), ["not-approved"], id="no approval in the app"),
    pytest.param(with_pull(reviews=(review("ROBOT"),)), ["not-approved"], id="an approval of a bot in capitals"),
    pytest.param(with_pull(reviews=(review("robot"),)), ["not-approved"], id="an approval of a bot, by case"),
    pytest.param(with_pull(reviews=(review(at=moment(3)),)), ["not-approved"], id="an approval after the merge"),
    pytest.param(with_pull(reviews=(review(at=moment(2)),)), [], id="an approval at the merge"),
    pytest.param(with_pull(reviews=(review("alice"),)), ["self-approved"], id="an approval of the author"),
    pytest.param(with_pull(merged_by="bob"), ["self-approved"], id="an approval of who merged"),
    pytest.param(with_pull(last_pusher="bob"), ["self-approved"], id="an approval of who pushed last"),
    pytest.param(with_pull(writers=("alice", "bob")), ["self-approved"], id="an approval of a co-author"),
    pytest.param(with_pull(requesters=("bob",)), ["self-approved"], id="an approval of who asked for it"),
    pytest.param(with_pull(reviews=(review(commit=EARLIER),)), ["stale-approval"], id="of an earlier commit"),
    pytest.param(with_pull(commits=(replace(OWN, is_attributed=False),)), ["unknown"], id="a commit of nobody known"),
    pytest.param(with_pull(by_bot=True), ["unknown"], id="an unsigned commit on the branch of an App"),
    pytest.param(with_pull(author="robot"), ["unknown"], id="an unsigned commit on the branch of a bot"),
    pytest.param(
        with_pull(by_bot=True, commits=(replace(OWN, is_signed=True),)),
        [],
        id="a signed commit on the branch of an App",
    ),
    pytest.param(
        with_pull(commits=(replace(OWN, author="robot[bot]"),)),
        ["unknown"],
        id="a bot, and no run in which it was asked",
    ),
    pytest.param(with_pull(commits=(replace(OWN, author="robot", run="x"),)), [], id="a bot that was asked in a run"),
    pytest.param(with_pull(reviews=(review(may_push=False),)), ["unknown"], id="no permission any more"),
    pytest.param(with_pull(complete=False), ["unknown"], id="a pull request that was not read whole"),
    pytest.param(with_app_pull(complete=False), ["unknown"], id="one of the app that was not read whole"),
    pytest.param(with_pull(checks=()), ["check-missing"], id="no check"),
    pytest.param(with_pull(checks=(check("failure"),)), ["check-missing"], id="a check that failed"),
    pytest.param(with_pull(checks=(check("success", app=1),)), ["check-missing"], id="a check of another app"),
    pytest.param(with_pull(checks=(check("success", at=3),)), ["check-missing"], id="a check after the merge"),
    pytest.param(with_pull(checks=(check("success", at=2),)), [], id="a check at the merge"),
    pytest.param(
        with_pull(checks=(check("success"), check("failure", run=2))), ["check-missing"], id="failed when run again"
    ),
    pytest.param(with_pull(checks=(check("skipped"),)), ["check-skipped"], id="a check that was skipped"),
    pytest.param(with_pull(checks=(check("success", run=2), check("failure"))), [], id="succeeded when run again"),
    pytest.param(
        replace(with_pull(checks=(check("failure"),)), checks_required=()),
        ["check-missing"],
        id="a check failed though none is required",
    ),
    pytest.param(replace(CHANGE, checks_required=()), [], id="a check succeeded and none is required"),
    pytest.param(with_move(missing_checks=("gate",)), ["check-missing"], id="a check of the app is missing"),
    pytest.param(with_move(skipped_checks=("gate",)), ["check-skipped"], id="a check of the app was skipped"),
    pytest.param(evaluated("bypass"), ["bypass-without-reason"], id="a bypass"),
    pytest.param(evaluated("bypass", reason="it burns"), [], id="a bypass with a reason"),
    pytest.param(evaluated("bypass", needs_review=False), [], id="a bypass where no review is needed"),
    pytest.param(evaluated("pass"), [], id="rules that passed"),
    pytest.param(replace(CHANGE, commit=replace(COMMIT, verified=False)), ["unsigned"], id="no signature"),
    pytest.param(replace(CHANGE, undeployed=("api",)), ["change-without-deployment"], id="not deployed"),
    pytest.param(replace(CHANGE, undeployed=("",)), ["change-without-deployment"], id="not deployed at all"),
    pytest.param(with_move(released="none"), ["unreleased-tag"], id="a tag that was not released"),
    pytest.param(with_move(released="none", repository=""), [], id="a tag of no repository"),
    pytest.param(with_move(released="none", after=""), [], id="a removed tag"),
    pytest.param(with_move(commits_in_all=3), ["unknown"], id="commits that are not listed"),
    pytest.param(with_move(commits_in_all=0), [], id="commits that are all listed"),
    pytest.param(with_move(commits_in_all=2), ["unknown"], id="one commit that is not listed"),
    pytest.param(
        replace(with_move(released="none", missing_checks=("gate",)), kind=Kind.FIRST), [], id="the tags of the first"
    ),
    pytest.param(
        with_pull(checks=(check("success"), check("skipped", app=1))), [], id="a check that another app skipped"
    ),
    pytest.param(
        replace(with_pull(checks=(check("success", app=1),)), checks_required=(ANY_APP,)), [], id="a check of any app"
    ),
    pytest.param(
        replace(with_pull(checks=(check("success"), check("skipped", app=1))), checks_required=(ANY_APP,)),
        ["check-skipped"],
        id="a check of any app that one skipped",
    ),
    pytest.param(
        replace(with_pull(checks=(check("failure"), check("skipped", app=1))), checks_required=(ANY_APP,)),
        ["check-missing"],
        id="a check of any app that failed and was skipped",
    ),
    pytest.param(
        replace(with_pull(checks=(check("success"), check("failure", app=1))), checks_required=(ANY_APP,)),
        ["check-missing"],
        id="a check of any app that one failed",
    ),
    pytest.param(
        replace(CHANGE, checks_required=(*CHANGE.checks_required, RequiredCheck(name="lint", app=None))),
        ["check-missing"],
        id="the second of two checks",
    ),
    pytest.param(replace(CHANGE, unknown=("the rules",)), ["unknown"], id="rules that nobody could read"),
]


@pytest.mark.parametrize(("change", "expected"), CASES)
def test_what_is_wrong_with_a_change_is_found(change: ChangeFacts, expected: list[str]) -> None:
    assert kinds(change) == expected


def test_every_exception_is_produced() -> None:
    """The list is closed. A deployment of an unknown commit is no part of a change; optional rules have own cases."""
    produced = {kind for case in CASES for kind in kinds(case.values[0])}  # type: ignore[arg-type]

    assert produced == set(ExceptionKind) - {ExceptionKind.DEPLOYMENT_WITHOUT_CHANGE, *OF_RULES}


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        pytest.param({}, [], id="approved"),
        pytest.param({"movement": Movement(kind="push", actor="x", at=moment(1))}, ["direct-push"], id="pushed"),
        pytest.param({"commit": replace(COMMIT, pull=None)}, ["no-pull-request"], id="without a pull request"),
        pytest.param({"commit": with_pull(reviews=()).commit}, ["not-approved"], id="not approved"),
        pytest.param({"commit": with_pull(reviews=()).commit, "needs_review": False}, [], id="that needs no review"),
        pytest.param({"suite": evaluated("bypass").suite}, ["bypass-without-reason"], id="a bypass"),
        pytest.param({"suite": evaluated("bypass").suite, "reason": "x"}, [], id="a bypass with a reason"),
        pytest.param({"suite": evaluated("bypass").suite, "needs_review": False}, [], id="a bypass without review"),
        pytest.param({"unknown": ("x",)}, ["unknown"], id="a fact that could not be read"),
    ],
)
def test_a_commit_of_something_else_is_judged_too(given_: dict[str, Any], expected: list[str]) -> None:
    plain = OtherCommit(commit=COMMIT, needs_review=True, reason="", bots=(), suite=None, movement=None, unknown=())

    assert [str(each.kind) for each in find_exceptions_of_other(replace(plain, **given_))] == expected


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(with_move(commits_in_all=3), ("2 ", "your-org/app", "api 2"), id="commits not listed"),
        pytest.param(replace(CHANGE, undeployed=("",)), ("the change", "to prod", "b" * 12), id="all of it"),
        pytest.param(replace(CHANGE, undeployed=("api", "web")), ("not deployed to prod", "api, web"), id="services"),
        pytest.param(evaluated("bypass"), ("alice bypassed pull_request (main)",), id="a bypass"),
        pytest.param(without_rules(), ("when bbbbbbbbbbbb came", "evaluated: none at all"), id="no rules"),
        pytest.param(without_rules(rule("update")), ("evaluated: update (main)",), id="no rule that matters"),
        pytest.param(deployed(VERDICT), ("soak: api was deployed to prod though it has run for 1 h",), id="a gate"),
        pytest.param(with_pull(checks=()), ("test", "#1", "not reported"), id="no check"),
        pytest.param(with_pull(checks=(check("cancelled"),)), ("test", "#1", "cancelled"), id="a cancelled check"),
        pytest.param(
            replace(with_pull(checks=(check("failure"), check("cancelled", app=1))), checks_required=(ANY_APP,)),
            ("test on #1: cancelled, failure",),
            id="two conclusions",
        ),
    ],
)
def test_the_detail_names_the_facts(change: ChangeFacts, words: tuple[str, ...]) -> None:
    (found,) = find_exceptions(change)

    assert [word for word in words if word not in found.detail] == []


def test_an_exception_is_listed_once() -> None:
    assert kinds(replace(CHANGE, unknown=("the rules", "the rules", "more"))) == ["unknown", "unknown"]


def test_a_review_after_the_merge_is_looked_for_alone() -> None:
    pull = replace(PULL, reviews=(review("bob", at=moment(1)), review("carol", at=moment(3))))

    assert recorded_approval(pull, (), later=True).by == "carol"
    assert recorded_approval(pull, ()).by == "bob"


@pytest.mark.parametrize(
    ("kind", "reviews", "expected"),
    [
        pytest.param(Kind.ROLLBACK, (review(at=moment(3)),), {"by": "bob", "at": moment(3)}, id="after the merge"),
        pytest.param(Kind.HOTFIX, (review(at=moment(3)),), {"by": "bob", "at": moment(3)}, id="of a hotfix"),
        pytest.param(Kind.ROLLBACK, (review(at=moment(1)),), None, id="before the merge"),
        pytest.param(Kind.ROLLBACK, (), None, id="none"),
        pytest.param(Kind.UPDATE, (review(at=moment(3)),), None, id="of no emergency"),
    ],
)
def test_a_review_after_the_merge_counts_for_an_emergency(
    kind: Kind, reviews: tuple[Review, ...], expected: dict[str, str] | None
) -> None:
    assert later_review(replace(with_pull(reviews=reviews), kind=kind)) == expected


def test_an_emergency_without_a_pull_request_has_no_review() -> None:
    assert later_review(replace(CHANGE, commit=replace(COMMIT, pull=None), kind=Kind.ROLLBACK)) is None
