"""git over HTTP (gitprotocol-http(5)): clone, fetch and push, with git itself on both ends."""

from __future__ import annotations

import gzip
import re
import subprocess
from functools import partial
from typing import TYPE_CHECKING

from sandbox.behaviour import Behaviour, Refusal
from sandbox.state import ZEROS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sandbox.state import Repo, Token

SERVICES = {"git-upload-pack": "read", "git-receive-pack": "write"}
PATH = re.compile(r"/(?P<owner>[^/]+)/(?P<repo>[^/]+?)(\.git)?/(?P<what>info/refs|git-upload-pack|git-receive-pack)")
VIOLATION = "push declined due to repository rule violations"
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
    packets = _packets(given)
    commands = [command for command in map(_command, packets) if command]
    before = repo.git.refs()
    answer = _run(repo, "receive-pack", given)
    # git has moved the refs. They are put back, and moved again by the rules and with the events of GitHub.
    moved = {ref: after for ref, after in commands if repo.git.refs(ref).get(ref) == after}
    _put_back(repo, moved, before)
    # A client that pushes much first sends a flush alone, to see whether it may (git, remote-curl.c `probe_rpc`).
    atomic = bool(packets) and b"atomic" in packets[0].partition(b"\0")[2].split()
    refused = _update(behaviour, repo, token, moved, atomic=atomic)
    if not refused:
        return answer
    said = dict.fromkeys(refused, VIOLATION)
    if atomic:  # git-push(1): "Either all refs are updated, or on error, no refs are updated"
        said = {ref: said.get(ref, "atomic push failure") for ref, _ in commands}
    said = {ref: "failed to update ref" for ref, _ in commands if ref not in moved} | said
    return _report([ref for ref, _ in commands], said, refused)


def _update(
    behaviour: Behaviour, repo: Repo, token: Token, updates: Mapping[str, str | None], *, atomic: bool
) -> dict[str, str]:
    """Make *updates*, all or none if *atomic*; return why a ref may not move, by its name."""
    if atomic:
        judge = behaviour.require_update
        refused = _refused({ref: partial(judge, repo, token, ref, after) for ref, after in updates.items()})
        if not refused:
            behaviour.update_refs(repo, token, updates)
        return refused
    return _refused({ref: partial(behaviour.update_ref, repo, token, ref, after) for ref, after in updates.items()})


def _refused(tries: Mapping[str, Callable[[], None]]) -> dict[str, str]:
    refused = {}
    for ref, attempt in tries.items():
        try:
            attempt()
        except Refusal as refusal:
            refused[ref] = str(refusal)
    return refused


def _put_back(repo: Repo, moved: Iterable[str], before: Mapping[str, str]) -> None:
    for ref in moved:
        if ref not in before:
            repo.git.delete_ref(ref)
    for ref in moved:
        if ref in before:
            repo.git.set_ref(ref, before[ref])


def _report(refs: Sequence[str], said: Mapping[str, str], refused: Mapping[str, str]) -> bytes:
    """Return what a client is told of a push that the rules refuse in part (report-status over side-band-64k)."""
    text = "".join(f"error: GH013: {message} ({ref})\n" for ref, message in refused.items())
    lines = [f"ng {ref} {said[ref]}" if ref in said else f"ok {ref}" for ref in refs]
    status = b"".join([_packet(b"unpack ok\n"), *(_packet(f"{line}\n".encode()) for line in lines), b"0000"])
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


def _command(packet: bytes) -> tuple[str, str | None] | None:
    """Return the ref that a command updates, and to what; None removes it."""
    match = COMMAND.match(packet)
    if not match:
        return None
    after = match[2].decode()
    return match[3].decode(), None if after == ZEROS else after
