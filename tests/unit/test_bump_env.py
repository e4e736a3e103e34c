from __future__ import annotations

import pytest

from tests.support import Runner

ARTICLE = '{\n  "api": {\n    "url": "https://registry.example.com/api",\n    "tag": "OLD"\n  }\n}\n'
OLD, NEW = "0c409f3174e39c944adb598ada1fd632fac389a1", "31cb393213ee8a3d3b6ed95f76eb023d5b25e36a"


@pytest.fixture(autouse=True)
def _infra(runner: Runner) -> None:
    runner.write({f"envs/{env}.json": ARTICLE.replace("OLD", OLD) for env in ("dev", "prod")})


def test_a_bump_changes_the_tag_and_says_so(runner: Runner) -> None:
    result = runner.run("action-bump-env", env="dev", tag=NEW)

    assert result.exit_code == 0
    assert runner.read("envs/dev.json") == ARTICLE.replace("OLD", NEW)
    assert runner.read("envs/prod.json") == ARTICLE.replace("OLD", OLD)
    assert result.json("changes") == [{"env": "dev", "service": "api", "file": "envs/dev.json", "from": OLD, "to": NEW}]
    assert {name: result.outputs[name] for name in ("changed", "previous-tag", "tag", "reason")} == {
        "changed": "true",
        "previous-tag": OLD,
        "tag": NEW,
        "reason": "changed",
    }
    assert result.log == "::notice::dev: api 0c409f3174e3 → 31cb393213ee\n"
    assert "| api | `0c409f3174e3` | `31cb393213ee` | `envs/dev.json` |" in result.summary


def test_a_second_bump_has_nothing_to_do_and_writes_nothing(runner: Runner) -> None:
    runner.run("action-bump-env", env="dev", tag=NEW)
    before = (runner.workspace / "envs" / "dev.json").stat()

    result = runner.run("action-bump-env", env="dev", tag=NEW)

    assert (result.exit_code, result.outputs["changed"], result.outputs["reason"]) == (0, "false", "up-to-date")
    assert result.outputs["previous-tag"] == NEW
    assert (runner.workspace / "envs" / "dev.json").stat().st_ino == before.st_ino


def test_a_promotion_copies_the_tag_and_not_the_url(runner: Runner) -> None:
    runner.write({"envs/dev.json": ARTICLE.replace("OLD", NEW).replace("example.com", "dev.example.com")})

    result = runner.run("action-bump-env", env="prod", from_env="dev")

    assert result.outputs["reason"] == "changed"
    assert runner.read("envs/prod.json") == ARTICLE.replace("OLD", NEW)


def test_several_services_change_together_or_not_at_all(runner: Runner) -> None:
    runner.write({"envs/dev.json": '{"api":{"tag":"1"},"web":{"tag":"1"}}'})

    assert runner.run("action-bump-env", env="dev", tags="api=2\njob=2").exit_code == 2
    assert runner.read("envs/dev.json") == '{"api":{"tag":"1"},"web":{"tag":"1"}}'

    result = runner.run("action-bump-env", env="dev", tags="api=2\nweb=3\n")
    assert runner.read("envs/dev.json") == '{"api":{"tag":"2"},"web":{"tag":"3"}}'
    assert [change["service"] for change in result.json("changes")] == ["api", "web"]


def test_one_file_per_service(runner: Runner) -> None:
    runner.write(
        {
            "gitops.yml": "files: charts/{service}/values-{env}.yaml\ntag: image.tag\n",
            "charts/api/values-dev.yaml": "image:\n  tag: 1.0.0 # api\n",
            "charts/web/values-dev.yaml": "image:\n  tag: 1.0.0 # web\n",
        }
    )

    result = runner.run("action-bump-env", env="dev", service="web", tag="1.1.0")

    assert result.json("changes")[0]["file"] == "charts/web/values-dev.yaml"
    assert runner.read("charts/api/values-dev.yaml") == "image:\n  tag: 1.0.0 # api\n"
    assert runner.read("charts/web/values-dev.yaml") == "image:\n  tag: 1.1.0 # web\n"
    unknown = runner.run("action-bump-env", env="dev", service="job", tag="1.1.0")
    assert unknown.outputs["reason"] == "unknown-service"


@pytest.mark.parametrize(
    ("inputs", "reason", "code", "said"),
    [
        pytest.param(
            {"env": "qa", "tag": NEW}, "unknown-env", 2, "known: broken, dev, empty", id="no such environment"
        ),
        pytest.param({"env": "dev", "service": "web", "tag": NEW}, "unknown-service", 2, "it has: api", id="service"),
        pytest.param({"env": "dev", "tag": "a b"}, "invalid-tag", 2, "is not a tag", id="no tag"),
        pytest.param({"env": "../dev", "tag": NEW}, "invalid-input", 2, "is not a valid name", id="a path as env"),
        pytest.param(
            {"env": "dev", "service": "../x", "tag": NEW}, "invalid-input", 2, "is not a valid name", id="a path"
        ),
        pytest.param({"env": "dev"}, "invalid-input", 2, "give one of tag, tags, from-env", id="nothing asked"),
        pytest.param({"env": "broken", "tag": NEW}, "invalid-env-file", 3, "file=envs/broken.yaml,line=2", id="file"),
        pytest.param(
            {"env": "empty", "service": "api", "tag": NEW}, "no-tag", 3, "file=envs/empty.toml,line=1", id="no"
        ),
        pytest.param({"env": "out", "tag": NEW}, "unsafe-path", 3, "symbolic link", id="a link out"),
    ],
)
def test_what_cannot_be_done_is_refused_and_changes_nothing(
    runner: Runner, inputs: dict[str, str], reason: str, code: int, said: str
) -> None:
    runner.write({"envs/broken.yaml": "a: 1\nb: c: d\n", "envs/empty.toml": "[api]\nurl = 'x'\n"})
    (runner.workspace / "envs" / "out.json").symlink_to("/etc/hosts")
    before = {path: path.read_bytes() for path in runner.workspace.glob("envs/*")}

    result = runner.run("action-bump-env", **inputs)

    assert (result.exit_code, result.outputs["reason"], result.outputs["changed"]) == (code, reason, "false")
    assert said in result.log
    assert "Traceback" not in result.log
    assert {path: path.read_bytes() for path in runner.workspace.glob("envs/*")} == before


def test_a_mistake_in_gitops_yml_is_shown_at_its_line(runner: Runner) -> None:
    runner.write({"gitops.yml": "environments: {}\nfile: x\n"})

    result = runner.run("action-bump-env", env="dev", tag=NEW)

    assert (result.exit_code, result.outputs["reason"]) == (3, "invalid-config")
    assert "::error file=gitops.yml,line=2::" in result.log


@pytest.mark.parametrize(("env", "reason"), [("dev", "changed"), ("qa", "unknown-env")])
def test_no_other_file_is_written(runner: Runner, env: str, reason: str) -> None:
    before = {path: path.read_bytes() for path in runner.workspace.rglob("*") if path.is_file()}

    result = runner.run("action-bump-env", env=env, tag=NEW)

    after = {path: path.read_bytes() for path in runner.workspace.rglob("*") if path.is_file()}
    assert result.outputs["reason"] == reason
    assert after.keys() == before.keys()
    assert [path.name for path in before if before[path] != after[path]] == (["dev.json"] if env == "dev" else [])
