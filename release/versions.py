"""Decide which version may be released, and which moving tags follow it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from semver import Version

from actions.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

TAG = re.compile(r"v(\d+\.\d+\.\d+\S*)")


def version_of(tag: str) -> Version | None:
    """Return the version of *tag*, like `v1.2.3`; None if it is not the tag of a version."""
    match = TAG.fullmatch(tag)
    return Version.parse(match[1]) if match and Version.is_valid(match[1]) else None


def require_newer(text: str, released: Iterable[Version]) -> Version:
    """Return *text* as a version; raise InputError unless it may follow the *released* ones.

    It must be newer than all releases of its line (1.2.x) or, without any, of its major version or, without any, than
    all. Older lines can therefore get patches, and no line goes back.
    """
    if not Version.is_valid(text) or "+" in text:
        raise InputError(f"input version is {text[:200]!r}; it must be a SemVer version without build data, like 1.2.3")
    version, releases = Version.parse(text), list(released)
    same_major = [release for release in releases if release.major == version.major]
    same_line = [release for release in same_major if release.minor == version.minor]
    newest = max(same_line or same_major or releases, default=None)
    if newest and version <= newest:
        raise InputError(f"version {version} is not newer than {newest}, which is already released")
    return version


def moving_tags(version: Version, released: Iterable[Version]) -> list[str]:
    """Return the tags of `vX` and `vX.Y` that move to *version*: never back, and never to a pre-release."""
    if version.prerelease:
        return []
    newer = [release for release in released if not release.prerelease and release > version]
    same_major = [release for release in newer if release.major == version.major]
    same_line = [release for release in same_major if release.minor == version.minor]
    tags = {f"v{version.major}": same_major, f"v{version.major}.{version.minor}": same_line}
    return [tag for tag, newer_releases in tags.items() if not newer_releases]


def is_latest(version: Version, released: Iterable[Version]) -> bool:
    """Tell whether *version* becomes the latest release: stable, and newer than all other stable releases."""
    return not version.prerelease and not any(release > version for release in released if not release.prerelease)


def notes(changelog: str, version: Version) -> str:
    """Return the section of *version* in CHANGELOG.md; raise InputError if it is missing or empty."""
    pattern = re.compile(rf"(?m)^## \[?{re.escape(str(version))}\]?(?: - \d{{4}}-\d{{2}}-\d{{2}})?[ \t]*$")
    heading = pattern.search(changelog)
    body = re.split(r"(?m)^## ", changelog[heading.end() :])[0].strip() if heading else ""
    if not body:
        raise InputError(f"section '## {version}' of CHANGELOG.md is missing or empty; describe the release there")
    return f"{body}\n"
