"""Who is behind a change that a bot proposed, as the gates see it at deployment: it must not be who approved it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from sandbox.state import WorkflowRun
from sandbox.world import BOT
from tests.sandbox.scenarios import GitHub, Infra, held, hold, two

APP, INFRA = "your-org/app", "your-org/infra"
NOT_SIGNED = "no signature says who pushed to the branch of a bot"
DAY = timedelta(days=1)


@dataclass
class Proposal:
    """What a pull request of the bot says, that bob approves and merges; what is not said is as the action does it."""

    github: GitHub
    requesters: str = "alice"
    author: str = BOT
    signed: bool = True
    ago: timedelta = timedelta()  # when its run was started, and ended
    run: WorkflowRun = field(init=False)
    address: str = field(init=False)

    def __post_init__(self) -> None:
        self.run = self.started()

    def started(self, repository: str = INFRA, event: str = "workflow_dispatch", by: str = "alice") -> WorkflowRun:
        state = self.github.sandbox.state
        repo = next(repo for repo in state.repos.values() if repo.full_name == repository)
        self.run = WorkflowRun(state.new_id(), "change.yml", event, state.users[by], repo.git.head("main") or "")
        self.address = f"{self.github.sandbox.url}/{repository}/actions/runs/{self.run.id}/attempts/1"
        repo.runs.append(self.run)
        return self.run

    def merge(self) -> str:
        """Merge it, past all rules."""
        repo, author = self.github.world.infra, self.github.sandbox.state.users[self.author]
        repo.rulesets.clear()
        self.run.created = (datetime.now(UTC) - self.ago).strftime("%Y-%m-%dT%H:%M:%SZ")
        said = f"\nRequested-by: {self.requesters}" if self.requesters else ""
        said += f"\nRequested-in: {self.address}" if self.address else ""
        files = {"envs/staging.json": two(self.github.app_commit()).encode()}
        parents = [repo.git.head("main") or ""]
        sha = repo.git.commit(parents=parents, message=f"Update\n{said}", author=author.person, files=files)
        repo.authors[sha] = author
        if self.signed:
            repo.verified.add(sha)
        repo.git.set_ref("refs/heads/bump", sha)
        number = self.github.person(BOT).open_pull(INFRA, head="bump", title="Update")
        self.github.person("bob").approve(INFRA, number)
        return self.github.person("bob").merge(INFRA, number)


@pytest.fixture
def proposal(running: Infra) -> Proposal:
    """A pull request of the bot for staging, which is alone in being asked for."""
    files = {"gitops.yml": "environments: {dev: {}, staging: {}, prod: {}}\nservices: {api: {repo: your-org/app}, web: "
             "{repo: none}}\nbots: [gitops-bot]\n"}  # fmt: skip
    sha = running.github.change_infra({**files, "envs/staging.json": two(running.github.app_commit())})
    running.deployed("staging", sha)
    return Proposal(running.github)


def verdict(proposal: Proposal, **inputs: str) -> tuple[set[str], str]:
    """Return which gates of staging are shut, and the log."""
    result = hold(Infra(proposal.github), **{"environments": "staging", **inputs})
    return {entry.partition(" ")[2] for entry in held(result)}, result.log


def says(**given: object) -> Callable[[Proposal], None]:
    def change(proposal: Proposal) -> None:
        for name, value in given.items():
            setattr(proposal, name, value)

    return change


def by_schedule(proposal: Proposal) -> None:
    proposal.started(event="schedule", by="bob")
    proposal.requesters = ""


def run_again_by_olivia(proposal: Proposal) -> None:
    proposal.requesters, proposal.run.attempt = "alice, olivia", 2
    proposal.run.reruns[2] = proposal.run.created, proposal.github.sandbox.state.users["olivia"]
    proposal.address = proposal.address.replace("attempts/1", "attempts/2")


def in_the_app(proposal: Proposal) -> None:
    proposal.started(APP)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda _: None, id="somebody else"),
        pytest.param(says(requesters="@Alice"), id="somebody else, as people write it"),
        pytest.param(by_schedule, id="nobody, by schedule"),
        pytest.param(run_again_by_olivia, id="two, by a run that the second ran again"),
        pytest.param(in_the_app, id="somebody else, by a run of an app"),
    ],
)
def test_a_change_of_the_bot_is_approved_by_who_did_not_ask_for_it(
    proposal: Proposal, change: Callable[[Proposal], None]
) -> None:
    change(proposal)
    proposal.merge()

    assert verdict(proposal)[0] == set()


def in_a_strange_repository(proposal: Proposal) -> None:
    proposal.address = proposal.address.replace(INFRA, "your-org/evil")


def run_that_is_gone(proposal: Proposal) -> None:
    proposal.address = proposal.address.replace(f"/{proposal.run.id}/", "/1/")


def attempt_that_never_was(proposal: Proposal) -> None:
    proposal.address = proposal.address.replace("attempts/1", "attempts/2")


def run_of_bob(proposal: Proposal) -> None:
    proposal.started(by="bob")


def run_again_by_bob(proposal: Proposal) -> None:
    run_again_by_olivia(proposal)
    proposal.requesters = "alice"
    proposal.run.reruns[2] = proposal.run.created, proposal.github.sandbox.state.users["bob"]


def ended(proposal: Proposal) -> None:
    proposal.ago = DAY
    proposal.github.sandbox.state.report(proposal.github.world.infra, "promote", "f" * 40, "success")
    job = proposal.github.world.infra.checks[-1]
    job.run = proposal.run.id
    job.completed = (datetime.now(UTC) - DAY).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize(
    ("change", "reason", "said"),
    [
        pytest.param(says(requesters="olivia"), "unknown", "it says olivia, and", id="another than the run says"),
        pytest.param(says(requesters=""), "unknown", "it says nobody, and", id="nobody, by hand"),
        pytest.param(says(address=""), "unknown", "it does not say in which run the bot was asked", id="no run"),
        pytest.param(says(address="x"), "unknown", "'x' is no run of this repository or of an app's", id="no address"),
        pytest.param(in_a_strange_repository, "unknown", "is no run of this repository", id="a strange repository"),
        pytest.param(run_that_is_gone, "unknown", "attempts/1 is gone", id="a run that is gone"),
        pytest.param(attempt_that_never_was, "unknown", "attempts/2 is gone", id="an attempt that never was"),
        pytest.param(run_of_bob, "unknown", "was started by bob", id="a run of who approved it"),
        pytest.param(run_again_by_bob, "unknown", "was started by alice, bob", id="a run that he ran again"),
        pytest.param(ended, "unknown", "it was not made during http", id="a run that was over"),
        pytest.param(says(ago=-DAY), "unknown", "it was not made during http", id="a run that had not begun"),
        pytest.param(says(signed=False), "unknown", NOT_SIGNED, id="a commit that anybody could push"),
        pytest.param(says(signed=False, author="alice"), "unknown", NOT_SIGNED, id="a commit of somebody else"),
    ],
)
def test_attack_requester_that_a_commit_makes_up(
    proposal: Proposal, change: Callable[[Proposal], None], reason: str, said: str
) -> None:
    change(proposal)
    proposal.merge()

    shut, log = verdict(proposal)

    assert reason in shut
    assert said in log


def test_attack_approval_of_ones_own_request(proposal: Proposal) -> None:
    run_of_bob(proposal)
    proposal.requesters = "bob"
    proposal.merge()

    assert "review-required" in verdict(proposal)[0]


def test_a_run_that_the_token_cannot_read_is_unknown(proposal: Proposal) -> None:
    proposal.merge()
    token = proposal.github.sandbox.state.add_token(
        BOT, permissions={"contents": "read", "pull_requests": "read", "deployments": "read"}
    )

    shut, log = verdict(proposal, token=token, app_token=proposal.github.bot)

    assert "unknown" in shut
    assert "actions: read" in log


def test_the_second_look_does_not_ask_again_for_runs(proposal: Proposal) -> None:
    proposal.address = "x"
    proposal.merge()

    assert verdict(proposal, enforce_gates="again")[0] == set()
