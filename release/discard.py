"""Delete the branch that a release was built on, whether it was published or refused."""

from __future__ import annotations

from actions.errors import InputError
from actions.runner.inputs import Inputs
from actions.runner.outcome import Outcome, run
from release.project import CANDIDATES
from release.settings import project


def main() -> int:
    """Run, and return the exit code."""
    return run(_discard, unset={})


def _discard() -> Outcome:
    branch = Inputs().required("branch")
    if not branch.startswith(CANDIDATES):
        raise InputError(f"{branch[:200]!r} is no branch of a release")
    project().discard(branch)
    return Outcome(outputs={"reason": "discarded"}, notice=f"{branch} is gone")


if __name__ == "__main__":
    raise SystemExit(main())
