"""The ruleset to choose, in which a team reviews everything but dev, and nobody may bypass a rule."""

from __future__ import annotations

import pytest

from sandbox.client import ApiError
from sandbox.delivery import tagged
from sandbox.rules import _is_ignored
from sandbox.state import Team
from sandbox.world import BOT
from tests.sandbox.scenarios import GitHub, lay, propose
from tests.support import ROOT

INFRA = "your-org/infra"
PATTERNS = ["*", "!/envs/", "/envs/*", "!/envs/dev.json"]


@pytest.fixture(name="reviewed")
def _reviewed(github: GitHub) -> GitHub:
    """The organization, whose infra repository has that ruleset, applied by the action; the team has three members."""
    github.sandbox.state.add_user("carol")
    github.world.infra.members["carol"] = "write"
    github.world.tokens["carol"] = github.sandbox.state.add_token("carol")
    github.world.infra.owner.teams.append(Team(77, "platform", {"alice", "bob", "olivia"}))
    text = (ROOT / "examples" / "required-reviewers" / "main.json").read_text(encoding="utf-8")
    lay(github, {"protection/infra/rulesets/main.json": text})
    result = github.run("action-sync-protection", token=github.world.tokens["olivia"], mode="apply")
    assert result.outputs["reason"] == "applied", result.log
    return github


def merge(github: GitHub, path: str, *approvers: str, by: str = BOT, pushed_by: str = "") -> str:
    """Return why GitHub does not merge a change of *path* that *approvers* approved, "" if it does."""
    branch = f"change-{len(github.world.infra.pulls)}"
    number = propose(github, {path: tagged("1.0.0")}, by=by, branch=branch)
    pull = github.world.infra.pulls[number]
    pull.last_pusher = github.sandbox.state.users[pushed_by or by]
    for name in ("test", "gates"):
        github.report(name, "success", pull.head_sha)
    for login in approvers:
        github.person(login).approve(INFRA, number)
    try:
        github.person("alice").merge(INFRA, number)
    except ApiError as refusal:
        return refusal.message
    return ""


def test_the_bot_needs_nobody_for_dev(reviewed: GitHub) -> None:
    assert reviewed.world.infra.ruleset("main")["bypass_actors"] == []
    assert merge(reviewed, "envs/dev.json") == ""


@pytest.mark.parametrize(
    "path",
    ["envs/prod.json", "envs/new/dev.json", ".github/workflows/deploy.yml", "x/envs/dev.json"],
)
def test_two_of_the_team_approve_everything_else(reviewed: GitHub, path: str) -> None:
    required = "At least 2 approving reviews are required by members of platform"

    assert required in merge(reviewed, path)
    assert required in merge(reviewed, path, "bob")
    assert required in merge(reviewed, path, "bob", "carol")
    assert merge(reviewed, path, "bob", "olivia") == ""


def test_one_who_pushed_and_approved_is_not_enough(reviewed: GitHub) -> None:
    """`require_last_push_approval` would ask for an approval of dev too; so two are required."""
    assert "At least 2" in merge(reviewed, ".github/workflows/deploy.yml", "bob", pushed_by="bob")


@pytest.mark.parametrize(
    ("patterns", "path", "ignored"),
    [
        pytest.param(PATTERNS, "envs/dev.json", False, id="dev"),
        pytest.param(PATTERNS, "envs/prod.json", True, id="prod"),
        pytest.param(PATTERNS, ".github/workflows/x.yml", True, id="a folder with a dot"),
        pytest.param(PATTERNS, "apps/envs/dev.json", True, id="a folder of that name elsewhere"),
        pytest.param(["*", "!envs/dev.json"], "envs/dev.json", True, id="nothing is taken back from an ignored folder"),
        pytest.param(["docs/"], "docs/a.md", True, id="a folder"),
        pytest.param(["docs/"], "docs", False, id="a file with the name of a folder"),
        pytest.param(["docs/**/x"], "docs/a/b/x", True, id="any depth"),
        pytest.param(["docs/**"], "docs/a/b", True, id="all below"),
        pytest.param(["docs/**"], "docs", False, id="not the folder itself"),
        pytest.param(["*.md", "!README.md"], "a/README.md", False, id="the last one counts"),
        pytest.param(["!README.md", "*.md"], "a/README.md", True, id="in order"),
        pytest.param(["/a/b"], "a", False, id="a part of the path"),
        pytest.param([], "a", False, id="no pattern"),
    ],
)
def test_patterns_are_those_of_gitignore(patterns: list[str], path: str, *, ignored: bool) -> None:
    assert _is_ignored(patterns, path.split("/")) is ignored
