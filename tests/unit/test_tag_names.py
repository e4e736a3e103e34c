"""Which commits a tag may name, by its form."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.tag_names import TagNames

SHA = "2f15a37" + "0" * 33


def found(tag: str, form: str = "", git_tag: str = "") -> list[str]:
    return [str(candidate) for candidate in TagNames.parse(form, git_tag).candidates(tag)]


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        (SHA, [f"commit {SHA}"]),
        ("1.2.3", ["git tag 1.2.3", "git tag v1.2.3"]),
        ("v1.2.3", ["git tag 1.2.3", "git tag v1.2.3"]),
        ("1.2.3-rc.1+5", ["git tag 1.2.3-rc.1+5", "git tag v1.2.3-rc.1+5"]),
        ("sha-2f15a37", ["commit 2f15a37", "git tag sha-2f15a37"]),
        (f"sha-{SHA}", [f"commit {SHA}", f"git tag sha-{SHA}"]),
        ("2f15a37", ["commit 2f15a37", "git tag 2f15a37"]),
        ("20240201", ["commit 20240201", "git tag 20240201"]),
        ("2f15a3", ["git tag 2f15a3"]),
        ("2024.02.01", ["git tag 2024.02.01"]),
        ("stable", ["git tag stable"]),
        ("SHA-2f15a37", ["git tag SHA-2f15a37"]),
    ],
)
def test_without_a_setting_a_tag_may_be_what_tools_write(tag: str, expected: list[str]) -> None:
    assert found(tag) == expected


@pytest.mark.parametrize(
    ("tag", "form", "git_tag", "expected"),
    [
        ("sha-2f15a37", "sha-{short}", "", ["commit 2f15a37"]),
        ("2f15a37", "sha-{short}", "", []),
        ("main-2f15a37-1700000000", "{branch}-{short}-{timestamp}", "", ["commit 2f15a37"]),
        ("feature-x-2f15a37-20240201T101112Z", "{branch}-{short}-{timestamp}", "", ["commit 2f15a37"]),
        ("main-2f15a37", "{branch}-{short}-{timestamp}", "", []),
        (SHA, "{sha}", "", [f"commit {SHA}"]),
        (SHA[:39], "{sha}", "", []),
        ("v1.2.3", "v{version}", "", ["git tag 1.2.3", "git tag v1.2.3"]),
        ("1.2.3", "v{version}", "", []),
        ("1.2.3", "", "api-v{version}", ["git tag api-v1.2.3"]),
        ("v1.2.3", "", "api-v{version}", ["git tag api-v1.2.3"]),
        ("api-1.2.3", "api-{version}", "api/v{version}", ["git tag api/v1.2.3"]),
        ("1.2", "{version}", "", []),
        ("a.b-1.2.3", "a.b-{version}", "", ["git tag 1.2.3", "git tag v1.2.3"]),
        ("axb-1.2.3", "a.b-{version}", "", []),
        ("stable", "", "api-v{version}", ["git tag stable"]),
    ],
)
def test_a_tag_of_a_form_names_what_the_form_says(tag: str, form: str, git_tag: str, expected: list[str]) -> None:
    assert found(tag, form, git_tag) == expected


@pytest.mark.parametrize(
    ("form", "git_tag", "said"),
    [
        ("latest", "", "tag-format is 'latest'; it must have one of {sha}, {short}, {version}, once"),
        ("{sha}-{short}", "", "it must have one of"),
        ("{tag}", "", "it can have {sha}, {short}, {version}, {branch}, {timestamp}, and letters"),
        ("{sha} x", "", "and letters, digits"),
        ("{Sha}", "", "and letters, digits"),
        ("", "v", "git-tag is 'v'; it must have one of {version}, once"),
        ("", "{sha}", "git-tag is '{sha}'; it can have {version}, and letters"),
    ],
)
def test_a_form_that_names_no_commit_is_refused(form: str, git_tag: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        TagNames.parse(form, git_tag)


def test_a_ref_that_is_called_like_the_beginning_of_a_sha_is_no_commit_of_that_name() -> None:
    short, git_tag = TagNames().candidates("2f15a37")

    assert (short.is_named_by(SHA), short.is_named_by("3" * 40)) == (True, False)
    assert git_tag.is_named_by("3" * 40)
    assert (short.expression, git_tag.expression) == ("2f15a37", "refs/tags/2f15a37^{commit}")


@pytest.mark.parametrize(
    ("tag", "names_commit"),
    [(SHA, True), ("2f15a37", True), ("v1.2.3", True), ("stable", False), ("2024.02.01", False), ("", False)],
)
def test_a_tag_of_the_form_of_a_commit_must_have_one(tag: str, *, names_commit: bool) -> None:
    assert TagNames().names_commit(tag) is names_commit


@given(st.sampled_from(["sha-{short}", "{branch}-{short}-{timestamp}", "v{version}", "{sha}"]), st.text(max_size=60))
def test_any_text_is_of_a_form_or_names_nothing(form: str, text: str) -> None:
    for candidate in TagNames.parse(form, "").candidates(text):
        assert candidate.name.removeprefix("v") in text
