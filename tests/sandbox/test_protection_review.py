"""action-sync-protection applies the newest files alone, and only if somebody approved their last change."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import gitrepo
from sandbox.world import BOT, EXAMPLES
from tests.sandbox.scenarios import GitHub, lay, merged_pull

if TYPE_CHECKING:
    from tests.support import Result

ACTION = "action-sync-protection"
FOLDER = "protection/infra/rulesets"
MAIN, EVIDENCE = f"{FOLDER}/main.json", f"{FOLDER}/evidence.json"


def example(path: str = MAIN, *, without: str = "") -> str:
    """Return a file of the example, *without* one of its rules."""
    ruleset: dict[str, Any] = json.loads((EXAMPLES / "infra" / path).read_text(encoding="utf-8"))
    ruleset["rules"] = [rule for rule in ruleset["rules"] if rule["type"] != without]
    return json.dumps(ruleset, indent=2) + "\n"


@pytest.fixture(name="runs")
def _runs(organization: GitHub) -> GitHub:
    """Runs of the infra repository, which has the rulesets of the examples, as files and in force."""
    folder = EXAMPLES / "infra"
    paths = [path.relative_to(folder).as_posix() for path in sorted((folder / FOLDER).iterdir())]
    organization.runner.write({path: (folder / path).read_text(encoding="utf-8") for path in paths})
    head = organization.world.infra.git.head("main") or ""
    organization.runner.environment |= {"GITHUB_REPOSITORY": "your-org/infra", "GITHUB_SHA": head}
    return organization


def sync(github: GitHub, mode: str = "apply", **inputs: str) -> Result:
    return github.run(ACTION, **{"token": github.world.tokens["olivia"], "mode": mode, **inputs})


def rules(github: GitHub, name: str = "main") -> set[str]:
    return {rule["type"] for rule in github.world.infra.ruleset(name)["rules"]}


def writes(github: GitHub) -> list[str]:
    return [operation for operation in github.operations() if not operation.startswith(("GET", "query"))]


def test_attack_old_run_loosens_rules(runs: GitHub) -> None:
    """Anybody who can write can run an old run again, of a commit at which a rule was not there yet."""
    old = lay(runs, {MAIN: example(without="deletion")})
    assert sync(runs).outputs["reason"] == "applied"
    new = lay(runs, {MAIN: example()})
    assert sync(runs).outputs["reason"] == "applied"
    runs.runner.write({MAIN: example(without="deletion")})
    runs.runner.environment["GITHUB_SHA"] = old
    runs.operations()

    result = sync(runs)

    assert (result.exit_code, result.outputs["reason"], result.outputs["in-sync"]) == (0, "superseded", "false")
    assert (result.json("drift"), result.json("changed"), writes(runs)) == ([], [], [])
    assert "deletion" in rules(runs)
    assert f"main has a newer protection or newer workflows than commit {old[:12]} of this run" in result.log
    assert f"only a run of main as it is now ({new[:12]}) applies the files" in result.log
    assert "superseded" in result.summary


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        pytest.param({"envs/dev.json": "{}"}, "applied", id="something else"),
        pytest.param({EVIDENCE: example(EVIDENCE, without="deletion")}, "superseded", id="another file of protection"),
        pytest.param({".github/workflows/protect.yml": "on: push"}, "superseded", id="the workflow"),
    ],
)
def test_a_run_is_superseded_by_a_commit_that_starts_another(
    runs: GitHub, changed: dict[str, str | None], reason: str
) -> None:
    """`protect.yml` runs for pushes that change protection/ or a workflow, and no other run would apply the files."""
    lay(runs, {MAIN: example(without="deletion")})
    runs.change_infra(changed)

    result = sync(runs)

    assert (result.exit_code, result.outputs["reason"]) == (0, reason), result.log


@pytest.mark.parametrize("sha", ["0" * 40, ""])
def test_a_run_of_a_commit_that_there_is_not_is_superseded(runs: GitHub, sha: str) -> None:
    runs.world.infra.ruleset("main")["enforcement"] = "disabled"
    runs.runner.environment["GITHUB_SHA"] = sha

    assert sync(runs).outputs["reason"] == "superseded"


def test_where_the_branch_has_no_files_no_other_commit_has_the_same(runs: GitHub) -> None:
    runs.runner.write({f"elsewhere/infra/rulesets/{name}.json": example() for name in ("main",)})
    runs.change_infra({"envs/dev.json": "{}"})

    assert sync(runs, protection_dir="elsewhere").outputs["reason"] == "superseded"


def test_a_check_and_a_plan_are_of_any_commit(runs: GitHub) -> None:
    runs.change_infra({MAIN: example(without="deletion")})

    assert [sync(runs, mode).outputs["reason"] for mode in ("check", "plan")] == ["in-sync", "in-sync"]


@pytest.mark.parametrize(
    "approved_by",
    [
        pytest.param("", id="nobody"),
        pytest.param("alice", id="the author of the pull request"),
        pytest.param("olivia", id="the author of the commit"),
        pytest.param(BOT, id="the bot"),
    ],
)
def test_attack_unapproved_change_of_protection(runs: GitHub, approved_by: str) -> None:
    """Nothing is applied, of the files that somebody approved neither."""
    lay(runs, {EVIDENCE: example(EVIDENCE, without="deletion")})
    sha = lay(runs, {MAIN: example(without="pull_request")}, approved_by=approved_by)
    runs.operations()

    result = sync(runs)

    assert (result.exit_code, result.outputs["reason"]) == (7, "review-required"), result.log
    assert (result.json("changed"), writes(runs)) == ([], [])
    number = max(runs.world.infra.pulls)
    assert f"::error file={MAIN},line=1::{MAIN}: commit {sha[:12]} of #{number} changed it" in result.log
    assert result.log.count("::error ") == 1
    assert f"commit {sha[:12]} of &#35;{number} changed it" in result.summary
    assert "pull_request" in rules(runs)
    assert "deletion" in rules(runs, "evidence")


def test_a_direct_push_is_not_applied(runs: GitHub) -> None:
    """By an administrator, say, who could change the rules on GitHub too, but not unseen."""
    text = example(without="pull_request")
    sha = runs.change_infra({MAIN: text}, approved_by="")
    runs.runner.write({MAIN: text})
    runs.runner.environment["GITHUB_SHA"] = sha

    result = sync(runs)

    assert (result.exit_code, result.outputs["reason"]) == (7, "review-required"), result.log
    assert f"{MAIN}: commit {sha[:12]} changed it, and no human who did not contribute approved that" in result.log


def test_a_pull_request_into_another_branch_is_no_approval(runs: GitHub) -> None:
    text = example(without="pull_request")
    sha = runs.change_infra({MAIN: text}, approved_by="")
    merged_pull(runs.sandbox.state, runs.world.infra, sha, base="next", approved_by="bob")
    runs.runner.write({MAIN: text})
    runs.runner.environment["GITHUB_SHA"] = sha

    assert sync(runs).outputs["reason"] == "review-required"


def test_a_commit_of_nobody_known_is_unknown(runs: GitHub) -> None:
    git, text = runs.world.infra.git, example(without="pull_request")
    sha = git.commit(
        parents=[git.head("main") or ""],
        message="Change",
        author=gitrepo.Person("Bob at home", "bob@home.example"),
        files={MAIN: text.encode()},
    )
    git.set_ref("refs/heads/main", sha)
    merged_pull(runs.sandbox.state, runs.world.infra, sha, base="main", approved_by="bob")
    runs.runner.write({MAIN: text})
    runs.runner.environment["GITHUB_SHA"] = sha

    result = sync(runs)

    assert (result.exit_code, result.outputs["reason"]) == (7, "unknown"), result.log
    what = f"{MAIN}: commit {sha[:12]} of #{max(runs.world.infra.pulls)} changed it"
    assert f"{what}, and whether that was approved is unknown" in result.log


def test_approval_of_a_machine_account_does_not_count(runs: GitHub) -> None:
    """`gitops.yml` names it; the file of the branch counts."""
    runs.change_infra({"gitops.yml": "bots: [bob]\n"})
    lay(runs, {MAIN: example(without="pull_request")}, approved_by="bob")

    assert sync(runs).outputs["reason"] == "review-required"


def test_no_gitops_yml_names_no_machine_account(runs: GitHub) -> None:
    runs.change_infra({"gitops.yml": None})
    lay(runs, {MAIN: example(without="deletion")})

    assert sync(runs).outputs["reason"] == "applied"


def test_what_is_in_force_needs_no_approval(runs: GitHub) -> None:
    """A file that nobody approved, and that changes nothing, holds up no other one."""
    lay(runs, {EVIDENCE: example(EVIDENCE).replace("  ", " ")}, approved_by="")
    lay(runs, {MAIN: example(without="deletion")})

    result = sync(runs)

    assert result.json("changed") == [{"repository": "your-org/infra", "ruleset": "main", "action": "updated"}], (
        result.log
    )


def test_a_later_approved_change_makes_up_for_one_that_nobody_approved(runs: GitHub) -> None:
    lay(runs, {MAIN: example(without="pull_request")}, approved_by="")
    lay(runs, {MAIN: example(without="deletion")})

    assert sync(runs).outputs["reason"] == "applied"
    assert "pull_request" in rules(runs)


@pytest.mark.parametrize(("approved_by", "ends"), [("", (7, "review-required")), ("bob", (0, "applied"))])
def test_the_removal_of_a_file_is_approved_too(runs: GitHub, approved_by: str, ends: tuple[int, str]) -> None:
    lay(runs, {EVIDENCE: None}, approved_by=approved_by)

    result = sync(runs, prune="true")

    assert (result.exit_code, result.outputs["reason"]) == ends, result.log
    assert any(known["name"] == "evidence" for known in runs.world.infra.rulesets) is not bool(approved_by)
    if not approved_by:
        assert f"::error file={FOLDER},line=1::{FOLDER}: commit " in result.log


@pytest.mark.parametrize(
    ("path", "text"),
    [
        pytest.param(MAIN, example(without="pull_request"), id="another text"),
        pytest.param(f"{FOLDER}/more.json", example().replace('"main"', '"more"'), id="a file that was never merged"),
    ],
)
def test_a_checkout_of_something_else_is_not_applied(runs: GitHub, path: str, text: str) -> None:
    runs.runner.write({path: text})

    result = sync(runs)

    assert (result.exit_code, result.outputs["reason"]) == (7, "review-required"), result.log
    head = runs.runner.environment["GITHUB_SHA"]
    assert f"{path}: main has another file; check out {head[:12]}" in result.log


def test_a_checkout_with_the_line_ends_of_windows_is_the_same_file(runs: GitHub) -> None:
    text = example(without="deletion")
    lay(runs, {MAIN: text})
    runs.runner.write({MAIN: text.replace("\n", "\r\n")})

    assert sync(runs).outputs["reason"] == "applied"


def test_many_files_are_asked_for_in_parts(runs: GitHub) -> None:
    names = [f"more {number}" for number in range(30)]
    files: dict[str, str | None] = {
        f"{FOLDER}/{name}.json": example(EVIDENCE).replace('"evidence"', f'"{name}"') for name in names
    }
    lay(runs, files)

    result = sync(runs)

    assert result.exit_code == 0, result.log
    assert {done["ruleset"] for done in result.json("changed")} == set(names)
