"""Import the requester of PyGithub, and not the 140 classes that its package imports before anything else.

They take longer to import than most actions take to run, and no action uses one of them.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec, module_from_spec
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from github.Auth import Auth


def _defer(name: str) -> None:
    """Let the modules of the package *name* be imported before its `__init__`, which runs when it is first needed."""
    spec = find_spec(name)
    if name in sys.modules or not (spec and spec.loader):
        return
    loader, package = spec.loader, module_from_spec(spec)

    def complete(attribute: str) -> object:
        del vars(package)["__getattr__"]
        loader.exec_module(package)
        return getattr(package, attribute)

    vars(package)["__getattr__"] = complete  # PEP 562
    sys.modules[name] = package


_defer("github")

from github.GithubException import GithubException  # noqa: E402 - only now
from github.Requester import Requester  # noqa: E402

if vars(sys.modules["github"]).get("GithubException") is sys.modules["github.GithubException"]:
    del vars(sys.modules["github"])["GithubException"]  # which the package gives to the class of that name

__all__ = ["GithubException", "requester"]


class _Token:
    """What PyGithub asks of an `Auth`; its own `Auth.Token` would import most of the package."""

    def __init__(self, token: str) -> None:
        self._token = token

    def authentication(self, headers: dict[str, str]) -> None:
        """Add the token to the *headers* of a request."""
        headers["Authorization"] = f"token {self._token}"

    def mask_authentication(self, headers: dict[str, str]) -> None:
        """Remove the token from *headers* that PyGithub logs."""
        headers["Authorization"] = "token (removed)"


def requester(token: str, *, base_url: str, api_version: str, timeout: int) -> Requester:
    """Return a requester that sends each call once, at once, and with *token*."""
    return Requester(
        auth=cast("Auth", _Token(token)),
        base_url=base_url,
        timeout=timeout,
        user_agent="gitops-actions",
        per_page=30,
        verify=True,
        retry=None,  # its retry sends a POST twice that GitHub may have carried out the first time
        pool_size=None,
        seconds_between_requests=0,
        seconds_between_writes=0,
        api_version=api_version,
    )
