"""What a file holds beside the asked service stops nothing, and what shares its value is never changed unasked."""

from __future__ import annotations

import gc
import json
from collections.abc import Mapping

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from actions.errors import EnvFileError
from actions.infra.config_file import parse_config
from actions.infra.env_file import EnvFile
from actions.infra.formats import LARGE, yaml_format, yaml_nodes
from actions.tags import Artifact


@pytest.fixture(params=[yaml.CSafeLoader, yaml_nodes.PurePythonLoader], name="_parser", autouse=True)
def _parsers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_nodes, "LOADER", request.param)


def env_file(text: str, path: str = "envs/dev.yaml", gitops: str = "") -> EnvFile:
    return parse_config(gitops).layout("envs").env_file(path, text)


def bumped(file: EnvFile, **tags: str) -> str:
    return file.with_artifacts({service: Artifact(tag) for service, tag in tags.items()}).text


CHANGE_ALL = "services: {api: {shared: change-all}}\n"


@pytest.mark.parametrize(
    "beside",
    [
        pytest.param("db: {tag: 15}", id="a number"),
        pytest.param("filters: {tag: [a]}", id="a list"),
        pytest.param("filters: {tag: {a: b}}", id="a table"),
        pytest.param("'{{ .x }}': {tag: 1.0.0}", id="a template as a name"),
        pytest.param("'@acme/web': {tag: 1.0.0}", id="a name that is none"),
        pytest.param("x: &c {cpu: 1}\nweb: {<<: *c, port: 80}", id="a merge key"),
        pytest.param("x: [&c {cpu: 1}, &d {cpu: 2}]\nweb: {<<: [*c, *d]}", id="several merged"),
        pytest.param("x: &a 1\ny: &a 2\nz: *a", id="an anchor name used twice"),
        pytest.param("web: {url: a, url: b}", id="a key twice"),
        pytest.param("web: {tag: a}\nweb: {tag: b}", id="a service twice"),
        pytest.param("? [a, {b: c}]\n: d", id="a list as a key"),
        pytest.param("---\nweb: {tag: {a: b}}", id="another document"),
        pytest.param("web:\n  tag: ENC[AES256_GCM,data:x]", id="an encrypted tag"),
        pytest.param("web:\n  tag: |\n    a\n", id="a block of text"),
    ],
)
def test_a_neighbor_stops_nothing(beside: str) -> None:
    text = f"api:\n  tag: 1.0.0 # now\n{beside}\n"
    file = env_file(text)

    assert bumped(file, api="1.1.0") == text.replace("1.0.0 # now", "1.1.0 # now")
    assert file.tag("api") == "1.0.0"


def test_what_holds_no_tag_is_no_service_of_the_environment() -> None:
    text = json.dumps({"api": {"tag": "1"}, "db": {"tag": 15}, "f": {"tag": ["a"]}, "{{ x }}": {"tag": "2"}})

    assert env_file(text, "envs/dev.json").tags() == {"api": "1"}


def test_a_service_that_is_ambiguous_stops_its_environment_and_no_other_service() -> None:
    file = env_file("api: {tag: a}\nweb: {tag: a}\nweb: {tag: b}\n")

    second = env_file("a: b\n---\nweb: {tag: a}\nweb: {tag: b}\n")

    with pytest.raises(EnvFileError, match=r"^envs/dev\.yaml:3: key 'web' occurs twice"):
        file.tags()
    with pytest.raises(EnvFileError, match=r"^envs/dev\.yaml:4: key 'web' occurs twice"):
        second.tag("web")
    assert file.tag("api") == "a"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("base: &b {cpu: 1}\napi: {<<: *b, tag: a}\n", "base: &b {cpu: 1}\napi: {<<: *b, tag: NEW}\n",
                     id="merged beside the tag"),
        pytest.param("base: &b {tag: x}\napi: {<<: *b, tag: a}\n", "base: &b {tag: x}\napi: {<<: *b, tag: NEW}\n",
                     id="merged and overridden"),
        pytest.param("api: {<<: {tag: a}}\n", "api: {<<: {tag: NEW}}\n", id="merged from where nothing else is"),
        pytest.param("api: &b {tag: a}\nweb: {<<: *b, tag: c}\n", "api: &b {tag: NEW}\nweb: {<<: *b, tag: c}\n",
                     id="merged elsewhere and overridden"),
        pytest.param("api: {tag: &t a}\n", "api: {tag: &t NEW}\n", id="an anchor that nothing refers to"),
        pytest.param("api: {tag: &t 1.10}\n", "api: {tag: &t NEW}\n", id="an anchor of a number"),
    ],
)  # fmt: skip
def test_merge_keys_and_anchors_are_fine_unless_they_reach_the_tag(text: str, expected: str) -> None:
    assert bumped(env_file(text), api="new") == expected.replace("NEW", "new")


@pytest.mark.parametrize(
    ("text", "shares", "expected"),
    [
        pytest.param("api: {tag: &t a}\nweb: {tag: *t}\n", "web.tag", "api: {tag: &t NEW}\nweb: {tag: *t}\n",
                     id="aliased elsewhere"),
        pytest.param("x: &t a\napi: {tag: *t}\n", "x", "x: &t NEW\napi: {tag: *t}\n", id="an alias"),
        pytest.param("b: &b {tag: a}\napi: {<<: *b}\n", "b.tag", "b: &b {tag: NEW}\napi: {<<: *b}\n", id="merged"),
        pytest.param("api: &b {tag: a}\nweb: {<<: *b}\nl: [*b]\n", "web.tag, l.0.tag",
                     "api: &b {tag: NEW}\nweb: {<<: *b}\nl: [*b]\n", id="merged elsewhere"),
    ],
)  # fmt: skip
def test_what_shares_the_tag_changes_only_if_gitops_yml_says_so(text: str, shares: str, expected: str) -> None:
    with pytest.raises(EnvFileError, match=rf"anchor or a merge key: {shares} would change with it; write the value"):
        bumped(env_file(text), api="new")

    assert bumped(env_file(text, gitops=CHANGE_ALL), api="new") == expected.replace("NEW", "new")


def test_services_that_share_a_tag_cannot_get_two() -> None:
    both = "services: {api: {shared: change-all}, web: {shared: change-all}}\n"
    file = env_file("api: {tag: &t a}\nweb: {tag: *t}\n", gitops=both)

    with pytest.raises(EnvFileError, match=r":2: the tag of 'web' shares its value with another one, and is to be c"):
        bumped(file, api="b", web="c")
    assert bumped(file, api="b", web="b") == "api: {tag: &t b}\nweb: {tag: *t}\n"


@pytest.mark.parametrize(
    "text",
    [
        "api:\ttag\n",
        "api:\n  tag:\ta\t# now\n",
        "api: {\ttag:\ta\t}\n",
        "api:\n  tag: a\n  x: b\tc\n",
        "api:\n  tag: a\t\nweb: b\n",
        "api:\n  tag: &x\ta\n",
    ],
)
def test_tabs_that_go_accepts_are_accepted(text: str) -> None:
    """libyaml, of which go-yaml is a translation, takes them for blanks where no line is indented by them."""
    document = yaml_format.parse(text)

    assert document.tree == yaml.load(text, yaml.CSafeLoader)


@pytest.mark.parametrize("text", ["\tapi: {tag: a}\n", "api:\n\ttag: a\n", "-\ta\n"])
def test_tabs_that_go_refuses_are_refused(text: str) -> None:
    with pytest.raises(EnvFileError, match="not YAML"):
        env_file(text).tags()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param('{"api":{"tag":"a"}}', '{"api":{"tag":"new"}}', id="JSON"),
        pytest.param('{"api":{"tag":a}}', '{"api":{"tag":new}}', id="a plain value behind a key in quotes"),
        pytest.param('{"api":{"tag":}}', '{"api":{"tag": new}}', id="nothing behind a key in quotes"),
        pytest.param("api:\n  tag:\n", "api:\n  tag: new\n", id="nothing"),
    ],
)
def test_json_in_yaml_gets_no_blank_that_was_not_there(text: str, expected: str) -> None:
    assert bumped(env_file(text), api="new") == expected


NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,6}", fullmatch=True).filter(lambda name: name not in ("y", "n", "no", "on"))
TAGS = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,20}", fullmatch=True)


@given(
    st.dictionaries(NAMES, st.tuples(TAGS, TAGS), min_size=1, max_size=20), st.sampled_from(["yaml", "json", "toml"])
)
def test_any_number_of_tags_changes_at_once(services: Mapping[str, tuple[str, str]], extension: str) -> None:
    """One edit of all gives what an edit for each would."""
    texts = {
        "json": json.dumps({name: {"tag": old} for name, (old, _) in services.items()}, indent=1),
        "yaml": "".join(f"{name}:\n  tag: '{old}' # of {name}\n" for name, (old, _) in services.items()),
        "toml": "".join(f"[{name}]\ntag = '{old}'\n" for name, (old, _) in services.items()),
    }
    file = env_file(texts[extension], f"envs/dev.{extension}")
    one_by_one = file
    for name, (_, new) in services.items():
        one_by_one = one_by_one.with_artifacts({name: Artifact(new)})

    at_once = file.with_artifacts({name: Artifact(new) for name, (_, new) in services.items()})

    assert at_once.text == one_by_one.text
    assert at_once.tags() == {name: new for name, (_, new) in services.items()}


SCALARS = st.sampled_from(
    ["a", "1", "&x b", "*x", "[c]", "{d: e}", "{<<: *m, f: g}", "~", "'h'", "{tag: i}", "!!str j"]
)


@given(st.lists(st.tuples(NAMES, SCALARS), max_size=8), TAGS)
def test_an_edit_is_refused_or_changes_the_tag_alone(beside: list[tuple[str, str]], new: str) -> None:
    """Whatever stands beside it: other parsers see the new tag as a string, and everything else as it was."""
    head = "m: &m {k: &x v}\n"
    text = head + "".join(f"{name}: {value}\n" for name, value in beside) + "api-x: {tag: old}\n"
    before = yaml.load(text.replace("&x b", "b"), yaml.CSafeLoader)
    file = env_file(text)

    after = yaml.load(bumped(file, **{"api-x": new}).replace("&x b", "b"), yaml.CSafeLoader)

    assert after == before | {"api-x": {"tag": new}}


@pytest.mark.parametrize("enabled", [True, False])
def test_the_garbage_collector_is_left_as_it_was(*, enabled: bool) -> None:
    before = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        yaml_format.parse("a: b")

        assert gc.isenabled() is enabled
    finally:
        (gc.enable if before else gc.disable)()


@pytest.mark.parametrize(("length", "kept"), [(10, False), (LARGE, True)])
def test_the_garbage_collector_looks_at_no_large_file(length: int, *, kept: bool) -> None:
    """Two such looks took longer than to read, edit and prove 1 MB."""
    frozen = gc.get_freeze_count()
    try:
        yaml_format.parse(f"a: {'b' * length}")

        assert (gc.get_freeze_count() > frozen) is kept
    finally:
        gc.unfreeze()
