"""Who is independent: examples are with the gates and the evidence; here is what holds for any review."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from actions.gates.approval import (
    GITHUB,
    RejectionReason,
    Review,
    ReviewedChange,
    find_approval,
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
names = st.frozensets(st.sampled_from(PEOPLE))


def is_bot(login: str) -> bool:
    return login == "robot"


@given(reviews, names)
def test_who_had_a_part_in_it_or_is_a_bot_never_counts(given_: list[Review], involved: frozenset[str]) -> None:
    found = find_approval(
        given_, ReviewedChange(head=HEAD, contributors=involved, unattributed_commits=()), is_bot=is_bot
    )

    assert found.by not in involved | {"robot"}
    assert bool(found.by) != bool(found.rejection)


@given(reviews, names, st.sampled_from(PEOPLE))
def test_more_who_had_a_part_in_it_never_make_it_approved(
    given_: list[Review], involved: frozenset[str], more: str
) -> None:
    few, many = (
        find_approval(given_, ReviewedChange(head=HEAD, contributors=who, unattributed_commits=()), is_bot=is_bot)
        for who in (involved, involved | {more})
    )

    assert few.by or not many.by


@given(reviews)
def test_commits_of_strangers_are_never_known_to_be_approved(given_: list[Review]) -> None:
    known = find_approval(given_, ReviewedChange(head=HEAD, contributors=(), unattributed_commits=()), is_bot=is_bot)
    found = find_approval(
        given_, ReviewedChange(head=HEAD, contributors=(), unattributed_commits=(OTHER,)), is_bot=is_bot
    )

    assert not found.by
    assert (found.rejection is RejectionReason.UNKNOWN) == bool(known.by)


@given(reviews)
def test_the_last_review_of_each_reviewer_is_the_one_that_holds(given_: list[Review]) -> None:
    taken_back = [*given_, *(replace(review, state="CHANGES_REQUESTED") for review in given_)]

    assert not find_approval(
        taken_back, ReviewedChange(head=HEAD, contributors=(), unattributed_commits=()), is_bot=is_bot
    ).by
    comments = [replace(review, state="COMMENTED") for review in given_]
    assert find_approval(
        [*given_, *comments], ReviewedChange(head=HEAD, contributors=(), unattributed_commits=()), is_bot=is_bot
    ) == find_approval(given_, ReviewedChange(head=HEAD, contributors=(), unattributed_commits=()), is_bot=is_bot)


def test_why_no_approval_counts_is_told_from_the_nearest_to_the_farthest() -> None:
    base = Review(user="bob", is_person=True, may_push=True, state="APPROVED", at="", commit=HEAD)
    ladder = [[], [replace(base, user="alice")], [replace(base, commit=OTHER)], [base]]

    lacks = [
        find_approval(
            r, ReviewedChange(head=HEAD, contributors=("alice", GITHUB), unattributed_commits=()), is_bot=is_bot
        ).rejection
        for r in ladder
    ]

    assert lacks == [RejectionReason.NOT_APPROVED, RejectionReason.SELF_APPROVED, RejectionReason.STALE_APPROVAL, None]
    assert all(one != other for one, other in pairwise(lacks))


def test_accounts_that_are_gone_are_strangers_and_approve_nothing() -> None:
    commit: dict[str, object] = {
        "oid": HEAD,
        "message": "x",
        "author": {"user": None},
        "committer": None,
        "authors": {"nodes": []},
    }
    review = {
        "state": "APPROVED", "submittedAt": None, "author": None, "authorCanPushToRepository": False, "commit": None,
    }  # fmt: skip

    assert read_authorship([{"commit": commit}]).unattributed_commits == (HEAD,)
    (read,) = read_reviews([review])
    assert not find_approval(
        [read], ReviewedChange(head=HEAD, contributors=(), unattributed_commits=()), is_bot=is_bot
    ).by
