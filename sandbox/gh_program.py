"""A stand-in for the program gh: it answers `gh attestation verify oci://…` as cli/cli does, from the sandbox.

Order, words and exit codes: cli/cli, `pkg/cmd/attestation/verify` and `…/artifact/oci/client.go`; 4 without a token:
aquaproj/aqua#3157. What is not a terminal sees the errors alone, and the JSON.
"""

from __future__ import annotations

import base64
import json
import os
import re
import sys
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

USAGE = "Usage:  gh attestation verify [<file-path> | oci://<image-uri>] [--owner | --repo] [flags]"
WITHOUT = "gh: To use GitHub CLI in a GitHub Actions workflow, set the GH_TOKEN environment variable. Example:"
FLAGS = ("--repo", "--format", "--limit")
PREDICATE = "https%3A%2F%2Fslsa.dev%2Fprovenance%2Fv1"
INDEX = "application/vnd.oci.image.index.v1+json"


class _Failed(Exception):  # noqa: N818 - it is how a run ends
    """What gh says before it exits with 1."""


def write(folder: Path, server: str, api: str) -> Path:
    """Write the program to *folder*, for the sandbox at the address *server* with its API at *api*."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "gh_program.py").write_text(Path(__file__).read_text(encoding="utf-8"), encoding="utf-8")
    program = folder / "gh"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I "{folder}/gh_program.py" "{server}" "{api}" "$@"\n')
    program.chmod(0o755)
    return folder


def main(server: str, api: str, arguments: list[str]) -> int:
    """Run it, and return its exit code."""
    if arguments[:2] != ["attestation", "verify"]:
        print(f'unknown command "{arguments[0]}" for "gh"', file=sys.stderr)
        return 1
    if not os.environ.get("GH_TOKEN"):
        print(WITHOUT, file=sys.stderr)
        return 4
    try:
        print(json.dumps(_verify(server, api, arguments[2:])))
    except _Failed as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


def _verify(server: str, api: str, arguments: list[str]) -> list[Any]:
    flags = dict(zip(arguments[1::2], arguments[2::2], strict=True))
    for flag in flags:
        if flag not in FLAGS:
            raise _Failed(f"unknown flag: {flag}\n\n{USAGE}")
    digest, repo = _digest(arguments[0].removeprefix("oci://")), flags["--repo"]
    address = f"{api}/repos/{repo}/attestations/{digest}?per_page=30&predicate_type={PREDICATE}"
    status, _, body = _get(address, {"Authorization": f"token {os.environ['GH_TOKEN']}"})
    if status != 200:
        raise _Failed(f"\nError: HTTP {status}: {json.loads(body)['message']} ({address})")
    verified, problem = [], ""
    for bundle in (entry["bundle"] for entry in json.loads(body)["attestations"]):
        certificate = _decoded(bundle["verificationMaterial"]["certificate"]["rawBytes"])
        problem = _problem(bundle, certificate, f"{server}/{repo}") or problem
        if not _problem(bundle, certificate, f"{server}/{repo}"):
            statement = _decoded(bundle["dsseEnvelope"]["payload"])
            result = {"signature": {"certificate": certificate}, "verifiedTimestamps": [{}], "statement": statement}
            verified.append({"attestation": {"bundle": bundle}, "verificationResult": result})
    if not verified:
        raise _Failed(f"\nError: {problem}")
    return verified


def _problem(bundle: Any, certificate: Any, repo: str) -> str:
    signed = bundle["dsseEnvelope"]["signatures"] == [{"sig": "valid"}]
    if not signed or not certificate["subjectAlternativeName"].lower().startswith(f"{repo}/".lower()):
        return 'verifying with issuer "sigstore.dev"'
    source = certificate["sourceRepositoryURI"]
    return "" if source.lower() == repo.lower() else f"expected SourceRepositoryURI to be {repo}, got {source}"


def _digest(image: str) -> str:
    """Return the digest of *image*, by the credentials of docker."""
    host, _, rest = image.partition("/")
    name, _, digest = rest.partition("@")
    url = f"http://{host}/v2/{name}/manifests/{digest}"
    status, headers, _ = _get(url, {"Accept": INDEX})
    realm = re.search(r'realm="([^"]*)"', headers.get("WWW-Authenticate", ""))
    if status == 401 and realm:
        config = Path(os.environ.get("DOCKER_CONFIG", Path(os.environ.get("HOME", "/")) / ".docker"), "config.json")
        logins = json.loads(config.read_text(encoding="utf-8"))["auths"] if config.is_file() else {}
        given = {"Authorization": f"Basic {logins[host]['auth']}"} if host in logins else {}
        status, _, body = _get(f"{realm[1]}?scope=repository:{name}:pull", given)
        if status == 200:
            bearer = {"Authorization": f"Bearer {json.loads(body)['token']}"}
            status, headers, _ = _get(url, {"Accept": INDEX, **bearer})
    if status in (401, 403):
        words = "remote registry authorization failed, please authenticate with the registry and try again"
        raise _Failed(f"\nError: {words}")
    if status != 200:
        raise _Failed(f"\nError: failed to fetch remote image: GET {url}: unexpected status code {status}")
    return headers["Docker-Content-Digest"]


def _get(url: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=20)
    connection.request("GET", f"{parts.path}?{parts.query}" if parts.query else parts.path, headers=headers)
    response = connection.getresponse()
    return response.status, dict(response.headers.items()), response.read()


def _decoded(text: str) -> Any:
    return json.loads(base64.b64decode(text))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
