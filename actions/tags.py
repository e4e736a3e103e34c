"""Recognize, check and show tags: the versions of artifacts.

A tag is a commit SHA, a SemVer version, or any other name that an OCI registry accepts.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from actions.errors import InvalidTagError

if TYPE_CHECKING:
    from collections.abc import Iterable

COMMIT = re.compile(r"[0-9a-f]{40}")
# What an OCI registry accepts as a tag (distribution specification, "Pulling manifests").
LONGEST = 128
ARTIFACT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


def is_commit(tag: str) -> bool:
    """Tell whether *tag* is a full commit SHA."""
    return COMMIT.fullmatch(tag) is not None


def is_version(tag: str) -> bool:
    """Tell whether *tag* is a SemVer version, with or without a leading `v`."""
    from semver import Version  # most runs never meet a version, and need not pay for the import

    return Version.is_valid(tag.removeprefix("v"))


def precedence(version: str, reference: str) -> int:
    """Compare *version* with *reference* by SemVer: 1 if it is newer, 0 if equal, -1 if older."""
    from semver import Version

    return Version.parse(version.removeprefix("v")).compare(Version.parse(reference.removeprefix("v")))


def is_tag(tag: str) -> bool:
    """Tell whether *tag* is valid for an artifact."""
    return bool(ARTIFACT.fullmatch(tag)) or (len(tag) <= LONGEST and is_version(tag))


def require_tag(tag: str, *, file: str = "") -> str:
    """Return *tag*; raise InvalidTagError if it is not valid. The error names *file*, the tag's source, if given."""
    if is_tag(tag):
        return tag
    where = f" in {file}" if file else ""
    raise InvalidTagError(
        f"{tag[:200]!r}{where} is not a tag; use a 40-digit commit SHA, a SemVer version, or a name of at most"
        f" {LONGEST} letters, digits, '_', '.' and '-' that starts with a letter, a digit or '_'",
        file=file,
        line=1,
    )


def short(tag: str | None) -> str:
    """Shorten *tag* for people: a SHA to 12 digits, an empty tag to `(none)`."""
    if not tag:
        return "(none)"
    return tag[:12] if is_commit(tag) else tag


def next_patch(version: str, taken: Iterable[str]) -> str:
    """Return the next patch version after *version* that is not *taken*, not even by a pre-release.

    The result starts with `v` if *version* does.
    """
    from semver import Version

    start = "v" if version.startswith("v") else ""
    versions = [Version.parse(tag.removeprefix("v")) for tag in taken if tag != version and is_version(tag)]
    cores = {(existing.major, existing.minor, existing.patch) for existing in versions}
    candidate = Version.parse(version.removeprefix("v")).next_version("patch")
    while (candidate.major, candidate.minor, candidate.patch) in cores:
        candidate = candidate.bump_patch()
    return f"{start}{candidate}"
