"""The names of images: where they are asked for, and what is no such name."""

from __future__ import annotations

import pytest

from actions.artifacts.image import Image
from actions.errors import AccessError


@pytest.mark.parametrize(
    ("text", "root", "name"),
    [
        ("ghcr.io/your-org/api", "https://ghcr.io", "your-org/api"),
        ("GHCR.io/your-org/api", "https://ghcr.io", "your-org/api"),
        ("docker.io/your-org/api", "https://registry-1.docker.io", "your-org/api"),
        ("docker.io/redis", "https://registry-1.docker.io", "library/redis"),
        ("registry.example.com:5000/a__b/c-d/e.f", "https://registry.example.com:5000", "a__b/c-d/e.f"),
        ("localhost/api", "http://localhost", "api"),
        ("localhost:5000/api", "http://localhost:5000", "api"),
        ("127.0.0.1:5000/api", "http://127.0.0.1:5000", "api"),
    ],
)
def test_an_image_says_where_it_is(text: str, root: str, name: str) -> None:
    image = Image.parse(text)

    assert (image.root, image.name) == (root, name)


@pytest.mark.parametrize(
    "text",
    [
        "api", "localhost", "your-org/api", "ghcr.io", "ghcr.io/", "ghcr.io/x@evil", "ghcr.io/x:1", "--flag", "-x/y",
        "ghcr.io/x\n", "ghcr.io/x y", "ghcr.io/../x", "ghcr.io//x", "ghcr.io/X", "a@ghcr.io/x", "ghcr.io/x?y",
        "ghcr.io/x#y", "https://ghcr.io/x", "ghcr.io:99999999/x", "ghcr.io/x%2fy", "",
    ],
)  # fmt: skip
def test_anything_else_is_none(text: str) -> None:
    with pytest.raises(AccessError, match="does not name its registry"):
        Image.parse(text)
