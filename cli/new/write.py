"""Write the files of a repository beside what is there, which stays as it is."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from actions.errors import UnsafePathError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(slots=True)
class Written:
    """The paths that were *new*, those that are the *same* already, and how others *differ*."""

    new: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    differ: dict[str, str] = field(default_factory=dict)


def write(folder: Path, files: Mapping[str, str]) -> Written:
    """Write those of *files* (path to text) that *folder* lacks; raise UnsafePathError for one behind a link."""
    written = Written()
    for path, text in sorted(files.items()):
        target = folder / path
        if not target.resolve().is_relative_to(folder.resolve()) or target.is_symlink():
            raise UnsafePathError(f"{path} leads out of {folder} by a link; remove it")
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
            written.new.append(path)
            continue
        there = target.read_text(encoding="utf-8", errors="replace")
        if there == text:
            written.same.append(path)
        else:
            lines = difflib.unified_diff(
                there.splitlines(keepends=True), text.splitlines(keepends=True), f"{path} (is)", f"{path} (new)"
            )
            written.differ[path] = "".join(lines)
    return written
