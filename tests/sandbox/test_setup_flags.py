"""action-setup-flags in a repository with several services, or with releases: what it asks GitHub, and what it says."""

from __future__ import annotations

from typing import Any

import pytest

from tests.events import ZEROS
from tests.sandbox.scenarios import GitHub
from tests.support import Result

SERVICES = "api: services/api shared\nweb: services/web/ shared\ndocs: docs\n"
VERSIONS = "api-v* web-v*"


def changed(github: GitHub, *paths: str, branch: str = "main") -> str:
    """Commit *paths* to a branch of the app, and return the commit."""
    git, alice = github.world.app.git, github.sandbox.state.users["alice"]
    head = git.head(branch) or git.head("main") or ""
    files: dict[str, bytes | None] = {path: path.encode() for path in paths}
    sha = git.commit(parents=[head], message="Change", author=alice.person, files=files)
    git.set_ref(f"refs/heads/{branch}", sha)
    return sha


def flags(
    github: GitHub, name: str, ref: str, sha: str, payload: dict[str, Any] | None = None, **inputs: str
) -> Result:
    given = {"services": SERVICES, "token": github.bot, **inputs}
    event = {"repository": {"default_branch": "main"}, "commits": [{"distinct": True}], **(payload or {})}
    github.runner.event(name, event, GITHUB_REF=ref, GITHUB_SHA=sha)
    return github.runner.run("action-setup-flags", **given)


def pushed(github: GitHub, *paths: str, **inputs: str) -> Result:
    before = github.world.app.git.head("main") or ""
    sha = changed(github, *paths)
    return flags(github, "push", "refs/heads/main", sha, {"before": before, "after": sha}, **inputs)


@pytest.mark.parametrize(
    ("paths", "services"),
    [
        (["services/api/main.py"], ["api"]),
        (["services/api-more/main.py", "services/web"], ["web"]),
        (["shared/log.py"], ["api", "web"]),
        (["docs/index.md", "services/api/a/b"], ["api", "docs"]),
        (["README.md"], []),
    ],
)
def test_a_push_is_about_the_services_whose_sources_it_changes(
    github: GitHub, paths: list[str], services: list[str]
) -> None:
    result = pushed(github, *paths)

    sha = github.world.app.git.head("main")
    assert result.json("services") == services
    assert result.outputs["tags"].split() == [f"{service}={sha}" for service in services]
    assert result.outputs["publish"] == result.outputs["open-infra-pr"] == str(bool(services)).lower()
    assert f"({', '.join(services) or 'no service'})" in result.log


def test_a_push_to_a_hotfix_branch_publishes_what_it_changes(github: GitHub) -> None:
    before = github.world.app.git.head("main") or ""
    sha = changed(github, "docs/x", branch="hotfixes/x")

    result = flags(github, "push", "refs/heads/hotfixes/x", sha, {"before": before, "after": sha})

    assert (result.outputs["tags"], result.outputs["publish"]) == (f"docs={sha}", "true")
    assert result.outputs["open-infra-pr"] == "false"


@pytest.mark.parametrize("event", ["pull_request", "merge_group"])
def test_what_is_tested_is_what_the_pull_request_changes(github: GitHub, event: str) -> None:
    base = github.world.app.git.head("main") or ""
    changed(github, "docs/x", branch="feature")
    sha = changed(github, "services/web/x", branch="feature")
    payloads: dict[str, dict[str, Any]] = {
        "pull_request": {"action": "synchronize", "before": "f" * 40,
                         "pull_request": {"number": 1, "head": {"sha": sha}, "base": {"ref": "main", "sha": base}}},
        "merge_group": {"merge_group": {"head_sha": sha, "base_sha": base, "base_ref": "refs/heads/main"}},
    }  # fmt: skip

    result = flags(github, event, "refs/heads/feature", sha, payloads[event])

    assert result.json("services") == ["web", "docs"]
    assert (result.outputs["tags"], result.outputs["publish"]) == ("", "false")


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("push", {"before": "x", "forced": True}),
        ("push", {"before": ZEROS, "created": True}),
        ("push", {"before": "f" * 40}),
        ("workflow_dispatch", {}),
        ("schedule", {}),
    ],
)
def test_where_nobody_knows_what_changed_everything_may_have(
    github: GitHub, event: str, payload: dict[str, Any]
) -> None:
    sha = changed(github, "docs/x")

    assert flags(github, event, "refs/heads/main", sha, payload).json("services") == ["api", "web", "docs"]


def test_of_too_many_files_nobody_knows_all(github: GitHub) -> None:
    assert pushed(github, *(f"docs/{number}" for number in range(300))).json("services") == ["api", "web", "docs"]


@pytest.mark.parametrize("where", ["main", "hotfixes/x"])
def test_a_git_tag_of_a_release_publishes(github: GitHub, where: str) -> None:
    sha = changed(github, "x", branch=where)

    result = flags(github, "push", "refs/tags/api-v1.2.3", sha, release_tags=VERSIONS)

    assert (result.outputs["publish"], result.outputs["reason"]) == ("true", "push-of-release-tag")
    assert (result.outputs["tag"], result.outputs["version"]) == ("1.2.3", "1.2.3")
    assert (result.json("services"), result.outputs["tags"]) == (["api"], "api=1.2.3")
    assert result.outputs["open-infra-pr"] == result.outputs["deploy"] == "false"


def test_a_git_tag_of_a_commit_that_nobody_merged_publishes_nothing(github: GitHub) -> None:
    sha = changed(github, "x", branch="feature")

    result = flags(github, "push", "refs/tags/api-v1.2.3", sha, release_tags=VERSIONS)

    assert (result.outputs["publish"], result.outputs["reason"]) == ("false", "tag-not-released")
    assert result.outputs["tags"] == ""


@pytest.mark.parametrize(
    ("ref", "payload"),
    [("refs/tags/v1.2.3", {}), ("refs/tags/api-vx", {}), ("refs/tags/api-v1.0.0", {"deleted": True})],
)
def test_another_git_tag_publishes_nothing(github: GitHub, ref: str, payload: dict[str, Any]) -> None:
    sha = github.world.app.git.head("main") or ""

    result = flags(github, "push", ref, sha, payload, release_tags=VERSIONS)

    assert (result.outputs["publish"], result.outputs["reason"]) == ("false", "push-of-tag")


def test_one_service_needs_no_name(github: GitHub) -> None:
    sha = github.world.app.git.head("main") or ""

    tag = flags(github, "push", "refs/tags/v1.2.3", sha, release_tags="v*", services="")
    push = flags(github, "push", "refs/heads/main", sha, {"before": "f" * 40}, release_tags="v*", services="")

    assert (tag.outputs["publish"], tag.outputs["tag"], tag.outputs["tags"]) == ("true", "1.2.3", "")
    assert (push.outputs["publish"], push.outputs["reason"]) == ("false", "push-to-default-branch")


def test_what_is_released_by_versions_is_not_published_by_commits(github: GitHub) -> None:
    result = pushed(github, "services/api/x", "docs/x", release_tags=VERSIONS)

    assert result.json("services") == ["api", "docs"]
    assert result.outputs["tags"] == f"docs={github.world.app.git.head('main')}"
    assert pushed(github, "services/api/y", release_tags=VERSIONS).outputs["publish"] == "false"


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"services": "api"}, "input services has 'api'; write a line like api: services/api shared"),
        ({"services": "api: ../x"}, "write a line like"),
        ({"services": "api: /x"}, "write a line like"),
        ({"services": "a b: x"}, "'a b' is not a valid name for a service"),
        ({"services": "api: x\napi: y"}, "input services names api twice"),
        ({"release_tags": "v1"}, "input release-tags has 'v1'; write patterns like v* or api-v*"),
        ({"release_tags": "*-v*"}, "write patterns like"),
    ],
)
def test_what_cannot_be_used_is_an_error(github: GitHub, inputs: dict[str, str], said: str) -> None:
    sha = github.world.app.git.head("main") or ""

    result = flags(github, "push", "refs/heads/main", sha, {}, **inputs)

    assert (result.exit_code, result.outputs["reason"]) == (2, "invalid-input")
    assert said in result.log
