"""Environments that ask something of images: that the registry has them, and that they were built as they should be."""

from __future__ import annotations

import base64
import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox import gh_program
from sandbox.attestations import attested
from sandbox.registry import Reply
from sandbox.server import REST_ROOT
from sandbox.world import BOT
from sandbox.worlds.description import BOT_MAY
from tests.sandbox.exported import Exported, exceptions
from tests.sandbox.operate_page import snippet
from tests.sandbox.scenarios import GitHub, Infra, check, deploy, gates_of, hold, open_pr, propose
from tests.support import Result

NAME = "your-org/api"
OTHER = f"sha256:{'0' * 64}"
SECRET = "registry-secret"  # noqa: S105 - of the sandbox
CHALLENGE = 'Bearer realm="{}",service="x",scope="registry:catalog:*"'
DIGEST = {"Docker-Content-Digest": OTHER}


class World:
    """The organization, with a registry, gh, and a service that has an image."""

    def __init__(self, github: GitHub, folder: Path) -> None:
        self.github = github
        self.registry = github.sandbox.registry
        self.host = github.sandbox.url.removeprefix("http://")
        program = gh_program.write(folder / "bin", github.sandbox.url, f"{github.sandbox.url}{REST_ROOT}")
        path = f"{program}{os.pathsep}{os.environ['PATH']}"
        github.runner.environment |= {"PATH": path, "HOME": str(folder)}
        self.folder = folder
        rights = BOT_MAY | {"attestations": "read"}
        github.world.tokens[BOT] = github.sandbox.state.add_token(BOT, permissions=rights)

    def ask_for(self, rule: str, *, service: str = "") -> None:
        """Have prod ask for *rule*."""
        image = f"image: {self.host}/{NAME}"
        self.github.change_infra({
            "gitops.yml": f"environments: {{dev: {{review: none}}, prod: {{artifact: {rule}}}}}\n"
            f"services: {{api: {{repo: your-org/app, {image}{service}}}, web: {{repo: none}}}}\nbots: [gitops-bot]\n"
        })  # fmt: skip

    def build(self, message: str = "Change", **how: Any) -> tuple[str, str]:
        """Return a commit of the app and the digest of its image, which is there, and attested *how* it is said."""
        commit = self.github.app_commit(message)
        digest = self.registry.push(NAME, commit)
        self.attest(digest, commit, **how)
        return commit, digest

    def attest(self, digest: str, commit: str, *, repo: str = "your-org/app", **how: Any) -> None:
        """Attest *digest* for *commit*."""
        found = attested(self.github.sandbox.url, repo, digest, commit, **how)
        self.github.world.app.attestations.append(found)

    def to_prod(self, tag: str, digest: str = "", *, message: str = "Change", **inputs: Any) -> Result:
        """Propose an artifact for prod, and check it."""
        branch = f"change-{len(self.github.world.infra.pulls)}"
        files: dict[str, str | None] = {"envs/prod.json": artifact(tag, digest)}
        return check(self.github, propose(self.github, files, branch=branch, message=message), **inputs)


def artifact(tag: str, digest: str = "") -> str:
    return json.dumps({"api": {"tag": tag, "digest": digest}})


def said(result: Result) -> tuple[str, str]:
    """Return the reason of the run, and what the gate says."""
    found = [entry["message"] for entry in result.json("gates") if entry["gate"] == "artifact"]
    return result.outputs["reason"], found[0] if found else ""


@pytest.fixture(name="world")
def _world(gated: GitHub, tmp_path: Path) -> World:
    return World(gated, tmp_path)


# In the registry


def test_what_is_in_the_registry_may_go(world: World) -> None:
    world.ask_for("exists")
    tag, digest = world.build()

    pinned, by_name = world.to_prod(tag, digest), world.to_prod(tag)

    assert said(pinned) == ("allowed", f"the registry has {tag[:12]}@{digest[7:19]}"), pinned.log
    assert (by_name.outputs["reason"], gates_of(by_name)["artifact"]) == ("allowed", "allow")


def test_what_is_missing_or_moved_may_not(world: World) -> None:
    world.ask_for("exists")
    tag, _ = world.build()
    unpublished = world.github.app_commit("unpublished")

    missing, moved = world.to_prod(unpublished), world.to_prod(tag, OTHER)
    world.registry.images.clear()
    unknown_name = world.to_prod(tag)

    assert (missing.exit_code, missing.outputs["reason"]) == (7, "artifact-missing")
    assert f"the registry has no tag {unpublished} of api" in missing.log
    assert (moved.exit_code, moved.outputs["reason"]) == (7, "artifact-moved")
    assert f"and envs/prod.json says {OTHER}" in moved.log
    assert unknown_name.outputs["reason"] == "artifact-missing"


def test_attack_tag_that_is_overwritten(world: World) -> None:
    world.ask_for("exists")
    tag, digest = world.build()
    before = world.to_prod(tag, digest)
    world.registry.push(NAME, tag, "other bytes")

    assert said(before)[0] == "allowed"
    assert said(world.to_prod(tag, digest))[0] == "artifact-moved"


def test_a_rollback_to_what_is_gone_is_refused(world: World) -> None:
    world.ask_for("exists")
    (good, _), (bad, _) = world.build("good"), world.build("bad")
    deploy(world.github, "prod", good, ago=timedelta(hours=2))
    deploy(world.github, "prod", bad, ago=timedelta(hours=1))

    there = open_pr(world.github, env="prod", rollback="previous", reason="it drops sessions", dry_run="true")
    del world.registry.images[NAME][good]
    gone = open_pr(world.github, env="prod", rollback="previous", reason="it drops sessions")

    assert (there.outputs["reason"], gone.outputs["reason"]) == ("dry-run", "artifact-missing"), there.log


def test_private_images_need_the_credentials_of_their_registry(world: World) -> None:
    world.ask_for("exists")
    tag, digest = world.build()
    world.registry.private.add(NAME)
    world.registry.users["robot"] = SECRET
    given = {"registry": world.host, "registry_user": "robot", "registry_token": SECRET}

    without, with_them = world.to_prod(tag, digest), world.to_prod(tag, digest, **given)
    wrong = world.to_prod(tag, digest, **given | {"registry_token": "another-secret"})
    world.registry.asked.clear()
    elsewhere = world.to_prod(tag, digest, **given | {"registry": "ghcr.io"})

    assert with_them.outputs["reason"] == "allowed", with_them.log
    assert without.outputs["reason"] == wrong.outputs["reason"] == elsewhere.outputs["reason"] == "unknown"
    assert "asks for credentials (status 403); give registry" in without.log
    assert "asks for credentials (status 401); those for it are refused" in wrong.log
    assert {asked.authorization for asked in world.registry.asked} == {""}
    for result in (without, with_them, wrong, elsewhere):
        shown = (result.log + result.summary + str(result.outputs)).replace(f"::add-mask::{SECRET}", "")
        assert SECRET not in shown
        assert base64.b64encode(f"robot:{SECRET}".encode()).decode() not in shown


ELSEWHERE = (
    "", "http://127.0.0.1:1/token", "https://evil.example/token", "http://[::1", "file:///etc/passwd",
    "http://127.0.0.1@evil.example/", "ftp://127.0.0.1/", "https://127.0.0.1.evil.example/",
)  # fmt: skip
ANSWERS = [
    (Reply(302, {"Location": "http://169.254.169.254/"}), "sends elsewhere (status 302)"),
    (Reply(307, {"Location": "https://evil.example/"}), "sends elsewhere (status 307)"),
    (Reply(429), "too many requests"),
    (Reply(503), "answered with status 503"),
    (Reply(200), "does not say which digest"),
    (Reply(200, {"Docker-Content-Digest": "md5:abc"}), "does not say which digest"),
    (Reply(401), "asks for credentials"),
    *(
        (Reply(401, {"WWW-Authenticate": CHALLENGE.format(realm)}), "names a token server that is not its own")
        for realm in ELSEWHERE
    ),
]
TOKENS = [
    (Reply(200, {}, b"[" * 100_000), "gives no token"),
    (Reply(200, {}, b"[]"), "gives no token"),
    (Reply(200, {}, b'{"token": "a\\r\\nX: y"}'), "gives no token"),
    (Reply(200, {}, b'{"token": 7}'), "gives no token"),
    (Reply(200, {}, b'"' + b"x" * 10_000_000 + b'"'), "more than 1,048,576 bytes"),
    (Reply(302, {"Location": "https://evil.example/"}), "sends elsewhere"),
    (Reply(200, {"Transfer-Encoding": "chunked"}, b"no chunk\r\n"), "does not answer"),
]


def test_attack_registry_that_sends_elsewhere(world: World) -> None:
    """What it answers is unknown, and no answer gets it the credentials that are for another host, or for itself."""
    world.ask_for("exists")
    tag, digest = world.build()
    for answer, words in ANSWERS:
        world.registry.planned, world.registry.asked = [answer], []

        result = world.to_prod(tag, digest, registry=world.host, registry_user="robot", registry_token=SECRET)

        assert (result.exit_code, result.outputs["reason"]) == (7, "unknown"), answer
        assert words in said(result)[1]
        assert {asked.authorization for asked in world.registry.asked} == {""}, answer


def test_a_token_server_that_gives_no_token_leaves_it_unknown(world: World) -> None:
    world.ask_for("exists")
    tag, digest = world.build()
    own = {"WWW-Authenticate": CHALLENGE.format(f"{world.github.sandbox.url}/v2-token?a=b")}
    for token, words in TOKENS:
        world.registry.planned = [Reply(401, own), token]

        result = world.to_prod(tag, digest)

        assert (result.exit_code, result.outputs["reason"]) == (7, "unknown"), words
        assert words in said(result)[1]


def test_a_registry_may_name_its_tokens_as_oauth_does(world: World) -> None:
    world.ask_for("exists")
    tag, digest = world.build()
    own = {"WWW-Authenticate": CHALLENGE.format(f"{world.github.sandbox.url}/v2-token?a=b")}
    world.registry.planned = [Reply(401, own), Reply(200, {}, b'{"access_token": "t"}'), Reply(200, {**DIGEST})]
    world.registry.asked.clear()

    result = world.to_prod(tag, OTHER)

    assert result.outputs["reason"] == "allowed", (result.log, digest)
    assert [asked.authorization for asked in world.registry.asked] == ["", "", "Bearer t"]


def test_credentials_go_to_a_registry_that_wants_them_itself(world: World) -> None:
    world.ask_for("exists")
    tag, _ = world.build()
    world.registry.planned = [Reply(401, {"WWW-Authenticate": 'Basic realm="x"'}), Reply(200, {**DIGEST})]
    world.registry.asked.clear()

    result = world.to_prod(tag, OTHER, registry=world.host, registry_user="robot", registry_token=SECRET)

    assert result.outputs["reason"] == "allowed", result.log
    assert world.registry.asked[1].authorization == f"Basic {base64.b64encode(f'robot:{SECRET}'.encode()).decode()}"


def test_a_registry_that_takes_no_credentials_is_unknown(world: World) -> None:
    world.ask_for("exists")
    tag, _ = world.build()
    world.registry.planned = [Reply(401, {"WWW-Authenticate": 'Basic realm="x"'})] * 2

    without = world.to_prod(tag)
    refused = world.to_prod(tag, registry=world.host, registry_user="robot", registry_token=SECRET)

    assert "asks for credentials (status 401); give registry" in said(without)[1]
    assert "asks for credentials (status 401); those for it are refused" in said(refused)[1]


def test_no_netrc_is_read(world: World) -> None:
    world.ask_for("exists")
    tag, digest = world.build()
    (world.folder / ".netrc").write_text("machine 127.0.0.1\nlogin someone\npassword else\n")

    assert world.to_prod(tag, digest).outputs["reason"] == "allowed"
    assert not [asked for asked in world.registry.asked if asked.authorization.startswith("Basic")]


def test_a_registry_that_is_not_there_is_unknown(world: World) -> None:
    world.ask_for("exists")
    tag, digest = world.build()
    text = world.github.infra_file("gitops.yml").replace(world.host, "127.0.0.1:1")
    world.github.change_infra({"gitops.yml": text})

    assert "127.0.0.1:1 does not answer (ConnectionError)" in said(world.to_prod(tag, digest))[1]


def test_a_variable_that_is_not_set_names_no_registry(world: World) -> None:
    world.ask_for("exists")

    assert said(world.to_prod(*world.build(), registry=""))[0] == "allowed"


def test_credentials_that_cannot_be_right_are_refused(world: World) -> None:
    for name, value, words in (
        ("registry", "https://ghcr.io", "write the host of a registry"),
        ("registry_user", "a:b", "neither blanks nor a colon"),
        ("registry_token", "a\tb", "characters that no token has"),
    ):
        result = world.to_prod("1.0.0", **{name: value})

        assert (result.exit_code, result.outputs["reason"]) == (2, "invalid-input")
        assert words in result.log


# Attested


def test_what_was_built_as_it_should_be_may_go(world: World) -> None:
    world.ask_for("[exists, attested]")
    for number, how in enumerate(
        (
            {},
            {"signer": "api.yml"},
            {"ref": "refs/heads/hotfixes/x"},
            {"repo": "Your-Org/App"},
            {"runner": "github-hosted"},
        )
    ):
        tag, digest = world.build(str(number), **how)

        result = world.to_prod(tag, digest)

        assert (result.outputs["reason"], gates_of(result)["artifact"]) == ("allowed", "allow"), (how, result.log)


NOT_VALID = 'gh does not accept its attestations: verifying with issuer "sigstore.dev"'
OTHERWISE: list[tuple[dict[str, Any], str]] = [
    ({"workflow": "test.yml"}, "/test.yml@refs/heads/main, not by publish.yml"),
    ({"workflow": "publish.yml.evil.yml"}, "/publish.yml.evil.yml@refs/heads/main, not by publish.yml"),
    ({"workflow": "x.yml", "signer": "api.yml"}, "/x.yml@refs/heads/main, not by publish.yml"),
    ({"ref": "refs/heads/evil"}, "it was built on refs/heads/evil"),
    ({"ref": "refs/heads/hotfixes/a/b"}, "it was built on refs/heads/hotfixes/a/b"),
    ({"ref": "refs/pull/7/merge"}, "it was built on refs/pull/7/merge"),
    ({"ref": "refs/tags/v1"}, "it was built on refs/tags/v1"),
    ({"runner": "self-hosted"}, "on a runner that is self-hosted"),
    ({"trigger": "issue_comment"}, "for the event issue_comment"),
    ({"repo": "evil/app"}, NOT_VALID),
    ({"forged": True}, NOT_VALID),
]


def test_attack_image_of_another_build(world: World) -> None:
    """By another workflow, on a branch, for a pull request, on a runner of one's own, in a fork, signed by nobody."""
    world.ask_for("attested")
    for number, (how, words) in enumerate(OTHERWISE):
        tag, digest = world.build(str(number), **how)

        result = world.to_prod(tag, digest)

        assert (result.exit_code, result.outputs["reason"]) == (7, "not-attested"), how
        assert words in said(result)[1]


def test_an_attestation_of_another_commit_is_none_and_one_of_several_suffices(world: World) -> None:
    world.ask_for("attested")
    old = world.github.app_commit("old")
    tag = world.github.app_commit("new")
    digest = world.registry.push(NAME, tag)
    world.attest(digest, old)

    other = world.to_prod(tag, digest)
    world.attest(digest, tag, ref="refs/heads/evil")
    world.attest(digest, tag, ref=f"refs/tags/{tag}")
    still = world.to_prod(tag, digest)
    world.attest(digest, tag)
    one = world.to_prod(tag, digest)

    assert said(other)[0] == said(still)[0] == "not-attested"
    assert f"it was built from {old[:12]}, not from {tag[:12]}" in said(other)[1]
    assert "; it was built on refs/heads/evil" in said(still)[1]
    assert said(one)[0] == "allowed"


def test_what_has_no_attestation_or_no_digest_is_refused(world: World) -> None:
    world.ask_for("attested")
    tag = world.github.app_commit()
    digest = world.registry.push(NAME, tag)

    none, unpinned = world.to_prod(tag, digest), world.to_prod(tag)

    assert said(none)[0] == said(unpinned)[0] == "not-attested"
    assert "GitHub has no attestation of it in your-org/app" in said(none)[1]
    assert f"envs/prod.json has no digest beside {tag}" in said(unpinned)[1]


def test_the_workflow_may_have_another_name_and_versions_are_built_for_their_git_tag(world: World) -> None:
    world.ask_for("attested", service=", attested-by: release.yml")
    world.github.release("1.4.0")
    commit = world.github.world.app.git.resolve("refs/tags/1.4.0") or ""
    digest = world.registry.push(NAME, "1.4.0")
    world.attest(digest, commit, workflow="release.yml", ref="refs/tags/1.4.1")

    before = world.to_prod("1.4.0", digest)
    world.attest(digest, commit, workflow="release.yml", ref="refs/tags/1.4.0")
    after = world.to_prod("1.4.0", digest)

    assert (said(before)[0], said(after)[0]) == ("not-attested", "allowed"), after.log


def test_a_tag_without_a_commit_has_no_provenance_either(world: World) -> None:
    world.ask_for("attested")
    world.registry.push(NAME, "f" * 40)

    result = world.to_prod("f" * 40, OTHER)

    assert said(result) == ("unknown-commit", f"unknown: which commit {'f' * 40} was built from")


def test_a_rollback_passes_with_the_digest_that_ran(world: World) -> None:
    """It may be older than the attestations; without a digest, its tag may have been overwritten since."""
    world.ask_for("attested")
    good, bad = world.github.app_commit("good"), world.github.app_commit("bad")
    digest = world.registry.push(NAME, good)
    for tag, hours in ((good, 2), (bad, 1)):
        deploy(world.github, "prod", tag, ago=timedelta(hours=hours))
    world.github.world.infra.deployments[-2].sha = world.github.change_infra({"envs/prod.json": artifact(good, digest)})
    world.github.change_infra({"envs/prod.json": artifact(bad)})
    back = "Back\n\nReason: it drops sessions"

    same, other, unpinned = (world.to_prod(good, each, message=back) for each in (digest, OTHER, ""))

    assert said(same) == ("allowed", f"{good[:12]}@{digest[7:19]} ran in prod before, with this digest")
    assert said(other)[0] != "allowed"
    assert said(unpinned)[0] == "not-attested"


def test_images_of_others_and_services_without_an_image_are_not_asked(world: World) -> None:
    world.ask_for("attested")
    files: dict[str, str | None] = {"envs/prod.json": '{"web": {"tag": "2"}}'}

    web = check(world.github, propose(world.github, files))
    text = world.github.infra_file("gitops.yml").replace("your-org/app", "none")
    world.github.change_infra({"gitops.yml": text})
    third = world.to_prod("1.0.0")

    assert "artifact" not in gates_of(web)
    assert "artifact" not in gates_of(third)
    assert world.registry.asked == []


# What gh cannot say


def replaced(world: World, script: str) -> None:
    """Put a script in the place of gh."""
    program = world.folder / "bin" / "gh"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_what_gh_does_not_say_is_unknown(world: World) -> None:
    world.ask_for("attested")
    tag, digest = world.build()
    for script, words in (
        ("exit 0", "its answer is not understood"),  # cli/cli#10418
        ("echo '[]'", "its answer is not understood"),
        ("echo '[{}]'", "its answer is not understood"),
        ("echo yes", "its answer is not understood"),
        ("echo 'unknown flag: --limit' >&2; exit 1", "unknown flag: --limit"),
        ("exit 137", "it ended with 137"),
        ("printf 'Error: dial tcp: \\033[31mno route' >&2; exit 1", "dial tcp:  [31mno route"),
        ("kill -9 $$", "it ended with -9"),
    ):
        replaced(world, script)

        result = world.to_prod(tag, digest)

        assert (result.exit_code, result.outputs["reason"]) == (7, "unknown"), script
        assert words in said(result)[1]


def test_a_gh_that_does_not_end_is_unknown(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.ask_for("attested")
    tag, digest = world.build()
    replaced(world, "read line </dev/zero")
    monkeypatch.setattr("actions.artifacts.attestation.TIMEOUT", 0.05)

    assert "(TimeoutExpired)" in said(world.to_prod(tag, digest))[1]


def test_attack_gh_in_the_checkout(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.ask_for("attested")
    tag, digest = world.build()
    runner = world.github.runner
    (world.folder / "bin" / "gh").rename(runner.workspace / "gh")
    runner.environment["PATH"] = str(runner.workspace)

    planted = world.to_prod(tag, digest)
    runner.environment["PATH"] = str(world.folder / "bin")
    missing = world.to_prod(tag, digest)
    monkeypatch.chdir(runner.workspace)
    runner.environment["PATH"] = "."
    relative = world.to_prod(tag, digest)

    assert "is in the checkout, from which nothing is executed" in said(planted)[1]
    for each in (missing, relative):
        assert "is not on this runner" in said(each)[1]


def test_gh_is_given_one_token_and_no_other_and_nothing_in_its_arguments(world: World) -> None:
    world.ask_for("attested")
    tag, digest = world.build()
    replaced(world, f'env >"{world.folder}/env"; echo "$@" >"{world.folder}/arguments"; exit 1')
    app_token = world.github.sandbox.state.add_token(BOT)

    world.to_prod(tag, digest, app_token=app_token, registry_token=SECRET)
    environment = (world.folder / "env").read_text()
    arguments = (world.folder / "arguments").read_text()

    assert f"GH_TOKEN={app_token}\n" in environment
    assert f"GH_HOST={world.host}\n" in environment
    assert not [secret for secret in (world.github.bot, SECRET, "INPUT_") if secret in environment]
    assert not [secret for secret in (world.github.bot, SECRET, app_token) if secret in arguments]
    assert arguments.startswith(f"attestation verify oci://{world.host}/{NAME}@{digest} --repo your-org/app --limit")


def test_a_token_that_may_not_read_attestations_leaves_it_unknown(world: World) -> None:
    world.ask_for("attested")
    tag, digest = world.build()
    rights = dict.fromkeys(("contents", "pull_requests", "deployments", "actions", "checks", "statuses"), "read")
    blind = world.github.sandbox.state.add_token(BOT, permissions=rights)

    result = world.to_prod(tag, digest, app_token=blind)

    assert said(result)[0] == "unknown"
    assert "HTTP 403: Resource not accessible by integration" in said(result)[1]
    assert "the token for the apps needs 'attestations: read'" in said(result)[1]


def test_gh_has_the_credentials_of_docker_alone(world: World) -> None:
    world.ask_for("attested")
    tag, digest = world.build()
    world.registry.private.add(NAME)
    world.registry.users["robot"] = SECRET
    before = world.to_prod(tag, digest)
    login = {"auths": {world.host: {"auth": base64.b64encode(f"robot:{SECRET}".encode()).decode()}}}
    (world.folder / ".docker").mkdir()
    (world.folder / ".docker" / "config.json").write_text(json.dumps(login))
    after = world.to_prod(tag, digest)

    assert (said(before)[0], said(after)[0]) == ("unknown", "allowed"), after.log
    assert "remote registry authorization failed" in said(before)[1]


# In the three places


def test_it_is_judged_before_the_pull_request(world: World) -> None:
    world.ask_for("[exists, attested]")
    world.github.change_infra({"envs/prod.json": artifact(world.github.app_commit("old"), OTHER)})
    tag, digest = world.build()

    results = [open_pr(world.github, env="prod", tag=tag, digest=digest, dry_run="true")]
    world.github.world.app.attestations.clear()
    results.append(open_pr(world.github, env="prod", tag=tag, digest=digest))
    world.registry.push(NAME, tag, "other")
    results.append(open_pr(world.github, env="prod", tag=tag, digest=digest))
    world.registry.planned = [Reply(503)]
    results.append(open_pr(world.github, env="prod", tag=tag, digest=digest))

    reasons = [result.outputs["reason"] for result in results]
    assert reasons == ["dry-run", "not-attested", "artifact-moved", "unknown"], results[0].log


def test_it_is_judged_at_deployment_and_the_status_shows_it(world: World) -> None:
    world.ask_for("[exists, attested]")
    tag, digest = world.build()
    infra = Infra(world.github)
    text = world.github.infra_file("gitops.yml").replace("{dev: {review: none}, ", "{dev: {}, staging: {}, ")
    world.github.change_infra({"gitops.yml": text, "envs/prod.json": artifact(tag, digest)})
    given = {"environments": "prod", "app_repo": "your-org/app"}

    fine = hold(infra, **given)
    world.github.world.app.attestations.clear()
    refused = hold(infra, show_status="true", **given)

    assert not [entry for entry in fine.json("held") if entry["gate"] == "artifact"], fine.log
    found = [entry["reason"] for entry in refused.json("held") if entry["gate"] == "artifact"]
    assert found == ["not-attested"], refused.log
    status = refused.summary.partition("#### Status")[2]
    assert "GitHub has no attestation of it in your-org/app" in status


def test_the_evidence_shows_what_was_deployed_without_provenance(delivery: Exported, tmp_path: Path) -> None:
    world, infra = World(delivery.github, tmp_path), delivery.github.world.infra
    config = (
        f"environments: {{prod: {{artifact: attested}}}}\nservices: {{api: {{repo: your-org/app, image: {world.host}/"
    )
    delivery.land(infra, {"gitops.yml": f"{config}{NAME}}}}}\n"}, message="Artifacts")
    good, bad, unpinned = (delivery.release() for _ in range(3))
    digests = {tag: world.registry.push(NAME, tag) for tag in (good, bad)}
    world.attest(digests[good], good)

    def deployed(tag: str, digest: str, message: str = "Bump") -> dict[str, Any]:
        files: dict[str, str | None] = {"envs/prod.json": artifact(tag, digest)}
        delivery.deploy(delivery.land(infra, files, message=message))
        return delivery.last()

    fine, unproved = deployed(good, digests[good]), deployed(bad, digests[bad])
    by_name = deployed(unpinned, "")
    back = deployed(bad, digests[bad], "Back\n\nReason: it drops sessions")
    replaced(world, "exit 1")
    nobody_knows = deployed(delivery.release(), digests[good])

    assert exceptions(fine) == []
    assert [exceptions(each) for each in (unproved, by_name)] == [["gate-closed"]] * 2
    assert "GitHub has no attestation of it in your-org/app" in str(unproved["exceptions"])
    assert "has no digest beside" in str(by_name["exceptions"])
    assert exceptions(back) == []
    assert exceptions(nobody_knows) == ["unknown"]


def test_an_env_file_that_the_evidence_cannot_read_leaves_the_provenance_unknown(
    delivery: Exported, tmp_path: Path
) -> None:
    world, infra = World(delivery.github, tmp_path), delivery.github.world.infra
    config = (
        f"environments: {{prod: {{artifact: attested}}}}\nservices: {{api: {{repo: your-org/app, image: {world.host}/"
    )
    delivery.land(infra, {"gitops.yml": f"{config}{NAME}}}}}\n"}, message="Artifacts")
    tag = delivery.release()
    sha = delivery.land(infra, {"envs/prod.json": artifact(tag, "sha256:short")})
    delivery.deploy(sha)

    assert "unknown" in exceptions(delivery.last())


def test_the_page_does_what_it_says(world: World) -> None:
    text = snippet("Artifact").replace("ghcr.io", world.host)
    world.github.change_infra({"gitops.yml": text})
    tag, digest = world.build()
    (step,) = [
        step for job in yaml.safe_load(snippet("Artifact", 1))["jobs"].values() for step in job["steps"]
        if step.get("id") == "bot"
    ]  # fmt: skip
    rights = {
        name.removeprefix("permission-").replace("-", "_"): level
        for name, level in step["with"].items()
        if name.startswith("permission-")
    }
    token = world.github.sandbox.state.add_token(BOT, permissions=rights)

    assert gates_of(world.to_prod(tag, digest, app_token=token))["artifact"] == "allow"
    assert "no digest beside" in said(world.to_prod(tag))[1]
