"""Write what a runner downloads of a release: the committed files, the dependencies, and the bytecode of both."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path

from release import bundle, bytecode
from release.pythons import newest_of_each, pythons

ROOT = Path(__file__).parent.parent


def write(into: Path, *, root: Path = ROOT) -> list[str]:
    """Write the release of HEAD of *root* to the new folder *into*; return the Pythons that it has bytecode for."""
    tracked = subprocess.run(["git", "archive", "HEAD"], cwd=root, capture_output=True, check=True).stdout
    into.mkdir(parents=True)
    with tarfile.open(fileobj=BytesIO(tracked)) as tar:
        tar.extractall(into, filter="data")
    compilers = newest_of_each(pythons())
    bundle.build(into / "actions" / "requirements.lock", into / "actions" / "site", compiled_by=list(compilers))
    bytecode.compile_tree(into.resolve(), compilers)
    return list(compilers)


if __name__ == "__main__":
    sys.stdout.write(f"bytecode of CPython {', '.join(write(Path(sys.argv[1])))}\n")
