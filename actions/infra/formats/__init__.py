"""Read and edit the formats of env files.

Every module has `parse`, which returns a `Document`. An edit changes the given values and no other byte; the result is
parsed once more to prove that.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from actions.infra.tag_path import replaced_at

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from actions.infra.tag_path import Place, Tree

LARGE = 100_000
UNPROVEN = "cannot be replaced without changing something else"


class FormatError(Exception):
    """The text is invalid or cannot be edited; *line* counts from 1, 0 is unknown."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


class EditError(FormatError):
    """The value at *place* cannot be replaced."""

    def __init__(self, message: str, line: int, place: Place) -> None:
        super().__init__(message, line)
        self.place = place


class Document(Protocol):
    """The text of a file, and its *tree*."""

    @property
    def text(self) -> str: ...

    @property
    def tree(self) -> Tree: ...

    def line(self, place: Place) -> int:
        """Return the line number of the value at *place*, 1 if it is not known."""

    def require_one(self, place: Place) -> None:
        """Raise EditError if a key on the way to *place* occurs twice, because readers differ in which one counts."""

    def edit(self, values: Mapping[Place, str], change_all: Collection[Place] = ()) -> Document:
        """Replace the values at the places of *values*, and change no other character; raise EditError otherwise.

        A value that aliases share is changed only if its place is in *change_all*.
        """


def require_proof(before: Document, after: Document, values: Mapping[Place, str]) -> None:
    """Raise EditError unless the tree of *after* is that of *before* with *values*."""
    expected = before.tree
    for place, value in values.items():
        expected = replaced_at(expected, place, value)
    # Compared as text, because a NaN is not equal to itself.
    if repr(after.tree) != repr(expected):
        place = next(iter(values))
        raise EditError(UNPROVEN, before.line(place), place)


@contextmanager
def collector_paused(text: str) -> Iterator[None]:
    """Pause the garbage collector, which would look for circles in what *text* becomes, again and again, in vain.

    Of a large text it never looks at that: a run reads few of them, and ends soon.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if len(text) > LARGE:
            gc.freeze()
        if was_enabled:
            gc.enable()


def line_of(text: str, position: int) -> int:
    """Return the line number, from 1, of *position* in *text*."""
    return text.count("\n", 0, position) + 1


def spliced(text: str, edits: Mapping[tuple[int, int], str]) -> str:
    """Return *text* with each span (start, end) of *edits* replaced."""
    parts, at = [], 0
    for (start, end), new in sorted(edits.items()):
        parts += [text[at:start], new]
        at = end
    return "".join([*parts, text[at:]])
