"""What a pull request says of itself."""

from __future__ import annotations

from actions.pull_request.description import allowed


def test_a_tag_that_does_not_contain_the_one_in_place_says_why_that_is_allowed() -> None:
    assert allowed("main is | broken", {"api": "diverged"}).endswith("Allowed because: main is &#124; broken\n")
    assert allowed("", {"api": "diverged"}).endswith("api (diverged). What it lacks has an equivalent there.\n")
    assert allowed("", {"api": "ahead"}) == ""
