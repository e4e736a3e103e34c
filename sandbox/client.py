"""A person at work: the calls that people make by hand or with their tools, through the same API as everybody."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox.server import Sandbox


class ApiError(Exception):
    """GitHub answered with an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a token."""

    sandbox: Sandbox
    login: str
    token: str

    def api(self, verb: str, path: str, body: object = None) -> Any:
        """Make a REST call and return the answer; raise ApiError if GitHub refuses."""
        return self._call(verb, f"/api/v3{path}", body)

    def graphql(self, document: str, variables: dict[str, Any]) -> Any:
        """Make a GraphQL call and return the answer, errors in it or not."""
        return self._call("POST", "/api/graphql", {"query": document, "variables": variables})

    def _call(self, verb: str, path: str, body: object) -> Any:
        request = urllib.request.Request(  # noqa: S310 - the address is the sandbox's own
            f"{self.sandbox.url}{path}",
            method=verb,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
                return json.loads(response.read() or b"null")
        except urllib.error.HTTPError as error:
            with error:
                raise ApiError(error.code, json.loads(error.read() or b"{}").get("message", "")) from None

    def git(self, *arguments: str, at: Path) -> str:
        """Run git in the folder *at* and return what it prints; the token goes by header, not by address."""
        settings = {
            "user.name": self.login,
            "user.email": f"{self.login}@example.com",
            "http.extraHeader": f"Authorization: Bearer {self.token}",
            "init.defaultBranch": "main",
            "advice.detachedHead": "false",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        done = subprocess.run(["git", *options, *arguments], cwd=at, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ApiError(done.returncode, done.stderr.strip())
        return done.stdout

    def clone(self, repository: str, to: Path) -> Path:
        """Clone *repository* (owner/name) and return the folder."""
        to.parent.mkdir(parents=True, exist_ok=True)
        self.git("clone", "-q", f"{self.sandbox.url}/{repository}.git", str(to), at=to.parent)
        return to

    def push_change(self, clone: Path, branch: str, files: dict[str, str], message: str) -> str:
        """Commit *files* on a new *branch* of *clone*, push it, and return the commit."""
        self.git("switch", "-q", "-c", branch, at=clone)
        for path, text in files.items():
            (clone / path).write_text(text, encoding="utf-8")
        self.git("add", "--all", at=clone)
        self.git("commit", "-q", "-m", message, at=clone)
        self.git("push", "-q", "origin", branch, at=clone)
        return self.git("rev-parse", "HEAD", at=clone).strip()

    def open_pull(self, repository: str, *, head: str, title: str, base: str = "main", body: str = "") -> int:
        """Open a pull request and return its number."""
        given = {"head": head, "base": base, "title": title, "body": body}
        return int(self.api("POST", f"/repos/{repository}/pulls", given)["number"])

    def approve(self, repository: str, number: int) -> None:
        """Approve a pull request."""
        self.api("POST", f"/repos/{repository}/pulls/{number}/reviews", {"event": "APPROVE", "body": "Looks right."})

    def dispatch(self, repository: str, workflow: str, inputs: dict[str, str], *, ref: str = "main") -> None:
        """Start a workflow of the branch *ref* by hand."""
        body = {"ref": ref, "inputs": inputs}
        self.api("POST", f"/repos/{repository}/actions/workflows/{workflow}/dispatches", body)

    def merge(self, repository: str, number: int) -> str:
        """Squash a pull request into its base and return the commit."""
        answer = self.api("PUT", f"/repos/{repository}/pulls/{number}/merge", {"merge_method": "squash"})
        return str(answer["sha"])
