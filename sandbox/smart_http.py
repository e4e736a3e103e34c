"""git over HTTP (gitprotocol-http(5)): clone, fetch and push, with git itself on both ends."""

from __future__ import annotations

import gzip
import re
import subprocess
from typing import TYPE_CHECKING

from sandbox.behaviour import Behaviour, Refusal
from sandbox.state import ZEROS

if TYPE_CHECKING:
    from sandbox.state import Repo, Token

SERVICES = {"git-upload-pack": "read", "git-receive-pack": "write"}
PATH = re.compile(r"/(?P<owner>[^/]+)/(?P<repo>[^/]+?)(\.git)?/(?P<what>info/refs|git-upload-pack|git-receive-pack)")
COMMAND = re.compile(rb"([0-9a-f]{40}) ([0-9a-f]{40}) (refs/[^\0\n]+)")


def advertise(repo: Repo, service: str) -> bytes:
    """Return the refs of *repo*, for the start of a fetch or a push."""
    program = service.removeprefix("git-")
    refs = subprocess.run(
        ["git", program, "--stateless-rpc", "--advertise-refs", str(repo.git.path)], capture_output=True, check=True
    ).stdout
    return _packet(f"# service={service}\n".encode()) + b"0000" + refs


def exchange(behaviour: Behaviour, repo: Repo, token: Token, service: str, body: bytes, *, zipped: bool) -> bytes:
    """Carry out the second half of a fetch or a push; refs that a push moved are told to the world."""
    given = gzip.decompress(body) if zipped else body
    if service == "git-receive-pack":
        return _push(behaviour, repo, token, given)
    return _run(repo, "upload-pack", given)


def _push(behaviour: Behaviour, repo: Repo, token: Token, given: bytes) -> bytes:
    commands = [_command(line) for line in _packets(given)]
    wanted = [command for command in commands if command]
    before = repo.git.refs()
    answer = _run(repo, "receive-pack", given)
    # git has moved the refs. They are put back, and moved again by the rules and with the events of GitHub.
    refused = []
    for ref, _, after in wanted:
        moved = repo.git.refs(ref).get(ref)
        if moved != (None if after == ZEROS else after):
            continue
        _put_back(repo, ref, before.get(ref))
        try:
            behaviour.update_ref(repo, token, ref, moved)
        except Refusal as refusal:
            refused.append((ref, str(refusal)))
    return _report(refused) if refused else answer


def _put_back(repo: Repo, ref: str, before: str | None) -> None:
    if before:
        repo.git.set_ref(ref, before)
    elif ref in repo.git.refs(ref):
        repo.git.delete_ref(ref)


def _report(refused: list[tuple[str, str]]) -> bytes:
    """Return what a client is told of a push that the rules refuse (report-status over side-band-64k)."""
    text = "".join(f"error: GH013: {message} ({ref})\n" for ref, message in refused)
    status = b"".join(
        [_packet(b"unpack ok\n")]
        + [_packet(f"ng {ref} push declined due to repository rule violations\n".encode()) for ref, _ in refused]
        + [b"0000"]
    )
    return _packet(b"\x02" + text.encode()) + _packet(b"\x01" + status) + b"0000"


def _run(repo: Repo, program: str, given: bytes) -> bytes:
    arguments = ["git", program, "--stateless-rpc", str(repo.git.path)]
    return subprocess.run(arguments, input=given, capture_output=True, check=False).stdout


def _packet(content: bytes) -> bytes:
    return f"{len(content) + 4:04x}".encode() + content


def _packets(given: bytes) -> list[bytes]:
    """Return the packets up to the first flush: the ref updates of a push, before its pack."""
    packets, at = [], 0
    while given[at : at + 4] not in (b"0000", b""):
        size = int(given[at : at + 4], 16)
        packets.append(given[at + 4 : at + size])
        at += size
    return packets


def _command(packet: bytes) -> tuple[str, str, str] | None:
    match = COMMAND.match(packet)
    return (match[3].decode(), match[1].decode(), match[2].decode()) if match else None
