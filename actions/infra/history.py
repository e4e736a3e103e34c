"""Read files at earlier commits from the git objects of a checkout, and from nothing else of it.

The git configuration of a checkout can make git run programs, and so can the configuration of the runner and the
environment of the job. Therefore git runs in an empty repository of its own, which borrows the objects of the checkout.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Answer = TypeVar("Answer")

MOST_BYTES = 50_000_000  # a tree that contains itself many times over lists without end
GIT = (
    *("--no-pager", "--literal-pathspecs", "-c", "protocol.allow=never", "-c", "core.hooksPath=/dev/null"),
    *("-c", "core.fsmonitor=false", "-c", "core.commitGraph=false", "-c", "safe.bareRepository=explicit"),
)
INHERITED = ("PATH", "SYSTEMROOT")  # the rest of the environment holds tokens, and GIT_* variables that run programs
ISOLATED = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_ALLOW_PROTOCOL": "",  # unlike protocol.allow, stronger than the setting of a single protocol
}
ENTRY = re.compile(rb"100\d{3} blob ([0-9a-f]{40})\t(.*)", re.DOTALL)
COMMIT = re.compile(r"[0-9a-f]{40}")
HEAD = re.compile(r"[0-9a-f]{40}|ref: (refs(?:/(?!\.)[^/\\:*?]+)+)")
HEADER = re.compile(rb"[0-9a-f]{40} blob (\d+)\n")


def files_at(root: Path, revision: str, wanted: Callable[[str], object]) -> dict[str, str] | None:
    """Return the texts of the *wanted* paths at the commit *revision*, without binary files and links.

    None stands for a history that the checkout at *root* lacks or has only in part, and for a runner without git.
    """
    return _ask(root, lambda reader: reader.files(revision, wanted))


def changed_since(root: Path, revision: str) -> list[str] | None:
    """Return the files that differ between the commits *revision* and the checked-out one.

    None stands for a history that the checkout at *root* lacks or has only in part, and for a runner without git.
    """
    return _ask(root, lambda reader: reader.changed(revision, _head(root)))


def _ask(root: Path, question: Callable[[_Reader], Answer | None]) -> Answer | None:
    try:
        git, objects = shutil.which("git"), _folders(root)[1] / "objects"
        # Windows looks for programs in the working directory too, which is the checkout.
        if not git or not Path(git).is_absolute() or not objects.is_dir():
            return None
        import tempfile  # not every run comes here, and it takes long to import

        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "HEAD").write_text("ref: refs/heads/none\n")
            (Path(folder) / "refs").mkdir()
            return question(_Reader(git, objects.resolve(), Path(folder)))
    except OSError:
        return None


def _folders(root: Path) -> tuple[Path, Path]:
    """Return the git folder of *root*, and the one with what it shares with others if it is a worktree."""
    git = root / ".git"
    if git.is_file():
        git = root / _line(git).removeprefix("gitdir: ")
    common = git / "commondir"
    return git, git / _line(common) if common.is_file() else git


def _head(root: Path) -> str:
    """Return the commit that is checked out at *root*, "" if that is not known."""
    git, common = _folders(root)
    found = HEAD.fullmatch(_line(git / "HEAD"))
    if not found or not found[1]:
        return found[0] if found else ""
    if (common / found[1]).is_file():
        return _line(common / found[1])
    with (common / "packed-refs").open(encoding="utf-8", errors="replace") as file:
        return next((line[:40] for line in file if line[41:].rstrip("\n") == found[1]), "")


def _line(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.readline(4096).rstrip("\r\n")


@dataclass(frozen=True, slots=True)
class _Reader:
    """The program *git* in the empty repository *folder*, with the *objects* of another."""

    git: str
    objects: Path
    folder: Path

    def files(self, revision: str, wanted: Callable[[str], object]) -> dict[str, str] | None:
        listed = self._answer("ls-tree", "-r", "-z", "--full-tree", f"{revision}^{{commit}}")
        if listed is None:
            return None
        entries = [entry for record in listed.split(b"\0") if (entry := ENTRY.fullmatch(record))]
        paths = {entry[2].decode("utf-8", "replace"): entry[1] for entry in entries}
        return self._texts({path: blob for path, blob in paths.items() if wanted(path)})

    def changed(self, revision: str, head: str) -> list[str] | None:
        if not COMMIT.fullmatch(head):
            return None
        commits = (f"{revision}^{{commit}}", f"{head}^{{commit}}")
        listed = self._answer("diff-tree", "-r", "-z", "--no-renames", "--name-only", *commits)
        return None if listed is None else listed.decode("utf-8", "replace").split("\0")

    def _texts(self, blobs: dict[str, bytes]) -> dict[str, str] | None:
        answer = self._answer("cat-file", "--batch", stdin=blobs.values())
        contents = BytesIO(answer or b"")
        texts: dict[str, str] = {}
        for path in blobs:
            header = HEADER.fullmatch(contents.readline())
            if not header:  # a partial clone lacks it
                return None
            content = contents.read(int(header[1]))
            contents.readline()
            with contextlib.suppress(UnicodeDecodeError):
                texts[path] = content.decode("utf-8")
        return texts

    def _answer(self, *arguments: str, stdin: Iterable[bytes] = ()) -> bytes | None:
        """Return what git prints, None if it fails or prints too much."""
        request = self.folder / "request"
        request.write_bytes(b"".join(line + b"\n" for line in stdin))
        environment = {name: os.environ[name] for name in INHERITED if name in os.environ} | ISOLATED
        environment |= {"GIT_DIR": str(self.folder), "GIT_OBJECT_DIRECTORY": str(self.objects)}
        command = [self.git, *GIT, *arguments]
        printed = bytearray()
        with request.open("rb") as file:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=environment,
                stdin=file,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        with process:
            while process.stdout and (part := process.stdout.read(1 << 16)):
                printed += part
                if len(printed) > MOST_BYTES:
                    process.kill()
                    return None
        return None if process.returncode else bytes(printed)
