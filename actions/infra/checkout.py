"""Read and write env files in the caller's checkout, and read them at earlier revisions.

The checkout is not trusted: nothing in it is executed, and no path in it can lead outside.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from actions.errors import EnvFileError, UnsafePathError
from actions.infra.config import PATH as CONFIG_PATH
from actions.infra.config import Config
from actions.infra.config_file import parse_config
from actions.infra.history import changed_since, files_at
from actions.infra.layout import unknown_env

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actions.infra.layout import Layout, Snapshot


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
            raise EnvFileError(f"{path}: not UTF-8: {error.reason}", file=path, line=1) from error
        except OSError as error:
            raise EnvFileError(f"{path}: cannot be read: {error.strerror}", file=path, line=1) from error

    def write(self, path: str, text: str) -> None:
        """Replace the content of *path* atomically: a reader sees either all of the old text or all of the new."""
        target = self._safe(path)
        mode = target.stat().st_mode
        import tempfile  # not every run comes here, and it takes long to import

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

    def environments_at(self, revision: str, layout: Layout) -> dict[str, Snapshot] | None:
        """Return all environments with files at the commit *revision*, None if the checked-out history lacks it."""
        texts = files_at(self.root, revision, layout.owner)
        return None if texts is None else layout.group(texts)

    def changed_since(self, revision: str) -> list[str] | None:
        """Return the files that differ between *revision* and the checked-out commit; None if that is not known."""
        return changed_since(self.root, revision)

    def _paths(self, layout: Layout, env: str = "*") -> set[str]:
        files = (file for glob in layout.globs(env) for file in self.root.glob(glob))
        paths = {file.relative_to(self.root).as_posix() for file in files}
        return {path for path in paths if layout.owner(path)}

    def _texts(self, paths: Iterable[str]) -> dict[str, str]:
        return {path: self.read(path) for path in paths}

    def _safe(self, path: str) -> Path:
        root = os.path.realpath(self.root)
        target = os.path.realpath(os.path.join(root, path))  # noqa: PTH118 - pathlib raises on links that go in circles
        if os.path.normcase(target) != os.path.normcase(os.path.normpath(os.path.join(root, path))):  # noqa: PTH118
            raise UnsafePathError(f"{path} leads through a symbolic link; name the file itself", file=path, line=1)
        if not Path(target).is_relative_to(root):
            raise UnsafePathError(f"{path} is outside of the repository", file=path, line=1)
        return Path(target)
