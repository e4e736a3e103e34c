"""The attestations of artifacts."""

from __future__ import annotations

from sandbox.behaviour import Refusal
from sandbox.rest.call import Answer, Call, route


@route("GET /repos/{owner}/{repo}/attestations/{subject_digest}")
def _attestations(call: Call) -> Answer:
    """List the attestations of a digest; of none, GitHub says 404 (aquaproj/aqua-registry#44455)."""
    repo = call.repo(permission="attestations")
    known = [each for each in repo.attestations if each.digest == call.path["subject_digest"]]
    if not known:
        raise Refusal(404, "Not Found", kind="NOT_FOUND")
    return 200, {"attestations": [{"bundle": each.bundle(), "repository_id": repo.id} for each in known]}
