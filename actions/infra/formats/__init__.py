"""The formats of env files. Each module has `load` (text to tree) and `splice` (one string replaced in place)."""

from __future__ import annotations


class FormatError(Exception):
    """The text is not what its format asks for, or not what can be edited; *line* counts from 1, 0 is unknown."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


def line_of(text: str, position: int) -> int:
    """Return the line number, from 1, of *position* in *text*."""
    return text.count("\n", 0, position) + 1
