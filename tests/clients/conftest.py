"""The organization of the examples on a running sandbox, for clients that nobody here wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.sandbox.scenarios import GitHub, started

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support import Runner


@pytest.fixture(name="github")
def _github(runner: Runner) -> Iterator[GitHub]:
    """The organization, whose app repository has no rules; an exchange that GitHub does not describe fails the test."""
    with started(runner) as github:
        github.world.app.rulesets.clear()
        yield github
