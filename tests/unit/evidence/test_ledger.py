"""Records added up: changes as they were amended, what is no change, and what no record can say."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.errors import TamperedError
from actions.evidence.chain import Chain
from actions.evidence.facts import (
    Amendment,
    ChangeFacts,
    Collected,
    Deployment,
    Gap,
    Kind,
    Listing,
    OtherCommit,
    Rewrite,
    Scope,
    StrayDeployment,
)
from actions.evidence.ledger import Ledger, View, awaits_review, judged, result_of
from actions.evidence.records import Record, read_records
from tests.unit.evidence.records import moment
from tests.unit.evidence.test_judgement import APP, CHANGE, COMMIT, PULL, kinds, review, with_move, with_pull

MADE = Collected(at=moment(9), run="", actor="", action="", head="e" * 40, kept="")
SCOPE = Scope(server="https://x", repository="your-org/infra", environment="prod", branch="main", after="")
OTHER = {"exception": "not-approved", "detail": "nobody"}
REWRITE = Rewrite(id=7, kind="force_push", actor="bob", at=moment(3), before="a" * 40, after="b" * 40)
GAP = Gap(sha="e" * 40, expected={"api": "1", "web": "1", "same": "1"}, actual={"api": "2", "job": "1", "same": "1"})
STRAY = StrayDeployment(id=5, environment="prod", sha="f" * 40, by="eve", counts=True, at=moment(4), url="")
SOMETHING = OtherCommit(
    commit=replace(COMMIT, sha="7" * 40), needs_review=True, reason="", bots=(), suite=None, movement=None, unknown=()
)
UNDEPLOYED = replace(CHANGE, undeployed=("api", "web"))


def deployment(number: int, hours: float = 5) -> Deployment:
    return Deployment(
        id=number, environment="prod", sha="d" * 40, creator="x", created_at=moment(hours), succeeded_at=moment(hours),
        failed_before=0, url="",
    )  # fmt: skip


def another(name: str, **given_: Any) -> ChangeFacts:
    return replace(CHANGE, commit=replace(COMMIT, sha=name * 40), **given_)


def written(*facts: Any) -> list[dict[str, Any]]:
    """The lines of the records of *facts*, as they are read again."""
    chain, _ = Chain().with_records([Record(each, MADE).as_json() for each in (SCOPE, *facts)])
    return list(chain.records)


def added(*facts: Any) -> Ledger:
    return Ledger.of(read_records(written(*facts)))


def seen(*facts: Any) -> View:
    return added(*facts).view()


@pytest.mark.parametrize("facts", [CHANGE, UNDEPLOYED, SOMETHING, REWRITE, GAP, STRAY, Listing(head="a", paths=("x",))])
def test_what_is_written_is_read(facts: Any) -> None:
    _, record = read_records(written(facts))

    assert record == Record(facts, MADE)


@pytest.mark.parametrize(
    ("still", "expected"),
    [
        pytest.param((), [], id="all of it"),
        pytest.param(("web",), ["change-without-deployment"], id="a part of it"),
    ],
)
def test_a_later_deployment_settles_that_it_was_missing(still: tuple[str, ...], expected: list[str]) -> None:
    amendment = Amendment(commit=COMMIT.sha, deployments=(deployment(1),), undeployed=still)

    (found,) = seen(UNDEPLOYED, amendment).changes

    assert [each["exception"] for each in found["exceptions"]] == expected
    assert found["result"] == (expected or "pass")
    assert [each["id"] for each in found["deployments"]] == [1]
    assert found["undeployed"] == still


def test_a_later_review_settles_nothing() -> None:
    emergency = replace(with_pull(reviews=()), kind=Kind.ROLLBACK)
    later = Amendment(commit=COMMIT.sha, reviews=(review(at=moment(5)),))

    before, after = added(emergency), added(emergency, later)

    assert (before.waiting, after.waiting) == ([emergency], [])
    (found,) = after.view().changes
    assert found["later_review"] == {"by": "bob", "at": moment(5)}
    assert [each["exception"] for each in found["exceptions"]] == ["not-approved"]


@pytest.mark.parametrize(
    ("found", "waits"),
    [
        pytest.param(CHANGE, False, id="an approved update"),
        pytest.param(with_pull(reviews=()), False, id="an update that nobody approved"),
        pytest.param(replace(with_pull(reviews=()), kind=Kind.HOTFIX), True, id="an emergency that nobody approved"),
        pytest.param(replace(CHANGE, kind=Kind.HOTFIX), False, id="an approved emergency"),
        pytest.param(
            replace(with_pull(reviews=()), kind=Kind.HOTFIX, needs_review=False), False, id="one that needs no approval"
        ),
        pytest.param(
            replace(CHANGE, commit=replace(COMMIT, pull=None), kind=Kind.ROLLBACK), True, id="one that was pushed"
        ),
    ],
)
def test_an_emergency_waits_for_its_review(found: ChangeFacts, *, waits: bool) -> None:
    assert awaits_review(found) is waits


def test_a_change_waits_for_its_deployment() -> None:
    assert added(UNDEPLOYED).waiting == [UNDEPLOYED]


def test_what_is_no_change_follows_the_change_before_it() -> None:
    found = seen(GAP, CHANGE, another("8"), REWRITE, STRAY, replace(STRAY, id=6, counts=False), SOMETHING).others

    assert [each["follows"] for each in found] == ["", *["8" * 40] * 4]
    assert [entry["detail"] for each in found for entry in each["exceptions"]] == [
        "which commit moved api from 1 to 2, job from none to 1, web from 1 to none",
        f"bob moved main from {'a' * 12} to {'b' * 12} (force_push)",
        f"eve deployed {'f' * 12} to prod, which was not on main",
        f"eve, who is no deployer, recorded a deployment of {'f' * 12} to prod",
    ]
    assert [each["result"] for each in found[1:]] == [
        ["direct-push"], ["deployment-without-change"], ["deployment-without-change"], "pass",
    ]  # fmt: skip
    assert (found[-1]["by"], found[-1]["at"]) == ("alice", PULL.merged_at)


def test_without_any_record_there_is_nothing_to_show() -> None:
    with pytest.raises(ValueError, match="no record"):
        Ledger().view()


def test_exceptions_name_their_commits() -> None:
    found = seen(with_pull(reviews=()), GAP).exceptions

    assert [each["commit"] for each in found] == [COMMIT.sha, "e" * 40]


def test_a_result_names_each_exception_once() -> None:
    assert result_of([]) == "pass"
    assert result_of([OTHER, OTHER, {"exception": "unknown", "detail": "x"}]) == ["not-approved", "unknown: x"]


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        pytest.param(CHANGE, ("bob", moment(1), ["bob"], None, False), id="approved"),
        pytest.param(
            replace(CHANGE, commit=replace(COMMIT, pull=None)), ("", "", ["bob"], None, False), id="no pull request"
        ),
        pytest.param(
            with_move(commits=(replace(APP, pull=None),)), ("bob", moment(1), [""], None, False), id="none in the app"
        ),
        pytest.param(
            replace(with_pull(reviews=(review(at=moment(3)),)), kind=Kind.HOTFIX),
            ("", "", ["bob"], {"by": "bob", "at": moment(3)}, True),
            id="an emergency that was reviewed later",
        ),
    ],
)
def test_what_is_shown_names_who_approved_what(made: ChangeFacts, expected: tuple[Any, ...]) -> None:
    found = judged(made, MADE)

    commits = [commit["approved_by"] for commit in found["moves"][0]["commits"]]
    assert (
        found["approved_by"], found["approved_at"], commits, found["later_review"], found["emergency"]
    ) == expected  # fmt: skip


# What cannot be right

TAMPERED = [
    pytest.param((CHANGE, with_pull(reviews=(review(),))), "is recorded already", id="a second change"),
    pytest.param((replace(CHANGE, environment="Prod"),), "of the environment 'Prod'", id="of another environment"),
    pytest.param((Amendment(commit="9" * 40),), "is not recorded", id="an amendment of nothing"),
    pytest.param(
        (UNDEPLOYED, Amendment(commit=COMMIT.sha)), "was deployed, and not how", id="that it was deployed somehow"
    ),
    pytest.param(
        (replace(CHANGE, deployments=(deployment(1),)), Amendment(commit=COMMIT.sha, deployments=(deployment(1, 8),))),
        "changes a deployment",
        id="another deployment in place of one",
    ),
    pytest.param(
        (UNDEPLOYED, Amendment(commit=COMMIT.sha, undeployed=("x", "web"))), "more of", id="more that is not deployed"
    ),
    pytest.param(
        (CHANGE, Amendment(commit=COMMIT.sha, reviews=(review("carol"),))),
        "that the merge should have had",
        id="an approval before the merge",
    ),
    pytest.param(
        (replace(CHANGE, commit=replace(COMMIT, pull=None)), Amendment(commit=COMMIT.sha, reviews=(review(),))),
        "that the merge should have had",
        id="a review of no pull request",
    ),
    *(pytest.param((each, each), "it repeats", id=f"{type(each).__name__} twice") for each in (STRAY, REWRITE, GAP)),
    pytest.param((SOMETHING, replace(SOMETHING, reason="x")), "it repeats", id="a commit twice"),
]


@pytest.mark.parametrize(("facts", "said"), TAMPERED)
def test_records_that_cannot_follow_those_before_them_are_found(facts: tuple[Any, ...], said: str) -> None:
    with pytest.raises(TamperedError, match=f"line {len(facts) + 1} .*{said}"):
        added(*facts)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"exceptions": []}, "lacks facts, or has others: exceptions", id="an exception taken away"),
        pytest.param({"result": "pass"}, "has others: result", id="a result"),
        pytest.param({"needs_review": 0}, "'0' is no bool", id="another type"),
        pytest.param({"kind": "fine"}, "'fine' is not a valid Kind", id="another kind"),
        pytest.param({"moves": {}}, "is no", id="no list"),
        pytest.param({"tags": {"api": 1}}, "'1' is no str", id="no text"),
        pytest.param({"commit": None}, "CommitFacts lacks facts, or has others: all of it", id="nothing"),
        pytest.param({"schema": 2}, "its schema is 2, not 1", id="another schema"),
        pytest.param({"record": "chage"}, "no record that this action writes", id="another record"),
        pytest.param({"collected": {}}, "Collected lacks facts", id="not how it was made"),
    ],
)
def test_a_record_that_this_action_does_not_write_is_found(change: dict[str, Any], said: str) -> None:
    start, line = written(CHANGE)

    with pytest.raises(TamperedError, match=f"line 2 of the evidence .*{said}"):
        read_records([start, json.loads(json.dumps(line | change))])


@pytest.mark.parametrize("lacking", ["commit", "bots", "suite", "collected", "schema", "record"])
def test_a_record_that_lacks_something_is_found(lacking: str) -> None:
    start, line = written(CHANGE)
    line.pop(lacking)

    with pytest.raises(TamperedError, match="line 2 of the evidence"):
        read_records([start, line])


FLAWED = [with_pull(reviews=()), UNDEPLOYED, with_move(missing_checks=("x",)), replace(CHANGE, unknown=("x",)), CHANGE]
appended = st.lists(
    st.one_of(
        st.sampled_from(FLAWED),
        st.sampled_from([SOMETHING, STRAY, REWRITE, GAP]),
        st.builds(
            Amendment,
            commit=st.sampled_from([COMMIT.sha, "9" * 40]),
            deployments=st.lists(st.builds(deployment, st.integers(1, 3)), max_size=2).map(tuple),
            undeployed=st.lists(st.sampled_from(["api", "web", "x"]), max_size=2, unique=True).map(tuple),
            reviews=st.lists(
                st.builds(review, st.sampled_from(["bob", "carol"]), at=st.sampled_from([moment(1), moment(5)])),
                max_size=2,
            ).map(tuple),
        ),
    ),
    max_size=5,
)


@given(change=st.sampled_from(FLAWED), more=appended)
def test_nothing_that_is_appended_removes_an_exception_that_the_facts_give(
    change: ChangeFacts, more: list[Any]
) -> None:
    try:
        (found, *_) = seen(change, *more).changes
    except TamperedError:
        return
    amended = [each for each in more if isinstance(each, Amendment) and each.deployments]
    may_go = {"change-without-deployment"} if amended else set()

    assert set(kinds(change)) - may_go <= {entry["exception"] for entry in found["exceptions"]}
