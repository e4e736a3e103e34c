"""GitHub Apps: who installed them, what they may do, and the tokens that they exchange their keys for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

if TYPE_CHECKING:
    from sandbox.state import Repo, State, Token, User

LEVELS = ("none", "read", "write")


@dataclass(eq=False)
class App:
    """An App that is installed in one organization, on *repos*, or *on_all* of them, with *permissions*."""

    id: int
    slug: str
    client_id: str
    user: User
    permissions: dict[str, str]
    repos: list[Repo]
    on_all: bool = False
    suspended: str | None = None

    @property
    def private_key(self) -> str:
        """Return the key as it is downloaded when an App is made."""
        return _key_of(self.slug).private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()

    def has_signed(self, token: str) -> bool:
        """Tell whether *token* is a JWT of this App, signed with its key and not yet over."""
        try:
            jwt.decode(token, _key_of(self.slug).public_key(), algorithms=["RS256"], options={"verify_aud": False})
        except jwt.InvalidTokenError:
            return False
        return True


@cache
def _key_of(slug: str) -> rsa.RSAPrivateKey:  # noqa: ARG001 - each App has its own
    """Return the key of an App, made once in a process, which takes a moment."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def signed_by(state: State, token: str) -> App | None:
    """Return the App that *token* is a JWT of, None if it is of none ("Generating a JSON Web Token for an App")."""
    try:
        issuer = str(jwt.decode(token, options={"verify_signature": False}).get("iss"))
    except jwt.InvalidTokenError:
        return None
    known = (app for app in state.apps.values() if issuer in (app.client_id, str(app.id)))
    return next((app for app in known if app.has_signed(token)), None)


def exceeds(app: App, wanted: dict[str, str]) -> bool:
    """Tell whether *wanted* permissions are more than *app* was granted."""
    return any(LEVELS.index(level) > LEVELS.index(app.permissions.get(name, "none")) for name, level in wanted.items())


def reaches(token: Token, repo: Repo) -> bool:
    """Tell whether *token* is for *repo*: an installation token is for those that it was asked for."""
    return token.repos is None or repo in token.repos
