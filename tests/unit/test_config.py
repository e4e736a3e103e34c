from __future__ import annotations

import pytest

from actions.config import Config
from actions.errors import ConfigError


def test_nothing_need_be_said() -> None:
    for text in ("", "# nothing\n", "environments:\nservices:\n"):
        config = Config.parse(text)

        assert config.layout("envs").paths("dev")[0] == "envs/dev.json"
        assert config.layout("envs").tag_path.text == "{service}.tag"
        assert config.needs_review("dev")
        assert config.repo_of("api", "your-org/app") == "your-org/app"


def test_everything_can_be_said() -> None:
    config = Config.parse(
        "environments:\n  dev: {review: none}\n  prod: {review: required}\n  qa:\n  none: ~\n"
        "files: overlays/{env}/kustomization.yaml\ntag: images[name={service}].newTag\n"
        "services:\n  api: {repo: your-org/api}\n  web: {}\n"
    )

    assert config.in_order(["zz", "prod", "qa", "a10", "a9", "dev"]) == ["dev", "prod", "qa", "a9", "a10", "zz"]
    assert [config.needs_review(env) for env in ("dev", "prod", "qa", "other")] == [False, True, True, True]
    assert config.layout("envs").paths("dev") == ["overlays/dev/kustomization.yaml"]
    assert config.repo_of("api", "x/y") == "your-org/api"
    assert config.repo_of("web", "x/y") == "x/y"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        pytest.param("environments: {}\nenviroments: {}\n", 2, "unknown key 'enviroments' of gitops.yml", id="a slip"),
        pytest.param("environments:\n  dev:\n    reviews: none\n", 3, "unknown key 'reviews'", id="a slip deeper"),
        pytest.param("environments: [dev]", 1, "environments must be a mapping", id="a list"),
        pytest.param("- a", 1, "gitops.yml must be a mapping", id="a list at the top"),
        pytest.param(
            "environments:\n  ../x: {}", 2, "cannot be the name of an environment", id="a name that leads out"
        ),
        pytest.param("environments:\n  dev: {review: maybe}", 2, "it can be 'required' or 'none'", id="no such review"),
        pytest.param("environments:\n  dev: {review: [x]}", 2, "review must be a text", id="a review that is a list"),
        pytest.param("files: /etc/{env}.json", 1, "must stay within the repository", id="an absolute path"),
        pytest.param("files: ../{env}.json", 1, "must stay within the repository", id="a path that leads out"),
        pytest.param("files: envs/{env}.ini", 1, "must end in .json, .yaml", id="another format"),
        pytest.param("files: envs/dev.json", 1, "must name {env} once", id="no environment in the path"),
        pytest.param("tag: a..b", 1, "is not a path to a tag", id="no path"),
        pytest.param("tag: image.tag", 1, "must stand in 'files' or in 'tag'", id="no service anywhere"),
        pytest.param("x: 1\nfiles: '{service}/{env}.json'", 1, "unknown key 'x'", id="the first of two errors"),
        pytest.param("files: '{service}/{env}.json'", 1, "and not in both", id="a service in both"),
        pytest.param("services:\n  api: {repo: app}", 2, "write it as owner/name", id="a repository without owner"),
        pytest.param("a: b: c", 1, "not YAML", id="no YAML"),
        pytest.param("files: envs/{env}.json\n---\nx: 1", 3, "a second document begins", id="two documents"),
        pytest.param("tag: images[name=x-{service}].newTag", 1, "is not a path to a tag", id="part of a value"),
        pytest.param("files: a\nfiles: b", 2, "there twice", id="a key twice"),
    ],
)
def test_a_mistake_is_named_with_its_line(text: str, line: int, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        Config.parse(text)

    assert (raised.value.file, raised.value.line) == ("gitops.yml", line)
