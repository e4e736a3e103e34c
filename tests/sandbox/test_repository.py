"""The door to GitHub, where GitHub does not answer as hoped."""

from __future__ import annotations

from typing import Any

import pytest

from actions.api.check_reader import read_check, required_checks_of
from actions.api.client import Client
from actions.api.github_errors import mapped
from actions.api.pulls import Pull, PullRequests, _closed_by
from actions.api.repository import Repository
from actions.errors import AccessError, ActionError, ConflictError, GitHubError
from sandbox.faults import Fault
from sandbox.rest.call import ROUTES
from sandbox.world import BOT
from tests.sandbox.scenarios import MERGE, GitHub


@pytest.fixture(name="repository")
def _repository(github: GitHub) -> Repository:
    return Repository(Client("your-org/infra", github.bot, github.sandbox.environment()))


PULL = Pull(
    number=1, node_id="PR_1_1", url="https://x/1", state="OPEN", branch="x", base="main", body="", head_sha="a" * 40
)
CALLS: dict[str, Any] = {
    "merge": lambda repository: PullRequests(repository.client).merge(PULL, method="squash", title="t", message="m"),
    "delete_branch": lambda repository: repository.delete_branch("x"),
    "create_branch": lambda repository: repository.create_branch("x", "a" * 40),
    "compare": lambda repository: repository.compare("a" * 40, "b" * 40),
    "resolve": lambda repository: repository.resolve("a" * 40),
    "base": lambda repository: repository.base("", []),
}
OPERATIONS = {
    "merge": MERGE,
    "delete_branch": "DELETE /repos/{owner}/{repo}/git/refs/{ref}",
    "create_branch": "POST /repos/{owner}/{repo}/git/refs",
    "compare": "GET /repos/{owner}/{repo}/compare/{basehead}",
    "resolve": "GET /repos/{owner}/{repo}/commits/{ref}",
    "base": "query pullRequests",
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("status", [500, 502])
def test_a_fault_of_github_is_an_error_with_its_words(
    github: GitHub, repository: Repository, call: str, status: int
) -> None:
    github.sandbox.faults.plan({OPERATIONS[call]: Fault(status=status, body={"message": "Server Error"})})

    with pytest.raises(GitHubError, match=f"GitHub answered {status} for your-org/infra: Server Error"):
        CALLS[call](repository)


@pytest.mark.parametrize("call", CALLS)
def test_a_dropped_connection_is_an_error(github: GitHub, repository: Repository, call: str) -> None:
    github.sandbox.faults.plan({OPERATIONS[call]: Fault()})

    with pytest.raises(GitHubError, match="no answer from GitHub for your-org/infra: ConnectionError"):
        CALLS[call](repository)


@pytest.mark.parametrize("call", CALLS)
def test_a_missing_permission_is_named(github: GitHub, repository: Repository, call: str) -> None:
    body = {"message": "Resource not accessible by integration"}
    github.sandbox.faults.plan({(OPERATIONS[call], 0): Fault(status=403, body=body)})

    with pytest.raises(AccessError, match=r"it needs '.+' \(Resource not accessible by integration\)"):
        CALLS[call](repository)


def test_deleting_a_branch_that_is_gone_is_done(repository: Repository) -> None:
    repository.delete_branch("gone")


def test_a_repository_without_a_commit_says_so(github: GitHub) -> None:
    github.sandbox.state.add_repo("your-org", "empty", {BOT: "write"})

    with pytest.raises(ConflictError, match="your-org/empty has no commit yet"):
        Repository(Client("your-org/empty", github.bot, github.sandbox.environment())).base("", [])


def test_a_branch_that_is_not_there_is_none(repository: Repository) -> None:
    assert repository.branch("none", []) is None


def test_a_list_of_files_that_is_cut_is_an_error(
    github: GitHub, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not listed must not be taken for what is not there."""
    name = "GET /repos/{owner}/{repo}/git/trees/{tree_sha}"
    whole = ROUTES[name]
    monkeypatch.setitem(ROUTES, name, lambda call: (200, whole(call)[1] | {"truncated": True}))

    with pytest.raises(GitHubError, match="more files than GitHub lists"):
        repository.paths(github.world.infra.git.head("main") or "")


@pytest.mark.parametrize(
    ("node", "state"),
    [
        pytest.param({"__typename": "StatusContext", "context": "x", "state": "SUCCESS"}, "success", id="a status"),
        pytest.param({"__typename": "StatusContext", "context": "x", "state": "EXPECTED"}, "pending", id="awaited"),
        pytest.param({"__typename": "StatusContext", "context": "x", "state": "ERROR"}, "failure", id="an error"),
        pytest.param(
            {
                "__typename": "CheckRun",
                "name": "x",
                "status": "COMPLETED",
                "conclusion": "SKIPPED",
                "checkSuite": {"app": None},
            },
            "success",
            id="a check that was skipped",
        ),
    ],
)
def test_a_check_can_be_a_status_of_the_old_kind(node: dict[str, Any], state: str) -> None:
    assert read_check(node).state == state


def test_the_checks_of_a_protected_branch_count_beside_those_of_rulesets() -> None:
    ref = {
        "rules": {
            "nodes": [
                {"parameters": None},
                {"parameters": {"requiredStatusChecks": [{"context": "a", "integrationId": 7}]}},
            ]
        },
        "refUpdateRule": {"requiredStatusCheckContexts": ["a", "b"]},
    }

    assert [(check.name, check.app) for check in required_checks_of(ref)] == [("a", 7), ("b", None)]


def test_a_pull_request_of_a_user_who_is_gone_was_closed_by_nobody() -> None:
    assert _closed_by({"timelineItems": {"nodes": [{"actor": None}]}, "author": {"login": "bot"}}) == ""
    assert _closed_by({"timelineItems": {"nodes": []}, "author": None}) == ""


@pytest.mark.parametrize("data", [None, "text", {"errors": "text"}, {"errors": [7]}, {"data": 7}])
def test_an_answer_that_is_no_answer_is_an_error_all_the_same(data: Any) -> None:
    from github import GithubException

    error: ActionError = mapped(GithubException(500, data, None), "o/r", "p")

    assert str(error) == "GitHub answered 500 for o/r: no message"


def test_a_token_is_not_part_of_what_is_printed(github: GitHub, repository: Repository) -> None:
    assert github.bot not in repr(repository)
