"""What a folder has committed on its current branch: the files that say something of an organization, and the rest."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# What is read of a checkout; of everything else, only that it is there.
SAYING = (".github/", "protection/", "gitops.yml", "CODEOWNERS", "docs/CODEOWNERS")


class CheckoutError(Exception):
    """A folder is no checkout that can be served; the message says what to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkout:
    """A folder: what is committed on its *branch*, and the branch that is the *default* of where it was cloned from.

    Of one that is no git repository, what is in it. *paths* are all files, *files* has the texts that are read, and
    *uncommitted* says how many paths differ from what is committed.
    """

    folder: Path
    branch: str = ""
    default: str = ""
    head: str = ""
    paths: tuple[str, ...] = field(default=(), repr=False)
    files: Mapping[str, str] = field(default_factory=dict, repr=False)
    uncommitted: int = 0

    @property
    def name(self) -> str:
        """Return the name of the folder."""
        return self.folder.name


def read_checkout(folder: Path) -> Checkout:
    """Return the git repository at *folder* as it is committed; raise CheckoutError if there is none."""
    root = folder.expanduser().resolve()
    if not root.is_dir():
        raise CheckoutError(f"{folder}: there is no such folder")
    if _git(root, "rev-parse", "--show-prefix", check=False) != "\n":
        raise CheckoutError(f"{folder}: not the root of a git repository; run git init there, and commit")
    head = _git(root, "rev-parse", "--verify", "--quiet", "HEAD", check=False).strip()
    if not head:
        raise CheckoutError(f"{folder}: nothing is committed; what is committed is served, so commit first")
    paths = _git(root, "ls-tree", "-r", "-z", "--name-only", "HEAD").split("\0")
    origin = _git(root, "symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD", check=False).strip()
    return Checkout(
        folder=root,
        branch=_git(root, "symbolic-ref", "--quiet", "--short", "HEAD", check=False).strip(),
        default=origin.removeprefix("origin/"),
        head=head,
        paths=tuple(paths),
        files={path: _git(root, "show", f"HEAD:{path}") for path in paths if path.startswith(SAYING)},
        uncommitted=len(_git(root, "status", "--porcelain").splitlines()),
    )


def read_folder(folder: Path) -> Checkout:
    """Return *folder*, which has no history, as it is."""
    paths = tuple(path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file())
    files = {path: (folder / path).read_text(encoding="utf-8") for path in paths if path.startswith(SAYING)}
    return Checkout(folder=folder, branch="main", paths=paths, files=files)


def fetch(checkout: Checkout, repository: Path, branch: str) -> None:
    """Bring what *checkout* has committed to the bare *repository*, as its *branch*, and the git tags with it."""
    refs = (f"+{checkout.head}:refs/heads/{branch}", "+refs/tags/*:refs/tags/*")
    _git(repository, "fetch", "--quiet", "--no-write-fetch-head", "--update-shallow", str(checkout.folder), *refs)


def _git(folder: Path, *arguments: str, check: bool = True) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, check=False)
    if check and done.returncode:
        raise CheckoutError(f"{folder}: git {arguments[0]}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout.decode(errors="replace")
