"""Make a release of the committed files, to measure what users run."""

from __future__ import annotations

import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

from release import bundle

ROOT = Path(__file__).parent.parent
LOCK = ROOT / "actions" / "requirements.lock"


def make_release(folder: Path) -> None:
    """Put the files of HEAD and the dependencies that a release carries into the new *folder*."""
    tracked = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, capture_output=True, check=True).stdout
    folder.mkdir()
    with tarfile.open(fileobj=BytesIO(tracked)) as tar:
        tar.extractall(folder, filter="data")
    bundle.build(LOCK, folder / "actions" / "site")


def run_action(release: Path, action: str) -> list[str]:
    """Return the command that runs *action* as its action.yml does."""
    entrypoint = release / f"action-{action}" / f"{action.replace('-', '_')}.py"
    return ["bash", str(release / "actions" / "run.sh"), str(entrypoint)]
