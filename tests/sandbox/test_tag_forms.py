"""Tags as tools write them: which commits they name, and which order they have."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sandbox.delivery import tagged
from tests.sandbox.scenarios import GITOPS, GitHub, check, deploy, gates_of, propose
from tests.support import Result

WEEK = timedelta(days=7)


def released(gated: GitHub, tag: str, *, settings: str = "") -> Result:
    """What the gates say of *tag* in dev, of which api runs something older."""
    if settings:
        text = GITOPS.replace("api: {repo: your-org/app}", f"api: {{repo: your-org/app, {settings}}}")
        gated.change_infra({"gitops.yml": text})
    return check(gated, propose(gated, {"envs/dev.json": tagged(tag)}))


def reasons_of(result: Result) -> set[str]:
    return {entry["reason"] for entry in result.json("gates")}


def forms(sha: str) -> dict[str, tuple[str, str]]:
    """Tags of one commit, each with the setting that it needs."""
    return {
        "full": (sha, ""),
        "short": (sha[:7], ""),
        "as docker/metadata-action writes it": (f"sha-{sha[:7]}", ""),
        "branch and time": (f"main-{sha[:7]}-1700000000", "tag-format: '{branch}-{short}-{timestamp}'"),
        "git tag": ("2024.02.01", ""),
        "version": ("1.2.3", ""),
        "version, in a monorepo": ("2.0.0", "git-tag: 'api-v{version}'"),
    }


@pytest.mark.parametrize("how", forms("0" * 40))
def test_the_commit_behind_a_tag_is_found(gated: GitHub, how: str) -> None:
    sha, git = gated.app_commit(), gated.world.app.git
    for name in ("2024.02.01", "v1.2.3", "api-v2.0.0"):
        git.set_ref(f"refs/tags/{name}", sha)
    tag, settings = forms(sha)[how]

    result = released(gated, tag, settings=settings)

    assert gates_of(result)["released"] == "allow", result.log


@pytest.mark.parametrize(
    ("tag", "settings", "said"),
    [
        ("1.2.3", "", "1.2.3 names no commit: your-org/app has no git tag 1.2.3 or git tag v1.2.3"),
        ("f" * 40, "", f"your-org/app has no commit {'f' * 40}"),
        ("sha-fffffff", "", "your-org/app has no commit fffffff or git tag sha-fffffff"),
        ("stable", "", "your-org/app has no git tag stable"),
        ("1.2.3", "tag-format: 'sha-{short}'", "1.2.3 names no commit: it is no sha-{short}"),
        ("1.2.3", "git-tag: 'api-v{version}'", "your-org/app has no git tag api-v1.2.3"),
    ],
)
def test_a_tag_without_a_commit_is_told_as_not_found(gated: GitHub, tag: str, settings: str, said: str) -> None:
    result = released(gated, tag, settings=settings)

    assert "unknown-commit" in reasons_of(result)
    assert "not-released" not in reasons_of(result)
    assert said in result.log


def test_a_git_tag_that_is_called_like_a_short_sha_is_not_taken_for_it(gated: GitHub) -> None:
    good, evil = gated.app_commit("good"), gated.app_commit("evil", branch="feature", approved_by="")
    gated.world.app.git.set_ref(f"refs/tags/{good[:7]}", evil)

    result = released(gated, good[:7])

    assert gates_of(result)["released"] == "refuse"


@pytest.mark.parametrize("names", [("2024.02.01", "2024.03.01"), ("v1.9", "v1.10")])
def test_names_of_git_tags_have_the_order_of_their_commits(gated: GitHub, names: tuple[str, str]) -> None:
    git = gated.world.app.git
    for name in names:
        git.set_ref(f"refs/tags/{name}", gated.app_commit(name))
    deploy(gated, "dev", names[0], ago=WEEK)

    assert gates_of(released(gated, names[1]))["ancestry"] == "allow"
    deploy(gated, "dev", names[1], ago=WEEK)
    number = propose(gated, {"envs/dev.json": tagged(names[0])}, branch="back")
    assert "backwards" in reasons_of(check(gated, number))


def test_a_run_that_comes_late_is_superseded_by_names_too(gated: GitHub) -> None:
    git = gated.world.app.git
    old, new = gated.app_commit("old"), gated.app_commit("new")
    for name, sha in (("2024.02.01", old), ("2024.03.01", new)):
        git.set_ref(f"refs/tags/{name}", sha)
    deploy(gated, "dev", "2024.03.01", ago=WEEK)

    result = gated.run("action-open-infra-pr", env="dev", tag="2024.02.01", infra_repo="your-org/infra")

    assert result.outputs["reason"] == "superseded", result.log


def test_a_comparison_is_linked_by_names_that_are_there(gated: GitHub) -> None:
    git = gated.world.app.git
    for name in ("v1.2.0", "v1.3.0"):
        git.set_ref(f"refs/tags/{name}", gated.app_commit(name))
    deploy(gated, "dev", "1.2.0", ago=WEEK)

    gated.run("action-open-infra-pr", env="dev", tag="1.3.0", infra_repo="your-org/infra")

    assert "your-org/app/compare/v1.2.0...v1.3.0" in list(gated.world.infra.pulls.values())[-1].body
