"""The checkout that is released from, and the commit that is made of it: by git itself."""

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

WHO = "gitops-actions release"
ADDRESS = "release@users.noreply.github.com"


@dataclass(frozen=True, kw_only=True)
class Checkout:
    """The repository in the folder *root*, which is that at *url*; *token* is for what is pushed there."""

    root: Path
    url: str
    token: str = field(repr=False)

    @property
    def head(self) -> str:
        """Return the commit that is checked out."""
        return self._git("rev-parse", "HEAD")

    def commit(self, folder: str, message: str) -> str:
        """Return a commit of what is checked out and of *folder*, ignored or not, on top of the commit checked out.

        The same content gives the same commit, whoever makes it and when: it has the date of its parent.
        """
        with tempfile.TemporaryDirectory() as scratch:
            index = {"GIT_INDEX_FILE": f"{scratch}/index"}
            self._git("read-tree", "HEAD", more=index)
            self._git("-c", "core.autocrlf=false", "add", "--force", "--", folder, more=index)
            tree = self._git("write-tree", more=index)
        when = self._git("show", "-s", "--format=%cI", "HEAD")
        who = {
            f"GIT_{role}_{what}": value
            for role in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", WHO), ("EMAIL", ADDRESS), ("DATE", when))
        }
        return self._git("commit-tree", "-p", "HEAD", "-m", message, tree, more=who)

    def digest(self, commit: str) -> str:
        """Return the SHA-256 of what `git archive --format=tar` makes of *commit*."""
        done = subprocess.run(
            ["git", "archive", "--format=tar", commit], cwd=self.root, capture_output=True, check=True
        )
        return hashlib.sha256(done.stdout).hexdigest()

    def push(self, commit: str, ref: str) -> None:
        """Push *commit* to *ref*; raise ConflictError if something else is there."""
        try:
            self._git("push", "--quiet", self.url, f"{commit}:{ref}", more=self._authorization)
        except GitHubError as error:
            raise ConflictError(f"cannot push {commit[:12]} to {ref}: {error}") from error

    def fetch(self, commit: str, into: Path) -> None:
        """Put the files of *commit*, fetched from the repository, into the folder *into*."""
        into.mkdir(parents=True)
        for arguments in (
            ("init", "--quiet"),
            ("fetch", "--quiet", "--depth=1", self.url, commit),
            ("-c", "core.autocrlf=false", "checkout", "--quiet", "FETCH_HEAD"),
        ):
            self._git(*arguments, more=self._authorization, at=into)

    @property
    def _authorization(self) -> dict[str, str]:
        """Return settings by which git sends the token: in the environment, for arguments can be seen by others."""
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
