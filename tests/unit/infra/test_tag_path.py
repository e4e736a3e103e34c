from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.infra.tag_path import TagPath, Tree, is_deep, replaced_at, without


@pytest.mark.parametrize(
    ("text", "tree", "expected"),
    [
        pytest.param(
            "{service}.tag",
            {"api": {"tag": "1"}, "web": {"tag": "2"}, "region": "eu", "x": {}},
            {"api": ("api", "tag"), "web": ("web", "tag")},
            id="what holds a tag is a service",
        ),
        pytest.param("image.tag", {"image": {"tag": "1"}}, {"": ("image", "tag")}, id="the file names the service"),
        pytest.param(
            "images[name={service}].newTag",
            {"images": [{"name": "api", "newTag": "1"}, {"name": 7}, "x", {"name": "web"}]},
            {"api": ("images", 0, "newTag")},
            id="items of a list",
        ),
        pytest.param(
            "deploy[env=dev].{service}.tag",
            {"deploy": [{"env": "dev", "api": {"tag": "1"}}, {"env": "prod", "api": {"tag": "2"}}]},
            {"api": ("deploy", 0, "api", "tag")},
            id="one item of a list",
        ),
        pytest.param("images[name={service}].newTag", {"images": {}}, {}, id="no list where one should be"),
        pytest.param("{service}.tag", "x", {}, id="no mapping at all"),
    ],
)
def test_a_path_finds_every_service_and_its_tag(text: str, tree: object, expected: object) -> None:
    assert dict(TagPath.parse(text).places(tree)) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "is not a path to a tag", id="nothing"),
        pytest.param("a..b", "is not a path to a tag", id="a step without a name"),
        pytest.param("[name={service}]", "ends at a list item", id="an item of the top"),
        pytest.param("images[name=a]tag", "is not a path to a tag", id="a key right behind an item"),
        pytest.param("images.[0].tag", "is not a path to a tag", id="a dot before an index"),
        pytest.param("images[name='a\"].tag", "is not a path to a tag", id="two kinds of quotes"),
        pytest.param("images[name=].tag", "is not a path to a tag", id="no value"),
        pytest.param("a.", "is not a path to a tag", id="a dot at the end"),
        pytest.param(".a", "is not a path to a tag", id="a dot at the start"),
        pytest.param("a[-1]", "is not a path to a tag", id="an index from the end"),
        pytest.param("{env}.tag", "has braces", id="the environment"),
        pytest.param("images[name={x}].tag", "has braces", id="other braces in a value"),
        pytest.param("a[b]", "is not a path to a tag", id="half an item"),
        pytest.param("images[name={service}]", "ends at a list item", id="no key for the tag"),
        pytest.param("{service}.{service}", "names the service twice", id="the service twice"),
    ],
)
def test_what_leads_to_no_tag_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TagPath.parse(text)


def test_a_service_without_a_tag_is_still_mentioned() -> None:
    path = TagPath.parse("{service}.tag")

    assert path.mention({"api": {"url": "x"}}, "api") == ("api",)
    assert path.mention({"api": {"url": "x"}}, "web") is None


def test_replacing_leaves_the_tree_as_it_is() -> None:
    tree = {"a": [{"b": "1"}, "c"]}

    assert replaced_at(tree, ("a", 0, "b"), "2") == {"a": [{"b": "2"}, "c"]}  # type: ignore[arg-type]
    assert tree == {"a": [{"b": "1"}, "c"]}


@pytest.mark.parametrize(
    ("text", "tree", "expected"),
    [
        pytest.param("{service}.tag", {"api": {"tag": "1"}, "x": {}}, {"api": ("api",)}, id="the default"),
        pytest.param("apps.{service}.image", {"apps": {"api": {"image": "1"}}}, {"api": ("apps", "api")}, id="deeper"),
        pytest.param(
            "apps.{service}.a.tag", {"apps": {"api": {"a": {"tag": "1"}}}}, {"api": ("apps", "api")}, id="below"
        ),
        pytest.param(
            "images[name={service}].newTag",
            {"images": [{"name": "x"}, {"name": "api", "newTag": "1"}]},
            {"api": ("images", 1)},
            id="an item",
        ),
    ],
)
def test_the_section_of_a_service_is_found(text: str, tree: object, expected: object) -> None:
    assert dict(TagPath.parse(text).service_places(tree)) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize("tree", [7, None, 1.5, True, "x", []])
def test_a_file_that_is_one_value_has_no_service(tree: object) -> None:
    assert dict(TagPath.parse("{service}.tag").places(tree)) == {}  # type: ignore[arg-type]


def test_every_document_of_a_file_is_looked_at() -> None:
    tree = [{"kind": "x"}, {"api": {"tag": "1"}}]

    assert dict(TagPath.parse("{service}.tag").places(tree)) == {"api": (1, "api", "tag")}  # type: ignore[arg-type]


def nested(levels: int, *, mappings: bool) -> Tree:
    tree: Tree = "x"
    for _ in range(levels):
        tree = {"a": "x", "b": tree} if mappings else ["x", tree]
    return tree


@pytest.mark.parametrize("mappings", [True, False])
@pytest.mark.parametrize(("levels", "expected"), [(0, False), (199, False), (200, True)])
def test_a_tree_is_deep_from_two_hundred_levels_on(levels: int, *, mappings: bool, expected: bool) -> None:
    assert is_deep(nested(levels, mappings=mappings)) is expected


def test_a_tree_without_places_keeps_the_rest() -> None:
    tree: Tree = {"a": [{"b": 1, "c": 2}, 3, 4], "d": {"e": 5}, "f": 6}

    assert without(tree, {("a", 0, "b"), ("a", 1), ("d",)}) == {"a": [{"c": 2}, 4], "f": 6}
    assert without(tree, set()) == tree


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{service}.image", True),
        ("a.baseImage", True),
        ("image.tag", False),
        ("kustomize.images[0]", True),
        ("image[0]", False),
        ("images", False),
    ],
)
def test_a_path_that_ends_with_image_holds_an_image(text: str, *, expected: bool) -> None:
    assert TagPath.parse(text).holds_image is expected


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        pytest.param({"api": {"tag": "1"}}, ("api", "tag"), id="with a tag"),
        pytest.param({"api": {"url": "x"}}, ("api",), id="without a tag"),
        pytest.param({"web": {"tag": "1"}}, None, id="not there"),
        pytest.param("api", None, id="no mapping"),
    ],
)
def test_a_tree_mentions_a_service_with_or_without_a_tag(tree: Tree, expected: object) -> None:
    assert TagPath.parse("{service}.tag").mention(tree, "api") == expected
    assert TagPath.parse("{service}.tag").of("api").mention(tree, "api") == expected


def test_a_path_without_the_service_mentions_none() -> None:
    assert TagPath.parse("image.tag").of("api").mention({"image": {}}, "api") is None


KUSTOMIZATION: Tree = {
    "images": [
        {"name": "ghcr.io/org/api", "newTag": "1"},
        {"name": "docker.io/library/redis", "newTag": "7"},
        {"name": "web", "newName": "ghcr.io/org/shop-web", "newTag": "2"},
    ]
}
DOCUMENTS: Tree = [
    {"kind": "Namespace", "metadata": {"name": "api"}},
    {"kind": "HelmRelease", "metadata": {"name": "api"}, "spec": {"tag": "1"}},
    {"kind": "HelmRelease", "metadata": {"name": "web"}, "spec": {"tag": "2"}},
]


@pytest.mark.parametrize(
    ("text", "tree", "expected"),
    [
        pytest.param("images[name=ghcr.io/org/{service}].newTag", KUSTOMIZATION, {"api": ("images", 0, "newTag")},
                     id="text around the service"),
        pytest.param("images[newName=ghcr.io/org/shop-{service}].newTag", KUSTOMIZATION,
                     {"web": ("images", 2, "newTag")}, id="another field"),
        pytest.param("images[name={service}].newTag", KUSTOMIZATION, {"web": ("images", 2, "newTag")},
                     id="names that are none of a service are passed over"),
        pytest.param("images[name=docker.io/library/redis].newTag", KUSTOMIZATION, {"": ("images", 1, "newTag")},
                     id="dots and slashes in a value"),
        pytest.param("images[name='ghcr.io/org/{service}'].newTag", KUSTOMIZATION, {"api": ("images", 0, "newTag")},
                     id="a value in quotes"),
        pytest.param("images[2].newTag", KUSTOMIZATION, {"": ("images", 2, "newTag")}, id="an index"),
        pytest.param("images[3].newTag", KUSTOMIZATION, {}, id="an index too many"),
        pytest.param("images[0]", {"images": ["api:1"]}, {"": ("images", 0)}, id="an item that is the tag"),
        pytest.param("parameters[name=image.tag].value", {"parameters": [{"name": "image.tag", "value": "1"}]},
                     {"": ("parameters", 0, "value")}, id="Helm parameters"),
        pytest.param('a."acme.io/tag"', {"a": {"acme.io/tag": "1"}}, {"": ("a", "acme.io/tag")}, id="dots in a key"),
        pytest.param("'{service}.example.org'.tag", {"api.example.org": {"tag": "1"}},
                     {"api": ("api.example.org", "tag")}, id="the service within a key"),
        pytest.param("{service}-image.tag", {"api-image": {"tag": "1"}, "-image": {"tag": "1"}, "web": {"tag": "1"}},
                     {"api": ("api-image", "tag")}, id="a name before text"),
        pytest.param("[kind=HelmRelease][metadata.name={service}].spec.tag", DOCUMENTS,
                     {"api": (1, "spec", "tag"), "web": (2, "spec", "tag")}, id="documents by kind and name"),
        pytest.param("[kind=HelmRelease][metadata.name=web].spec.tag", DOCUMENTS, {"": (2, "spec", "tag")},
                     id="one document"),
        pytest.param("[1].spec.tag", DOCUMENTS, {"": (1, "spec", "tag")}, id="a document by its index"),
        pytest.param("[kind=A].tag", {"kind": "A", "tag": "1"}, {"": ("tag",)}, id="the only document"),
        pytest.param("[kind=B].tag", {"kind": "A", "tag": "1"}, {}, id="another kind"),
        pytest.param("[kind=A].tag", "x", {}, id="one value"),
        pytest.param("l[a.b=c].t", {"l": [{"a": "x", "t": "1"}, {"a": {"b": "c"}, "t": "1"}]}, {"": ("l", 1, "t")},
                     id="a field below a text"),
    ],
)  # fmt: skip
def test_a_path_leads_through_whatever_helm_and_kustomize_read(text: str, tree: Tree, expected: object) -> None:
    assert dict(TagPath.parse(text).places(tree)) == expected


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        pytest.param("ghcr.io/org/api", ("images", 0, "newTag"), id="name"),
        pytest.param("ghcr.io/org/shop-web", ("images", 2, "newTag"), id="newName"),
        pytest.param("ghcr.io/org/none", None, id="none"),
    ],
)
def test_an_image_may_be_called_differently_than_its_service(image: str, expected: object) -> None:
    path = replace(TagPath.parse("images[name={service}].newTag"), images=(("shop", image),))

    assert dict(path.places(KUSTOMIZATION)).get("shop") == expected
    assert [place for _, place in path.of("shop").places(KUSTOMIZATION)] == ([expected] if expected else [])


def test_an_image_has_nothing_to_do_with_a_list_of_other_things() -> None:
    """Only where the path asks for a service is the name of its image looked for."""
    path = replace(TagPath.parse("images[name=web].newTag"), images=(("shop", "web"),))

    assert dict(path.places(KUSTOMIZATION)) == {"": ("images", 2, "newTag")}


NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,6}", fullmatch=True)
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], exclude_characters="\"'[]{}"), min_size=1)


@given(NAMES, WORDS, WORDS, st.integers(0, 3))
def test_any_key_and_value_can_be_said_in_quotes(service: str, key: str, value: str, index: int) -> None:
    tree: Tree = {key: [{"name": value + service + value, "list": ["x", "x", "x", "1"]}]}

    path = TagPath.parse(f'"{key}"[name="{value}{{service}}{value}"].list[{index}]')

    assert list(path.places(tree)) == [(service, (key, 0, "list", index))]


def test_a_section_is_that_of_a_service_with_a_tag() -> None:
    tree: Tree = {"x": {"api": {"tag": "1"}, "none": {"url": "x"}}}
    items: Tree = {"images": [{"name": "api", "newTag": "1"}, {"name": "none"}]}

    assert list(TagPath.parse("x.{service}.tag").service_places(tree)) == [("api", ("x", "api"))]
    assert list(TagPath.parse("images[name={service}].newTag").service_places(items)) == [("api", ("images", 0))]
