"""How GitHub is asked: REST and GraphQL over PyGithub, its errors translated, once, into ours.

A token goes into the Authorization header and nowhere else.
"""

from __future__ import annotations

import json
import os
import re
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import requests
from github import Auth, Github, GithubException

from actions.errors import (
    AccessError,
    BaseMovedError,
    ConflictError,
    GitHubError,
    RateLimitedError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from github.Requester import Requester

API_VERSION = "2022-11-28"
TIMEOUT = 15
LONGEST_MESSAGE = 1000
NEXT_PAGE = re.compile(r'<[^>?]*\?([^>]*)>; rel="next"')
FILE = "mode object { ... on Blob { text isBinary isTruncated } }"


class Answer(dict[str, Any]):
    """An object of an answer of GitHub; that it lacks what was asked for is no fault of ours."""

    def __missing__(self, key: str) -> Any:
        raise GitHubError(f"what GitHub answered has no '{key}'; is GITHUB_API_URL right?")


@dataclass(frozen=True)
class Api:
    """GitHub's answers about the repository *name* (owner/name), seen with one token."""

    name: str
    token: str = field(repr=False)
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    @cached_property
    def _requester(self) -> Requester:
        return Github(
            base_url=self.environment.get("GITHUB_API_URL", "https://api.github.com"),
            auth=Auth.Token(self.token),
            api_version=API_VERSION,
            user_agent="gitops-actions",
            timeout=TIMEOUT,
            retry=None,  # its retry sends a POST twice that GitHub may have carried out the first time
            seconds_between_requests=0,
            seconds_between_writes=0,
        ).requester

    @property
    def _root(self) -> str:
        """Return the path of what *name* names."""
        return f"/repos/{self.name}"

    def _rest(self, verb: str, path: str, given: object = None) -> Any:
        return self._send(verb, self._root + path, given)[1]

    def _pages(self, path: str) -> Iterator[Any]:
        """Yield the pages of the list at *path*, each read when it is asked for.

        The next one is where the header Link says (docs.github.com, "Using pagination in the REST API").
        """
        following = path
        while following:
            headers, answer = self._send("GET", self._root + following)
            yield answer
            found = NEXT_PAGE.search(headers.get("link", ""))
            following = f"{path.partition('?')[0]}?{found[1]}" if found else ""

    def _send(self, verb: str, url: str, given: object = None) -> tuple[Mapping[str, Any], Any]:
        """Return the headers and the JSON of the answer; raise GithubException if it is an error, or leads elsewhere.

        A redirect is followed by nobody: the token might follow it to another host.
        """
        status, headers, text = self._requester.requestJson(verb, url, input=given)
        try:
            answer = json.loads(text, object_hook=Answer) if text else None
        except (ValueError, RecursionError) as error:
            answer = {}
            if status < HTTPStatus.MULTIPLE_CHOICES:
                raise GitHubError(f"what was answered for {self.name} is no JSON; is GITHUB_API_URL right?") from error
        if status >= HTTPStatus.MULTIPLE_CHOICES:
            raise self._requester.createException(status, headers, answer if isinstance(answer, dict) else {})
        return headers, answer

    def _query(self, document: str, variables: Mapping[str, object], *, may_hide: str = "") -> dict[str, Any]:
        """Return the data of the answer to a GraphQL *document*; raise GithubException if it holds errors.

        No error is that parts of a list within the field *may_hide* are hidden from this token; they are null.
        """
        url = self._requester.graphql_url
        headers, answer = self._send("POST", url, {"query": document, "variables": variables})
        if not isinstance(answer, dict) or not isinstance(answer.get("data"), dict) or answer.get("errors"):
            error = GithubException(HTTPStatus.BAD_REQUEST, answer, dict(headers))
            if not partial_data(error) or not _is_hidden(error, may_hide):
                raise error
        return answer["data"]  # type: ignore[no-any-return]

    def ask(
        self,
        document: str,
        variables: Mapping[str, object],
        *,
        permission: str = "contents: read",
        fresh: bool = False,
        may_hide: str = "",
    ) -> Any:
        """Return the answer to *document*, a query of this repository, with those of *variables* that it declares.

        Within the field *may_hide*, null stands for what is hidden from this token.
        """
        owner, _, name = self.name.partition("/")
        known = {key: value for key, value in variables.items() if f"${key}:" in document}
        given = {"owner": owner, "name": name, **known}
        with self._asking(permission, fresh=fresh):
            return self._query(document, given, may_hide=may_hide)["repository"]

    def _graphql(self, document: str, variables: Mapping[str, object], *, permission: str) -> Any:
        with self._asking(permission):
            return self._query(document, variables)

    @contextmanager
    def _asking(self, permission: str, *, fresh: bool = False) -> Iterator[None]:
        """Translate what goes wrong in a call that needs *permission*.

        What is *fresh* was made a moment ago; GitHub may say for a little while that it is not there.
        """
        try:
            yield
        except GithubException as error:
            raise translated(error, self.name, permission, fresh=fresh) from error
        except requests.RequestException as error:
            raise UnavailableError(f"no answer from GitHub for {self.name}: {type(error).__name__}") from error
        except (LookupError, TypeError) as error:
            raise GitHubError(f"what GitHub answered for {self.name} lacks what it must have") from error
        except RuntimeError as error:  # a redirect to another host, which the client does not follow
            raise GitHubError(f"{self.name}: {error}") from error


def query(*, variables: Mapping[str, str], paths: Sequence[str], fields: str) -> str:
    """Return a query of *fields* of the repository, some of which are the files at *paths*."""
    declared = {"owner": "String!", "name": "String!", **variables}
    declared |= {f"p{index}": "String!" for index in range(len(paths))}
    head = ", ".join(f"${name}: {kind}" for name, kind in declared.items())
    return f"query({head}) {{ repository(owner: $owner, name: $name) {{ {fields} }} }}"


def file_fields(paths: Sequence[str], prefix: str = "p") -> str:
    """Return the fields f0, f1 … of a commit: the files at *paths*, handed over as variables named by *prefix*."""
    return " ".join(f"f{index}: file(path: ${prefix}{index}) {{ {FILE} }}" for index in range(len(paths)))


def path_variables(paths: Sequence[str], prefix: str = "p") -> dict[str, object]:
    """Return the variables for `file_fields`."""
    return {f"{prefix}{index}": path for index, path in enumerate(paths)}


def message_of(error: GithubException) -> str:
    """Return what GitHub says went wrong, "" if nothing."""
    data = error.data
    return str(data.get("message", "")) if isinstance(data, dict) else ""


def partial_data(error: GithubException) -> Mapping[str, Any]:
    """Return what a GraphQL answer holds beside its errors."""
    data = error.data.get("data") if isinstance(error.data, dict) else None
    return data if isinstance(data, dict) else {}


def translated(
    error: GithubException, repository: str, permission: str, *, fresh: bool = False
) -> GitHubError | ConflictError:
    """Return what *error*, of a call that needs *permission*, is in our words."""
    kinds = {problem.get("type", ""): problem.get("message", "") for problem in problems(error)}
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


def problems(error: GithubException) -> Iterable[Mapping[str, str]]:
    """Return the errors that a GraphQL answer lists."""
    data = error.data
    errors = data.get("errors") if isinstance(data, dict) else None
    return [problem for problem in errors if isinstance(problem, dict)] if isinstance(errors, list) else []


def _is_hidden(error: GithubException, field: str) -> bool:
    """Tell whether all that is wrong is that items of a list within *field* are hidden from the token."""
    paths = [problem.get("path") for problem in problems(error) if problem.get("type") == "FORBIDDEN"]
    hidden = [path for path in paths if path and field in path and isinstance(path[-1], int)]
    return len(hidden) == len(error.data["errors"])
