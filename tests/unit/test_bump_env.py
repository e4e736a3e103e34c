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
    assert result.json("changes") == [
        {"env": "dev", "service": "api", "file": "envs/dev.json", "from": OLD, "to": NEW, "digest": ""}
    ]
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
            {"env": "empty", "service": "api", "tag": NEW}, "no-tag", 3, "file=envs/empty.toml,line=2", id="no"
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


# Digests

D, E = "sha256:" + "d" * 64, "sha256:" + "e" * 64
LAYOUTS = [
    pytest.param("", "envs/dev.json", '{\n "api": {"tag": "1.0.0", "digest": "%s"}\n}\n', id="JSON"),
    pytest.param("", "envs/dev.yaml", 'api:\n  tag: 1.0.0 # api\n  digest: "%s" # of 1.0.0\n', id="YAML"),
    pytest.param("", "envs/dev.toml", "[api]\ntag = '1.0.0' # api\ndigest = '%s' # it\n", id="TOML"),
    pytest.param(
        "files: overlays/{env}/kustomization.yaml\ntag: images[name={service}].newTag\n",
        "overlays/dev/kustomization.yaml",
        'images:\n- name: api\n  newTag: 1.0.0\n  digest: "%s"\n',
        id="a kustomization",
    ),
    pytest.param(
        "files: charts/{service}/values-{env}.yaml\ntag: image.tag\n",
        "charts/api/values-dev.yaml",
        "image:\n  tag: 1.0.0\n  digest: '%s'\n",
        id="Helm values",
    ),
]


@pytest.mark.parametrize(("gitops", "path", "text"), LAYOUTS)
def test_a_digest_is_set_with_its_tag_and_dropped_only_where_gitops_yml_says_so(
    runner: Runner, gitops: str, path: str, text: str
) -> None:
    """In kustomize and Helm, the digest of the tag before would win over the new tag."""
    (runner.workspace / "envs/dev.json").unlink()
    runner.write({"gitops.yml": gitops, path: text % ""})

    first = runner.run("action-bump-env", env="dev", tag="1.1.0", digest=D)
    pinned = runner.read(path)
    other = runner.run("action-bump-env", env="dev", tag="1.1.0", digest=E)
    again = runner.run("action-bump-env", env="dev", tag="1.1.0", digest=E)
    same = runner.run("action-bump-env", env="dev", tag="1.1.0")
    moved = runner.read(path)
    refused = runner.run("action-bump-env", env="dev", tag="1.2.0")
    unmoved = runner.read(path)
    runner.write({"gitops.yml": f"{gitops}digest: drop\n"})
    bare = runner.run("action-bump-env", env="dev", tag="1.2.0")

    assert pinned == text.replace("1.0.0", "1.1.0", 1) % D
    assert moved == unmoved == text.replace("1.0.0", "1.1.0", 1) % E
    line = text.partition("%s")[0].count("\n") + 1
    problem = f"{path}:{line}: 'api' is pinned to a digest, which would win over a new tag; give the input digest"
    assert refused.outputs["reason"] == "invalid-env-file"
    assert f"::error file={path},line={line}::{problem}" in refused.log
    assert runner.read(path) == text.replace("1.0.0", "1.2.0", 1) % ""
    assert [result.outputs["reason"] for result in (first, other, again, same, bare)] == [
        "changed", "changed", "up-to-date", "up-to-date", "changed",
    ]  # fmt: skip
    assert [result.json("changes")[0]["digest"] for result in (first, other, bare)] == [D, E, ""]
    assert other.log == "::notice::dev: api 1.1.0@dddddddddddd → 1.1.0@eeeeeeeeeeee\n"


@pytest.mark.parametrize(
    ("inputs", "text", "reason", "code", "said"),
    [
        pytest.param(
            {"tag": NEW, "digest": D}, "api:\n  url: x\n  tag: a\n", "invalid-env-file", 3,
            "::error file=envs/dev.yaml,line=3::envs/dev.yaml:3: service 'api' has no key for a digest;"
            ' add digest: "" beside its tag', id="no key",
        ),
        pytest.param(
            {"tag": NEW, "digest": "sha256:abc"}, "api: {tag: a, digest: ''}\n", "invalid-input", 2,
            "input digest is 'sha256:abc'; it must be sha256: and 64 lower-case hex digits", id="no digest",
        ),
        pytest.param(
            {"tags": f"api={NEW}", "digest": D}, "api: {tag: a, digest: ''}\n", "invalid-input", 2,
            "input digest needs input tag", id="several tags",
        ),
        pytest.param(
            {"from_env": "prod", "digest": D}, "api: {tag: a, digest: ''}\n", "invalid-input", 2,
            "input digest needs input tag", id="a copy",
        ),
        pytest.param(
            {"tag": NEW}, "api:\n  tag: a\n  digest: latest\n", "invalid-env-file", 3,
            "::error file=envs/dev.yaml,line=3::envs/dev.yaml:3: the digest of 'api' is 'latest'; write", id="odd",
        ),
    ],
)  # fmt: skip
def test_a_digest_that_cannot_be_set_changes_nothing(
    runner: Runner, inputs: dict[str, str], text: str, reason: str, code: int, said: str
) -> None:
    (runner.workspace / "envs/dev.json").unlink()
    runner.write({"envs/dev.yaml": text})

    result = runner.run("action-bump-env", env="dev", **inputs)

    assert (result.exit_code, result.outputs["reason"], result.outputs["changed"]) == (code, reason, "false")
    assert said in result.log
    assert runner.read("envs/dev.yaml") == text


def test_a_layout_without_a_place_for_a_digest_is_named(runner: Runner) -> None:
    (runner.workspace / "envs/dev.json").unlink()
    runner.write({"gitops.yml": 'tag: "{service}"\n', "envs/dev.yaml": "web: a\napi: a\n"})

    result = runner.run("action-bump-env", env="dev", service="api", tag="b", digest=D)

    assert result.outputs["reason"] == "invalid-env-file"
    assert "envs/dev.yaml:2: the digest of 'api' has no place beside its tag at {service}; use another" in result.log
    assert runner.run("action-bump-env", env="dev", service="api", tag="b").outputs["reason"] == "changed"


def test_a_promotion_copies_the_digest_too(runner: Runner) -> None:
    both = '{"api": {"tag": "%s", "digest": "%s"}}'
    runner.write({"envs/dev.json": both % ("2", D), "envs/prod.json": both % ("1", E)})

    pinned = runner.run("action-bump-env", env="prod", from_env="dev")
    after = runner.read("envs/prod.json")
    runner.write({"envs/dev.json": '{"api": {"tag": "3"}}'})
    refused = runner.run("action-bump-env", env="prod", from_env="dev")
    runner.write({"gitops.yml": "digest: drop\n"})
    bare = runner.run("action-bump-env", env="prod", from_env="dev")
    runner.write({"envs/dev.json": both % ("4", D), "envs/prod.json": '{"api": {"tag": "3"}}'})
    nowhere = runner.run("action-bump-env", env="prod", from_env="dev")

    assert (pinned.outputs["reason"], after) == ("changed", both % ("2", D))
    assert refused.outputs["reason"] == "invalid-env-file"
    assert bare.json("changes")[0] == {
        "env": "prod", "service": "api", "file": "envs/prod.json", "from": "2", "to": "3", "digest": "",
    }  # fmt: skip
    assert nowhere.outputs["reason"] == "invalid-env-file"
    assert "envs/prod.json:1: service 'api' has no key for a digest" in nowhere.log
