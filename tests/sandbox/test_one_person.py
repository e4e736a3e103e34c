"""Whatever one developer and the bot do, prod runs nothing that a second person has not approved.

The developer can push any branch of both repositories, open and merge pull requests (here past every rule of the
branches, as if somebody with a right to bypass them did), record deployments, and run old runs again. The second person
approves what is good, and nothing else.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sandbox.client import ApiError
from sandbox.state import ACTIONS_APP, CheckRun, WorkflowRun
from sandbox.world import BOT
from tests.sandbox.scenarios import GitHub, Infra, entries, merged_pull, started
from tests.support import Runner

HISTORIES = int(os.environ.get("HISTORIES", "6"))
APP, INFRA = "your-org/app", "your-org/infra"
CONFIG = """environments: {{dev: {{review: none}}, staging: {{after: dev}}, prod: {{after: {after}}}}}
services: {{api: {{repo: your-org/app}}}}
bots: [gitops-bot]
"""
LAX = CONFIG.format(after="dev").replace("prod: {", "prod: {review: none, ")
ENVS = ("dev", "staging", "prod")


@dataclass
class History:
    """What happened so far, and what of it a second person approved."""

    github: GitHub
    infra: Infra
    approved: set[str] = field(default_factory=set)  # commits of both repositories
    tags: list[str] = field(default_factory=list)
    newest: str = ""  # of the commits of the app that bob approved
    ran: list[tuple[str, str]] = field(default_factory=list)  # prod: the commit of infra, the tag

    def begin(self) -> None:
        git, olivia = self.github.world.infra.git, self.github.sandbox.state.users["olivia"]
        tag = self.github.world.app.git.head("main") or ""
        files = {f"envs/{env}.json": json.dumps({"api": {"tag": tag}}).encode() for env in ENVS}
        files |= {"gitops.yml": CONFIG.format(after="staging").encode(), "Makefile": b"deploy:\n"}
        first = git.commit(parents=[], message="First", author=olivia.person, files=files)
        git.set_ref("refs/heads/main", first)
        self.github.world.infra.deployments.clear()
        self.github.world.infra.rulesets.clear()
        self.approved |= {tag, first}
        self.tags.append(tag)
        for env in ENVS:
            self.infra.deployed(env, first)

    def commit_of_the_app(self, *, good: bool) -> None:
        """A commit of main that bob approved, or one of a branch, whose own workflow says that all is well."""
        sha = self.github.app_commit(f"change {len(self.tags)}", branch="main" if good else "feature")
        if good:
            self.approved.add(sha)
            self.newest = sha
        self.tags.append(sha)

    def change(self, path: str, text: str, *, approved: bool, by: str, said: str = "") -> None:
        """Bring a file to main of infra; *said* is what alice pushed in the bot's name, and approved herself."""
        repo, author = self.github.world.infra, self.github.sandbox.state.users[by]
        head = repo.git.head("main") or ""
        sha = repo.git.commit(
            parents=[head], message=f"Change\n\n{said}", author=author.person, files={path: text.encode()}
        )
        repo.authors[sha] = author
        repo.git.set_ref("refs/heads/main", sha)
        pull = merged_pull(
            self.github.sandbox.state,
            repo,
            sha,
            base="main",
            approved_by="bob" if approved else "alice" if said else "",
        )
        pull.author = author
        if approved:
            self.approved.add(sha)

    def bump(self, env: str, tag: str, *, by: str) -> None:
        """Set a tag; bob approves it if the commit behind it was approved."""
        text = json.dumps({"api": {"tag": tag}})
        self.change(f"envs/{env}.json", text, approved=tag in self.approved and env != "dev", by=by)

    def forge_request(self, env: str, *, signed: bool) -> None:
        """Set the newest tag in the name of the bot, and of bob, by a run of his."""
        repo = self.github.world.infra
        run = WorkflowRun(self.github.sandbox.state.new_id(), "x.yml", "push", self.github.sandbox.state.users["bob"],
                          "f" * 40, created="2026-01-01T00:00:00Z")  # fmt: skip
        repo.runs.append(run)
        job = CheckRun(run.id + 1, "promote", run.sha, ACTIONS_APP, run.id, status="completed", conclusion="success")
        job.completed = run.created
        repo.checks.append(job)
        said = f"Requested-by: bob\nRequested-in: {self.github.sandbox.url}/{INFRA}/actions/runs/{run.id}/attempts/1"
        text = json.dumps({"api": {"tag": self.tags[-1]}})
        self.change(f"envs/{env}.json", text, approved=False, by=BOT, said=said)
        if signed:  # as what is squashed into the bot's branch is
            repo.verified.add(repo.git.head("main") or "")

    def forge(self, env: str) -> None:
        """Record by hand that main runs there, and push a check of one's own."""
        alice, repo = self.github.person("alice"), self.github.world.infra
        head = repo.git.head("main") or ""
        body = {"ref": head, "environment": env, "auto_merge": False, "required_contexts": []}
        number = alice.api("POST", f"/repos/{INFRA}/deployments", body)["id"]
        alice.api("POST", f"/repos/{INFRA}/deployments/{number}/statuses", {"state": "success"})
        run = WorkflowRun(self.github.sandbox.state.new_id(), "x.yml", "push", self.github.sandbox.state.users["alice"],
                          self.tags[-1], branch="feature")  # fmt: skip
        app = self.github.world.app
        app.runs.append(run)
        job = CheckRun(run.id + 1, "gate", self.tags[-1], ACTIONS_APP, run.id, status="completed", conclusion="success")
        app.checks.append(job)
        with pytest.raises(ApiError):
            alice.api("POST", f"/repos/{APP}/git/refs", {"ref": "refs/heads/hotfixes/x", "sha": self.tags[-1]})

    def run(self, back: int) -> None:
        """Run the workflow of a commit of main, or of one of long ago again."""
        commits = self._main()
        sha = commits[max(len(commits) - 1 - back, 0)]
        self.github.runner.environment["GITHUB_RUN_ID"] = str(self.github.sandbox.state.new_id())
        plan = self.infra.plan(sha, enforce_gates="true", record="true")
        for entry in entries(plan) if plan.exit_code == 0 else ():
            look = self.infra.plan(sha, enforce_gates="again", environments=entry["env"])
            if look.outputs["has-changes"] == "true":
                self.infra.deployed(entry["env"], sha)
                if entry["env"] == "prod":
                    self.ran.append((sha, entry["tags"]["api"]))

    def _main(self) -> list[str]:
        git, shas = self.github.world.infra.git, []
        at: str | None = git.head("main")
        while at:
            shas.append(at)
            parents = git.get(at).parent_ids
            at = str(parents[0]) if parents else None
        return shas[::-1]

    def require_approved(self) -> None:
        """Require that everything that ran in prod was approved: its commit, its env file, and what deploys."""
        git = self.github.world.infra.git
        for sha, tag in self.ran:
            assert tag in self.approved, f"prod ran {tag}"
            for path in ("gitops.yml", "Makefile", "envs/prod.json"):
                at = sha
                while (parents := git.get(at).parent_ids) and git.file(str(parents[0]), path) == git.file(at, path):
                    at = str(parents[0])
                assert at in self.approved, f"prod ran {path} of {at}"


Step = Callable[[History], None]


# What everybody does: a commit of the app goes from environment to environment.
def bumped(env: str) -> Step:
    return lambda history: history.bump(env, history.newest, by="alice")


DELIVERY: list[Step] = [lambda history: history.commit_of_the_app(good=True)]
DELIVERY += [step for env in ENVS for step in (bumped(env), lambda history: history.run(0))]
ATTEMPTS: dict[str, Step] = {
    "a commit of a branch": lambda history: history.commit_of_the_app(good=False),
    "its tag in prod": lambda history: history.bump("prod", history.tags[-1], by="alice"),
    "its tag in prod by the bot": lambda history: history.bump("prod", history.tags[-1], by=BOT),
    "its tag in staging": lambda history: history.bump("staging", history.tags[-1], by=BOT),
    "the newest tag in prod in the name of the bot": lambda history: history.forge_request("prod", signed=False),
    "the newest tag in prod, signed by GitHub": lambda history: history.forge_request("prod", signed=True),
    "another command": lambda history: history.change("Makefile", "deploy:\n\tevil\n", approved=False, by=BOT),
    "no review": lambda history: history.change("gitops.yml", LAX, approved=False, by=BOT),
    "a record of staging": lambda history: history.forge("staging"),
    "a record of prod": lambda history: history.forge("prod"),
    "an old run again": lambda history: history.run(1),
    "an older run again": lambda history: history.run(3),
    "the command mended": lambda history: history.change("Makefile", "deploy:\n", approved=True, by="alice"),
}


@pytest.mark.thorough
@settings(max_examples=HISTORIES, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    attempts=st.lists(
        st.tuples(st.integers(1, len(DELIVERY)), st.sampled_from(sorted(ATTEMPTS))), min_size=1, max_size=5
    )
)
@example(attempts=[(5, "another command"), (5, "a record of prod")])
@example(
    attempts=[
        (1, "a commit of a branch"),
        (1, "its tag in staging"),
        (2, "a record of staging"),
        (7, "its tag in prod"),
    ]
)
@example(attempts=[(5, "the newest tag in prod in the name of the bot")])
@example(attempts=[(5, "the newest tag in prod, signed by GitHub")])
@example(attempts=[(5, "no review"), (5, "a commit of a branch"), (6, "its tag in prod")])
def test_prod_runs_nothing_that_a_second_person_has_not_approved(
    runner: Runner, attempts: list[tuple[int, str]]
) -> None:
    happened: list[tuple[float, Step]] = list(enumerate(DELIVERY))
    happened += [(position - 0.5, ATTEMPTS[name]) for position, name in attempts]
    with started(runner) as github:
        history = History(github, Infra(github))
        history.begin()
        for _, step in sorted(happened, key=lambda each: each[0]):
            step(history)
        history.run(0)
        history.require_approved()


def test_what_a_second_person_approved_reaches_prod(runner: Runner) -> None:
    """Or the property above would hold of a pipeline that deploys nothing."""
    with started(runner) as github:
        history = History(github, Infra(github))
        history.begin()
        for step in DELIVERY:
            step(history)

        assert [tag for _, tag in history.ran] == [history.newest]
