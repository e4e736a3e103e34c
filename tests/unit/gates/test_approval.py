"""Who is independent: examples are with the gates and the evidence; here is what holds for any review."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.gates.approval import (
    GITHUB,
    PullCommit,
    RejectionReason,
    Review,
    ReviewedChange,
    find_approval,
    find_doubts,
    read_authorship,
    read_reviews,
)

PEOPLE = ("alice", "bob", "carol", "robot")
HEAD, OTHER = "a" * 40, "b" * 40

reviews = st.lists(
    st.builds(
        Review,
        user=st.sampled_from(PEOPLE),
        is_person=st.booleans(),
        may_push=st.booleans(),
        state=st.sampled_from(["APPROVED", "CHANGES_REQUESTED", "COMMENTED", "DISMISSED"]),
        at=st.just("2026-01-01T00:00:00Z"),
        commit=st.sampled_from([HEAD, OTHER]),
    ),
    max_size=6,
)
pull_commits = st.builds(
    PullCommit,
    sha=st.integers(0, 9).map(lambda digit: str(digit) * 40),
    at=st.just("2026-01-01T00:00:00Z"),
    author=st.sampled_from(PEOPLE),
    is_attributed=st.booleans(),
    is_signed=st.booleans(),
    requesters=st.just(()),
    run=st.sampled_from(["", "https://x/1"]),
)
names = st.frozensets(st.sampled_from(PEOPLE))


def is_bot(login: str) -> bool:
    return login == "robot"


@given(reviews, names)
def test_who_had_a_part_in_it_or_is_a_bot_never_counts(given_: list[Review], involved: frozenset[str]) -> None:
    found = find_approval(given_, ReviewedChange(head=HEAD, contributors=involved, doubts=()), is_bot=is_bot)

    assert found.by not in involved | {"robot"}
    assert bool(found.by) != bool(found.rejection)


@given(reviews, names, st.sampled_from(PEOPLE))
def test_more_who_had_a_part_in_it_never_make_it_approved(
    given_: list[Review], involved: frozenset[str], more: str
) -> None:
    few, many = (
        find_approval(given_, ReviewedChange(head=HEAD, contributors=who, doubts=()), is_bot=is_bot)
        for who in (involved, involved | {more})
    )

    assert few.by or not many.by


@given(reviews)
def test_commits_of_strangers_are_never_known_to_be_approved(given_: list[Review]) -> None:
    known = find_approval(given_, ReviewedChange(head=HEAD, contributors=(), doubts=()), is_bot=is_bot)
    found = find_approval(given_, ReviewedChange(head=HEAD, contributors=(), doubts=(OTHER,)), is_bot=is_bot)

    assert not found.by
    assert (found.rejection is RejectionReason.UNKNOWN) == bool(known.by)


@given(reviews)
def test_the_last_review_of_each_reviewer_is_the_one_that_holds(given_: list[Review]) -> None:
    taken_back = [*given_, *(replace(review, state="CHANGES_REQUESTED") for review in given_)]

    assert not find_approval(taken_back, ReviewedChange(head=HEAD, contributors=(), doubts=()), is_bot=is_bot).by
    comments = [replace(review, state="COMMENTED") for review in given_]
    assert find_approval(
        [*given_, *comments], ReviewedChange(head=HEAD, contributors=(), doubts=()), is_bot=is_bot
    ) == find_approval(given_, ReviewedChange(head=HEAD, contributors=(), doubts=()), is_bot=is_bot)


def test_why_no_approval_counts_is_told_from_the_nearest_to_the_farthest() -> None:
    base = Review(user="bob", is_person=True, may_push=True, state="APPROVED", at="", commit=HEAD)
    ladder = [[], [replace(base, user="alice")], [replace(base, commit=OTHER)], [base]]

    lacks = [
        find_approval(r, ReviewedChange(head=HEAD, contributors=("alice", GITHUB), doubts=()), is_bot=is_bot).rejection
        for r in ladder
    ]

    assert lacks == [RejectionReason.NOT_APPROVED, RejectionReason.SELF_APPROVED, RejectionReason.STALE_APPROVAL, None]
    assert all(one != other for one, other in pairwise(lacks))


def review(user: str, **given_: Any) -> Review:
    known: dict[str, Any] = {
        "is_person": True,
        "may_push": True,
        "state": "APPROVED",
        "at": "2026-01-02T00:00:00Z",
        "commit": HEAD,
    }
    return Review(user=user, **known | given_)


@pytest.mark.parametrize(
    ("given_", "long_ago", "expected"),
    [
        pytest.param([review("bob")], False, ("bob", None), id="one approval"),
        pytest.param([review("bob", may_push=False)], False, ("", "not-approved"), id="by somebody without permission"),
        pytest.param([review("bob", may_push=False)], True, ("", "unknown"), id="without permission by now"),
        pytest.param(
            [review("bob"), review("carol", may_push=False)], True, ("bob", None), id="one that counts beside that one"
        ),
        pytest.param([review("carol", may_push=False), review("bob")], True, ("bob", None), id="the other way round"),
        pytest.param(
            [review("carol", may_push=False, commit=OTHER)], True, ("", "not-approved"), id="of an earlier commit"
        ),
        pytest.param(
            [review("alice", may_push=False)], True, ("", "not-approved"), id="a contributor without permission"
        ),
        pytest.param([review("Alice")], False, ("", "self-approved"), id="a contributor, in capitals"),
        pytest.param(
            [review("bob", commit=OTHER)], False, ("", "stale-approval"), id="of an earlier commit, permitted"
        ),
        pytest.param([review("web-flow")], False, ("web-flow", None), id="GitHub contributes nothing"),
        pytest.param([review("robot")], False, ("", "not-approved"), id="by a bot that has a user account"),
        pytest.param([review("app", is_person=False)], False, ("", "not-approved"), id="by an App"),
        pytest.param(
            [review("bob", commit=OTHER)], True, ("", "stale-approval"), id="of an earlier commit, permitted, long ago"
        ),
        pytest.param([review("alice")], True, ("", "self-approved"), id="a contributor, long ago"),
    ],
)
def test_the_approval_that_counts(given_: list[Review], expected: tuple[str, str | None], *, long_ago: bool) -> None:
    change = ReviewedChange(head=HEAD, contributors=("alice", GITHUB, ""))

    found = find_approval(given_, change, is_bot=is_bot, long_ago=long_ago)

    assert (found.by, found.rejection) == expected
    assert found.at == ("2026-01-02T00:00:00Z" if found.by else "")


def test_everybody_who_wrote_a_commit_is_a_writer() -> None:
    commit = {
        "oid": HEAD, "message": "x\n\nRequested-by: dave, carol, erin, bob\nRequested-in: https://x/1",
        "committedDate": "2026-01-01T00:00:00Z", "signature": {"isValid": True},
        "author": {"user": {"login": "alice"}}, "committer": {"user": {"login": "bob"}},
        "authors": {"nodes": [{"user": {"login": "alice"}}, {"user": {"login": "carol"}}, {"user": None}]},
    }  # fmt: skip

    found = read_authorship([{"commit": commit}])

    assert found.writers == ("alice", "bob", "carol")
    assert found.requesters == ("bob", "carol", "dave", "erin")
    assert found.commits == (
        PullCommit(
            sha=HEAD, at="2026-01-01T00:00:00Z", author="alice", is_attributed=True, is_signed=True,
            requesters=found.requesters, run="https://x/1",
        ),
    )  # fmt: skip


@given(commits=st.lists(pull_commits, max_size=4, unique_by=lambda commit: commit.sha), by_bot=st.booleans())
def test_whoever_is_behind_a_commit_is_in_doubt_or_known(commits: list[PullCommit], *, by_bot: bool) -> None:
    doubts = find_doubts(commits, by_bot=by_bot, is_listed_bot=is_bot)

    for commit in commits:
        known = commit.is_attributed and (commit.is_signed or not by_bot) and (commit.author != "robot" or commit.run)
        assert bool(known) == (commit.sha[:12] not in " ".join(doubts))


def test_logins_are_compared_regardless_of_case() -> None:
    change = ReviewedChange(head=HEAD, contributors=("aLICE", GITHUB))

    assert [change.has_contributor(login) for login in ("Alice", "ALICE", "bob")] == [True, True, False]


@pytest.mark.parametrize(("kind", "is_person"), [("User", True), ("Bot", False), ("Mannequin", False)])
def test_a_review_is_read_as_github_tells_it(kind: str, *, is_person: bool) -> None:
    node = {
        "state": "APPROVED", "submittedAt": "2026-01-02T00:00:00Z", "author": {"login": "bob", "__typename": kind},
        "authorCanPushToRepository": True, "commit": {"oid": HEAD},
    }  # fmt: skip

    assert read_reviews([node]) == (review("bob", is_person=is_person),)


def test_commits_are_named_by_their_abbreviated_shas() -> None:
    stale = ReviewedChange(head=HEAD, contributors=())
    strange = ReviewedChange(head=HEAD, contributors=(), doubts=("who is behind b", "who is behind c"))

    texts = [
        find_approval([given_], change, is_bot=is_bot).detail
        for given_, change in ((review("bob", commit=OTHER), stale), (review("bob"), strange))
    ]

    assert texts == [
        "bob approved an earlier commit than aaaaaaaaaaaa, the last one",
        "who is behind b; who is behind c",
    ]


def test_accounts_that_are_gone_are_strangers_and_approve_nothing() -> None:
    commit: dict[str, object] = {
        "oid": HEAD, "message": "x", "committedDate": "2026-01-01T00:00:00Z", "signature": None,
        "author": {"user": None}, "committer": None, "authors": {"nodes": []},
    }  # fmt: skip
    review = {
        "state": "APPROVED", "submittedAt": None, "author": None, "authorCanPushToRepository": False, "commit": None,
    }  # fmt: skip

    (gone,) = read_authorship([{"commit": commit}]).commits
    assert (gone.author, gone.is_attributed, gone.is_signed) == ("", False, False)
    (read,) = read_reviews([review])
    assert read == Review(user="", is_person=False, may_push=False, state="APPROVED", at="", commit="")
    assert not find_approval([read], ReviewedChange(head=HEAD, contributors=(), doubts=()), is_bot=is_bot).by
