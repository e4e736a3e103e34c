"""The help of `make sandbox`, where it depends on what is served; that its lines work is tried in tests/e2e."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from sandbox.guide import guide
from sandbox.server import Sandbox
from sandbox.world import build, examples, with_environments
from sandbox.worlds.description import Description, EnvironmentDescription


def lines_of(description: Description) -> str:
    with Sandbox.start() as sandbox:
        return guide(sandbox, with_environments(build(sandbox, description)), Path("logs"))


def test_what_is_missing_is_said_before_anybody_looks_for_it() -> None:
    plain = examples()
    app = replace(plain.app, checkout=replace(plain.app.checkout, uncommitted=2))

    said = lines_of(replace(plain, app=app, absent=("acme/other",), made_up=("KUBECONFIG", "REGION")))

    assert "  app: 2 paths are not committed, and so not here\n" in said
    assert "  named, but not here: acme/other\n" in said
    assert "KUBECONFIG, REGION; for one of your own, set SANDBOX_SECRET_KUBECONFIG or" in said


def test_a_deployment_is_approved_by_one_who_may() -> None:
    plain = examples()
    prod = EnvironmentDescription(name="prod", reviewers=(("Team", "ops"),))
    qa = EnvironmentDescription(name="qa", reviewers=(("User", "olivia"),))
    infra = replace(plain.infra, environments=(prod, qa))

    said = lines_of(replace(plain, infra=infra, teams={"ops": ("alice", "bob")}))

    assert re.findall(r"(?m)^  deploy .* ghp_([a-z]+)\d+' ", said) == ["bob", "olivia"]


def test_nothing_is_said_where_nothing_is_missing() -> None:
    said = lines_of(examples())

    assert "not here" not in said
    assert "  deploy " not in said
