"""Create the commit of a release with git, and push and fetch it."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import tempfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from actions.errors import ConflictError, GitHubError

if TYPE_CHECKING:
    from pathlib import Path

NAME = "gitops-actions release"
ADDRESS = "release@users.noreply.github.com"


@dataclass(frozen=True, kw_only=True)
class Checkout:
    """A checkout in the folder *root* of the repository at *url*; *token* is used to push and fetch."""

    root: Path
    url: str
    token: str = field(repr=False)

    @property
    def head(self) -> str:
        """Return the checked-out commit."""
        return self._git("rev-parse", "HEAD")

    def commit(self, tree: Path, folder: str, message: str) -> str:
        """Create a commit on top of the checked-out one, with the *folder* of *tree* instead of its own.

        The same content always gives the same commit, because the author is fixed and the date is that of the parent.
        """
        with tempfile.TemporaryDirectory() as scratch:
            index = {"GIT_INDEX_FILE": f"{scratch}/index"}
            self._git("read-tree", "HEAD", more=index)
            add = ("-c", "core.autocrlf=false", f"--work-tree={tree}", "add", "--force", "--", folder)
            self._git(*add, more=index)
            written = self._git("write-tree", more=index)
        date = self._git("show", "-s", "--format=%cI", "HEAD")
        identity = {
            f"GIT_{role}_{key}": value
            for role in ("AUTHOR", "COMMITTER")
            for key, value in (("NAME", NAME), ("EMAIL", ADDRESS), ("DATE", date))
        }
        return self._git("commit-tree", "-p", "HEAD", "-m", message, written, more=identity)

    def digest(self, commit: str) -> str:
        """Return the SHA-256 of the output of `git archive --format=tar` for *commit*."""
        done = subprocess.run(
            ["git", "archive", "--format=tar", commit], cwd=self.root, capture_output=True, check=True
        )
        return hashlib.sha256(done.stdout).hexdigest()

    def push(self, commit: str, ref: str) -> None:
        """Push *commit* to *ref*; raise ConflictError if *ref* already points to another commit."""
        try:
            self._git("push", "--quiet", self.url, f"{commit}:{ref}", more=self._authorization)
        except GitHubError as error:
            raise ConflictError(f"cannot push {commit[:12]} to {ref}: {error}") from error

    def fetch(self, commit: str, into: Path) -> None:
        """Fetch *commit* from the repository, and check it out into the folder *into*."""
        into.mkdir(parents=True)
        for arguments in (
            ("init", "--quiet"),
            ("fetch", "--quiet", "--depth=1", self.url, commit),
            ("-c", "core.autocrlf=false", "checkout", "--quiet", "FETCH_HEAD"),
        ):
            self._git(*arguments, more=self._authorization, at=into)

    @property
    def _authorization(self) -> dict[str, str]:
        """Return the environment that makes git send the token; arguments would be visible to other processes."""
        pair = base64.b64encode(f"x-access-token:{self.token}".encode()).decode()
        return {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"http.{self.url.partition('//')[0]}//{self.url.split('/')[2]}/.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Basic {pair}",
            "GIT_TERMINAL_PROMPT": "0",
        }

    def _git(self, *arguments: str, more: dict[str, str] | None = None, at: Path | None = None) -> str:
        done = subprocess.run(
            ["git", *arguments],
            cwd=at or self.root,
            env={**os.environ, **(more or {})},
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
        if done.returncode:
            raise GitHubError(f"git {arguments[0]} failed: {done.stderr.strip()[:1000]}")
        return done.stdout.strip()
