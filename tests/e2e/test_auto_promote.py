"""examples/auto-promote: a run of Deploy promotes, once, and opens the rollback of what failed in prod."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sandbox.world import BOT, release, without_gates
from tests.e2e.scenarios import INFRA, tag_of, with_tag
from tests.support import ROOT

if TYPE_CHECKING:
    from tests.e2e.scenarios import Pipeline

EXAMPLE = ROOT / "examples" / "auto-promote"
# Prod is broken, and needs no review in this test, so that one run has everything.
MAKEFILE = 'test:\n\t@true\ndeploy:\n\t@test "$$ENVIRONMENT" != prod\n'


@pytest.mark.thorough
def test_one_run_promotes_once_and_rolls_back_what_failed(pipeline: Pipeline) -> None:
    """Dev has what is new, and prod is to get from what is old to what staging has; then it gets nothing new."""
    release(without_gates(pipeline.world), "1.0.0", "2.0.0", "3.0.0")
    infra, olivia = pipeline.world.infra, pipeline.sandbox.state.users["olivia"]
    old, middle, new = (str(pipeline.world.app.git.resolve(version)) for version in ("1.0.0", "2.0.0", "3.0.0"))
    config = (EXAMPLE / "gitops.yml").read_text(encoding="utf-8").replace("{after: staging}", "{review: none}")

    def commit(files: dict[str, bytes | None]) -> str:
        sha = infra.git.commit(parents=[infra.git.head("main") or ""], message="x", author=olivia.person, files=files)
        infra.git.set_ref("refs/heads/main", sha)
        return sha

    def tags(**tags: str) -> dict[str, bytes | None]:
        return {path: text.encode() for env, tag in tags.items() for path, text in with_tag(env, tag).items()}

    commit(
        {
            ".github/workflows/deploy.yml": (EXAMPLE / "deploy.yml").read_bytes(),
            ".github/workflows/gates.yml": None,  # what is judged before a merge, other tests show
            "gitops.yml": config.encode(),
            "Makefile": MAKEFILE.encode(),
        }
    )
    before = commit(tags(dev=new, staging=middle, prod=old))
    for env in ("dev", "staging", "prod"):
        pipeline.sandbox.behaviour.record_deployment(infra, before, env, by=BOT)
    commit(tags(prod=middle))

    pipeline.dispatch(INFRA, "deploy.yml", {})

    runs = pipeline.runs("Deploy", "workflow_dispatch") + pipeline.runs("Deploy", "push")
    opened = [(pull.title.partition(":")[0], bool(pull.merge_sha)) for pull in infra.opened.values()]
    assert sorted(opened) == [("Promote dev to staging", True), ("Roll back prod", False)]
    assert [run.jobs["promote"] for run in runs] == ["success", "success"]
    assert (runs[0].jobs["deploy (prod)"], runs[0].jobs["roll back"]) == ("failure", "success")
    assert ("deploy (prod)" in runs[1].jobs, runs[1].jobs["roll back"]) == (False, "skipped")
    assert (tag_of(pipeline, "staging"), runs[1].jobs["deploy (staging)"]) == (new, "success")
    (hold,) = infra.issues.values()
    assert (hold.labels, hold.state) == (["hold:prod/api"], "open")
    assert any("held by issue" in summary for summary in runs[1].summaries)
