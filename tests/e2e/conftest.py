"""The organization of the examples with its workflows really running."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sandbox.server import Sandbox
from sandbox.workflows import Workflows
from sandbox.world import build, publish_actions, with_environments
from tests.e2e.scenarios import Pipeline

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(name="actions", scope="session")
def _actions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `your-org/gitops-actions@v1` stands for."""
    return publish_actions(tmp_path_factory.mktemp("gitops-actions"))


@pytest.fixture(name="home", scope="session")
def _home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a runner that stays from test to test: what one run installed, the next one has."""
    return tmp_path_factory.mktemp("runner")


@pytest.fixture(name="pipeline")
def _pipeline(actions: Path, home: Path, tmp_path: Path) -> Iterator[Pipeline]:
    with Sandbox.start() as sandbox:
        world = with_environments(build(sandbox))
        with Workflows(sandbox, actions=actions, logs=tmp_path, home=home) as workflows:
            yield Pipeline(sandbox, world, workflows, sandbox.state.folder / "laptops")
