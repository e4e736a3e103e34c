"""What a tag is: the version of an artifact, as a commit SHA, a SemVer version, or any name a registry takes."""

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


def precedence(one: str, other: str) -> int:
    """Return a number above, at or below 0 as the version *one* is newer than, as new as or older than *other*."""
    from semver import Version

    return Version.parse(one.removeprefix("v")).compare(Version.parse(other.removeprefix("v")))


def is_tag(tag: str) -> bool:
    """Tell whether an artifact can have *tag*."""
    return bool(ARTIFACT.fullmatch(tag)) or (len(tag) <= LONGEST and is_version(tag))


def require_tag(tag: str, *, file: str = "") -> str:
    """Return *tag*; raise InvalidTagError, which names *file* if the tag stands there, if no artifact can have it."""
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
    """Return *tag* as people read it: a SHA by its first 12 digits, nothing as `(none)`."""
    if not tag:
        return "(none)"
    return tag[:12] if is_commit(tag) else tag


def next_patch(version: str, taken: Iterable[str]) -> str:
    """Return the patch version that follows *version* and that no tag in *taken* has, be it as a pre-release of it.

    It starts with `v` if *version* does.
    """
    from semver import Version

    start = "v" if version.startswith("v") else ""
    cores = {
        (found.major, found.minor, found.patch)
        for tag in taken
        if tag != version and is_version(tag) and (found := Version.parse(tag.removeprefix("v")))
    }
    candidate = Version.parse(version.removeprefix("v")).next_version("patch")
    while (candidate.major, candidate.minor, candidate.patch) in cores:
        candidate = candidate.bump_patch()
    return f"{start}{candidate}"
