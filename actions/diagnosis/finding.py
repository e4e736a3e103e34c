"""Represent what was looked at: how it is, how it should be, why that matters, and where it is changed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from actions.errors import AccessError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Fact = TypeVar("Fact")

NONE = "none"


class Severity(StrEnum):
    """How bad a finding is, the worst first."""

    ERROR = "error"
    UNKNOWN = "unknown"
    WARNING = "warning"
    OK = "ok"

    @property
    def rank(self) -> int:
        """Return the place in the table."""
        return list(Severity).index(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class Unreadable:
    """A fact that GitHub does not show to the token, which needs *permission*; *said* is why."""

    permission: str
    said: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """The answer to one question: *what* of *where* is *found* so, and what is *wanted*.

    *check* is the name of the question in the README, *why* the reason for it, *fix* a link or a command.
    """

    check: str
    where: str
    what: str
    severity: Severity
    found: str
    wanted: str
    why: str
    fix: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}: {self.found}; it should be: {self.wanted}. {self.why} {self.fix}"

    def to_json(self) -> dict[str, str]:
        """Return the finding as an entry of the output `findings`."""
        return {
            "check": self.check,
            "severity": self.severity,
            "where": self.where,
            "what": self.what,
            "found": self.found,
            "wanted": self.wanted,
            "why": self.why,
            "fix": self.fix,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What is asked of *where*. The fields are those of its answer, a Finding."""

    check: str
    where: str
    what: str
    wanted: str
    why: str
    fix: str

    def ok(self, found: str) -> Finding:
        """Return that it is as it should be."""
        return self._answer(Severity.OK, found)

    def error(self, found: str) -> Finding:
        """Return that it does not work, or that somebody can get past the rules."""
        return self._answer(Severity.ERROR, found)

    def warning(self, found: str) -> Finding:
        """Return that it works, and should be better."""
        return self._answer(Severity.WARNING, found)

    def unknown(self, fact: Unreadable) -> Finding:
        """Return that GitHub does not show it to the token."""
        return Finding(
            check=self.check,
            where=self.where,
            what=self.what,
            severity=Severity.UNKNOWN,
            found=f"unknown: {fact.said}",
            wanted=self.wanted,
            why=self.why,
            fix=f"Give the token '{fact.permission}', or look: {self.fix}",
        )

    def _answer(self, severity: Severity, found: str) -> Finding:
        return Finding(
            check=self.check,
            where=self.where,
            what=self.what,
            severity=severity,
            found=found,
            wanted=self.wanted,
            why=self.why,
            fix=self.fix,
        )


def attempt(read: Callable[[], Fact], permission: str) -> Fact | Unreadable:
    """Return what *read* returns, or that it needs *permission* that the token does not have."""
    try:
        return read()
    except AccessError as error:
        return Unreadable(permission=permission, said=error.said or str(error))


def listed(names: Iterable[str]) -> str:
    """Return *names* as a list in words, each once."""
    return ", ".join(dict.fromkeys(names)) or NONE
