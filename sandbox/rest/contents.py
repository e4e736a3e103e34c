"""Branches, tags, and files at a commit: read, written, removed."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

import pygit2
from pygit2.enums import FileMode

from sandbox.behaviour import Refusal
from sandbox.gitrepo import BRANCH
from sandbox.rest.call import Answer, Call, found, route

if TYPE_CHECKING:
    from sandbox.state import Repo


@route("GET /repos/{owner}/{repo}/branches")
def _branches(call: Call) -> Answer:
    repo = call.repo()
    branches = [
        call.payloads.branch(repo, name.removeprefix(BRANCH), sha) for name, sha in repo.git.refs(BRANCH).items()
    ]
    wanted = call.query.get("protected")
    return 200, [branch for branch in branches if wanted in (None, str(branch["protected"]).lower())]


@route("GET /repos/{owner}/{repo}/branches/{branch}")
def _branch(call: Call) -> Answer:
    repo, name = call.repo(), call.path["branch"]
    sha = repo.git.head(name)
    if not sha:
        raise Refusal(404, "Branch not found", kind="NOT_FOUND")
    return 200, {**call.payloads.branch(repo, name, sha), "commit": call.payloads.commit(repo, sha)}


@route("GET /repos/{owner}/{repo}/tags")
def _tags(call: Call) -> Answer:
    repo = call.repo()
    tags = reversed(repo.git.refs("refs/tags/").items())
    return 200, [{"name": name.removeprefix("refs/tags/"), "commit": {"sha": sha}} for name, sha in tags]


@route("GET /repos/{owner}/{repo}/contents/{path}")
def _contents(call: Call) -> Answer:
    repo, path = call.repo(), call.path["path"].strip("/")
    ref = call.query.get("ref") or repo.default_branch
    sha = repo.git.resolve(ref)
    if not sha:
        raise Refusal(404, f"No commit found for the ref {ref}", kind="NOT_FOUND")
    entry = found(repo.git.entry(sha, path))
    if isinstance(entry, pygit2.Tree):
        prefix = f"{path}/" if path else ""
        return 200, [call.payloads.content(repo, ref, f"{prefix}{below.name}", below) for below in entry]
    if call.media_type == "raw":
        return 200, entry.data
    shown = call.payloads.content(repo, ref, path, entry)
    if entry.filemode == FileMode.LINK:
        return 200, {**shown, "target": entry.data.decode()}
    return 200, {**shown, "encoding": "base64", "content": base64.encodebytes(entry.data).decode()}


@route("PUT /repos/{owner}/{repo}/contents/{path}")
def _write(call: Call) -> Answer:
    repo, path = call.repo("write"), call.path["path"]
    branch, head = _branch_of(call, repo)
    before = repo.git.entry(head, path)
    if before:
        _require_known(call, path, before)
    try:
        content = base64.b64decode(call.body["content"], validate=False)
    except binascii.Error:
        raise Refusal(422, "content is not valid Base64") from None  # refused; the words are a guess
    sha = call.behaviour.commit_on_branch(repo, call.token, branch, head, {path: content}, call.body["message"])
    shown = call.payloads.content(repo, branch, path, found(repo.git.entry(sha, path)))
    return 200 if before else 201, {"content": shown, "commit": call.payloads.git_commit(repo, sha)}


@route("DELETE /repos/{owner}/{repo}/contents/{path}")
def _remove(call: Call) -> Answer:
    repo, path = call.repo("write"), call.path["path"]
    branch, head = _branch_of(call, repo)
    _require_known(call, path, found(repo.git.entry(head, path)))
    sha = call.behaviour.commit_on_branch(repo, call.token, branch, head, {path: None}, call.body["message"])
    return 200, {"content": None, "commit": call.payloads.git_commit(repo, sha)}


def _branch_of(call: Call, repo: Repo) -> tuple[str, str]:
    """Return the branch that is written to and its commit; it is looked for first (pome-sh/digital-twins#400)."""
    name = (call.body.get("branch") or repo.default_branch).removeprefix(BRANCH)
    head = repo.git.head(name)
    if not head:
        raise Refusal(404, f"Branch {name} not found", kind="NOT_FOUND")
    return name, head


def _require_known(call: Call, path: str, before: pygit2.Object) -> None:
    """Raise Refusal if the caller does not know what it replaces (pome-sh/digital-twins#400, octokit.rb#992, #581)."""
    if "sha" not in call.body:
        raise Refusal(422, 'Invalid request.\n\n"sha" wasn\'t supplied.')
    if call.body["sha"] != str(before.id):
        raise Refusal(409, f"{path} does not match {call.body['sha']}")
