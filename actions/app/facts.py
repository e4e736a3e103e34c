"""Define the placeholders for facts that have no value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unknown:
    """A fact that could not be read, which never opens a gate; *missing* says what is unknown."""

    missing: str


@dataclass(frozen=True, slots=True)
class NoCommit:
    """A tag names no commit; *looked_for* says where, and under which names."""

    looked_for: str


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """A fact that does not matter for a change; *why* says the reason."""

    why: str
