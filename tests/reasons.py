"""Which reasons the actions ended with while the tests ran: what a README lists must have happened, and nothing else.

The workers leave an empty file for each action and reason in a folder; the process that started them looks at the end.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support import ACTIONS, REASONS, declaration, readme_rows

if TYPE_CHECKING:
    import pytest

ASKING = {action for action in ACTIONS if "token" in declaration(action)["inputs"]}


def begin() -> None:
    """Make the folder, before the workers start."""
    if REASONS not in os.environ:
        os.environ[REASONS] = tempfile.mkdtemp(prefix="reasons-")


def end() -> None:
    """Remove the folder."""
    shutil.rmtree(os.environ.pop(REASONS), ignore_errors=True)


def problems(config: pytest.Config) -> list[str]:
    """Return what is wrong, nothing if only a part of the tests ran."""
    partial = (
        config.option.keyword or config.option.markexpr or getattr(config.option, "lf", False) or config.option.maxfail
    )
    if partial or config.args != config.getini("testpaths"):
        return []
    produced = {tuple(path.name.split(" ", 1)) for path in Path(os.environ[REASONS]).iterdir()}
    listed = {(action, row[0].strip("`")) for action in ACTIONS for row in readme_rows(action, "Reasons")}
    shared = {
        row[0].strip("`") for row in readme_rows(".", "Exit codes") if len(row) == len(("reason", "code", "meaning"))
    }
    listed |= {(action, reason) for action in ASKING for reason in shared}
    missing = [f"no test makes {action} end with {reason}" for action, reason in sorted(listed - produced)]
    extra = sorted(pair for pair in produced - listed if pair[1] != "internal-error")
    return missing + [f"the README of {action} does not list {reason}" for action, reason in extra]
