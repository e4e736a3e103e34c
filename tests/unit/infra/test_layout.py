from __future__ import annotations

from contextlib import nullcontext

import pytest

from actions.errors import EnvFileError, InputError
from actions.infra.layout import Layout, natural
from actions.infra.tag_path import TagPath
from actions.tags import Artifact

KUSTOMIZE = Layout(patterns=("overlays/{env}/kustomization.yaml",), tag_path=TagPath.parse("{service}.tag"))
HELM = Layout(patterns=("charts/{service}/values-{env}.yaml",), tag_path=TagPath.parse("image.tag"))


@pytest.mark.parametrize(
    ("layout", "path", "owner"),
    [
        pytest.param(Layout.default("envs"), "envs/dev.json", ("dev", ""), id="the article's"),
        pytest.param(Layout.default("envs/"), "envs/eu-1.prod.yml", ("eu-1.prod", ""), id="a dot in the name"),
        pytest.param(Layout.default("envs"), "envs/dev.txt", None, id="another format"),
        pytest.param(Layout.default("envs"), "envs/x/dev.json", None, id="a folder below"),
        pytest.param(Layout.default("envs"), "envs/.dev.json", None, id="a hidden file"),
        pytest.param(KUSTOMIZE, "overlays/prod/kustomization.yaml", ("prod", ""), id="a folder for each environment"),
        pytest.param(HELM, "charts/web-app/values-dev.yaml", ("dev", "web-app"), id="a file for each service"),
    ],
)
def test_a_path_belongs_to_an_environment(layout: Layout, path: str, owner: object) -> None:
    assert layout.owner(path) == owner


def test_the_files_of_an_environment_are_where_the_patterns_say() -> None:
    assert Layout.default("envs").paths("dev") == [f"envs/dev.{e}" for e in ("json", "yaml", "yml", "toml")]
    assert HELM.paths("dev", ["api", "web"]) == ["charts/api/values-dev.yaml", "charts/web/values-dev.yaml"]


def test_files_are_grouped_by_environment_in_natural_order() -> None:
    texts = {f"envs/eu-{n}.json": f'{{"api":{{"tag":"{n}"}}}}' for n in (10, 9)} | {"README.md": ""}

    grouped = Layout.default("envs").group(texts)

    assert list(grouped) == ["eu-9", "eu-10"]
    assert grouped["eu-9"].tags() == {"api": "9"}


def test_an_environment_of_several_files_has_the_services_of_all() -> None:
    dev = HELM.group({f"charts/{s}/values-dev.yaml": f"image: {{tag: {s}-1}}" for s in ("api", "web")})["dev"]

    assert dev.tags() == {"api": "api-1", "web": "web-1"}
    assert dev.with_artifact("web", Artifact("web-2")).tags() == {"api": "api-1", "web": "web-2"}
    assert dev.file_of("web").path == "charts/web/values-dev.yaml"
    assert dev.file_of("none").path == "charts/api/values-dev.yaml"


@pytest.mark.parametrize(
    ("folder", "path"), [("./envs/", "envs/dev.json"), (".", "dev.json"), ("a b/c", "a b/c/dev.json")]
)
def test_the_folder_of_the_env_files_can_be_written_in_many_ways(folder: str, path: str) -> None:
    assert Layout.default(folder).paths("dev")[0] == path


@pytest.mark.parametrize("folder", ["/", "/etc", "..", "a/../b", "{env}", "a*", "x" * 5000])
def test_a_folder_that_is_none_within_the_repository_is_refused(folder: str) -> None:
    with pytest.raises(InputError, match="input envs-dir"):
        Layout.default(folder)


@pytest.mark.parametrize(
    ("layout", "paths", "refused"),
    [
        pytest.param(Layout.default("envs"), ["envs/dev.json", "envs/prod.json"], False, id="one each"),
        pytest.param(Layout.default("envs"), ["envs/dev.json", "envs/dev.yaml"], True, id="two formats"),
        pytest.param(Layout.default("envs"), ["envs/Dev.json", "envs/dev.json"], True, id="environments by case"),
        pytest.param(HELM, ["charts/Api/values-dev.yaml", "charts/api/values-dev.yaml"], True, id="services by case"),
        pytest.param(HELM, ["charts/api/values-dev.yaml", "charts/web/values-dev.yaml"], False, id="two services"),
    ],
)
def test_an_environment_has_one_file(layout: Layout, paths: list[str], *, refused: bool) -> None:
    context = pytest.raises(EnvFileError, match="for the same environment") if refused else nullcontext()
    with context:
        layout.require_one_file(paths)


def test_numbers_in_names_count() -> None:
    assert sorted(["a10", "a9", "a", "9", "10"], key=natural) == ["9", "10", "a", "a9", "a10"]
