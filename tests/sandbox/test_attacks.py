"""What people, the bot and unattributed_commits try against the organization of the demo, its rulesets in force.

Each attempt is made by the API, by `git push`, or through an action; each is refused with GitHub's status or with a
reason of ours, and leaves no trace. `docs/soc2.md` lists them with what stops them.
"""

from __future__ import annotations

import json
import re
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actions import open_infra_pr
from actions.errors import ActionError
from sandbox.client import ApiError, Person
from sandbox.state import ACTIONS_APP, CheckRun
from sandbox.world import BOT, GUARD
from tests.sandbox.hostile import Hostile
from tests.sandbox.scenarios import GitHub, Infra, check
from tests.support import ACTIONS, ROOT, declaration

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from actions.api.repository import Repository
    from sandbox.state import Repo
    from tests.support import Result

APP, INFRA = "your-org/app", "your-org/infra"
EVERYBODY = ("alice", "bob", "olivia", BOT)
COMMANDS = re.compile(r"::(add-mask|notice|warning|error)( [^:]*)?::")
SECRETS = re.compile(r"gh[ps]_[A-Za-z0-9-]+")
HOSTILE = [
    pytest.param("a\nb", id="a new line"),
    pytest.param("a\r\nreason=merged", id="an output"),
    pytest.param("::set-output name=reason::merged", id="an old command"),
    pytest.param("\n::error::nothing to see", id="a command"),
    pytest.param("##[command]rm", id="another command"),
    pytest.param("${{ secrets.TOKEN }}", id="an expression"),
    pytest.param("`id`", id="backticks"),
    pytest.param("$(id)", id="a substitution"),
    pytest.param("a%0A::error::b", id="an escaped new line"),
    pytest.param("<!-- hidden -->", id="a comment of HTML"),
    pytest.param("<img src=x onerror=alert(1)>", id="HTML"),
    pytest.param("](https://evil.example) @everyone #1", id="Markdown"),
    pytest.param("x" * 100_000, id="very long"),
    pytest.param("a\u202egnp.exe", id="right to left"),
    pytest.param("\x1b[31mred", id="a terminal code"),
    pytest.param("-rf", id="an option"),
    pytest.param("../../etc/passwd", id="a way out"),
]


@pytest.fixture(name="clone")
def _clone(organization: GitHub, tmp_path: Path) -> Path:
    """The app, as alice has it on her laptop."""
    return organization.person("alice").clone(APP, tmp_path / "laptop" / "app")


@contextmanager
def no_trace(repo: Repo, prefix: str = "refs/heads/") -> Iterator[None]:
    """Require that no branch of *repo* is another at the end of a block, and that no pull request is merged."""

    def state() -> tuple[dict[str, str], list[int]]:
        merged = [pull.number for pull in repo.pulls.values() if pull.merge_sha]
        return repo.git.refs(prefix), merged

    before = state()
    yield
    assert state() == before


def push(github: GitHub, login: str, clone: Path, *refs: str, force: bool = False) -> str:
    """Have somebody try a push; return why GitHub declines it."""
    with pytest.raises(ApiError) as refused:
        github.person(login).git("push", "-q", *(["--force"] if force else []), "origin", *refs, at=clone)
    return refused.value.message


def attempt(person: Person, verb: str, path: str, body: object = None) -> tuple[int, str]:
    """Have *person* try a call; return status and message of GitHub's refusal."""
    with pytest.raises(ApiError) as refused:
        person.api(verb, path, body)
    return refused.value.status, refused.value.message


def committed(github: GitHub, clone: Path, name: str, login: str = "alice") -> str:
    """Return a commit of *login* on top of main in *clone*."""
    person = github.person(login)
    person.git("switch", "-q", "--detach", "origin/main", at=clone)
    (clone / name).write_text(name, encoding="utf-8")
    person.git("add", "--all", at=clone)
    person.git("commit", "-q", "-m", name, at=clone)
    return person.git("rev-parse", "HEAD", at=clone).strip()


def proposed(github: GitHub, clone: Path, *, checks: tuple[tuple[str, str], ...] = (("gate", "success"),)) -> int:
    """Return a pull request of alice in the app, whose checks have ended as said."""
    alice = github.person("alice")
    sha = alice.push_change(clone, "change", {"README.md": "changed"}, "Change")
    for name, conclusion in checks:
        github.report(name, conclusion, sha, github.world.app)
    return alice.open_pull(APP, head="change", title="Change")


def merge(github: GitHub, login: str, number: int, repository: str = APP, method: str = "squash") -> tuple[int, str]:
    """Have somebody try to merge a pull request; return how GitHub refuses."""
    path = f"/repos/{repository}/pulls/{number}/merge"
    return attempt(github.person(login), "PUT", path, {"merge_method": method})


# What rulesets stop.


@pytest.mark.parametrize("login", EVERYBODY)
def test_attack_direct_push_to_main(organization: GitHub, clone: Path, login: str) -> None:
    sha = committed(organization, clone, "x", login)
    organization.person(login).git("push", "-q", "origin", "HEAD:refs/heads/parked", at=clone)
    with no_trace(organization.world.app):
        said = push(organization, login, clone, "HEAD:main")
        status, message = attempt(
            organization.person(login), "PATCH", f"/repos/{APP}/git/refs/heads/main", {"sha": sha, "force": False}
        )

    assert "GH013" in said
    assert status == 422
    assert "Changes must be made through a pull request." in message


@pytest.mark.parametrize(("repository", "login"), [*((APP, login) for login in EVERYBODY), (INFRA, BOT)])
def test_attack_force_push_to_main(organization: GitHub, tmp_path: Path, repository: str, login: str) -> None:
    person = organization.person(login)
    clone = person.clone(repository, tmp_path / "laptop")
    person.git("switch", "-q", "--orphan", "other", at=clone)
    person.git("commit", "-q", "--allow-empty", "-m", "other", at=clone)
    with no_trace(organization.sandbox.state.repos[repository]):
        said = push(organization, login, clone, "HEAD:main", force=True)

    assert "Cannot force-push to this branch" in said


def test_attack_force_push_to_a_hotfix_branch(organization: GitHub, clone: Path) -> None:
    app = organization.world.app
    body = {"ref": "refs/heads/hotfixes/x", "sha": app.git.head("main")}
    organization.person(BOT).api("POST", f"/repos/{APP}/git/refs", body)
    alice = organization.person("alice")
    alice.git("switch", "-q", "--orphan", "other", at=clone)
    alice.git("commit", "-q", "--allow-empty", "-m", "other", at=clone)
    with no_trace(app):
        said = push(organization, "alice", clone, "HEAD:refs/heads/hotfixes/x", force=True)

    assert "Cannot force-push to this branch" in said


@pytest.mark.parametrize("login", EVERYBODY)
@pytest.mark.parametrize("repository", [APP, INFRA])
def test_attack_deletion_of_main(organization: GitHub, clone: Path, login: str, repository: str) -> None:
    repo = organization.sandbox.state.repos[repository]
    with no_trace(repo):
        said = push(organization, login, clone, ":main") if repository == APP else "Cannot delete this branch"
        status, message = attempt(organization.person(login), "DELETE", f"/repos/{repository}/git/refs/heads/main")

    assert "Cannot delete this branch" in said
    assert (status, "Cannot delete this branch" in message) == (422, True)


@pytest.fixture(name="kept")
def _kept(organization: GitHub, tmp_path: Path) -> Path:
    """A clone of infra, in which the guard has kept evidence on its branch."""
    guard = organization.sandbox.state.tokens[organization.world.tokens[GUARD]]
    main = organization.world.infra.git.head("main") or ""
    organization.sandbox.behaviour.update_ref(organization.world.infra, guard, "refs/heads/evidence", main)
    files = {"evidence/evidence.jsonl": b"{}\n"}
    organization.sandbox.behaviour.commit_on_branch(
        organization.world.infra, guard, "evidence", main, files, "Evidence"
    )
    return organization.person("alice").clone(INFRA, tmp_path / "infra")


@pytest.mark.parametrize("login", ["alice", "olivia", BOT])
@pytest.mark.parametrize("where", ["origin/evidence", "origin/main"])
def test_attack_evidence_of_somebody_else(organization: GitHub, kept: Path, login: str, where: str) -> None:
    """Added to what is there, or written in its place."""
    person = organization.person(login)
    person.git("switch", "-q", "--detach", where, at=kept)
    (kept / "evidence.jsonl").write_text("forged", encoding="utf-8")
    person.git("add", "--all", at=kept)
    person.git("commit", "-q", "-m", "forged", at=kept)
    with no_trace(organization.world.infra):
        said = push(organization, login, kept, "HEAD:evidence", force=True)

    assert "Cannot update this protected ref." in said


@pytest.mark.parametrize("login", ["alice", "olivia"])
def test_attack_evidence_begun_by_somebody_else(organization: GitHub, tmp_path: Path, login: str) -> None:
    clone = organization.person(login).clone(INFRA, tmp_path / "laptop")
    with no_trace(organization.world.infra):
        said = push(organization, login, clone, "HEAD:refs/heads/evidence")

    assert "Cannot create ref due to creations being restricted." in said


def test_attack_evidence_that_is_put_back(organization: GitHub, kept: Path) -> None:
    """By the bot itself, which may add to it."""
    with no_trace(organization.world.infra):
        back = push(organization, BOT, kept, "origin/main:evidence", force=True)
        gone = push(organization, BOT, kept, ":evidence")

    assert "Cannot force-push to this branch" in back
    assert "Cannot delete this branch" in gone


def test_attack_evidence_without_a_signature(organization: GitHub, kept: Path) -> None:
    bot = organization.person(BOT)
    bot.git("switch", "-q", "--detach", "origin/evidence", at=kept)
    bot.git("commit", "-q", "--allow-empty", "-m", "unsigned", at=kept)
    with no_trace(organization.world.infra):
        said = push(organization, BOT, kept, "HEAD:evidence")

    assert "Commits must have verified signatures." in said


@pytest.mark.parametrize("login", EVERYBODY)
def test_attack_merge_without_approval(organization: GitHub, clone: Path, login: str) -> None:
    number = proposed(organization, clone)
    with no_trace(organization.world.app):
        status, message = merge(organization, login, number)

    assert status == 405
    assert "At least 1 approving review is required by reviewers with write access." in message


def test_attack_self_approval(organization: GitHub, clone: Path) -> None:
    number = proposed(organization, clone)
    path = f"/repos/{APP}/pulls/{number}/reviews"
    with no_trace(organization.world.app):
        status, message = attempt(organization.person("alice"), "POST", path, {"event": "APPROVE"})
        assert merge(organization, "alice", number)[0] == 405

    assert (status, message) == (422, "Can not approve your own pull request")


def test_attack_new_commit_after_the_approval(organization: GitHub, clone: Path) -> None:
    number = proposed(organization, clone)
    organization.person("bob").approve(APP, number)
    alice = organization.person("alice")
    (clone / "README.md").write_text("something else", encoding="utf-8")
    alice.git("commit", "-qam", "Something else", at=clone)
    alice.git("push", "-q", "origin", "change", at=clone)
    sha = alice.git("rev-parse", "HEAD", at=clone).strip()
    organization.report("gate", "success", sha, organization.world.app)
    with no_trace(organization.world.app):
        status, message = merge(organization, "alice", number)

    assert (status, "At least 1 approving review is required" in message) == (405, True)


def test_attack_approval_of_ones_own_push(organization: GitHub, clone: Path) -> None:
    """Bob pushes to the pull request of alice, and approves it."""
    number = proposed(organization, clone)
    bob = organization.person("bob")
    (clone / "README.md").write_text("by bob", encoding="utf-8")
    bob.git("commit", "-qam", "By bob", at=clone)
    bob.git("push", "-q", "origin", "change", at=clone)
    organization.report("gate", "success", bob.git("rev-parse", "HEAD", at=clone).strip(), organization.world.app)
    bob.approve(APP, number)
    with no_trace(organization.world.app):
        status, message = merge(organization, "bob", number)

    assert (status, "because they were the last pusher" in message) == (405, True)


@pytest.mark.parametrize(
    ("checks", "said"),
    [
        pytest.param((("gate", "failure"),), 'Required status check "gate" is failure.', id="failing"),
        pytest.param((), 'Required status check "gate" is expected.', id="missing"),
        pytest.param((("api / api", "success"),), 'Required status check "gate" is expected.', id="another"),
    ],
)
@pytest.mark.parametrize("login", EVERYBODY)
def test_attack_merge_without_its_check(
    organization: GitHub, clone: Path, login: str, checks: tuple[tuple[str, str], ...], said: str
) -> None:
    number = proposed(organization, clone, checks=checks)
    organization.person("bob").approve(APP, number)
    with no_trace(organization.world.app):
        status, message = merge(organization, login, number)

    assert (status, said in message) == (405, True)


@pytest.mark.parametrize(("repository", "base"), [(APP, "hotfixes/x"), (INFRA, "main")])
def test_attack_merge_elsewhere_without_its_check(
    organization: GitHub, tmp_path: Path, repository: str, base: str
) -> None:
    repo = organization.sandbox.state.repos[repository]
    if base != "main":
        body = {"ref": f"refs/heads/{base}", "sha": repo.git.head("main")}
        organization.person(BOT).api("POST", f"/repos/{repository}/git/refs", body)
    alice = organization.person("alice")
    alice.push_change(alice.clone(repository, tmp_path / "laptop"), "change", {"x": "x"}, "Change")
    number = alice.open_pull(repository, head="change", base=base, title="Change")
    organization.person("bob").approve(repository, number)
    with no_trace(repo):
        status, message = merge(organization, "alice", number, repository)

    assert (status, "Required status check" in message) == (405, True)


def test_attack_check_reported_by_another_app(organization: GitHub, clone: Path) -> None:
    number = proposed(organization, clone, checks=())
    app = organization.world.app
    head = app.pulls[number].head_sha
    app.checks.append(CheckRun(1, "gate", head, ACTIONS_APP + 1, status="completed", conclusion="success"))
    organization.person("bob").approve(APP, number)
    with no_trace(app):
        status, message = merge(organization, "alice", number)

    assert (status, 'Required status check "gate" is expected.' in message) == (405, True)


@pytest.mark.parametrize("repository", ["app", "infra"])
def test_attack_check_that_is_skipped(repository: str) -> None:
    """GitHub takes a skipped check for one that succeeded. So no required job can be skipped: it waits for nothing."""
    folder = ROOT / "examples" / repository
    required = {
        check["context"]
        for path in (folder / "rulesets").glob("*.json")
        for rule in json.loads(path.read_text(encoding="utf-8"))["rules"]
        for check in rule.get("parameters", {}).get("required_status_checks", [])
    }
    jobs: dict[str, Any] = {}
    for path in (folder / ".github" / "workflows").glob("*.yml"):
        jobs |= yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]

    for name in required:
        assert "needs" not in jobs[name] or jobs[name]["if"] == "always()", f"{name} can be skipped"
        assert jobs[name].get("if", "always()") == "always()", f"{name} can be skipped"


@pytest.mark.parametrize("login", EVERYBODY)
@pytest.mark.parametrize("method", ["merge", "rebase"])
def test_attack_merge_commit_on_linear_history(organization: GitHub, clone: Path, login: str, method: str) -> None:
    number = proposed(organization, clone)
    organization.person("bob").approve(APP, number)
    with no_trace(organization.world.app):
        status, message = merge(organization, login, number, method=method)

    assert status == 405
    assert f"{method.capitalize()} commits are not allowed on this repository." in message


@pytest.mark.parametrize("login", ["alice", "bob", "olivia"])
@pytest.mark.parametrize("branch", ["hotfixes/mine", "hotfixes/deep/er"])
def test_attack_hotfix_branch_made_by_hand(organization: GitHub, clone: Path, login: str, branch: str) -> None:
    """The nested name too, which `hotfixes/*` and `hotfixes/**` do not cover in a ruleset."""
    sha = organization.world.app.git.head("main")
    body = {"ref": f"refs/heads/{branch}", "sha": sha}
    with no_trace(organization.world.app):
        said = push(organization, login, clone, f"HEAD:refs/heads/{branch}")
        status, message = attempt(organization.person(login), "POST", f"/repos/{APP}/git/refs", body)

    assert "Cannot create ref due to creations being restricted." in said
    assert (status, "creations being restricted" in message) == (422, True)


@pytest.mark.parametrize("login", EVERYBODY)
@pytest.mark.parametrize("branch", ["hotfixes/mine", "hotfixes/deep/er"])
def test_attack_push_to_a_hotfix_branch(organization: GitHub, clone: Path, login: str, branch: str) -> None:
    app = organization.world.app
    sha = app.git.head("main") or ""
    organization.person(BOT).api("POST", f"/repos/{APP}/git/refs", {"ref": f"refs/heads/{branch}", "sha": sha})
    committed(organization, clone, "x", login)
    with no_trace(app):
        said = push(organization, login, clone, f"HEAD:refs/heads/{branch}")

    assert "Changes must be made through a pull request." in said


def test_attack_bot_pushes_to_infra_main(organization: GitHub, tmp_path: Path) -> None:
    bot, infra = organization.person(BOT), organization.world.infra
    clone = bot.clone(INFRA, tmp_path / "bot")
    committed(organization, clone, "x", BOT)
    head = infra.git.head("main")
    document = """mutation($input: CreateCommitOnBranchInput!) {
        createCommitOnBranch(input: $input) { commit { oid } } }"""
    given = {
        "branch": {"repositoryNameWithOwner": INFRA, "branchName": "main"},
        "expectedHeadOid": head,
        "message": {"headline": "x"},
        "fileChanges": {"additions": [{"path": "x", "contents": "eA=="}]},
    }
    with no_trace(infra):
        said = push(organization, BOT, clone, "HEAD:main")
        answer = organization.person(BOT).graphql(document, {"input": given})

    assert "Changes must be made through a pull request." in said
    assert "Changes must be made through a pull request." in answer["errors"][0]["message"]


# What GitHub lets the bot do, and the actions do not take for done.


def infra_change(github: GitHub, login: str, files: dict[str, str], tmp_path: Path) -> int:
    person = github.person(login)
    clone = person.clone(INFRA, tmp_path / "infra")
    sha = person.push_change(clone, "change", files, "Change")
    for name in ("test", "gates"):
        github.report(name, "success", sha)
    return person.open_pull(INFRA, head="change", title="Change")


def judged(github: GitHub, number: int) -> Result:
    """Return what the gates say on a pull request of the infra repository."""
    github.runner.environment["GITHUB_REPOSITORY"] = INFRA
    result = check(github, number, app_token=github.bot)
    github.runner.environment["GITHUB_REPOSITORY"] = APP
    return result


def held(github: GitHub) -> dict[str, list[str]]:
    """Return what the deployment holds back, and why; nothing of it must be deployed."""
    result = Infra(github).plan(enforce_gates="true", app_token=github.bot)
    assert result.outputs["has-changes"] == "false", result.log
    reasons: dict[str, list[str]] = {}
    for entry in result.json("held"):
        reasons.setdefault(entry["env"], []).append(entry["reason"])
    return reasons


def test_attack_bot_merges_a_change_of_prod(organization: GitHub, tmp_path: Path) -> None:
    """Its bypass is for all of main, so GitHub lets it; the deployment does not."""
    organization.release("1.0.0")
    with no_trace(organization.world.infra, "refs/heads/main"):
        refused = organization.run("action-open-infra-pr", env="prod", tag="1.0.0", infra_repo=INFRA, merge="direct")
    text = organization.infra_file("envs/prod.json")
    changed = re.sub(r'"tag": "[^"]*"', '"tag": "1.0.0"', text)
    number = infra_change(organization, BOT, {"envs/prod.json": changed}, tmp_path)
    organization.person(BOT).merge(INFRA, number)

    assert (refused.exit_code, refused.outputs["reason"]) == (7, "not-promoted")
    assert {"review-required", "not-promoted"} <= set(held(organization)["prod"])


def test_attack_bot_merges_a_change_of_a_workflow(organization: GitHub, tmp_path: Path) -> None:
    """Hidden in a pull request that sets the tag of dev, where it may merge on its own."""
    organization.release("1.0.0")
    text = organization.infra_file("envs/dev.json")
    changed = re.sub(r'"tag": "[^"]*"', '"tag": "1.0.0"', text)
    files = {"envs/dev.json": changed, ".github/workflows/deploy.yml": "on: push\njobs: {}\n"}
    number = infra_change(organization, BOT, files, tmp_path)
    verdict = judged(organization, number)
    organization.person(BOT).merge(INFRA, number)

    assert (verdict.exit_code, verdict.outputs["reason"]) == (7, "foreign-files")
    assert held(organization)["dev"] == ["unreviewed-commit"]


@pytest.mark.parametrize("where", ["on a branch", "in a fork"])
def test_attack_tag_of_an_unmerged_commit(organization: GitHub, tmp_path: Path, where: str) -> None:
    """GitHub finds the commits of every fork in the repository that was forked, whatever branch they are on."""
    app = organization.world.app
    alice = organization.sandbox.state.users["alice"]
    head = app.git.head("main") or ""
    sha = app.git.commit(parents=[head], message="evil", author=alice.person, files={"evil": b"evil"})
    if where == "on a branch":
        app.git.set_ref("refs/heads/evil", sha)
    organization.report("gate", "success", sha, app)
    refused = organization.run("action-open-infra-pr", env="dev", tag=sha, infra_repo=INFRA, merge="direct")
    hotfix = organization.run("action-create-hotfix", base_commit_sha=sha, branch_name="evil")
    changed = re.sub(r'"tag": "[^"]*"', f'"tag": "{sha}"', organization.infra_file())
    number = infra_change(organization, "alice", {"envs/dev.json": changed}, tmp_path)
    verdict = judged(organization, number)
    organization.person("bob").approve(INFRA, number)
    organization.person("alice").merge(INFRA, number)

    for result in (refused, hotfix, verdict):
        assert (result.exit_code, result.outputs["reason"]) == (7, "not-released")
    assert held(organization)["dev"] == ["not-released"]
    assert "hotfixes/evil" not in app.git.refs("refs/heads/")


# What is smuggled in by inputs.


def commands(log: str) -> list[str]:
    """Return the workflow commands in *log*: the lines that the runner would act on."""
    return [line for line in re.split(r"\r\n|\r|\n", log) if line.lstrip().startswith("::") or "##[" in line]


def require_harmless(action: str, result: Result, token: str) -> None:
    """Require that a run says nothing that GitHub acts on, in log, outputs and summary, but what it means to say."""
    codes = {0, 8, 9} | {kind.exit_code for kind in everything(ActionError) if hasattr(kind, "exit_code")}
    assert result.exit_code in codes
    assert result.outputs.keys() == declaration(action)["outputs"].keys()
    for line in commands(result.log):
        assert COMMANDS.match(line), line
    assert token not in result.log.replace(f"::add-mask::{token}", "")
    assert token not in result.summary + json.dumps(result.outputs)
    assert not re.search(r"<(?!/?(sub|details|summary|br)\b)[a-zA-Z!/]", outside_code(result.summary)), result.summary


def outside_code(text: str) -> str:
    text = re.sub(r"^<!-- gitops-actions [^<>]* -->$", "", text, flags=re.MULTILINE)  # what we say to ourselves
    return re.sub(r"(`{3,}).*?\n *\1|`[^`\n]*`", "", text, flags=re.DOTALL)


def everything(kind: type[ActionError]) -> set[type[ActionError]]:
    return {kind} | {found for below in kind.__subclasses__() for found in everything(below)}


def run(github: GitHub, action: str, inputs: dict[str, str]) -> Result:
    """Run *action* in the app repository, with the bot's token if it takes one."""
    tokens = {"token": github.bot} if "token" in declaration(action)["inputs"] else {}
    given_ = {name.replace("-", "_"): text for name, text in (tokens | inputs).items()}
    return github.runner.run(action, github.main(action), **given_)


def forget(github: GitHub) -> None:
    """Take away what the actions made, so that the next run finds what this one found."""
    for repo in (github.world.app, github.world.infra):
        repo.pulls.clear()
        for ref in repo.git.refs("refs/heads/"):
            if ref != "refs/heads/main":
                repo.git.delete_ref(ref)


PLAUSIBLE: dict[str, dict[str, str]] = {
    "action-bump-env": {"env": "dev", "service": "api", "tag": "1.0.0"},
    "action-check-envs": {"app-token": "t"},
    "action-create-hotfix": {"base-tag": "1.0.0", "branch-name": "x"},
    "action-deploy-matrix": {},
    "action-doctor": {"infra-repo": INFRA},
    "action-open-infra-pr": {"env": "dev", "service": "api", "tag": "1.0.0", "infra-repo": INFRA},
    "action-report-deployment": {},
    "action-export-evidence": {},
    "action-setup-flags": {"services": "api: services/api", "main-branch": "main"},
    "action-sync-protection": {"mode": "plan"},
}
# Not the tokens, and not the body, which is Markdown by whoever wrote the workflow.
SMUGGLED = [
    (action, name)
    for action in ACTIONS
    for name in declaration(action)["inputs"]
    if name not in ("token", "app-token", "branch-token", "body")
]


@pytest.mark.parametrize("value", HOSTILE)
def test_attack_injection_by_inputs(organization: GitHub, value: str) -> None:
    """Every input of every action."""
    organization.release("1.0.0")
    organization.runner.write({"envs/dev.json": organization.infra_file()})
    for action, name in SMUGGLED:
        given_ = PLAUSIBLE[action] | {name: value}
        result = run(organization, action, given_)
        require_harmless(action, result, organization.bot)
        forget(organization)


@pytest.mark.parametrize("value", [param for param in HOSTILE if "\n" not in str(param.values[0])])
def test_attack_injection_by_what_is_there(organization: GitHub, value: str) -> None:
    """By the title of a commit, the tag in place, and the name of whoever starts the run, into a pull request."""
    organization.release("1.0.0")
    organization.change_infra(
        {"envs/dev.json": json.dumps({"api": {"tag": value, "url": value}}), "envs/prod.json": None}
    )
    organization.app_commit(value)
    organization.release("1.1.0")
    organization.runner.environment["GITHUB_ACTOR"] = value
    first = organization.run("action-open-infra-pr", env="dev", tag="1.0.0", infra_repo=INFRA)
    second = organization.run("action-open-infra-pr", env="staging", tag="1.1.0", infra_repo=INFRA)

    for result in (first, second):
        require_harmless("action-open-infra-pr", result, organization.bot)
    assert first.exit_code == 0, first.log
    for pull in organization.world.infra.pulls.values():
        assert len(pull.body) < 65_536
        assert "<!--" not in outside_code(pull.body)
        assert "<img" not in outside_code(pull.body)
        assert "\n" not in pull.title
        message = organization.world.infra.git.get(pull.head_sha).message
        own = re.sub(r"\nRequested-in: http://127\S+\nMade-by: gitops-actions$", "", message)
        assert not [line for line in own.splitlines()[1:] if re.match(r"[A-Z][A-Za-z-]+: ", line)]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pick=st.sampled_from(SMUGGLED),
    value=st.text(max_size=200) | st.from_regex(r"[\w./:=@{}$`'\"<>%-]{1,60}", fullmatch=True),
)
def test_attack_injection_by_anything(organization: GitHub, pick: tuple[str, str], value: str) -> None:
    action, name = pick
    possible = value.replace("\0", "").encode("utf-8", "replace").decode()  # in an environment

    result = run(organization, action, PLAUSIBLE[action] | {name: possible})

    require_harmless(action, result, organization.bot)
    forget(organization)


# What comes from an API that is not GitHub.

CALLERS = [action for action in ACTIONS if "token" in declaration(action)["inputs"]]


def run_against(organization: GitHub, hostile: Hostile, action: str) -> Result:
    """Run *action* with *hostile* in the place of GitHub's API."""
    organization.runner.environment |= {
        "GITHUB_API_URL": hostile.url,
        "GITHUB_GRAPHQL_URL": f"{hostile.url}/graphql",
        "GITHUB_SHA": "a" * 40,
    }
    if action == "action-check-envs":
        payload = {"pull_request": {"number": 1}, "repository": {"default_branch": "main"}}
        organization.runner.event("pull_request_target", payload)
    else:
        organization.runner.event("push", {"after": "a" * 40, "before": "b" * 40})
    ruleset = (ROOT / ".github/rulesets/main.json").read_text(encoding="utf-8")
    files = {"protection/app/rulesets/main.json": ruleset, "envs/dev.json": organization.infra_file()}
    organization.runner.write(files)
    result = run(organization, action, PLAUSIBLE[action])
    assert hostile.asked, result.log
    return result


@pytest.mark.parametrize("action", CALLERS)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_attack_redirect_to_another_host(organization: GitHub, action: str, status: int) -> None:
    """The token does not go along."""
    with Hostile().serving() as thief, Hostile(status=status).serving() as hostile:
        hostile.headers = {"Location": thief.url.replace("127.0.0.1", "localhost") + "/repos/your-org/app"}
        result = run_against(organization, hostile, action)

    require_harmless(action, result, organization.bot)
    assert thief.asked == []


@pytest.mark.parametrize("action", CALLERS)
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"<html>Bad gateway</html>", id="HTML"),
        pytest.param(b"[" * 200_000, id="deep"),
        pytest.param(b'{"data": ' + b"[" * 90 + b"]" * 90 + b"}", id="lists"),
        pytest.param(b'{"data": null}', id="no data"),
        pytest.param(b'{"data": {}, "errors": [1, {"type": 2}]}', id="odd errors"),
        pytest.param(b'{"errors": "none"}', id="no list of errors"),
        pytest.param(b'{"data": {}, "errors": [{"type": "FORBIDDEN", "path": [["x"], {}, 1]}]}', id="an odd path"),
        pytest.param(b'"text"', id="a text"),
        pytest.param(b'{"message": "' + b"x" * 20_000_000 + b'"}', id="huge"),
    ],
)
def test_attack_answers_that_make_no_sense(organization: GitHub, action: str, body: bytes) -> None:
    with Hostile(body=body).serving() as hostile:
        result = run_against(organization, hostile, action)

    require_harmless(action, result, organization.bot)
    assert (result.exit_code, result.outputs["reason"]) in [(5, "github-error"), (5, "github-unavailable")]
    assert len(result.log) < 10_000


def test_an_error_page_that_is_no_json_is_an_error(organization: GitHub) -> None:
    with Hostile(status=418, body=b"<html>Teapot</html>").serving() as hostile:
        result = run_against(organization, hostile, "action-open-infra-pr")

    assert (result.exit_code, result.outputs["reason"]) == (5, "github-error")
    assert "GitHub answered 418" in result.log


def test_attack_token_in_an_exception(organization: GitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of ours shows a traceback, with whatever is in the objects on the way."""

    def fail(infra: Repository, given_: object) -> None:
        raise ValueError(infra, given_)

    monkeypatch.setattr(open_infra_pr, "read_state", fail)
    with pytest.raises(ValueError, match="Repository") as fault:
        organization.run("action-open-infra-pr", env="dev", tag="1.0.0", infra_repo=INFRA)

    assert organization.bot not in "".join(traceback.format_exception(fault.value))


# What is made to exhaust.

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        pytest.param("envs/dev.yml", f"{BOMB}api: {{tag: x, all: *i}}\n", id="aliases of YAML"),
        pytest.param("envs/dev.yml", "a: " * 5000, id="keys of YAML"),
        pytest.param("envs/dev.yml", "[" * 50_000, id="deep YAML"),
        pytest.param("envs/dev.json", "[" * 100_000, id="deep JSON"),
        pytest.param("envs/dev.json", '{"a":' * 100_000, id="deep objects"),
        pytest.param("envs/dev.toml", "a = " + "[" * 50_000, id="deep TOML"),
        pytest.param("gitops.yml", BOMB, id="aliases in gitops.yml"),
        pytest.param("gitops.yml", "{" * 50_000, id="deep gitops.yml"),
    ],
)
def test_attack_files_that_exhaust(organization: GitHub, path: str, text: str) -> None:
    organization.runner.write({"envs/dev.json": organization.infra_file()} | {path: text})
    if path not in ("gitops.yml", "envs/dev.json"):
        (organization.runner.workspace / "envs" / "dev.json").unlink()

    result = run(organization, "action-bump-env", PLAUSIBLE["action-bump-env"])

    require_harmless("action-bump-env", result, organization.bot)
    assert (result.exit_code, result.outputs["changed"]) in [(3, "false"), (0, "true")], result.log
