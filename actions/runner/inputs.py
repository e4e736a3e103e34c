"""Read the inputs of an action.

Inputs arrive as INPUT_<NAME> with underscores: a composite action hands them over itself, and some shells drop
environment variables whose names contain hyphens.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from actions_toolkit.command import issue_command

from actions.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from enum import StrEnum

    Choice = TypeVar("Choice", bound=StrEnum)

LONGEST_WAIT = 6 * 60 * 60  # a job on a hosted runner ends then
REPOSITORY = re.compile(r"[A-Za-z0-9_-]+/[A-Za-z0-9._-]+")
ORGANIZATION = re.compile(r"[A-Za-z0-9_-]+")
# git-check-ref-format(1), and nothing that has to be written otherwise in an address.
BRANCH_NAME = re.compile(r"(?!.*(?:\.\.|//|/\.|\.lock(?:/|$)|\.(?:/|$)))[A-Za-z0-9_][A-Za-z0-9._/+#@-]{0,199}(?<!/)")


@dataclass(frozen=True, slots=True)
class Inputs:
    """The inputs of this run, each read by the name it has in action.yml."""

    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)

    def text(self, name: str) -> str:
        """Return the input *name* without blanks around it, "" if it is not given."""
        return self.environment.get(f"INPUT_{name.replace('-', '_').upper()}", "").strip()

    def required(self, name: str) -> str:
        """Return the input *name*; raise InputError if it is not given (GitHub does not look)."""
        value = self.text(name)
        if not value:
            raise InputError(f"input {name} is required")
        return value

    def branch(self, name: str) -> str:
        """Return the input *name*, the name of a branch or ""; raise InputError if no branch can be called so."""
        value = self.text(name)
        if value and not BRANCH_NAME.fullmatch(value):
            raise InputError(f"input {name} is {value[:200]!r}; that is no name of a branch")
        return value

    def flag(self, name: str) -> bool:
        """Return the input *name* as a boolean; raise InputError unless it is `true` or `false`."""
        value = self.text(name)
        if value not in ("true", "false"):
            raise InputError(f"input {name} is {value!r}; it can be true or false")
        return value == "true"

    def choice(self, name: str, choices: type[Choice]) -> Choice:
        """Return the input *name* as one of *choices*; raise InputError, naming them, if it is none."""
        value = self.text(name)
        if value not in set(choices):
            raise InputError(f"input {name} is {value!r}; it can be {', '.join(choices)}")
        return choices(value)

    def seconds(self, name: str) -> int:
        """Return the input *name* as a number of seconds; raise InputError if it is none."""
        value = self.text(name)
        if not value.isdecimal() or len(value) > len(str(LONGEST_WAIT)) or int(value) > LONGEST_WAIT:
            raise InputError(f"input {name} is {value[:200]!r}; it must be a number of seconds, at most {LONGEST_WAIT}")
        return int(value)

    def lines(self, name: str) -> list[str]:
        """Return the lines of the input *name* that are not blank."""
        return [line.strip() for line in self.text(name).splitlines() if line.strip()]

    def names(self, name: str) -> list[str]:
        """Return the names that the input *name* lists, separated by commas, blanks or line ends."""
        return self.text(name).replace(",", " ").split()

    def secret(self, name: str) -> str:
        """Return the input *name* after telling the runner to mask it; raise InputError if it is not given."""
        value = self.required(name)
        issue_command("add-mask", {}, value)
        if not (value.isascii() and value.isprintable()):
            raise InputError(f"input {name} holds characters that no token has")
        return value

    def optional_secret(self, name: str, default: str) -> str:
        """Return the input *name* as `secret` does, *default* if it is not given."""
        return self.secret(name) if self.text(name) else default

    def repository(self, name: str, default: str) -> str:
        """Return the input *name*, a repository as owner/name, *default* if it is not given."""
        value = self.text(name) or default
        if not REPOSITORY.fullmatch(value):
            raise InputError(f"input {name} is {value[:200]!r}; write it as owner/name")
        return value
