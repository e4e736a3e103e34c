"""What GitHub says, word for word, and what it is to us; each row has its source."""

from __future__ import annotations

import pytest
from github import GithubException

from actions import errors
from actions.api.github_errors import mapped, message_of


def rest(status: int, message: str) -> GithubException:
    return GithubException(status, {"message": message}, {})


def graphql(message: str, type_: str = "") -> GithubException:
    problem = {"message": message, **({"type": type_} if type_ else {})}
    return GithubException(200, {"data": None, "errors": [problem]}, {})


def in_words(value: object) -> str:
    return f"{value.status} {message_of(value)}" if isinstance(value, GithubException) else ""


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        # github.com/yanyongyu/githubkit#271; renovate's specs
        (graphql("API rate limit already exceeded for user ID 1.", "RATE_LIMIT"), errors.RateLimitedError),
        (graphql("API rate limit exceeded", "RATE_LIMITED"), errors.RateLimitedError),
        (graphql("You have exceeded a secondary rate limit. Please wait"), errors.RateLimitedError),
        (rest(403, "You have exceeded a secondary rate limit"), errors.RateLimitedError),
        (rest(429, "Too many requests"), errors.RateLimitedError),
        # whatwg/spec-factory#55
        (graphql("was submitted too quickly", "UNPROCESSABLE"), errors.RateLimitedError),
        # octokit/plugin-retry.js#395
        (graphql("Something went wrong while executing your query. Please include `A:1`"), errors.QueryTooLargeError),
        # faros-ai/airbyte-connectors#1865
        (GithubException(200, {}, {}), errors.UnavailableError),
        # yoshi389111/github-profile-3d-contrib#163
        (graphql("Resource limits for this query exceeded.", "RESOURCE_LIMITS_EXCEEDED"), errors.QueryTooLargeError),
        (graphql("Expected branch to point to", "STALE_DATA"), errors.BaseMovedError),
        (graphql("Resource not accessible by integration", "INSUFFICIENT_SCOPES"), errors.AccessError),
        # kargo#6490, loopover#5042, pascalgn/automerge-action#23
        (rest(405, "Base branch was modified. Review and try the merge again."), errors.BaseMovedError),
        (rest(405, "Merge already in progress"), errors.UnavailableError),
        (rest(405, 'Required status check "test" is expected.'), errors.ChecksPendingError),
        (rest(405, "Squash merges are not allowed on this repository."), errors.MergeMethodOffError),
        (rest(405, "Merge commits are not allowed on this repository."), errors.MergeMethodOffError),
        # AliceJump/ok-end-field#211; SWE-agent#179
        (graphql("Auto merge is not allowed for this repository"), errors.AutoMergeOffError),
        (rest(422, "Draft pull requests are not supported in this repository."), errors.DraftsUnsupportedError),
        # hub4j recordings
        (rest(422, "A pull request already exists for your-org:x."), errors.BaseMovedError),
        (rest(422, "No commits between main and x"), errors.BaseMovedError),
        # cli/cli#8092; StefanMaron/BusinessCentral.AL.Runner#3391; odigos-io/odigos#3138; cli/cli#10238
        (graphql("Base branch was modified. Review and try the merge again.", "UNPROCESSABLE"), errors.BaseMovedError),
        (graphql("Head branch was modified. Review and try the merge again.", "UNPROCESSABLE"), errors.BaseMovedError),
        (graphql("No commits between main and release/v1.0.206", "UNPROCESSABLE"), errors.BaseMovedError),
        (
            graphql(
                "Head sha can't be blank, Base sha can't be blank, No commits between main and branch, Head ref must be"
                " a branch",
                "UNPROCESSABLE",
            ),
            errors.BaseMovedError,
        ),
        (rest(301, "Moved Permanently"), errors.RenamedError),
        (rest(307, "Temporary Redirect"), errors.RenamedError),
        (rest(403, "Repository was archived so is read-only."), errors.ArchivedError),
        (rest(403, "Resource protected by organization SAML enforcement."), errors.SsoRequiredError),
        (rest(403, "Resource not accessible by integration"), errors.AccessError),
        (rest(404, "Not Found"), errors.AccessError),
        (rest(401, "Bad credentials"), errors.AccessError),
        (rest(409, "Repository rule violations found"), errors.RuleNotMetError),
        (graphql("User is not authorized for this protected branch"), errors.RuleNotMetError),
        (rest(502, "Server Error"), errors.UnavailableError),
        (rest(422, "Validation Failed"), errors.GitHubError),
        (rest(418, "I'm a teapot"), errors.GitHubError),
    ],
    ids=in_words,
)
def test_an_answer_is_judged_by_what_it_says(answer: GithubException, kind: type[errors.ActionError]) -> None:
    assert type(mapped(answer, "your-org/infra", "contents: write")) is kind


@pytest.mark.parametrize(
    ("message", "retried"),
    [
        ("Reference does not exist", True),
        ("Head is invalid", True),
        ("Could not resolve to a node with the global id of 'x'", True),
        ("Not Found", True),
        ("Validation Failed", False),
        ("body is too long (maximum is 65536 characters)", False),
    ],
)
def test_only_what_is_not_there_yet_is_tried_again_after_a_fresh_write(message: str, *, retried: bool) -> None:
    error = mapped(rest(422, message), "your-org/infra", "contents: write", fresh=True)

    assert isinstance(error, errors.UnavailableError) is retried
    assert not isinstance(mapped(rest(422, message), "your-org/infra", "contents: write"), errors.UnavailableError)


def test_the_words_of_a_simple_validation_error_are_kept() -> None:
    error = GithubException(422, {"message": "Unprocessable", "errors": ["Can not approve your own pull request"]}, {})

    assert "Can not approve your own pull request" in str(mapped(error, "your-org/infra", "pull requests: write"))


def test_nobody_reads_a_status_of_200_as_a_failure() -> None:
    assert "GitHub answered for your-org/infra" in str(mapped(graphql("odd"), "your-org/infra", "contents: read"))
