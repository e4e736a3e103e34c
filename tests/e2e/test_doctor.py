"""The workflow *Doctor* of the example, really running, with the guard's key from its environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.e2e.scenarios import INFRA

if TYPE_CHECKING:
    from tests.e2e.scenarios import Pipeline


def test_the_doctor_of_the_example_looks_at_both_repositories(pipeline: Pipeline) -> None:
    """Its token has just what the workflow asks for. The examples are not pinned, and keep merged branches."""
    pipeline.dispatch(INFRA, "doctor.yml", {})

    (run,) = pipeline.runs("Doctor", "workflow_dispatch")
    assert run.conclusion == "success", "\n".join(run.lines[-60:])
    (summary,) = run.summaries
    said = "\n".join(run.lines)
    assert summary.startswith("### ⚠️ Doctor: 4 warning, ")
    assert "WARNING  your-org/app: branches of merged pull requests" in said
    assert "OK       your-org/app: secrets of the environment gitops-bot: GITOPS_BOT_KEY" in said


def test_the_doctor_finds_what_was_changed_by_hand(pipeline: Pipeline) -> None:
    pipeline.world.infra.ruleset("main")["enforcement"] = "disabled"

    pipeline.dispatch(INFRA, "doctor.yml", {})

    (run,) = pipeline.runs("Doctor", "workflow_dispatch")
    assert run.conclusion == "failure"
    assert "ERROR    your-org/infra: rules of the branch main" in "\n".join(run.lines)
