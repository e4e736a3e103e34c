"""Delete the branch that a release was built on, whether or not the release was published."""

from __future__ import annotations

from actions.errors import InputError
from actions.runner.inputs import Inputs
from actions.runner.outcome import Outcome, run
from release.project import CANDIDATES
from release.settings import project


def main() -> int:
    """Run the program and return its exit code."""
    return run(_discard, unset={})


def _discard() -> Outcome:
    branch = Inputs().required("branch")
    if not branch.startswith(CANDIDATES):
        raise InputError(f"input branch is {branch[:200]!r}; it must start with {CANDIDATES}")
    project().discard(branch)
    return Outcome(outputs={"reason": "discarded"}, notice=f"{branch} deleted")


if __name__ == "__main__":
    raise SystemExit(main())
