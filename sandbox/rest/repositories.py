"""Repositories: commits, comparisons, files, refs, activity."""

from __future__ import annotations

import base64

from sandbox.behaviour import Refusal
from sandbox.rest.call import Answer, Call, found, route


@route("GET /repos/{owner}/{repo}")
def _repo(call: Call) -> Answer:
    return 200, call.payloads.repo(call.repo())


@route("GET /repos/{owner}/{repo}/commits/{ref}")
def _commit(call: Call) -> Answer:
    repo = call.repo()
    sha = repo.git.resolve(call.path["ref"])
    if not sha:
        raise Refusal(422, f"No commit found for SHA: {call.path['ref']}")
    return 200, call.payloads.commit_with_files(repo, sha)


@route("GET /repos/{owner}/{repo}/compare/{basehead}")
def _compare(call: Call) -> Answer:
    repo = call.repo()
    names = call.path["basehead"].split("...")
    base, head = (found(repo.git.resolve(name)) for name in names)
    ahead, behind = repo.git.between(base, head), repo.git.between(head, base)
    status = {(True, True): "diverged", (True, False): "ahead", (False, True): "behind"}
    merge_base = repo.git.merge_base(base, head) or found(None)
    return 200, {
        "base_commit": call.payloads.commit(repo, base),
        "merge_base_commit": call.payloads.commit(repo, merge_base),
        "status": status.get((bool(ahead), bool(behind)), "identical"),
        "ahead_by": len(ahead),
        "behind_by": len(behind),
        "total_commits": len(ahead),
        "commits": [call.payloads.commit(repo, sha) for sha in ahead[:250]],
        "files": [{"filename": path, "status": "modified"} for path in repo.git.changed_paths(merge_base, head)[:300]],
    }


@route("GET /repos/{owner}/{repo}/git/trees/{tree_sha}")
def _tree(call: Call) -> Answer:
    repo = call.repo()
    sha = found(repo.git.resolve(call.path["tree_sha"]))
    tree = [{"path": path, "mode": "100644", "type": "blob", "sha": blob} for path, blob in repo.git.paths(sha).items()]
    return 200, {"sha": sha, "tree": tree, "truncated": False}


@route("GET /repos/{owner}/{repo}/contents/{path}")
def _contents(call: Call) -> Answer:
    repo = call.repo()
    sha = found(repo.git.resolve(call.query.get("ref") or repo.default_branch))
    path = call.path["path"]
    _, content = found(repo.git.file(sha, path))
    return 200, {
        "type": "file",
        "encoding": "base64",
        "size": len(content),
        "name": path.rpartition("/")[2],
        "path": path,
        "sha": repo.git.paths(sha)[path],
        "content": base64.b64encode(content).decode(),
    }


@route("GET /repos/{owner}/{repo}/git/matching-refs/{ref}")
def _matching_refs(call: Call) -> Answer:
    repo = call.repo()
    refs = repo.git.refs(f"refs/{call.path['ref']}")
    return 200, [call.payloads.ref(repo, name, sha) for name, sha in refs.items()]


@route("GET /repos/{owner}/{repo}/git/ref/{ref}")
def _get_ref(call: Call) -> Answer:
    repo = call.repo()
    name = f"refs/{call.path['ref']}"
    return 200, call.payloads.ref(repo, name, found(repo.git.refs(name).get(name)))


@route("POST /repos/{owner}/{repo}/git/refs")
def _create_ref(call: Call) -> Answer:
    repo = call.repo("write")
    name, sha = call.body["ref"], call.body["sha"]
    if name in repo.git.refs(name):
        raise Refusal(422, "Reference already exists")
    if repo.git.resolve(sha) is None:
        raise Refusal(422, "Object does not exist")
    call.behaviour.update_ref(repo, call.token, name, sha)
    return 201, call.payloads.ref(repo, name, sha)


@route("PATCH /repos/{owner}/{repo}/git/refs/{ref}")
def _update_ref(call: Call) -> Answer:
    repo = call.repo("write")
    name, sha = f"refs/{call.path['ref']}", call.body["sha"]
    before = repo.git.refs(name).get(name)
    if before is None:
        raise Refusal(422, "Reference does not exist")
    if not call.body.get("force") and not repo.git.is_ancestor(before, sha):
        raise Refusal(422, "Update is not a fast forward")
    call.behaviour.update_ref(repo, call.token, name, sha)
    return 200, call.payloads.ref(repo, name, sha)


@route("DELETE /repos/{owner}/{repo}/git/refs/{ref}")
def _delete_ref(call: Call) -> Answer:
    repo = call.repo("write")
    name = f"refs/{call.path['ref']}"
    if name not in repo.git.refs(name):
        raise Refusal(422, "Reference does not exist")
    call.behaviour.update_ref(repo, call.token, name, None)
    return 204, None


@route("GET /repos/{owner}/{repo}/activity")
def _activity(call: Call) -> Answer:
    repo = call.repo()
    ref = call.query.get("ref")
    return 200, [call.payloads.activity(each) for each in reversed(repo.activities) if ref in (None, each.ref)]


@route("GET /repos/{owner}/{repo}/git/blobs/{file_sha}")
def _blob(call: Call) -> Answer:
    content = found(call.repo().git.blob(call.path["file_sha"]))
    return 200, {
        "sha": call.path["file_sha"],
        "size": len(content),
        "encoding": "base64",
        "content": base64.b64encode(content).decode(),
    }
