"""Repositories: commits, comparisons, files, refs, activity."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pygit2

from sandbox.behaviour import Refusal
from sandbox.gitrepo import SHA
from sandbox.rest.call import Answer, Call, found, route

if TYPE_CHECKING:
    from sandbox.state import Repo


@route("GET /repos/{owner}/{repo}")
def _repo(call: Call) -> Answer:
    return 200, call.payloads.repo(call.repo(permission="metadata"))


@route("GET /repos/{owner}/{repo}/commits/{ref}")
def _commit(call: Call) -> Answer:
    repo = call.repo()
    sha = call.commit(repo, "ref")
    if call.media_type == "sha":
        return 200, sha.encode()
    if call.media_type == "diff":
        parents = repo.git.get(sha).parent_ids
        return 200, repo.git.diff(str(parents[0]), sha) if parents else b""
    return 200, call.payloads.commit_with_files(repo, sha)


@route("GET /repos/{owner}/{repo}/commits")
def _commits(call: Call) -> Answer:
    repo, query = call.repo(), call.query
    sha = repo.git.resolve(query.get("sha") or repo.default_branch)
    if not sha:
        raise Refusal(404, f"No commit found for SHA: {query['sha']}", kind="NOT_FOUND")
    commits = [call.payloads.commit(repo, each) for each in repo.git.history(sha, query.get("path"))]
    return 200, [
        commit
        for commit in commits
        if query.get("author") in (None, (commit["author"] or {}).get("login"), commit["commit"]["author"]["email"])
        and query.get("since", "") <= commit["commit"]["committer"]["date"] <= query.get("until", "~")
    ]


@route("GET /repos/{owner}/{repo}/git/commits/{commit_sha}")
def _git_commit(call: Call) -> Answer:
    repo = call.repo()
    return 200, call.payloads.git_commit(repo, found(repo.git.resolve(call.path["commit_sha"])))


@route("GET /repos/{owner}/{repo}/compare/{basehead}")
def _compare(call: Call) -> Answer:
    repo = call.repo()
    names = call.path["basehead"].split("...")
    if len(names) != 2:
        raise Refusal(404, "Not Found", kind="NOT_FOUND")
    # Of what other owner there would have to be a fork; there is none here.
    own = [name.removeprefix(f"{repo.owner.login}:") for name in names]
    base, head = (found(repo.git.resolve(name)) for name in own)
    ahead, behind = repo.git.between(base, head), repo.git.between(head, base)
    status = {(True, True): "diverged", (True, False): "ahead", (False, True): "behind"}
    merge_base = found(repo.git.merge_base(base, head))
    if call.media_type == "diff":
        return 200, repo.git.diff(merge_base, head)
    return 200, {
        "base_commit": call.payloads.commit(repo, base),
        "merge_base_commit": call.payloads.commit(repo, merge_base),
        "status": status.get((bool(ahead), bool(behind)), "identical"),
        "ahead_by": len(ahead),
        "behind_by": len(behind),
        "total_commits": len(ahead),
        "commits": [call.payloads.commit(repo, sha) for sha in ahead],
        "files": call.payloads.files(repo, head, repo.git.patches(head, merge_base)),
    }


@route("GET /repos/{owner}/{repo}/git/trees/{tree_sha}")
def _tree(call: Call) -> Answer:
    repo = call.repo()
    sha, entries = found(repo.git.tree(call.path["tree_sha"], recursive="recursive" in call.query))
    tree = [
        {"path": path, "mode": f"{int(e.filemode):06o}", "type": e.type_str, "sha": str(e.id)} for path, e in entries
    ]
    return 200, {"sha": sha, "tree": tree, "truncated": False}


@route("GET /repos/{owner}/{repo}/git/matching-refs/{ref}")
def _matching_refs(call: Call) -> Answer:
    repo = call.repo()
    return 200, [call.payloads.ref(repo, name) for name in repo.git.refs(f"refs/{call.path['ref']}")]


@route("GET /repos/{owner}/{repo}/git/ref/{ref}")
def _get_ref(call: Call) -> Answer:
    repo = call.repo()
    return 200, call.payloads.ref(repo, _existing(call, repo, 404, "Not Found"))


@route("POST /repos/{owner}/{repo}/git/refs")
def _create_ref(call: Call) -> Answer:
    repo = call.repo("write")
    name, sha = call.body["ref"], call.body["sha"]
    if name.count("/") < 2:  # octokit/octokit.rb#675
        raise Refusal(422, "Reference name must contain at least three slash-separated components.")
    if not name.startswith("refs/") or not pygit2.reference_is_valid_name(name):
        raise Refusal(422, f"{name} is not a valid ref name.")
    if name in repo.git.refs(name):
        raise Refusal(422, "Reference already exists")
    _require_object(repo, sha)
    call.behaviour.update_ref(repo, call.token, name, sha)
    return 201, call.payloads.ref(repo, name)


@route("PATCH /repos/{owner}/{repo}/git/refs/{ref}")
def _update_ref(call: Call) -> Answer:
    repo = call.repo("write")
    name, sha = _existing(call, repo, 422, "Reference does not exist"), call.body["sha"]
    _require_object(repo, sha)
    if not call.body.get("force") and not repo.git.is_ancestor(repo.git.refs(name)[name], sha):
        raise Refusal(422, "Update is not a fast forward")
    call.behaviour.update_ref(repo, call.token, name, sha)
    return 200, call.payloads.ref(repo, name)


@route("DELETE /repos/{owner}/{repo}/git/refs/{ref}")
def _delete_ref(call: Call) -> Answer:
    repo = call.repo("write")
    call.behaviour.update_ref(repo, call.token, _existing(call, repo, 422, "Reference does not exist"), None)
    return 204, None


def _existing(call: Call, repo: Repo, status: int, message: str) -> str:
    """Return the full name of the ref of the path; raise Refusal if there is none."""
    name = f"refs/{call.path['ref']}"
    if name not in repo.git.refs(name):
        raise Refusal(status, message, kind="NOT_FOUND")
    return name


def _require_object(repo: Repo, sha: str) -> None:
    """Raise Refusal if *sha* names no commit."""
    _require_sha(sha)
    if repo.git.resolve(sha) is None:
        raise Refusal(422, "Object does not exist")


def _require_sha(sha: str) -> None:
    """Raise Refusal if *sha* is none. The words are recorded for blobs; for refs they are a guess."""
    if not SHA.fullmatch(sha):
        raise Refusal(422, "The sha parameter must be exactly 40 characters and contain only [0-9a-f].")


@route("GET /repos/{owner}/{repo}/activity")
def _activity(call: Call) -> Answer:
    repo = call.repo()
    ref = call.query.get("ref")
    return 200, [call.payloads.activity(each) for each in reversed(repo.activities) if ref in (None, each.ref)]


@route("GET /repos/{owner}/{repo}/git/blobs/{file_sha}")
def _blob(call: Call) -> Answer:
    repo = call.repo()
    _require_sha(call.path["file_sha"])
    content = found(repo.git.blob(call.path["file_sha"]))
    return 200, {
        "sha": call.path["file_sha"],
        "size": len(content),
        "encoding": "base64",
        "content": base64.b64encode(content).decode(),
    }
