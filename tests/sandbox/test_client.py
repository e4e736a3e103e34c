"""The client by itself: answers that are cut off, too long, never end, or lack what they must have."""

from __future__ import annotations

from typing import Any

import pytest
from github import GithubException

from actions.api.client import Client, next_cursor, query
from actions.api.github_errors import mapped
from actions.api.repository import Repository
from actions.app.repository import AppRepository
from actions.errors import GitHubError, RateLimitedError, RenamedError
from sandbox.faults import Fault
from tests.sandbox.scenarios import GitHub

BRANCHES = "/git/matching-refs/heads/?per_page=1"


@pytest.fixture(name="client")
def _client(github: GitHub) -> Client:
    return Client("your-org/infra", github.bot, github.sandbox.environment())


def test_an_answer_that_may_be_absent_may_still_be_refused(github: GitHub, client: Client) -> None:
    deletion = "DELETE /repos/{owner}/{repo}/git/refs/{ref}"
    github.sandbox.faults.plan({deletion: Fault(status=418)})

    with pytest.raises(GitHubError, match="GitHub answered 418"):
        client.rest("DELETE", "/git/refs/heads/main", permission="contents: write", absent=(404,))


def test_a_redirect_of_a_repository_that_keeps_its_name_is_an_error(github: GitHub, client: Client) -> None:
    github.sandbox.faults.plan({"DELETE /repos/{owner}/{repo}/git/refs/{ref}": Fault(status=307)})

    with pytest.raises(RenamedError, match="your-org/infra was renamed or transferred"):
        client.rest("DELETE", "/git/refs/heads/x", permission="contents: write")


def test_pages_that_never_end_are_an_error(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actions.api.client.MOST_PAGES", 1)

    with pytest.raises(GitHubError, match="more than 1 pages"):
        list(client.pages("/rulesets?per_page=1", permission="metadata: read"))


def test_an_answer_that_is_too_long_is_an_error(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actions.api.client.LONGEST_ANSWER", 10)

    with pytest.raises(GitHubError, match="more than 10 characters"):
        client.rest("GET", "", permission="metadata: read")


def test_an_answer_without_the_repository_is_an_error(github: GitHub, client: Client) -> None:
    github.sandbox.faults.plan({"query id": Fault(status=200, body={"data": {"repository": None}})})

    with pytest.raises(GitHubError, match="has no repository your-org/infra"):
        client.repository(query(variables={}, fields="id"), {})


@pytest.mark.parametrize("page", [{"hasNextPage": True, "endCursor": "7"}, {"hasNextPage": True, "endCursor": None}])
def test_a_page_that_is_followed_by_itself_is_an_error(page: dict[str, Any]) -> None:
    with pytest.raises(GitHubError, match="more pages, and not where"):
        next_cursor(page, "7")


def test_a_server_without_a_readable_date_is_waited_for_by_our_clock() -> None:
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1", "date": "soon"}

    error = mapped(GithubException(403, {"message": "API rate limit exceeded"}, headers), "o/r", "contents: read")

    assert isinstance(error, RateLimitedError)
    assert error.wait >= 1


def test_a_branch_that_cannot_be_made_though_none_is_in_the_way_is_an_error(github: GitHub, client: Client) -> None:
    refused = Fault(status=422, body={"message": "Reference update failed"})
    github.sandbox.faults.plan({"POST /repos/{owner}/{repo}/git/refs": refused})

    with pytest.raises(GitHubError, match="Reference update failed"):
        Repository(client).create_branch("a/b", github.world.infra.git.head("main") or "")


def test_what_no_commit_of_the_app_is_behind_cannot_be_compared(github: GitHub) -> None:
    app = AppRepository(Client("your-org/app", github.bot, github.sandbox.environment()))

    assert app.compare_tags("1.0.0", "9.9.9") is None
    assert not app.brings_only_fixes("1.0.0", "9.9.9")
