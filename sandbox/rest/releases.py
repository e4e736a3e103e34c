"""Releases."""

from __future__ import annotations

from sandbox import events
from sandbox.behaviour import Refusal
from sandbox.rest.call import Answer, Call, found, route
from sandbox.state import Release


@route("POST /repos/{owner}/{repo}/releases")
def _create_release(call: Call) -> Answer:
    repo, body = call.repo("write"), call.body
    if any(release.tag == body["tag_name"] for release in repo.releases):
        raise Refusal(422, "Validation Failed: already_exists")
    if f"refs/tags/{body['tag_name']}" not in repo.git.refs("refs/tags/"):
        raise Refusal(422, "Validation Failed: tag_name is not a valid tag")  # GitHub would make one; nobody here asks
    latest = body.get("make_latest", "true") == "true"
    release = Release(
        call.state.new_id(), body["tag_name"], body["body"], call.token.user, body.get("prerelease", False), latest
    )
    repo.releases.append(release)
    events.released(call.behaviour, repo, call.token, release)
    return 201, call.payloads.release(repo, release)


@route("GET /repos/{owner}/{repo}/releases/tags/{tag}")
def _release_of_tag(call: Call) -> Answer:
    repo, tag = call.repo(), call.path["tag"]
    return 200, call.payloads.release(repo, found(next((each for each in repo.releases if each.tag == tag), None)))
