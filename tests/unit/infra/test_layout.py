from __future__ import annotations

from contextlib import nullcontext

import pytest

from actions.errors import EnvFileError, InputError
from actions.infra.config_file import parse_config
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
    assert dev.with_artifacts({"web": Artifact("web-2")}).tags() == {"api": "api-1", "web": "web-2"}
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


def said(gitops: str, files: dict[str, str]) -> dict[str, dict[str, str]]:
    """Return the tags of every environment of *files*, according to *gitops*."""
    layout = parse_config(gitops).layout("envs")
    layout.require_one_file(files)
    return {env: snapshot.tags() for env, snapshot in layout.group(files).items()}


@pytest.mark.parametrize(
    ("gitops", "files", "tags"),
    [
        pytest.param(
            "files: chart/values-{env}.yaml\ntag: image.tag\n",
            {"chart/values-dev.yaml": "image: {tag: a}\n", "chart/values.yaml": "image: {tag: x}\n"},
            {"dev": {"app": "a"}},
            id="one app, which nothing names",
        ),
        pytest.param(
            "files: chart/values-{env}.yaml\ntag: image.tag\nservices: {shop: {}, worker: {path: worker.tag}}\n",
            {"chart/values-dev.yaml": "image: {tag: a}\nworker: {tag: b}\n"},
            {"dev": {"shop": "a", "worker": "b"}},
            id="one app and a service with a path of its own",
        ),
        pytest.param(
            "files: apps/{service}/overlays/{env}/kustomization.yaml\ntag: images[name=org/{service}].newTag\n",
            {
                "apps/api/overlays/dev/kustomization.yaml": "images: [{name: org/api, newTag: a}, {name: org/web,"
                " newTag: x}]\n",
                "apps/web/overlays/dev/kustomization.yaml": "images: [{name: org/web, newTag: b}]\n",
            },
            {"dev": {"api": "a", "web": "b"}},
            id="the service in the name of the file and in its text",
        ),
        pytest.param(
            "files: image-tags/{env}/{service}\nformat: yaml\ntag: image_tag\n",
            {"image-tags/dev/api": "image_tag: v1\n", "image-tags/dev/web": "image_tag: v2\n"},
            {"dev": {"api": "v1", "web": "v2"}},
            id="files without an extension",
        ),
        pytest.param(
            "files: tags/{env}\nformat: json\n",
            {"tags/dev": '{"api": {"tag": "a"}}'},
            {"dev": {"api": "a"}},
            id="JSON without an extension",
        ),
        pytest.param(
            "files: values-{env}.yaml\nservices: {api: {path: backend.image.tag}, web: {path: web.image.tag}}\n",
            {"values-dev.yaml": "backend: {image: {tag: a}}\nweb: {image: {tag: b}}\nbusybox: {tag: 1.36}\n"},
            {"dev": {"api": "a", "web": "b"}},
            id="only paths of their own: the default does not hold beside them",
        ),
        pytest.param(
            "services:\n  api: {files: 'charts/{service}/{env}.yaml', path: image.tag}\n  web: {files: '{env}.json'}\n",
            {"charts/api/dev.yaml": "image: {tag: a}", "dev.json": '{"web": {"tag": "b"}, "api": {"tag": "x"}}'},
            {"dev": {"api": "a", "web": "b"}},
            id="files of their own",
        ),
        pytest.param(
            "services: {api: {files: 'x-{env}.yaml', path: a.tag}, web: {files: 'x-{env}.yaml', path: b.tag}}\n",
            {"x-dev.yaml": "a: {tag: a}\nb: {tag: b}\nc: {tag: c}\n"},
            {"dev": {"api": "a", "web": "b"}},
            id="two services in one file of their own",
        ),
        pytest.param(
            "files: envs/{env}.json\nservices: {web: {files: 'web/{env}.json'}}\n",
            {"envs/dev.json": '{"api": {"tag": "a"}, "web": {"tag": "x"}}', "web/dev.json": '{"web": {"tag": "b"}}'},
            {"dev": {"api": "a", "web": "b"}},
            id="what has files of its own is not looked for in the others",
        ),
        pytest.param(
            "files: k/{env}.yaml\ntag: images[name={service}].newTag\nservices: {shop: {image: ghcr.io/org/api}}\n",
            {"k/dev.yaml": "images: [{name: ghcr.io/org/api, newTag: a}, {name: web, newTag: b}]\n"},
            {"dev": {"shop": "a", "web": "b"}},
            id="an image that is called differently",
        ),
        pytest.param(
            "files: '{service}/{env}.yaml'\ntag: images[name={service}].newTag\n"
            "services: {shop: {image: ghcr.io/org/api}}\n",
            {"shop/dev.yaml": "images: [{name: x, newName: ghcr.io/org/api, newTag: a}]\n"},
            {"dev": {"shop": "a"}},
            id="an image that is called differently, in a file of its own",
        ),
    ],
)
def test_gitops_yml_says_where_the_tags_are(
    gitops: str, files: dict[str, str], tags: dict[str, dict[str, str]]
) -> None:
    layout = parse_config(gitops).layout("envs")

    assert said(gitops, files) == tags
    for service in tags["dev"]:
        edited = layout.group(files)["dev"].with_artifacts({service: Artifact("new")})
        assert edited.tags() == tags["dev"] | {service: "new"}


def test_layouts_can_be_compared_and_kept() -> None:
    """The evidence looks for the same one among those of earlier commits."""
    text = "files: k/{env}.yaml\nservices: {shop: {image: a, path: 'a[x={service}].b', files: 'x/{env}.yaml'}}\n"
    other = text.replace("image: a", "image: b")

    assert {parse_config(each).layout("envs") for each in (text, text, other)} == {
        parse_config(text).layout("envs"),
        parse_config(other).layout("envs"),
    }
    assert parse_config("services: {api: {repo: a/b}}").layout("envs") == parse_config("").layout("envs")
    assert parse_config(text).layout("envs").patterns == ("k/{env}.yaml", "x/{env}.yaml")


def test_files_of_their_own_come_before_those_of_all() -> None:
    layout = parse_config("files: '{service}/{env}.yaml'\nservices: {web: {files: 'x/y-{env}.yaml'}}\n").layout("envs")

    assert layout.owner("x/y-dev.yaml") == ("dev", "web")
    assert layout.owner("x/dev.yaml") == ("dev", "x")


def test_a_service_with_a_path_of_its_own_is_a_part_of_its_own() -> None:
    """A change of its tag or digest is no change of another service, though it stands in its section."""
    gitops = "tag: '{service}.tag'\nservices: {job: {path: api.job.tag}}\n"
    file = (
        parse_config(gitops).layout("envs").env_file("envs/dev.yaml", "api: {tag: a, job: {tag: b, digest: c}}\nx: y\n")
    )

    assert file.parts() == (
        {"job": ["b", "c"], "api": {"tag": "a", "job": {"tag": None, "digest": None}}},
        {"x": "y"},
    )
    assert file.tags() == {"job": "b", "api": "a"}
