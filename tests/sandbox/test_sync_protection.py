"""action-sync-protection against rulesets that a GitHub has, enforces, and does not show to everybody."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from sandbox.faults import Fault
from sandbox.state import Team
from sandbox.world import BOT
from tests.rulesets import ARTICLE, ORGANIZATION
from tests.sandbox.scenarios import GitHub, lay
from tests.support import ROOT

if TYPE_CHECKING:
    from tests.support import Result

ACTION = "action-sync-protection"
EXAMPLES = ROOT / "examples" / "infra" / "protection" / "app" / "rulesets"
NAMES = [
    "hotfixes", "hotfixes: only the bot creates them", "main", "release tags", "release tags: only the bot makes them"
]  # fmt: skip
CREATION = "POST /repos/{owner}/{repo}/rulesets"
UPDATE = "PUT /repos/{owner}/{repo}/rulesets/{ruleset_id}"
DELETION = "DELETE /repos/{owner}/{repo}/rulesets/{ruleset_id}"


@pytest.fixture(name="files")
def _files(github: GitHub) -> dict[str, dict[str, Any]]:
    """The rulesets of the app in the example, which are in force and in the checkout of infra."""
    files = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in EXAMPLES.glob("*.json")}
    write(github, files)
    return files


def write(github: GitHub, files: dict[str, dict[str, Any]], folder: str = "app") -> None:
    """Have the rulesets of *folder* be *files*, merged with an approval."""
    lay(
        github,
        {
            f"protection/{folder}/rulesets/{name}": json.dumps(content, indent=2) + "\n"
            for name, content in files.items()
        },
    )


def remove_workflows(github: GitHub) -> None:
    """Take all workflows out of the app."""
    git = github.world.app.git
    head = git.head("main") or ""
    files = {path: None for path in git.paths(head) if path.startswith(".github/workflows/")}
    olivia = github.sandbox.state.users["olivia"].person
    git.set_ref("refs/heads/main", git.commit(parents=[head], message="Plain", author=olivia, files=files))


def sync(github: GitHub, mode: str, who: str = "olivia", **inputs: str) -> Result:
    return github.run(ACTION, token=github.world.tokens[who], mode=mode, **inputs)


def there(github: GitHub) -> list[str]:
    return sorted(ruleset["name"] for ruleset in github.world.app.rulesets)


def writes(github: GitHub) -> list[str]:
    return [operation for operation in github.operations() if not operation.startswith(("GET", "query"))]


@pytest.mark.usefixtures("files")
def test_what_is_in_force_is_in_sync(github: GitHub) -> None:
    result = sync(github, "check")

    assert (result.exit_code, result.outputs["reason"]) == (0, "in-sync"), result.log
    assert (result.outputs["in-sync"], result.json("drift"), result.json("changed")) == ("true", [], [])
    assert "The rulesets and environments on GitHub match the files" in result.summary


def test_drift_fails_and_is_shown_rule_by_rule(github: GitHub, files: dict[str, Any]) -> None:
    files["main.json"]["rules"][3]["parameters"]["required_approving_review_count"] = 2
    del files["hotfixes.json"]["rules"][0]
    write(github, files)

    result = sync(github, "check")

    assert (result.exit_code, result.outputs["reason"], result.outputs["in-sync"]) == (7, "drift", "false")
    assert {(found["ruleset"], found["kind"], found["what"]) for found in result.json("drift")} == {
        ("main", "different", "rules.pull_request.required_approving_review_count"),
        ("hotfixes", "different", "rules.non_fast_forward"),
    }
    assert (
        "-   rules.pull_request.required_approving_review_count: 1\n"
        "+   rules.pull_request.required_approving_review_count: 2\n"
    ) in result.summary
    assert "::error file=protection/app/rulesets/main.json,line=1::" in result.log
    assert writes(github) == []


@pytest.mark.usefixtures("files")
def test_a_ruleset_that_github_has_not_is_drift(github: GitHub) -> None:
    github.world.app.rulesets.remove(next(known for known in github.world.app.rulesets if known["name"] == "main"))

    result = sync(github, "check")

    assert (result.exit_code, result.outputs["reason"]) == (7, "drift")
    assert [(found["ruleset"], found["kind"]) for found in result.json("drift")] == [("main", "missing")]
    assert "+   the whole ruleset: missing on GitHub" in result.summary
    assert "missing on GitHub" in result.log


@pytest.mark.usefixtures("files")
def test_what_the_token_cannot_see_is_unknown(github: GitHub) -> None:
    result = sync(github, "check", who="alice")

    assert (result.exit_code, result.outputs["reason"], result.outputs["in-sync"]) == (7, "unknown", "false")
    assert {found["kind"] for found in result.json("drift")} == {"unknown"}
    assert "it needs 'administration: write'" in result.log


def test_a_plan_shows_what_would_be_done_and_fails_by_what_cannot_work_alone(
    github: GitHub, files: dict[str, Any]
) -> None:
    github.world.app.rulesets.clear()

    planned = sync(github, "plan", who="alice")
    files["main.json"]["bypass_actors"] = [{"actor": "olivia", "actor_type": "User", "bypass_mode": "exempt"}]
    write(github, files)
    refused = sync(github, "plan", who="alice")

    assert (planned.exit_code, planned.outputs["reason"], planned.outputs["in-sync"]) == (0, "planned", "false")
    assert "| 1 | create | ruleset |" in planned.summary
    assert (refused.exit_code, refused.outputs["reason"]) == (3, "invalid-ruleset")
    assert "::error file=protection/app/rulesets/main.json,line=17::" in refused.log, refused.log


@pytest.mark.usefixtures("files")
def test_apply_makes_them_and_the_second_run_finds_nothing_to_do(github: GitHub) -> None:
    github.world.app.rulesets.clear()

    first = sync(github, "apply")
    second = sync(github, "apply")

    assert (first.exit_code, first.outputs["reason"], first.outputs["in-sync"]) == (0, "applied", "true"), first.log
    assert sorted(done["ruleset"] for done in first.json("changed")) == NAMES == there(github)
    assert {done["action"] for done in first.json("changed")} == {"created"}
    assert (second.outputs["reason"], second.json("changed")) == ("in-sync", [])
    (create,) = [ruleset for ruleset in github.world.app.rulesets if ruleset["name"].startswith("hotfixes:")]
    assert create["bypass_actors"] == [
        {
            "actor_type": "Integration",
            "actor_id": github.sandbox.state.users[BOT].id,
            "bypass_mode": "always",
        }
    ]


def test_the_export_of_the_article_is_applied(github: GitHub) -> None:
    github.world.app.rulesets.clear()
    remove_workflows(github)
    write(github, {"default.json": ARTICLE | {"rules": ARTICLE["rules"][:-1]}})

    result = sync(github, "apply")

    assert (result.exit_code, result.outputs["reason"]) == (0, "applied"), result.log
    assert there(github) == ["Default"]
    assert "creation protects nothing on the default branch" in result.log


@pytest.mark.usefixtures("files")
def test_what_no_file_has_stays_until_it_is_pruned(github: GitHub) -> None:
    github.world.app.rulesets.append(github.world.app.rulesets[0] | {"id": 5, "name": "by hand"})

    kept = sync(github, "check")
    found = sync(github, "check", prune="true")
    pruned = sync(github, "apply", prune="true")

    assert (kept.exit_code, found.exit_code) == (0, 7)
    assert [(item["ruleset"], item["kind"]) for item in found.json("drift")] == [("by hand", "extra")]
    assert "the whole ruleset: not in the files" in found.summary
    assert pruned.json("changed") == [{"repository": "your-org/app", "ruleset": "by hand", "action": "deleted"}]
    assert there(github) == NAMES


def test_rules_that_swap_places_hold_all_the_time(github: GitHub, files: dict[str, Any]) -> None:
    """At every moment, the default branch is protected from deletion and from forced pushes."""
    main = files["main.json"]
    github.world.app.rulesets.clear()
    one = main | {"name": "one", "rules": [{"type": "deletion"}]}
    other = main | {"name": "other", "rules": [{"type": "non_fast_forward"}]}
    lay(github, {f"protection/app/rulesets/{name}": None for name in files})
    write(github, {"one.json": one, "other.json": other})
    assert sync(github, "apply").exit_code == 0
    write(github, {"one.json": one | {"rules": other["rules"]}, "other.json": other | {"rules": one["rules"]}})
    held = []

    def look() -> None:
        rules = [rule["type"] for ruleset in github.world.app.rulesets for rule in ruleset["rules"]]
        held.append({"deletion", "non_fast_forward"} <= set(rules))

    github.sandbox.faults.plan(dict.fromkeys([CREATION, UPDATE, DELETION], Fault(silent=True, meanwhile=look)))

    result = sync(github, "apply")

    assert result.exit_code == 0, result.log
    look()
    assert held == [True] * 7
    assert there(github) == ["one", "other"]
    assert {done["action"] for done in result.json("changed")} == {"updated"}


@pytest.mark.usefixtures("files")
def test_a_failure_half_way_says_what_was_done_and_a_second_run_finishes(github: GitHub) -> None:
    github.world.app.rulesets.clear()
    github.sandbox.faults.plan({(CREATION, 1): Fault(status=502)})

    failed = sync(github, "apply")
    finished = sync(github, "apply")

    assert (failed.exit_code, failed.outputs["reason"]) == (5, "github-unavailable")
    assert [done["ruleset"] for done in failed.json("changed")] == ["hotfixes: only the bot creates them"]
    assert "stopped after 1 of 5 steps; run it again to finish" in failed.log
    assert "| 2 | create | ruleset | hotfixes | not done |" in failed.summary
    assert (finished.exit_code, finished.outputs["in-sync"]) == (0, "true")
    assert there(github) == NAMES


@pytest.mark.usefixtures("files")
def test_what_github_makes_something_else_of_is_an_error(github: GitHub) -> None:
    github.world.app.rulesets.clear()
    answer = {"id": 1, "name": "main", "target": "branch", "enforcement": "disabled", "source": "your-org/app"}
    github.sandbox.faults.plan({(CREATION, 0): Fault(status=201, body=answer)})

    result = sync(github, "apply")

    assert (result.exit_code, result.outputs["reason"]) == (7, "drift"), result.log
    assert "GitHub made something else of 'hotfixes: only the bot creates them'" in result.log


@pytest.mark.usefixtures("files")
def test_a_ruleset_that_is_gone_when_it_is_to_be_deleted_is_no_error(github: GitHub) -> None:
    github.world.app.rulesets.append(github.world.app.rulesets[0] | {"id": 5, "name": "by hand"})
    gone = Fault(silent=True, meanwhile=github.world.app.rulesets.pop)
    github.sandbox.faults.plan({DELETION: gone})

    assert sync(github, "apply", prune="true").exit_code == 0


@pytest.mark.usefixtures("files")
def test_a_ruleset_that_github_does_not_delete_is_an_error(github: GitHub) -> None:
    github.world.app.rulesets.append(github.world.app.rulesets[0] | {"id": 5, "name": "by hand"})
    refusal = Fault(status=422, body={"message": "It is in use"})
    github.sandbox.faults.plan({DELETION: refusal})

    result = sync(github, "apply", prune="true")

    assert (result.exit_code, result.outputs["reason"]) == (5, "github-error")
    assert "It is in use" in result.log
    assert "by hand" in there(github)


@pytest.mark.parametrize("who", ["alice", BOT])
@pytest.mark.usefixtures("files")
def test_who_is_no_administrator_applies_nothing(github: GitHub, who: str) -> None:
    seen = sync(github, "apply", who=who)
    github.world.app.rulesets.clear()
    blind = sync(github, "apply", who=who)

    assert (seen.exit_code, seen.outputs["reason"]) == (7, "unknown")
    assert (blind.exit_code, blind.outputs["reason"]) == (6, "permission-denied")
    assert github.world.app.rulesets == []


def test_actors_are_named_and_looked_up(github: GitHub, files: dict[str, Any]) -> None:
    state, app = github.sandbox.state, github.world.app
    state.add_user("deployer[bot]", kind="Bot")
    app.owner.teams.append(Team(77, "platform", {"alice"}))
    files["main.json"]["bypass_actors"] = [
        {"actor": "deployer", "actor_type": "Integration", "bypass_mode": "pull_request"},
        {"actor": "platform", "actor_type": "Team", "bypass_mode": "pull_request"},
        {"actor": "maintain", "actor_type": "RepositoryRole", "bypass_mode": "pull_request"},
    ]
    write(github, files)

    drifted = sync(github, "check")
    applied = sync(github, "apply")

    assert '+   bypass_actors: ["Integration deployer (pull_request)", "RepositoryRole maintain' in drifted.summary
    assert applied.exit_code == 0, applied.log
    (main,) = [ruleset for ruleset in app.rulesets if ruleset["name"] == "main"]
    assert [entry["actor_id"] for entry in main["bypass_actors"]] == [state.users["deployer[bot]"].id, 77, 2]


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        ("User", "nobody", "User 'nobody' not found"),
        ("Integration", "nobody", "Integration 'nobody' not found"),
        ("Team", "nobody", "Team 'nobody' not found"),
        ("Team", "../../users/olivia", "it must be the name of a user, an app, a team or a role"),
        ("RepositoryRole", "boss", "role 'boss' is not known; it must be one of maintain, write, admin"),
        ("EnterpriseRole", "x", "cannot be given by name; use actor_id"),
    ],
)
def test_an_actor_that_there_is_not_is_refused_with_its_line(
    github: GitHub, files: dict[str, Any], kind: str, name: str, said: str
) -> None:
    files["main.json"]["bypass_actors"] = [{"actor": name, "actor_type": kind, "bypass_mode": "pull_request"}]
    write(github, files)

    result = sync(github, "check")

    assert (result.exit_code, result.outputs["reason"]) == (3, "invalid-ruleset")
    assert said in result.log
    assert "file=protection/app/rulesets/main.json,line=15" in result.log


@pytest.mark.usefixtures("files")
def test_an_actor_that_github_does_not_say_is_no_missing_actor(github: GitHub) -> None:
    github.sandbox.faults.plan({"GET /apps/{app_slug}": Fault(status=500)})

    assert sync(github, "check").outputs["reason"] == "github-unavailable"


def test_the_rulesets_of_an_organization(github: GitHub) -> None:
    write(github, {"everywhere.json": ORGANIZATION}, "organization")

    first = sync(github, "apply", organization="your-org")
    second = sync(github, "check", organization="your-org")
    denied = sync(github, "check", who="alice", organization="your-org")

    assert (first.exit_code, first.outputs["reason"]) == (0, "applied"), first.log
    assert (second.exit_code, second.outputs["reason"]) == (0, "in-sync")
    assert (denied.exit_code, denied.outputs["reason"]) == (6, "permission-denied")
    assert [ruleset["name"] for ruleset in github.world.app.owner.rulesets] == ["everywhere"]
    assert "is wider than needed" in first.log


@pytest.mark.usefixtures("files")
def test_a_repository_without_workflows_is_linted_too(github: GitHub) -> None:
    remove_workflows(github)

    result = sync(github, "check")

    assert result.outputs["reason"] == "invalid-ruleset"
    assert "check 'gate' is required, but no workflow reports it on pull requests" in result.log


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"repository": "a/b", "organization": "c"}, "not both"),
        ({"repository": "../x"}, "write it as owner/name"),
        ({"organization": "a/b"}, "must be the name of one"),
        ({"mode": "mend"}, "it must be one of check, plan, apply"),
        ({"repository": "other-org/app"}, "must be a repository of your-org"),
        ({"protection_dir": "nowhere"}, "there is no folder nowhere/<repository>; is the repository checked out?"),
        ({"repository": "your-org/app"}, "there is no folder protection/app; is the repository checked out?"),
        ({"organization": "your-org"}, "protection/organization has no rulesets/*.json; is the repository checked out"),
    ],
)
def test_inputs_that_cannot_be_used(github: GitHub, inputs: dict[str, str], said: str) -> None:
    result = github.run(ACTION, **inputs)

    assert (result.exit_code, result.outputs["reason"]) == (2, "invalid-input")
    assert said in result.log


def test_two_files_of_one_name_are_refused(github: GitHub, files: dict[str, Any]) -> None:
    write(github, {"other.json": files["main.json"]})

    result = sync(github, "check")

    assert (result.exit_code, result.outputs["reason"]) == (3, "invalid-ruleset")
    assert "taken twice: protection/app/rulesets/main.json, protection/app/rulesets/other.json" in result.log


@pytest.mark.usefixtures("files")
def test_a_link_out_of_the_checkout_is_not_followed(github: GitHub) -> None:
    (github.runner.workspace / "protection/app/rulesets/out.json").symlink_to("/etc/hostname")

    result = sync(github, "check")

    assert (result.exit_code, result.outputs["reason"]) == (3, "invalid-ruleset")
    assert "symbolic link" in result.log
