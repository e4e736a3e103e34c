"""Which server, which organization, and as whom."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

REQUIRED = ("GITHUB_API_URL", "CONFORMANCE_ORGANIZATION", "CONFORMANCE_TOKEN")
LOOPBACK = ("http://127.0.0.1:", "http://localhost:")


class SettingsError(Exception):
    """A variable is missing or wrong."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Which server, which organization, and as whom.

    *token* is of an owner of the organization, *second_token* of another member of it, *fine_grained_token* a
    fine-grained one of the owner, and *app_token* an installation token of an App with access to all repositories.
    """

    api_url: str
    organization: str
    token: str = field(repr=False)
    second_token: str = field(default="", repr=False)
    fine_grained_token: str = field(default="", repr=False)
    app_token: str = field(default="", repr=False)

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Settings:
        """Return what the variables say; raise SettingsError if one that is required is missing."""
        missing = [name for name in REQUIRED if not environment.get(name)]
        if missing:
            raise SettingsError(f"{' and '.join(missing)} must be set; nothing was touched")
        url = environment["GITHUB_API_URL"].rstrip("/")
        if not url.startswith(("https://", *LOOPBACK)):
            raise SettingsError("GITHUB_API_URL must begin with https://; nothing was touched")
        return cls(
            api_url=url,
            organization=environment["CONFORMANCE_ORGANIZATION"],
            token=environment["CONFORMANCE_TOKEN"],
            second_token=environment.get("CONFORMANCE_SECOND_TOKEN", ""),
            fine_grained_token=environment.get("CONFORMANCE_FINE_GRAINED_TOKEN", ""),
            app_token=environment.get("CONFORMANCE_APP_TOKEN", ""),
        )

    def without_tokens(self, text: str) -> str:
        """Return *text* with every token taken out, should GitHub ever repeat one."""
        for token in (self.token, self.second_token, self.fine_grained_token, self.app_token):
            text = text.replace(token, "***") if token else text
        return text
