"""What of a job this machine runs, and for how long."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from sandbox.environments import Environment
from sandbox.gitrepo import GitRepo
from sandbox.state import Repo, User
from sandbox.workflow_file import Preparation


def prepared(job: dict[str, Any], tmp_path: Any, *environments: Environment) -> dict[str, Any]:
    """Return *job* as act is given it."""
    repo = Repo(1, User(2, "org"), "repo", GitRepo(tmp_path / "repo"))
    repo.environments = {each.name: each for each in environments}
    preparation = Preparation(
        repo=repo,
        ref="refs/heads/main",
        approvals="",
        token=lambda _: "",
        defaults=lambda _: [],
        there=lambda uses: uses.startswith("here/"),
    )
    text = preparation.prepare(yaml.safe_dump({"on": "push", "jobs": {"job": job}}).encode()).text
    result: dict[str, Any] = yaml.safe_load(text)["jobs"]["job"]
    return result


@pytest.mark.parametrize(
    ("step", "job", "minutes"),
    [
        pytest.param({}, {}, 30, id="nothing is said"),
        pytest.param({"timeout-minutes": 5}, {}, 5, id="of the step"),
        pytest.param({}, {"timeout-minutes": 7}, 7, id="of the job"),
        pytest.param({"timeout-minutes": 5}, {"timeout-minutes": 3}, 3, id="of both"),
        pytest.param({"timeout-minutes": 360}, {}, 30, id="more than there is"),
        pytest.param({"timeout-minutes": 0}, {}, 1, id="none"),
        pytest.param({"timeout-minutes": "${{ inputs.limit }}"}, {}, 30, id="what only a run knows"),
    ],
)
def test_every_step_has_a_limit(step: dict[str, Any], job: dict[str, Any], minutes: int, tmp_path: Any) -> None:
    """act knows none of a job."""
    steps = [{"run": "x", **step}, {"uses": "here/a@v1", **step}, {"uses": "gone/b@v1", **step}]

    *limits, skipped = [each["timeout-minutes"] for each in prepared({**job, "steps": steps}, tmp_path)["steps"]]

    assert limits == [minutes] * 2
    assert skipped <= 30


def test_who_waits_for_an_approval_waits_as_long_as_on_github(tmp_path: Any) -> None:
    """Thirty days ("Reviewing deployments")."""
    prod = Environment(1, "prod", reviewers=[("User", 1)])

    steps = prepared({"environment": "prod", "steps": [{"run": "x"}]}, tmp_path, prod)["steps"]

    assert [each["timeout-minutes"] for each in steps] == [43_200, 30]


def test_a_step_that_is_skipped_keeps_its_condition_and_its_name(tmp_path: Any) -> None:
    step = {"id": "x", "name": "Log in", "if": "github.ref == 'a'", "uses": "gone/b@v1", "with": {"a": "b"}}

    (skipped,) = prepared({"steps": [step]}, tmp_path)["steps"]

    assert {name: skipped[name] for name in ("id", "name", "if")} == {name: step[name] for name in ("id", "name", "if")}
    assert "uses" not in skipped
    assert "with" not in skipped
    assert "gone/b@v1 is not on this machine" in skipped["env"]["SAID"]
