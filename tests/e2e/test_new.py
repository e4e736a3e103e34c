"""What `new` writes works as it stands: from a change to the last environment, a rollback and a hotfix."""

from __future__ import annotations

import os
import stat
import subprocess
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from actions.infra.checkout import Checkout
from cli.main import main
from sandbox.serve import read_pair
from sandbox.server import Sandbox
from sandbox.workflows import Workflows
from sandbox.world import as_documented, build
from tests.e2e.scenarios import Pipeline
from tests.shapes import SHAPES, flags

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

APP, INFRA = "acme/shop", "acme/shop-infra"
# In the place of kubectl and helm, which the runners of GitHub have.
STAND_IN = '#!/bin/sh\necho "$(basename "$0") $*"\n'


@pytest.fixture(name="shape", params=list(SHAPES))
def _shape(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(name="pipeline")
def _pipeline(
    actions: Path, home: Path, tmp_path: Path, shape: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Pipeline]:
    """Both repositories, written, committed and served."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name, text in (("kubectl", STAND_IN), ("helm", STAND_IN)):
        (tools / name).write_text(text)
        (tools / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    folder = tmp_path / "checkouts"
    assert main(flags(shape, folder)) == 0
    for name in ("shop", "shop-infra"):
        identity = ("-c", "user.name=Olivia", "-c", "user.email=olivia@acme.example")
        for command in (["add", "."], [*identity, "commit", "-qm", "Add the delivery pipeline"]):
            subprocess.run(["git", *command], cwd=folder / name, check=True)
    with Sandbox.start() as sandbox:
        world = as_documented(build(sandbox, read_pair(folder / "shop", folder / "shop-infra")))
        with Workflows(sandbox, actions=actions, logs=tmp_path, home=home) as workflows:
            yield Pipeline(sandbox, world, workflows, tmp_path)
        assert not sandbox.violations


class Shop:
    """Both repositories of a *shape*, and what people do with them."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.before = len(pipeline.world.infra.deployments)
        self.pipeline, self.world, self.folder = pipeline, pipeline.world, pipeline.folder
        self.branch = self.world.infra.default_branch
        self.config = Checkout(self.folder / "checkouts/shop-infra").config()
        self.envs = list(self.config.environments)
        self.service = next(iter(self.config.repos))
        self.source = next(path.parent for path in (self.folder / "checkouts/shop").glob("**/test_api.py"))

    def change(self, what: str, base: str = "") -> str:
        """Have a change of the service reviewed and merged; return its commit."""
        path = f"{self.source.relative_to(self.folder / 'checkouts/shop')}/{what}.txt"
        number = self.pipeline.propose(APP, f"change-{what}", {path: what}, base=base or self.branch)
        return self.pipeline.land(APP, number)

    def publish(self, what: str, version: str, base: str = "") -> str:
        """Have a change published, and brought to the first environment; return its tag."""
        tag = sha = self.change(what, base)
        if "release.yml" in "".join(self.world.app.git.paths(sha)):
            tag, alice = version, self.pipeline.person("alice")
            clone = alice.clone(APP, self.folder / version)
            alice.git("tag", f"{self.service}-v{version}", sha, at=clone)
            alice.git("push", "-q", "origin", f"{self.service}-v{version}", at=clone)
            self.pipeline.wait()
        self.land()  # with a single environment, it waits for a review
        return tag

    def ask(self, repository: str, workflow: str, **inputs: str) -> None:
        """Have alice start a workflow, and the pull request that it opens land."""
        self.pipeline.person("alice").dispatch(repository, workflow, inputs, ref=self.branch)
        self.pipeline.wait()
        self.land()

    def land(self) -> None:
        """Have the open infra pull requests approved and merged."""
        for pull in [pull for pull in self.world.infra.pulls.values() if pull.state == "open"]:
            self.pipeline.person("alice").approve(INFRA, pull.number)  # two of the team, if one reviews
            self.pipeline.land(INFRA, pull.number)

    def tag(self, env: str) -> str:
        """Return the tag of the service at the head of the default branch."""
        git, folder = self.world.infra.git, self.folder / "head"
        head = git.head(self.branch) or ""
        for path in git.paths(head):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            found = git.file(head, path)
            (folder / path).write_bytes(found[1] if found else b"")
        checkout = Checkout(folder)
        return checkout.environments(checkout.config().layout("envs"))[env].tags()[self.service]

    def deployed(self) -> list[str]:
        """Return the environments whose deployments succeeded, in this order."""
        records = [each for each in self.world.infra.deployments[self.before :] if each.environment in self.envs]
        ended = [each.environment for each in records if each.statuses and each.statuses[-1].state == "success"]
        return list(dict.fromkeys(ended))  # a server's jobs file records of their own


def unhealthy(shop: Shop) -> list[str]:
    """Return what *Doctor* finds fault with."""
    shop.pipeline.person("alice").dispatch(INFRA, "doctor.yml", {}, ref=shop.branch)
    shop.pipeline.wait()
    (run,) = shop.pipeline.runs("Doctor", "workflow_dispatch")
    return [line for line in run.lines if line.startswith(("ERROR ", "WARNING ", "UNKNOWN "))] or [
        f"Doctor: {run.conclusion}" for _ in run.lines if run.conclusion != "success"
    ]


@pytest.mark.thorough
def test_a_change_goes_from_its_pull_request_to_the_last_environment_and_back(pipeline: Pipeline) -> None:
    shop = Shop(pipeline)
    first = shop.publish("one", "1.0.0")
    assert shop.tag(shop.envs[0]) == first
    for source, target in pairwise(shop.envs):
        shop.ask(INFRA, "change.yml", what="promote", **{"from": source}, env=target)
        assert shop.tag(target) == first
    assert shop.deployed() == shop.envs
    assert unhealthy(shop) == []

    second = shop.publish("two", "1.1.0")
    assert shop.tag(shop.envs[0]) == second
    reviewed = shop.config.needs_review(shop.envs[0])
    asked = {"env": shop.envs[0], "services": shop.service, "reason": "it is bad"}
    shop.ask(INFRA, "change.yml", what="roll back", merge="none" if reviewed else "direct", **asked)
    assert shop.tag(shop.envs[0]) == first
    merged = [*shop.world.infra.opened.values()][-1]
    assert merged.merged_by
    assert (merged.merged_by.kind == "Bot") != reviewed

    env = shop.envs[-1]
    shop.ask(APP, "hotfix.yml", **{"from-env": env, "branch-name": "leak", "service": shop.service})
    fixed = shop.publish("fix", "1.0.1", f"{shop.config.hotfix_prefix}leak")
    if shop.tag(env) != fixed:  # where the first environment is the last, it has come by itself
        shop.ask(INFRA, "change.yml", what="set a tag", env=env, services=shop.service, tag=fixed)
    assert shop.tag(env) == fixed
