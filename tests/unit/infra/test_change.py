from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.api.comparison import Commit, Comparison
from actions.errors import ActionError, EnvFileError, InputError, InvalidTagError, NoTagError, UnknownServiceError
from actions.infra import change, change_report
from actions.infra.change import Change, Request, plan_changes
from actions.infra.layout import Layout, Snapshot
from actions.pull_request import description
from actions.runner.inputs import Inputs
from actions.runner.markdown import code_block
from actions.tags import Artifact

A, B = "a" * 40, "b" * 40
D, E = "sha256:" + "d" * 64, "sha256:" + "e" * 64


def snapshot(env: str, **tags: str) -> Snapshot:
    services = ",".join(f'"{name.replace("_", "-")}":{{"tag":"{tag}"}}' for name, tag in tags.items())
    return Layout.default("envs").group({f"envs/{env}.json": f"{{{services}}}"})[env]


def tagged(**tags: str) -> dict[str, Artifact]:
    return {name.replace("_", "-"): Artifact(tag) for name, tag in tags.items()}


def request(rollback: str | None = None, **given: Any) -> Request:
    inputs = {
        f"INPUT_{name.upper()}": "\n".join([value] if isinstance(value, str) else value)
        for name, value in given.items()
    }
    return Request.read(Inputs({"INPUT_ENV": "dev"} | inputs), rollback=rollback)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({"tag": B}, tagged(api=B), id="the only service"),
        pytest.param({"service": "api", "tag": B}, tagged(api=B), id="a service"),
        pytest.param({"tags": ["api=1.0", " web = 2.0 ", "api=1.0"]}, tagged(api="1.0", web="2.0"), id="several"),
    ],
)
def test_a_request_says_which_tags_are_wanted(given: dict[str, Any], expected: dict[str, Artifact]) -> None:
    assert request(**given).wanted(snapshot("dev", api=A), None) == expected


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        pytest.param({}, InputError, "given: none", id="nothing"),
        pytest.param({"tag": A, "tags": ["api=1"]}, InputError, "given: tag, tags", id="two things"),
        pytest.param(
            {"tag": A, "env": "../x"}, InputError, "is not a valid name for an env", id="an env that leads out"
        ),
        pytest.param(
            {"tag": A, "service": "$(x)"}, InputError, "is not a valid name for a service", id="an odd service"
        ),
        pytest.param({"tag": A, "service": "a b"}, InputError, "names several services", id="one tag, two services"),
        pytest.param({"tag": "a b"}, InvalidTagError, "is not a tag", id="no tag"),
        pytest.param({"tags": ["api"]}, InputError, "is not service=tag", id="no line of tags"),
        pytest.param({"tags": ["api=1", "api=2"]}, InputError, "gives service 'api' two tags", id="two tags"),
        pytest.param({"tags": ["api=1"], "service": "api"}, InputError, "leave service empty", id="said twice"),
        pytest.param({"from_env": "dev"}, InputError, "both 'dev'", id="from itself"),
        pytest.param(
            {"tag": A, "digest": "d" * 64}, InputError, "it must be sha256: and 64 lower-case", id="no digest"
        ),
        pytest.param({"tags": ["api=1"], "digest": D}, InputError, "digest needs input tag", id="tags and a digest"),
        pytest.param({"from_env": "qa", "digest": D}, InputError, "digest needs input tag", id="a copy and a digest"),
        pytest.param(
            {"rollback": "previous", "digest": D}, InputError, "digest needs input tag", id="back to a digest"
        ),
        pytest.param({"tag": A, "digest": D, "service": "a b"}, InputError, "several services", id="one digest of two"),
    ],
)
def test_a_request_that_does_not_say_one_thing_is_refused(
    given: dict[str, Any], error: type[ActionError], message: str
) -> None:
    with pytest.raises(error, match=message):
        request(**{"rollback": "", **given})


@pytest.mark.parametrize(("rollback", "known"), [(None, "tag, tags, from-env"), ("", "tag, tags, from-env, rollback")])
def test_only_the_inputs_that_the_action_has_are_named(rollback: str | None, known: str) -> None:
    with pytest.raises(InputError, match=f"^give one of {known}; given: none$"):
        request(rollback)


def test_the_service_must_be_named_if_there_are_several() -> None:
    with pytest.raises(InputError, match=r"does not have exactly one service \(api, web\); set input service"):
        request(tag=B).wanted(snapshot("dev", api=A, web=A), None)


def test_an_environment_without_services_has_no_only_service() -> None:
    with pytest.raises(
        InputError, match=r"^envs/dev\.json:1: no service with a tag at \{service\}\.tag: none; set 'tag' in gitops.yml"
    ):
        request(tag=B).wanted(snapshot("dev"), None)


def test_a_promotion_copies_the_tags_of_services_that_both_have() -> None:
    asked = request(env="prod", from_env="dev")
    target, source = snapshot("prod", api=A, old=A), snapshot("dev", api=B, new=B, none="")

    assert asked.wanted(target, source) == tagged(api=B)
    assert asked.left_alone(target, source) == ["new", "none", "old"]


def test_a_promotion_of_named_services_needs_them() -> None:
    target, source = snapshot("prod", api=A, web=A), snapshot("dev", api=B, web=B)
    asked = request(env="prod", from_env="dev", service="web")
    with pytest.raises(UnknownServiceError, match="no service 'web' in dev; it has: none"):
        asked.wanted(target, snapshot("dev"))

    assert asked.wanted(target, source) == tagged(web=B)
    assert asked.left_alone(target, source) == []
    with pytest.raises(NoTagError, match="service 'web' has no tag in dev"):
        asked.wanted(target, snapshot("dev", api=B, web=""))
    with pytest.raises(UnknownServiceError, match="no service 'job' in dev; it has: api, web"):
        request(env="prod", from_env="dev", service="job").wanted(target, source)


def test_a_plan_holds_what_differs_and_the_texts_after_it() -> None:
    planned = plan_changes(snapshot("dev", api=A, web=A), tagged(api=B, web=A))

    assert [str(changed) for changed in planned.changes] == ["api aaaaaaaaaaaa → bbbbbbbbbbbb"]
    assert planned.after.tags() == {"api": B, "web": A}


def test_what_is_no_tag_is_not_planned() -> None:
    with pytest.raises(InvalidTagError):
        plan_changes(snapshot("dev", api=A), tagged(api="x; rm"))


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (A, B, f"api {A[:12]} → {B[:12]}"),
        ("", B, f"api (none) → {B[:12]}"),
        ("x; rm", "1.0.0", "api (no tag) → 1.0.0"),
        ("1.0.0", "", "api 1.0.0 → (none)"),
    ],
)
def test_a_change_is_told_in_a_few_words(before: str, after: str, text: str) -> None:
    assert str(Change(env="dev", service="api", file="envs/dev.json", before=before, after=after)) == text


def test_one_impossible_change_makes_the_whole_plan_impossible() -> None:
    with pytest.raises(UnknownServiceError):
        plan_changes(snapshot("dev", api=A), tagged(api=B, job=B))


@given(
    st.dictionaries(st.sampled_from(["a", "b", "c"]), st.sampled_from(["1.0", "2.0", "3.0"]), min_size=1),
    st.dictionaries(st.sampled_from(["a", "b", "c"]), st.sampled_from(["1.0", "2.0", "3.0"]), max_size=3),
)
def test_a_plan_carried_out_leaves_nothing_to_plan(now: dict[str, str], wanted: dict[str, str]) -> None:
    known = {service: tag for service, tag in wanted.items() if service in now}

    after = plan_changes(snapshot("dev", **now), tagged(**known)).after

    assert after.tags() == now | known
    assert plan_changes(after, tagged(**known)).changes == ()


def test_the_outputs_are_about_one_service_only_if_there_is_one() -> None:
    planned = plan_changes(snapshot("dev", api=A, web=""), tagged(api=B, web=B))

    assert change.outputs(planned.changes[:1], tagged(api=B))["previous-tag"] == A
    assert change.outputs((), tagged(api=B)) == {
        "changed": False,
        "changes": [],
        "previous-tag": B,
        "tag": B,
        "reason": "up-to-date",
    }
    assert change.outputs(planned.changes[:1], tagged(api=B, web=A))["previous-tag"] == ""
    both = change.outputs(planned.changes, tagged(api=B, web=B))
    assert (both["tag"], both["previous-tag"]) == ("", "")
    assert both["changes"] == [
        {"env": "dev", "service": "api", "file": "envs/dev.json", "from": A, "to": B, "digest": ""},
        {"env": "dev", "service": "web", "file": "envs/dev.json", "from": "", "to": B, "digest": ""},
    ]


def test_the_title_says_what_moves_where() -> None:
    api, web = plan_changes(snapshot("dev", api=A, web=A), tagged(api=B, web="1.0")).changes
    many = plan_changes(
        snapshot("dev", **{f"service_{n}": A for n in range(9)}), tagged(**{f"service_{n}": B for n in range(9)})
    ).changes

    def title(*changes: Change, from_env: str = "", is_rollback: bool = False) -> str:
        return description.title(changes, from_env=from_env, is_rollback=is_rollback)

    assert title(api) == "Update dev: api to bbbbbbbbbbbb"
    assert title(api, web) == "Update dev: api, web"
    assert title(api, from_env="qa") == "Promote qa to dev: api to bbbbbbbbbbbb"
    assert title(api, is_rollback=True) == "Roll back dev: api to bbbbbbbbbbbb"
    assert title(*many) == "Update dev: 9 services to bbbbbbbbbbbb"


def test_a_pull_request_shows_the_commits_and_lets_none_of_them_act() -> None:
    commits = tuple(
        Commit(sha=f"{n:02d}" + "0" * 38, message=f"@team <!-- #{n}\n\nmore", author="eve") for n in range(30)
    )
    histories = {"api": Comparison(status="ahead", commits=commits, total=300), "web": None}

    body = description.histories(histories, pulls={})

    assert "<summary>api: 300 commits (ahead)</summary>" in body
    assert "- `290000000000` &#64;team &#60;&#33;-- &#35;29 (eve)\n" in body
    assert "… and 280 more" in body
    assert body.count("- `") == 20


def test_what_a_file_holds_does_nothing_in_a_table_or_a_message() -> None:
    """The old tag was never checked by anybody."""
    hostile = "1` | x |\n\n# Approved\n\nCo-authored-by: Mallory <m@evil>"
    (changed,) = plan_changes(env_with(hostile), tagged(api=B)).changes

    assert "\n" not in change_report.changes_table("dev", [changed]).split("| --- | --- | --- | --- |\n")[1].rstrip(
        "\n"
    )
    assert "Co-authored-by: Mallory" not in change_report.changes_table("dev", [changed])
    assert "\nCo-authored-by" not in description.commit_message("x", [changed], [])
    assert str(changed) == "api (no tag) → bbbbbbbbbbbb"


def env_with(tag: str) -> Snapshot:
    return Layout.default("envs").group({"envs/dev.json": json.dumps({"api": {"tag": tag}})})["dev"]


def test_a_code_block_cannot_be_ended_from_within() -> None:
    assert code_block("a\n````\n", "diff") == "`````diff\na\n````\n`````\n"


def test_a_long_table_is_cut_and_says_so() -> None:
    names = [f"service_{n}" for n in range(120)]
    many = plan_changes(snapshot("dev", **dict.fromkeys(names, A)), tagged(**dict.fromkeys(names, B))).changes

    assert "| … and 20 more |" in change_report.changes_table("dev", many)


def test_a_table_names_what_was_left_alone() -> None:
    assert "Not changed, because only one of the two environments has them: job" in change_report.changes_table(
        "dev", (), left_alone=["job"]
    )


def test_a_diff_ends_its_lines() -> None:
    before = snapshot("dev", api=A)

    assert change_report.diff(before, before.with_artifacts({"api": Artifact(B)})).splitlines() == [
        "--- a/envs/dev.json",
        "+++ b/envs/dev.json",
        "@@ -1 +1 @@",
        f'-{{"api":{{"tag":"{A}"}}}}',
        f'+{{"api":{{"tag":"{B}"}}}}',
    ]


# Digests


def artifacts(env: str, **given: Artifact | None) -> Snapshot:
    """Return an environment; a service that is None has a tag and no key for a digest."""
    content = {
        name: {"tag": "1"} if artifact is None else {"tag": artifact.tag, "digest": artifact.digest}
        for name, artifact in given.items()
    }
    return Layout.default("envs").group({f"envs/{env}.json": json.dumps(content)})[env]


@pytest.mark.parametrize(
    ("before", "wanted", "after"),
    [
        pytest.param(Artifact("1"), Artifact("2", D), Artifact("2", D), id="a new tag with its digest"),
        pytest.param(Artifact("1", D), Artifact("2", E), Artifact("2", E), id="a new tag with another digest"),
        pytest.param(Artifact("1", D), Artifact("2"), Artifact("2"), id="a new tag without one"),
        pytest.param(Artifact("1", D), Artifact("1", E), Artifact("1", E), id="the same tag with another digest"),
        pytest.param(Artifact("1"), Artifact("1", D), Artifact("1", D), id="the same tag with a digest now"),
        pytest.param(Artifact("", D), Artifact("2"), Artifact("2"), id="a first tag"),
        pytest.param(Artifact("1", D), Artifact("1"), None, id="the same tag"),
        pytest.param(Artifact("1", D), Artifact("1", D), None, id="the same artifact"),
        pytest.param(Artifact("1", "odd"), Artifact("1"), None, id="the same tag beside what is no digest"),
    ],
)
def test_a_digest_goes_with_its_tag(before: Artifact, wanted: Artifact, after: Artifact | None) -> None:
    planned = plan_changes(artifacts("dev", api=before), {"api": wanted})

    assert planned.after.artifacts()["api"] == (after or before)
    assert planned.changes == (
        ()
        if after is None
        else (
            Change(
                env="dev", service="api", file="envs/dev.json", before=before.tag, after=after.tag,
                digest_before=before.digest, digest=after.digest,
            ),
        )
    )  # fmt: skip


def test_without_a_key_a_digest_has_no_place_and_a_tag_needs_none() -> None:
    target = artifacts("dev", api=None, web=Artifact("1", D))

    assert plan_changes(target, tagged(api="2")).after.artifacts() == {"api": Artifact("2"), "web": Artifact("1", D)}
    for tag in ("1", "2"):
        with pytest.raises(EnvFileError, match=r"envs/dev\.json:1: service 'api' has no key for a digest"):
            plan_changes(target, {"api": Artifact(tag, E)})


def test_what_is_no_digest_blocks_its_own_service_alone() -> None:
    target = artifacts("dev", api=Artifact("1", "odd"), web=Artifact("1", D))

    assert plan_changes(target, {"web": Artifact("2", E)}).after.artifacts()["web"] == Artifact("2", E)
    with pytest.raises(EnvFileError, match="the digest of 'api' is 'odd'"):
        plan_changes(target, tagged(api="2"))


def test_a_tag_that_stays_is_not_written_again() -> None:
    """A number as a tag would get quotes, and an alias could not be written at all."""
    text = 'x: &v 1\napi:\n  tag: *v\n  digest: ""\n'
    target = Layout.default("envs").group({"envs/dev.yaml": text})["dev"]

    (file,) = plan_changes(target, {"api": Artifact("1", D)}).after.files

    assert file.text == text.replace('""', f'"{D}"')


def test_a_digest_is_asked_for_with_its_tag() -> None:
    one, both = artifacts("dev", api=Artifact("1")), artifacts("dev", api=Artifact("1"), web=Artifact("1"))

    assert request(tag="2", digest=D).wanted(one, None) == {"api": Artifact("2", D)}
    assert request(tag="2", digest=D, service="web").wanted(both, None) == {"web": Artifact("2", D)}


def test_a_promotion_copies_each_tag_with_its_digest() -> None:
    target = artifacts("prod", api=Artifact("1", E), web=Artifact("1", E), job=Artifact("1"))
    source = artifacts("dev", api=Artifact("2", D), web=Artifact("2"), job=Artifact(""), new=Artifact("1", "odd"))

    wanted = request(env="prod", from_env="dev").wanted(target, source)

    assert wanted == {"api": Artifact("2", D), "web": Artifact("2")}
    assert plan_changes(target, wanted).after.artifacts() == wanted | {"job": Artifact("1")}


def test_a_promotion_of_what_is_no_digest_is_refused_where_it_stands() -> None:
    target, source = artifacts("prod", api=None, web=None), artifacts("dev", api=None, web=Artifact("2", "odd"))

    assert request(env="prod", from_env="dev", service="api").wanted(target, source) == tagged(api="1")
    with pytest.raises(EnvFileError, match=r"envs/dev\.json:1: the digest of 'web' is 'odd'"):
        request(env="prod", from_env="dev").wanted(target, source)


def test_a_digest_is_shown_beside_its_tag() -> None:
    (changed,) = plan_changes(artifacts("dev", api=Artifact("1", D)), {"api": Artifact("1", E)}).changes
    (emptied,) = plan_changes(artifacts("dev", api=Artifact(A, D)), {"api": Artifact(B)}).changes

    assert str(changed) == "api 1@dddddddddddd → 1@eeeeeeeeeeee"
    assert str(emptied) == "api aaaaaaaaaaaa@dddddddddddd → bbbbbbbbbbbb"
    assert "| api | `1@dddddddddddd` | `1@eeeeeeeeeeee` | `envs/dev.json` |" in change_report.changes_table(
        "dev", [changed]
    )
    assert description.title([changed], from_env="", is_rollback=False) == "Update dev: api to 1@eeeeeeeeeeee"
    assert f"envs/dev.json: api 1@{D} -> 1@{E}\n" in description.commit_message("x", [changed], [])
    assert f"envs/dev.json: api {A}@{D} -> {B}\n" in description.commit_message("x", [emptied], [])
    assert (changed.as_output()["digest"], emptied.as_output()["digest"]) == (E, "")
    assert change.outputs([changed], {"api": Artifact("1", E)})["previous-tag"] == "1"


def test_what_is_no_digest_is_not_shown() -> None:
    odd = Change(
        env="dev", service="api", file="f", before="1", after="2", digest_before="`x`\n", digest="sha256:\n::error::"
    )  # fmt: skip

    assert str(odd) == "api 1 → 2"
    assert "| api | `1` | `2` | `f` |" in change_report.changes_table("dev", [odd])
