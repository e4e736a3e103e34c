"""A pull request of env files beside its base, and beside what the base branch has by now."""

from __future__ import annotations

import json

import pytest

from actions.errors import EnvFileError, NoTagError
from actions.infra.change import Change
from actions.infra.env_diff import EnvDiff
from actions.infra.layout import Layout, Snapshot
from actions.infra.tag_path import TagPath
from actions.tags import Artifact

DEV = "envs/dev.json"


def dev(services: dict[str, str | None] | None) -> dict[str, Snapshot]:
    """Return dev with these tags; None in place of a tag is a service without one."""
    if services is None:
        return {}
    content = {name: {"url": "x"} if tag is None else {"tag": tag, "url": "x"} for name, tag in services.items()}
    return Layout.default("envs").group({DEV: json.dumps(content)})


def change(service: str, before: str, after: str) -> Change:
    return Change(env="dev", service=service, file=DEV, before=before, after=after)


@pytest.mark.parametrize(
    ("base", "head", "now", "expected"),
    [
        pytest.param({"api": "1"}, {"api": "2"}, {"api": "1"}, [change("api", "1", "2")], id="a new tag"),
        pytest.param({"api": "1"}, {"api": "2"}, {"api": "2"}, [], id="a tag that the branch has by now"),
        pytest.param({"api": "1"}, {"api": "1"}, {"api": "2"}, [], id="a tag that only the branch changed"),
        pytest.param({"api": "1"}, {"api": "2"}, {"api": "3"}, [change("api", "3", "2")], id="both changed it"),
        pytest.param({}, {"api": ""}, {}, [], id="a new service without a tag"),
        pytest.param({}, {"api": ""}, {"api": "1"}, [], id="a new service without a tag, which the branch gave one"),
        pytest.param({}, {"api": "1"}, {}, [change("api", "", "1")], id="a new service"),
        pytest.param(None, {"api": "1"}, None, [change("api", "", "1")], id="a new environment"),
        pytest.param({"api": "1"}, {}, {"api": "2"}, [change("api", "2", "")], id="a removed service"),
        pytest.param({"api": "1"}, {}, {}, [], id="a removed service that the branch removed too"),
        pytest.param({"api": ""}, {}, {"api": "2"}, [], id="a removed service that had no tag"),
        pytest.param({"api": "1"}, None, {"api": "1"}, [change("api", "1", "")], id="a removed environment"),
    ],
)
def test_a_pull_request_changes_tags(
    base: dict[str, str | None] | None,
    head: dict[str, str | None] | None,
    now: dict[str, str | None] | None,
    expected: list[Change],
) -> None:
    assert EnvDiff(base=dev(base), head=dev(head), now=dev(now)).changes() == expected


@pytest.mark.parametrize(
    ("base", "head", "expected"),
    [
        pytest.param({"api": "1"}, {"api": "not a tag"}, ["'not a tag'"], id="a tag that is none"),
        pytest.param({"api": "not a tag"}, {"api": "not a tag"}, [], id="a tag that was none before"),
        pytest.param({}, {"api": ""}, [], id="a new service without a tag"),
        pytest.param({"api": "1"}, {"api": ""}, ["service 'api' has lost its tag in envs/dev.json"], id="emptied"),
        pytest.param({"api": "1"}, {"api": None}, ["service 'api' has lost its tag in envs/dev.json"], id="no tag key"),
        pytest.param({"api": "1"}, {}, [], id="a removed service"),
        pytest.param({"api": ""}, {"api": None}, [], id="a service that had no tag"),
    ],
)
def test_what_is_wrong_with_a_file_is_told(
    base: dict[str, str | None], head: dict[str, str | None], expected: list[str]
) -> None:
    problems = EnvDiff(base=dev(base), head=dev(head), now=dev(base)).problems()

    assert [text in str(problem) for text, problem in zip(expected, problems, strict=True)] == [True] * len(expected)


def test_a_lost_tag_is_shown_in_its_file() -> None:
    (problem,) = EnvDiff(base=dev({"api": "1"}), head=dev({"api": ""}), now={}).problems()

    assert isinstance(problem, NoTagError)
    assert (problem.file, problem.line) == (DEV, 1)


@pytest.mark.parametrize(
    ("head", "is_foreign"),
    [
        pytest.param({"api": "2"}, False, id="another tag"),
        pytest.param({"api": "1"}, False, id="nothing"),
        pytest.param({"api": ""}, True, id="an emptied tag"),
        pytest.param({"api": None}, True, id="a removed tag"),
        pytest.param({"api": "2", "web": "1"}, True, id="another service"),
        pytest.param(None, True, id="the removal of the file"),
    ],
)
def test_a_bot_may_change_tags_alone(head: dict[str, str | None] | None, *, is_foreign: bool) -> None:
    difference = EnvDiff(base=dev({"api": "1"}), head=dev(head), now=dev({"api": "1"}))

    assert difference.foreign([DEV]) == ([DEV] if is_foreign else [])


def test_an_image_that_cannot_be_changed_and_stays_is_not_foreign() -> None:
    layout = Layout(patterns=("envs/{env}.yaml",), tag_path=TagPath.parse("{service}.image"))
    text = "api: {image: r/api:1@sha256:ab}\nweb: {image: r/web:1}\n"
    base, head = (layout.group({"envs/dev.yaml": text.replace("web:1", f"web:{tag}")}) for tag in (1, 2))

    assert EnvDiff(base=base, head=head, now=base).foreign(["envs/dev.yaml"]) == []


def test_an_invalid_file_has_no_changes_and_is_foreign() -> None:
    broken = Layout.default("envs").group({DEV: "{"})
    difference = EnvDiff(base=dev({"api": "1"}), head=broken, now=dev({"api": "1"}))

    assert difference.changes() == []
    assert difference.foreign([DEV]) == [DEV]
    assert len(difference.problems()) == 1


def test_the_services_are_those_of_the_branch_now() -> None:
    assert EnvDiff(base=dev({"old": "1"}), head=dev({"new": "1"}), now=dev({"api": "1"})).services() == {"api"}


# Digests

D, E = "sha256:" + "d" * 64, "sha256:" + "e" * 64


def with_digests(**services: tuple[str, str]) -> dict[str, Snapshot]:
    content = {name: {"tag": tag, "digest": digest, "url": "x"} for name, (tag, digest) in services.items()}
    return Layout.default("envs").group({DEV: json.dumps(content, indent=1)})


def digest_change(before: Artifact, after: Artifact) -> Change:
    return Change(
        env="dev", service="api", file=DEV, before=before.tag, after=after.tag, digest_before=before.digest,
        digest=after.digest,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("base", "head", "now", "expected"),
    [
        pytest.param(("1", D), ("2", E), ("1", D), (("1", D), ("2", E)), id="a tag with its digest"),
        pytest.param(("1", D), ("2", ""), ("1", D), (("1", D), ("2", "")), id="a tag without one"),
        pytest.param(("1", D), ("1", E), ("1", D), (("1", D), ("1", E)), id="the same tag, another digest"),
        pytest.param(("1", D), ("1", ""), ("1", D), (("1", D), ("1", "")), id="the same tag, no digest any more"),
        pytest.param(("1", D), ("1", E), ("1", E), None, id="a digest that the branch has by now"),
        pytest.param(("1", D), ("1", D), ("1", E), None, id="a digest that only the branch changed"),
        pytest.param(("1", D), ("1", E), ("2", D), (("2", D), ("2", E)), id="a digest below a tag of the branch"),
        pytest.param(("1", D), ("2", D), ("1", E), (("1", E), ("2", E)), id="a tag above a digest of the branch"),
        pytest.param(("1", "odd"), ("1", "odd"), ("1", "odd"), None, id="what was no digest before"),
        pytest.param(("", ""), ("", D), ("", ""), None, id="a digest of no tag"),
    ],
)
def test_a_pull_request_changes_digests(
    base: tuple[str, str],
    head: tuple[str, str],
    now: tuple[str, str],
    expected: tuple[tuple[str, str], tuple[str, str]] | None,
) -> None:
    diff = EnvDiff(base=with_digests(api=base), head=with_digests(api=head), now=with_digests(api=now))

    assert diff.changes() == ([digest_change(Artifact(*expected[0]), Artifact(*expected[1]))] if expected else [])
    assert diff.problems() == []


def test_a_removed_service_had_a_digest() -> None:
    diff = EnvDiff(base=with_digests(api=("1", D)), head=with_digests(), now=with_digests(api=("2", E)))

    assert diff.changes() == [digest_change(Artifact("2", E), Artifact(""))]


@pytest.mark.parametrize(
    ("base", "head", "is_wrong"),
    [
        pytest.param(("1", ""), ("1", "odd"), True, id="set now"),
        pytest.param(("1", "odd"), ("2", "odd"), True, id="beside a new tag"),
        pytest.param(("1", "odd"), ("1", "odd"), False, id="beside the same tag"),
        pytest.param(("1", "odd"), ("2", ""), False, id="emptied with the tag"),
    ],
)
def test_what_is_no_digest_is_wrong_where_its_service_changes(
    base: tuple[str, str], head: tuple[str, str], *, is_wrong: bool
) -> None:
    problems = EnvDiff(base=with_digests(api=base), head=with_digests(api=head), now={}).problems()

    assert [(type(problem), problem.line) for problem in problems] == ([(EnvFileError, 4)] if is_wrong else [])


@pytest.mark.parametrize(
    ("base", "head", "is_foreign"),
    [
        pytest.param(("1", D), ("2", E), False, id="another artifact"),
        pytest.param(("1", D), ("2", ""), False, id="another tag, and the digest emptied"),
        pytest.param(("1", D), ("2", D), False, id="another tag alone"),
        pytest.param(("1", D), ("1", E), False, id="another digest of the same tag"),
        pytest.param(("1", ""), ("1", E), False, id="a digest now"),
        pytest.param(("1", D), ("1", ""), True, id="the digest of the same tag emptied"),
        pytest.param(("1", D), ("", E), True, id="an emptied tag"),
        pytest.param(("1", "odd"), ("2", D), True, id="the repair of what was no digest"),
        pytest.param(("1", D), ("no tag", D), True, id="a tag that is none"),
    ],
)
def test_a_bot_may_change_digests_with_their_tags(
    base: tuple[str, str], head: tuple[str, str], *, is_foreign: bool
) -> None:
    diff = EnvDiff(base=with_digests(api=base), head=with_digests(api=head), now=with_digests(api=base))

    assert diff.foreign([DEV]) == ([DEV] if is_foreign else [])


def test_a_bot_may_add_no_key_for_a_digest() -> None:
    diff = EnvDiff(base=dev({"api": "1"}), head=with_digests(api=("2", D)), now=dev({"api": "1"}))

    assert diff.foreign([DEV]) == [DEV]
