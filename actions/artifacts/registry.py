"""Ask a registry which digest a tag names, by the OCI distribution API.

What it answers decides nothing but this. Redirects are not followed, and credentials go to the registry that they are
for, and to its own token server.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

import requests
from urllib3.exceptions import HTTPError

from actions.artifacts.image import ELSEWHERE, scheme_of
from actions.errors import AccessError
from actions.tags import ARTIFACT, is_digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from requests import PreparedRequest

    from actions.artifacts.image import Image
    from actions.artifacts.login import RegistryLogin

# Without the types of an index, GHCR says that an index is not there (Mic92/niks3#229).
MANIFESTS = (
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json"
)
DIGEST_HEADER = "Docker-Content-Digest"
TIMEOUT = (5, 15)
LONGEST_ANSWER = 1 << 20
CHALLENGE = re.compile(r'([A-Za-z]+)="([^"]*)"')
TOKEN = re.compile(r"[!-~]+")
# Of the public registries, those whose token server is another host (their own `WWW-Authenticate`).
TOKEN_SERVERS = {"registry-1.docker.io": "auth.docker.io", "registry.gitlab.com": "gitlab.com"}


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


def digest_of_tag(image: Image, tag: str, login: RegistryLogin) -> str:
    """Return the digest that *tag* of *image* names, "" if there is no such tag; raise AccessError if nobody can say.

    distribution-spec, "Checking if content exists in the registry": 404 means that it does not.
    """
    if not ARTIFACT.fullmatch(tag):
        return ""  # no registry has such a tag
    url = f"{image.root}/v2/{image.name}/manifests/{tag}"
    headers = {"Accept": MANIFESTS}
    answer = _ask("HEAD", url, headers)
    if answer.status == HTTPStatus.UNAUTHORIZED:
        challenge = answer.headers.get("WWW-Authenticate", "")
        answer = _ask("HEAD", url, headers | {"Authorization": _authorization(challenge, image, login)})
    if answer.status == HTTPStatus.NOT_FOUND:
        return ""
    if answer.status != HTTPStatus.OK:
        raise _refused(image.host, answer.status, login)
    digest = answer.headers.get(DIGEST_HEADER, "")
    if not is_digest(digest):
        raise AccessError(f"{image.host} does not say which digest {image.name}:{tag} has")
    return digest


def _refused(host: str, status: int, login: RegistryLogin) -> AccessError:
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return AccessError(f"{host} sends elsewhere (status {status}), and no redirect of a registry is followed")
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        given = "those for it are refused" if _is_for(host, login) else "give registry, registry-user, registry-token"
        return AccessError(f"{host} asks for credentials (status {status}); {given}")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return AccessError(f"{host} has had too many requests; try again later")
    return AccessError(f"{host} answered with status {status}")


def _authorization(challenge: str, image: Image, login: RegistryLogin) -> str:
    """Return the header that answers *challenge* (distribution, "Token Authentication Specification"; RFC 7617)."""
    kind, _, rest = challenge.partition(" ")
    if kind.lower() == "basic" and _is_for(image.host, login):
        return _basic(login)
    if kind.lower() != "bearer":
        raise _refused(image.host, HTTPStatus.UNAUTHORIZED, login)
    given = dict(CHALLENGE.findall(rest))
    realm = own_realm(given.get("realm", ""), image)
    # The scope is ours: a registry that asks for more is given no more.
    query = {"service": given.get("service", ""), "scope": f"repository:{image.name}:pull"}
    separator = "&" if "?" in realm else "?"
    headers = {"Authorization": _basic(login)} if _is_for(image.host, login) else {}
    answer = _ask("GET", f"{realm}{separator}{urlencode(query)}", headers)
    if answer.status != HTTPStatus.OK:
        raise _refused(image.host, answer.status, login)
    return f"Bearer {_token(answer.body, image.host)}"


def own_realm(realm: str, image: Image) -> str:
    """Return *realm*, the address of a token server; raise AccessError unless it is the own one of the registry.

    That is the registry itself, or what is known to be its token server. Another host of the same domain is not: under
    azurecr.io everybody has one.
    """
    own = urlsplit(image.root).netloc
    allowed = [f"{scheme_of(host)}://{host}" for host in (own, TOKEN_SERVERS.get(own)) if host]
    # No program may read it otherwise: for some, a backslash ends the host.
    clean = TOKEN.fullmatch(realm) and not set(realm) & set("@#\\")
    if not clean or not any(realm == root or realm.startswith((f"{root}/", f"{root}?")) for root in allowed):
        raise AccessError(f"{image.host} names a token server that is not its own: {realm[:200]!r}")
    return realm


def _token(body: bytes, host: str) -> str:
    try:
        answer = json.loads(body)
        token = answer.get("token") or answer.get("access_token")
    except (ValueError, AttributeError, RecursionError):
        token = None
    if not isinstance(token, str) or not TOKEN.fullmatch(token):
        raise AccessError(f"the token server of {host} gives no token")
    return token


def _is_for(host: str, login: RegistryLogin) -> bool:
    return bool(login.token) and ELSEWHERE.get(host, host) == ELSEWHERE.get(login.host, login.host)


def _basic(login: RegistryLogin) -> str:
    return f"Basic {base64.b64encode(f'{login.user}:{login.token}'.encode()).decode()}"


def _ask(verb: str, url: str, headers: Mapping[str, str]) -> _Answer:
    host = urlsplit(url).netloc
    asked = {"Accept-Encoding": "identity", "User-Agent": "gitops-actions", **headers}
    try:
        with (
            requests.Session() as session,
            session.request(
                verb, url, headers=asked, auth=_as_given, allow_redirects=False, stream=True, timeout=TIMEOUT
            ) as response,
        ):
            body = response.raw.read(LONGEST_ANSWER + 1)
            answer = _Answer(response.status_code, response.headers, body)
    except (requests.RequestException, HTTPError, OSError, ValueError) as error:
        # Its words may hold the address, and with it what the other side has put there.
        raise AccessError(f"{host} does not answer ({type(error).__name__})") from None
    if len(body) > LONGEST_ANSWER:
        raise AccessError(f"{host} answers with more than {LONGEST_ANSWER:,} bytes")
    return answer


def _as_given(request: PreparedRequest) -> PreparedRequest:
    """Leave *request* as it is: without an `auth`, requests would look into `.netrc`."""
    return request
