from __future__ import annotations

import pytest

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
        pytest.param("[name={service}]", "is not a path to a tag", id="an item of nothing"),
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

    assert path.mentions({"api": {"url": "x"}}, "api")
    assert not path.mentions({"api": {"url": "x"}}, "web")


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


@pytest.mark.parametrize(("text", "expected"), [("{service}.image", True), ("a.baseImage", True), ("image.tag", False)])
def test_a_path_that_ends_with_image_holds_an_image(text: str, *, expected: bool) -> None:
    assert TagPath.parse(text).holds_image is expected


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        pytest.param({"api": {"tag": "1"}}, True, id="with a tag"),
        pytest.param({"api": {"url": "x"}}, True, id="without a tag"),
        pytest.param({"web": {"tag": "1"}}, False, id="not there"),
        pytest.param("api", False, id="no mapping"),
    ],
)
def test_a_tree_mentions_a_service_with_or_without_a_tag(tree: Tree, *, expected: bool) -> None:
    assert TagPath.parse("{service}.tag").mentions(tree, "api") is expected


def test_a_section_is_that_of_a_service_with_a_tag() -> None:
    tree: Tree = {"x": {"api": {"tag": "1"}, "none": {"url": "x"}}}
    items: Tree = {"images": [{"name": "api", "newTag": "1"}, {"name": "none"}]}

    assert list(TagPath.parse("x.{service}.tag").service_places(tree)) == [("api", ("x", "api"))]
    assert list(TagPath.parse("images[name={service}].newTag").service_places(items)) == [("api", ("images", 0))]
