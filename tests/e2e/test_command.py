"""The package of `gitops-actions`, as `uvx --from git+<address>` installs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

from sandbox.world import ROOT, copy_repository
from tests.shapes import flags

COMMIT = "2" * 40


def test_the_installed_command_writes_what_a_clone_writes(tmp_path: Path) -> None:
    source, installed = copy_repository(tmp_path / "source"), tmp_path / "installed"
    build: list[str | Path] = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "dist"]
    subprocess.run(build, cwd=source, check=True, capture_output=True)
    with zipfile.ZipFile(next((tmp_path / "dist").glob("*.whl"))) as wheel:
        wheel.extractall(installed)
    (information,) = installed.glob("*.dist-info")
    origin = {"url": "https://github.com/acme/gitops-actions", "vcs_info": {"vcs": "git", "commit_id": COMMIT}}
    (information / "direct_url.json").write_text(json.dumps(origin))

    ours = ["--actions", f"acme/gitops-actions@{COMMIT}"]
    for name, path, given in (("by-wheel", installed, []), ("by-clone", ROOT, ours)):
        arguments = flags("versions", tmp_path / name)
        del arguments[arguments.index("--actions") : arguments.index("--actions") + 2]
        command = [sys.executable, "-m", "cli", *arguments, *given]
        subprocess.run(command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(path)}, check=True)

    written = {path: path.read_bytes() for path in (tmp_path / "by-wheel").rglob("*") if path.is_file()}
    assert written
    for path, content in written.items():
        if ".git/" not in path.as_posix():
            assert (tmp_path / "by-clone" / path.relative_to(tmp_path / "by-wheel")).read_bytes() == content
