"""Build the commit of a release, which is main with its dependencies, and push it to a branch for the tests."""

from __future__ import annotations

import tempfile
from pathlib import Path

from actions.errors import ConflictError, RefusedError
from actions.runner.inputs import Inputs
from actions.runner.outcome import Outcome, run
from release import tree
from release.project import CANDIDATES, GATE
from release.settings import ROOT, checkout, project, require_main
from release.versions import notes, require_newer

CHANGED = "actions"  # the folder in which a release differs from main


def main() -> int:
    """Run the program and return its exit code."""
    return run(_build, unset={"commit": "", "digest": "", "branch": ""})


def _build() -> Outcome:
    require_main()
    text, github, here = Inputs().required("version"), project(), checkout()
    released = github.released()
    tags = {str(version): sha for version, sha in released.items()}
    # A version that already has its tag is an interrupted release: the rebuilt commit must be the tagged one.
    version = require_newer(text, (known for known in released if str(known) != text))
    notes((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), version)
    head = here.head
    if not github.is_green(head):
        raise RefusedError(f"check '{GATE}' has not succeeded on {head[:12]}; wait for CI, or fix it")
    message = f"Release v{version}\n\nThe commit of main before this one, with its dependencies and their bytecode."
    with tempfile.TemporaryDirectory() as folder:
        release = Path(folder, "release").resolve()
        compilers = ", ".join(tree.write(release))
        commit = here.commit(release, CHANGED, message)
    if tags.get(text, commit) != commit:
        raise ConflictError(f"v{version} is already released at another commit, {tags[text][:12]}")
    branch = f"{CANDIDATES}v{version}"
    here.push(commit, f"refs/heads/{branch}")
    return Outcome(
        outputs={"commit": commit, "digest": here.digest(commit), "branch": branch, "reason": "built"},
        notice=f"v{version} built as {commit}",
        summary=f"### v{version}\n\nBuilt as `{commit}` from `{head}`, with bytecode of CPython {compilers}.\n",
    )


if __name__ == "__main__":
    raise SystemExit(main())
