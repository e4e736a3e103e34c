from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.api.comparison import Commit, Comparison
from actions.errors import ActionError, InputError, InvalidTagError, NoTagError, UnknownServiceError
from actions.infra import change, change_report
from actions.infra.change import Change, Request, plan_changes
from actions.infra.layout import Layout, Snapshot
from actions.pull_request import description
from actions.runner.inputs import Inputs
from actions.runner.markdown import code_block

A, B = "a" * 40, "b" * 40


def snapshot(env: str, **tags: str) -> Snapshot:
    services = ",".join(f'"{name.replace("_", "-")}":{{"tag":"{tag}"}}' for name, tag in tags.items())
    return Layout.default("envs").group({f"envs/{env}.json": f"{{{services}}}"})[env]


def request(rollback: str | None = None, **given: Any) -> Request:
    inputs = {
        f"INPUT_{name.upper()}": "\n".join([value] if isinstance(value, str) else value)
        for name, value in given.items()
    }
    return Request.read(Inputs({"INPUT_ENV": "dev"} | inputs), rollback=rollback)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({"tag": B}, {"api": B}, id="the only service"),
        pytest.param({"service": "api", "tag": B}, {"api": B}, id="a service"),
        pytest.param({"tags": ["api=1.0", " web = 2.0 ", "api=1.0"]}, {"api": "1.0", "web": "2.0"}, id="several"),
    ],
)
def test_a_request_says_which_tags_are_wanted(given: dict[str, Any], expected: dict[str, str]) -> None:
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
    ],
)
def test_a_request_that_does_not_say_one_thing_is_refused(
    given: dict[str, Any], error: type[ActionError], message: str
) -> None:
    with pytest.raises(error, match=message):
        request(**given)


@pytest.mark.parametrize(("rollback", "known"), [(None, "tag, tags, from-env"), ("", "tag, tags, from-env, rollback")])
def test_only_the_inputs_that_the_action_has_are_named(rollback: str | None, known: str) -> None:
    with pytest.raises(InputError, match=f"^give one of {known}; given: none$"):
        request(rollback)


def test_the_service_must_be_named_if_there_are_several() -> None:
    with pytest.raises(InputError, match=r"does not have exactly one service \(api, web\); set input service"):
        request(tag=B).wanted(snapshot("dev", api=A, web=A), None)


def test_an_environment_without_services_has_no_only_service() -> None:
    with pytest.raises(InputError, match=r"environment 'dev' does not have exactly one service \(none\)"):
        request(tag=B).wanted(snapshot("dev"), None)


def test_a_promotion_copies_the_tags_of_services_that_both_have() -> None:
    asked = request(env="prod", from_env="dev")
    target, source = snapshot("prod", api=A, old=A), snapshot("dev", api=B, new=B, none="")

    assert asked.wanted(target, source) == {"api": B}
    assert asked.left_alone(target, source) == ["new", "none", "old"]


def test_a_promotion_of_named_services_needs_them() -> None:
    target, source = snapshot("prod", api=A, web=A), snapshot("dev", api=B, web=B)
    asked = request(env="prod", from_env="dev", service="web")
    with pytest.raises(UnknownServiceError, match="no service 'web' in dev; it has: none"):
        asked.wanted(target, snapshot("dev"))

    assert asked.wanted(target, source) == {"web": B}
    assert asked.left_alone(target, source) == []
    with pytest.raises(NoTagError, match="service 'web' has no tag in dev"):
        asked.wanted(target, snapshot("dev", api=B, web=""))
    with pytest.raises(UnknownServiceError, match="no service 'job' in dev; it has: api, web"):
        request(env="prod", from_env="dev", service="job").wanted(target, source)


def test_a_plan_holds_what_differs_and_the_texts_after_it() -> None:
    planned = plan_changes(snapshot("dev", api=A, web=A), {"api": B, "web": A})

    assert [str(changed) for changed in planned.changes] == ["api aaaaaaaaaaaa → bbbbbbbbbbbb"]
    assert planned.after.tags() == {"api": B, "web": A}


def test_what_is_no_tag_is_not_planned() -> None:
    with pytest.raises(InvalidTagError):
        plan_changes(snapshot("dev", api=A), {"api": "x; rm"})


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
        plan_changes(snapshot("dev", api=A), {"api": B, "job": B})


@given(
    st.dictionaries(st.sampled_from(["a", "b", "c"]), st.sampled_from(["1.0", "2.0", "3.0"]), min_size=1),
    st.dictionaries(st.sampled_from(["a", "b", "c"]), st.sampled_from(["1.0", "2.0", "3.0"]), max_size=3),
)
def test_a_plan_carried_out_leaves_nothing_to_plan(now: dict[str, str], wanted: dict[str, str]) -> None:
    known = {service: tag for service, tag in wanted.items() if service in now}

    after = plan_changes(snapshot("dev", **now), known).after

    assert after.tags() == now | known
    assert plan_changes(after, known).changes == ()


def test_the_outputs_are_about_one_service_only_if_there_is_one() -> None:
    planned = plan_changes(snapshot("dev", api=A, web=""), {"api": B, "web": B})

    assert change.outputs(planned.changes[:1], {"api": B})["previous-tag"] == A
    assert change.outputs((), {"api": B}) == {
        "changed": False,
        "changes": [],
        "previous-tag": B,
        "tag": B,
        "reason": "up-to-date",
    }
    assert change.outputs(planned.changes[:1], {"api": B, "web": A})["previous-tag"] == ""
    both = change.outputs(planned.changes, {"api": B, "web": B})
    assert (both["tag"], both["previous-tag"]) == ("", "")
    assert both["changes"] == [
        {"env": "dev", "service": "api", "file": "envs/dev.json", "from": A, "to": B},
        {"env": "dev", "service": "web", "file": "envs/dev.json", "from": "", "to": B},
    ]


def test_the_title_says_what_moves_where() -> None:
    api, web = plan_changes(snapshot("dev", api=A, web=A), {"api": B, "web": "1.0"}).changes
    many = plan_changes(
        snapshot("dev", **{f"service_{n}": A for n in range(9)}), {f"service-{n}": B for n in range(9)}
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
    (changed,) = plan_changes(env_with(hostile), {"api": B}).changes

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
    names = {f"service-{n}": B for n in range(120)}
    many = plan_changes(snapshot("dev", **{name.replace("-", "_"): A for name in names}), names).changes

    assert "| … and 20 more |" in change_report.changes_table("dev", many)


def test_a_table_names_what_was_left_alone() -> None:
    assert "Not changed, because only one of the two environments has them: job" in change_report.changes_table(
        "dev", (), left_alone=["job"]
    )


def test_a_diff_ends_its_lines() -> None:
    before = snapshot("dev", api=A)

    assert change_report.diff(before, before.with_tag("api", B)).splitlines() == [
        "--- a/envs/dev.json",
        "+++ b/envs/dev.json",
        "@@ -1 +1 @@",
        f'-{{"api":{{"tag":"{A}"}}}}',
        f'+{{"api":{{"tag":"{B}"}}}}',
    ]
