"""The organization of the examples on a running sandbox; what GitHub's descriptions do not allow fails the test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sandbox.world import BOT, without_gates
from tests.sandbox.exported import INFRA, Exported
from tests.sandbox.scenarios import FINE_GRAINED, GITOPS, Clone, GitHub, Infra, started
from tests.support import Runner

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(name="github")
def _github(runner: Runner) -> Iterator[GitHub]:
    """The organization, whose infra repository asks for its tests alone."""
    with started(runner) as github:
        without_gates(github.world)
        yield github


@pytest.fixture(name="organization")
def _organization(runner: Runner) -> Iterator[GitHub]:
    """The organization with everything that the examples put in force."""
    with started(runner) as github:
        yield github


@pytest.fixture(name="narrow")
def _narrow(github: GitHub) -> str:
    """A fine-grained token of the bot, which GitHub shows no checks."""
    return github.sandbox.state.add_token(BOT, permissions=FINE_GRAINED)


@pytest.fixture(name="gated")
def _gated(github: GitHub) -> GitHub:
    """The organization, whose infra repository has every gate; the actions run there."""
    github.change_infra({"gitops.yml": GITOPS})
    github.runner.environment["GITHUB_REPOSITORY"] = "your-org/infra"
    return github


@pytest.fixture(name="promoting")
def _promoting(github: GitHub) -> GitHub:
    """The same without a time to wait, and nothing is deployed."""
    environments = GITOPS.partition("  prod:")[0]
    github.change_infra({"gitops.yml": f"{environments}  prod: {{}}\nservices: {{api: {{repo: your-org/app}}}}\n"})
    github.world.infra.deployments.clear()
    github.runner.environment["GITHUB_REPOSITORY"] = "your-org/infra"
    return github


@pytest.fixture(name="infra")
def _infra(github: GitHub) -> Infra:
    """The infra repository, of which nothing is deployed."""
    infra = Infra(github)
    github.world.infra.deployments.clear()
    return infra


@pytest.fixture(name="running")
def _running(infra: Infra) -> Infra:
    """Two services in three environments, all deployed, and no rules: what GitHub would stop has got past it."""
    services = "  api: {repo: your-org/app}\n"
    infra.github.change_infra({"gitops.yml": GITOPS.replace(services, f"{services}  web: {{repo: none}}\n")})
    sha = infra.push(dev=infra.github.app_commit(), staging="1", prod="1")
    for env in ("dev", "staging", "prod"):
        infra.deployed(env, sha)
    infra.github.world.infra.rulesets.clear()
    return infra


@pytest.fixture(name="cloned")
def _cloned(github: GitHub) -> Clone:
    """The infra repository, to which pushes are made."""
    return Clone(github)


@pytest.fixture(name="delivery")
def _delivery(github: GitHub) -> Exported:
    """What is there in the beginning is the first commit of infra, deployed."""
    github.runner.environment["GITHUB_REPOSITORY"] = INFRA
    infra, olivia = github.world.infra, github.sandbox.state.users["olivia"]
    tree = str(infra.git.get(infra.git.head("main") or "").tree_id)
    first = infra.git.commit(parents=[], message="Initial commit", author=olivia.person, tree=tree)
    infra.authors[first] = olivia
    infra.git.set_ref("refs/heads/main", first)
    infra.deployments.clear()
    for env in ("dev", "staging", "prod"):
        github.sandbox.behaviour.record_deployment(infra, first, env, by=BOT)
    return Exported(sandbox=github.sandbox, world=github.world, github=github)
