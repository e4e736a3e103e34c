"""An OCI registry on the sandbox's own address, which answers as GHCR does. What is in it is put there by tests.

Every pull takes a token, of public images too: the registry answers 401 and says where to get one (distribution, "Token
Authentication Specification"; Mic92/niks3#229). Errors have the codes of the distribution specification.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from email.message import Message

TOKENS = "/v2-token"
PATH = re.compile(rf"{TOKENS}|/v2/(?:(?P<name>.+)/manifests/(?P<reference>[^/]+))?")
INDEX = "application/vnd.oci.image.index.v1+json"


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: what was asked for, and with which `Authorization`."""

    verb: str
    path: str
    authorization: str


@dataclass(slots=True)
class Registry:
    """The *images*, by name and tag; those that only the *users* may pull; answers *planned* in place of the next."""

    images: dict[str, dict[str, str]] = field(default_factory=dict)
    private: set[str] = field(default_factory=set)
    users: dict[str, str] = field(default_factory=dict)
    planned: list[Reply] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)

    def push(self, name: str, tag: str, content: str = "") -> str:
        """Put an image there, and return its digest."""
        digest = f"sha256:{hashlib.sha256((content or tag).encode()).hexdigest()}"
        self.images.setdefault(name, {})[tag] = digest
        return digest

    def answer(self, verb: str, path: str, query: str, headers: Message, root: str) -> Reply:
        """Answer a request at the address *root*."""
        self.asked.append(Asked(verb, path, headers.get("Authorization", "")))
        if self.planned:
            return self.planned.pop(0)
        if path == TOKENS:
            return self._token(parse_qs(query), headers.get("Authorization", ""))
        match = PATH.fullmatch(path)
        name, reference = (match["name"] or "", match["reference"] or "") if match else ("", "")
        scope = f"repository:{name}:pull"
        if headers.get("Authorization") != f"Bearer {_sealed(scope)}":
            challenge = f'Bearer realm="{root}{TOKENS}",service="127.0.0.1",scope="{scope}"'
            return _error(401, "UNAUTHORIZED", "authentication required", {"WWW-Authenticate": challenge})
        if name not in self.images:
            return _error(404, "NAME_UNKNOWN", "repository name not known to registry")
        tags = self.images[name]
        digest = tags.get(reference, "") or (reference if reference in tags.values() else "")
        if not digest:
            return _error(404, "MANIFEST_UNKNOWN", "manifest unknown")
        if INDEX not in headers.get("Accept", ""):  # the words: Mic92/niks3#229
            words = "OCI index found, but Accept header does not support OCI indexes"
            return _error(404, "MANIFEST_UNKNOWN", words)
        return Reply(200, {"Docker-Content-Digest": digest, "Content-Type": INDEX}, b"{}")

    def _token(self, query: Mapping[str, list[str]], authorization: str) -> Reply:
        """Give a token for the scope that is asked for. That GHCR says 403 to who is nobody is a guess."""
        (scope,) = query["scope"]
        user, _, token = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        if authorization and self.users.get(user) != token:
            return _error(401, "UNAUTHORIZED", "authentication required")
        if scope.split(":")[1] in self.private and not authorization:
            return _error(403, "DENIED", "requested access to the resource is denied")
        return Reply(200, {}, json.dumps({"token": _sealed(scope)}).encode())


def _sealed(scope: str) -> str:
    return hashlib.sha256(scope.encode()).hexdigest()


def _error(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Reply:
    body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
    return Reply(status, headers or {}, body)
