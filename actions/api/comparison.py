"""How two commits relate, and the commits between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True, slots=True)
class Commit:
    """A commit in a comparison."""

    sha: str
    message: str
    author: str

    @property
    def title(self) -> str:
        """Return the first line of the message."""
        return self.message.partition("\n")[0]


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """How a head relates to a base (`ahead`, `behind`, `identical`, `diverged`), and the commits that only it has."""

    status: str
    commits: tuple[Commit, ...] = ()
    total: int = 0
    files: tuple[str, ...] = ()
    base: str = ""
    merge_base: str = ""


def read_comparison(answer: Mapping[str, Any]) -> Comparison:
    """Read *answer*, GitHub's to the comparison of two commits; a renamed file counts under both names."""
    return Comparison(
        status=answer["status"],
        commits=_commits(answer),
        total=answer["total_commits"],
        files=tuple(dict.fromkeys(path for file in answer["files"] for path in paths_of(file))),
        base=answer["base_commit"]["sha"],
        merge_base=answer["merge_base_commit"]["sha"],
    )


def paths_of(file: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names that *file*, changed by a commit, has and had."""
    old = file.get("previous_filename")
    return (file["filename"], old) if old else (file["filename"],)


def _commits(answer: Mapping[str, Any]) -> tuple[Commit, ...]:
    return tuple(
        Commit(
            sha=commit["sha"],
            message=commit["commit"]["message"],
            author=(commit["author"] or {}).get("login") or commit["commit"]["author"]["name"],
        )
        for commit in answer["commits"]
    )
