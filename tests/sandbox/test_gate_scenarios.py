"""Ways around the gates that were found by attacking them, each closed."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from actions.api.client import Client
from actions.api.repository import Repository
from actions.app.facts import Unknown
from actions.gates.provenance import ProvenanceReader
from actions.gates.pull_reader import PullJudge
from actions.infra.change import Change
from actions.infra.config import Config
from actions.infra.layout import Layout
from sandbox.delivery import tagged
from sandbox.state import Deployment, DeploymentStatus
from sandbox.world import BOT
from tests.sandbox.scenarios import (
    GITOPS,
    NOW,
    GitHub,
    Infra,
    asked,
    check,
    deploy,
    gates_of,
    held,
    hold,
    merge_files,
    planned,
    propose,
    two,
)

if TYPE_CHECKING:
    from tests.support import Result

SATURDAY = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
DAYS = timedelta(days=9)


def with_setting(running: Infra, service: str, url: str, **tags: str) -> str:
    """Return the file of staging with another setting, and other tags."""
    content = json.loads(running.github.infra_file("envs/staging.json"))
    content[service]["url"] = url
    for name, tag in tags.items():
        content[name]["tag"] = tag
    return json.dumps(content)


def in_staging(running: Infra, **inputs: str) -> Result:
    return hold(running, environments="staging", **inputs)


# Another name for what is in place


@pytest.mark.parametrize("new", ["1.4.2+evil", "v1.4.2"])
def test_a_version_of_the_same_precedence_is_another_artifact(gated: GitHub, new: str) -> None:
    gated.release("1.4.2")
    deploy(gated, "prod", "1.4.2", ago=DAYS)
    evil = gated.app_commit("evil", branch="feature")
    if new.startswith("v"):
        gated.world.app.git.set_ref("refs/tags/v1.4.2", evil)

    result = check(gated, propose(gated, {"envs/prod.json": tagged(new)}))

    assert (result.outputs["decision"], gates_of(result)["released"]) == ("refuse", "refuse")


def test_a_version_of_the_commit_in_place_is_asked_everything(gated: GitHub) -> None:
    sha = gated.app_commit("one")
    deploy(gated, "prod", sha, ago=DAYS)
    gated.world.app.git.set_ref("refs/tags/2.0.0", sha)

    result = check(gated, propose(gated, {"envs/prod.json": tagged("2.0.0")}))

    assert (result.outputs["reason"], gates_of(result)["checks"]) == ("not-promoted", "allow")


def test_another_name_of_the_commit_in_place_is_written(gated: GitHub) -> None:
    gated.release("1.5.0")
    deploy(gated, "dev", gated.world.app.git.resolve("1.5.0") or "", ago=DAYS)

    result = gated.run("action-open-infra-pr", env="dev", tag="1.5.0")

    assert (result.outputs["reason"], result.outputs["changed"]) == ("opened", "true")


def test_a_higher_version_of_an_older_commit_undoes_no_hotfix(gated: GitHub) -> None:
    """The release is tagged again, with the next number; the hotfix in prod is not in it."""
    git = gated.world.app.git
    gated.release("1.5.0")
    released = git.resolve("1.5.0") or ""
    git.set_ref("refs/tags/1.5.1", gated.app_commit("Fix", branch="hotfixes/1.5.1", parent=released))
    git.set_ref("refs/tags/1.6.0", released)
    deploy(gated, "staging", "1.6.0", ago=DAYS)
    deploy(gated, "prod", "1.5.1", ago=timedelta(days=2))

    checked = check(gated, propose(gated, {"envs/prod.json": tagged("1.6.0")}))
    promoted = gated.run("action-open-infra-pr", env="prod", from_env="staging")

    assert checked.outputs["reason"] == "backwards"
    assert (promoted.outputs["reason"], promoted.outputs["changed"]) == ("superseded", "false")


# What a pull request says for itself


def test_a_pull_request_cannot_say_that_a_service_is_of_somebody_else(gated: GitHub) -> None:
    """The service is in the env files, and the config does not name it."""
    config = GITOPS.replace("services:\n  api: {repo: your-org/app}\n", "")
    gated.change_infra({"gitops.yml": config})
    files: dict[str, str | None] = {
        "envs/dev.json": tagged("9.9.9"),
        "gitops.yml": f"{config}services:\n  api: {{repo: none}}\n",
    }

    assert check(gated, propose(gated, files), app_repo="your-org/app").outputs["reason"] == "unknown-commit"


def test_a_line_of_prose_is_no_trailer(gated: GitHub) -> None:
    old, new = gated.app_commit("old"), gated.app_commit("new")
    deploy(gated, "dev", old, ago=timedelta(days=2))
    deploy(gated, "dev", new, ago=timedelta(days=1))
    prose = "Tidy\n\nThis has a\nReason: it was untidy,\nand more of them.\n\nMore text."

    said = check(gated, propose(gated, {"envs/dev.json": tagged(old)}, message=prose))
    meant = check(gated, propose(gated, {"envs/dev.json": tagged(old)}, message="Tidy\n\nReason: meant", branch="b"))

    assert (said.outputs["reason"], meant.outputs["reason"]) == ("backwards", "allowed")


def test_an_environment_that_differs_in_case_alone_is_refused(gated: GitHub) -> None:
    result = check(gated, propose(gated, {"envs/Prod.json": tagged(gated.app_commit())}))

    assert (result.exit_code, result.outputs["reason"]) == (3, "invalid-env-file")
    assert "envs/Prod.json and envs/prod.json are for the same environment" in result.log


def test_a_bot_is_known_however_it_is_written(gated: GitHub) -> None:
    gated.change_infra({"gitops.yml": GITOPS.replace("gitops-bot", "GitOps-Bot")})
    files: dict[str, str | None] = {"envs/dev.json": tagged(gated.app_commit()), "Makefile": "evil"}

    assert check(gated, propose(gated, files, by=BOT)).outputs["reason"] == "foreign-files"


def test_a_pull_request_of_somebody_else_with_our_mark_stays_open(gated: GitHub) -> None:
    mark = '<!-- gitops-actions {"env":"dev","tags":{"api":"%s"}} -->' % gated.app_commit("1")  # noqa: UP031
    number = propose(gated, {"README.md": "x"}, body=mark)

    assert gated.run("action-open-infra-pr", env="dev", tag=gated.app_commit("2")).outputs["reason"] == "opened"
    assert gated.world.infra.pulls[number].state == "open"


def test_a_queued_change_is_evaluated_without_those_before_it(gated: GitHub) -> None:
    git = gated.world.infra.git
    text = gated.infra_file().replace(json.loads(gated.infra_file())["api"]["tag"], gated.app_commit())
    number = propose(gated, {"envs/dev.json": text}, by=BOT)
    alice = gated.sandbox.state.users["alice"].person
    before = git.commit(parents=[git.head("main") or ""], message="1", author=alice, files={"README.md": b"x"})
    group = git.commit(parents=[before], message="2", author=alice, files={"envs/dev.json": text.encode()})
    ref = f"refs/heads/gh-readonly-queue/main/pr-{number}-{before}"
    payload = {"head_sha": group, "head_ref": ref, "base_ref": "refs/heads/main", "base_sha": before}
    gated.runner.event("merge_group", {"merge_group": payload})

    assert gated.runner.run("action-check-envs", token=gated.bot).outputs["reason"] == "allowed"


# Hotfixes


def test_a_hotfix_that_brings_main_along_is_promoted_like_main(gated: GitHub) -> None:
    old = gated.app_commit("old")
    deploy(gated, "staging", old, ago=DAYS)
    deploy(gated, "prod", old, ago=DAYS)
    risky = [gated.app_commit(f"risky {number}") for number in range(2)][-1]
    fat = gated.app_commit("fix", branch="hotfixes/fat", parent=risky)
    lean = gated.app_commit("fix", branch="hotfixes/lean", parent=old)

    refused = check(gated, propose(gated, {"envs/prod.json": tagged(fat)}))
    allowed = check(gated, propose(gated, {"envs/prod.json": tagged(lean)}, branch="b"))

    assert (refused.outputs["reason"], allowed.outputs["reason"]) == ("not-promoted", "allowed")


def test_a_hotfix_whose_tag_was_removed_first_still_counts_as_reverted(gated: GitHub) -> None:
    start = gated.app_commit("start")
    gated.change_infra({"gitops.yml": GITOPS.replace("staging: {after: dev}", "staging: {}")})
    deploy(gated, "staging", gated.app_commit("Fix", branch="hotfixes/x", parent=start), ago=DAYS)
    feature = gated.app_commit("feature")

    removal = check(gated, propose(gated, {"envs/staging.json": "{}"}))
    gated.change_infra({"envs/staging.json": "{}"})
    again = check(gated, propose(gated, {"envs/staging.json": tagged(feature)}, branch="b"))

    assert removal.json("changes")[0]["to"] == ""
    assert again.outputs["reason"] == "diverged"


def test_a_git_tag_may_look_like_a_sha(gated: GitHub) -> None:
    gated.runner.environment["GITHUB_REPOSITORY"] = "your-org/app"
    sha = gated.app_commit("released")
    gated.world.app.git.set_ref("refs/tags/20261105", sha)

    result = gated.run("action-create-hotfix", base_tag="20261105", branch_name="x")

    assert (result.outputs["reason"], result.outputs["base-sha"]) == ("created", sha)


@pytest.mark.parametrize(("home", "said"), [("your-org/web", "are in your-org/web"), ("none", "has no app repository")])
def test_the_hotfix_of_a_service_is_made_where_it_comes_from(gated: GitHub, home: str, said: str) -> None:
    gated.runner.environment["GITHUB_REPOSITORY"] = "your-org/app"
    gated.release("1.4.2")
    config = f"services: {{api: {{repo: your-org/app}}, web: {{repo: {home}}}}}"
    gated.change_infra({"gitops.yml": config, "envs/prod.json": '{"web": {"tag": "1.4.2"}}'})

    result = gated.run("action-create-hotfix", from_env="prod", service="web", infra_repo="your-org/infra")

    assert (result.exit_code, result.outputs["reason"]) == (2, "invalid-input")
    assert said in result.log


# What goes away


def name_environment(running: Infra, name: str) -> None:
    text = running.github.infra_file("gitops.yml")
    running.github.change_infra({"gitops.yml": text.replace("environments:\n", f"environments:\n  {name}: {{}}\n")})


def test_a_removal_waits_for_the_thaw(gated: GitHub) -> None:
    without = {"envs/prod.json": None, "gitops.yml": re.sub("  prod:.*\n", "", GITOPS)}
    whole = check(gated, propose(gated, without), now=SATURDAY)
    part = check(gated, propose(gated, {"envs/prod.json": "{}"}, branch="b"), now=SATURDAY)

    assert (whole.outputs["reason"], part.outputs["reason"]) == ("frozen", "frozen")
    assert "(none)" in part.summary


@pytest.mark.parametrize("text", ['{"api": {"tag": "1"}}', '{"api": {"tag": "1"}, "web": {"tag": ""}}'])
@pytest.mark.parametrize("per", ["env", "service"])
def test_a_removal_that_nobody_approved_is_held(running: Infra, text: str, per: str) -> None:
    running.github.change_infra({"envs/staging.json": text}, approved_by="")
    pushed = in_staging(running, per=per)
    running.github.change_infra({"envs/staging.json": two("1")})
    merge_files(running, {"envs/staging.json": text})
    approved = in_staging(running, per=per)

    assert "staging/web review-required" in held(pushed)
    assert planned(pushed) == []
    assert held(approved) == {"staging/web unreviewed-commit"}  # the push is among what would be deployed


# Who approved it, at deployment


def test_a_setting_that_nobody_approved_is_not_covered_by_a_later_tag(running: Infra) -> None:
    running.github.change_infra({"envs/staging.json": with_setting(running, "web", "https://evil")}, approved_by="")
    merge_files(running, {"envs/staging.json": with_setting(running, "web", "https://evil", api="2")})

    assert "staging/web review-required" in held(in_staging(running, per="service"))


def test_a_setting_pushed_onto_an_approved_tag_is_held(running: Infra) -> None:
    merge_files(running, {"envs/staging.json": two("2")})
    before = in_staging(running)
    running.github.change_infra({"envs/staging.json": with_setting(running, "api", "https://evil")}, approved_by="")

    assert "staging/api review-required" not in held(before)
    assert "staging/api review-required" in held(in_staging(running))


def test_what_ran_before_the_service_was_there_is_of_no_commit_of_the_branch(running: Infra) -> None:
    """Then all that the branch brought of the service is asked who approved it, from the beginning."""
    git = running.github.world.infra.git
    name_environment(running, "qa")
    running.github.change_infra({"envs/qa.json": '{"web": {"tag": "1"}}'})
    base = git.head("main") or ""
    files = {"envs/qa.json": two("9+1").encode()}
    olivia = running.github.sandbox.state.users["olivia"].person
    running.deployed("qa", git.commit(parents=[base], message="elsewhere", author=olivia, files=files))
    merge_files(running, {"envs/qa.json": two("2+1")})

    approved = hold(running, environments="qa", per="service")
    running.github.change_infra({"envs/qa.json": two("3+1")}, approved_by="")
    pushed = hold(running, environments="qa", per="service")

    assert "qa/api review-required" not in held(approved)
    assert "qa/api review-required" in held(pushed)


def test_a_change_of_long_ago_that_nobody_approved_is_still_held(running: Infra) -> None:
    """Longer ago than what is read at once, with an approved change of another service at the edge of that."""
    running.pushed(staging="2")
    merge_files(running, {"envs/staging.json": with_setting(running, "web", "https://ok")})
    for number in range(49):
        running.github.change_infra({"envs/staging.json": with_setting(running, "web", f"https://{number}")})

    assert "staging/api review-required" in held(in_staging(running, per="service"))


def test_a_history_that_is_too_long_to_be_read_is_unknown(running: Infra, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actions.gates.provenance.MOST_PAGES", 1)
    running.push(staging="2")
    for number in range(60):
        running.github.change_infra({"envs/staging.json": with_setting(running, "web", f"https://{number}")})

    result = in_staging(running, per="service")

    assert "staging/api unknown" in held(result)
    assert "it was changed more than 50 times" in result.log


def test_an_approval_to_go_somewhere_else_is_none(running: Infra) -> None:
    git = running.github.world.infra.git
    git.set_ref("refs/heads/scratch", git.head("main") or "")
    git.set_ref("refs/heads/main", merge_files(running, {"envs/staging.json": two("2")}, base="scratch"))

    assert "staging/api review-required" in held(in_staging(running))


def test_a_commit_that_is_of_no_account_may_be_that_of_who_approves_it(running: Infra) -> None:
    merge_files(running, {"envs/staging.json": two("2")}, linked=False)

    result = in_staging(running)

    assert "staging/api unknown" in held(result)
    assert "the e-mail address belongs to no GitHub account" in result.outputs["held"]


def test_who_wrote_it_with_others_has_a_part_in_it(running: Infra) -> None:
    bob = running.github.sandbox.state.users["bob"].person
    merge_files(running, {"envs/staging.json": two("2")}, message=f"Change\n\nCo-authored-by: bob <{bob.email}>")

    assert "staging/api review-required" in held(in_staging(running))


def test_a_pull_request_of_more_commits_than_are_read_is_unknown(
    running: Infra, monkeypatch: pytest.MonkeyPatch
) -> None:
    merge_files(running, {"envs/staging.json": two("2")})
    monkeypatch.setattr("sandbox.graphql.pulls.PullRequest.commits", _one_of_many(running))

    assert "staging/api unknown" in held(in_staging(running))


def _one_of_many(running: Infra) -> object:
    from sandbox.graphql.commits import Commit
    from sandbox.graphql.pulls import PullRequest

    def commits(self: PullRequest, **_: object) -> dict[str, object]:
        repo = running.github.world.infra
        nodes = [{"commit": Commit(self._context, repo, self._pull.head_sha)}]
        return {"totalCount": 101, "nodes": nodes, "pageInfo": {"hasNextPage": True, "endCursor": "1"}}

    return commits


def test_a_bot_that_changes_more_than_tags_is_held(running: Infra) -> None:
    sha = running.github.app_commit()
    content = json.loads(running.github.infra_file())
    content["api"] |= {"tag": sha, "url": "https://evil"}
    repo, bot = running.github.world.infra, running.github.sandbox.state.users[BOT]
    files = {"envs/dev.json": json.dumps(content).encode()}
    message = f"x\n\n{asked(running.github)}"
    made = repo.git.commit(parents=[repo.git.head("main") or ""], message=message, author=bot.person, files=files)
    repo.authors[made] = bot
    repo.verified.add(made)
    repo.git.set_ref("refs/heads/bot", made)
    number = running.github.person(BOT).open_pull("your-org/infra", head="bot", title="x")
    running.github.person(BOT).merge("your-org/infra", number)

    assert "dev/api unreviewed-commit" in held(hold(running, environments="dev"))


# What ran, by the records


def test_one_service_of_an_environment_is_not_deployed_as_all_of_it(running: Infra) -> None:
    result = running.plan(environments="dev", service="api", per="env")

    assert (result.exit_code, result.outputs["reason"]) == (2, "invalid-input")
    assert "service needs per: service" in result.log


def test_a_tag_does_not_soak_while_it_is_taken_out(gated: GitHub) -> None:
    tag = gated.app_commit()
    deploy(gated, "staging", tag, ago=timedelta(days=3))
    gone = gated.change_infra({"envs/staging.json": '{"other": {"tag": "1"}}'})
    bot = gated.sandbox.state.users[BOT]
    at = (NOW - timedelta(days=2, hours=23)).strftime("%Y-%m-%dT%H:%M:%SZ")
    record = Deployment(gated.sandbox.state.new_id(), gone, "main", "staging", bot, created=at)
    record.statuses.append(DeploymentStatus(gated.sandbox.state.new_id(), "success", bot, at=at))
    gated.world.infra.deployments.append(record)
    deploy(gated, "staging", tag, ago=timedelta(minutes=5))

    assert check(gated, propose(gated, {"envs/prod.json": tagged(tag)})).outputs["reason"] == "soaking"


def test_a_name_can_be_rolled_back_to(gated: GitHub) -> None:
    gated.change_infra({"gitops.yml": GITOPS.replace("your-org/app", "none")})
    deploy(gated, "prod", "build-11", ago=timedelta(days=40))
    deploy(gated, "prod", "build-12", ago=timedelta(days=1))

    result = gated.run("action-open-infra-pr", env="prod", rollback="previous", reason="it is broken")

    assert (result.outputs["reason"], result.outputs["tag"]) == ("opened", "build-11")


@pytest.mark.parametrize(
    "freeze", ["2026-11-01 00:00 - 9999-12-31 23:59 America/New_York", "0001-01-01 00:00 - 2026-12-01 00:00 UTC"]
)
def test_a_freeze_that_no_calendar_holds_is_refused(gated: GitHub, freeze: str) -> None:
    gated.change_infra({"gitops.yml": f'environments: {{dev: {{freeze: ["{freeze}"]}}}}\n'})

    result = check(gated, propose(gated, {"envs/dev.json": tagged(gated.app_commit())}))

    assert (result.exit_code, result.outputs["reason"]) == (3, "invalid-config")
    assert "give years from 2000 to 2999" in result.log


# Bots, by their records on GitHub


def merged_by_bot(running: Infra, login: str, *, approved: bool = False, **settings: str) -> None:
    """Bring a new tag to dev, and *settings* with it, by a pull request of a bot."""
    github, repo = running.github, running.github.world.infra
    content = json.loads(github.infra_file())
    content["api"] |= {"tag": github.app_commit(), **settings}
    bot = github.sandbox.state.users[login]
    files = {"envs/dev.json": json.dumps(content).encode()}
    message = f"x\n\n{asked(github)}"
    made = repo.git.commit(parents=[repo.git.head("main") or ""], message=message, author=bot.person, files=files)
    repo.authors[made] = bot
    repo.verified.add(made)
    repo.git.set_ref("refs/heads/bot", made)
    person = github.person(login)
    number = person.open_pull("your-org/infra", head="bot", title="x")
    if approved:
        github.person("bob").approve("your-org/infra", number)
    person.merge("your-org/infra", number)


def app_bot(running: Infra) -> str:
    """Return the login of an App that gitops.yml does not name."""
    github, login = running.github, "renovate[bot]"
    github.sandbox.state.add_user(login, kind="Bot")
    github.world.infra.members[login] = "write"
    github.world.tokens[login] = github.sandbox.state.add_token(login)
    return login


def test_a_bot_that_changes_tags_alone_is_not_held(running: Infra) -> None:
    merged_by_bot(running, BOT)

    result = hold(running, environments="dev")

    assert (held(result), planned(result)) == (set(), ["dev"])


def test_a_bot_that_changes_the_tags_of_an_environment_that_needs_a_review_too_is_held(running: Infra) -> None:
    github = running.github
    files: dict[str, str | None] = {}
    for env in ("dev", "staging"):
        content = json.loads(github.infra_file(f"envs/{env}.json"))
        files[f"envs/{env}.json"] = json.dumps(content | {"web": {"tag": "2"}})
    github.person(BOT).merge("your-org/infra", propose(github, files, by=BOT))

    assert "dev/web unreviewed-commit" in held(hold(running))


def test_a_bot_that_moves_another_file_to_where_env_files_are_is_held(running: Infra) -> None:
    """GitHub lists a renamed file by its new name alone, and what is gone may be gitops.yml."""
    github = running.github
    text = json.dumps({"api": {"tag": github.app_commit()}, "web": {"tag": "1"}})
    name_environment(running, "odd")
    github.change_infra({"README.md": text})
    tags = json.loads(github.infra_file()) | {"api": {"tag": github.app_commit()}}
    files = {"README.md": None, "envs/odd.json": text, "envs/dev.json": json.dumps(tags)}
    number = propose(github, files, by=BOT)
    github.person(BOT).merge("your-org/infra", number)

    assert "dev/api unreviewed-commit" in held(hold(running, environments="dev"))


def test_an_app_that_changes_more_than_tags_is_held_though_nobody_named_it(running: Infra) -> None:
    merged_by_bot(running, app_bot(running), url="https://evil")

    assert "dev/api unreviewed-commit" in held(hold(running, environments="dev"))


def test_a_bot_whose_change_a_person_approved_may_change_more(running: Infra) -> None:
    merged_by_bot(running, BOT, approved=True, url="https://new")

    assert held(hold(running, environments="dev")) == set()


def test_an_app_that_changes_tags_alone_is_not_held(running: Infra) -> None:
    merged_by_bot(running, app_bot(running))

    assert held(hold(running, environments="dev")) == set()


# Files that are elsewhere, or nowhere


def test_a_file_that_was_renamed_since_the_deployment_is_followed(running: Infra) -> None:
    text = two("1+2")
    running.github.change_infra({"envs/staging.json": None, "envs/staging.yaml": text}, approved_by="")
    pushed = in_staging(running)
    running.github.change_infra({"envs/staging.yaml": None, "envs/staging.json": two("1")})
    merge_files(running, {"envs/staging.json": None, "envs/staging.yaml": text})

    assert "staging/web review-required" in held(pushed)
    approved = in_staging(running)

    assert not [each for each in held(approved) if each.endswith(("review-required", "unknown"))]


def test_a_commit_that_github_does_not_have_says_nothing_of_a_change(running: Infra) -> None:
    github = running.github
    infra = Repository(Client("your-org/infra", github.bot, github.sandbox.environment()))
    reader = ProvenanceReader(infra, PullJudge(Config(), None), Layout.default("envs"), head="f" * 40)
    change = Change(env="dev", service="api", file="envs/dev.json", before="1", after="2")

    assert reader.origin(change, None).approved == Unknown("which commit changed api in envs/dev.json")


# All that would be deployed


def test_more_commits_than_can_be_looked_at_are_unknown(running: Infra, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actions.gates.commit_reviews.MOST_PAGES", 1)
    for number in range(60):
        running.github.change_infra({"README.md": str(number)})
    running.push(dev=running.github.app_commit())

    result = hold(running, environments="dev")

    assert held(result) == {"dev/api unknown"}
    assert "there are more than 50 commits to look at" in result.log
    monkeypatch.undo()
    assert held(hold(running, environments="dev")) == set()


def test_a_commit_without_a_pull_request_is_asked_for_its_files(running: Infra) -> None:
    """That of another environment alone does not matter, under whichever name it had."""
    running.github.change_infra({"envs/prod.json": two("2")}, approved_by="")
    running.github.change_infra({"envs/prod.json": None, "envs/prod.yaml": two("2")}, approved_by="")
    running.push(dev=running.github.app_commit())
    alone = hold(running, environments="dev")
    running.github.change_infra({"scripts/deploy.sh": "evil"}, approved_by="")

    assert held(alone) == set()
    assert held(hold(running, environments="dev")) == {"dev/api unreviewed-commit"}


def test_a_commit_of_more_files_than_github_lists_may_change_anything(running: Infra) -> None:
    files: dict[str, str | None] = {f"envs/e{number}.yaml": two("1") for number in range(301)}
    text = running.github.infra_file("gitops.yml")
    names = "".join(f"  e{number}: {{}}\n" for number in range(301))
    running.github.change_infra({"gitops.yml": text.replace("services:", f"{names}services:")})
    running.github.change_infra(files, approved_by="")
    running.push(dev=running.github.app_commit())

    assert held(hold(running, environments="dev")) == {"dev/api unreviewed-commit"}


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        pytest.param({}, set(), id="needed no review"),
        pytest.param({"dev: {review: none}": "dev: {}"}, {"dev/api unreviewed-commit"}, id="needed a review"),
        pytest.param({"services:": "tag: '{service}.tag'\nservices:"}, set(), id="the default, in words"),
        pytest.param({"services:": "tag: '{service}.x'\nservices:"}, {"dev/api unreviewed-commit"}, id="other tags"),
        pytest.param({"services:": "services:\n  x: {path: x}"}, {"dev/api unreviewed-commit"}, id="a tag elsewhere"),
    ],
)
def test_tags_that_nobody_approved_count_by_the_rules_before_them(
    running: Infra, before: dict[str, str], expected: set[str]
) -> None:
    now = running.github.infra_file("gitops.yml")
    then = now
    for old, new in before.items():
        then = then.replace(old, new)
    running.github.change_infra({"gitops.yml": f"{then}# \n"})
    merged_by_bot(running, BOT)
    running.github.change_infra({"gitops.yml": now})

    assert held(hold(running, environments="dev")) == expected


def test_a_commit_of_whom_nobody_knows_is_unknown(running: Infra) -> None:
    merge_files(running, {"Makefile": "deploy:\n"}, linked=False)
    running.push(dev=running.github.app_commit())

    result = hold(running, environments="dev")

    assert held(result) == {"dev/api unknown"}
    assert "unknown: who approved" in result.log


def test_what_nobody_approved_is_named_before_what_is_unknown(running: Infra) -> None:
    merge_files(running, {"Makefile": "deploy:\n"}, linked=False)
    pushed = running.github.change_infra({"scripts/x": "x"}, approved_by="")
    running.push(dev=running.github.app_commit())

    result = hold(running, environments="dev")

    assert held(result) == {"dev/api unreviewed-commit"}
    assert pushed[:12] in result.log
