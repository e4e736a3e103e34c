"""Read and replace the tag and the digest in an image reference or a tag: `registry:5000/api:1.4.2@sha256:...`."""

from __future__ import annotations

from actions.infra.formats import FormatError
from actions.tags import ALGORITHM

PIN = f"@{ALGORITHM}"


def pinned_digest(value: str) -> str:
    """Return the digest at the end of *value*, valid or not; "" if it has none."""
    _, pin, rest = value.partition(PIN)
    return f"{ALGORITHM}{rest}" if pin else ""


def unpinned(value: str) -> str:
    """Return *value* without the digest at its end."""
    return value.partition(PIN)[0]


def tag_part(image: str) -> str:
    """Return the tag of *image*, "" if it has none; a colon before the last slash is a port."""
    return unpinned(image).rpartition("/")[2].partition(":")[2]


def with_tag_part(image: str, tag: str) -> str:
    """Return *image*, which has no digest, with *tag*; raise FormatError if it is empty."""
    if not image:
        raise FormatError("is empty; write the image first")
    old = tag_part(image)
    return f"{image.removesuffix(f':{old}') if old else image}:{tag}"
