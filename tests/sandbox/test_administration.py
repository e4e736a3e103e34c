"""Repositories that are made and deleted through the API, in GitHub's words."""

from __future__ import annotations

import pytest

from sandbox.client import ApiError, Person
from tests.sandbox.scenarios import GitHub


@pytest.fixture(name="owner")
def _owner(github: GitHub) -> Person:
    return github.person("olivia")


def test_a_repository_begins_with_one_commit_and_without_auto_merge(github: GitHub, owner: Person) -> None:
    made = owner.api("POST", "/orgs/your-org/repos", {"name": "scratch", "private": True, "auto_init": True})

    repo = github.sandbox.state.repos["your-org/scratch"]
    assert made["full_name"] == "your-org/scratch"
    assert not repo.allow_auto_merge
    assert repo.git.paths(repo.git.head("main") or "").keys() == {"README.md"}
    assert [each["name"] for each in owner.api("GET", "/orgs/your-org/repos")] == ["app", "infra", "scratch"]


def test_a_repository_can_begin_empty(github: GitHub, owner: Person) -> None:
    owner.api("POST", "/orgs/your-org/repos", {"name": "scratch"})

    assert github.sandbox.state.repos["your-org/scratch"].git.refs() == {}


def test_a_name_is_given_once(owner: Person) -> None:
    with pytest.raises(ApiError, match=r"422: Repository creation failed\."):
        owner.api("POST", "/orgs/your-org/repos", {"name": "App"})


@pytest.mark.parametrize("organization", ["nobody", "alice"])
def test_only_an_organization_has_repositories_of_its_own(owner: Person, organization: str) -> None:
    with pytest.raises(ApiError, match="404: Not Found"):
        owner.api("POST", f"/orgs/{organization}/repos", {"name": "scratch"})


def test_only_an_owner_makes_repositories_and_only_an_administrator_deletes_them(github: GitHub) -> None:
    alice = github.person("alice")
    with pytest.raises(ApiError, match="403: You need admin access to the organization"):
        alice.api("POST", "/orgs/your-org/repos", {"name": "scratch"})

    with pytest.raises(ApiError, match=r"403: Must have admin rights to Repository\."):
        alice.api("DELETE", "/repos/your-org/app")


@pytest.mark.parametrize(
    ("login", "words"), [("olivia", "by personal access token"), ("gitops-guard[bot]", "by integration")]
)
def test_a_token_without_administration_write_changes_no_repository(github: GitHub, login: str, words: str) -> None:
    token = github.sandbox.state.add_token(login, permissions={"administration": "read"})

    with pytest.raises(ApiError, match=f"403: Resource not accessible {words}"):
        Person(github.sandbox, login, token).api("DELETE", "/repos/your-org/app")


def test_a_repository_keeps_its_commits_when_it_is_renamed_and_loses_them_when_deleted(
    github: GitHub, owner: Person
) -> None:
    repo = github.world.app
    head = repo.git.head("main")

    owner.api("PATCH", "/repos/your-org/app", {"name": "shop", "allow_squash_merge": False})
    owner.api("PATCH", "/repos/your-org/shop", {"archived": True})

    assert (repo.git.head("main"), repo.merge_methods, repo.archived) == (head, {"merge", "rebase"}, True)
    assert repo.git.path.name == "shop.git"
    assert owner.api("DELETE", "/repos/your-org/shop") is None
    assert not repo.git.path.exists()
    with pytest.raises(ApiError, match="404"):
        owner.api("GET", "/repos/your-org/app")


def test_an_administrator_lets_others_in(github: GitHub, owner: Person) -> None:
    github.sandbox.state.add_user("carol")
    owner.api("PUT", "/repos/your-org/app/collaborators/carol", {"permission": "pull"})

    assert github.world.app.members["carol"] == "read"
    with pytest.raises(ApiError, match="404"):
        owner.api("PUT", "/repos/your-org/app/collaborators/nobody")


def test_a_status_is_of_a_commit(github: GitHub, owner: Person) -> None:
    head = github.world.app.git.head("main") or ""
    owner.api("POST", f"/repos/your-org/app/statuses/{head}", {"state": "success"})

    assert [(each.context, each.sha) for each in github.world.app.statuses] == [("default", head)]
    with pytest.raises(ApiError, match="422: No commit found for SHA"):
        owner.api("POST", f"/repos/your-org/app/statuses/{'f' * 40}", {"state": "success"})
