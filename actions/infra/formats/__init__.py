"""Read and edit the formats of env files: every module has `load` (text to tree) and `splice` (replace one string)."""

from __future__ import annotations


class FormatError(Exception):
    """The text is invalid or cannot be edited; *line* counts from 1, 0 is unknown."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


def line_of(text: str, position: int) -> int:
    """Return the line number, from 1, of *position* in *text*."""
    return text.count("\n", 0, position) + 1
