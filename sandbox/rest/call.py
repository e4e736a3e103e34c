"""One REST call: who asks for what, and whether the token may."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.apps import reaches
from sandbox.behaviour import Behaviour, Refusal
from sandbox.state import (
    ROLES,
    Deployment,
    Pull,
    Repo,
    State,
    Token,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.payloads import Payloads

Answer = tuple[int, Any]


@dataclass(frozen=True, slots=True)
class Redirect:
    """An answer that is elsewhere: at *path* of this server."""

    path: str


MEDIA_TYPE = re.compile(r"application/vnd\.github(?:\.v3)?\.(raw|diff|sha)\b")


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One request: who asks, with what."""

    state: State
    behaviour: Behaviour
    payloads: Payloads
    token: Token
    path: dict[str, str]
    query: dict[str, str]
    body: Any
    accept: str = ""

    @property
    def media_type(self) -> str:
        """Return what is asked for in place of JSON (`raw`, `diff`, `sha`), "" if nothing is."""
        found = MEDIA_TYPE.search(self.accept)
        return found[1] if found else ""

    def repo(self, need: str = "read", permission: str = "contents") -> Repo:
        """Return the repository of the path; raise Refusal as GitHub does if the token may not *need* it."""
        repo = self.state.repos.get(f"{self.path['owner']}/{self.path['repo']}".lower())
        return allowed(repo, self.token, need, permission)

    def number(self, name: str) -> int:
        """Return the number called *name* in the path; what is none names nothing."""
        return int(self.path[name]) if self.path[name].isdecimal() else -1

    def commit(self, repo: Repo, name: str) -> str:
        """Return the commit that *name* of the path names; raise Refusal if there is none.

        The words are in the answers that several scripts quote, for commits and for their checks.
        """
        sha = repo.git.resolve(self.path[name])
        if not sha:
            raise Refusal(422, f"No commit found for SHA: {self.path[name]}")
        return sha

    def pull(self, repo: Repo) -> Pull:
        """Return the pull request of the path."""
        number = self.number("pull_number" if "pull_number" in self.path else "issue_number")
        pull: Pull = found(repo.pulls.get(number))
        return pull

    def deployment(self, repo: Repo) -> Deployment:
        """Return the deployment of the path."""
        number = self.number("deployment_id")
        return found(next((known for known in repo.deployments if known.id == number), None))  # type: ignore[no-any-return]


def allowed(repo: Repo | None, token: Token, need: str, permission: str) -> Repo:
    """Return *repo* if *token* may *need* (read, write, admin) it; what it may not even read is not there.

    *permission* names one, or several of which any will do: `issues or pull_requests`. What takes an administrator
    (*need* is `admin`) takes the permission to write. An App has no role: its permissions decide ("Choosing permissions
    for a GitHub App").
    """
    role = repo.role(token.user) if repo and reaches(token, repo) else "none"
    if not repo or role == "none":
        raise Refusal(404, "Not Found", kind="NOT_FOUND")
    if not token.is_of_app and ROLES.index(role) < ROLES.index(need):
        raise inaccessible(token)
    require_grant(token, "write" if need == "admin" else need, permission)
    if need != "read" and repo.archived:
        raise Refusal(403, "Repository was archived so is read-only.", kind="FORBIDDEN")
    return repo


def require_grant(token: Token, need: str, permission: str) -> None:
    """Raise Refusal as GitHub does unless *token* grants *need* (read, write) of *permission*, or of one of several."""
    if max(ROLES.index(token.grants(name)) for name in permission.split(" or ")) < ROLES.index(need):
        raise inaccessible(token)


def inaccessible(token: Token) -> Refusal:
    """Return the refusal of what *token* may not do."""
    kind = "personal access token" if token.user.kind == "User" else "integration"
    return Refusal(403, f"Resource not accessible by {kind}", kind="FORBIDDEN")


def found(thing: Any) -> Any:
    """Return *thing*; raise Refusal if it is not there."""
    if thing is None:
        raise Refusal(404, "Not Found", kind="NOT_FOUND")
    return thing


ROUTES: dict[str, Callable[[Call], Answer]] = {}


def route(name: str) -> Callable[[Callable[[Call], Answer]], Callable[[Call], Answer]]:
    """Register a function as the answer to *name*, `VERB /template`."""

    def register(function: Callable[[Call], Answer]) -> Callable[[Call], Answer]:
        assert name not in ROUTES, f"{name} is answered twice"
        ROUTES[name] = function
        return function

    return register
