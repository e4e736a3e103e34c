"""Keep track of facts that could not be read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from actions.errors import AccessError

if TYPE_CHECKING:
    from collections.abc import Callable

    Fact = TypeVar("Fact")


@dataclass(frozen=True, slots=True)
class Unknowns:
    """The names of facts that could not be read, each with the reason (*why*), "" for none."""

    why: dict[str, str] = field(default_factory=dict)

    def read(self, name: str, read: Callable[[], Fact], otherwise: Fact) -> Fact:
        """Call *read*; if the token lacks the permission, note *name* as unknown and return *otherwise*."""
        try:
            return read()
        except AccessError as error:
            self.why[name] = str(error)
            return otherwise

    def add(self, name: str, why: str = "") -> None:
        """Note that *name* is unknown."""
        self.why[name] = why

    def take(self, name: str, other: Unknowns) -> None:
        """Note *name* as unknown if it is in *other*."""
        if name in other.why:
            self.why[name] = other.why[name]

    def in_words(self) -> tuple[str, ...]:
        """Return the names, each followed by its reason in brackets if it has one."""
        return tuple(f"{name} ({why})" if why else name for name, why in self.why.items())
