"""What a pull request says of itself."""

from __future__ import annotations

from actions.infra.change import Change
from actions.pull_request.description import allowed, commit_message


def test_a_tag_that_does_not_contain_the_one_in_place_says_why_that_is_allowed() -> None:
    assert allowed("main is | broken", {"api": "diverged"}).endswith("Allowed because: main is &#124; broken\n")
    assert allowed("", {"api": "diverged"}).endswith("api (diverged). What it lacks has an equivalent there.\n")
    assert allowed("", {"api": "ahead"}) == ""


def test_a_commit_says_what_moves_in_full() -> None:
    moved = [
        Change(env="dev", service="api", file="envs/dev.json", before="", after="a" * 40),
        Change(env="dev", service="web", file="envs/dev.json", before="1.0.0", after="1.1.0"),
        Change(env="dev", service="job", file="envs/dev.json", before="x\ny", after="1.1.0"),
    ]

    assert commit_message("Update dev", moved, ["Requested-by: alice"]).splitlines() == [
        "Update dev",
        "",
        f"envs/dev.json: api (none) -> {'a' * 40}",
        "envs/dev.json: web 1.0.0 -> 1.1.0",
        r"envs/dev.json: job 'x\ny' -> 1.1.0",
        "",
        "Requested-by: alice",
        "Made-by: gitops-actions",
    ]
