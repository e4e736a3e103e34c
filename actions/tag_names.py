"""Tell which commits a tag may name: by its form, and by how the git tags of its service are called.

Without any setting, a tag is a full SHA, a SemVer version with or without `v`, `sha-` with a short SHA as
docker/metadata-action writes it, a short SHA, or the name of a git tag.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from actions.tags import is_commit, is_version

SHORTEST = 7  # digits of a SHA; git abbreviates to no fewer (git-config(1), core.abbrev)
SHORT = re.compile(rf"(?:sha-)?([0-9a-f]{{{SHORTEST},40}})")
VERSION = r"[0-9]+\.[0-9]+\.[0-9]+(?:[-+][0-9A-Za-z.+-]+)?"
FIELDS = {
    "sha": r"[0-9a-f]{40}",
    "short": rf"[0-9a-f]{{{SHORTEST},40}}",
    "version": VERSION,
    "branch": r"[A-Za-z0-9._-]+?",
    "timestamp": r"[0-9][0-9TZ.-]*",
}
NAMING = ("sha", "short", "version")
FIELD = re.compile(r"\{([a-z]*)\}")
TEXT = re.compile(r"[A-Za-z0-9._/@+-]*")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A commit by its *name*, which is that of a git tag or else its SHA or the beginning of it."""

    name: str
    is_git_tag: bool

    @property
    def expression(self) -> str:
        """Return how git takes it; no branch is ever meant."""
        return f"refs/tags/{self.name}^{{commit}}" if self.is_git_tag else self.name

    def is_named_by(self, sha: str) -> bool:
        """Tell whether *sha*, which GitHub found, is meant: a ref can be called like the beginning of another SHA."""
        return self.is_git_tag or sha.startswith(self.name)

    def __str__(self) -> str:
        return f"git tag {self.name}" if self.is_git_tag else f"commit {self.name}"


@dataclass(frozen=True)
class TagNames:
    """The *form* of the tags of a service, and the form of its *git_tag*s; "" for what goes without saying."""

    form: str = ""
    git_tag: str = ""

    @classmethod
    def parse(cls, form: str, git_tag: str) -> TagNames:
        """Check both forms; raise ValueError if one cannot be used."""
        for key, text, known in (("tag-format", form, FIELDS), ("git-tag", git_tag, {"version": VERSION})):
            fields = FIELD.findall(text)
            if text and (not TEXT.fullmatch(FIELD.sub("", text)) or any(field not in known for field in fields)):
                names = ", ".join(f"{{{name}}}" for name in known)
                raise ValueError(f"{key} is {text[:200]!r}; it can have {names}, and letters, digits and . _ / @ + -")
            if text and len([field for field in fields if field in NAMING]) != 1:
                names = ", ".join(f"{{{name}}}" for name in NAMING if name in known)
                raise ValueError(f"{key} is {text[:200]!r}; it must have one of {names}, once")
        return cls(form, git_tag)

    def candidates(self, tag: str) -> tuple[Candidate, ...]:
        """Return the commits that *tag* may name; none if it has another form."""
        if self.form:
            match = self._pattern.fullmatch(tag)
            found = match.groupdict() if match else {}
            sha = found.get("sha") or found.get("short")
            return (Candidate(sha, is_git_tag=False),) if sha else self._git_tags(found.get("version") or "")
        if is_commit(tag):
            return (Candidate(tag, is_git_tag=False),)
        version = self.version(tag)
        if version:
            return self._git_tags(version)
        short = SHORT.fullmatch(tag)
        named = (Candidate(tag, is_git_tag=True),)
        return (Candidate(short[1], is_git_tag=False), *named) if short else named

    def version(self, tag: str) -> str:
        """Return the SemVer version in *tag*, without `v`; "" if it has none."""
        if not self.form:
            return tag.removeprefix("v") if is_version(tag) else ""
        match = self._pattern.fullmatch(tag)
        found = (match.groupdict().get("version") or "") if match else ""
        return found if found and is_version(found) else ""

    def names_commit(self, tag: str) -> bool:
        """Tell whether *tag* has the form of a SHA or of a version, so that a commit must be behind it."""
        return bool(self.version(tag)) or any(not candidate.is_git_tag for candidate in self.candidates(tag))

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        parts = FIELD.split(self.form)
        fields = (f"(?P<{part}>{FIELDS[part]})" if index % 2 else re.escape(part) for index, part in enumerate(parts))
        return re.compile("".join(fields))

    def _git_tags(self, version: str) -> tuple[Candidate, ...]:
        if not version:
            return ()
        names = [self.git_tag.replace("{version}", version)] if self.git_tag else [version, f"v{version}"]
        return tuple(Candidate(name, is_git_tag=True) for name in names)
