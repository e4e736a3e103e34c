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
from sandbox.state import ACTIONS_APP, CheckRun, CommitStatus, Team, WorkflowRun
from sandbox.world import BOT
from tests.rulesets import ORGANIZATION
from tests.sandbox.scenarios import GITOPS, GitHub, Infra, check, deploy, lay, merge_files, open_pr, propose
from tests.sandbox.test_holds import open_issue
from tests.support import ROOT, readme_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.state import Repo, User
    from tests.support import Result

APP, INFRA = "your-org/app", "your-org/infra"
EXAMPLE = ROOT / "examples" / "infra" / "protection" / "app" / "rulesets"
ROLLED_OUT = timedelta(days=2)
HOLDING = f"{GITOPS}hold: issues\n"
SHOWING = f"{HOLDING}show-held: issue\n"
# Tested with the flows that need them: test_protected_repositories.py, test_emergency.py, test_waiting.py,
# test_artifacts.py.
ELSEWHERE = {"organization administration: write", "members: read", "actions: write", "attestations: read"}


@dataclass(frozen=True, kw_only=True)
class Work:
    """What an action does with a token, the permissions that its README lists, and what it says of each that lacks.

    Where a lack does not end the run, *warns* says how it is told; *says* where something else tells it.
    """

    action: str
    run: Callable[[GitHub, str], Result]
    needs: dict[str, str]
    ends: str
    says: dict[str, str] = field(default_factory=dict)
    warns: dict[str, str] = field(default_factory=dict)
    kinds: tuple[str, ...] = ("App", "fine-grained", "classic")
    owner: str = BOT


def named(text: str, *others: str) -> str:
    """Return *text* of gitops.yml, in which the api needs the job `gate` and *others*, of the account `scanner`."""
    checks = ", ".join(["gate", *(f"{{name: {name}, by: scanner}}" for name in others)])
    home = "api: {repo: your-org/app}"
    assert home in text
    return text.replace(home, f"api: {{repo: your-org/app, checks: [{checks}]}}") if others else text


def scanner(github: GitHub) -> User:
    """Return who reports checks that are no jobs."""
    known = github.sandbox.state.users
    return known.get("scanner[bot]") or github.sandbox.state.add_user("scanner[bot]", kind="Bot")


def report_others(github: GitHub, repo: Repo, sha: str, *, runs: tuple[str, ...] = ()) -> None:
    """Report checks of an App on *sha*: *runs*, and two commit statuses."""
    state, who = github.sandbox.state, scanner(github)
    for name in runs:
        repo.checks.append(CheckRun(state.new_id(), name, sha, who.id, status="completed", conclusion="success"))
    for name in ("scan", "licences"):
        repo.statuses.append(CommitStatus(state.new_id(), name, sha, "success", who))


def commit(github: GitHub, *, runs: tuple[str, ...] = ()) -> str:
    """Return a commit of the app that was merged, with the checks of others on it."""
    sha = github.app_commit()
    report_others(github, github.world.app, sha, runs=runs)
    return sha


def merged(github: GitHub, token: str, **inputs: str) -> Result:
    """Have a change of dev merged as soon as its checks have succeeded: a job, a check and a status of others."""
    tag = github.app_commit()
    infra = github.world.infra
    (rule,) = [rule for rule in infra.ruleset("main")["rules"] if rule["type"] == "required_status_checks"]
    rule["parameters"]["required_status_checks"] += [{"context": "audit"}, {"context": "scan"}]

    def report() -> None:
        for pull in infra.opened.values():
            if not any(found.sha == pull.head_sha for found in infra.checks):
                github.report("test", "success", pull.head_sha)
                report_others(github, infra, pull.head_sha, runs=("audit",))

    github.on_sleep = report
    return open_pr(github, tag=tag, merge="direct", token=token, **inputs)


def merged_by_jobs(github: GitHub, token: str) -> Result:
    """Have a change of dev merged whose checks are jobs alone."""
    tag = github.app_commit()
    infra = github.world.infra

    def report() -> None:
        for pull in infra.opened.values():
            if not any(found.sha == pull.head_sha for found in infra.checks):
                github.report("test", "success", pull.head_sha)

    github.on_sleep = report
    return open_pr(github, tag=tag, merge="direct", token=token)


def auto_merged(github: GitHub, token: str) -> Result:
    return open_pr(github, tag=commit(github), merge="auto", token=token)


def promoted(github: GitHub, token: str, *others: str) -> Result:
    """Promote what has run in dev, which the gate `after` asks for."""
    github.change_infra({"gitops.yml": named(GITOPS, *others)})
    tag = commit(github, runs=tuple(name for name in others if name != "scan"))
    deploy(github, "dev", tag, ago=ROLLED_OUT)
    return open_pr(github, env="staging", from_env="dev", token=token)


def gates_judged(github: GitHub, *others: str, token: str, app_token: str, config: str = GITOPS) -> Result:
    github.change_infra({"gitops.yml": named(config, *others)})
    github.runner.environment["GITHUB_REPOSITORY"] = INFRA
    tag = commit(github, runs=tuple(name for name in others if name != "scan"))
    deploy(github, "dev", tag, ago=ROLLED_OUT)
    number = propose(github, {"envs/staging.json": tagged(tag)})
    return check(github, number, token=token, app_token=app_token)


def rolled_back(github: GitHub, token: str) -> Result:
    """Roll prod back, where that opens an issue."""
    github.change_infra({"gitops.yml": HOLDING})
    for hours in (2, 1):
        deploy(github, "prod", commit(github), ago=timedelta(hours=hours))
    return open_pr(github, env="prod", rollback="previous", reason="INC-7", token=token)


def planned(github: GitHub, *others: str, token: str, app_token: str, **inputs: str) -> Result:
    """Plan a deployment as `plan` does; what is unknown is the reason, and the log."""
    result = plan(github, *others, token=token, app_token=app_token, **inputs)
    unknown = "".join(entry["message"] for entry in json.loads(result.outputs["held"]))
    return replace(result, outputs=result.outputs | {"reason": "unknown"}, log=unknown) if unknown else result


def shown(github: GitHub, token: str) -> Result:
    open_issue(github, "hold:staging")
    result = plan(github, token=token, app_token=github.bot, record="true", config=SHOWING)
    is_unknown = "unknown" in {entry["reason"] for entry in json.loads(result.outputs["held"])}
    return replace(result, outputs=result.outputs | {"reason": "unknown"}) if is_unknown else result


def plan(github: GitHub, *others: str, token: str, app_token: str, **inputs: str) -> Result:
    """Plan a deployment to staging of what has run in dev, and was approved."""
    github.change_infra({"gitops.yml": named(inputs.pop("config", GITOPS), *others)})
    infra = Infra(github)
    tag = commit(github, runs=tuple(name for name in others if name != "scan"))
    github.world.infra.rulesets.clear()
    infra.deployed("dev", merge_files(infra, {"envs/dev.json": tagged(tag)}))
    merge_files(infra, {"envs/staging.json": tagged(tag)})
    given = {"enforce_gates": "true", "environments": "staging", **inputs}
    return infra.plan(token=token, app_token=app_token, **given)


def hotfix(github: GitHub, token: str) -> Result:
    sha = github.app_commit()
    return github.run("action-create-hotfix", base_commit_sha=sha, branch_name="1-urgent", token=token)


def hotfix_of_env(github: GitHub, token: str) -> Result:
    github.change_infra({"envs/prod.json": tagged(github.app_commit())})
    given = {"from_env": "prod", "service": "api", "infra_repo": INFRA, "branch_name": "1-urgent"}
    return github.run("action-create-hotfix", token=token, **given)


def reported(github: GitHub, token: str) -> Result:
    """Report the deployment of one environment, and tell the app."""
    sandbox, infra = github.sandbox, github.world.infra
    bot, number = sandbox.state.users[BOT], sandbox.state.new_id()
    head = github.change_infra({"envs/prod.json": tagged(github.app_commit())})
    infra.runs.append(WorkflowRun(number, ".github/workflows/deploy.yml", "push", bot, head, branch="main"))
    job = CheckRun(sandbox.state.new_id(), "deploy (prod)", head, ACTIONS_APP, number, "completed", "success")
    job.steps = {"Deploy": "success"}
    infra.checks.append(job)
    record = sandbox.behaviour.deploy(infra, bot, sha=head, ref="main", environment="prod")
    record.payload = {"run": str(number)}
    github.runner.environment |= {"GITHUB_REPOSITORY": INFRA, "GITHUB_SHA": head, "GITHUB_RUN_ID": str(number)}
    return github.run("action-report-deployment", token=token)


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


WRITES = {"contents": "write", "pull_requests": "write", "actions": "read"}
READS_APP = {"contents": "read", "actions": "read", "pull_requests": "read"}
READS_INFRA = {"contents": "read", "deployments": "read", "pull_requests": "read"}
# Of checks that are no jobs, GitHub says how many it hides, and not what is missing.
OTHERS = {"checks": "read", "statuses": "read"}
HIDDEN = dict.fromkeys(OTHERS, "The token needs 'checks: read' and 'commit statuses: read'")
APP_KINDS = ("App", "classic")
WORKS = {
    "open-infra-pr": Work(
        action="action-open-infra-pr",
        run=lambda github, token: open_pr(github, tag=commit(github), token=token),
        needs=WRITES,
        ends="opened",
    ),
    "open-infra-pr, direct": Work(
        action="action-open-infra-pr",
        run=merged,
        needs={**WRITES, **OTHERS},
        ends="merged",
        says=HIDDEN,
        kinds=APP_KINDS,
    ),
    "open-infra-pr, direct, jobs alone": Work(
        action="action-open-infra-pr",
        run=merged_by_jobs,
        needs=WRITES,
        ends="merged",
    ),
    "open-infra-pr, auto": Work(
        action="action-open-infra-pr",
        run=auto_merged,
        needs=WRITES,
        ends="merges-when-ready",
    ),
    "open-infra-pr, promotion": Work(
        action="action-open-infra-pr",
        run=promoted,
        needs={**WRITES, "deployments": "read"},
        ends="opened",
    ),
    "open-infra-pr, statuses of others": Work(
        action="action-open-infra-pr",
        run=lambda github, token: promoted(github, token, "scan"),
        needs={**WRITES, "deployments": "read", "statuses": "read"},
        ends="opened",
        says=HIDDEN,
    ),
    "open-infra-pr, checks of others": Work(
        action="action-open-infra-pr",
        run=lambda github, token: promoted(github, token, "scan", "audit"),
        needs={**WRITES, "deployments": "read", **OTHERS},
        ends="opened",
        says=HIDDEN,
        kinds=APP_KINDS,
    ),
    "open-infra-pr, rollback with a hold": Work(
        action="action-open-infra-pr",
        run=rolled_back,
        needs={"contents": "write", "pull_requests": "write", "deployments": "read", "issues": "write"},
        ends="opened",
        warns={"issues": "nothing holds api in prod"},
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
    "check-envs, holds": Work(
        action="action-check-envs",
        run=lambda github, token: gates_judged(github, token=token, app_token=github.bot, config=HOLDING),
        needs={"contents": "read", "deployments": "read", "pull_requests": "write", "issues": "read"},
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
    "check-envs, app-token, statuses of others": Work(
        action="action-check-envs",
        run=lambda github, token: gates_judged(github, "scan", token=github.bot, app_token=token),
        needs={**READS_APP, "statuses": "read"},
        ends="allowed",
        says=HIDDEN,
    ),
    "check-envs, app-token, checks of others": Work(
        action="action-check-envs",
        run=lambda github, token: gates_judged(github, "scan", "audit", token=github.bot, app_token=token),
        needs={**READS_APP, **OTHERS},
        ends="allowed",
        says=HIDDEN,
        kinds=APP_KINDS,
    ),
    "deploy-matrix, token": Work(
        action="action-deploy-matrix",
        run=lambda github, token: planned(github, token=token, app_token=github.bot),
        needs=READS_INFRA,
        ends="changed",
        kinds=("App", "fine-grained", "classic", "job"),
    ),
    "deploy-matrix, holds, again": Work(
        action="action-deploy-matrix",
        run=lambda github, token: planned(github, token=token, app_token=token, enforce_gates="again", config=HOLDING),
        needs={**READS_INFRA, "issues": "read"},
        ends="changed",
        kinds=("App", "fine-grained", "classic", "job"),
    ),
    "deploy-matrix, token, again": Work(
        action="action-deploy-matrix",
        run=lambda github, token: planned(github, token=token, app_token=token, enforce_gates="again"),
        needs=READS_INFRA,
        ends="changed",
        kinds=("App", "fine-grained", "classic", "job"),
    ),
    "deploy-matrix, token, record": Work(
        action="action-deploy-matrix",
        run=lambda github, token: planned(github, token=token, app_token=github.bot, record="true"),
        needs={**READS_INFRA, "deployments": "write"},
        ends="changed",
    ),
    "deploy-matrix, held, record": Work(
        action="action-deploy-matrix",
        run=shown,
        needs={**READS_INFRA, "issues": "write"},
        ends="held",
        warns={"issues": "it needs 'issues: write'"},
    ),
    "deploy-matrix, app-token": Work(
        action="action-deploy-matrix",
        run=lambda github, token: planned(github, token=github.bot, app_token=token),
        needs=READS_APP,
        ends="changed",
    ),
    "deploy-matrix, app-token, checks of others": Work(
        action="action-deploy-matrix",
        run=lambda github, token: planned(github, "scan", "audit", token=github.bot, app_token=token),
        needs={**READS_APP, **OTHERS},
        ends="changed",
        says=HIDDEN,
        kinds=APP_KINDS,
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
        needs={"deployments": "write", "actions": "read", "contents": "read", "pull_requests": "read"},
        ends="reported",
        warns={"pull_requests": "your-org/app was not told"},
    ),
}

WORDS = {"pull_requests": "pull requests", "statuses": "commit statuses"}
PERMISSION = re.compile(r"(?:organization |pull |commit )?[a-z]+: (?:read|write)")


def words(permission: str, level: str) -> str:
    """Return how documents and messages name a permission: `pull requests: write`."""
    return f"{WORDS.get(permission, permission)}: {level}"


def token_of(github: GitHub, kind: str, owner: str, permissions: dict[str, str]) -> str:
    """Return a token of *kind* with *permissions*, where the kind has any; a person's belongs to *owner*."""
    state = github.sandbox.state
    if kind == "classic":
        return github.world.tokens[owner]
    if kind == "fine-grained":
        return state.add_token(owner, permissions=permissions)
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
    ends = ("permission-denied", "unknown", *(("checks-hidden",) if lacking in work.says else ()))
    assert work.warns.get(lacking, "") in result.log
    assert lacking in work.warns or result.outputs["reason"] in ends, result.log
    assert work.says.get(lacking, words(lacking, level)) in re.sub(r"&#58;", ":", result.log), result.log


@pytest.mark.parametrize("action", sorted({work.action for work in WORKS.values()}))
def test_the_readme_lists_what_is_needed_and_nothing_else(action: str) -> None:
    """Whatever several tokens need, the most counts; what an organization's rulesets need has a test of its own."""
    needed = {words(*need) for work in WORKS.values() if work.action == action for need in work.needs.items()}
    listed = " ".join(cell for row in readme_rows(action, "Permissions") for cell in row)

    found = {match[0] for match in PERMISSION.finditer(listed)} - (ELSEWHERE - needed)

    assert most(found) == most(needed)


def most(permissions: set[str]) -> set[str]:
    """Return *permissions* without those to read what may be written too."""
    return {each for each in permissions if each.replace(": read", ": write") not in permissions - {each}}


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
