"""Store the evidence in a folder of the workspace and, to keep it, on a branch."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from actions.errors import TamperedError, UnsafePathError
from actions.evidence.branch import BranchReader

if TYPE_CHECKING:
    from pathlib import Path

    from actions.api.repository import Repository

RECORDS, TABLE, PAGE = "evidence.jsonl", "evidence.csv", "evidence.html"


@dataclass(frozen=True, kw_only=True)
class Store:
    """The evidence files in *folder*, called *name* in the workspace and on *branch* of *infra* ("": no branch)."""

    folder: Path
    name: str
    infra: Repository
    branch: str

    def read(self) -> bytes:
        """Return the stored records, b"" if there are none yet."""
        if self.branch:
            return self.infra.content(self.branch, f"{self.name}/{RECORDS}") or b""
        path = self._path(RECORDS)
        return path.read_bytes() if path.is_file() else b""

    @property
    def head(self) -> str:
        """Return the commit that the branch ends with, "" without one."""
        return self.infra.branches(self.branch).get(self.branch, "") if self.branch else ""

    def require_grown(self, content: bytes) -> None:
        """Raise TamperedError unless the records of every commit of the branch are the beginning of *content*.

        Git names a file by the SHA-1 of its length and content, so none is downloaded.
        """
        if not self.branch:
            return
        for commit, blob, size in BranchReader(self.infra.client).blobs(self.branch, f"{self.name}/{RECORDS}"):
            begin = content[:size]
            expected = hashlib.sha1(f"blob {size}\0".encode() + begin, usedforsecurity=False).hexdigest()
            if blob != expected or len(begin) != size:
                raise TamperedError(
                    f"the records of commit {commit[:12]} of the branch {self.branch} are not the beginning of those of"
                    " today: records were changed or removed since"
                )

    def begin(self, content: bytes) -> None:
        """Write the existing records, *content*, to the workspace."""
        self._path(RECORDS).write_bytes(content)

    def append(self, lines: bytes) -> None:
        """Append *lines* to the records in the workspace, where they survive if the run is stopped."""
        with self._path(RECORDS).open("ab") as file:
            file.write(lines)

    def show(self, table: str, page: str) -> None:
        """Write the table and the page to the workspace."""
        self._path(TABLE).write_text(table, encoding="utf-8", newline="")
        self._path(PAGE).write_text(page, encoding="utf-8")

    def keep(self, message: str) -> None:
        """Commit the files to the branch, if there is one.

        Raises BaseMovedError if another run was faster; a retry then continues from the records of that run.
        """
        if not self.branch:
            return
        written = {name: self._path(name) for name in (RECORDS, TABLE, PAGE)}
        files = {
            f"{self.name}/{name}": path.read_text(encoding="utf-8") for name, path in written.items() if path.is_file()
        }
        base = self.infra.base(self.branch if self.infra.branches(self.branch).get(self.branch) else "", [])
        self.infra.commit_files(base, branch=self.branch, files=files, message=message)

    def _path(self, name: str) -> Path:
        path = self.folder / name
        if path.resolve() != path.absolute().parent.resolve() / name or path.is_symlink():
            raise UnsafePathError(f"{path.name} is a symbolic link", file=f"{self.name}/{name}", line=1)
        return path


def open_store(root: Path, name: str, infra: Repository, branch: str) -> Store:
    """Open the folder *name* of the workspace at *root*; raise UnsafePathError if it is outside of the workspace."""
    folder = root / name
    if not folder.resolve().is_relative_to(root.resolve()):
        raise UnsafePathError(f"{name} is outside of the workspace", file=name, line=1)
    folder.mkdir(parents=True, exist_ok=True)
    return Store(folder=folder.resolve(), name=name, infra=infra, branch=branch)
