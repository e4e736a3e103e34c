"""Make a release of the committed files, to measure what users run."""

from __future__ import annotations

import shutil
from pathlib import Path

import yaml

from release import tree

ROOT = Path(__file__).parent.parent
LOCK = ROOT / "actions" / "requirements.lock"


def make_release(folder: Path) -> None:
    """Write the release of HEAD to the new *folder*.

    It has libyaml for the Python of this machine, as a release has it for that of Ubuntu 24.04.
    """
    tree.write(folder)
    add_libyaml(folder)


def add_libyaml(release: Path) -> None:
    """Add the compiled half of PyYAML for the Python of this machine to *release*."""
    for compiled in Path(yaml.__file__).parent.glob("_yaml.*.so"):
        shutil.copy(compiled, release / "actions" / "site" / "yaml")


def without_libyaml(release: Path) -> None:
    """Remove libyaml from *release*: what other Pythons and other systems have of it."""
    for compiled in (release / "actions" / "site" / "yaml").glob("_yaml.*.so"):
        compiled.unlink()


def run_action(release: Path, action: str) -> list[str]:
    """Return the command that runs *action* as its action.yml does."""
    entrypoint = release / f"action-{action}" / f"{action.replace('-', '_')}.py"
    return ["bash", str(release / "actions" / "run.sh"), str(entrypoint)]
