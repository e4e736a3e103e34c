"""What each action may need: exactly the documented permissions suffice, and whoever lacks one is told which.

The sandbox knows what each call needs (docs.github.com, "Permissions required for GitHub Apps"). The tables of the
documents are checked against what is asked for here. Those of export-evidence are in test_export_evidence.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from sandbox.delivery import tagged
from sandbox.state import Team
from sandbox.world import BOT
from tests.rulesets import ORGANIZATION
from tests.sandbox.scenarios import GITOPS, GitHub, Infra, check, deploy, hold, lay, merge_files, open_pr, propose
from tests.support import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.state import User
    from tests.support import Result

APP, INFRA = "your-org/app", "your-org/infra"
EXAMPLE = ROOT / "examples" / "infra" / "protection" / "app" / "rulesets"
ROLLED_OUT = timedelta(days=2)


@dataclass(frozen=True, kw_only=True)
class Work:
    """What an action does with a token, the permissions that its README lists, and what it says of each that lacks.

    Where a lack does not end the run, *warns* says how it is told.
    """

    action: str
    run: Callable[[GitHub, str], Result]
    needs: dict[str, str]
    ends: str
    says: dict[str, str] = field(default_factory=dict)
    warns: dict[str, str] = field(default_factory=dict)
    kinds: tuple[str, ...] = ("App", "fine-grained", "classic")
    owner: str = BOT


def commit(github: GitHub) -> str:
    """Return a commit of the app that was merged, with a check and a commit status of the old kind on it."""
    sha = github.app_commit()
    require_status(github, APP, sha)
    return sha


def require_status(github: GitHub, repository: str, sha: str) -> None:
    """Report a commit status on *sha* and require it."""
    repo = github.sandbox.state.repos[repository]
    github.person("olivia").api("POST", f"/repos/{repository}/statuses/{sha}", {"state": "success", "context": "scan"})
    for ruleset in repo.rulesets:
        for rule in ruleset["rules"]:
            if rule["type"] == "required_status_checks":
                required = rule["parameters"]["required_status_checks"]
                required[:] = [*(known for known in required if known["context"] != "scan"), {"context": "scan"}]


def merged(github: GitHub, token: str, **inputs: str) -> Result:
    """Have a change of dev merged as soon as its checks have succeeded."""
    tag = commit(github)
    infra = github.world.infra

    def report() -> None:
        for pull in infra.pulls.values():
            if not any(found.sha == pull.head_sha for found in infra.checks):
                github.report("test", "success", pull.head_sha)
                require_status(github, INFRA, pull.head_sha)

    require_status(github, INFRA, infra.git.head("main") or "")
    github.on_sleep = report
    return open_pr(github, tag=tag, merge="direct", token=token, **inputs)


def auto_merged(github: GitHub, token: str) -> Result:
    return open_pr(github, tag=commit(github), merge="auto", token=token)


def promoted(github: GitHub, token: str) -> Result:
    """Promote what has run in dev, which the gate `after` asks for."""
    github.change_infra({"gitops.yml": GITOPS})
    tag = commit(github)
    deploy(github, "dev", tag, ago=ROLLED_OUT)
    return open_pr(github, env="staging", from_env="dev", token=token)


def gates_judged(github: GitHub, *, token: str, app_token: str) -> Result:
    github.change_infra({"gitops.yml": GITOPS})
    github.runner.environment["GITHUB_REPOSITORY"] = INFRA
    tag = commit(github)
    deploy(github, "dev", tag, ago=ROLLED_OUT)
    number = propose(github, {"envs/staging.json": tagged(tag)})
    return check(github, number, token=token, app_token=app_token)


def planned(github: GitHub, *, token: str, app_token: str) -> Result:
    """Plan a deployment to staging of what has run in dev, and was approved."""
    github.change_infra({"gitops.yml": GITOPS})
    infra = Infra(github)
    tag = commit(github)
    github.world.infra.rulesets.clear()
    infra.deployed("dev", merge_files(infra, {"envs/dev.json": tagged(tag)}))
    merge_files(infra, {"envs/staging.json": tagged(tag)})
    result = hold(infra, token=token, app_token=app_token, environments="staging")
    unknown = "".join(entry["message"] for entry in json.loads(result.outputs["held"]))
    return replace(result, outputs=result.outputs | {"reason": "unknown"}, log=unknown) if unknown else result


def hotfix(github: GitHub, token: str) -> Result:
    sha = github.app_commit()
    return github.run("action-create-hotfix", base_commit_sha=sha, branch_name="1-urgent", token=token)


def hotfix_of_env(github: GitHub, token: str) -> Result:
    github.change_infra({"envs/prod.json": tagged(github.app_commit())})
    given = {"from_env": "prod", "service": "api", "infra_repo": INFRA, "branch_name": "1-urgent"}
    return github.run("action-create-hotfix", token=token, **given)


def reported(github: GitHub, token: str) -> Result:
    files = {"gitops.yml": f"services: {{api: {{repo: {APP}}}}}", "envs/prod.json": tagged(github.app_commit())}
    github.runner.environment |= {"GITHUB_REPOSITORY": INFRA, "GITHUB_SHA": "c" * 40}
    github.runner.write(dict(files))
    return github.run("action-report-deployment", env="prod", status="success", token=token)


def synced(github: GitHub, token: str) -> Result:
    """Apply the example's rulesets of the app, in which a team has been named, and an environment of it."""
    files = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in EXAMPLE.glob("*.json")}
    owner = github.world.app.owner
    owner.teams.append(Team(9, "release", {"olivia"}))
    files["main.json"]["bypass_actors"] = [{"actor": "release", "actor_type": "Team", "bypass_mode": "pull_request"}]
    texts: dict[str, str | None] = {f"rulesets/{name}": json.dumps(content) for name, content in files.items()}
    key = EXAMPLE.parent / "environments" / "gitops-bot.json"
    texts |= {"environments/gitops-bot.json": key.read_text(encoding="utf-8")}
    lay(github, {f"protection/app/{path}": text for path, text in texts.items()})
    return github.run("action-sync-protection", mode="apply", token=token)


WRITES = {"contents": "write", "pull_requests": "write"}
READS_APP = {"contents": "read", "checks": "read", "statuses": "read", "pull_requests": "read"}
WORKS = {
    "open-infra-pr, direct": Work(
        action="action-open-infra-pr",
        run=merged,
        needs={**WRITES, "checks": "read", "statuses": "read"},
        ends="merged",
    ),
    "open-infra-pr, auto": Work(
        action="action-open-infra-pr",
        run=auto_merged,
        needs={**WRITES, "checks": "read", "statuses": "read"},
        ends="merges-when-ready",
    ),
    "open-infra-pr, promotion": Work(
        action="action-open-infra-pr",
        run=promoted,
        needs={**WRITES, "checks": "read", "statuses": "read", "deployments": "read"},
        ends="opened",
    ),
    "create-hotfix": Work(action="action-create-hotfix", run=hotfix, needs={"contents": "write"}, ends="created"),
    "create-hotfix, from-env": Work(
        action="action-create-hotfix",
        run=hotfix_of_env,
        needs={"contents": "write", "pull_requests": "read"},
        ends="created",
    ),
    "check-envs, token": Work(
        action="action-check-envs",
        run=lambda github, token: gates_judged(github, token=token, app_token=github.bot),
        needs={"contents": "read", "deployments": "read", "pull_requests": "write"},
        ends="allowed",
        warns={"pull_requests": "it needs 'pull requests: write'"},
        kinds=("App", "fine-grained", "classic", "job"),
    ),
    "check-envs, app-token": Work(
        action="action-check-envs",
        run=lambda github, token: gates_judged(github, token=github.bot, app_token=token),
        needs=READS_APP,
        ends="allowed",
    ),
    "deploy-matrix, token": Work(
        action="action-deploy-matrix",
        run=lambda github, token: planned(github, token=token, app_token=github.bot),
        needs={"contents": "read", "deployments": "read", "pull_requests": "read"},
        ends="changed",
        kinds=("App", "fine-grained", "classic", "job"),
    ),
    "deploy-matrix, app-token": Work(
        action="action-deploy-matrix",
        run=lambda github, token: planned(github, token=github.bot, app_token=token),
        needs=READS_APP,
        ends="changed",
    ),
    "sync-protection": Work(
        action="action-sync-protection",
        run=synced,
        needs={
            "administration": "write",
            "actions": "read",
            "contents": "read",
            "members": "read",
            "pull_requests": "read",
        },
        ends="applied",
        owner="olivia",
    ),
    "report-deployment": Work(
        action="action-report-deployment",
        run=reported,
        needs={"deployments": "write", "contents": "read", "pull_requests": "read"},
        ends="reported",
    ),
}

WORDS = {"pull_requests": "pull requests", "statuses": "commit statuses"}


def words(permission: str, level: str) -> str:
    """Return how documents and messages name a permission: `pull requests: write`."""
    return f"{WORDS.get(permission, permission)}: {level}"


def token_of(github: GitHub, kind: str, owner: str, permissions: dict[str, str]) -> str:
    """Return a token of *kind* with *permissions*, where the kind has any; a person's belongs to *owner*."""
    state = github.sandbox.state
    if kind == "classic":
        return github.world.tokens[owner]
    if kind == "fine-grained":
        known = {name: level for name, level in permissions.items() if name != "checks"}
        return state.add_token(owner, permissions=known | ({"actions": "read"} if "checks" in permissions else {}))
    app = state.users["github-actions[bot]"] if kind == "job" else state.add_user("gitops[bot]", kind="Bot")
    for repo in (github.world.app, github.world.infra):
        if kind == "App" or repo.name == "infra":
            repo.members[app.login] = "write"
        replace_bypass(github, repo.rulesets, app)
    return state.add_token(app.login, permissions=permissions, of_run=kind == "job")


def replace_bypass(github: GitHub, rulesets: list[dict[str, Any]], app: User) -> None:
    """Have *app* bypass what the bot may bypass."""
    bot = github.sandbox.state.users[BOT].id
    for ruleset in rulesets:
        for entry in ruleset["bypass_actors"]:
            if entry["actor_id"] == bot:
                entry |= {"actor_type": "Integration", "actor_id": app.id}


@pytest.mark.parametrize(
    ("name", "kind"), [(name, kind) for name, work in WORKS.items() for kind in work.kinds], ids=str
)
def test_the_documented_permissions_suffice(github: GitHub, name: str, kind: str) -> None:
    work = WORKS[name]

    result = work.run(github, token_of(github, kind, work.owner, work.needs))

    assert (result.exit_code, result.outputs["reason"]) == (0, work.ends), result.log
    assert "it needs" not in result.log


@pytest.mark.parametrize(
    ("name", "lacking"), [(name, lacking) for name, work in WORKS.items() for lacking in work.needs], ids=str
)
def test_whoever_lacks_a_permission_is_told_which(github: GitHub, name: str, lacking: str) -> None:
    work = WORKS[name]
    level = work.needs[lacking]
    narrowed = {**work.needs, lacking: "read" if level == "write" else "none"}

    result = work.run(github, token_of(github, "App", work.owner, narrowed))

    print(result.log, result.summary)
    assert work.warns.get(lacking) or result.outputs["reason"] in ("permission-denied", "unknown"), result.log
    assert words(lacking, level) in re.sub(r"&#58;", ":", result.log), result.log


@pytest.mark.parametrize("name", WORKS)
def test_the_readme_lists_what_is_needed(name: str) -> None:
    work = WORKS[name]
    text = (ROOT / work.action / "README.md").read_text(encoding="utf-8")
    section = text.partition("## Permissions")[2].partition("\n## ")[0]

    for permission, level in work.needs.items():
        assert words(permission, level) in section, permission


@pytest.mark.parametrize("granted", ["write", "read", "none"])
def test_the_rulesets_of_an_organization_need_its_administration(github: GitHub, granted: str) -> None:
    """To read them too."""
    app = github.sandbox.state.add_user("gitops[bot]", kind="Bot")
    github.world.infra.members[app.login] = "write"
    permissions = {"organization_administration": granted, "contents": "read", "pull_requests": "read"}
    token = github.sandbox.state.add_token(app.login, permissions=permissions)
    lay(github, {"protection/organization/rulesets/all.json": json.dumps(ORGANIZATION)})

    result = github.run("action-sync-protection", organization="your-org", mode="apply", token=token)

    if granted == "write":
        assert (result.exit_code, result.outputs["reason"]) == (0, "applied"), result.log
    else:
        assert (result.exit_code, result.outputs["reason"]) == (6, "permission-denied"), result.log
        assert "organization administration: write" in result.log
