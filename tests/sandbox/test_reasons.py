"""Reasons that several actions may end with, each from each action.

`tests/reasons.py` requires that a test makes an action end with every reason that its README lists.
"""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pygit2
import pytest

from sandbox.faults import Fault, When
from sandbox.gitrepo import Person
from sandbox.state import WorkflowRun
from sandbox.world import BOT
from tests.sandbox.scenarios import MERGE, GitHub, deploy, propose, refusal
from tests.support import ACTIONS, ROOT, declaration

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from actions.runner.clock import Clock
    from tests.support import Result

ASKING = [action for action in ACTIONS if "token" in declaration(action)["inputs"]]
INPUTS: dict[str, dict[str, str]] = {
    "action-check-envs": {},
    "action-create-hotfix": {"base_tag": "1.0.0", "branch_name": "x"},
    "action-deploy-matrix": {"since": "deployment"},
    "action-doctor": {},
    "action-export-evidence": {"app_repo": "your-org/app", "env": "dev"},
    "action-open-infra-pr": {"env": "dev", "service": "api", "tag": "1.0.0", "infra_repo": "your-org/infra"},
    "action-report-deployment": {},
    "action-setup-flags": {"services": "api: services/api"},
    "action-sync-protection": {"mode": "apply"},
}
IN_APP = ("action-create-hotfix", "action-open-infra-pr", "action-setup-flags")
RULESET = "protection/infra/rulesets/main.json"
IN_CHECKOUT = ("action-deploy-matrix",)
MOST_TRIES = 6
FORBIDDEN = Fault(status=403, body={"message": "Resource not accessible by integration"})
SAML = Fault(status=403, body={"message": "Resource protected by organization SAML enforcement."})
LIMITED = Fault(
    status=403, body={"message": "You have exceeded a secondary rate limit"}, headers={"retry-after": "9999"}
)
CONFIG = "environments: {dev: {review: none}, staging: {}, prod: {}}\nservices: {api: {repo: your-org/app}, web: {}}\n"


def run(
    github: GitHub,
    action: str,
    inputs: Mapping[str, str] | None = None,
    *,
    clock: Clock | None = None,
    faults: Mapping[When, Fault] | None = None,
) -> Result:
    """Run *action*, which *faults* await, in a workflow of the repository that it belongs to."""
    infra = github.world.infra
    home = github.world.app if action in IN_APP else infra
    head = home.git.head("main") or ""
    name, payload = "push", {"after": head, "before": "0" * 40, "repository": {"default_branch": "main"}}
    if action == "action-setup-flags":
        payload["before"] = "b" * 40
    elif action == "action-check-envs":
        pull = infra.pulls[propose(github, {"envs/dev.json": env_file("1.1.0")})]
        name, payload = "pull_request", github.sandbox.payloads.pull_event(infra, pull.author, pull, "opened")
    github.runner.event(name, payload, GITHUB_SHA=head, GITHUB_REF="refs/heads/main")
    github.runner.environment["GITHUB_REPOSITORY"] = home.full_name
    begin_deployment(github, head)
    files = {path: github.infra_file(path) for path in infra.git.paths(head)} if action in IN_CHECKOUT else {}
    github.runner.write({RULESET: (ROOT / "examples/infra" / RULESET).read_text(encoding="utf-8"), **files})
    token = github.sandbox.state.add_token("olivia") if action == "action-sync-protection" else github.bot
    if faults:
        github.sandbox.faults.plan(faults)
    return github.runner.run(action, github.main(action, clock), **{"token": token, **INPUTS[action], **(inputs or {})})


def begin_deployment(github: GitHub, head: str) -> None:
    """Have the run be one of the infra repository that has begun to deploy the commit *head* to dev."""
    infra, bot = github.world.infra, github.sandbox.state.users[BOT]
    number = int(github.runner.environment["GITHUB_RUN_ID"])
    infra.runs.append(WorkflowRun(number, ".github/workflows/deploy.yml", "push", bot, head, branch="main"))
    record = github.sandbox.behaviour.deploy(infra, bot, sha=head, ref="main", environment="dev")
    record.payload = {"run": str(number)}


def env_file(tag: str) -> str:
    return json.dumps({"api": {"tag": tag}, "web": {"tag": "1.0.0"}})


@pytest.fixture(name="delivering")
def _delivering(github: GitHub) -> GitHub:
    """The organization with two releases, the first of which dev runs."""
    github.release("1.0.0", "1.1.0")
    github.change_infra({"gitops.yml": CONFIG, "envs/dev.json": env_file("1.0.0")})
    return github


@pytest.mark.parametrize("action", ASKING)
@pytest.mark.parametrize(
    ("faults", "ends", "words"),
    [
        pytest.param(dict.fromkeys(range(MOST_TRIES), Fault(status=502)), (5, "github-unavailable"), "502", id="down"),
        pytest.param({0: LIMITED}, (5, "rate-limited"), "longer than the timeout", id="a long rate limit"),
        pytest.param({0: FORBIDDEN}, (6, "permission-denied"), "it needs", id="no permission"),
        pytest.param({0: SAML}, (6, "sso-required"), "single sign-on", id="single sign-on"),
        pytest.param({0: Fault(status=418)}, (5, "github-error"), "418", id="anything else"),
    ],
)
def test_what_github_refuses_every_action(
    delivering: GitHub, action: str, faults: Mapping[When, Fault], ends: tuple[int, str], words: str
) -> None:
    result = run(delivering, action, faults=faults)

    assert (result.exit_code, result.outputs["reason"]) == ends, result.log
    assert words in result.log
    assert delivering.slept[5:] == []


@pytest.mark.parametrize("action", ASKING)
def test_no_action_waits_for_ever(delivering: GitHub, action: str) -> None:
    asked, ended, threads = threading.Event(), threading.Event(), list[threading.Thread]()

    def join(thread: threading.Thread, seconds: float) -> None:
        assert seconds >= 1800
        assert asked.wait(30), "GitHub was never asked"
        threads.append(thread)

    def hang() -> None:
        asked.set()
        ended.wait()

    result = run(delivering, action, clock=replace(delivering.clock, join=join), faults={0: Fault(meanwhile=hang)})
    ended.set()
    threads[0].join()

    assert (result.exit_code, result.outputs["reason"]) == (10, "timeout")


def archive(github: GitHub) -> None:
    github.world.app.archived = github.world.infra.archived = True


def fewer_rules(github: GitHub) -> None:
    """Take a rule away on GitHub, so that there is something to apply, in repositories that are archived then."""
    github.world.infra.ruleset("main")["rules"].pop()
    archive(github)


def fewer_rules_by_a_broken_config(github: GitHub) -> None:
    github.world.infra.ruleset("main")["rules"].pop()
    github.change_infra({"gitops.yml": "environments: 3\n"})


def lay(files: dict[str, str | None]) -> Callable[[GitHub], object]:
    return lambda github: github.change_infra(files)


def link(github: GitHub) -> None:
    (github.runner.workspace / "elsewhere").mkdir()
    (github.runner.workspace / "envs").symlink_to("elsewhere")


def branch(repo: str, name: str) -> Callable[[GitHub], object]:
    def make(github: GitHub) -> None:
        git = getattr(github.world, repo).git
        git.set_ref(f"refs/heads/{name}", git.head("main") or "")

    return make


def empty(github: GitHub) -> None:
    github.world.infra.git.delete_ref("refs/heads/main")


def link_to_env_file(github: GitHub) -> None:
    """Make the env file of dev a symbolic link in the infra repository."""
    git, index = github.world.infra.git, pygit2.Index()
    head = git.get(git.head("main") or "")
    index.read_tree(head.tree)
    index.add(pygit2.IndexEntry("envs/dev.json", git._repo.create_blob(b"prod.json"), pygit2.enums.FileMode.LINK))
    tree = str(index.write_tree(git._repo))
    sha = git.commit(parents=[str(head.id)], message="Link", author=Person("O", "o@example"), tree=tree)
    git.set_ref("refs/heads/main", sha)


def in_dev_since_an_hour(github: GitHub) -> None:
    config = "environments: {dev: {}, staging: {after: dev, soak: 9000h, review: none}}\n"
    github.change_infra({"gitops.yml": config})
    deploy(github, "dev", "1.1.0", ago=timedelta(hours=1))


def without_rules(github: GitHub) -> None:
    """Have nothing say which checks a commit of the app needs."""
    github.world.app.rulesets.clear()


def fail(operation: str, fault: Fault) -> Callable[[GitHub], object]:
    """Have every call of *operation* fail, in a repository without rules."""

    def plan(github: GitHub) -> None:
        github.world.infra.rulesets.clear()
        github.sandbox.faults.plan({operation: fault})

    return plan


NOT_MERGEABLE = refusal("Pull Request is not mergeable")
STALE = {"errors": [{"type": "STALE_DATA", "message": "Expected branch to point to"}], "data": None}
FROM_DEV = {"base_tag": "", "from_env": "dev", "service": "api", "infra_repo": "your-org/infra"}
BROKEN = lay({"gitops.yml": "environments: 3\n"})
NO_JSON = lay({"envs/dev.json": "{"})
ODD_TAG = lay({"envs/dev.json": env_file("a b")})
NO_TAG = lay({"envs/dev.json": '{"api": {"tag": ""}, "web": {"tag": "1"}}'})


@pytest.mark.parametrize(
    ("action", "prepare", "inputs", "ends"),
    [
        ("check-envs", lay({"envs/dev.json": env_file("1.1.0+1")}), {}, (7, "unknown-order")),
        ("check-envs", link_to_env_file, {}, (3, "unsafe-path")),
        ("check-envs", without_rules, {}, (7, "no-checks")),
        ("create-hotfix", link_to_env_file, FROM_DEV, (3, "unsafe-path")),
        (
            "export-evidence",
            fail("mutation createCommitOnBranch", Fault(status=200, body=STALE)),
            {"branch": "evidence"},
            (4, "base-moved"),
        ),
        ("open-infra-pr", without_rules, {"tag": "1.1.0"}, (7, "no-checks")),
        ("open-infra-pr", fail(MERGE, NOT_MERGEABLE), {"tag": "1.1.0", "merge": "direct"}, (4, "not-mergeable")),
        (
            "open-infra-pr",
            in_dev_since_an_hour,
            {"env": "staging", "tag": "1.1.0", "merge": "direct"},
            (7, "soaking"),
        ),
        ("create-hotfix", archive, {}, (6, "archived")),
        ("create-hotfix", BROKEN, FROM_DEV, (3, "invalid-config")),
        ("create-hotfix", NO_JSON, FROM_DEV, (3, "invalid-env-file")),
        ("create-hotfix", empty, FROM_DEV, (4, "conflict")),
        ("create-hotfix", branch("app", "hotfixes"), {}, (4, "branch-in-the-way")),
        ("deploy-matrix", BROKEN, {}, (3, "invalid-config")),
        ("deploy-matrix", ODD_TAG, {}, (2, "invalid-tag")),
        ("deploy-matrix", link, {}, (3, "unsafe-path")),
        ("export-evidence", archive, {"branch": "evidence"}, (6, "archived")),
        ("export-evidence", branch("infra", "evidence/x"), {"branch": "evidence"}, (4, "branch-in-the-way")),
        ("open-infra-pr", BROKEN, {}, (3, "invalid-config")),
        ("open-infra-pr", NO_TAG, {"tag": "", "from_env": "dev", "env": "staging"}, (3, "no-tag")),
        ("report-deployment", archive, {}, (6, "archived")),
        ("report-deployment", BROKEN, {}, (3, "invalid-config")),
        ("report-deployment", NO_JSON, {}, (3, "invalid-env-file")),
        ("report-deployment", link_to_env_file, {}, (3, "unsafe-path")),
        ("sync-protection", fewer_rules, {}, (6, "archived")),
        ("sync-protection", fewer_rules_by_a_broken_config, {}, (3, "invalid-config")),
    ],
)
def test_what_keeps_an_action_from_its_work(
    delivering: GitHub,
    monkeypatch: pytest.MonkeyPatch,
    action: str,
    prepare: Callable[[GitHub], object],
    inputs: dict[str, str],
    ends: tuple[int, str],
) -> None:
    monkeypatch.setattr("actions.api.retry.MOST_TIMES_MOVED", 2)
    prepare(delivering)

    result = run(delivering, f"action-{action}", inputs)

    assert (result.exit_code, result.outputs["reason"]) == ends, result.log
