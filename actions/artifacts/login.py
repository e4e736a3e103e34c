"""The credentials of one registry, from the inputs of an action."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from actions.errors import InputError

if TYPE_CHECKING:
    from actions.runner.inputs import Inputs

HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(?::[0-9]{1,5})?")
GHCR = "ghcr.io"
USER = re.compile(r"[!-9;-~]{0,200}")  # a colon would end it (RFC 7617)


@dataclass(frozen=True, kw_only=True, slots=True)
class RegistryLogin:
    """The *user* and the *token* for the registry *host*, and for no other; without a token, images are public."""

    host: str = ""
    user: str = ""
    token: str = field(default="", repr=False)

    @classmethod
    def read(cls, inputs: Inputs) -> RegistryLogin:
        """Read the inputs; raise InputError if one cannot be used."""
        host = inputs.text("registry") or GHCR
        user = inputs.text("registry-user")
        if not HOST.fullmatch(host):
            raise InputError(f"input registry is {host[:200]!r}; write the host of a registry, like ghcr.io")
        if not USER.fullmatch(user):
            raise InputError(f"input registry-user is {user[:200]!r}; it can have neither blanks nor a colon")
        user = user or os.environ.get("GITHUB_ACTOR", "")
        return cls(host=host.lower(), user=user, token=inputs.optional_secret("registry-token", ""))
