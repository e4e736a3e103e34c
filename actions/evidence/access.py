"""Define what is recorded of access: who could change an environment, whenever that changes.

A record has logins, names and numbers that GitHub gives, sorted, and nothing else: two looks at the same are equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class AccessKind(StrEnum):
    """By what somebody or something has access."""

    APPS = "apps"
    BYPASSES = "bypasses"
    DEPLOY_KEYS = "deploy-keys"
    ENVIRONMENTS = "environments"
    PEOPLE = "people"
    TEAMS = "teams"


@dataclass(frozen=True, kw_only=True, slots=True)
class AccessPart:
    """The access of one *kind* to *where*, a repository or an organization: what each of the *holders* may do.

    *lacks* is the permission without which GitHub hides some or all of it, "" if it was seen whole.
    """

    where: str
    kind: AccessKind
    holders: Mapping[str, str]
    lacks: str = ""

    def __post_init__(self) -> None:
        """Raise ValueError if the holders are not sorted: there is one way to write a record."""
        if list(self.holders) != sorted(self.holders):
            raise ValueError(f"the {self.kind} of {self.where} are not sorted")


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """Who and what had access, part by part."""

    parts: tuple[AccessPart, ...]

    def __post_init__(self) -> None:
        """Raise ValueError if a part is there twice, or the parts are not sorted."""
        keys = [(part.where, part.kind) for part in self.parts]
        if keys != sorted(set(keys)):
            raise ValueError("the parts of the access are not sorted, or one is there twice")
