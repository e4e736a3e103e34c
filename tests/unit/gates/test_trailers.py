from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.gates import trailers
from actions.gates.trailers import Trailers


def test_what_a_commit_says_is_read_from_its_trailers() -> None:
    said = trailers.read(
        "Roll back\n\nprod: a -> b\n\nreason:  1.4.3 is  bad \nAllow-Diverged: meant\nSigned-off-by: x\n"
    )

    assert said == Trailers(reason="1.4.3 is bad", allow_diverged="meant")


@pytest.mark.parametrize(
    "paragraph",
    [
        pytest.param("Reason: bad\nSigned-off-by: x", id="beside another"),
        pytest.param("Signed-off-by: x\n  continued\nReason: bad", id="below one that is folded"),
        pytest.param("Signed-off-by: x\n\tcontinued\nReason: bad", id="below one that is folded by a tab"),
        pytest.param(f"Reason: bad\n(cherry picked from commit {'a' * 40})", id="above the line of a cherry-pick"),
        pytest.param("\nReason: bad\n", id="between empty lines"),
    ],
)
def test_a_trailer_stands_among_trailers(paragraph: str) -> None:
    assert trailers.read(f"Title\n\n{paragraph}\n").reason == "bad"


def test_nothing_else_is_taken_for_a_trailer() -> None:
    assert trailers.read("The Reason: is this\n  Reason: indented\nReason:\nReasons: x\n") == Trailers()


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("Some prose", id="prose"),
        pytest.param(f"(cherry picked from commit {'a' * 40}) and more", id="more than the line of a cherry-pick"),
        pytest.param("-key: value", id="no key"),
    ],
)
@pytest.mark.parametrize("below", [True, False])
def test_a_trailer_within_a_paragraph_of_prose_is_none(line: str, *, below: bool) -> None:
    lines = ["Reason: bad", line]

    assert trailers.read("Title\n\n" + "\n".join(lines if below else lines[::-1])) == Trailers()


def test_only_what_is_given_is_written_on_one_line_of_at_most_500_characters() -> None:
    written = Trailers(reason="a\n b", freeze_override="x" * 501).as_lines()

    assert written == ["Reason: a b", f"Freeze-override: {'x' * 500}"]


def test_the_last_of_several_counts() -> None:
    assert trailers.read("Reason: a\nReason: b").reason == "b"


def test_everybody_who_asked_for_one_of_several_commits_did() -> None:
    said = [
        Trailers(requested_by="alice, @carol").as_lines(),
        Trailers(requested_by="bob").as_lines(),
        ["Reason: dave"],
    ]

    assert trailers.requesters("\n".join(line for lines in said for line in lines)) == {"alice", "carol", "bob"}


@given(st.text(min_size=1).filter(str.strip), st.text(), st.text())
def test_what_is_written_is_read_again_and_nothing_beside_it(reason: str, diverged: str, freeze: str) -> None:
    """Whatever it is: a line end in an input adds no trailer."""
    said = Trailers(reason=reason, allow_diverged=diverged, freeze_override=freeze)

    found = trailers.read("\n".join(said.as_lines()))

    assert found.reason == trailers.one_line(reason)
    assert found.allow_diverged == trailers.one_line(diverged)
    assert found.freeze_override == trailers.one_line(freeze)
