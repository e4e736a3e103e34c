"""The table in the README of action-setup-flags is the specification; every row of it is run."""

from __future__ import annotations

import pytest

from tests.events import EVENTS, HEAD, HOTFIX, MAIN, SHA, created, start
from tests.support import Runner, readme_rows

TAGS = {
    "pushed commit": SHA,
    "merged commit": SHA,
    "head of the group": SHA,
    "head of the branch": SHA,
    "commit of the event": SHA,
    "head of the pull request": HEAD,
    "empty": "",
}
ROWS = readme_rows("action-setup-flags", "What happens on which event")


def test_the_table_has_every_event_that_is_tested_and_no_other() -> None:
    assert [row[0] for row in ROWS] == list(EVENTS)


@pytest.mark.parametrize("row", [pytest.param(row, id=row[0]) for row in ROWS])
def test_an_event_gives_what_the_table_says(runner: Runner, row: list[str]) -> None:
    event, publish, open_infra_pr, deploy, hotfix, tag, reason = row
    start(runner, event)

    result = runner.run("action-setup-flags")

    assert result.exit_code == 0
    assert result.outputs == {
        "publish": publish,
        "open-infra-pr": open_infra_pr,
        "deploy": deploy,
        "hotfix": hotfix,
        "tag": TAGS[tag],
        "version": "",
        "services": "[]",
        "tags": "",
        "reason": reason.strip("`"),
    }


def test_the_log_says_what_kind_of_event_it_was_and_there_is_no_summary(runner: Runner) -> None:
    start(runner, "push to main")

    result = runner.run("action-setup-flags")

    assert result.log == "::notice::push-to-default-branch: push on refs/heads/main\n"
    assert not result.summary


def test_the_default_branch_can_have_another_name(runner: Runner) -> None:
    name, _, payload = EVENTS["push to main"]
    runner.event(name, payload, GITHUB_REF="refs/heads/trunk", GITHUB_SHA=SHA)

    assert runner.run("action-setup-flags", main_branch="trunk").outputs["open-infra-pr"] == "true"


def test_hotfix_branches_can_have_another_prefix(runner: Runner) -> None:
    start(runner, "push to a hotfix branch")
    runner.environment["GITHUB_REF"] = "refs/heads/hf-1"

    assert runner.run("action-setup-flags", hotfix_prefix="hf-").outputs["reason"] == "push-to-hotfix"


def test_a_run_without_a_known_default_branch_fails_and_sets_every_flag_to_false(runner: Runner) -> None:
    """Unknown is never OK: nothing is published because a payload was empty."""
    runner.event("push", {})

    result = runner.run("action-setup-flags")

    assert result.exit_code == 2
    assert result.outputs["publish"] == result.outputs["deploy"] == "false"
    assert result.outputs["reason"] == "invalid-input"
    assert "::error::the push event names no default branch; set input main-branch" in result.log


@pytest.mark.parametrize("payload", [None, "[]", '{"repository": 7, "commits": 7, "created": "yes"}'])
def test_a_payload_that_is_no_payload_is_an_empty_one(runner: Runner, payload: str | None) -> None:
    path = runner.workspace / "event.json"
    if payload:
        path.write_text(payload)
    runner.environment |= {"GITHUB_EVENT_PATH": str(path), "GITHUB_REF": MAIN, "GITHUB_EVENT_NAME": "push"}

    assert runner.run("action-setup-flags", main_branch="main").outputs["reason"] == "push-to-default-branch"


def test_a_run_by_hand_needs_no_event_at_all(runner: Runner) -> None:
    assert runner.run("action-setup-flags").outputs["reason"] == "invalid-input"


@pytest.mark.parametrize(
    ("distinct", "publish"), [([True, False], "true"), ([False, True], "true"), ([False, False], "false")]
)
def test_a_new_branch_is_new_work_if_any_of_its_commits_is(runner: Runner, distinct: list[bool], publish: str) -> None:
    name, ref, payload = created(HOTFIX, new=True)
    commits = [{"id": SHA, "distinct": new} for new in distinct]
    runner.event(
        name, payload | {"commits": commits, "repository": {"default_branch": "main"}}, GITHUB_REF=ref, GITHUB_SHA=SHA
    )

    assert runner.run("action-setup-flags").outputs["publish"] == publish
