"""The digest of an artifact on its way: by the pull request of the bot, promotions and rollbacks to the deploy job."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from sandbox.state import Deployment, DeploymentStatus
from sandbox.world import BOT
from tests.sandbox.scenarios import (
    GITOPS,
    NOW,
    Clone,
    GitHub,
    Infra,
    check,
    entries,
    gates_of,
    held,
    hold,
    merge_at_once,
    merge_files,
    open_pr,
    propose,
)

D, E, F = ("sha256:" + digit * 64 for digit in "def")
BY_NAME = "\nbound by name only: "


def pinned(tag: str, digest: str = "", **others: str) -> str:
    """Return an env file of the service api, and of *others*, which have no key for a digest."""
    content = {"api": {"tag": tag, "digest": digest}} | {name: {"tag": other} for name, other in others.items()}
    return json.dumps(content, indent=1)


def api_of(github: GitHub, env: str, branch: str = "main") -> tuple[str, str]:
    section = json.loads(github.infra_file(f"envs/{env}.json", branch))["api"]
    return section["tag"], section.get("digest", "-")


def ran(github: GitHub, env: str, text: str, *, hours: int) -> None:
    """Have *env* run what the file says since some hours ago."""
    sha = github.change_infra({f"envs/{env}.json": text})
    bot, at = github.sandbox.state.users[BOT], f"{NOW - timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}"
    deployment = Deployment(github.sandbox.state.new_id(), sha, "main", env, bot, created=at)
    deployment.statuses.append(DeploymentStatus(github.sandbox.state.new_id(), "success", bot, at=at))
    github.world.infra.deployments.append(deployment)


# Opened and merged


def test_a_digest_is_opened_and_merged_with_its_tag(github: GitHub) -> None:
    tag = github.app_commit()

    result = merge_at_once(github, tag, digest=D)

    assert result.outputs["reason"] == "merged", result.log
    assert api_of(github, "dev") == (tag, D)
    assert result.json("changes")[0]["digest"] == D
    pull = github.world.infra.pulls[1]
    assert pull.title == f"Update dev: api to {tag[:12]}@dddddddddddd"
    assert pull.head == f"gitops/dev/api-{tag[:12]}@dddddddddddd"
    assert f"`{tag[:12]}@dddddddddddd`" in pull.body
    assert f" -> {tag}@{D}\n" in github.world.infra.git.get(result.outputs["commit-sha"]).message


def test_the_same_tag_with_another_digest_is_another_change(github: GitHub) -> None:
    """Though a person has closed the pull request of the first."""
    tag = github.app_commit()
    first = open_pr(github, tag=tag, digest=D)
    github.person("bob").api("PATCH", "/repos/your-org/infra/pulls/1", {"state": "closed"})

    closed, other = open_pr(github, tag=tag, digest=D), open_pr(github, tag=tag, digest=E)

    assert first.outputs["reason"] == "opened"
    assert closed.outputs["reason"] == "closed-by-user"
    assert other.outputs["reason"] == "opened", other.log
    assert api_of(github, "dev", other.outputs["branch"]) == (tag, E)


def test_what_is_there_with_another_digest_is_compared_with_nothing(github: GitHub) -> None:
    tag = github.app_commit()
    github.change_infra({"envs/dev.json": pinned(tag, D)})

    result, same = open_pr(github, tag=tag, digest=E), open_pr(github, tag=tag, digest=D)

    assert (result.outputs["reason"], result.outputs["previous-tag"]) == ("opened", tag)
    body = github.world.infra.pulls[1].body
    assert f"| api | `{tag[:12]}@dddddddddddd` | `{tag[:12]}@eeeeeeeeeeee` |" in body
    assert "/compare/" not in body
    assert same.outputs["reason"] == "up-to-date"


def test_without_a_key_for_it_nothing_is_opened(github: GitHub) -> None:
    github.change_infra({"envs/dev.json": '{\n "api": {\n  "tag": "1.0.0"}}'})

    result = open_pr(github, tag=github.app_commit(), digest=D)

    assert (result.exit_code, result.outputs["reason"]) == (3, "invalid-env-file")
    assert "envs/dev.json:3: service 'api' has no key for a digest; add digest: \"\" beside its tag" in result.log
    assert github.world.infra.opened == {}


@pytest.mark.parametrize(
    "inputs", [{"tags": "api=1"}, {"from_env": "staging"}, {"rollback": "previous", "reason": "x"}]
)
def test_a_digest_is_of_one_tag(github: GitHub, inputs: dict[str, str]) -> None:
    result = open_pr(github, digest=D, **inputs)

    assert (result.exit_code, result.outputs["reason"]) == (2, "invalid-input")
    assert "input digest needs input tag" in result.log


# Promoted and rolled back


def test_a_promotion_takes_the_digest_along(promoting: GitHub) -> None:
    tag = promoting.app_commit()
    ran(promoting, "dev", pinned(tag, D), hours=2)

    result = open_pr(promoting, env="staging", from_env="dev")

    assert api_of(promoting, "staging", result.outputs["branch"]) == (tag, D), result.log
    assert BY_NAME not in promoting.world.infra.pulls[1].body


def test_a_promotion_without_a_digest_drops_the_old_one_only_where_gitops_yml_says_so(promoting: GitHub) -> None:
    tag = promoting.app_commit()
    ran(promoting, "dev", pinned(tag), hours=2)
    old, _ = api_of(promoting, "staging")
    promoting.change_infra({"envs/staging.json": pinned(old, D)})
    refused = open_pr(promoting, env="staging", from_env="dev")
    promoting.change_infra({"gitops.yml": f"{GITOPS}digest: drop\n"})

    result = open_pr(promoting, env="staging", from_env="dev")

    assert refused.outputs["reason"] == "invalid-env-file"
    assert "envs/staging.json:4: 'api' is pinned to a digest" in refused.log
    assert api_of(promoting, "staging", result.outputs["branch"]) == (tag, ""), result.log
    assert f"{BY_NAME}api in staging\n" in promoting.world.infra.pulls[1].body


def rollback(github: GitHub, to: str = "previous", **inputs: str) -> tuple[str, str, str]:
    """Return how a rollback of dev ended, and what it proposes."""
    result = open_pr(github, env="dev", rollback=to, reason="it drops sessions", **inputs)
    found = api_of(github, "dev", result.outputs["branch"]) if result.outputs["branch"] else ("", "")
    return result.outputs["reason"], *found


@pytest.mark.parametrize(
    ("before", "restored"),
    [
        pytest.param(pinned("1.0.0", D), D, id="the digest that ran"),
        pytest.param(pinned("1.0.0"), "", id="none"),
        pytest.param('{"api": {"tag": "1.0.0"}}', "", id="no key for one"),
        pytest.param(pinned("1.0.0", "odd"), "", id="what is none"),
    ],
)
@pytest.mark.parametrize("to", ["previous", "1.0.0"])
def test_a_rollback_restores_the_digest_that_ran(promoting: GitHub, before: str, restored: str, to: str) -> None:
    promoting.release("1.0.0", "1.1.0")
    ran(promoting, "dev", before, hours=2)
    ran(promoting, "dev", pinned("1.1.0", E), hours=1)

    assert rollback(promoting, to) == ("opened", "1.0.0", restored)


def test_of_several_digests_of_a_tag_the_last_one_comes_back(promoting: GitHub) -> None:
    promoting.release("1.0.0", "1.1.0")
    ran(promoting, "dev", pinned("1.0.0", D), hours=3)
    ran(promoting, "dev", pinned("1.0.0", E), hours=2)
    ran(promoting, "dev", pinned("1.1.0", F), hours=1)

    assert rollback(promoting) == ("opened", "1.0.0", E)


def test_a_rollback_to_the_tag_in_place_restores_what_ran_of_it(promoting: GitHub) -> None:
    promoting.release("1.0.0")
    ran(promoting, "dev", pinned("1.0.0", D), hours=2)
    running = rollback(promoting, "1.0.0")
    promoting.change_infra({"envs/dev.json": pinned("1.0.0", E)})

    assert running == ("up-to-date", "", "")
    assert rollback(promoting, "1.0.0") == ("opened", "1.0.0", D)


def test_a_rollback_to_a_tag_in_place_that_never_ran_changes_nothing(promoting: GitHub) -> None:
    ran(promoting, "dev", pinned("1.0.0", D), hours=2)
    promoting.change_infra({"envs/dev.json": pinned("1.1.0", E)})

    assert rollback(promoting, "1.1.0") == ("up-to-date", "", "")


# Judged


def test_another_digest_of_the_same_tag_is_judged(gated: GitHub) -> None:
    tag = gated.app_commit()
    gated.change_infra({"envs/dev.json": pinned(tag, D), "envs/prod.json": pinned(tag, D)})

    dev = check(gated, propose(gated, {"envs/dev.json": pinned(tag, E)}))
    prod = check(gated, propose(gated, {"envs/prod.json": pinned(tag, E)}, branch="b"))

    assert (dev.outputs["reason"], gates_of(dev)["released"], gates_of(dev)["checks"]) == ("allowed", "allow", "allow")
    assert dev.json("changes") == [
        {"env": "dev", "service": "api", "file": "envs/dev.json", "from": tag, "to": tag, "digest": E}
    ]
    assert f"every gate is open for dev api {tag[:12]}@dddddddddddd → {tag[:12]}@eeeeeeeeeeee" in dev.log
    assert (prod.outputs["reason"], gates_of(prod)["after"]) == ("not-promoted", "refuse")


def test_what_ran_before_is_the_digest_and_not_the_tag(gated: GitHub) -> None:
    tag = gated.app_commit()
    ran(gated, "staging", pinned(tag, D), hours=48)

    same, other, by_name = (
        check(gated, propose(gated, {"envs/prod.json": pinned(tag, digest)}, branch=f"b{index}"))
        for index, digest in enumerate((D, E, ""))
    )

    assert (same.outputs["reason"], by_name.outputs["reason"]) == ("allowed", "allowed")
    assert other.outputs["reason"] == "not-promoted"
    assert f"{BY_NAME}api in prod\n" in by_name.summary
    assert BY_NAME not in same.summary


def test_what_is_bound_by_name_only_is_named_in_one_line(gated: GitHub) -> None:
    """Not where nobody reviews, and not what is removed."""
    tags = {env: gated.app_commit(env) for env in ("dev", "staging", "prod")}
    gated.change_infra({"envs/staging.json": pinned("1", web="1", old="1")})
    files: dict[str, str | None] = {
        "envs/dev.json": pinned(tags["dev"]),
        "envs/staging.json": pinned(tags["staging"], D, web="2"),
        "envs/prod.json": pinned(tags["prod"]),
    }

    result = check(gated, propose(gated, files))

    assert f"{BY_NAME}api in prod, web in staging\n\n- " in result.summary
    assert result.summary.count("bound by name only") == 1
    assert f"{BY_NAME}api in prod, web in staging\n" in gated.world.infra.pulls[1].comments[0].body
    assert f"`{tags['staging'][:12]}@dddddddddddd`" in result.summary


@pytest.mark.parametrize(("number", "end"), [(100, "\n"), (102, " and 2 more\n")])
def test_a_long_list_of_what_is_bound_by_name_only_is_cut(gated: GitHub, number: int, end: str) -> None:
    names = {f"s{index:03}": "1" for index in range(number)}

    result = check(gated, propose(gated, {"envs/staging.json": pinned("1", D, **names)}))

    assert f"{BY_NAME}s000 in staging, s001 in staging, " in result.summary
    assert f", s099 in staging{end}" in result.summary
    assert "s100 in staging" not in result.summary


def test_what_is_no_digest_is_shown_in_the_pull_request_that_brings_it(gated: GitHub) -> None:
    tag = gated.app_commit()
    gated.change_infra({"envs/dev.json": pinned(tag, D, web="1")})

    result = check(gated, propose(gated, {"envs/dev.json": pinned(tag, "latest", web="1")}))

    assert (result.exit_code, result.outputs["reason"]) == (3, "invalid-env-file")
    assert "::error file=envs/dev.json,line=4::envs/dev.json:4: the digest of 'api' is 'latest'; write" in result.log


@pytest.mark.parametrize(
    ("digest", "reason"),
    [
        pytest.param(E, "allowed", id="another digest"),
        pytest.param("", "foreign-files", id="an emptied digest"),
    ],
)
def test_a_bot_replaces_a_digest_and_removes_none(gated: GitHub, digest: str, reason: str) -> None:
    tag = gated.app_commit()
    gated.change_infra({"envs/dev.json": pinned(tag, D)})

    result = check(gated, propose(gated, {"envs/dev.json": pinned(tag, digest)}, by=BOT))

    assert result.outputs["reason"] == reason


# Deployed


def test_a_job_gets_the_digests(cloned: Clone) -> None:
    cloned.push({"envs/dev.json": pinned("1", D, web="1")})
    cloned.push({"envs/dev.json": pinned("1", E, web="1")})
    cloned.clone(depth=2)

    whole, parts = cloned.deploy(), cloned.deploy(per="service")

    assert [entry["digests"] for entry in entries(whole)] == [{"api": E, "web": ""}]
    assert [(entry["service"], entry["digest"]) for entry in entries(parts)] == [("api", E)]
    assert "| dev | api | `1@eeeeeeeeeeee` | 🚀 |\n| dev | web | `1` | 🚀 |" in whole.summary
    assert "| dev | api | `1@eeeeeeeeeeee` | 🚀 |\n| dev | web | `1` | – |" in parts.summary


def test_what_is_no_digest_does_not_reach_a_job_and_stops_no_other(cloned: Clone) -> None:
    cloned.push({"envs/prod.json": pinned("1", "odd")})
    cloned.push({"envs/dev.json": json.dumps({"api": {"tag": "1", "digest": "odd"}, "web": {"tag": "1"}}, indent=1)})
    cloned.clone(depth=2)

    web, all_ = cloned.deploy(per="service", service="web"), cloned.deploy()

    assert [entry["service"] for entry in entries(web)] == ["web"]
    assert (all_.exit_code, all_.outputs["reason"], all_.outputs["has-changes"]) == (3, "invalid-env-file", "false")
    assert "::error file=envs/dev.json,line=4::envs/dev.json:4: the digest of 'api' is 'odd'; write" in all_.log


def test_a_digest_that_nobody_approved_is_held(running: Infra) -> None:
    """Another artifact runs under the tag that was approved."""
    merge_files(running, {"envs/staging.json": pinned("1", D, web="1")})
    running.deployed("staging", running.github.world.infra.git.head("main") or "")
    running.github.change_infra({"envs/staging.json": pinned("1", E, web="1")}, approved_by="")

    pushed = hold(running, environments="staging", per="service")
    merge_files(running, {"envs/staging.json": pinned("1", F, web="1")})
    approved = hold(running, environments="staging", per="service")

    assert "staging/api review-required" in held(pushed)
    assert "| staging | api | `1@dddddddddddd → 1@eeeeeeeeeeee`" not in pushed.summary
    assert "| staging | api | `1@dddddddddddd` → `1@eeeeeeeeeeee` | ❌ |" in pushed.summary
    assert "staging/api review-required" in held(approved)


def test_the_deployment_names_what_is_bound_by_name_only(running: Infra) -> None:
    merge_files(running, {"envs/staging.json": pinned("1", D, web="2"), "envs/dev.json": pinned("1", web="2")})

    result = hold(running)

    assert f"{BY_NAME}web in staging\n" in result.summary
