"""Which version may be released, and which moving tags follow it. Pure: texts in, decision out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from semver import Version

from actions.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

TAG = re.compile(r"v(\d+\.\d+\.\d+\S*)")


def version_of(tag: str) -> Version | None:
    """Return the version that *tag*, like `v1.2.3`, releases; None if it is no such tag."""
    match = TAG.fullmatch(tag)
    return Version.parse(match[1]) if match and Version.is_valid(match[1]) else None


def require_newer(text: str, released: Iterable[Version]) -> Version:
    """Return the version that *text* says; raise InputError unless it is one that can follow what is *released*.

    It must be newer than everything of its line (1.2.x); where that begins with it, than everything of its major
    version; where that begins with it, than everything. So an older line can get its patches, and none goes back.
    """
    if not Version.is_valid(text) or "+" in text:
        raise InputError(f"input version is {text[:200]!r}; it must be a SemVer version without build data, like 1.2.3")
    version, known = Version.parse(text), list(released)
    line = [other for other in known if (other.major, other.minor) == (version.major, version.minor)]
    major = [other for other in known if other.major == version.major]
    newest = max(line or major or known, default=None)
    if newest and version <= newest:
        raise InputError(f"version {version} is not newer than {newest}, which is released")
    return version


def moving_tags(version: Version, released: Iterable[Version]) -> list[str]:
    """Return those of `vX` and `vX.Y` that are to point at *version*: never back, never to a pre-release."""
    if version.prerelease:
        return []
    stable = [other for other in released if not other.prerelease]
    newer = [other for other in stable if other > version]
    tags = {
        f"v{version.major}": [other for other in newer if other.major == version.major],
        f"v{version.major}.{version.minor}": [
            other for other in newer if (other.major, other.minor) == (version.major, version.minor)
        ],
    }
    return [tag for tag, ahead in tags.items() if not ahead]


def is_latest(version: Version, released: Iterable[Version]) -> bool:
    """Tell whether *version* is what a newcomer should take."""
    return not version.prerelease and not any(other > version for other in released if not other.prerelease)


def notes(changelog: str, version: Version) -> str:
    """Return what CHANGELOG.md says of *version*; raise InputError if it has no section of it, or an empty one."""
    head = re.compile(rf"(?m)^## \[?{re.escape(str(version))}\]?(?: - \d{{4}}-\d{{2}}-\d{{2}})?[ \t]*$")
    found = head.search(changelog)
    body = re.split(r"(?m)^## ", changelog[found.end() :])[0].strip() if found else ""
    if not body:
        raise InputError(f"CHANGELOG.md has no section '## {version}', or nothing in it")
    return f"{body}\n"
