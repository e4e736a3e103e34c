"""A stand-in for the program gh, which finds no GitHub without HTTPS: what workflows ask of it, it asks the sandbox.

`gh attestation verify oci://…` answers as cli/cli does. Order, words and exit codes: cli/cli,
`pkg/cmd/attestation/verify` and `…/artifact/oci/client.go`; 4 without a token: aquaproj/aqua#3157. What is not a
terminal sees the errors alone, and the JSON. `gh workflow run` takes `--ref` and `--raw-field` or `-f`.
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

LOOPBACK = ("127.0.0.1", "localhost", "::1")
USAGE = "Usage:  gh attestation verify [<file-path> | oci://<image-uri>] [--owner | --repo] [flags]"
WITHOUT = "gh: To use GitHub CLI in a GitHub Actions workflow, set the GH_TOKEN environment variable. Example:"
VERIFY, RUN = ("attestation", "verify"), ("workflow", "run")
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
    command = tuple(arguments[:2])
    if command not in {VERIFY, RUN}:
        print(f'unknown command "{" ".join(command)}" for "gh" of the sandbox', file=sys.stderr)
        return 1
    if not os.environ.get("GH_TOKEN"):
        print(WITHOUT, file=sys.stderr)
        return 4
    try:
        if command == RUN:
            _start(api, arguments[2:])
        else:
            print(json.dumps(_verify(server, api, arguments[2:])))
    except _Failed as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


def _start(api: str, arguments: list[str]) -> None:
    workflow, *rest = arguments
    ref, inputs = "", {}
    for flag, value in zip(rest[::2], rest[1::2], strict=True):
        if flag == "--ref":
            ref = value
        elif flag in {"--raw-field", "-f"}:
            name, _, inputs[name] = value.partition("=")
        else:
            raise _Failed(f"unknown flag: {flag}")
    address = f"{api}/repos/{os.environ['GH_REPO']}/actions/workflows/{workflow}/dispatches"
    body = json.dumps({"ref": ref, "inputs": inputs}).encode()
    status, _, answer = _ask("POST", address, {"Authorization": f"token {os.environ['GH_TOKEN']}"}, body)
    if status != 204:
        raise _Failed(f"could not create workflow dispatch event: HTTP {status}: {json.loads(answer)['message']}")


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
    return _ask("GET", url, headers)


def _ask(verb: str, url: str, headers: dict[str, str], body: bytes | None = None) -> tuple[int, dict[str, str], bytes]:
    parts = urlsplit(url)
    if parts.hostname not in LOOPBACK:
        raise _Failed(f"\nError: the gh of the sandbox asks nobody beyond this machine, and {parts.hostname} is")
    connection = HTTPConnection(parts.netloc, timeout=20)
    connection.request(verb, f"{parts.path}?{parts.query}" if parts.query else parts.path, body, headers)
    response = connection.getresponse()
    return response.status, dict(response.headers.items()), response.read()


def _decoded(text: str) -> Any:
    return json.loads(base64.b64decode(text))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
