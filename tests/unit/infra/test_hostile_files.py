"""Env files made to be slow, to be large in memory, to crash a parser, or to be read in two ways."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actions.errors import ActionError, EnvFileError
from actions.infra.env_file import EnvFile
from actions.infra.tag_path import TagPath
from actions.tags import Artifact
from tests.counting import calls, peak

TAG, NEW_TAG = "{service}.tag", "images[name={service}].newTag"


def env_file(text: str, path: str = "a.json", tag: str = TAG) -> EnvFile:
    return EnvFile(path=path, text=text, tag_path=TagPath.parse(tag), service="" if "{service}" in tag else "api")


def with_tag(file: EnvFile, tag: str) -> EnvFile:
    """Return *file* with *tag* for its service api."""
    return file.with_artifacts({"api": Artifact(tag)})


def refusal(text: str, path: str = "a.json", tag: str = TAG) -> EnvFileError:
    """Return how the file is refused when all of it is read."""
    with pytest.raises(EnvFileError) as raised:
        env_file(text, path, tag).tags()
    return raised.value


# Two sections for one service


@pytest.mark.parametrize(
    ("path", "tag", "text", "line"),
    [
        pytest.param("k.yaml", NEW_TAG, "images:\n- name: api\n  newTag: a\n- name: web\n  newTag: a\n"
                     "- name: api\n  newTag: b\n", 6, id="two entries of a kustomization"),
        pytest.param("k.yaml", NEW_TAG, "images:\n- name: api\n  newTag: a\n- name: api\n  digest: sha256:e1\n", 4,
                     id="a second entry without a tag: kustomize applies its digest"),
        pytest.param("k.yaml", NEW_TAG, "images:\n- newName: evil\n  name: api\n- name: api\n  newTag: a\n", 4,
                     id="a first entry without a tag"),
        pytest.param("k.yaml", NEW_TAG, "images: [{name: api, newTag: a}]\n---\nimages: [{name: api, newTag: b}]\n", 3,
                     id="entries of two documents"),
        pytest.param("a.yaml", TAG, "api: {tag: a}\n---\napi:\n  tag: b\n", 4, id="two documents"),
        pytest.param("a.yaml", TAG, "api: {tag: a}\n---\nx: y\n---\napi:\n  tag: a\n", 6, id="the same tag"),
        pytest.param("a.yaml", TAG, "api: {tag: a}\n---\napi: {url: x}\n", 3, id="a second document without a tag"),
        pytest.param("a.yaml", TAG, "api: {tag: a}\n---\napi: {}\n", 3, id="an empty section"),
        pytest.param("v.yaml", "image.tag", "image: {tag: a}\n---\nimage: {tag: b}\n", 3, id="Helm values"),
        pytest.param("a.json", TAG, '[{"api": {"tag": "a"}},\n{"api": {"tag": "x"}}]', 2, id="a list in JSON"),
        pytest.param("a.json", NEW_TAG, '{"images": [{"name": "api", "newTag": "a"},\n{"n": [1, {}], "name": "api"}]}',
                     2, id="entries in JSON, the name behind what is no text"),
        pytest.param("a.toml", NEW_TAG, "[[images]]\nname = 'api'\nnewTag = 'a'\n[[images]]\nn = 1\nname = 'api'\n", 6,
                     id="entries in TOML"),
        pytest.param("k.yaml", "spec.{service}[name=x].tag", "spec:\n  api:\n  - {name: x, tag: a}\n"
                     "---\nspec:\n  api:\n  - {name: x, tag: b}\n", 7, id="a service above a list"),
    ],
)  # fmt: skip
def test_two_sections_for_one_service_are_refused_with_file_and_line(path: str, tag: str, text: str, line: int) -> None:
    """Whoever reads the file takes the first, the last or both; a gate that looked at one would be fooled."""
    file = env_file(text, path, tag)
    message = re.compile(
        rf"{path}:{line}: service 'api' occurs twice, at lines \d+ and {line}; remove one, or say which"
    )
    looks: tuple[Callable[[], object], ...] = (
        file.tags,
        file.digests,
        file.parts,
        lambda: with_tag(file, "c"),
        lambda: file.digest("api"),
    )

    for look in looks:
        with pytest.raises(EnvFileError) as raised:
            look()
        assert message.match(str(raised.value))
        assert (raised.value.file, raised.value.line, raised.value.reason) == (path, line, "invalid-env-file")


@pytest.mark.parametrize(
    ("path", "tag", "text"),
    [
        pytest.param("k.yaml", NEW_TAG, "images:\n- {name: web}\n- {name: web}\n- {name: api, newTag: a}\n",
                     id="entries of what has no tag"),
        pytest.param("a.yaml", TAG, "api: {tag: a}\n---\nweb: {tag: a}\n", id="another service in a second document"),
        pytest.param("a.yaml", TAG, "kind: x\napi: {tag: a}\n---\nkind: y\n", id="what is no service"),
    ],
)  # fmt: skip
def test_what_names_no_service_twice_is_read(path: str, tag: str, text: str) -> None:
    file = env_file(text, path, tag)

    assert file.tags()["api"] == "a"
    assert with_tag(file, "b").tags()["api"] == "b"


def test_the_service_of_another_that_occurs_twice_is_not_our_business() -> None:
    """To edit one service, only its own sections must be clear."""
    text = "images:\n- {name: web, newTag: a}\n- {name: web, newTag: b}\n- {name: api, newTag: a}\n"

    assert with_tag(env_file(text, "k.yaml", NEW_TAG), "b").text == text.replace("api, newTag: a", "api, newTag: b")


# Size


def doubled_last(number: int) -> str:
    return "{" + ",".join(f'"k{n}": 1' for n in range(number)) + ', "k0": 2}'


def doubled_all(number: int) -> str:
    return "{" + ",".join(f'"k{n}": 1' for n in [*range(number), *range(number)]) + "}"


def deep(number: int) -> str:
    """As many values as *number*; 2000 of them are nearly as deep as is read."""
    depth = number * 150 // 2000
    return '{"x": ' + "[" * depth + ",".join(["1"] * number) + "]" * depth + ', "api": {"tag": "a"}}'


def many_entries(number: int) -> str:
    entries = [{"name": f"s{n}", "newTag": "a"} for n in range(number)]
    return json.dumps({"images": [*entries, {"name": "api", "newTag": "a"}, {"name": "api"}]})


def documents(number: int) -> str:
    return "".join(f"--- {{s{n}: {{tag: a}}}}\n" for n in range(number // 8)) * 2


def read(text: str, path: str = "a.json", tag: str = TAG) -> Callable[[], object]:
    def work() -> None:
        file = env_file(text, path, tag)
        for look in (file.tags, lambda: with_tag(file, "b")):
            with_refusal(look)

    return work


def with_refusal(look: Callable[[], object]) -> None:
    try:
        look()
    except ActionError:
        return


def dotted_values(number: int) -> str:
    return "x = [" + "1.5, " * number + "]\napi.tag = 'a'\n"


@pytest.mark.parametrize(
    ("path", "tag", "make"),
    [
        pytest.param("a.json", TAG, doubled_last, id="one key of JSON doubled"),
        pytest.param("a.json", TAG, doubled_all, id="all keys of JSON doubled"),
        pytest.param("a.json", TAG, deep, id="JSON nested deeply"),
        pytest.param("a.json", NEW_TAG, many_entries, id="entries, one of them doubled"),
        pytest.param("a.toml", TAG, dotted_values, id="TOML"),
        pytest.param("a.yaml", TAG, lambda number: "".join(f"k{n}: 1\n" for n in range(number)) + "k0: 1\n",
                     id="a key of YAML doubled"),
        pytest.param("a.yaml", TAG, documents,
                     id="documents of YAML doubled"),
        pytest.param("a.yaml", TAG, lambda number: "x: &x [" + "1, " * number + "]\ny: [*x, *x]\napi: {tag: a}\n",
                     id="aliases"),
    ],
)  # fmt: skip
def test_the_work_and_the_memory_grow_with_the_size_of_the_file(
    path: str, tag: str, make: Callable[[int], str]
) -> None:
    """Four times the size is four times the calls, not sixteen; memory comes in steps, as tables grow by doubling."""
    small, large = read(make(500), path, tag), read(make(2000), path, tag)
    small()  # what is imported or cached at first does not count

    assert calls(large) <= 6 * calls(small)
    assert peak(large) <= 8 * peak(small)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        pytest.param("a.json", '{"a":' * 950 + '{"b":1,"b":2}' + "}" * 950, id="a doubled key of JSON, deep"),
        pytest.param("a.json", '{"a":{"b":1,"b":2} nonsense', id="a doubled key, and no JSON behind it"),
        pytest.param("a.json", '{"a":{"b":1,"b":2}}}}', id="a doubled key, and too many brackets"),
        pytest.param("a.json", '{"a":' * 300 + "1" + "}" * 300, id="JSON that the parser reads"),
        pytest.param("a.json", "[" * 100_000, id="JSON without end"),
        pytest.param("a.json", '{"a":' * 100_000, id="objects without end"),
        pytest.param("a.yaml", "[" * 100_000, id="YAML without end"),
        pytest.param("a.toml", "a = " + "[" * 100_000, id="TOML without end"),
        pytest.param("a.toml", "a = " + "[" * 250 + "]" * 250, id="TOML that the parser reads"),
        pytest.param("a.toml", "a" + ".a" * 50_000 + " = 1", id="a key of TOML with 50,000 parts"),
        pytest.param("a.toml", "[x" + " . 'a.b'" * 50_000 + "]", id="a header with quoted parts"),
        pytest.param("a.toml", "x = {a" + ".a" * 50_000 + " = 1}", id="a key in an inline table"),
    ],
)
def test_what_nests_without_end_is_refused(path: str, text: str) -> None:
    assert refusal(text, path).reason == "invalid-env-file"


def test_dots_in_texts_of_toml_are_no_depth() -> None:
    dots = "." * 1000
    text = f"# {dots}\nx = '{dots}'\ny = \"{dots}\"\nz = '''\n{dots}'''\napi.tag = 'a'\n"

    assert env_file(text, "a.toml").tags() == {"api": "a"}


def test_the_first_doubled_key_is_named_with_its_own_line() -> None:
    found = refusal('{"a": 1,\n"api": {"tag": "x",\n"tag": "y"},\n"a": 2,\n"api": {"tag": "z",\n"tag": "z"}}')

    assert str(found) == "a.json:5: key 'api' occurs twice"


# Anything

PIECES = st.sampled_from(
    [
        *('{"', '"}', "{", "}", "[", "]", ":", ",", '"', "\\", "api", "tag", '"api":', '{"tag":"a"}', "a", "1", "\n"),
        *("- name: api\n", "  newTag: a\n", "images:\n", "---\n", "api:\n", "  tag: a\n", "&x ", "*x", "!!str ", "|\n"),
        *("[api]\n", "[[images]]\n", "tag = 'a'\n", "name = 'api'\n", "'''", '"""', ".", "=", "# ", "<<: ", "~", " "),
    ]
)


@settings(max_examples=150)
@given(
    st.lists(PIECES, max_size=30).map("".join),
    st.sampled_from(["a.json", "a.yaml", "a.toml"]),
    st.sampled_from([TAG, NEW_TAG, "{service}.image", "image.tag"]),
)
def test_any_file_is_read_or_refused_in_few_steps(text: str, path: str, tag: str) -> None:
    """Never a crash; what is edited has the new tag, and the edit is idempotent."""
    file = env_file(text, path, tag)

    def work() -> None:
        try:
            changed = with_tag(file, "b")
            assert with_tag(changed, "b").text == changed.text
            assert changed.tags()["api"] == "b"
        except ActionError:
            pass
        with_refusal(file.tags)
        with_refusal(file.parts)

    assert calls(work) < 20_000 + 2_000 * len(text)
