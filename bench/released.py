"""Make a release of the committed files, to measure what users run."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

import yaml

from release import bundle

ROOT = Path(__file__).parent.parent
LOCK = ROOT / "actions" / "requirements.lock"


def make_release(folder: Path) -> None:
    """Put the files of HEAD and the dependencies that a release carries into the new *folder*.

    It has libyaml for the Python of this machine, as a release has it for that of Ubuntu 24.04.
    """
    tracked = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, capture_output=True, check=True).stdout
    folder.mkdir()
    with tarfile.open(fileobj=BytesIO(tracked)) as tar:
        tar.extractall(folder, filter="data")
    site = folder / "actions" / "site"
    bundle.build(LOCK, site)
    for compiled in Path(yaml.__file__).parent.glob("_yaml.*.so"):
        shutil.copy(compiled, site / "yaml")


def without_libyaml(release: Path) -> None:
    """Remove libyaml from *release*: what other Pythons and other systems have of it."""
    for compiled in (release / "actions" / "site" / "yaml").glob("_yaml.*.so"):
        compiled.unlink()


def run_action(release: Path, action: str) -> list[str]:
    """Return the command that runs *action* as its action.yml does."""
    entrypoint = release / f"action-{action}" / f"{action.replace('-', '_')}.py"
    return ["bash", str(release / "actions" / "run.sh"), str(entrypoint)]
