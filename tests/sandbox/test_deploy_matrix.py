from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.state import ZEROS
from tests.sandbox.scenarios import Clone, GitHub
from tests.support import Result

ACTION = "action-deploy-matrix"


def envs(result: Result) -> list[str]:
    assert result.exit_code == 0, result.log
    return [entry["env"] for entry in result.json("matrix")["include"]]


def one(tag: str) -> str:
    return json.dumps({"api": {"url": "https://registry.example.com/api", "tag": tag}})


def test_the_environment_that_changed_is_deployed(github: GitHub, cloned: Clone) -> None:
    before = json.loads(github.infra_file())["api"]["tag"]
    cloned.push({"envs/dev.json": one("1.0.0")})
    cloned.clone(depth=2)

    result = cloned.deploy()

    assert result.json("matrix") == {
        "include": [
            {
                "env": "dev",
                "file": "envs/dev.json",
                "tags": {"api": "1.0.0"},
                "digests": {"api": ""},
                "previous": {"api": before},
                "changed": ["api"],
            }
        ]
    }
    assert {name: result.outputs[name] for name in ("has-changes", "environments", "count", "reason")} == {
        "has-changes": "true",
        "environments": '["dev"]',
        "count": "1",
        "reason": "changed",
    }
    assert result.json("shards") == {"include": [{"shard": 1, "environments": "dev", "service": ""}]}
    assert f"::notice::deploy 1 of 3 environments since {cloned.before[:12]}" in result.log
    assert f"| dev | api | `{before[:12]}` → `1.0.0` | 🚀 |" in result.summary
    assert "| prod | api |" in result.summary
    assert github.operations() == []


def test_a_checkout_without_history_asks_github_for_the_commit_before(github: GitHub, cloned: Clone) -> None:
    """actions/checkout fetches one commit unless told otherwise."""
    cloned.push({"envs/dev.json": one("1.0.0")})
    cloned.clone(depth=1)

    assert envs(cloned.deploy()) == ["dev"]
    assert github.operations() == ["query", "GET /repos/{owner}/{repo}/git/trees/{tree_sha}"]


def test_what_is_gone_is_seen_through_the_api_too(cloned: Clone) -> None:
    values = "image: {tag: '1'}"
    config = "files: charts/{service}/values-{env}.yaml\ntag: image.tag\n"
    cloned.push({"gitops.yml": config, "charts/api/values-dev.yaml": values, "charts/web/values-dev.yaml": values})
    cloned.push({"charts/web/values-dev.yaml": None})
    cloned.clone(depth=1)

    assert envs(cloned.deploy()) == ["dev"]


def test_many_files_are_asked_for_in_few_requests(github: GitHub, cloned: Clone) -> None:
    files: dict[str, str | None] = {f"envs/e{n}.json": one("1.0.0") for n in range(240)}
    cloned.push(files | {"gitops.yml": None})
    cloned.push({"envs/e7.json": one("1.1.0")})
    cloned.clone(depth=1)

    assert envs(cloned.deploy()) == ["e7"]
    assert github.operations()[:3] == ["query"] * 3


def test_without_history_and_without_a_token_everything_is_deployed(cloned: Clone) -> None:
    cloned.push({"envs/dev.json": one("1.0.0")})
    cloned.clone(depth=1)

    result = cloned.deploy(token="")

    assert envs(result) == ["dev", "staging", "prod"]
    assert result.outputs["reason"] == "lost-history"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        pytest.param({"before": ZEROS, "created": True}, "new-branch", id="a new branch"),
        pytest.param({"forced": True}, "forced-push", id="a forced push"),
        pytest.param({"before": "f" * 40}, "lost-history", id="a commit that is gone"),
        pytest.param({"before": None}, "no-base", id="an event without a commit before"),
    ],
)
def test_where_nothing_can_be_compared_everything_is_deployed(
    cloned: Clone, changed: dict[str, Any], reason: str
) -> None:
    cloned.push({"envs/dev.json": one("1.0.0")}, **changed)
    cloned.clone(depth=2)

    result = cloned.deploy()

    assert envs(result) == ["dev", "staging", "prod"]
    assert result.outputs["reason"] == reason
    assert "::notice::deploy 3 of 3 environments (" in result.log


def test_nothing_changed_is_an_empty_matrix_that_says_so(cloned: Clone) -> None:
    cloned.push({"README.md": "new"})
    cloned.clone(depth=2)

    result = cloned.deploy()

    assert envs(result) == []
    assert (result.outputs["has-changes"], result.outputs["count"], result.outputs["reason"]) == (
        "false",
        "0",
        "unchanged",
    )
    assert "::notice::nothing to deploy since" in result.log


def test_everything_can_be_asked_for(cloned: Clone) -> None:
    cloned.push({"README.md": "new"})
    cloned.clone(depth=1)

    result = cloned.deploy(only_changed="false")

    assert envs(result) == ["dev", "staging", "prod"]
    assert result.outputs["reason"] == "all"


def test_any_commit_can_be_compared_with(cloned: Clone) -> None:
    start = cloned.before
    cloned.push({"envs/dev.json": one("1.0.0")})
    cloned.push({"envs/prod.json": one("1.0.0")})
    cloned.clone(depth=3)

    assert envs(cloned.deploy()) == ["prod"]
    assert envs(cloned.deploy(since=start)) == ["dev", "prod"]


def test_each_service_can_have_a_job_of_its_own(cloned: Clone) -> None:
    cloned.push({"envs/dev.json": '{"api":{"tag":"1"},"web":{"tag":"1"}}'})
    cloned.push({"envs/dev.json": '{"api":{"tag":"1"},"web":{"tag":"2"}}'})
    cloned.clone(depth=2)

    result = cloned.deploy(per="service")

    assert result.json("matrix")["include"] == [
        {"env": "dev", "service": "web", "file": "envs/dev.json", "tag": "2", "digest": "", "previous": "1"}
    ]
    assert "::notice::deploy 1 services since" in result.log
    assert "| dev | api | `1` | – |" in result.summary


def test_the_matrix_can_be_narrowed(cloned: Clone) -> None:
    cloned.push({f"envs/{env}.json": '{"api":{"tag":"2"},"web":{"tag":"2"}}' for env in ("dev", "prod")})
    cloned.clone(depth=2)

    result = cloned.deploy(environments="prod, staging", service="web", only_changed="false", per="service")

    assert [(entry["env"], entry["service"]) for entry in result.json("matrix")["include"]] == [("prod", "web")]


def test_more_jobs_than_a_matrix_holds_come_in_shards_that_give_them_all(cloned: Clone) -> None:
    """The inputs of a shard, given to the same action, are a matrix that fits."""
    files: dict[str, str | None] = {f"envs/e{n:03d}.json": '{"api":{"tag":"1"}}' for n in range(300)}
    cloned.push(files | {"gitops.yml": None})
    cloned.clone(depth=2)

    result = cloned.deploy()

    assert (result.outputs["matrix"], result.outputs["count"], result.outputs["has-changes"]) == ("", "300", "true")
    assert "::warning::300 jobs are more than one matrix holds" in result.log
    seen = []
    for shard in result.json("shards")["include"]:
        seen += envs(cloned.deploy(environments=shard["environments"], service=shard["service"]))
    assert seen == [f"e{n:03d}" for n in range(300)]


def test_more_jobs_than_two_levels_hold_are_refused(cloned: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actions.deployments.matrix.MOST_ENTRIES", 1)
    cloned.push({"envs/dev.json": one("2")})
    cloned.clone(depth=2)

    assert cloned.deploy(only_changed="false").outputs["reason"] == "invalid-input"


@pytest.mark.parametrize(
    ("inputs", "code", "reason", "said"),
    [
        pytest.param({"environments": "qa"}, 2, "unknown-env", "known: dev, prod, staging", id="no such env"),
        pytest.param({"service": "web"}, 2, "unknown-service", "there is: api", id="no such service"),
        pytest.param(
            {"envs_dir": "environments"},
            2,
            "unknown-env",
            "is the infra repository checked out",
            id="no env files at all",
        ),
        pytest.param({"per": "job"}, 2, "invalid-input", "it must be one of env, service", id="no such kind"),
        pytest.param({"since": "HEAD~1"}, 2, "invalid-input", "or a commit SHA", id="no SHA"),
    ],
)
def test_what_cannot_be_done_is_refused_with_an_empty_matrix(
    cloned: Clone, inputs: dict[str, str], code: int, reason: str, said: str
) -> None:
    cloned.push({"README.md": "new"})
    cloned.clone(depth=2)

    result = cloned.deploy(**inputs)

    assert (result.exit_code, result.outputs["reason"]) == (code, reason)
    assert (result.outputs["has-changes"], result.json("matrix")) == ("false", {"include": []})
    assert said in result.log


def test_a_file_that_cannot_be_read_is_shown_and_nothing_is_deployed(cloned: Clone) -> None:
    cloned.push({"envs/dev.json": "{"})
    cloned.clone(depth=2)

    result = cloned.deploy()

    assert (result.exit_code, result.outputs["has-changes"]) == (3, "false")
    assert "::error file=envs/dev.json,line=1::" in result.log


def test_a_token_that_cannot_read_is_an_error_and_not_everything(cloned: Clone) -> None:
    cloned.push({"envs/dev.json": one("1.0.0")})
    cloned.clone(depth=1)

    result = cloned.deploy(token="ghp_wrong")

    assert (result.exit_code, result.outputs["reason"], result.outputs["has-changes"]) == (
        6,
        "permission-denied",
        "false",
    )


def test_the_default_token_need_not_be_there(cloned: Clone) -> None:
    cloned.push({"envs/dev.json": one("1.0.0")})
    cloned.clone(depth=2)

    assert envs(cloned.deploy(token="")) == ["dev"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param('{"api": {"tag": "a b"}}', "left out: 'a b' in envs/prod.json is not a tag", id="no tag"),
        pytest.param('{"api": ', "left out: envs/prod.json:1: not JSON", id="no JSON"),
    ],
)
def test_an_environment_that_cannot_be_read_stops_no_other(cloned: Clone, text: str, problem: str) -> None:
    cloned.push({"envs/dev.json": one("1")})
    cloned.push({"envs/dev.json": one("2"), "envs/prod.json": text})
    cloned.clone(depth=2)

    both, alone = cloned.deploy(), cloned.deploy(environments="prod")

    assert envs(both) == ["dev"]
    assert f"::warning::{problem}" in both.log
    assert alone.exit_code != 0
    assert alone.outputs["has-changes"] == "false"


def test_what_is_no_tag_has_its_line(cloned: Clone) -> None:
    cloned.push({"envs/dev.json": '{"web": {"tag": "1"},\n"api": {\n"tag": "a b"}}'})
    cloned.clone(depth=1)

    assert "::error file=envs/dev.json,line=3::'a b' in envs/dev.json is not a tag" in cloned.deploy().log


def test_a_pinned_environment_is_deployed_with_its_digest(cloned: Clone) -> None:
    digest = f"sha256:{'a' * 64}"
    cloned.push({"envs/dev.json": one("1")})
    cloned.push({"envs/dev.json": one("2"), "envs/prod.json": one(f"1.0.0@{digest}")})
    cloned.clone(depth=2)

    found = {entry["env"]: (entry["tags"], entry["digests"]) for entry in cloned.deploy().json("matrix")["include"]}

    assert found == {"dev": ({"api": "2"}, {"api": ""}), "prod": ({"api": "1.0.0"}, {"api": digest})}
