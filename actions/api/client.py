"""Ask GitHub: REST and GraphQL, over PyGithub.

A token goes into the Authorization header and nowhere else.
"""

from __future__ import annotations

import json
import os
import re
import threading
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from actions.api import github_errors
from actions.api.github_errors import is_hidden, map_github_error, partial_data
from actions.api.pygithub import GithubException, requester
from actions.errors import GitHubError, RenamedError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from github.Requester import Requester

API_VERSION = "2022-11-28"
TIMEOUT = 15
MOST_PAGES = 1000
LONGEST_ANSWER = 200_000_000  # a blob of 100 MB, in base64
NEXT_PAGE = re.compile(r'<[^>?]*\?([^>]*)>; rel="next"')
FILE = "mode object { ... on Blob { text isBinary isTruncated } }"


class Answer(dict[str, Any]):
    """An object in an answer of GitHub. A missing key is GitHub's fault, not ours."""

    def __missing__(self, key: str) -> Any:
        raise GitHubError(f"GitHub's answer has no '{key}'; is GITHUB_API_URL right?")


@dataclass(frozen=True)
class Client:
    """GitHub's API about *name*: a repository as owner/name, or an organization. Each call is made with *token*."""

    name: str
    token: str = field(repr=False)
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    # Made with the client: a cached_property takes no lock from Python 3.12 on, so two threads might make one each.
    _of_thread: threading.local = field(default_factory=threading.local, init=False, repr=False, compare=False)

    @property
    def root(self) -> str:
        """Return the path of the repository or the organization."""
        return f"/repos/{self.name}" if "/" in self.name else f"/orgs/{self.name}"

    def rest(  # noqa: PLR0913 - the parts of a call, by name
        self,
        verb: str,
        path: str,
        body: object = None,
        *,
        permission: str,
        fresh: bool = False,
        absent: Collection[int] = (),
        root: str | None = None,
    ) -> Any:
        """Return the answer to a call that needs *permission*; *path* is below the repository, or below *root*.

        None stands for an answer whose status is in *absent*. See `map_github_error` for *fresh* and what is raised.
        """
        url = (self.root if root is None else root) + path
        try:
            with map_github_error(self.name, permission, fresh=fresh):
                try:
                    answer = self._send(verb, url, body)[1]
                except GithubException as error:
                    if error.status in absent:
                        return None
                    raise
        except RenamedError:
            self.graphql(PRESENT_NAME, {})  # says the new name, which REST does not
            raise
        if not isinstance(answer, (dict, list)) and (verb == "GET" or answer is not None):
            raise GitHubError(f"GitHub's answer about {self.name} is no object and no list; is GITHUB_API_URL right?")
        return answer

    def pages(self, path: str, *, permission: str) -> Iterator[Any]:
        """Yield the pages of the list at *path*, each read when it is asked for.

        The header Link names the next one (docs.github.com, "Using pagination in the REST API").
        """
        query = path
        for _ in range(MOST_PAGES):
            with map_github_error(self.name, permission):
                headers, answer = self._send("GET", self.root + query)
            yield answer
            following = NEXT_PAGE.search(headers.get("link", ""))
            if not following:
                return
            query = f"{path.partition('?')[0]}?{following[1]}"
        raise GitHubError(f"GitHub lists more than {MOST_PAGES} pages at {path} of {self.name}")

    def graphql(  # noqa: PLR0913 - the parts of a call, by name
        self,
        document: str,
        variables: Mapping[str, object],
        *,
        permission: str = "contents: read",
        fresh: bool = False,
        may_hide: str = "",
        partial: str = "",
    ) -> Any:
        """Return the data of the answer to *document*, which gets those of *variables* that it declares.

        Within the field *may_hide*, null stands for an item that GitHub hides from this token. If the field *partial*
        has a value, errors elsewhere do not count.
        """
        owner, _, name = self.name.partition("/")
        values = {"owner": owner, "name": name, **variables}
        body = {"query": document, "variables": {key: value for key, value in values.items() if f"${key}:" in document}}
        with map_github_error(self.name, permission, fresh=fresh):
            headers, answer = self._send("POST", self._requester.graphql_url, body)
            if not isinstance(answer, dict) or not isinstance(answer.get("data"), dict) or answer.get("errors"):
                error = GithubException(HTTPStatus.OK, answer, dict(headers))
                data = partial_data(error)
                if not (partial and data.get(partial)) and not (data and is_hidden(error, may_hide)):
                    raise error
        with self.parsing():
            self._require_present_name(answer["data"])
        return answer["data"]

    def _require_present_name(self, data: Mapping[str, Any]) -> None:
        """Raise RenamedError if GraphQL found the repository under a name that it had before.

        GraphQL answers to old names, and REST redirects only some calls: they would end half-way.
        """
        present = (data.get("repository") or {}).get("nameWithOwner") or self.name
        if present.casefold() != self.name.casefold():
            raise RenamedError(f"{self.name} is called {present} now; use that name")

    def repository(self, document: str, variables: Mapping[str, object], **how: Any) -> Any:
        """Return what *document*, made by `query`, asks of the repository; *how* is as for `graphql`."""
        answer = self.graphql(document, variables, **how)["repository"]
        if not isinstance(answer, dict):
            raise GitHubError(f"GitHub's answer has no repository {self.name}; is GITHUB_API_URL right?")
        return answer

    def parsing(self) -> AbstractContextManager[None]:
        """Return a context in which an answer that lacks a field is a GitHubError."""
        return github_errors.parsing(self.name)

    @property
    def _requester(self) -> Requester:
        """Return the requester of this thread: PyGithub's keeps a connection, which serves one thread at a time."""
        if not hasattr(self._of_thread, "requester"):
            self._of_thread.requester = self._new_requester()
        return self._of_thread.requester  # type: ignore[no-any-return]

    def _new_requester(self) -> Requester:
        base_url = self.environment.get("GITHUB_API_URL", "https://api.github.com")
        return requester(self.token, base_url=base_url, api_version=API_VERSION, timeout=TIMEOUT)

    def _send(self, verb: str, url: str, body: object = None) -> tuple[Mapping[str, Any], Any]:
        """Return the headers and the JSON of the answer; raise GithubException if it is an error, or a redirect.

        No redirect to another host is followed: the token might go there. PyGithub follows a 301 on this host, as for a
        renamed repository, and loses the query; but each action asks GraphQL or writes, and both refuse an old name.
        """
        status, headers, text = self._requester.requestJson(verb, url, input=body)
        if len(text) > LONGEST_ANSWER:
            raise GitHubError(f"GitHub's answer about {self.name} has more than {LONGEST_ANSWER:,} characters")
        try:
            answer = json.loads(text, object_hook=Answer) if text else None
        except (ValueError, RecursionError) as error:
            answer = {}
            if status < HTTPStatus.MULTIPLE_CHOICES:
                raise GitHubError(f"GitHub's answer about {self.name} is no JSON; is GITHUB_API_URL right?") from error
        if status >= HTTPStatus.MULTIPLE_CHOICES:
            if not isinstance(answer, dict) or not isinstance(answer.get("message", ""), str):
                answer = {}
            raise self._requester.createException(status, headers, answer)
        return headers, answer


def query(*, variables: Mapping[str, str], fields: str, paths: Sequence[str] = ()) -> str:
    """Return a query of *fields* of the repository, some of which are the files at *paths*."""
    declared = {"owner": "String!", "name": "String!", **variables}
    declared |= {f"p{index}": "String!" for index in range(len(paths))}
    head = ", ".join(f"${name}: {kind}" for name, kind in declared.items())
    return f"query({head}) {{ repository(owner: $owner, name: $name) {{ nameWithOwner {fields} }} }}"


def next_cursor(page: Mapping[str, Any], cursor: object) -> str | None:
    """Return where the page after *page* begins, None after the last; *cursor* is where *page* began.

    Raises GitHubError if that is where it began itself: whoever followed it would never end.
    """
    if not page["hasNextPage"]:
        return None
    if not page["endCursor"] or page["endCursor"] == cursor:
        raise GitHubError("GitHub's answer says that there are more pages, and not where")
    return str(page["endCursor"])


PRESENT_NAME = query(variables={}, fields="")


def file_fields(paths: Sequence[str], prefix: str = "p") -> str:
    """Return the fields f0, f1 … of a commit: the files at *paths*, handed over as variables named by *prefix*."""
    return " ".join(f"f{index}: file(path: ${prefix}{index}) {{ {FILE} }}" for index in range(len(paths)))


def path_variables(paths: Sequence[str], prefix: str = "p") -> dict[str, object]:
    """Return the variables for `file_fields`."""
    return {f"{prefix}{index}": path for index, path in enumerate(paths)}
