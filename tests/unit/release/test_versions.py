"""Which version may be released, and which tags follow it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from semver import Version

from actions.errors import InputError
from release.versions import is_latest, moving_tags, notes, require_newer, version_of

versions = st.builds(
    Version, st.integers(0, 2), st.integers(0, 2), st.integers(0, 3), st.sampled_from([None, "rc.1", "rc.2"])
)


def parsed(*texts: str) -> list[Version]:
    return [Version.parse(text) for text in texts]


@pytest.mark.parametrize(
    ("text", "released"),
    [
        pytest.param("1.0.0", [], id="the first"),
        pytest.param("0.1.0", [], id="the first, small"),
        pytest.param("1.0.1", ["1.0.0"], id="a patch"),
        pytest.param("1.1.0", ["1.0.9"], id="a minor version"),
        pytest.param("2.0.0", ["1.9.9"], id="a major version"),
        pytest.param("1.1.5", ["1.1.4", "1.2.0", "2.0.0"], id="a patch of an older line"),
        pytest.param("1.3.0", ["1.2.0", "2.0.0"], id="a minor version of an older major one"),
        pytest.param("1.1.0-rc.1", ["1.0.0"], id="a pre-release"),
        pytest.param("1.1.0", ["1.1.0-rc.2"], id="what pre-releases led to"),
    ],
)
def test_a_newer_version_may_be_released(text: str, released: list[str]) -> None:
    assert str(require_newer(text, parsed(*released))) == text


@pytest.mark.parametrize(
    ("text", "released", "said"),
    [
        pytest.param("1.0.0", ["1.0.0"], "is not newer than 1.0.0", id="released already"),
        pytest.param("1.0.0", ["1.0.1"], "is not newer than 1.0.1", id="older in its line"),
        pytest.param("1.1.0", ["1.2.0"], "is not newer than 1.2.0", id="a line that was passed over"),
        pytest.param("1.0.0", ["2.0.0"], "is not newer than 2.0.0", id="a major version that was passed over"),
        pytest.param("1.1.0-rc.1", ["1.1.0"], "is not newer than 1.1.0", id="a pre-release of what is there"),
        pytest.param("v1.0.0", [], "must be a SemVer version", id="with a v"),
        pytest.param("1.0", [], "must be a SemVer version", id="two numbers"),
        pytest.param("1.0.0+build", [], "without build data", id="build data, which a tag cannot tell apart"),
        pytest.param("$(id)", [], "must be a SemVer version", id="something else"),
    ],
)
def test_another_may_not(text: str, released: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        require_newer(text, parsed(*released))


@pytest.mark.parametrize(
    ("text", "released", "tags", "latest"),
    [
        pytest.param("1.0.0", [], ["v1", "v1.0"], True, id="the first"),
        pytest.param("1.2.1", ["1.2.0", "1.1.9"], ["v1", "v1.2"], True, id="the newest"),
        pytest.param("1.1.5", ["1.1.4", "1.2.0"], ["v1.1"], False, id="a patch of an older line moves its own"),
        pytest.param("1.3.0", ["1.2.0", "2.0.0"], ["v1", "v1.3"], False, id="an older major version"),
        pytest.param("2.0.0-rc.1", ["1.2.0"], [], False, id="a pre-release moves nothing"),
        pytest.param("1.2.0", ["1.2.1-rc.1"], ["v1", "v1.2"], True, id="a pre-release holds nothing back"),
    ],
)
def test_tags_that_move(text: str, released: list[str], tags: list[str], latest: bool) -> None:
    version = Version.parse(text)

    assert moving_tags(version, parsed(*released)) == tags
    assert is_latest(version, parsed(*released)) is latest


@given(st.lists(versions, unique=True, max_size=12))
def test_a_moving_tag_never_goes_back(wanted: list[Version]) -> None:
    """Whatever is released in whatever order: each tag is at the newest stable version of its line."""
    released: list[Version] = []
    tags: dict[str, Version] = {}
    for text in map(str, wanted):
        try:
            version = require_newer(text, released)
        except InputError:
            continue
        for tag in moving_tags(version, released):
            assert tag not in tags or tags[tag] < version
            tags[tag] = version
        released.append(version)

    stable = [version for version in released if not version.prerelease]
    for version in stable:
        assert tags[f"v{version.major}"] == max(v for v in stable if v.major == version.major)
        line = [v for v in stable if (v.major, v.minor) == (version.major, version.minor)]
        assert tags[f"v{version.major}.{version.minor}"] == max(line)


def test_a_tag_is_that_of_a_version_or_not() -> None:
    assert version_of("v1.2.3-rc.1") == Version.parse("1.2.3-rc.1")
    assert [version_of(tag) for tag in ("v1", "v1.2", "1.2.3", "v1.2.3.4", "vx")] == [None] * 5


CHANGELOG = """# Changelog

## Unreleased

## [1.1.0] - 2026-12-01

### Added

- This.

## 1.0.0

- That.

## 0.9.0
"""


def test_the_notes_are_the_section_of_the_version() -> None:
    assert notes(CHANGELOG, Version.parse("1.1.0")) == "### Added\n\n- This.\n"
    assert notes(CHANGELOG, Version.parse("1.0.0")) == "- That.\n"


@pytest.mark.parametrize("text", ["1.1.0-rc.1", "1.0.1", "0.9.0"])
def test_a_version_without_notes_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is missing or empty"):
        notes(CHANGELOG, Version.parse(text))
