"""What an environment and a service may be called."""

from __future__ import annotations

import re

from actions.errors import InputError

# A name becomes part of paths, branch names and job names, so it is one path segment that needs no quoting in a shell.
NAME = re.compile(r"(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
NAMES_ARE = "use letters, digits, '_', '-' and single dots, starting with a letter, a digit or '_'"


def require_name(kind: str, name: str) -> str:
    """Return *name*; raise InputError if it is not valid for *kind*, an environment or a service."""
    if NAME.fullmatch(name):
        return name
    raise InputError(f"{name[:200]!r} is not a valid name for {kind}; {NAMES_ARE}")
