"""Read the inputs of an action.

Inputs arrive as INPUT_<NAME> with underscores instead of hyphens. A composite action has to pass them itself, and some
shells drop environment variables whose names contain hyphens.
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

LONGEST_WAIT = 6 * 60 * 60  # the time limit of a job on a hosted runner
REPOSITORY = re.compile(r"[A-Za-z0-9_-]+/[A-Za-z0-9._-]+")
ORGANIZATION = re.compile(r"[A-Za-z0-9_-]+")
# git-check-ref-format(1), without characters that must be escaped in an address.
BRANCH_NAME = re.compile(r"(?!.*(?:\.\.|//|/\.|\.lock(?:/|$)|\.(?:/|$)))[A-Za-z0-9_][A-Za-z0-9._/+#@-]{0,199}(?<!/)")


@dataclass(frozen=True, slots=True)
class Inputs:
    """The inputs of this run, read by their names in action.yml."""

    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)

    def text(self, name: str) -> str:
        """Return the input *name* without surrounding blanks, "" if it is not given."""
        return self.environment.get(f"INPUT_{name.replace('-', '_').upper()}", "").strip()

    def required(self, name: str) -> str:
        """Return the input *name*; raise InputError if it is not given, which GitHub itself does not check."""
        value = self.text(name)
        if not value:
            raise InputError(f"input {name} is required")
        return value

    def branch(self, name: str) -> str:
        """Return the input *name*, a branch or ""; raise InputError if it is not a valid branch name."""
        value = self.text(name)
        if value and not BRANCH_NAME.fullmatch(value):
            raise InputError(f"input {name} is {value[:200]!r}; it must be a valid branch name")
        return value

    def flag(self, name: str) -> bool:
        """Return the input *name* as a boolean; raise InputError unless it is `true` or `false`."""
        value = self.text(name)
        if value not in ("true", "false"):
            raise InputError(f"input {name} is {value!r}; it must be true or false")
        return value == "true"

    def choice(self, name: str, choices: type[Choice]) -> Choice:
        """Return the input *name* as one of *choices*; raise InputError, which lists them, if it is not one."""
        value = self.text(name)
        if value not in set(choices):
            raise InputError(f"input {name} is {value!r}; it must be one of {', '.join(choices)}")
        return choices(value)

    def seconds(self, name: str) -> int:
        """Return the input *name* as a number of seconds; raise InputError if it is not one."""
        value = self.text(name)
        if not value.isdecimal() or len(value) > len(str(LONGEST_WAIT)) or int(value) > LONGEST_WAIT:
            raise InputError(f"input {name} is {value[:200]!r}; it must be a number of seconds, at most {LONGEST_WAIT}")
        return int(value)

    def lines(self, name: str) -> list[str]:
        """Return the non-blank lines of the input *name*."""
        return [line.strip() for line in self.text(name).splitlines() if line.strip()]

    def names(self, name: str) -> list[str]:
        """Return the names in the input *name*, separated by commas, blanks or line ends."""
        return self.text(name).replace(",", " ").split()

    def secret(self, name: str) -> str:
        """Return the input *name*, masked in the log; raise InputError if it is not given."""
        value = self.required(name)
        issue_command("add-mask", {}, value)
        if not (value.isascii() and value.isprintable()):
            raise InputError(f"input {name} contains characters that no token has")
        return value

    def optional_secret(self, name: str, default: str) -> str:
        """Return the input *name*, masked in the log, or *default* if it is not given."""
        return self.secret(name) if self.text(name) else default

    def repository(self, name: str, default: str) -> str:
        """Return the input *name*, a repository as owner/name, or *default* if it is not given."""
        value = self.text(name) or default
        if not REPOSITORY.fullmatch(value):
            raise InputError(f"input {name} is {value[:200]!r}; write it as owner/name")
        return value
