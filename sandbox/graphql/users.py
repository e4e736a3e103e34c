"""Users and apps."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox import state


def actor(user: state.User) -> User:
    """Return *user* as the type of the schema that it is."""
    return Bot(user) if user.kind == "Bot" else User(user)


class User:
    """An account; as a commit's user, that of an App is `name[bot]` here too (release-drafter's recordings)."""

    def __init__(self, user: state.User) -> None:
        self._user = user

    def login(self) -> str:
        return self._user.login

    def databaseId(self) -> int:
        return self._user.id


class Bot(User):
    def login(self) -> str:
        """Return the name of the App alone, which REST calls `name[bot]`."""
        return self._user.login.removesuffix("[bot]")
