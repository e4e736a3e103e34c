"""The sandbox itself: does it do what GitHub does, and does it notice what GitHub would not do?"""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from actions.api.client import Client
from actions.api.repository import Repository
from sandbox.client import ApiError
from sandbox.server import Sandbox
from sandbox.state import Event
from sandbox.triggers import started
from sandbox.world import World, build
from tests.sandbox.scenarios import GitHub

APP = "/repos/your-org/app"


@pytest.fixture(name="unchecked")
def _unchecked() -> Any:
    """A sandbox whose violations are looked at, not forbidden."""
    with Sandbox.start() as sandbox:
        yield sandbox, build(sandbox)


def ask(sandbox: Sandbox, world: World, verb: str, path: str, body: object = None) -> Any:
    from sandbox.client import Person

    return Person(sandbox, "alice", world.tokens["alice"]).api(verb, path, body)


def test_a_request_that_github_does_not_describe_is_noticed(unchecked: tuple[Sandbox, World]) -> None:
    sandbox, world = unchecked

    ask(sandbox, world, "POST", f"{APP}/git/refs", {"ref": "refs/heads/x", "sha": world.app.git.head("main"), "y": 1})
    ask(sandbox, world, "GET", f"{APP}/pulls?stat=open")
    with pytest.raises(ApiError, match="404"):
        ask(sandbox, world, "GET", f"{APP}/nothing")

    assert sandbox.violations == [
        "POST /repos/{owner}/{repo}/git/refs: no body parameter y",
        "GET /repos/{owner}/{repo}/pulls: no query parameter stat",
        "the sandbox has no GET /repos/your-org/app/nothing",
    ]


def test_a_body_of_the_wrong_type_is_noticed(unchecked: tuple[Sandbox, World]) -> None:
    sandbox, world = unchecked

    ask(sandbox, world, "POST", f"{APP}/git/refs", {"ref": "refs/heads/x", "sha": world.app.git.head("main")})
    with pytest.raises(ApiError, match="422: Invalid request"):
        ask(sandbox, world, "PATCH", f"{APP}/git/refs/heads/x", {"sha": world.app.git.head("main"), "force": "yes"})

    assert [problem for problem in sandbox.violations if "'yes' is not of type 'boolean'" in problem]


def test_an_answer_that_github_does_not_describe_is_noticed(
    unchecked: tuple[Sandbox, World], monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox, world = unchecked
    monkeypatch.setattr(sandbox.payloads, "user", lambda _: {"login": 7})

    ask(sandbox, world, "GET", "/user")

    assert [problem for problem in sandbox.violations if problem.startswith("GET /user response 200")]


def test_a_query_that_the_schema_does_not_have_is_noticed(unchecked: tuple[Sandbox, World]) -> None:
    sandbox, world = unchecked
    body = json.dumps({"query": '{ repository(owner: "your-org", name: "app") { stars } }'}).encode()
    headers = {"Authorization": f"Bearer {world.tokens['alice']}"}

    urllib.request.urlopen(urllib.request.Request(f"{sandbox.url}/api/graphql", body, headers)).close()  # noqa: S310

    assert sandbox.violations == ["Cannot query field 'stars' on type 'Repository'."]


def test_a_field_that_is_not_modelled_is_an_error_and_never_null(github: GitHub) -> None:
    body = json.dumps({"query": '{ repository(owner: "your-org", name: "app") { stargazerCount } }'}).encode()
    headers = {"Authorization": f"Bearer {github.bot}"}

    with urllib.request.urlopen(  # noqa: S310
        urllib.request.Request(f"{github.sandbox.url}/api/graphql", body, headers)  # noqa: S310
    ) as response:
        answer = json.load(response)

    assert answer["errors"][0]["message"] == "the sandbox does not model Repository.stargazerCount"


def test_two_edits_of_neighbouring_files_merge_and_of_one_line_conflict(github: GitHub) -> None:
    alice = github.person("alice")
    git = github.world.infra.git
    github.world.infra.rulesets.clear()
    for name, files in {
        "one": {"envs/dev.json": "1"},
        "two": {"envs/prod.json": "2"},
        "three": {"envs/dev.json": "3"},
    }.items():
        git.set_ref(f"refs/heads/{name}", git.head("main") or "")
        github.change_infra(dict(files), branch=name)
    numbers = [alice.open_pull("your-org/infra", head=name, title=name) for name in ("one", "two", "three")]

    alice.merge("your-org/infra", numbers[0])
    alice.merge("your-org/infra", numbers[1])

    assert (github.infra_file("envs/dev.json"), github.infra_file("envs/prod.json")) == ("1", "2")
    with pytest.raises(ApiError, match="405: Pull Request is not mergeable"):
        alice.merge("your-org/infra", numbers[2])


def test_a_merge_can_be_pinned_to_the_head(github: GitHub) -> None:
    alice = github.person("alice")
    github.world.infra.rulesets.clear()
    github.world.infra.git.set_ref("refs/heads/x", github.world.infra.git.head("main") or "")
    github.change_infra({"x": "1"}, branch="x")
    number = alice.open_pull("your-org/infra", head="x", title="x")

    with pytest.raises(ApiError, match="409: Head branch was modified"):
        alice.api("PUT", f"/repos/your-org/infra/pulls/{number}/merge", {"sha": "f" * 40})


@pytest.mark.parametrize(
    ("method", "parents", "verified"), [("squash", 1, True), ("merge", 2, True), ("rebase", 1, False)]
)
def test_only_what_github_commits_itself_is_verified(github: GitHub, method: str, parents: int, verified: bool) -> None:
    github.world.infra.rulesets.clear()
    git = github.world.infra.git
    git.set_ref("refs/heads/x", git.head("main") or "")
    github.change_infra({"x": "1"}, branch="x")
    alice = github.person("alice")
    number = alice.open_pull("your-org/infra", head="x", title="x")

    sha = alice.api("PUT", f"/repos/your-org/infra/pulls/{number}/merge", {"merge_method": method})["sha"]

    commit = alice.api("GET", f"/repos/your-org/infra/commits/{sha}")
    assert (len(commit["parents"]), commit["commit"]["verification"]["verified"]) == (parents, verified)
    assert Repository(Client("your-org/infra", github.bot, github.sandbox.environment())).is_verified(sha) == verified


def test_the_rules_of_main_hold_for_a_push(github: GitHub, tmp_path: Path) -> None:
    alice = github.person("alice")
    clone = alice.clone("your-org/app", tmp_path / "app")
    head = github.world.app.git.head("main")
    (clone / "x").write_text("x")
    alice.git("add", "x", at=clone)
    alice.git("commit", "-qm", "x", at=clone)

    with pytest.raises(ApiError, match="Changes must be made through a pull request"):
        alice.git("push", "-q", "origin", "main", at=clone)
    with pytest.raises(ApiError, match="Cannot delete this branch"):
        alice.git("push", "-q", "origin", ":main", at=clone)
    alice.git("commit", "-q", "--amend", "-m", "rewritten", at=clone)
    with pytest.raises(ApiError, match="GH013"):
        alice.git("push", "-qf", "origin", "HEAD~1:refs/heads/x", "HEAD:main", at=clone)

    assert github.world.app.git.head("main") == head


def test_a_pull_request_needs_the_approval_of_somebody_else_at_its_head(github: GitHub, tmp_path: Path) -> None:
    alice, bob = github.person("alice"), github.person("bob")
    clone = alice.clone("your-org/infra", tmp_path / "infra")
    sha = alice.push_change(clone, "x", {"README.md": "x"}, "x")
    number = alice.open_pull("your-org/infra", head="x", title="x")
    github.report("test", "success", sha)

    with pytest.raises(ApiError, match="At least 1 approving review"):
        alice.merge("your-org/infra", number)
    with pytest.raises(ApiError, match="Can not approve your own pull request"):
        alice.approve("your-org/infra", number)
    bob.approve("your-org/infra", number)
    (clone / "README.md").write_text("y")
    alice.git("commit", "-qam", "y", at=clone)
    alice.git("push", "-q", "origin", "x", at=clone)
    github.report("test", "success", alice.git("rev-parse", "HEAD", at=clone).strip())
    with pytest.raises(ApiError, match="At least 1 approving review"):
        alice.merge("your-org/infra", number)
    bob.approve("your-org/infra", number)
    alice.merge("your-org/infra", number)

    assert github.infra_file("README.md") == "y"


def test_a_merge_without_its_check_is_refused(github: GitHub, tmp_path: Path) -> None:
    alice = github.person("alice")
    sha = alice.push_change(alice.clone("your-org/infra", tmp_path / "infra"), "x", {"README.md": "x"}, "x")
    number = alice.open_pull("your-org/infra", head="x", title="x")
    github.person("bob").approve("your-org/infra", number)

    with pytest.raises(ApiError, match='Required status check "test" is expected'):
        alice.merge("your-org/infra", number)
    github.report("test", "failure", sha)
    with pytest.raises(ApiError, match='Required status check "test" is failure'):
        alice.merge("your-org/infra", number)


def test_what_a_token_may_not_read_is_not_there_and_what_it_may_not_write_is_forbidden(github: GitHub) -> None:
    state = github.sandbox.state
    state.add_user("eve")
    github.world.app.members["carol"] = "read"
    state.add_user("carol")
    for login in ("eve", "carol"):
        github.world.tokens[login] = state.add_token(login)

    with pytest.raises(ApiError, match="404: Not Found"):
        github.person("eve").api("GET", APP)
    assert github.person("carol").api("GET", APP)["full_name"] == "your-org/app"
    body = {"ref": "refs/heads/x", "sha": "f" * 40}
    with pytest.raises(ApiError, match="403: Resource not accessible"):
        github.person("carol").api("POST", f"{APP}/git/refs", body)


def test_every_pushed_commit_is_new_once(github: GitHub, tmp_path: Path) -> None:
    """`distinct`, `created` and `before` are what tells a new branch from new work."""
    events: list[Event] = []
    github.sandbox.state.listeners.append(events.append)
    alice = github.person("alice")
    clone = alice.clone("your-org/app", tmp_path / "app")

    alice.push_change(clone, "one", {"x": "1"}, "x")
    alice.git("push", "-q", "origin", "one:two", at=clone)
    alice.git("push", "-q", "origin", ":two", at=clone)

    seen = [
        (
            event.ref,
            event.payload["created"],
            event.payload["deleted"],
            [c["distinct"] for c in event.payload["commits"]],
        )
        for event in events
        if event.name == "push"
    ]
    assert [event.ref for event in events if event.name == "create"] == ["refs/heads/one", "refs/heads/two"]
    assert seen == [
        ("refs/heads/one", True, False, [True]),
        ("refs/heads/two", True, False, [False]),
        ("refs/heads/two", False, True, []),
    ]


def test_what_a_runs_own_token_does_starts_nothing(github: GitHub) -> None:
    events: list[Event] = []
    github.sandbox.state.listeners.append(events.append)
    github.world.app.members["github-actions[bot]"] = "write"
    github.world.tokens["github-actions[bot]"] = github.sandbox.state.add_token("github-actions[bot]", of_run=True)

    sha = github.world.app.git.head("main")
    github.person("github-actions[bot]").api("POST", f"{APP}/git/refs", {"ref": "refs/heads/x", "sha": sha})

    assert events == []


@pytest.mark.parametrize(
    ("on", "name", "ref", "payload", "starts"),
    [
        pytest.param("push", "push", "refs/heads/x", {}, True, id="every push"),
        pytest.param("[push, pull_request]", "push", "refs/tags/v1", {}, True, id="a tag is a push"),
        pytest.param("{push: {branches: [main]}}", "push", "refs/heads/main", {}, True, id="a branch"),
        pytest.param("{push: {branches: [main]}}", "push", "refs/heads/x", {}, False, id="another branch"),
        pytest.param("{push: {branches: [main]}}", "push", "refs/tags/v1", {}, False, id="no tag"),
        pytest.param("{push: {tags: ['v*']}}", "push", "refs/tags/v1", {}, True, id="a tag"),
        pytest.param("{push: {tags: ['v*']}}", "push", "refs/heads/v1", {}, False, id="no branch"),
        pytest.param("{push: {branches: ['hotfixes/*']}}", "push", "refs/heads/hotfixes/a", {}, True, id="one level"),
        pytest.param("{push: {branches: ['hotfixes/*']}}", "push", "refs/heads/hotfixes/a/b", {}, False, id="not two"),
        pytest.param("{push: {branches: ['hotfixes/**']}}", "push", "refs/heads/hotfixes/a/b", {}, True, id="all"),
        pytest.param("{push: {branches-ignore: [x]}}", "push", "refs/heads/x", {}, False, id="ignored"),
        pytest.param("{push: {branches: ['**', '!x']}}", "push", "refs/heads/x", {}, False, id="but not this one"),
        pytest.param("{push: {paths: [.github/**]}}", "push", "refs/heads/x", {"before": "first"}, True, id="a path"),
        pytest.param("{push: {paths: [docs/**]}}", "push", "refs/heads/x", {"before": "first"}, False, id="other path"),
        pytest.param("{push: {paths: [docs/**]}}", "push", "refs/heads/x", {"before": "0" * 40}, True, id="new branch"),
        pytest.param("{pull_request: {paths: [docs/**]}}", "pull_request", "x", {"action": "opened"}, False, id="path"),
        pytest.param("{pull_request: }", "pull_request", "refs/pull/1/merge", {"action": "opened"}, True, id="opened"),
        pytest.param("{pull_request: }", "pull_request", "refs/pull/1/merge", {"action": "closed"}, False, id="closed"),
        pytest.param("{pull_request: {types: [closed]}}", "pull_request", "refs/heads/main", {"action": "closed"}, True,
                     id="closed, if asked for"),
        pytest.param("{pull_request: {branches: [x]}}", "pull_request", "x", {"action": "opened"}, False, id="base"),
        pytest.param("workflow_dispatch", "push", "refs/heads/main", {}, False, id="another event"),
        pytest.param("push", "push", "refs/heads/x", {"deleted": True}, False, id="a branch that is gone"),
    ],
)  # fmt: skip
def test_an_event_starts_the_workflows_that_want_it(
    github: GitHub, on: str, name: str, ref: str, payload: dict[str, Any], starts: bool
) -> None:
    app = github.world.app
    alice = github.sandbox.state.users["alice"]
    path = ".github/workflows/x.yml"
    first = app.git.head("main")
    sha = app.git.commit(parents=[], message="x", author=alice.person, files={path: f"on: {on}\njobs: {{}}".encode()})
    if name == "pull_request":
        payload = payload | {"pull_request": {"base": {"ref": "main", "sha": first}}}
    elif payload.get("before") == "first":
        payload = {"before": first}

    found = list(started(Event(name, app, alice, payload, ref, sha)))

    assert [found_path for found_path, _ in found] == ([path] if starts else [])
