"""Map what GitHub says went wrong to the errors of the actions."""

from __future__ import annotations

import time
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import requests
from github import GithubException

from actions.errors import (
    AccessError,
    BaseMovedError,
    ConflictError,
    GitHubError,
    RateLimitedError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

LONGEST_MESSAGE = 1000


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
    except (LookupError, TypeError) as error:
        raise GitHubError(f"GitHub's answer about {repository} lacks a required field") from error


def mapped(
    error: GithubException, repository: str, permission: str, *, fresh: bool = False
) -> GitHubError | ConflictError:
    """Return *error* as one of ours; a GitHubError carries the HTTP status and GitHub's own words."""
    ours = _mapped(error, repository, permission, fresh=fresh)
    if isinstance(ours, GitHubError):
        ours.status, ours.said = error.status, message_of(error) or "; ".join(types_of(error).values())
    return ours


def types_of(error: GithubException) -> dict[str, str]:
    """Return the types of the errors in a GraphQL answer, each with its message."""
    return {problem.get("type", ""): problem.get("message", "") for problem in problems(error)}


def _mapped(
    error: GithubException, repository: str, permission: str, *, fresh: bool = False
) -> GitHubError | ConflictError:
    kinds = types_of(error)
    said = ("; ".join(kinds.values()) or message_of(error) or "no message")[:LONGEST_MESSAGE]
    if "STALE_DATA" in kinds:
        return BaseMovedError(f"{repository}: {kinds['STALE_DATA']}")
    wait = rate_limit_wait(error, kinds)
    if wait is not None:
        return RateLimitedError(f"GitHub limits how much may be asked of {repository}: {said}", wait=wait)
    if error.status == HTTPStatus.UNAUTHORIZED:
        return AccessError(f"GitHub does not know the token for {repository}; is it expired or revoked?")
    answered = f"GitHub answered {error.status} for {repository}: {said}"
    gone = error.status == HTTPStatus.NOT_FOUND or "NOT_FOUND" in kinds
    unusable = error.status == HTTPStatus.UNPROCESSABLE_ENTITY or "UNPROCESSABLE" in kinds
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR or (fresh and (gone or unusable)):
        return UnavailableError(answered)
    if gone or error.status == HTTPStatus.FORBIDDEN or kinds.keys() & {"FORBIDDEN", "INSUFFICIENT_SCOPES"}:
        return AccessError(
            f"the token may not do this in {repository}, or cannot see it: it needs '{permission}' ({said})"
        )
    return GitHubError(answered)


def rate_limit_wait(error: GithubException, kinds: Mapping[str, str]) -> float | None:
    """Return how many seconds GitHub wants us to wait, None if the error is no matter of limits.

    docs.github.com, "Rate limits for the REST API": `retry-after` counts; else, with nothing remaining, the reset;
    else at least a minute. GraphQL says RATE_LIMITED in a 200.
    """
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    limited = (
        error.status == HTTPStatus.TOO_MANY_REQUESTS
        or "RATE_LIMITED" in kinds
        or (error.status == HTTPStatus.FORBIDDEN and ("retry-after" in headers or "rate limit" in message_of(error)))
        or (error.status == HTTPStatus.FORBIDDEN and headers.get("x-ratelimit-remaining") == "0")
    )
    if not limited:
        return None
    if headers.get("retry-after", "").isdecimal():
        return float(headers["retry-after"])
    if headers.get("x-ratelimit-remaining") == "0" and headers.get("x-ratelimit-reset", "").isdecimal():
        return max(1.0, float(headers["x-ratelimit-reset"]) - time.time() + 1)
    return 60.0


def message_of(error: GithubException) -> str:
    """Return what GitHub says went wrong, "" if nothing."""
    data = error.data
    return str(data.get("message", "")) if isinstance(data, dict) else ""


def partial_data(error: GithubException) -> Mapping[str, Any]:
    """Return what a GraphQL answer holds beside its errors."""
    data = error.data.get("data") if isinstance(error.data, dict) else None
    return data if isinstance(data, dict) else {}


def problems(error: GithubException) -> Iterable[Mapping[str, str]]:
    """Return the errors that a GraphQL answer lists."""
    data = error.data
    errors = data.get("errors") if isinstance(data, dict) else None
    return [problem for problem in errors if isinstance(problem, dict)] if isinstance(errors, list) else []


def is_hidden(error: GithubException, field: str) -> bool:
    """Tell whether all that is wrong is that items of a list within *field* are hidden from the token."""
    paths = [problem.get("path") for problem in problems(error) if problem.get("type") == "FORBIDDEN"]
    hidden = [path for path in paths if path and field in path and isinstance(path[-1], int)]
    return len(hidden) == len(error.data["errors"])
