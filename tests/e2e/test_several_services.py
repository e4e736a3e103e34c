"""Three services in one repository, two with versions of their own: docs/several-services.md as it stands."""

from __future__ import annotations

import json
import re

import pytest

from sandbox.world import BOT
from tests.e2e.scenarios import APP, Pipeline
from tests.support import ROOT

WORKFLOWS = ROOT / "examples" / "monorepo" / ".github" / "workflows"
DOCUMENT = (ROOT / "docs" / "several-services.md").read_text(encoding="utf-8")
MAKEFILE = """test:
\t@test -d . && echo "tested $(SERVICE)"
publish:
\t@echo "published $(SERVICE) as $(TAG)"
"""
# What `gh workflow run` of the release does: gh itself speaks only HTTPS.


def block(language: str) -> str:
    """The only block of a language in the document."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL)
    return str(found)


@pytest.fixture(name="monorepo")
def _monorepo(pipeline: Pipeline) -> Pipeline:
    """The organization with both repositories as the document has them, and everything deployed."""
    world, olivia = pipeline.world, pipeline.sandbox.state.users["olivia"]
    services = ("services/api/x", "services/web/x", "docs/x")
    source: bytes | None = b"x"
    app = dict.fromkeys(services, source) | {"Makefile": MAKEFILE.encode()}
    app |= {f".github/workflows/{path.name}": path.read_bytes() for path in WORKFLOWS.iterdir()}
    app |= {".github/workflows/api.yml": None}
    git = world.app.git
    start = git.commit(parents=[git.head("main") or ""], message="x", author=olivia.person, files=app)
    git.set_ref("refs/heads/main", start)
    for name in ("api-v1.2.3", "web-v0.9.0"):
        git.set_ref(f"refs/tags/{name}", start)
    content = json.loads(block("json")) | {"docs": {"tag": start}}
    infra: dict[str, bytes | None] = {f"envs/{env}.json": json.dumps(content).encode() for env in ("dev", "prod")}
    infra |= {"envs/staging.json": None, "gitops.yml": block("yaml").encode()}
    git = world.infra.git
    sha = git.commit(parents=[git.head("main") or ""], message="x", author=olivia.person, files=infra)
    git.set_ref("refs/heads/main", sha)
    for env in ("dev", "prod"):
        pipeline.sandbox.behaviour.record_deployment(world.infra, sha, env, by=BOT)
    return pipeline


def tags(pipeline: Pipeline, env: str = "dev") -> dict[str, str]:
    git = pipeline.world.infra.git
    found = git.file(git.head("main") or "", f"envs/{env}.json")
    assert found
    return {service: settings["tag"] for service, settings in json.loads(found[1]).items()}


def test_a_change_of_one_service_leaves_the_others_alone(monorepo: Pipeline) -> None:
    """And a change of none passes, and publishes nothing."""
    before = tags(monorepo)
    monorepo.land(APP, monorepo.propose(APP, "readme", {"README.md": "x"}))
    assert tags(monorepo) == before

    sha = monorepo.land(APP, monorepo.propose(APP, "docs", {"docs/x": "y"}))

    assert tags(monorepo) == before | {"docs": sha}
    assert monorepo.said("tested") == ["tested docs", "tested docs"]
    assert monorepo.said("published") == [f"published docs as {sha}"]


@pytest.mark.thorough
def test_what_is_released_by_versions_is_published_by_a_git_tag(monorepo: Pipeline) -> None:
    before = tags(monorepo)
    sha = monorepo.land(APP, monorepo.propose(APP, "api", {"services/api/x": "y"}))
    assert tags(monorepo) == before
    assert monorepo.said("published") == []

    bot = monorepo.person(BOT)
    bot.api("POST", f"/repos/{APP}/git/refs", {"ref": "refs/tags/api-v1.3.0", "sha": sha})
    monorepo.wait()

    assert monorepo.said("published") == ["published api as 1.3.0"]
    assert tags(monorepo) == before | {"api": "1.3.0"}
    assert [run.conclusion for run in monorepo.runs("Infra", "workflow_dispatch")] == ["success"]


def test_a_service_whose_tests_fail_fails_the_gate(monorepo: Pipeline) -> None:
    monorepo.propose(APP, "web", {"services/web/x": "y", "Makefile": "test:\n\t@exit 1\n"})

    (run,) = monorepo.runs("Publish", "pull_request")
    assert (run.jobs["gate"], run.jobs["web"]) == ("failure", "failure")
