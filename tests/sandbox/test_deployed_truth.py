"""deploy-matrix since the last deployment, and the gates at the time of deployment."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest

from actions import deploy_matrix
from actions.runner.clock import Clock
from tests.sandbox.conftest import GitHub
from tests.sandbox.test_check_envs import GITOPS, NOW
from tests.support import Result, git

ACTION = "action-deploy-matrix"


class Infra:
    """The infra repository, checked out at one of its commits as actions/checkout does it."""

    def __init__(self, github: GitHub) -> None:
        self.github = github
        github.runner.environment["GITHUB_REPOSITORY"] = "your-org/infra"

    def push(self, **tags: str) -> str:
        """Commit the tag of each environment named to main, and return the commit."""
        return self.github.change_infra({f"envs/{env}.json": two(tag) for env, tag in tags.items()})

    def merge(self, env: str, tag: str, *, approved: bool, message: str = "Change", by: str = "alice") -> str:
        """Bring a tag to main by a pull request, past all rules."""
        git_, author = self.github.world.infra.git, self.github.sandbox.state.users[by]
        self.github.world.infra.rulesets.clear()
        files = {f"envs/{env}.json": two(tag).encode()}
        head = git_.head("main") or ""
        sha = git_.commit(parents=[head], message=message, author=author.person, files=files)
        self.github.world.infra.authors[sha] = author
        git_.set_ref(f"refs/heads/to-{tag[:6]}", sha)
        number = self.github.person(by).open_pull("your-org/infra", head=f"to-{tag[:6]}", title="Change")
        if approved:
            self.github.person("bob").approve("your-org/infra", number)
        return self.github.person(by).merge("your-org/infra", number)

    def deployed(self, name: str, sha: str, state: str = "success") -> None:
        """Record a deployment of a commit."""
        sandbox, infra = self.github.sandbox, self.github.world.infra
        runner = sandbox.state.users["github-actions[bot]"]
        deployment = sandbox.behaviour.deploy(infra, runner, sha=sha, ref="main", environment=name)
        sandbox.behaviour.deployed(infra, deployment, runner, state)

    def plan(self, sha: str = "", **inputs: str) -> Result:
        """Run the action in a shallow checkout of *sha*, which is the newest commit if it is not given."""
        sha = sha or self.github.world.infra.git.head("main") or ""
        folder = self.github.runner.workspace
        shutil.rmtree(folder)
        folder.mkdir()
        git(folder, "init", "-q")
        git(folder, "fetch", "-q", "--depth=1", f"file://{self.github.world.infra.git.path}", sha)
        git(folder, "checkout", "-q", "FETCH_HEAD")
        payload = {"repository": {"default_branch": "main"}}
        self.github.runner.event("schedule", payload, GITHUB_REF="refs/heads/main", GITHUB_SHA=sha)
        clock = Clock(now=lambda: 0.0, wall=NOW.timestamp, sleep=self.github._sleep)
        given = {"token": self.github.bot, "since": "deployment", **inputs}
        return self.github.runner.run(ACTION, lambda: deploy_matrix.main(clock), **given)


def two(tag: str) -> str:
    api, _, web = tag.partition("+")
    return json.dumps({"api": {"tag": api}, "web": {"tag": web or "1"}})


@pytest.fixture(name="infra")
def _infra(github: GitHub) -> Infra:
    infra = Infra(github)
    github.world.infra.deployments.clear()
    return infra


def entries(result: Result) -> list[Any]:
    assert result.exit_code == 0, result.log
    found: list[Any] = result.json("matrix")["include"]
    return found


def planned(result: Result) -> list[str]:
    return [f"{entry['env']}/{entry['service']}" if "service" in entry else entry["env"] for entry in entries(result)]


def test_without_any_record_everything_is_deployed(infra: Infra) -> None:
    result = infra.plan()

    assert planned(result) == ["dev", "staging", "prod"]
    assert result.outputs["reason"] == "no-deployment"


def test_what_runs_already_is_not_deployed_again(infra: Infra) -> None:
    sha = infra.push(dev="1.0.0", staging="1.0.0", prod="1.0.0")
    for env in ("dev", "staging", "prod"):
        infra.deployed(env, sha)
    infra.push(dev="1.1.0")

    result = infra.plan()

    assert entries(result) == [
        {
            "env": "dev",
            "file": "envs/dev.json",
            "tags": {"api": "1.1.0", "web": "1"},
            "previous": {"api": "1.0.0", "web": "1"},
            "changed": ["api"],
        }
    ]
    infra.deployed("dev", infra.github.world.infra.git.head("main") or "")
    assert infra.plan().outputs["reason"] == "unchanged"


@pytest.mark.parametrize("state", ["failure", "error", "in_progress", "queued"])
def test_what_failed_or_was_cancelled_is_deployed_by_the_next_run(infra: Infra, state: str) -> None:
    """Though its own push changed nothing of it."""
    first = infra.push(dev="1.0.0", staging="1.0.0", prod="1.0.0")
    for env in ("dev", "staging", "prod"):
        infra.deployed(env, first)
    infra.deployed("dev", infra.push(dev="1.1.0"), state)
    infra.push(staging="1.1.0")

    assert planned(infra.plan()) == ["dev", "staging"]


def test_a_run_that_was_overtaken_puts_nothing_back(infra: Infra) -> None:
    old = infra.push(dev="1.0.0")
    new = infra.push(dev="1.1.0")
    infra.deployed("dev", new)

    result = infra.plan(old, environments="dev")

    assert planned(result) == []
    assert (result.outputs["has-changes"], result.outputs["reason"]) == ("false", "superseded")
    assert "a newer commit is deployed already of dev/api, dev/web" in result.log


def test_a_job_that_was_overtaken_is_recorded_as_a_success_and_counts_for_nothing(infra: Infra) -> None:
    """It deployed nothing; GitHub does not know."""
    old = infra.push(dev="1.0.0")
    new = infra.push(dev="1.1.0")
    infra.deployed("dev", new)
    infra.deployed("dev", old)

    assert infra.plan(environments="dev").outputs["reason"] == "unchanged"


def test_services_are_deployed_on_their_own(infra: Infra) -> None:
    first = infra.push(dev="1.0.0+1.0.0")
    infra.deployed("dev/api", first)
    infra.deployed("dev/web", first)
    both = infra.push(dev="1.1.0+1.1.0")
    infra.deployed("dev/api", both, "failure")
    infra.deployed("dev/web", both)

    result = infra.plan(environments="dev", per="service")

    assert planned(result) == ["dev/api"]
    assert entries(result)[0]["previous"] == "1.0.0"


def test_records_of_the_whole_environment_count_for_its_services(infra: Infra) -> None:
    infra.deployed("dev", infra.push(dev="1.0.0+1.0.0"))
    infra.deployed("dev/api", infra.push(dev="1.1.0+1.0.0"))

    assert planned(infra.plan(environments="dev", per="service")) == []


def test_a_service_that_is_gone_is_a_change(infra: Infra) -> None:
    infra.deployed("dev", infra.push(dev="1.0.0"))
    infra.github.change_infra({"envs/dev.json": '{"api": {"tag": "1.0.0"}}'})

    assert planned(infra.plan(environments="dev")) == ["dev"]


def test_a_record_of_a_file_that_nobody_can_read_tells_nothing(infra: Infra) -> None:
    infra.deployed("dev", infra.push(dev="1.0.0"))
    infra.deployed("dev", infra.github.change_infra({"envs/dev.json": "{"}))
    infra.deployed("dev", infra.github.change_infra({"envs/dev.json": None}))
    infra.push(dev="1.0.0")

    assert infra.plan(environments="dev").outputs["reason"] == "unchanged"


def test_many_records_are_read_page_by_page(infra: Infra) -> None:
    sha = infra.push(dev="1.0.0")
    infra.deployed("dev", sha)
    for _ in range(25):
        infra.deployed("dev", sha, "failure")
    infra.github.operations()

    assert infra.plan(environments="dev").outputs["reason"] == "unchanged"
    assert infra.github.operations() == ["query", "query"]


def test_many_environments_are_asked_for_together(infra: Infra) -> None:
    sha = infra.github.change_infra({f"envs/e{n}.json": two("1.0.0") for n in range(60)})
    for n in range(60):
        infra.deployed(f"e{n}", sha)
    infra.github.operations()

    assert planned(infra.plan()) == ["dev", "staging", "prod"]
    assert infra.github.operations() == ["query"] * 4


def test_without_a_token_there_are_no_records(infra: Infra) -> None:
    result = infra.plan(token="")

    assert (result.exit_code, result.outputs["reason"]) == (2, "invalid-input")
    assert "need a token" in result.log


# The gates at the time of deployment


@pytest.fixture(name="gated")
def _gated(infra: Infra) -> Infra:
    text = GITOPS.replace("  api: {repo: your-org/app}\n", "  api: {repo: your-org/app}\n  web: {repo: none}\n")
    text = text.replace("bots:", "files: envs/{env}.json\nbots:")
    infra.github.change_infra({"gitops.yml": text})
    sha = infra.push(dev=infra.github.app_commit(), staging="1", prod="1")
    for env in ("dev", "staging", "prod"):
        infra.deployed(env, sha)
    return infra


def hold(infra: Infra, **inputs: str) -> Result:
    return infra.plan(enforce_gates="true", **inputs)


def held(result: Result) -> set[str]:
    assert result.exit_code == 0, result.log
    return {f"{entry['env']}/{entry['service']} {entry['reason']}" for entry in result.json("held")}


def test_what_every_gate_lets_through_is_deployed(gated: Infra) -> None:
    gated.merge("dev", gated.github.app_commit(), approved=False)

    result = hold(gated)

    assert planned(result) == ["dev"]
    assert held(result) == set()
    assert "| dev | api |" in result.summary
    assert "#### Gates" in result.summary


def test_what_nobody_approved_is_held_whatever_the_rules_let_through(gated: Infra) -> None:
    """The bot may bypass the review for the whole branch."""
    tag = gated.github.app_commit()
    gated.deployed("dev", gated.merge("dev", tag, approved=False))
    gated.merge("staging", tag, approved=False, by="gitops-bot")

    result = hold(gated)

    assert planned(result) == []
    assert result.outputs["reason"] == "held"
    assert "staging/api review-required" in held(result)
    assert "held: staging api: no human who did not contribute approved this change of staging" in result.log
    assert "✋" in result.summary


def test_what_somebody_approved_goes(gated: Infra) -> None:
    tag = gated.github.app_commit()
    gated.github.world.infra.git.set_ref("refs/heads/x", gated.github.world.infra.git.head("main") or "")
    gated.deployed("dev", gated.merge("dev", tag + "+1", approved=False))
    gated.merge("staging", tag + "+1", approved=True)

    assert planned(hold(gated, app_repo="your-org/app")) == ["staging"]


@pytest.mark.parametrize(
    "how", ["by its author", "before the last commit", "by a bot", "by who asked for it", "and then taken back"]
)
def test_an_approval_that_does_not_count_is_none(gated: Infra, how: str) -> None:
    tag = gated.github.app_commit()
    gated.deployed("dev", gated.merge("dev", tag, approved=False))
    asked = "Change\n\nRequested-by: bob" if how == "by who asked for it" else "Change"
    gated.merge("staging", tag, approved=how != "by its author", message=asked)
    pull = list(gated.github.world.infra.pulls.values())[-1]
    state = gated.github.sandbox.state
    if how == "by its author":
        gated.github.sandbox.behaviour.review(state.tokens[gated.github.bot], pull, state="APPROVED", body="")
        pull.reviews[0].user = state.users["alice"]
    if how == "before the last commit":
        pull.reviews[0].commit = gated.github.world.infra.git.head("main") or ""
    if how == "by a bot":
        pull.reviews[0].user = state.users["gitops-bot"]
    if how == "and then taken back":
        pull.reviews[0].state = "CHANGES_REQUESTED"

    assert "staging/api review-required" in held(hold(gated))


def test_a_direct_push_is_held(gated: Infra) -> None:
    tag = gated.github.app_commit()
    gated.deployed("dev", gated.merge("dev", tag, approved=False))
    gated.push(staging=tag)

    assert "staging/api review-required" in held(hold(gated))


def test_what_has_to_wait_goes_when_the_gate_has_opened(gated: Infra) -> None:
    """A scheduled run finds it."""
    tag = gated.github.app_commit()
    gated.deployed("staging", gated.merge("staging", tag, approved=True))
    gated.merge("prod", tag, approved=True)

    early = hold(gated, environments="prod")
    opens = [entry["opens-at"] for entry in early.json("held")]
    for deployment in gated.github.world.infra.deployments:
        for status in deployment.statuses:
            status.at = "2026-11-20T00:00:00Z"
    late = hold(gated, environments="prod")

    assert held(early) >= {"prod/api soaking"}
    assert opens[0] > "2026-11-24"
    assert planned(late) == ["prod"]


def test_one_service_that_is_held_holds_its_environment_unless_they_are_deployed_one_by_one(gated: Infra) -> None:
    unreviewed = gated.github.app_commit("mine", branch="feature")
    gated.merge("dev", unreviewed + "+2", approved=False)

    together, apart = hold(gated), hold(gated, per="service")

    assert planned(together) == []
    assert planned(apart) == ["dev/web"]
    assert held(apart) == {"dev/api not-released"}


def test_a_setting_that_changes_needs_a_review_and_waits_for_a_thaw(gated: Infra) -> None:
    text = gated.github.infra_file("envs/prod.json").replace('{"tag": "1"}', '{"tag": "1", "replicas": 3}')
    gated.github.change_infra({"envs/prod.json": text})

    assert held(hold(gated)) == {"prod/api review-required", "prod/web review-required"}


def test_the_trailers_of_the_pull_request_count(gated: Infra) -> None:
    """They are in its commits, which nobody can change after the approval."""
    git_ = gated.github.world.app.git
    before = gated.github.app_commit("before")
    after = gated.github.app_commit("after")
    gated.deployed("dev", gated.merge("dev", before, approved=False))
    gated.deployed("dev", gated.merge("dev", after, approved=False))
    gated.merge("dev", before, approved=False, message="Back\n\nReason: it is bad")

    assert git_.is_ancestor(before, after)
    assert planned(hold(gated)) == ["dev"]


def test_the_first_commit_of_a_repository_needs_no_approval(gated: Infra) -> None:
    git_, olivia = gated.github.world.infra.git, gated.github.sandbox.state.users["olivia"].person
    gated.github.world.infra.deployments.clear()
    files = {"envs/qa.json": two("1").encode(), "gitops.yml": b"services: {api: {repo: none}, web: {repo: none}}"}
    git_.set_ref("refs/heads/main", git_.commit(parents=[], message="x", author=olivia, files=files))

    assert planned(hold(gated)) == ["qa"]


def test_without_the_right_to_read_pull_requests_nothing_goes(gated: Infra) -> None:
    tag = gated.github.app_commit()
    gated.merge("staging", tag, approved=True)
    may = dict.fromkeys(["contents", "deployments"], "read")
    token = gated.github.sandbox.state.add_token("gitops-bot", permissions=may)

    result = hold(gated, token=token, app_token=gated.github.bot)

    assert "staging/api unknown" in held(result)
    assert "pull requests: read" in json.dumps(result.json("held"))


def test_a_file_that_nobody_could_read_brought_no_tag(gated: Infra) -> None:
    tag = gated.github.app_commit()
    gated.deployed("dev", gated.merge("dev", tag, approved=False))
    gated.github.change_infra({"envs/staging.json": "{"})
    gated.merge("staging", tag, approved=True)

    assert planned(hold(gated)) == ["staging"]
