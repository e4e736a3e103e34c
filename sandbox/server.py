"""The HTTP server: REST, GraphQL and git under one address, on loopback only."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from sandbox import apps, by_hand, descriptions, registry, smart_http
from sandbox.behaviour import Behaviour, Refusal
from sandbox.faults import Fault, Faults, Turns
from sandbox.graphql import execute
from sandbox.graphql.context import Context
from sandbox.guard import Guard
from sandbox.payloads import Payloads
from sandbox.registry import Registry
from sandbox.rest import invalid
from sandbox.rest.call import ROUTES, Call, Redirect, allowed
from sandbox.rest.pages import Pages
from sandbox.state import State, Token

if TYPE_CHECKING:
    from types import TracebackType

    from sandbox.descriptions import Operation

REST_ROOT = "/api/v3"
GRAPHQL_PATH = "/api/graphql"
# OpenAPI, "List commit statuses for a reference": "also available via a legacy route"; PyGithub uses it.
LEGACY = re.compile(r"^(/repos/[^/]+/[^/]+/)statuses/(.+)$")
DOCS = "https://docs.github.com/rest"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and how it was answered, for those who count or look."""

    verb: str
    path: str
    operation: str
    user: str
    status: int
    points: int = 0


@dataclass(slots=True)
class Sandbox:
    """A running sandbox: its state, its address, and what has been asked of it.

    *violations* lists every exchange that GitHub's own descriptions do not allow, be it the client's fault or ours.
    """

    state: State
    url: str
    behaviour: Behaviour
    payloads: Payloads
    exchanges: list[Exchange] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)
    registry: Registry = field(default_factory=Registry)
    turns: Turns | None = None
    delay: float = 0.0

    @classmethod
    def start(cls) -> RunningSandbox:
        """Start a sandbox on a free port; use it as a context."""
        return RunningSandbox()

    def environment(self, token: str = "") -> dict[str, str]:
        """Return the variables by which a client finds this GitHub."""
        found = {
            "GITHUB_SERVER_URL": self.url,
            "GITHUB_API_URL": f"{self.url}{REST_ROOT}",
            "GITHUB_GRAPHQL_URL": f"{self.url}{GRAPHQL_PATH}",
        }
        return found | ({"GITHUB_TOKEN": token} if token else {})


class RunningSandbox:
    """Starts the server on entry; stops it and removes its files on exit."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="gitops-sandbox-"))
        self._guard = Guard(self._folder)
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> Sandbox:
        state = State(self._folder)
        state.process_group = self._guard.group
        url = f"http://127.0.0.1:{self._server.server_address[1]}"
        payloads = Payloads(state, url)
        self._server.sandbox = Sandbox(state, url, Behaviour(state, payloads), payloads)
        self._thread.start()
        return self._server.sandbox

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._guard.__exit__(kind, error, trace)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    sandbox: Sandbox


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body in one packet: as two, the second would wait 40 ms for the acknowledgement of the first.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        """Run untraced: what measures the coverage of the tests would make every answer take twice as long."""
        sys.settrace(None)
        super().setup()

    def log_message(self, *_: object) -> None:
        """Say nothing: `exchanges` has it."""

    def do_GET(self) -> None:
        self._handle()

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the names http.server looks for

    def _handle(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self._chunked() if self.headers.get("Transfer-Encoding") == "chunked" else self.rfile.read(length)
        url = urlsplit(self.path)
        time.sleep(self.server.sandbox.delay)  # the distance to a server that is not on this machine
        try:
            if url.path.startswith("/api/"):
                self._with_fault(url.path, url.query, body)
            elif url.path.startswith("/downloads/"):
                content = self.server.sandbox.state.offered(url.path)
                self._send(404 if content is None else 200, content or b"", "text/plain; charset=utf-8", {})
            elif registry.PATH.fullmatch(url.path):
                self._registry(url.path, url.query)
            elif url.path.startswith(by_hand.ROOT):
                with self.server.sandbox.state.lock:
                    told = by_hand.schedule(self.server.sandbox.behaviour, self._token(), self.command, url.path)
                self._json(200, told)
            else:
                self._git(url.path, dict(parse_qsl(url.query)), body)
        except Refusal as refusal:
            self._json(refusal.status, _error(refusal))
        except ConnectionError:
            self.close_connection = True  # the client is gone, or was killed
        except Exception as error:  # noqa: BLE001 - it is told, and fails every test
            self.server.sandbox.violations.append(f"{self.command} {self.path}: {error!r}")
            self._json(500, {"message": "the sandbox failed"})

    def _with_fault(self, path: str, query: str, body: bytes) -> None:
        """Answer an API call, unless it is planned to go wrong."""
        sandbox = self.server.sandbox
        if sandbox.turns:
            sandbox.turns.wait(self.headers.get("Authorization", "").partition(" ")[2])
        called = "" if path == GRAPHQL_PATH else unquote(path.removeprefix(REST_ROOT))
        fault = sandbox.faults.next(self.command, called, body)
        if fault and not fault.after:
            fault.meanwhile()
        if fault and not fault.silent and not fault.after:
            self._fail(fault)
            return
        if path == GRAPHQL_PATH:
            headers: dict[str, str] = {}
            status, answer = self._graphql(body)
        else:
            status, answer, headers = self._rest(called, dict(parse_qsl(query)), body)
        if fault and fault.after:
            fault.meanwhile()
        if fault and not fault.silent and fault.after:
            self._fail(fault)
            return
        self._json(status, answer, headers)

    def _fail(self, fault: Fault) -> None:
        time.sleep(fault.delay)
        if fault.status:
            content = json.dumps(fault.body).encode()
            self._send(fault.status, content, "application/json; charset=utf-8", dict(fault.headers))
        else:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    def _rest(self, path: str, query: dict[str, str], body: bytes) -> tuple[int, Any, dict[str, str]]:
        sandbox, described = self.server.sandbox, descriptions.rest()
        path = self._by_name(path)
        moved = self._moved(path)
        if moved:
            return moved
        legacy = LEGACY.sub(r"\1commits/\2/statuses", path) if self.command == "GET" else path
        matched = described.operation(self.command, legacy)
        name = str(matched[0]) if matched else ""
        function = ROUTES.get(name)
        token = self._token()
        if not matched or not function:
            sandbox.violations.append(f"the sandbox has no {self.command} {path}")
            raise Refusal(404, f"the sandbox has no {self.command} {path}")
        operation, parameters = matched
        given = invalid.parsed(body)
        sandbox.violations += described.request_problems(operation, query, given)
        try:
            invalid.require_valid(operation, query, given)
        except Refusal as refusal:
            self._note(path, name, token, refusal.status)
            raise
        try:
            with sandbox.state.lock:
                call = Call(
                    state=sandbox.state,
                    behaviour=sandbox.behaviour,
                    payloads=sandbox.payloads,
                    token=token,
                    path=parameters,
                    query=query,
                    body=given,
                    accept=self.headers.get("Accept") or "",
                )
                status, known = function(call)
        except Refusal as refusal:
            status, known = refusal.status, _error(refusal)
        if isinstance(known, Redirect):
            self._note(path, name, token, status)
            return status, None, {"Location": f"{sandbox.url}{known.path}"}
        if isinstance(known, bytes):
            self._note(path, name, token, status)
            return status, known, {"Content-Type": f"application/vnd.github.{call.media_type}; charset=utf-8"}
        known, link = self._paged(operation, path, query, known)
        schema = described.response_schema(operation, status)
        answer = described.complete(schema, known) if schema else known
        sandbox.violations += described.response_problems(operation, status, answer if schema else None)
        self._note(path, name, token, status)
        headers = {"Link": link} if link else {}
        if self.command == "GET" and status == 200:
            headers["ETag"] = f'W/"{hashlib.sha256(json.dumps(answer).encode()).hexdigest()}"'
            if headers["ETag"] in (self.headers.get("If-None-Match") or ""):
                return 304, None, headers
        return status, answer, headers

    def _by_name(self, path: str) -> str:
        """Return *path* with the name of the repository if it has its number, as what a redirect leads to has."""
        number, *rest = path.removeprefix("/repositories/").split("/", 1)
        repos = self.server.sandbox.state.repos.values() if path.startswith("/repositories/") else ()
        names = [repo.full_name for repo in repos if str(repo.id) == number]
        return "/".join(("/repos", names[0], *rest)) if names else path

    def _moved(self, path: str) -> tuple[int, Any, dict[str, str]] | None:
        """Return the redirect of a call about a repository by a former name (octokit/fixtures rename-repository)."""
        _, kind, *names = path.split("/", 4)
        full_name = "/".join(names[:2]).lower()
        state = self.server.sandbox.state
        repo = state.repository(full_name) if kind == "repos" and full_name not in state.repos else None
        if not repo:
            return None
        url = f"{self.server.sandbox.url}{REST_ROOT}/repositories/{repo.id}{'/' + names[2] if names[2:] else ''}"
        status = 301 if self.command == "GET" else 307
        message = "Moved Permanently" if status == 301 else "Temporary Redirect"
        return status, {"message": message, "url": url, "documentation_url": DOCS}, {"Location": url}

    def _paged(self, operation: Operation, path: str, query: dict[str, str], known: Any) -> tuple[Any, str]:
        """Return one page of the list *known* (or in it), if it comes in pages, and where the others are."""
        names = descriptions.rest().query_parameters(operation)
        if "per_page" not in names or not isinstance(known, (dict, list)):
            return known, ""
        pages = Pages(f"{self.server.sandbox.url}{REST_ROOT}{quote(path)}", query, by_page="page" in names)
        return pages.of(known)

    def _graphql(self, body: bytes) -> tuple[int, Any]:
        sandbox, token = self.server.sandbox, self._token()
        given = invalid.parsed(body)
        if not isinstance(given, dict) or not isinstance(given.get("query"), str) or not given["query"]:
            # The words: a client's own test against github.com (ghgql). That the status is 400 is a guess.
            return 400, {"errors": [{"message": "A query attribute must be specified and must be a string."}]}
        context = Context(sandbox.behaviour, sandbox.payloads, token)
        with sandbox.state.lock:
            answer, problems, cost = execute.answer(
                context, given["query"], given.get("variables") or {}, given.get("operationName")
            )
            sandbox.state.limits.points_used += cost.points
        sandbox.violations += problems
        self._note(GRAPHQL_PATH, given["query"].split("{")[0].split("(")[0].strip() or "query", token, 200, cost.points)
        return 200, answer

    def _registry(self, path: str, query: str) -> None:
        sandbox = self.server.sandbox
        with sandbox.state.lock:
            reply = sandbox.registry.answer(self.command, path, query, self.headers, sandbox.url)
        self._send(reply.status, reply.body, "application/json", dict(reply.headers))

    def _git(self, path: str, query: dict[str, str], body: bytes) -> None:
        match = smart_http.PATH.fullmatch(path)
        if not match:
            raise Refusal(404, "Not Found")
        service = query.get("service", "") if match["what"] == "info/refs" else match["what"]
        if service not in smart_http.SERVICES:  # the words are a guess
            raise Refusal(403, "Please upgrade your git client. GitHub.com no longer supports git over dumb-http.")
        sandbox = self.server.sandbox
        try:
            token = self._token()
        except Refusal:
            self._send(401, b"", "text/plain", {"WWW-Authenticate": 'Basic realm="GitHub"'})
            return
        with sandbox.state.lock:
            repo = allowed(
                sandbox.state.repos.get(f"{match['owner']}/{match['repo']}".lower()),
                token,
                smart_http.SERVICES[service],
                "contents",
            )
            if match["what"] == "info/refs":
                answer, kind = smart_http.advertise(repo, service), "advertisement"
            else:
                zipped = self.headers.get("Content-Encoding") == "gzip"
                answer = smart_http.exchange(sandbox.behaviour, repo, token, service, body, zipped=zipped)
                kind = "result"
        self._note(path, f"git {match['what']}", token, 200)
        self._send(200, answer, f"application/x-{service}-{kind}", {"Cache-Control": "no-cache"})

    def _token(self) -> Token:
        kind, _, value = (self.headers.get("Authorization") or "").partition(" ")
        if kind.lower() == "basic":
            try:
                value = base64.b64decode(value).decode(errors="replace").partition(":")[2]
            except ValueError:
                value = ""
        state = self.server.sandbox.state
        token = state.tokens.get(value)
        app = None if token or value.count(".") != 2 else apps.signed_by(state, value)
        if app:
            return Token(app.user, permissions={}, app=app)
        if not token:
            raise Refusal(401, "Bad credentials")
        return token

    def _chunked(self) -> bytes:
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _note(self, path: str, operation: str, token: Token, status: int, points: int = 0) -> None:
        exchange = Exchange(self.command, path, operation, token.user.login, status, points)
        self.server.sandbox.exchanges.append(exchange)

    def _limits(self) -> dict[str, str]:
        """Return what GitHub says beside every answer of its API; the limit of this hour is never reached here."""
        limit, used = 5000, len(self.server.sandbox.exchanges)
        return {
            "x-github-request-id": f"{id(self):X}:{used}",
            "x-ratelimit-limit": str(limit),
            "x-ratelimit-remaining": str(max(1, limit - used)),
            "x-ratelimit-used": str(min(used, limit - 1)),
            "x-ratelimit-reset": str(int(time.time()) // 3600 * 3600 + 3600),
            "x-ratelimit-resource": "graphql" if self.path == GRAPHQL_PATH else "core",
        }

    def _json(self, status: int, answer: Any, headers: dict[str, str] | None = None) -> None:
        content = b"" if answer is None else answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self._send(status, content, "application/json; charset=utf-8", headers or {})

    def _send(self, status: int, content: bytes, kind: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        if self.path.startswith("/api/"):
            headers = self._limits() | headers
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def _error(refusal: Refusal) -> dict[str, Any]:
    errors = {"errors": refusal.errors} if refusal.errors else {}
    return {"message": str(refusal), **errors, "documentation_url": DOCS, "status": str(refusal.status)}
