"""Tell which services of a repository a change is about: by the folders of their sources, or by a release tag."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from actions.errors import InputError
from actions.names import require_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

PATH = re.compile(r"(?!/)(?!.*(?:^|/)\.\.(?:/|$))[^\s*?]{1,200}")
PATTERN = re.compile(r"[A-Za-z0-9._/@+-]*\*")
SEPARATORS = "-/@_."
MARK = re.compile(r"(^|[-/@_.])v$")


def read_sources(lines: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Read *lines* such as `api: services/api shared`; raise InputError for one that has another form."""
    sources: dict[str, tuple[str, ...]] = {}
    for line in lines:
        name, colon, rest = line.partition(":")
        paths = tuple(path.rstrip("/") for path in rest.split())
        if not colon or not paths or not all(PATH.fullmatch(path) for path in paths):
            raise InputError(f"input services has {line[:200]!r}; write a line like api: services/api shared")
        if require_name("a service", name.strip()) in sources:
            raise InputError(f"input services names {name.strip()} twice")
        sources[name.strip()] = paths
    return sources


def changed_services(sources: Mapping[str, Sequence[str]], files: Iterable[str] | None) -> list[str]:
    """Return the services with sources among *files*, which were changed; None stands for all files."""
    if files is None:
        return list(sources)
    changed = list(files)
    return [
        service
        for service, paths in sources.items()
        if any(file == path or file.startswith(f"{path}/") for file in changed for path in paths)
    ]


@dataclass(frozen=True, slots=True)
class ReleaseTag:
    """How the git tags of a service's releases begin; *service* is "" if they name none."""

    prefix: str
    service: str

    @classmethod
    def parse(cls, pattern: str) -> ReleaseTag:
        """Read *pattern*, such as `api-v*`; raise InputError if it has another form."""
        if not PATTERN.fullmatch(pattern):
            raise InputError(f"input release-tags has {pattern[:200]!r}; write patterns like v* or api-v*")
        prefix = pattern.removesuffix("*")
        return cls(prefix, MARK.sub(r"\1", prefix).rstrip(SEPARATORS))

    def version(self, git_tag: str) -> str:
        """Return the version that *git_tag* releases, "" if it is none of these."""
        rest = git_tag.removeprefix(self.prefix)
        return rest if git_tag.startswith(self.prefix) and rest[:1].isdigit() else ""


def released_version(tags: Sequence[ReleaseTag], git_tag: str) -> tuple[str, str]:
    """Return the service and the version that *git_tag* releases by the longest of *tags*, "" for none."""
    for tag in sorted(tags, key=lambda each: -len(each.prefix)):
        version = tag.version(git_tag)
        if version:
            return tag.service, version
    return "", ""
