"""What the sandbox shows of people, keys, secrets, runners and Apps, and to whom.

Sources: docs.github.com, "Permissions required for GitHub Apps" and "… for fine-grained personal access tokens"; the
descriptions in OpenAPI.
"""

from __future__ import annotations

import pytest

from actions.api.client import Client
from actions.errors import AccessError
from sandbox.state import DeployKey
from sandbox.world import BOT, GUARD
from tests.sandbox.scenarios import GitHub

NEEDS = {
    "/keys": "administration",
    "/teams": "administration",
    "/actions/permissions/workflow": "administration",
    "/actions/runners": "administration",
    "/actions/secrets": "secrets",
    "/actions/organization-secrets": "secrets",
    "/dependabot/secrets": "dependabot_secrets",
}


def ask(github: GitHub, path: str, token: str, name: str = "your-org/infra") -> object:
    return Client(name, token, github.sandbox.environment()).rest("GET", path, permission="?")


@pytest.mark.parametrize("path", NEEDS)
def test_one_permission_shows_each_list_to_an_app_and_no_other_does(organization: GitHub, path: str) -> None:
    add = organization.sandbox.state.add_token
    others = {name: "write" for name in (*NEEDS.values(), "contents") if name != NEEDS[path]}

    assert ask(organization, path, add(GUARD, permissions={NEEDS[path]: "read"})) is not None
    with pytest.raises(AccessError, match="Resource not accessible by integration"):
        ask(organization, path, add(GUARD, permissions=others))


@pytest.mark.parametrize("path", [*NEEDS, "/collaborators"])
def test_whoever_may_only_read_sees_none_of_it(organization: GitHub, path: str) -> None:
    organization.sandbox.state.add_user("rita")
    organization.world.infra.members["rita"] = "read"

    with pytest.raises(AccessError):
        ask(organization, path, organization.sandbox.state.add_token("rita"))


@pytest.mark.parametrize("path", [path for path, needed in NEEDS.items() if needed == "administration"])
def test_whoever_may_only_write_sees_nothing_of_administration(organization: GitHub, path: str) -> None:
    with pytest.raises(AccessError):
        ask(organization, path, organization.world.tokens["bob"])


def test_people_are_listed_with_their_roles_and_apps_are_not(organization: GitHub) -> None:
    pages = Client("your-org/infra", organization.bot, organization.sandbox.environment()).pages(
        "/collaborators?per_page=2", permission="metadata: read"
    )

    people = [person for page in pages for person in page]
    assert [(person["login"], person["role_name"], person["permissions"]["push"]) for person in people] == [
        ("olivia", "admin", True), ("alice", "write", True), ("bob", "write", True),
    ]  # fmt: skip


def test_secrets_and_keys_are_named_and_nothing_of_them_is_shown(organization: GitHub) -> None:
    infra, olivia = organization.world.infra, organization.world.tokens["olivia"]
    infra.secrets |= {"TOKEN": "hidden"}
    infra.keys.append(DeployKey(1, "argo"))

    said = f"{ask(organization, '/actions/secrets', olivia)} {ask(organization, '/keys', olivia)}"
    assert "TOKEN" in said
    assert "argo" in said
    assert "hidden" not in said


@pytest.mark.parametrize("who", ["bob", BOT])
def test_the_apps_of_an_organization_are_shown_to_owners_and_to_who_may_read_it(organization: GitHub, who: str) -> None:
    allowed = organization.sandbox.state.add_token(BOT, permissions={"organization_administration": "read"})

    for token in (organization.world.tokens["olivia"], allowed):
        assert "gitops-guard" in str(ask(organization, "/installations", token, "your-org"))
    with pytest.raises(AccessError):
        ask(organization, "/installations", organization.world.tokens[who], "your-org")


def test_a_person_has_no_list_of_apps(organization: GitHub) -> None:
    with pytest.raises(AccessError):
        ask(organization, "/installations", organization.world.tokens["olivia"], "alice")
