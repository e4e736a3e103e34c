from __future__ import annotations

import pytest

from actions.errors import InvalidTagError
from actions.tags import Artifact, is_commit, is_version, next_patch, require_tag, short

SHA = "0c409f3174e39c944adb598ada1fd632fac389a1"


@pytest.mark.parametrize(
    "tag",
    [
        pytest.param(SHA, id="a commit"),
        pytest.param("1.4.2", id="a version"),
        pytest.param("v1.4.2-rc.1", id="a version of a git tag"),
        pytest.param("1.4.2+build.7", id="a version with a build part"),
        pytest.param("latest", id="a name"),
        pytest.param("_1", id="a name with an underscore first"),
        pytest.param("a" * 128, id="as long as it can be"),
    ],
)
def test_a_tag_that_an_artifact_can_have_is_taken(tag: str) -> None:
    assert require_tag(tag) == tag


@pytest.mark.parametrize(
    "tag",
    [
        pytest.param("", id="nothing"),
        pytest.param("a" * 129, id="too long"),
        pytest.param(".hidden", id="a dot first"),
        pytest.param("a b", id="a blank"),
        pytest.param("a\n::set-output name=x::y", id="a workflow command"),
        pytest.param("$(id)", id="a command substitution"),
        pytest.param("api:1.2", id="an image reference"),
        pytest.param("1.2+3", id="a plus sign in no version"),
        pytest.param("1.2.3+é", id="no ASCII"),
        pytest.param(SHA + "\n", id="a line end after it"),
    ],
)
def test_anything_else_is_refused(tag: str) -> None:
    with pytest.raises(InvalidTagError, match="is not a tag"):
        require_tag(tag)


def test_a_commit_is_forty_small_hex_digits() -> None:
    assert is_commit(SHA)
    assert not is_commit(SHA[:12])
    assert not is_commit(SHA.upper())


def test_a_version_is_semver_with_or_without_v() -> None:
    assert is_version("v1.2.3")
    assert is_version("1.2.3-rc.1+5")
    assert not is_version("1.2")


def test_people_read_a_commit_by_its_first_twelve_digits() -> None:
    assert short(SHA) == "0c409f3174e3"
    assert short("1.4.2") == "1.4.2"
    assert short("") == "(none)"


@pytest.mark.parametrize(
    ("version", "taken", "expected"),
    [
        pytest.param("1.4.2", ["1.4.2"], "1.4.3", id="the next"),
        pytest.param("1.4.2", ["1.4.2", "1.4.3", "1.4.4"], "1.4.5", id="the next that is free"),
        pytest.param("1.4.2", ["1.4.2", "1.4.3-rc.1"], "1.4.4", id="one that is under way is not free"),
        pytest.param("1.4.2", ["v1.4.3", "x"], "1.4.4", id="with or without a v"),
        pytest.param("v1.4.2", ["v1.4.2"], "v1.4.3", id="with a v"),
        pytest.param("1.4.3-rc.1", ["1.4.3-rc.1"], "1.4.3", id="after a pre-release"),
        pytest.param("1.4.2+7", [], "1.4.3", id="after a build"),
    ],
)
def test_the_next_patch_version_is_the_next_that_nobody_has(version: str, taken: list[str], expected: str) -> None:
    assert next_patch(version, taken) == expected


def test_people_read_a_digest_by_its_first_twelve_digits() -> None:
    digest = "sha256:" + "0123456789abcdef" * 4

    assert short(SHA, digest) == "0c409f3174e3@0123456789ab"
    assert short("1.0.0", digest) == "1.0.0@0123456789ab"
    assert short("1.0.0", "odd") == "1.0.0"
    assert short("", digest) == "(none)"


def test_an_artifact_is_written_as_registries_write_it() -> None:
    digest = "sha256:" + "0" * 64

    assert str(Artifact("1.0.0")) == "1.0.0"
    assert str(Artifact("1.0.0", digest)) == f"1.0.0@{digest}"
