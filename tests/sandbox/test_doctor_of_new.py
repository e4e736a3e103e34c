"""What `new` writes is healthy as soon as the steps that it prints are taken, whatever the shape."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from actions.api.client import Client
from actions.diagnosis.finding import Severity
from actions.diagnosis.report import Ground, diagnose
from actions.infra.checkout import Checkout
from actions.protection.actors import Actors
from actions.protection.apply import apply
from actions.protection.planner import Planner
from actions.protection.target import read_targets
from actions.runner.event import Event
from cli.main import main
from cli.new.left import BOT, GUARD
from sandbox.server import Sandbox
from sandbox.state import Team
from sandbox.world import add_app
from tests.sandbox.scenarios import require_no_surprise
from tests.shapes import SHAPES, flags

if TYPE_CHECKING:
    from sandbox.state import Repo

APP, INFRA = "acme/shop", "acme/shop-infra"
SECRETS = re.compile(r"secrets\.(\w+)")


@pytest.mark.parametrize("shape", SHAPES)
def test_what_new_writes_is_healthy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shape: str) -> None:
    assert main(flags(shape, tmp_path)) == 0
    with Sandbox.start() as sandbox:
        for name, value in sandbox.environment().items():
            monkeypatch.setenv(name, value)
        token = organization(sandbox, tmp_path)
        protect(sandbox, tmp_path / "shop-infra")
        for repo in sandbox.state.repos.values():
            give_secrets(repo)

        findings = diagnose(Ground(infra=INFRA, token=token, app_token=token, now=datetime.now(UTC)))

        assert [str(finding) for finding in findings if finding.severity is not Severity.OK] == []
        assert {finding.where for finding in findings} == {"acme", APP, INFRA}
    require_no_surprise(sandbox)


def organization(sandbox: Sandbox, folder: Path) -> str:
    """Have the two repositories be in an organization with people and the two Apps; return the guard's token."""
    state = sandbox.state
    acme = state.add_user("acme", kind="Organization")
    acme.owners.add("olivia")
    acme.teams.append(Team(state.new_id(), "ops", {"olivia"}))
    for login in ("olivia", "alice"):
        state.add_user(login)
    repos = [state.add_repo("acme", name, {"olivia": "admin", "alice": "write"}) for name in ("shop", "shop-infra")]
    for repo in repos:
        repo.delete_branch_on_merge = True
        push(repo, folder / repo.name)
    add_app(state, "acme-gitops[bot]", {**BOT, "metadata": "read"}, repos)
    guard = {**GUARD, "metadata": "read"}
    add_app(state, "acme-guard[bot]", guard, repos)
    return state.add_token("acme-guard[bot]", permissions=guard)


def push(repo: Repo, folder: Path) -> None:
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(folder).parts
    }
    head = (folder / ".git" / "HEAD").read_text(encoding="utf-8") if (folder / ".git").is_dir() else ""
    repo.default_branch = head.strip().rpartition("/")[2] or "main"
    sha = repo.git.commit(parents=[], message="Add the delivery pipeline", author=repo.owner.person, files=files)
    repo.git.set_ref(f"refs/heads/{repo.default_branch}", sha)


def protect(sandbox: Sandbox, folder: Path) -> None:
    """Do what the first run of *Protect* does."""
    token = sandbox.state.add_token("olivia")
    event = Event(name="push", ref="", sha="HEAD", repository=INFRA, default_branch="")
    planner = Planner(actors=Actors(Client(INFRA, token)), event=event, prune=False)
    targets = read_targets(Checkout(folder), "protection", owner="acme")
    clients = [Client(target.name, token) for target in targets]
    assert apply([(planner.plan(each, client), client) for each, client in zip(targets, clients, strict=True)]) is None


def give_secrets(repo: Repo) -> None:
    """Put the keys and the kubeconfigs where the printed commands put them."""
    for environment in repo.environments.values():
        app = environment.name.removeprefix("gitops-")
        environment.secrets["KUBECONFIG" if app == environment.name else f"GITOPS_{app.upper()}_KEY"] = "x"
