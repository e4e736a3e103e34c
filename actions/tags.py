"""Recognize, check and show tags: the versions of artifacts, and their digests.

A tag is a commit SHA, a SemVer version, or any other name that an OCI registry accepts. A registry lets a tag be
overwritten; a digest is the hash of the content, so it names one artifact for ever.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from actions.errors import InvalidTagError

if TYPE_CHECKING:
    from collections.abc import Iterable

COMMIT = re.compile(r"[0-9a-f]{40}")
# What an OCI registry accepts as a tag (distribution specification, "Pulling manifests").
LONGEST = 128
ARTIFACT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
ALGORITHM = "sha256:"
DIGEST = re.compile(rf"{ALGORITHM}[0-9a-f]{{64}}")
DIGESTS_ARE = f"{ALGORITHM} and 64 lower-case hex digits"
SHORT = 12


@dataclass(frozen=True, slots=True)
class Artifact:
    """An artifact by its *tag* and, if it is known, its *digest*."""

    tag: str
    digest: str = ""

    def __str__(self) -> str:
        return f"{self.tag}@{self.digest}" if self.digest else self.tag


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


def require_tag(tag: str, *, file: str = "", line: int = 1) -> str:
    """Return *tag*; raise InvalidTagError if it is not valid. The error names *file* and *line*, where it is."""
    if is_tag(tag):
        return tag
    where = f" in {file}" if file else ""
    raise InvalidTagError(
        f"{tag[:200]!r}{where} is not a tag; use a 40-digit commit SHA, a SemVer version, or a name of at most"
        f" {LONGEST} letters, digits, '_', '.' and '-' that starts with a letter, a digit or '_'",
        file=file,
        line=line,
    )


def is_digest(digest: str) -> bool:
    """Tell whether *digest* is a SHA-256 digest as registries write it."""
    return DIGEST.fullmatch(digest) is not None


def short(tag: str | None, digest: str = "") -> str:
    """Shorten *tag* for people: a SHA to 12 digits, an empty tag to `(none)`; the start of a valid *digest* follows."""
    if not tag:
        return "(none)"
    name = tag[:SHORT] if is_commit(tag) else tag
    return f"{name}@{digest.removeprefix(ALGORITHM)[:SHORT]}" if is_digest(digest) else name


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
