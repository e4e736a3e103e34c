"""Folders and files at a commit."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox import state


class Tree:
    """A folder at a commit."""

    def __init__(self, repo: state.Repo, sha: str, folder: str) -> None:
        self._repo = repo
        self._sha = sha
        self._folder = folder

    def entries(self) -> list[TreeEntry]:
        paths = sorted(path for path in self._repo.git.paths(self._sha) if path.rpartition("/")[0] == self._folder)
        return [TreeEntry(*(self._repo.git.file(self._sha, path) or (0, b"")), path) for path in paths]


class TreeEntry:
    def __init__(self, mode: int, content: bytes, path: str = "") -> None:
        self._mode = mode
        self._content = content
        self._path = path

    def path(self) -> str:
        return self._path

    def mode(self) -> int:
        return self._mode

    def oid(self) -> str:
        return self.object().oid()

    def object(self) -> Blob:
        return Blob(self._content)


class Blob:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def oid(self) -> str:
        return hashlib.sha1(b"blob %d\0" % len(self._content) + self._content, usedforsecurity=False).hexdigest()

    def byteSize(self) -> int:
        return len(self._content)

    def isBinary(self) -> bool:
        return b"\0" in self._content

    def isTruncated(self) -> bool:
        return len(self._content) > 512 * 1024

    def text(self) -> str | None:
        return None if self.isBinary() else self._content.decode("utf-8", "replace")
