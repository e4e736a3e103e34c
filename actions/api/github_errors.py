"""Map what GitHub says went wrong to the errors of the actions.

An error is judged by what it says, not by its status alone: *not there yet* and *try later* can be tried again, *no* is
final. The texts are GitHub's own, from recorded answers and maintainers' threads; each has its source beside it.
"""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import requests

from actions.api.pygithub import GithubException
from actions.errors import (
    AccessError,
    ActionError,
    ArchivedError,
    AutoMergeOffError,
    BaseMovedError,
    ChecksPendingError,
    DraftsUnsupportedError,
    GitHubError,
    MergeMethodOffError,
    QueryTooLargeError,
    RateLimitedError,
    RenamedError,
    RuleNotMetError,
    SsoRequiredError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LONGEST_MESSAGE = 1000
MOVED = (HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.TEMPORARY_REDIRECT, HTTPStatus.PERMANENT_REDIRECT)
# What is said of an object that was made a moment ago and that not every server of GitHub has yet.
NOT_THERE_YET = re.compile(
    r"(?i)reference does not exist|head is invalid|head sha can't be blank|not found|could not resolve to a"
)


@dataclass(frozen=True, slots=True)
class Text:
    """What GitHub says, as a pattern; the error that it is; and what to do about it."""

    pattern: str
    kind: type[ActionError]
    remedy: str = ""


# What fields of GraphQL need, other than to read contents.
PERMISSIONS = {
    **dict.fromkeys(("pullRequest", "pullRequests", "associatedPullRequests"), ("pull requests",)),
    "deployments": ("deployments",),
    "statusCheckRollup": ("checks", "commit statuses"),
}
BYPASS = "if the bot has to be allowed this, add it to bypass_actors of the ruleset"
TEXTS = (
    # Temporary. octokit/plugin-retry.js#395; loopover#5042; kargo#6490; pascalgn/automerge-action#23
    Text(r"something went wrong while executing your query", QueryTooLargeError),
    Text(r"merge already in progress", UnavailableError),
    Text(r"service unavailable", UnavailableError),
    Text(r"base branch was modified|head branch was modified", BaseMovedError),
    Text(r"approving review|review is required|approval from someone other", RuleNotMetError, BYPASS),
    Text(r"required (status check|workflow) .* is expected", ChecksPendingError),
    # hub4j recordings: another run was faster
    Text(r"a pull request already exists for|no commits between", BaseMovedError),
    # Final. AliceJump/ok-end-field#211; SWE-agent#179; kargo#6490
    Text(
        r"auto merge is not allowed",
        AutoMergeOffError,
        "switch on Settings > General > Pull Requests > Allow auto-merge, or set merge to direct",
    ),
    Text(r"draft pull requests are not supported", DraftsUnsupportedError, "set draft to false"),
    Text(
        r"(merge|squash|rebase)( merge)?s? (merges )?are not allowed|merge commits are not allowed",
        MergeMethodOffError,
        "choose another merge-method, or allow this one in Settings > General > Pull Requests",
    ),
    Text(
        r"repository rule violations found|cannot update this protected ref|not authorized for this protected branch",
        RuleNotMetError,
        BYPASS,
    ),
    # docs.github.com, "Archiving repositories" and "Authorizing a personal access token for use with single sign-on"
    Text(r"was archived so is read-only|repository is archived", ArchivedError, "unarchive it, or name another one"),
    Text(r"saml (enforcement|sso)|organization saml", SsoRequiredError, "authorize it for single sign-on"),
    # cli/cli#9989, vscode-azurestaticwebapps#279: a run that is too old, not a token that may not
    Text(r"unable to retry this workflow run|workflow run cannot be (rerun|retried)", GitHubError),
    # create-pull-request#3979
    Text(
        r"not permitted to create or approve pull requests",
        AccessError,
        "use the bot's token: GITHUB_TOKEN may not open pull requests here",
    ),
)


@contextmanager
def map_github_error(repository: str, permission: str, *, fresh: bool = False) -> Iterator[None]:
    """Map the errors of a call about *repository* that needs *permission*.

    An object that the call needs is *fresh* if it was made a moment ago: not every server of GitHub may have it yet.
    """
    try:
        yield
    except GithubException as error:
        raise mapped(error, repository, permission, fresh=fresh) from error
    except requests.RequestException as error:
        raise UnavailableError(f"no answer from GitHub for {repository}: {type(error).__name__}") from error
    except RuntimeError as error:  # a redirect to another host, which the client does not follow
        raise GitHubError(f"{repository}: {error}") from error


@contextmanager
def parsing(repository: str) -> Iterator[None]:
    """Map an answer about *repository* that lacks a field to a GitHubError."""
    try:
        yield
    except (AttributeError, LookupError, TypeError) as error:
        raise GitHubError(f"GitHub's answer about {repository} lacks a required field") from error


def mapped(error: GithubException, repository: str, permission: str, *, fresh: bool = False) -> ActionError:
    """Return *error* as one of ours; a GitHubError carries the HTTP status and GitHub's own words."""
    said = message_of(error)[:LONGEST_MESSAGE] or "no message"
    ours = _mapped(error, said, repository, permission, fresh=fresh)
    if isinstance(ours, GitHubError):
        ours.status, ours.said = error.status, message_of(error)
    return ours


def _mapped(error: GithubException, said: str, repository: str, permission: str, *, fresh: bool) -> ActionError:
    answered = f"GitHub answered {_status(error)}for {repository}: {said}"
    return (
        _by_kind(error, said, repository, answered)
        or _by_text(said, answered)
        or (UnavailableError(answered) if _is_temporary(error, said, fresh=fresh) else None)
        or (_access_error(said, repository, _needed(error, permission)) if _is_refused(error) else None)
        or GitHubError(answered)
    )


def _by_kind(error: GithubException, said: str, repository: str, answered: str) -> ActionError | None:
    """Return the error that the status or a type of GraphQL names, None if neither does."""
    types = types_of(error)
    wait = rate_limit_wait(error)
    if "STALE_DATA" in types:
        return BaseMovedError(f"{repository}: {said}")
    if wait is not None:
        return RateLimitedError(f"GitHub limits how much may be asked of {repository}: {said}", wait=wait)
    if error.status == HTTPStatus.UNAUTHORIZED:
        return AccessError(f"GitHub does not know the token for {repository}; is it expired or revoked?")
    if error.status in MOVED:
        return RenamedError(f"{repository} was renamed or transferred; use its present name")
    return QueryTooLargeError(answered) if "RESOURCE_LIMITS_EXCEEDED" in types else None


def _by_text(said: str, answered: str) -> ActionError | None:
    """Return the error that GitHub's words name, None if they name none that we know."""
    for text in TEXTS:
        if re.search(text.pattern, said, re.IGNORECASE):
            return text.kind(f"{answered}; {text.remedy}" if text.remedy else answered)
    return None


def _is_temporary(error: GithubException, said: str, *, fresh: bool) -> bool:
    """Tell whether to try again: after a failure, an answer without content, or where a new object is not there yet."""
    empty = error.status == HTTPStatus.OK and not message_of(error)
    return error.status >= HTTPStatus.INTERNAL_SERVER_ERROR or empty or (fresh and bool(NOT_THERE_YET.search(said)))


def _is_refused(error: GithubException) -> bool:
    """Tell whether the token may not do this; GitHub also says "not found" of what a token cannot see."""
    refused = error.status in (HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN)
    return refused or bool(types_of(error) & {"NOT_FOUND", "FORBIDDEN", "INSUFFICIENT_SCOPES"})


def _access_error(said: str, repository: str, permission: str) -> AccessError:
    return AccessError(f"the token may not do this in {repository}, or cannot see it: it needs '{permission}' ({said})")


def _needed(error: GithubException, permission: str) -> str:
    """Return the part of *permission* that a refused field of GraphQL needs; all of it if GitHub names no such field.

    An error lists the way to its field (GraphQL specification, "Errors"), by aliases where the query has them.
    """
    paths = [problem.get("path") for problem in problems(error)]
    ways = [[step for step in path if isinstance(step, str)] for path in paths if isinstance(path, list)]
    fields = [[step for step in way if step in PERMISSIONS] for way in ways]
    needed = {name for found in fields for field in found[-1:] for name in PERMISSIONS[field]}
    parts = [part for part in permission.split(", ") if part.partition(":")[0] in needed]
    return ", ".join(parts) or permission


def types_of(error: GithubException) -> set[str]:
    """Return the types of the errors in a GraphQL answer."""
    return {str(problem.get("type", "")) for problem in problems(error)}


def _status(error: GithubException) -> str:
    """Return the status to show; that of a GraphQL answer, always 200, says nothing."""
    return "" if error.status == HTTPStatus.OK else f"{error.status} "


def rate_limit_wait(error: GithubException) -> float | None:
    """Return how many seconds GitHub wants us to wait, None if the error is no matter of limits.

    docs.github.com, "Rate limits for the REST API": `retry-after` counts; else, with nothing remaining, the reset;
    else at least a minute. GraphQL says RATE_LIMIT, RATE_LIMITED or "secondary rate limit" in a 200
    (yanyongyu/githubkit#271). To open many pull requests soon after one another is limited in words of its own
    (whatwg/spec-factory#55). The server's own clock counts.
    """
    said = message_of(error).lower()
    headers = {name.lower(): str(value) for name, value in (error.headers or {}).items()}
    limited = (
        error.status == HTTPStatus.TOO_MANY_REQUESTS
        or bool(types_of(error) & {"RATE_LIMIT", "RATE_LIMITED"})
        or (error.status in (HTTPStatus.OK, HTTPStatus.FORBIDDEN) and "rate limit" in said)
        or "was submitted too quickly" in said
        or (error.status == HTTPStatus.FORBIDDEN and "retry-after" in headers)
        or (error.status == HTTPStatus.FORBIDDEN and headers.get("x-ratelimit-remaining") == "0")
    )
    if not limited:
        return None
    if headers.get("retry-after", "").isdecimal():
        return max(1.0, float(headers["retry-after"]))
    if headers.get("x-ratelimit-remaining") == "0" and headers.get("x-ratelimit-reset", "").isdecimal():
        return max(1.0, float(headers["x-ratelimit-reset"]) - _server_time(headers) + 1)
    return 60.0


def _server_time(headers: Mapping[str, str]) -> float:
    """Return the time by the server's clock, by ours if it does not say."""
    try:
        return parsedate_to_datetime(headers.get("date", "")).timestamp()
    except ValueError:
        return time.time()


def message_of(error: GithubException) -> str:
    """Return what GitHub says went wrong: the message and, of REST, the errors behind a failed validation."""
    data = error.data if isinstance(error.data, dict) else {}
    texts = [str(data.get("message") or "")]
    texts += [
        str(
            problem.get("message")
            or " is ".join(str(problem.get(key, "")) for key in ("field", "code") if key in problem)
        )
        for problem in problems(error)
    ]
    return "; ".join(dict.fromkeys(text for text in texts if text))


def partial_data(error: GithubException) -> Mapping[str, Any]:
    """Return what a GraphQL answer holds beside its errors."""
    data = error.data.get("data") if isinstance(error.data, dict) else None
    return data if isinstance(data, dict) else {}


def problems(error: GithubException) -> list[Mapping[str, Any]]:
    """Return the errors that an answer lists."""
    data = error.data
    errors = data.get("errors") if isinstance(data, dict) else None
    if not isinstance(errors, list):
        return []
    # A plain text is what the API description calls a simple validation error.
    named = [{"message": problem} if isinstance(problem, str) else problem for problem in errors]
    return [problem for problem in named if isinstance(problem, dict)]


def is_hidden(error: GithubException, field: str) -> bool:
    """Tell whether all that is wrong is that items of a list within *field* are hidden from the token."""
    paths = [problem.get("path") for problem in problems(error) if problem.get("type") == "FORBIDDEN"]
    hidden = [path for path in paths if path and field in path and isinstance(path[-1], int)]
    return bool(hidden) and len(hidden) == len(error.data["errors"])
