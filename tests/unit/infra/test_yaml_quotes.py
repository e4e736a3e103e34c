"""Every tag that is written comes out a string of every reader that counts.

The rules of the readers, as patterns of what is no string when it has no quotes:

- go-yaml v3 (Argo CD, Flux, yq): github.com/go-yaml/yaml, resolve.go, `resolve`, at 0d383ff995a5
- goyaml.v2 of sigs.k8s.io/yaml (kubectl, Kustomize, Helm): github.com/kubernetes-sigs/yaml, goyaml.v2/resolve.go,
  `init` and `resolve`, at 742f5e6f06b9: as v3, and more words are booleans
- YAML 1.1 (PyYAML, Ansible): yaml.org/type/int.html, float.html, bool.html, timestamp.html; by PyYAML itself
- YAML 1.2: yaml.org/spec/1.2.2, section 10.3.2, core schema
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from actions.infra.env_file import EnvFile
from actions.infra.tag_path import TagPath
from actions.tags import Artifact

# Go removes each `_` before it looks for numbers, and strconv.ParseInt with base 0 knows the prefixes in both cases.
GO_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*|0[bB][01]+|0[oO]?[0-7]+|0[xX][0-9a-fA-F]+)")
GO_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
GO_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}")
V3_WORDS = {word for base in ("true", "false", "null") for word in (base, base.capitalize(), base.upper())} | {"", "~"}
V2_WORDS = {word for base in ("y", "yes", "on", "n", "no", "off") for word in (base, base.capitalize(), base.upper())}
CORE_1_2 = re.compile(
    r"null|Null|NULL|~||true|True|TRUE|false|False|FALSE|[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"
    r"|[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)


def is_string_for_go(plain: str) -> bool:
    number = plain.replace("_", "") if plain[:1] in "+-0123456789" else ""
    found = any(pattern.fullmatch(number) for pattern in (GO_INTEGER, GO_FLOAT)) if number else False
    return not (found or GO_DATE.fullmatch(plain) or plain in V3_WORDS | V2_WORDS)


def is_string(plain: str) -> bool:
    """Tell whether every reader takes *plain*, without quotes, for a string."""
    resolver: Any = yaml.SafeLoader("")
    in_1_1 = resolver.resolve(yaml.ScalarNode, plain, (True, False)) == "tag:yaml.org,2002:str"
    return is_string_for_go(plain) and in_1_1 and not CORE_1_2.fullmatch(plain)


def written(tag: str, old: str = "old") -> str:
    """Return how *tag* is written in the place of *old*."""
    text = f"api:\n  tag: {old}\n"
    file = EnvFile(path="a.yaml", text=text, tag_path=TagPath.parse("{service}.tag"))
    edited = file.with_artifacts({"api": Artifact(tag)}).text
    return edited.removeprefix("api:\n  tag: ").removesuffix("\n")


NO_STRINGS = {
    "go-yaml: an exponent behind underscores": ["142_34567e1", "5_e3", "1_0e5", "1__0"],
    "go-yaml: no octal, so a float": ["0_8", "08", "0_9.5"],
    "go-yaml: prefixes in both cases": ["0X1F", "0B11", "0O17", "0x_1F", "0b_1", "0o_17", "017"],
    "goyaml.v2: words": ["y", "Y", "n", "N", "yes", "No", "ON", "off"],
    "go-yaml: dates": ["2026-1-2", "2026-01-02"],
    "all: words": ["true", "False", "NULL", "null"],
    "all: numbers": ["1", "1.10", "1e3", "12e45", "1234567890" * 4, "0", "1."],
    "YAML 1.1: underscores": ["1_000", "1_0.5"],
}
STRINGS = ["1.2.3", "v1.10", "1.10.0", "2024.02.01", "main", "sha-2f15a37", "0c409f3174e39c944adb598ada1fd632fac389a1",
           "31cb393213ee8a3d3b6ed95f76eb023d5b25e36a", "1.0.0-rc.1", "release-1", "1a", "nightly", "yes-1", "x1e5",
           "3f2e1d", "no.1"]  # fmt: skip


@pytest.mark.parametrize(("rule", "tag"), [(rule, tag) for rule, tags in NO_STRINGS.items() for tag in tags])
@pytest.mark.parametrize("old", ["old", "1.0", "~", "&x old"])
def test_what_a_reader_could_take_for_something_else_gets_quotes(rule: str, tag: str, old: str) -> None:
    assert not is_string(tag), rule
    assert written(tag, old).removeprefix("&x ") == f'"{tag}"'


@pytest.mark.parametrize("tag", STRINGS)
def test_what_is_plainly_a_string_needs_no_quotes(tag: str) -> None:
    assert is_string(tag)
    assert written(tag) == tag


@given(st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,12}|[0-9_.eExXoObB-]{1,8}", fullmatch=True))
@example("0b1")
@example("1e1")
def test_no_tag_comes_out_anything_but_a_string(tag: str) -> None:
    token = written(tag)

    assert token == json.dumps(tag) or is_string(token)
    assert yaml.safe_load(token) == tag


@pytest.mark.parametrize("quote", ["'", '"'])
def test_quotes_that_are_there_stay(quote: str) -> None:
    assert written("main", f"{quote}old{quote}") == f"{quote}main{quote}"
