from __future__ import annotations

import json
import string
import tomllib
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from actions.errors import ActionError, EnvFileError, NoTagError, UnknownServiceError
from actions.infra.env_file import EnvFile
from actions.infra.formats import yaml_nodes
from actions.infra.tag_path import TagPath
from actions.tags import Artifact

OLD = "0c409f3174e39c944adb598ada1fd632fac389a1"
NEW = "31cb393213ee8a3d3b6ed95f76eb023d5b25e36a"
DIGITS = "1234567890" * 4
TAG = "{service}.tag"
SOPS = "sops:\n  mac: ENC[x]\n"
D, E = "sha256:" + "d" * 64, "sha256:" + "e" * 64


def env_file(text: str, *, path: str = "envs/dev.json", tag: str = "{service}.tag", service: str = "") -> EnvFile:
    tag_path = TagPath.parse(tag)
    return EnvFile(path=path, text=text, tag_path=tag_path.of(service) if service else tag_path, service=service)


def with_tag(file: EnvFile, service: str, tag: str) -> EnvFile:
    return file.with_artifacts({service: Artifact(tag, file.digest(service))})


def with_digest(file: EnvFile, service: str, digest: str) -> EnvFile:
    return file.with_artifacts({service: Artifact(file.tag(service), digest)})


@pytest.mark.parametrize(
    ("path", "tag", "text"),
    [
        pytest.param(
            "envs/dev.json",
            "{service}.tag",
            '{\n  "api": {\n    "url": "https://registry.example.com/api",\n    "tag": "OLD"\n  }\n}\n',
            id="the article's",
        ),
        pytest.param("a.json", "{service}.tag", '{"web":{"tag":"OLD"},"api":{"tag":"OLD"}}', id="same tag elsewhere"),
        pytest.param(
            "a.json", "{service}.tag", '\ufeff{\r\n\t"api" :\t{ "tag"\r\n: "OLD" }\r\n}', id="BOM, tabs, CRLF"
        ),
        pytest.param("a.json", "{service}.tag", '{"x":[1,{"tag":"OLD"},[]],"y":{},"api":{"tag":"OLD"}}', id="lists"),
        pytest.param("a.json", "{service}.tag", '{"\\u0061pi":{"\\u0074ag":"OLD","n":-1.5e3}}', id="escaped keys"),
        pytest.param("a.yaml", "{service}.tag", "api:\n  tag: OLD # now\nweb: {tag: OLD}\n", id="a comment"),
        pytest.param("a.yaml", "{service}.tag", "api:\r\n  'tag' : 'OLD'\r\n\r\n", id="quotes and CRLF"),
        pytest.param("a.yml", "{service}.tag", 'api: {url: x, "tag": "OLD"}', id="a flow mapping, no line end"),
        pytest.param("a.yaml", "{service}.tag", "x: &a OLD\ny: *a\napi: {tag: OLD}\n", id="an anchor elsewhere"),
        pytest.param("a.yaml", "{service}.tag", "api:\n  tag: &now OLD\n", id="an anchor that nothing refers to"),
        pytest.param("a.yaml", "{service}.tag", "api:\n  tag: !!str OLD\n", id="a type"),
        pytest.param("a.yaml", "{service}.tag", "api:\n  tag: &a !!str # why\n    'OLD'\n", id="a comment between"),
        pytest.param(
            "a.json",
            "images[name={service}].newTag",
            '{"images":[{"name":"web","newTag":"OLD"},{"name":"x"},{"name":"api","newTag":"OLD"}]}',
            id="a list in JSON",
        ),
        pytest.param("a.toml", "{service}.tag", "'OLD' = 'x'\napi.tag = 'OLD'\n", id="a key like the tag"),
        pytest.param("a.toml", "services.{service}.tag", "['services'.api]\n'tag' = 'OLD'\n", id="quoted keys"),
        pytest.param("a.toml", "{service}.tag", "# label, label-\napi.tag = 'OLD'\n", id="the search's own word"),
        pytest.param("a.toml", "{service}.tag", "n = nan\napi.tag = 'OLD'\n", id="a number that is none"),
        pytest.param("a.yaml", "{service}.tag", "%YAML 1.2\n---\napi: {tag: OLD}\n...\n", id="a directive"),
        pytest.param("a.yaml", "{service}.tag", "kind: x\n---\napi: {tag: OLD}\n---\nz: 1\n", id="several documents"),
        pytest.param("a.yaml", "{service}.tag", "# ☃ 𝄞\nñ: 𝄞\napi: {tag: OLD}\n", id="characters outside ASCII"),
        pytest.param(
            "overlays/dev/kustomization.yaml",
            "images[name={service}].newTag",
            "images:\n- name: web\n  newTag: OLD\n- newTag: OLD\n  name: api\n- {}\n- x\n",
            id="a kustomization",
        ),
        pytest.param("charts/api/values-dev.yaml", "image.tag", "image:\n  tag: OLD\n  x: 1\n", id="Helm values"),
        pytest.param("a.yaml", "{service}.image", "api:\n  image: registry:5000/api:OLD\n", id="an image reference"),
        pytest.param("a.json", "apps.{service}.image", '{"apps":{"api":{"image":"api:OLD"}}}', id="deeper"),
        pytest.param("a.toml", "{service}.tag", "[api]\ntag = 'OLD' # 'OLD'\n[web]\ntag = \"OLD\"\n", id="TOML"),
        pytest.param("a.toml", "{service}.tag", "web = {tag='OLD'}\r\napi = { tag=\"OLD\" }\r\n", id="inline tables"),
        pytest.param("a.toml", "{service}.tag", 'x = """\nOLD"""\napi.tag = """OLD"""\n', id="TOML in three quotes"),
        pytest.param("a.toml", "{service}.tag", "x = ['OLD', '''OLD''']\n['api']\n'tag' = 'OLD'", id="a TOML list"),
        pytest.param(
            "a.toml",
            "images[name={service}].newTag",
            "[[images]]\nname='web'\nnewTag='OLD'\n[[images]]\nname='api'\nnewTag='OLD'\n",
            id="TOML tables in a list",
        ),
    ],
)
def test_a_tag_is_replaced_and_not_one_other_byte(path: str, tag: str, text: str) -> None:
    """Of several places with the same value, the one of the service is the one that changes."""
    service = "api" if "{service}" not in tag else ""
    file = env_file(text.replace("OLD", OLD), path=path, tag=tag, service=service)

    changed = with_tag(file, "api", NEW)

    marked = [text[:at] + "NEW" + text[at + 3 :] for at in range(len(text)) if text.startswith("OLD", at)]
    assert changed.text in [candidate.replace("NEW", NEW).replace("OLD", OLD) for candidate in marked]
    assert changed.tags() == file.tags() | {"api": NEW}


@pytest.mark.parametrize(
    ("path", "text", "tag", "expected"),
    [
        pytest.param("a.json", '{"api":{"tag":null}}', NEW, f'{{"api":{{"tag":"{NEW}"}}}}', id="null in JSON"),
        pytest.param("a.json", '{"api":{"tag":""}}', NEW, f'{{"api":{{"tag":"{NEW}"}}}}', id="nothing in JSON"),
        pytest.param("a.json", '{"api":{"tag":"\\u0061"}}', "b", '{"api":{"tag":"b"}}', id="an escape in JSON"),
        pytest.param("a.yaml", "api:\n  tag:\n", NEW, f"api:\n  tag: {NEW}\n", id="nothing in YAML"),
        pytest.param("a.yaml", "api: {tag: ~}", NEW, f"api: {{tag: {NEW}}}", id="null in YAML"),
        pytest.param("a.yaml", "api:\n  tag: 1.10\n", "1.20", 'api:\n  tag: "1.20"\n', id="a number stays a text"),
        pytest.param("a.yaml", "api:\n  tag: x\n", DIGITS, f'api:\n  tag: "{DIGITS}"\n', id="a SHA of digits only"),
        pytest.param("a.yaml", "api:\n  tag: x\n", "12e45", 'api:\n  tag: "12e45"\n', id="a number in YAML 1.2 only"),
        pytest.param("a.yaml", "api:\n  tag: x\n", "yes", 'api:\n  tag: "yes"\n', id="a boolean in YAML 1.1 only"),
        pytest.param("a.yaml", "api:\n  tag: x\n", "1.2.3", "api:\n  tag: 1.2.3\n", id="a version is a text"),
        pytest.param("a.toml", 'api.tag = "\\u0061"', "b", 'api.tag = "b"', id="an escape in TOML"),
        pytest.param("a.toml", "api.tag = ''", "b", "api.tag = 'b'", id="nothing in TOML"),
        pytest.param("a.toml", "mark = 'mark'\napi.tag = 'x'", "b", "mark = 'mark'\napi.tag = 'b'", id="our own mark"),
    ],
)
def test_what_was_there_decides_how_the_new_tag_is_written(path: str, text: str, tag: str, expected: str) -> None:
    assert with_tag(env_file(text, path=path), "api", tag).text == expected


def test_an_image_without_a_tag_gets_one() -> None:
    file = env_file("api: {image: registry:5000/api}", path="a.yaml", tag="{service}.image")

    assert file.tags() == {"api": ""}
    assert with_tag(file, "api", "1.2.3").text == "api: {image: registry:5000/api:1.2.3}"


@pytest.mark.parametrize(
    ("path", "tag", "text", "error", "message", "line"),
    [
        pytest.param("a.json", TAG, "{", EnvFileError, "a.json:1: not JSON", 1, id="no JSON"),
        pytest.param("a.json", TAG, '{\n"api":{},\n"api":{"tag":"x"}}', EnvFileError, "'api' occurs", 3, id="key"),
        pytest.param("a.json", TAG, '{"api":{"tag":"x",\n"tag":\n"y"}}', EnvFileError, "'tag' occurs", 2, id="tag"),
        pytest.param("a.json", TAG, '{"a":1,\n"a":2,\n}', EnvFileError, "a.json:3: not JSON", 3, id="and a fault"),
        pytest.param("a.json", TAG, "[" * 100_000, EnvFileError, "nested too deeply", 1, id="deep JSON"),
        pytest.param("a.yaml", TAG, "[" * 200_000, EnvFileError, "nested too deeply", 1, id="very deep YAML"),
        pytest.param("a.yaml", TAG, "[" * 900 + "]" * 900, EnvFileError, "nested too deeply", 1, id="deep YAML"),
        pytest.param("a.yaml", TAG, "[[]," * 99_999 + "]" * 99_999, EnvFileError, "nested too", 1, id="beside others"),
        pytest.param("a.yaml", TAG, "a: \ud800", EnvFileError, "not YAML", 1, id="half a character"),
        pytest.param("a.toml", TAG, "x = " + "[" * 9999, EnvFileError, "nested", 1, id="deep TOML"),
        pytest.param("a.json", TAG, '{"n": NaN}', EnvFileError, "NaN is not a number", 1, id="NaN"),
        pytest.param("a.json", TAG, "[" + "1" * 5000 + "]", EnvFileError, "too long", 1, id="digits"),
        pytest.param("a.toml", TAG, "n = " + "1" * 5000, EnvFileError, "too long", 1, id="TOML digits"),
        pytest.param("a.toml", TAG, ".".join(["a"] * 900) + " = 1", EnvFileError, "nested too deeply", 1, id="dots"),
        pytest.param("a.yaml", TAG, "api:\n  tag: !!int 7\n", EnvFileError, "a type of its own", 2, id="an integer"),
        pytest.param("a.yaml", TAG, "api:\n  tag: !!str\n", EnvFileError, "is empty behind its", 2, id="typed nothing"),
        pytest.param("a.yaml", TAG, "d: &d {tag: x}\napi: {<<: *d}", EnvFileError,
                     "merge key: d.tag would change with it; write the value itself there, or say shared: change-all",
                     2, id="a tag that is merged"),
        pytest.param("a.toml", TAG, 'api.tag = """\nx"""', EnvFileError, "stands on several lines", 1, id="lines"),
        pytest.param("a.yaml", "{service}.image", "api: {image: }", EnvFileError, "image first", 1, id="image"),
        pytest.param("a.yaml", TAG, "a: b: c", EnvFileError, "a.yaml:1: not YAML", 1, id="no YAML"),
        pytest.param("a.yaml", TAG, "a: \x01", EnvFileError, "not YAML", 1, id="a control character"),
        pytest.param("a.yaml", TAG, "api: {tag: x}\napi: {}", NoTagError, "no tag", 2, id="the last key counts"),
        pytest.param("a.yaml", TAG, "api: {}\napi: {tag: x}", EnvFileError, "'api' occurs twice", 2, id="YAML key"),
        pytest.param("a.toml", TAG, "a = 1\na = 2\n", EnvFileError, "not TOML", 2, id="TOML key"),
        pytest.param("a.toml", TAG, "a = ", EnvFileError, "not TOML", 1, id="no TOML"),
        pytest.param("a.json", TAG, "{}", UnknownServiceError, "no service 'api' in a.json; it has: none", 1,
                     id="empty"),
        pytest.param("a.json", TAG, '{"web":{"tag":"x"},"n":1}', UnknownServiceError, "it has: web", 1,
                     id="another service"),
        pytest.param("a.json", TAG, '{"api":{"url":"x"}}', NoTagError, "has no tag in a.json at", 1, id="none"),
        pytest.param("a.json", TAG, '{"api":{"tag":5}}', EnvFileError, "is 5, not a string", 1, id="number"),
        pytest.param("a.json", TAG, '{"api":{"tag":["x"]}}', EnvFileError, "is a list", 1, id="a list"),
        pytest.param("a.toml", TAG, "api.tag = 1", EnvFileError, "is 1, not a string", 1, id="TOML number"),
        pytest.param("a.yaml", TAG, "x: &a y\napi:\n  tag: *a\n", EnvFileError, "anchor or a merge key: x would", 3,
                     id="alias"),
        pytest.param("a.yaml", TAG, "api:\n  tag: &a x\nweb: *a\nl: [*a]\n", EnvFileError, "web, l.0 would", 2,
                     id="a value that an alias shares"),
        pytest.param("a.yaml", TAG, "api: &a {tag: x}\n" + "".join(f"s{n}: *a\n" for n in range(12)), EnvFileError,
                     "s9.tag and 2 more would", 1, id="a value that many aliases share"),
        pytest.param("a.yaml", TAG, "api:\n  tag: |\n    x\n", EnvFileError, "is a block of text", 2, id="|"),
        pytest.param("a.yaml", TAG, "api: {tag: x}\n---\napi: {tag: x}", EnvFileError,
                     "occurs twice, at lines 1 and 3; remove one, or say which by services.api.path", 3,
                     id="in two documents"),
        pytest.param("a.yaml", "{service}.image", "api: {image: x@sha256:ab}", EnvFileError,
                     "the digest of 'api' is 'sha256:ab'; write sha256: and 64", 1, id="what is no digest"),
        pytest.param("a.yaml", TAG, "api:\n  tag: ENC[AES256_GCM,data:x]\n", EnvFileError,
                     "a.yaml:2: the tag of 'api' is encrypted by SOPS", 2, id="an encrypted tag"),
        pytest.param("a.yaml", TAG, f"{SOPS}api:\n  tag: x\n", EnvFileError,
                     "a.yaml:4: SOPS has signed the whole file, the tag of 'api' too", 4, id="a signed file"),
        pytest.param("a.json", TAG, '{"sops": {"mac": "x"},\n"api": {"tag": "x"}}', EnvFileError, "a.json:2: SOPS", 2,
                     id="signed JSON"),
        pytest.param("a.yaml", TAG, "api: {tag: *x}", EnvFileError, "a.yaml:1: not YAML: found undefined alias", 1,
                     id="an alias of nothing"),
        pytest.param("a.yaml", TAG, f"x: &x 1\ny: *x\nz: {'[' * 600}{']' * 600}", EnvFileError, "nested too deeply", 1,
                     id="deep beside an alias"),
        pytest.param("a.yaml", TAG, "a0: &a0 {x: y}\n" + "".join(f"a{n}: &a{n} {{<<: *a{n - 1}}}\n"
                     for n in range(1, 960)), EnvFileError, "nested too deeply", 1, id="merged too often"),
        pytest.param("a.json", TAG, '{"@x/y": {"tag": "1"}}', UnknownServiceError,
                     "it has: none. '@x/y' is not the name of a service; write what is around the name", 1,
                     id="what is no name"),
        pytest.param("a.yaml", "image.tag", "image: {x: y}", NoTagError, "has no tag in a.yaml at image.tag", 1,
                     id="Helm values without a tag"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused_with_file_and_line(
    path: str, tag: str, text: str, error: type[ActionError], message: str, line: int
) -> None:
    service = "api" if "{service}" not in tag else ""
    file = env_file(text, path=path, tag=tag, service=service)

    with pytest.raises(error, match=message) as raised:
        with_tag(file, "api", NEW)

    assert type(raised.value) is error
    assert (raised.value.file, raised.value.line) == (path, line)


@pytest.mark.parametrize(
    ("tag", "text", "refused"),
    [
        pytest.param("{service}.image", "api: {image: 'x:1'}", True, id="an image"),
        pytest.param("images[name={service}].newTag", "images: [{name: api, newTag: a}]", True, id="Kustomize"),
        pytest.param("{service}.image.tag", "api: {image: {tag: a}}", True, id="Helm"),
        pytest.param("{service}.tag", "api: {tag: a}", False, id="of what, nothing says"),
        pytest.param("{service}.targetRevision", "api: {targetRevision: a}", False, id="a chart"),
    ],
)
def test_no_registry_takes_a_build_part_in_the_tag_of_an_image(tag: str, text: str, *, refused: bool) -> None:
    file = env_file(text, path="a.yaml", tag=tag)

    if refused:
        with pytest.raises(EnvFileError, match=r"^a\.yaml:1: the tag of 'api' cannot be 1\.0\.0\+build: no registry"):
            with_tag(file, "api", "1.0.0+build")
    else:
        assert with_tag(file, "api", "1.0.0+build").tags() == {"api": "1.0.0+build"}


@pytest.mark.parametrize(
    "sops",
    [
        pytest.param("sops:\n  mac: ENC[x]\n  mac_only_encrypted: true\n", id="only what is encrypted"),
        pytest.param("sops:\n  version: 3.8.1\n", id="nothing"),
        pytest.param("sops: x\n", id="a service of that name"),
        pytest.param("deep: {sops: {mac: x}}\n", id="elsewhere"),
    ],
)
def test_a_file_of_which_sops_has_signed_something_else_can_be_edited(sops: str) -> None:
    file = env_file(f"{sops}api: {{tag: x}}\nweb:\n  tag: ENC[x]\n", path="a.yaml")

    assert with_tag(file, "api", "z").text == f"{sops}api: {{tag: z}}\nweb:\n  tag: ENC[x]\n"
    assert file.tags() == {"api": "x"}


@pytest.mark.parametrize(
    ("path", "tag", "text"),
    [
        pytest.param("a.yaml", TAG, "api: {tag: 'TAGPIN'}", id="YAML"),
        pytest.param("a.json", TAG, '{"api": {"tag": "TAGPIN"}}', id="JSON"),
        pytest.param("a.toml", TAG, "[api]\ntag = 'TAGPIN'", id="TOML"),
        pytest.param("a.yaml", "{service}.image", "api: {image: 'r:5000/x:TAGPIN'}", id="an image"),
        pytest.param(
            "a.yaml", "images[name={service}].newTag", "images: [{name: api, newTag: TAGPIN}]", id="Kustomize"
        ),
    ],
)
def test_a_digest_within_the_tag_is_set_with_it(path: str, tag: str, text: str) -> None:
    """It is the digest that deploys."""

    def said(name: str, digest: str) -> str:
        return text.replace("TAG", name).replace("PIN", f"@{digest}" if digest else "")

    file = env_file(said("1.0.0", D), path=path, tag=tag)
    moved = file.with_artifacts({"api": Artifact("1.1.0", E)})

    assert (file.tags(), file.digests()) == ({"api": "1.0.0"}, {"api": D})
    assert moved.text == said("1.1.0", E)
    assert with_digest(moved, "api", D).text == said("1.1.0", D)
    assert moved.with_artifacts({"api": Artifact("1.2.0")}).text == said("1.2.0", "")


def test_an_image_with_nothing_but_a_digest_gets_a_tag() -> None:
    file = env_file(f"api: {{image: 'x@{D}'}}", path="a.yaml", tag="{service}.image")

    assert (file.tag("api"), file.digest("api")) == ("", D)
    assert file.with_artifacts({"api": Artifact("1", E)}).text == f"api: {{image: 'x:1@{E}'}}"


def test_aliases_that_stand_for_more_than_memory_holds_are_refused() -> None:
    """Ten lines of YAML can stand for a thousand million words."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]

    with pytest.raises(EnvFileError, match="more than a million"):
        env_file("\n".join(lines), path="a.yaml").tags()


@pytest.mark.usefixtures("_each_yaml_parser")
@pytest.mark.parametrize("text", ["[" * 900 + "]" * 900, "[" * 200_000, "a: \x01", "a: \ud800"])
def test_both_yaml_parsers_survive_what_is_no_env_file(text: str) -> None:
    with pytest.raises(EnvFileError):
        env_file(text, path="a.yaml").tags()


def test_a_long_file_that_nests_like_any_other_is_fine() -> None:
    text = "".join(f"service-{n}:\n  tag: '{OLD}'\n" for n in range(100))

    assert len(env_file(text, path="a.yaml").tags()) == 100


def test_an_alias_within_what_it_names_is_refused() -> None:
    with pytest.raises(EnvFileError, match="more than a million"):
        env_file("a: &a [*a]", path="a.yaml").tags()


@pytest.fixture(params=[yaml.CSafeLoader, yaml_nodes.PurePythonLoader])
def _each_yaml_parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not every installation has the compiled parser."""
    monkeypatch.setattr(yaml_nodes, "LOADER", request.param)


@pytest.mark.usefixtures("_each_yaml_parser")
@pytest.mark.parametrize("text", ["# ☃ 𝄞\r\nñ: 𝄞\r\napi:\r\n  tag:  OLD  # x\r\n", "--- {api: {tag: 'OLD'}}\n"])
def test_both_yaml_parsers_agree_on_where_a_tag_is(text: str) -> None:
    file = env_file(text.replace("OLD", OLD), path="a.yaml")

    assert with_tag(file, "api", NEW).text == text.replace("OLD", NEW)


NAMES = st.text(string.ascii_lowercase + string.digits + "_-", min_size=1, max_size=8).filter(lambda s: s[0].isalpha())
TAGS = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,20}", fullmatch=True)
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufeff"), max_size=12)
SERVICES = st.dictionaries(NAMES, st.fixed_dictionaries({"url": TEXTS, "tag": TAGS}), min_size=1, max_size=4)


@given(SERVICES, st.data(), TAGS, st.sampled_from([None, 0, 2, "\t"]), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_any_json_changes_in_its_target_alone(
    services: dict[str, dict[str, str]], data: st.DataObject, new: str, indent: int | str | None, end: str, ascii_: bool
) -> None:
    """Changing there and back gives the same bytes."""
    service = data.draw(st.sampled_from(sorted(services)))
    text = json.dumps(services, indent=indent, ensure_ascii=ascii_).replace("\n", end) + end
    file = env_file(text)

    changed = with_tag(file, service, new)

    assert json.loads(changed.text) == services | {service: services[service] | {"tag": new}}
    assert with_tag(changed, service, services[service]["tag"]).text == text


@given(SERVICES, st.data(), TAGS, st.sampled_from([None, "'", '"']), st.booleans())
def test_any_yaml_changes_in_its_target_alone(
    services: dict[str, dict[str, str]], data: st.DataObject, new: str, style: str | None, flow: bool
) -> None:
    """The parser of everybody else sees the new tag as a text, and the rest as it was."""
    service = data.draw(st.sampled_from(sorted(services)))
    text = yaml.safe_dump(services, default_style=style, default_flow_style=flow, allow_unicode=True)
    file = env_file(text, path="a.yaml")

    changed = with_tag(file, service, new)

    expected = services | {service: services[service] | {"tag": new}}
    assert yaml.safe_load(changed.text) == expected
    assert len(changed.text.splitlines()) == len(text.splitlines())


@given(SERVICES, st.data(), TAGS, st.sampled_from(["'", '"', '"""', "'''"]), st.sampled_from(["\n", "\r\n"]))
def test_any_toml_changes_in_its_target_alone(
    services: dict[str, dict[str, str]], data: st.DataObject, new: str, quote: str, end: str
) -> None:
    service = data.draw(st.sampled_from(sorted(services)))
    lines = [
        line
        for name, settings in services.items()
        for line in (
            f"[{name}]",
            f"url = {json.dumps(settings['url'], ensure_ascii=False)}",
            f"tag = {quote}{settings['tag']}{quote}",
        )
    ]
    text = end.join(lines).replace("\x7f", "")
    file = env_file(text, path="a.toml")

    changed = with_tag(file, service, new)

    assert tomllib.loads(changed.text) == tomllib.loads(text) | {service: tomllib.loads(text)[service] | {"tag": new}}
    assert with_tag(changed, service, services[service]["tag"]).text == text


@given(st.text(max_size=200), st.sampled_from(["a.json", "a.yaml", "a.toml"]))
def test_no_text_at_all_makes_us_fail_in_another_way(text: str, path: str) -> None:
    """Whatever is in a file, the answer is tags or an error for the user."""
    try:
        tags = env_file(text, path=path).tags()
    except EnvFileError:
        return

    assert all(isinstance(tag, str) for tag in tags.values())


@pytest.mark.parametrize(
    ("path", "text", "tag_path", "line"),
    [
        ("a.json", '{\n  "api": {\n    "tag": "x"\n  }\n}\n', "{service}.tag", 3),
        ("a.yaml", "api:\n  tag: 1.0.0\n", "{service}.tag", 2),
        ("a.yaml", "api:\n  image: r/api:1@sha256:00\n", "{service}.image", 2),
        ("a.yaml", "x: &a 1\napi:\n  tag: *a\n", "{service}.tag", 3),
        ("a.yaml", "api:\n  tag:\n    1\n", "{service}.tag", 3),
    ],
)
def test_the_line_of_a_tag_is_known(path: str, text: str, tag_path: str, line: int) -> None:
    """Of an alias it is that of the key, because its value is somewhere else."""
    assert EnvFile(path=path, text=text, tag_path=TagPath.parse(tag_path)).line_of("api") == line


@pytest.mark.parametrize(
    ("path", "text", "line"),
    [
        pytest.param("a.json", '{\n"api": {\n"tag": }}', 3, id="JSON that is none"),
        pytest.param("a.json", '{\n"api": {},\n"web": {},\n"api": {"tag": "1"}}', 4, id="a key of JSON twice"),
        pytest.param("a.yaml", "api:\n  tag: a: b\n", 2, id="YAML that is none"),
        pytest.param("a.yaml", "api: {}\nweb: {}\napi: {tag: x}\n", 3, id="a key of YAML twice"),
        pytest.param("a.toml", "[api]\ntag = \n", 2, id="TOML that is none"),
        pytest.param("a.toml", "[api]\ntag", 2, id="TOML that ends too early"),
        pytest.param("a.json", '{"a":\n' + "[" * 300 + "]" * 300 + "}", 2, id="deep JSON"),
        pytest.param("a.json", '{"a": 1,\n"b": ' + "1" * 5000 + "}", 2, id="a long number"),
        pytest.param("a.json", '{"a": 1,\n"b": Infinity}', 2, id="no number"),
        pytest.param("a.yaml", "a: 1\nb: " + "[" * 300 + "]" * 300, 2, id="deep YAML"),
        pytest.param("a.yaml", "a: 1\nb: " + "[" * 3000 + "]" * 3000, 2, id="very deep YAML"),
        pytest.param("a.yaml", "a: 1\nb: \x01", 2, id="a control character"),
        pytest.param("a.yaml", "a: 1\nb: &b [*b]", 2, id="an alias within itself"),
    ],
)
def test_what_is_wrong_with_a_file_has_its_line(path: str, text: str, line: int) -> None:
    with pytest.raises(EnvFileError) as found:
        env_file(text, path=path).tags()

    assert found.value.line == line
    assert str(found.value).startswith(f"{path}:{line}: ")


@pytest.mark.parametrize("name", ["ab..c", ".a", "-a", "a/b", "a b", "a" * 101, "@acme/api", "{{ .x }}"])
def test_what_is_no_name_is_no_service(name: str) -> None:
    assert env_file(json.dumps({name: {"tag": "1"}, "api": {"tag": "2"}})).tags() == {"api": "2"}


def test_the_line_of_a_tag_is_found() -> None:
    file = env_file('{\n"web": {"tag": "1"},\n"api": {\n"tag": "1"}}')

    assert (file.line_of("web"), file.line_of("api"), file.line_of("none")) == (2, 4, 1)
    assert env_file('{\n"api": {"tag": "x"}}').line_of("api") == 2


def test_a_tag_below_a_text_of_several_lines_is_replaced() -> None:
    text = "note = '''\nit is\n\"quoted\" here'''\n[api]\ntag = '1'\n"

    assert with_tag(env_file(text, path="a.toml"), "api", "2").text == text.replace("'1'", "'2'")


@pytest.mark.usefixtures("_each_yaml_parser")
def test_siblings_are_not_depth() -> None:
    """Many lists beside one another; and a deep one behind them is still found."""
    many = "".join(f"k{number}: [[1]]\n" for number in range(1000))

    assert env_file(f"{many}api: {{tag: a}}\n", path="a.yaml").tags() == {"api": "a"}
    with pytest.raises(EnvFileError, match="nested too deeply"):
        env_file(f"{many}api: {'[' * 1000}{']' * 1000}\n", path="a.yaml").tags()


def test_empty_documents_are_passed_over() -> None:
    assert env_file("---\n---\napi: {tag: a}\n", path="a.yaml").tags() == {"api": "a"}


def test_the_parts_of_a_file_are_its_services_and_the_rest() -> None:
    kustomization = "images:\n- {name: web}\n- {name: api, newTag: a}\nnamespace: x\n"

    found = env_file(kustomization, path="k.yaml", tag="images[name={service}].newTag").parts()
    whole = env_file("image: {tag: a}\n", path="v.yaml", tag="image.tag", service="api").parts()

    assert found == ({"api": {"name": "api", "newTag": "a"}}, {"images": [{"name": "web"}], "namespace": "x"})
    assert whole == ({"api": {"image": {"tag": "a"}}}, None)


@pytest.mark.parametrize("text", ["api: {tag: ~}", "api:\n  tag:\n", "api: {tag: null}", "api: {tag: ''}"])
def test_a_service_without_a_tag_has_an_empty_one(text: str) -> None:
    assert env_file(text, path="a.yaml").tags() == {"api": ""}


# Digests

NEW_TAG = "images[name={service}].newTag"
DIGESTS = st.from_regex(r"sha256:[0-9a-f]{64}", fullmatch=True)


@pytest.mark.parametrize(
    ("path", "tag", "text"),
    [
        pytest.param("a.json", TAG, '{"web":{"tag":"x","digest":"HERE"},"api":{"digest":"HERE","tag":"x"}}', id="JSON"),
        pytest.param("a.yaml", TAG, "api:\n  tag: x # why\n  digest: 'HERE' # of x\n", id="YAML"),
        pytest.param("a.toml", TAG, "[web]\ndigest = 'HERE'\ntag = 'x'\n[api]\ntag='x'\ndigest='HERE'\n", id="TOML"),
        pytest.param("k.yml", NEW_TAG, 'images:\n- name: web\n  digest: "HERE"\n  newTag: x\n'
                     '- name: api\n  digest: "HERE"\n  newTag: x\n', id="a kustomization"),
        pytest.param("v.yaml", "image.tag", 'digest: "HERE"\nimage:\n  tag: x\n  digest: "HERE"\n', id="Helm values"),
        pytest.param("a.yaml", "{service}.image", "api: {image: 'r/api:x', digest: 'HERE'}\n", id="beside an image"),
        pytest.param("a.json", TAG, '\ufeff{"api":{"tag":"x",\r\n"digest":"HERE"}}\r\n', id="BOM and CRLF"),
    ],
)  # fmt: skip
def test_a_digest_is_replaced_and_not_one_other_byte(path: str, tag: str, text: str) -> None:
    """It can be emptied and set again."""
    service = "api" if "{service}" not in tag else ""
    file = env_file(text.replace("HERE", D), path=path, tag=tag, service=service)
    head, tail = text.rsplit("HERE", 1)

    changed, emptied = with_digest(file, "api", E), with_digest(file, "api", "")

    assert file.digests()["api"] == D
    assert changed.text == head.replace("HERE", D) + E + tail
    assert emptied.text == head.replace("HERE", D) + tail
    assert with_digest(emptied, "api", D).text == file.text
    assert changed.tags() == file.tags()
    assert changed.digests() == file.digests() | {"api": E}


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        pytest.param(
            "a.json", '{"api":{"tag":"x","digest":null}}', f'{{"api":{{"tag":"x","digest":"{D}"}}}}', id="null"
        ),
        pytest.param("a.yaml", "api:\n  tag: x\n  digest:\n", f"api:\n  tag: x\n  digest: {D}\n", id="nothing in YAML"),
        pytest.param("a.yaml", "api: {tag: x, digest: ~}\n", f"api: {{tag: x, digest: {D}}}\n", id="null in YAML"),
    ],
)
def test_a_key_without_a_value_takes_a_digest(path: str, text: str, expected: str) -> None:
    file = env_file(text, path=path)

    assert file.digests() == {"api": ""}
    assert with_digest(file, "api", "") is file
    assert with_digest(file, "api", D).text == expected


def test_a_plain_digest_is_emptied_to_a_text_and_not_to_null() -> None:
    """A chart that reads null may fall back to the digest of its default values."""
    assert with_digest(env_file(f"api: {{tag: x, digest: {D}}}", path="a.yaml"), "api", "").text == (
        'api: {tag: x, digest: ""}'
    )


@pytest.mark.parametrize(
    ("path", "tag", "text", "message", "line"),
    [
        pytest.param("a.json", TAG, '{\n"web": {"tag": "x"},\n"api": {\n"tag": "x"}}',
                     'a.json:4: service \'api\' has no key for a digest; add digest: "" beside its tag', 4, id="JSON"),
        pytest.param("a.toml", TAG, "[api]\ntag = 'x'\n", "a.toml:2: service 'api' has no key", 2, id="TOML"),
        pytest.param("a.yaml", NEW_TAG, "digest: x\nimages:\n- name: api\n  newTag: x\n", "a.yaml:4: service 'api' has",
                     4, id="one elsewhere"),
        pytest.param("a.yaml", "{service}", "web: x\napi: x\ndigest: x\n",
                     "a.yaml:2: the digest of 'api' has no place beside its tag at {service}; use another layout", 2,
                     id="services beside the tag"),
        pytest.param("a.yaml", "{service}.digest", "api: {digest: x}\n", "a.yaml:1: the digest of 'api' has no place",
                     1, id="the tag in its place"),
        pytest.param("a.yaml", TAG, f"x: &a {D}\napi:\n  tag: x\n  digest: *a\n",
                     "a.yaml:4: the digest of 'api' is shared by an anchor or a merge key: x would change", 4,
                     id="an alias"),
        pytest.param("a.yaml", TAG, f"api:\n  tag: x\n  digest: |-\n    {D}\n",
                     "a.yaml:3: the digest of 'api' is a block of text; write it on the line of its key", 3,
                     id="a block"),
        pytest.param("a.yaml", TAG, f"api: {{tag: x, digest: &a {D}}}\nweb: *a\n",
                     "a.yaml:1: the digest of 'api' is shared by an anchor or a merge key: web would change", 1,
                     id="shared"),
    ],
)  # fmt: skip
def test_a_digest_that_has_no_place_is_refused_with_file_and_line(
    path: str, tag: str, text: str, message: str, line: int
) -> None:
    file = env_file(text, path=path, tag=tag)

    with pytest.raises(EnvFileError) as raised:
        with_digest(file, "api", E)

    assert str(raised.value).startswith(message)
    assert (raised.value.file, raised.value.line) == (path, line)


@pytest.mark.parametrize(
    ("path", "text", "shown", "line"),
    [
        pytest.param("a.json", '{\n"api": {"tag": "x",\n"digest": "latest"}}', "'latest'", 3, id="a word"),
        pytest.param("a.yaml", f"api:\n  tag: x\n  digest: {D.upper()}\n", repr(D.upper()), 3, id="large letters"),
        pytest.param("a.yaml", f"api:\n  tag: x\n  digest: {D[:-1]}\n", repr(D[:-1]), 3, id="a digit short"),
        pytest.param("a.yaml", f"api:\n  tag: x\n  digest: {D}0\n", repr(f"{D}0"), 3, id="a digit long"),
        pytest.param("a.yaml", f"api:\n  tag: x\n  digest: {D[7:]}\n", repr(D[7:]), 3, id="no algorithm"),
        pytest.param("a.json", f'{{\n"api": {{"tag": "x",\n"digest": "{D}\\n"}}}}', repr(f"{D}\n"), 3, id="a line end"),
        pytest.param("a.toml", "[api]\ntag = 'x'\ndigest = 5\n", "'5'", 3, id="a number"),
        pytest.param("a.toml", "[api]\ntag = 'x'\ndigest = 5\n[web]\ndigest = 6", "'5'", 1, id="one of two numbers"),
        pytest.param("a.json", '{\n"api": {"tag": "x",\n"digest": ["x"]}}', "\"['x']\"", 3, id="a list"),
        pytest.param("a.yaml", "x: &a y\napi:\n  tag: x\n  digest: *a\n", "'y'", 4, id="an alias"),
        pytest.param("a.json", '{"api":{"tag":"x","digest":"%s"}}' % ("y" * 200), repr("y" * 100), 1, id="a long text"),
    ],
)
def test_what_is_no_digest_is_refused_with_file_and_line(path: str, text: str, shown: str, line: int) -> None:
    file = env_file(text, path=path)

    with pytest.raises(EnvFileError) as raised:
        with_digest(file, "api", E)

    where = f"{path}:{line}"
    assert str(raised.value) == (
        f"{where}: the digest of 'api' is {shown}; write sha256: and 64 lower-case hex digits, or leave it empty"
    )
    assert (raised.value.file, raised.value.line) == (path, line)


def test_a_service_without_a_key_for_it_has_no_digest() -> None:
    file = env_file('{"api":{"tag":"x"},"web":{"tag":"x","digest":""}}')

    assert file.digests() == {"api": "", "web": ""}
    assert with_digest(file, "api", "") is file


def test_the_digest_of_another_service_is_not_looked_at() -> None:
    file = env_file('{"api":{"tag":"x","digest":""},"web":{"tag":"x","digest":"odd"}}')

    assert with_digest(file, "api", D).digests() == {"api": D, "web": "odd"}


@given(SERVICES, st.data(), DIGESTS, st.sampled_from(["a.json", "a.yaml", "a.toml"]))
def test_any_digest_goes_in_and_out_again(
    services: dict[str, dict[str, str]], data: st.DataObject, digest: str, path: str
) -> None:
    """What other parsers read has the digest of this service, and nothing else is different."""
    service = data.draw(st.sampled_from(sorted(services)))
    content = {name: settings | {"digest": ""} for name, settings in services.items()}
    lines = [
        line.replace("\x7f", "")
        for name, settings in content.items()
        for line in (
            f"[{name}]",
            *(f"{key} = {json.dumps(text, ensure_ascii=False)}" for key, text in settings.items()),
        )
    ]
    write = {"a.json": json.dumps(content, indent=2), "a.yaml": yaml.safe_dump(content, allow_unicode=True)}
    readers: dict[str, Callable[[str], Any]] = {"a.json": json.loads, "a.yaml": yaml.safe_load, "a.toml": tomllib.loads}
    read = readers[path]
    text = write.get(path, "\n".join(lines))

    changed = with_digest(env_file(text, path=path), service, digest)

    before = read(text)
    assert read(changed.text) == before | {service: before[service] | {"digest": digest}}
    assert changed.digests() == dict.fromkeys(services, "") | {service: digest}
    assert with_digest(changed, service, "").text == text


@pytest.mark.parametrize(
    ("path", "text", "tag"),
    [
        pytest.param("a.toml", 'api.tag = "x"', "a\\u0041", id="an escape in TOML"),
        pytest.param("a.toml", "api.tag = 'x'", "a'\nb = 'c", id="a key more in TOML"),
        pytest.param("a.yaml", 'api: {tag: "x"}', "a\\u0041", id="an escape in YAML"),
        pytest.param("a.yaml", "api: {tag: 'x'}", "a', b: 'c", id="a key more in YAML"),
        pytest.param("a.yaml", "api:\n  tag: 'x'\n", "a'\n---\nb: 'c", id="a document more"),
        pytest.param("a.yaml", "api:\n  tag: 'x'\n", "a'\n  '", id="no YAML any more"),
        pytest.param("a.toml", "api.tag = 'x'", "'", id="no TOML any more"),
        pytest.param("a.yaml", "api:\n  tag: 'x'\n", "a': {'b'", id="no scalar any more"),
    ],
)
def test_what_would_change_something_else_is_refused(path: str, text: str, tag: str) -> None:
    """No valid tag does: whatever comes in is checked before, and the result is parsed and compared after."""
    with pytest.raises(EnvFileError, match=rf"^{path}:\d: the tag of 'api' cannot be replaced") as raised:
        with_tag(env_file(text, path=path), "api", tag)

    assert raised.value.file == path
