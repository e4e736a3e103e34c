"""Read and write env files in the caller's checkout, and read them at earlier revisions.

The checkout is not trusted: nothing in it is executed, and no path in it can lead outside.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from actions.errors import EnvFileError, UnsafePathError
from actions.infra.config import PATH as CONFIG_PATH
from actions.infra.config import Config
from actions.infra.config_file import parse_config
from actions.infra.layout import unknown_env

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from actions.infra.layout import Layout, Snapshot

# The configuration of a repository can make git run programs (hooks, file monitors, text converters). These settings,
# and the use of plumbing commands only, prevent that, even where the checkout belongs to another user.
GIT = ("git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "--no-pager", "--literal-pathspecs")
# A partial clone would fetch what it lacks from where its configuration says.
NO_NETWORK = {"GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "none"}


class Checkout:
    """A checkout of an infra repository at *root*."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def config(self) -> Config:
        """Read `gitops.yml`; raise ConfigError if it is invalid."""
        path = self.root / CONFIG_PATH
        return parse_config(self.read(CONFIG_PATH)) if path.is_file() or path.is_symlink() else Config()

    def read(self, path: str) -> str:
        """Read the file at *path*; raise UnsafePathError if it is outside, EnvFileError if it is not UTF-8 text."""
        try:
            return self._safe(path).read_bytes().decode("utf-8")
        except UnicodeDecodeError as error:
            raise EnvFileError(f"{path}:1: not UTF-8: {error.reason}", file=path, line=1) from error
        except OSError as error:
            raise EnvFileError(f"{path}:1: cannot be read: {error.strerror}", file=path, line=1) from error

    def write(self, path: str, text: str) -> None:
        """Replace the content of *path* atomically: a reader sees either all of the old text or all of the new."""
        target = self._safe(path)
        mode = target.stat().st_mode
        descriptor, partial = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(text.encode("utf-8"))
            Path(partial).chmod(mode)
            Path(partial).replace(target)
        except BaseException:
            Path(partial).unlink(missing_ok=True)
            raise

    def environments(self, layout: Layout) -> dict[str, Snapshot]:
        """Return all environments with files in the checkout."""
        paths = self._paths(layout)
        layout.require_one_file(paths)
        return layout.group(self._texts(paths))

    def environment(self, env: str, layout: Layout) -> Snapshot:
        """Return the environment *env*; raise UnknownEnvError, which lists the known ones, if it has no file."""
        paths = self._paths(layout, env)
        environments = layout.group(self._texts(paths))
        if env not in environments:
            raise unknown_env(env, layout, layout.envs(self._paths(layout)))
        layout.require_one_file(paths)
        return environments[env]

    def has_commit(self, revision: str) -> bool:
        """Tell whether the checked-out history contains *revision*."""
        return self._git("cat-file", "-e", f"{revision}^{{commit}}") is not None

    def environments_at(self, revision: str, layout: Layout) -> dict[str, Snapshot] | None:
        """Return all environments with files at *revision*; None if the checkout does not have all of them."""
        listed = self._git("ls-tree", "-r", "-z", "--full-tree", revision)
        if listed is None:
            return None
        entries = (entry.partition("\t") for entry in listed.decode("utf-8", "replace").split("\0"))
        paths = [path for kind, _, path in entries if " blob " in kind and layout.owner(path)]
        texts = self._blobs(revision, paths)
        return None if texts is None else layout.group(texts)

    def changed_since(self, revision: str) -> list[str] | None:
        """Return the files that differ between *revision* and the checked-out commit; None if that is not known."""
        listed = self._git("diff-tree", "-r", "-z", "--no-renames", "--name-only", revision, "HEAD")
        return None if listed is None else listed.decode("utf-8", "replace").split("\0")

    def _paths(self, layout: Layout, env: str = "*") -> set[str]:
        files = (file for glob in layout.globs(env) for file in self.root.glob(glob))
        paths = {file.relative_to(self.root).as_posix() for file in files}
        return {path for path in paths if layout.owner(path)}

    def _texts(self, paths: Iterable[str]) -> dict[str, str]:
        return {path: self.read(path) for path in paths}

    def _blobs(self, revision: str, paths: Sequence[str]) -> dict[str, str] | None:
        """Return the texts of *paths* at *revision*, without binary files; None if the checkout lacks one of them.

        A partial clone has no blobs of earlier commits, and what it would fetch needs a token that is not there.
        """
        answer = self._git("cat-file", "--batch", stdin=[f"{revision}:{path}" for path in paths]) or b""
        texts, at = {}, 0
        for path in paths:
            end = answer.find(b"\n", at)
            head = answer[at:end].split(b" ")
            if end < 0 or head[-1] == b"missing":
                return None
            size = int(head[-1])
            with contextlib.suppress(UnicodeDecodeError):
                texts[path] = answer[end + 1 : end + 1 + size].decode("utf-8")
            at = end + 1 + size + 1
        return texts

    def _git(self, *arguments: str, stdin: Iterable[str] = ()) -> bytes | None:
        trusted = ("-c", f"safe.directory={os.path.realpath(self.root)}")
        try:
            done = subprocess.run(
                [*GIT, *trusted, *arguments],
                cwd=self.root,
                input="".join(f"{line}\n" for line in stdin).encode(),
                env=os.environ | NO_NETWORK,
                capture_output=True,
                check=False,
            )
        except FileNotFoundError:  # a runner without git; actions/checkout does without it too
            return None
        return done.stdout if done.returncode == 0 else None

    def _safe(self, path: str) -> Path:
        root = os.path.realpath(self.root)
        target = os.path.realpath(os.path.join(root, path))  # noqa: PTH118 - pathlib raises on links that go in circles
        if os.path.normcase(target) != os.path.normcase(os.path.normpath(os.path.join(root, path))):  # noqa: PTH118
            raise UnsafePathError(f"{path} leads through a symbolic link; name the file itself", file=path, line=1)
        if not Path(target).is_relative_to(root):
            raise UnsafePathError(f"{path} is outside of the repository", file=path, line=1)
        return Path(target)
