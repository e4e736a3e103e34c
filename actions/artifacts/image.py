"""Recognize the name of an image: `registry/name`, without tag and digest."""

from __future__ import annotations

import re
from dataclasses import dataclass

from actions.errors import AccessError

# The grammar of distribution/reference, `reference.go`: a host, and a path of lower-case components.
HOST = r"(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(?::[0-9]{1,5})?)"
COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
NAME = re.compile(rf"{HOST}/(?P<name>{COMPONENT}(?:/{COMPONENT})*)")
LOOPBACK = ("localhost", "127.0.0.1")
# Docker Hub answers at another host than the one in the names of its images (distribution/reference, `normalize.go`).
ELSEWHERE = {"docker.io": "registry-1.docker.io"}
DOCKER_HUB = "docker.io"


@dataclass(frozen=True, slots=True)
class Image:
    """The image *name* of the registry *host*, which may have a port."""

    host: str
    name: str

    @classmethod
    def parse(cls, text: str) -> Image:
        """Read *text*; raise AccessError if it is not the name of an image with its registry."""
        found = NAME.fullmatch(text)
        if not found or not _is_host(found["host"]):
            raise AccessError(f"image {text[:200]!r} does not name its registry; write it like ghcr.io/your-org/api")
        name = found["name"]
        is_official = found["host"] == DOCKER_HUB and "/" not in name
        return cls(found["host"].lower(), f"library/{name}" if is_official else name)

    @property
    def root(self) -> str:
        """Return the address of the registry: by HTTPS, unless it is on this machine."""
        return f"{scheme_of(self.host)}://{ELSEWHERE.get(self.host, self.host)}"


def scheme_of(host: str) -> str:
    """Return the scheme of *host*, which may have a port."""
    return "http" if host.partition(":")[0] in LOOPBACK else "https"


def _is_host(text: str) -> bool:
    """Tell whether *text* is a host and not the first component of a name, as Docker does."""
    return "." in text or ":" in text or text == "localhost"
