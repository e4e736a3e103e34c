"""Keep track of what could not be read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from actions.errors import AccessError

if TYPE_CHECKING:
    from collections.abc import Callable

    Fact = TypeVar("Fact")


@dataclass(frozen=True, slots=True)
class Unknowns:
    """What could not be read, and *why*, by its name."""

    why: dict[str, str] = field(default_factory=dict)

    def read(self, name: str, read: Callable[[], Fact], otherwise: Fact) -> Fact:
        """Return what *read* returns, *otherwise* if the token may not read it."""
        try:
            return read()
        except AccessError as error:
            self.why[name] = str(error)
            return otherwise

    def add(self, name: str, why: str = "") -> None:
        """Add something that is unknown."""
        self.why[name] = why

    def take(self, name: str, other: Unknowns) -> None:
        """Add *name* if it is unknown to *other*."""
        if name in other.why:
            self.why[name] = other.why[name]

    def in_words(self) -> tuple[str, ...]:
        """Return each name, with the reason where there is one."""
        return tuple(f"{name} ({why})" if why else name for name, why in self.why.items())
