"""Which token servers a registry may name, and which tags it can have."""

from __future__ import annotations

import pytest

from actions.artifacts.image import Image
from actions.artifacts.login import RegistryLogin
from actions.artifacts.registry import digest_of_tag, own_realm
from actions.errors import AccessError


@pytest.mark.parametrize(
    ("image", "realm"),
    [
        ("ghcr.io/a/b", "https://ghcr.io/token"),
        ("docker.io/a/b", "https://auth.docker.io/token"),
        ("registry.gitlab.com/a/b", "https://gitlab.com/jwt/auth"),
        ("quay.io/a/b", "https://quay.io/v2/auth?x=y"),
        ("registry.example.com:5000/a/b", "https://registry.example.com:5000/token"),
        ("x.azurecr.io/a", "https://x.azurecr.io/oauth2/token"),
        ("127.0.0.1:5000/a", "http://127.0.0.1:5000/token"),
    ],
)
def test_a_registry_has_its_own_token_server(image: str, realm: str) -> None:
    assert own_realm(realm, Image.parse(image)) == realm


@pytest.mark.parametrize(
    ("image", "realm"),
    [
        pytest.param("ghcr.io/a/b", "https://evil.io/token", id="another of the same ending"),
        pytest.param("ghcr.io/a/b", "https://ghcr.io.evil.io/token", id="a name that begins like it"),
        pytest.param("ghcr.io/a/b", "https://evilghcr.io/token", id="a name that ends like it"),
        pytest.param("ghcr.io/a/b", "http://ghcr.io/token", id="in the clear"),
        pytest.param("ghcr.io/a/b", "https://ghcr.io:8443/token", id="another port"),
        pytest.param("ghcr.io/a/b", "http://127.0.0.1/token", id="this machine"),
        pytest.param("ghcr.io/a/b", "http://169.254.169.254/latest", id="the cloud's metadata"),
        pytest.param("registry.gitlab.com/a", "https://evil-gitlab.com/", id="a domain that ends like it"),
        pytest.param("x.azurecr.io/a", "https://evil.azurecr.io/oauth2/token", id="a neighbour in the cloud"),
        pytest.param("registry.example.com/a", "https://example.com/token", id="the domain above"),
        pytest.param("ghcr.io/a/b", "https://evil.test\\.ghcr.io/token", id="a backslash within the host"),
        pytest.param("ghcr.io/a/b", "https://ghcr.io/\\..\\evil", id="a backslash after it"),
        pytest.param("ghcr.io/a/b", "https://ghcr.io%2eevil.io/token", id="a host that is quoted"),
        pytest.param("10.0.0.7/a/b", "https://10.0.0.8/token", id="a neighbour"),
        pytest.param("ghcr.io/a/b", "https://ghcr.io@evil.io/", id="a user"),
        pytest.param("ghcr.io/a/b", "https://evil.io\\@ghcr.io/", id="a backslash"),
        pytest.param("ghcr.io/a/b", "https://ghcr.io/to ken", id="a blank"),
        pytest.param("ghcr.io/a/b", "https://ghcr.io/token#x", id="a fragment"),
        pytest.param("ghcr.io/a/b", "https://ghcr.io:x/token", id="no port"),
        pytest.param("ghcr.io/a/b", "//ghcr.io/token", id="no scheme"),
        pytest.param("localhost:5000/a", "http://localhost:5001/token", id="another service of this machine"),
    ],
)
def test_no_other_is_asked(image: str, realm: str) -> None:
    with pytest.raises(AccessError, match="names a token server that is not its own"):
        own_realm(realm, Image.parse(image))


def test_a_version_with_build_metadata_is_no_tag_of_a_registry() -> None:
    assert digest_of_tag(Image.parse("ghcr.io/a/b"), "1.0.0+7", RegistryLogin()) == ""
