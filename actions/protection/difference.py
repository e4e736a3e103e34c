"""Describe how a ruleset or an environment on GitHub differs from its file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """A difference between GitHub and the file of the ruleset or environment (*thing*) called *name*.

    *kind* is `missing` or `extra` for a whole thing, `different` for one property of it (*what*), and `unknown` for a
    property that the token cannot read, or for `all` of them.
    """

    thing: Literal["ruleset", "environment"]
    name: str
    kind: Literal["missing", "extra", "different", "unknown"]
    what: str = ""
    file: object = None
    github: object = None

    def to_json(self, target: Mapping[str, str]) -> dict[str, object]:
        """Return the difference as an entry of the output `drift`, which starts with *target*."""
        return {
            **target,
            self.thing: self.name,
            "kind": self.kind,
            "what": self.what,
            "file": self.file,
            "github": self.github,
        }
