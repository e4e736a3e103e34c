"""What stands in the place of a fact that is not there."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unknown:
    """A fact that could not be read. It never opens a gate."""

    missing: str


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """A fact that this change does not depend on, and why."""

    why: str
