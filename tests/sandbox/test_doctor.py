"""action-doctor: every finding is provoked, and none is there where the examples are set up as documented."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from actions.diagnosis.finding import Finding, Severity
from actions.diagnosis.report import Ground, diagnose, text, worst
from sandbox.environments import Policy
from sandbox.faults import Fault
from sandbox.state import DeployKey, Team
from sandbox.world import BOT, GUARD, as_documented
from sandbox.worlds.description import GUARD_MAY
from tests.sandbox.scenarios import NOW, GitHub, Infra, deploy, merged_pull, started
from tests.support import readme_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sandbox.state import Repo
    from tests.support import Result, Runner

ACTION = "action-doctor"
APP, INFRA = "your-org/app", "your-org/infra"
VERSION = f"@{'c' * 40} # v1.0.0"
# What is asked only where it matters, which it does not in the examples; each has a test in which it is well.
IF_NEEDED = {"repository", "queued-checks", "auto-merge", "merge-queue", "main-branch", "unfinished"}


@pytest.fixture(name="documented")
def _documented(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHub]:
    """The two example repositories, set up as docs/setup.md says, with the actions pinned."""
    with started(runner) as github:
        as_documented(github.world)
        for name in ("app", "infra"):
            paths = workflows(getattr(github.world, name))
            rewrite(github, name, {path: lambda old: old.replace("@v1\n", f"{VERSION}\n") for path in paths})
        runner.environment["GITHUB_REPOSITORY"] = INFRA
        for name, value in github.sandbox.environment().items():
            monkeypatch.setenv(name, value)
        yield github


def workflows(repo: Repo) -> list[str]:
    return [path for path in repo.git.paths(repo.git.head("main") or "") if path.startswith(".github/workflows/")]


def rewrite(github: GitHub, name: str, changes: Mapping[str, Callable[[str], str] | None]) -> None:
    """Change files of the repository *name*, merged as approved; None deletes one."""
    repo: Repo = getattr(github.world, name)
    head, author = repo.git.head("main") or "", github.sandbox.state.users["alice"].person
    files = {
        path: None if change is None else change((repo.git.file(head, path) or (0, b""))[1].decode()).encode()
        for path, change in changes.items()
    }
    sha = repo.git.commit(parents=[head], message="Change", author=author, files=files)
    repo.git.set_ref("refs/heads/main", sha)
    merged_pull(github.sandbox.state, repo, sha, base="main", approved_by="bob")


def look(github: GitHub, token: str = "", *, now: datetime | None = None, **more: Any) -> list[Finding]:
    """Return the findings with *token*, that of the guard if none is given."""
    token = token or github.world.tokens[GUARD]
    ground = Ground(infra=INFRA, token=token, app_token=token, now=now or datetime.now(UTC))
    return diagnose(Ground(**{name: getattr(ground, name) for name in ground.__slots__} | more))


def of(findings: list[Finding], check: str) -> list[Finding]:
    return [finding for finding in findings if finding.check == check]


def doctor(github: GitHub, who: str = GUARD, **inputs: str) -> Result:
    return github.run(ACTION, **{"token": github.world.tokens[who], **inputs})


def test_the_examples_set_up_as_documented_are_healthy(documented: GitHub) -> None:
    findings = look(documented)

    assert [str(finding) for finding in findings if finding.severity is not Severity.OK] == []
    assert {finding.check for finding in findings} == {row[0].strip("`") for row in rows()} - IF_NEEDED
    assert worst(findings) is Severity.OK


# Each finding, provoked


@dataclass(frozen=True, kw_only=True)
class Provoked:
    """What *make* makes of the repositories is a finding of *check* with *severity*, which *says* something."""

    check: str
    severity: Severity
    says: str
    make: Callable[[GitHub], object]
    well: Callable[[GitHub], object] | None = field(default=None)


def edit(repo: str, path: str, old: str, new: str) -> Callable[[GitHub], object]:
    """Return how *old* becomes *new* in a file of *repo*."""

    def change(before: str) -> str:
        assert old in before, f"{path} has no {old!r}"
        return before.replace(old, new)

    return lambda github: rewrite(github, repo, {path: change})


def put(path: str, text_: str | None) -> Callable[[GitHub], object]:
    return lambda github: rewrite(github, "infra", {path: None if text_ is None else lambda _: text_})


def several(*steps: Callable[[GitHub], object]) -> Callable[[GitHub], object]:
    return lambda github: [step(github) for step in steps]


def infra(github: GitHub) -> Repo:
    return github.world.infra


def app_of(github: GitHub, name: str) -> Any:
    return github.sandbox.state.apps[name]


def grant(name: str, **permissions: str) -> Callable[[GitHub], object]:
    def change(github: GitHub) -> None:
        app = app_of(github, name)
        app.permissions = {key: level for key, level in (app.permissions | permissions).items() if level}

    return change


def rule(github: GitHub, kind: str, ruleset: str = "main") -> Any:
    return next(each for each in infra(github).ruleset(ruleset)["rules"] if each["type"] == kind)


def add_bypass(github: GitHub, kind: str, number: int | None, mode: str = "pull_request") -> None:
    entry = {"actor_type": kind, "actor_id": number, "bypass_mode": mode}
    infra(github).ruleset("main")["bypass_actors"].append(entry)


def rename_branch(github: GitHub) -> None:
    """Have the default branch of infra be called trunk."""
    repo = infra(github)
    repo.git.set_ref("refs/heads/trunk", repo.git.head("main") or "")
    repo.default_branch = "trunk"


def queue(github: GitHub) -> None:
    parameters: dict[str, Any] = {
        "merge_method": "SQUASH", "check_response_timeout_minutes": 60, "grouping_strategy": "ALLGREEN",
        "max_entries_to_build": 5, "max_entries_to_merge": 5, "min_entries_to_merge": 1,
        "min_entries_to_merge_wait_minutes": 5,
    }  # fmt: skip
    infra(github).ruleset("main")["rules"].append({"type": "merge_queue", "parameters": parameters})


def admit(env: str, *branches: str) -> Callable[[GitHub], object]:
    policies = [Policy(number, branch) for number, branch in enumerate(branches, start=1)]
    return lambda github: setattr(infra(github).environments[env], "policies", policies)


def add_team(github: GitHub) -> None:
    infra(github).owner.teams.append(Team(7, "platform", set()))
    add_bypass(github, "Team", 7)


def team_in_files(github: GitHub) -> None:
    entry = '{"actor": "platform", "actor_type": "Team", "bypass_mode": "pull_request"}'
    edit("infra", MAIN, '"bypass_actors": [', f'"bypass_actors": [{entry},')(github)


def somebody(github: GitHub, login: str, role: Any, repo: str = "infra") -> None:
    github.sandbox.state.add_user(login)
    getattr(github.world, repo).members[login] = role


def alone(github: GitHub) -> None:
    """Have only one person use infra; an App is not asked for its role."""
    for login in ("alice", "bob"):
        del infra(github).members[login]


def late(github: GitHub) -> None:
    """Have staging say a commit that never ran in dev."""
    tag = github.app_commit()
    github.change_infra({"envs/staging.json": env_file(tag)})


def env_file(tag: str) -> str:
    return f'{{"api": {{"tag": "{tag}"}}}}\n'


def soaking(github: GitHub) -> None:
    """Have staging say a commit that has run in dev for an hour, of a day."""
    edit("infra", "gitops.yml", "{after: dev}", "{after: dev, soak: 24h, review: none}")(github)
    tag = github.app_commit()
    deploy(github, "dev", tag, ago=timedelta(hours=1))
    github.change_infra({"envs/staging.json": env_file(tag)})


def unfinished(github: GitHub) -> None:
    """Have a deployment to prod begin, fail, and be followed by a change back."""
    before = github.infra_file("envs/prod.json")
    Infra(github).deployed("prod", github.change_infra({"envs/prod.json": env_file("1.1.0")}), "failure")
    github.change_infra({"envs/prod.json": before})


def recorded_by_alice(github: GitHub) -> None:
    for deployment in infra(github).deployments:
        deployment.creator = github.sandbox.state.users["alice"]


ERROR, UNKNOWN, WARNING = Severity.ERROR, Severity.UNKNOWN, Severity.WARNING
MAIN = "protection/infra/rulesets/main.json"
TREE = "GET /repos/{owner}/{repo}/git/trees/{tree_sha}"
FLOWS = ".github/workflows"
PUBLISH, GATES, DEPLOY = f"{FLOWS}/publish.yml", f"{FLOWS}/gates.yml", f"{FLOWS}/deploy.yml"
DIRECT = "merge: direct"
TRIGGER = "      id: flags\n        uses: your-org/gitops-actions/action-setup-flags" + VERSION
CASES = [
    Provoked(
        check="app-installed", severity=ERROR, says="not installed",
        make=lambda github: github.sandbox.state.apps.pop("gitops-bot"),
    ),
    Provoked(
        check="app-installed", severity=ERROR, says="suspended",
        make=lambda github: setattr(app_of(github, "gitops-guard"), "suspended", "2026-01-01T00:00:00Z"),
    ),
    Provoked(
        check="app-repositories", severity=ERROR, says="all repositories",
        make=lambda github: setattr(app_of(github, "gitops-bot"), "on_all", True),
    ),
    Provoked(
        check="app-permissions", severity=ERROR, says="deployments: write, checks: read",
        make=grant("gitops-bot", checks="", deployments="read"),
    ),
    Provoked(
        check="app-permissions-needless", severity=ERROR, says="administration: write",
        make=grant("gitops-bot", administration="write"),
    ),
    Provoked(
        check="app-permissions-needless", severity=WARNING, says="packages: read",
        make=grant("gitops-guard", packages="read"),
    ),
    Provoked(
        check="environment", severity=ERROR, says="missing",
        make=lambda github: infra(github).environments.pop("prod"),
    ),
    Provoked(
        check="environment-branches", severity=ERROR, says="every branch and git tag",
        make=lambda github: setattr(infra(github).environments["gitops-bot"], "policies", None),
    ),
    Provoked(
        check="environment-branches", severity=WARNING, says="branch main, branch release/*",
        make=admit("prod", "main", "release/*"),
    ),
    Provoked(
        check="environment-branches", severity=WARNING, says="none",
        make=admit("dev"),
    ),
    Provoked(
        check="environment-secrets", severity=ERROR, says="none; not there: GITOPS_BOT_KEY",
        make=lambda github: infra(github).environments["gitops-bot"].secrets.clear(),
    ),
    Provoked(
        check="environment-secrets", severity=WARNING, says="none; not there: DEPLOY_KEY",
        make=edit("infra", DEPLOY, "ENVIRONMENT: ${{ matrix.env }}", "KEY: ${{ secrets.DEPLOY_KEY }}"),
        well=lambda github: [
            github.world.infra.environments[env].secrets.update(DEPLOY_KEY="x") for env in ("dev", "staging", "prod")
        ],
    ),
    Provoked(
        check="protection", severity=ERROR, says="rules.deletion is not set on GitHub, true in the file",
        make=lambda github: infra(github).ruleset("main")["rules"].remove(rule(github, "deletion")),
    ),
    Provoked(
        check="protection", severity=ERROR, says="missing on GitHub",
        make=lambda github: infra(github).rulesets.remove(infra(github).ruleset("evidence")),
    ),
    Provoked(
        check="protection", severity=ERROR, says="bypass_actors is",
        make=lambda github: add_bypass(github, "Integration", 5),
    ),
    Provoked(
        check="protection", severity=ERROR, says='reviewers is ["User alice"] on GitHub, [] in the file',
        make=lambda github: infra(github).environments["prod"].reviewers.append(
            ("User", github.sandbox.state.users["alice"].id)
        ),
    ),
    Provoked(
        check="protection", severity=ERROR, says="Team 'platform' not found",
        make=team_in_files,
        well=add_team,
    ),
    Provoked(
        check="branch-rules", severity=ERROR,
        says="none; not there: pull_request, required_status_checks, non_fast_forward",
        make=lambda github: infra(github).rulesets.clear(),
    ),
    Provoked(
        check="branch-rules", severity=ERROR, says="no approval is required",
        make=lambda github: rule(github, "pull_request")["parameters"].update(required_approving_review_count=0),
        well=lambda github: rule(github, "pull_request")["parameters"].update(
            required_reviewers=[
                {"file_patterns": ["*"], "minimum_approvals": 1, "reviewer": {"type": "Team", "id": 7}}
            ]
        ),
    ),
    Provoked(
        check="rulesets", severity=ERROR, says="check 'audit' is required, but no workflow reports it",
        make=lambda github: rule(github, "required_status_checks")["parameters"]["required_status_checks"].append(
            {"context": "audit", "integration_id": 15368}
        ),
    ),
    Provoked(
        check="rulesets", severity=WARNING, says="check 'test' can be reported by anyone with write access",
        make=lambda github: rule(github, "required_status_checks")["parameters"]["required_status_checks"][0].pop(
            "integration_id"
        ),
    ),
    Provoked(
        check="queued-checks", severity=ERROR, says="gates",
        make=several(queue, put(f"{FLOWS}/gates-queue.yml", None)),
        well=put(f"{FLOWS}/gates-queue.yml", "on: merge_group\njobs: {gates: {runs-on: x}}\n"),
    ),
    Provoked(
        check="bypass-actors", severity=WARNING, says="OrganizationAdmin (pull_request) of 'main'",
        make=lambda github: add_bypass(github, "OrganizationAdmin", None),
    ),
    Provoked(
        check="merge-methods", severity=ERROR, says="merge",
        make=lambda github: setattr(infra(github), "merge_methods", {"merge"}),
    ),
    Provoked(
        check="auto-merge", severity=ERROR, says="not allowed",
        make=several(
            edit("app", PUBLISH, DIRECT, "merge: auto"),
            lambda github: setattr(infra(github), "allow_auto_merge", False),
        ),
        well=lambda github: setattr(infra(github), "allow_auto_merge", True),
    ),
    Provoked(
        check="merge-queue", severity=ERROR, says="no rule asks for it",
        make=edit("app", PUBLISH, DIRECT, "merge: queue"),
        well=queue,
    ),
    Provoked(
        check="branch-deletion", severity=WARNING, says="kept",
        make=lambda github: setattr(github.world.app, "delete_branch_on_merge", False),
    ),
    Provoked(
        check="default-permission", severity=WARNING, says="write",
        make=lambda github: setattr(github.world.app, "runs_may_write", True),
    ),
    Provoked(
        check="approval-by-actions", severity=ERROR, says="yes",
        make=lambda github: setattr(infra(github), "runs_may_approve", True),
    ),
    Provoked(check="writers", severity=ERROR, says="olivia", make=alone),
    Provoked(
        check="administrators", severity=ERROR, says="olivia, gitops-bot",
        make=lambda github: somebody(github, "gitops-bot", "admin"),
        well=lambda github: infra(github).members.update({"gitops-bot": "write"}),
    ),
    Provoked(
        check="deploy-keys", severity=ERROR, says="ci (write), argo (read)",
        make=lambda github: infra(github).keys.extend([DeployKey(1, "ci", read_only=False), DeployKey(2, "argo")]),
        well=lambda github: infra(github).keys.pop(0),
    ),
    Provoked(
        check="open-secrets", severity=ERROR, says="GITOPS_BOT_KEY",
        make=lambda github: github.world.app.secrets.update(GITOPS_BOT_KEY="x"),
    ),
    Provoked(
        check="open-secrets", severity=WARNING, says="REGISTRY",
        make=lambda github: infra(github).owner.secrets.add("REGISTRY"),
    ),
    Provoked(
        check="open-secrets", severity=WARNING, says="NPM",
        make=lambda github: infra(github).dependabot_secrets.add("NPM"),
    ),
    Provoked(
        check="self-hosted-runners", severity=WARNING, says="rack-1",
        make=lambda github: infra(github).runners.append("rack-1"),
    ),
    Provoked(
        check="self-hosted-runners", severity=WARNING, says=f"asked for by {DEPLOY}",
        make=edit("infra", DEPLOY, "runs-on: ubuntu-24.04", "runs-on: {group: big, labels: [self-hosted, big]}"),
    ),
    Provoked(
        check="our-actions-pinned", severity=WARNING, says="check-envs@v1",
        make=edit("infra", GATES, f"action-check-envs{VERSION}", "action-check-envs@v1"),
    ),
    Provoked(
        check="versions", severity=WARNING, says=f"v1, {'c' * 40}",
        make=edit("infra", f"{FLOWS}/change.yml", VERSION, "@v1"),
    ),
    Provoked(
        check="other-actions-pinned", severity=WARNING, says="actions/checkout@v7",
        make=edit("infra", DEPLOY, "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1",
                  "actions/checkout@v7"),
    ),
    Provoked(
        check="events", severity=ERROR, says="merge_group, pull_request, schedule, workflow_dispatch",
        make=edit("infra", DEPLOY, "  push:\n    branches: [main]\n", ""),
    ),
    Provoked(
        check="events", severity=WARNING, says="workflow_dispatch",
        make=put(f"{FLOWS}/evidence.yml", "on: workflow_dispatch\njobs: {a: {steps: "
                 f"[{{uses: your-org/gitops-actions/action-export-evidence@{'c' * 40}}}]}}}}\n"),
    ),
    Provoked(
        check="events", severity=WARNING, says="pull_request_target",
        make=edit("infra", GATES, '  schedule:\n    - cron: "53 * * * *" # judges again what waited for a gate that has'
                  " opened\n", ""),
    ),
    Provoked(check="gates", severity=ERROR, says="none", make=put(GATES, None)),
    Provoked(
        check="gate-types", severity=ERROR, says="opened, synchronize",
        make=edit("infra", GATES, ", reopened, edited, labeled, unlabeled]", "]"),
        well=edit("infra", GATES, "    types: [opened, synchronize]\n", ""),
    ),
    Provoked(
        check="gate-types", severity=ERROR, says="opened, synchronize, reopened",
        make=several(
            edit("infra", "gitops.yml", "{after: staging}", '{after: staging, freeze: ["Fri 15:00 - Mon 08:00 UTC"]}'),
            edit("infra", GATES, ", edited, labeled, unlabeled]", "]"),
        ),
        well=edit("infra", GATES, "reopened]", "reopened, edited, labeled, unlabeled]"),
    ),
    Provoked(check="branch-filters", severity=ERROR, says="main", make=rename_branch),
    Provoked(
        check="branch-filters", severity=ERROR, says="not main",
        make=edit("infra", DEPLOY, "  push:\n    branches: [main]\n", "  push:\n    branches-ignore: main\n"),
        well=edit("infra", DEPLOY, "    branches-ignore: main\n", "    tags: [v*]\n"),
    ),
    Provoked(
        check="main-branch", severity=ERROR, says="trunk",
        make=edit("app", PUBLISH, TRIGGER, f"{TRIGGER}\n        with: {{main-branch: trunk}}"),
        well=edit("app", PUBLISH, "main-branch: trunk", "main-branch: main"),
    ),
    Provoked(
        check="files", severity=ERROR, says="gitops.yml:1: environments must be a mapping",
        make=put("gitops.yml", "environments: 3\n"),
    ),
    Provoked(check="files", severity=ERROR, says="envs/dev.json:1:", make=put("envs/dev.json", "{")),
    Provoked(
        check="files", severity=ERROR, says="for the same environment; remove one",
        make=put("envs/dev.yaml", "api: {tag: x}\n"),
    ),
    Provoked(check="files", severity=ERROR, says="not JSON", make=put(MAIN, "{")),
    Provoked(
        check="environment-files", severity=ERROR, says="environments names 'qa', which has no file",
        make=edit("infra", "gitops.yml", "environments:\n", "environments:\n  qa: {}\n"),
    ),
    Provoked(
        check="environment-files", severity=ERROR, says="no env file",
        make=several(*(put(f"envs/{env}.json", None) for env in ("dev", "staging", "prod"))),
    ),
    Provoked(
        check="service-repositories", severity=ERROR, says="api",
        make=edit("infra", "gitops.yml", "services:\n  api: {repo: your-org/app}\n", ""),
        well=edit("infra", GATES, "          app-token:", "          app-repo: your-org/app\n          app-token:"),
    ),
    Provoked(
        check="names", severity=ERROR, says="not there: qa",
        make=edit("infra", f"{FLOWS}/change.yml", "options: [staging, prod, dev]", "options: [staging, qa]"),
    ),
    Provoked(
        check="names", severity=ERROR, says="not there: web",
        make=edit("app", PUBLISH, "service: api", "service: api, web"),
        well=edit("app", PUBLISH, "infra-repo: your-org/infra", "infra-repo: your-org/another"),
    ),
    Provoked(
        check="hotfix-prefix", severity=ERROR, says="hotfixes/",
        make=several(
            edit("infra", "gitops.yml", "services:\n", "hotfix-prefix: hotfix/\nservices:\n"),
            edit("app", PUBLISH, TRIGGER, f"{TRIGGER}\n        with: {{hotfix-prefix: hotfix/}}"),
        ),
        well=edit("app", f"{FLOWS}/hotfix.yml", "          infra-repo:", "          hotfix-prefix: hotfix/\n"
                  "          infra-repo:"),
    ),
    Provoked(
        check="hotfix-published", severity=ERROR, says="does not start it",
        make=edit("app", PUBLISH, "  push:\n    branches: [main, hotfixes/*]", "  push:\n    branches: [main]"),
    ),
    Provoked(
        check="hotfix-rules", severity=ERROR, says="creation",
        make=lambda github: github.world.app.ruleset("hotfixes").update(enforcement="disabled"),
    ),
    Provoked(
        check="record-makers", severity=ERROR, says="anybody's",
        make=edit("infra", "gitops.yml", "bots: [gitops-bot]", ""),
        well=edit("infra", "gitops.yml", "services:\n", "deployments: {by: [argo]}\nservices:\n"),
    ),
    Provoked(
        check="deployed", severity=WARNING, says="nothing is recorded as deployed",
        make=lambda github: infra(github).deployments.clear(),
        well=several(*(put(f"envs/{env}.json", env_file("")) for env in ("dev", "staging", "prod"))),
    ),
    Provoked(
        check="deployed", severity=ERROR, says="no record that counts; there are records by alice",
        make=recorded_by_alice,
    ),
    Provoked(check="unfinished", severity=WARNING, says="api", make=unfinished),
    Provoked(check="held", severity=ERROR, says="on the default branch since 20", make=late),
    Provoked(check="held", severity=WARNING, says="the gate opens at", make=soaking),
]  # fmt: skip


def rows() -> list[list[str]]:
    return readme_rows(ACTION, "What it looks at")


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.check}: {case.says[:30]}")
def test_a_finding_is_there_when_it_is_provoked_and_not_before(documented: GitHub, case: Provoked) -> None:
    """Before, everything is well: see above. Where a case says how it is mended, it is well again after that."""
    case.make(documented)

    found = [finding for finding in of(look(documented, now=NOW), case.check) if finding.severity is case.severity]

    assert found, [str(finding) for finding in of(look(documented), case.check)]
    assert case.says in " | ".join(finding.found for finding in found)
    assert all(finding.why and finding.fix and finding.wanted for finding in found)
    if case.well:
        case.well(documented)
        assert {finding.severity for finding in of(look(documented, now=NOW), case.check)} <= {Severity.OK}


def test_the_readme_lists_every_check_and_how_bad_it_can_be() -> None:
    found: dict[str, list[Severity]] = {"repository": [UNKNOWN]}
    for case in CASES:
        found.setdefault(case.check, []).append(case.severity)

    assert {row[0].strip("`"): row[3] for row in rows()} == {
        check: min(severities, key=lambda severity: severity.rank) for check, severities in found.items()
    }


def test_what_is_only_asked_where_it_matters_is_said_to_be_well_there(documented: GitHub) -> None:
    edit("app", PUBLISH, DIRECT, "merge: queue")(documented)
    edit("app", PUBLISH, TRIGGER, f"{TRIGGER}\n        with: {{main-branch: main}}")(documented)
    queue(documented)

    found = {finding.check: finding.severity for finding in look(documented)}

    asked = ("queued-checks", "auto-merge", "merge-queue", "main-branch")
    assert [found.get(check) for check in asked] == [Severity.OK] * len(asked)


# What cannot be read

OF_SETTINGS = {"default-permission", "approval-by-actions", "deploy-keys", "self-hosted-runners"}
LACKING = {
    "organization_administration": ({"app-installed"}, "organization administration: read"),
    "administration": ({*OF_SETTINGS, "bypass-actors"}, "administration: read"),
    "secrets": ({"open-secrets"}, "secrets: read"),
    "dependabot_secrets": ({"open-secrets"}, "dependabot secrets: read"),
    "environments": ({"environment-secrets"}, "environments: read"),
    "actions": ({"environment"}, "actions: read"),
    "deployments": ({"deployed"}, "deployments: read"),
    "members": ({"protection"}, "members: read"),
}


@pytest.mark.parametrize("lacking", LACKING)
def test_what_the_token_cannot_read_is_unknown_with_the_permission_that_is_missing(
    documented: GitHub, lacking: str
) -> None:
    if lacking == "members":
        team_in_files(documented)
    checks, permission = LACKING[lacking]
    less = {name: level for name, level in GUARD_MAY.items() if name != lacking}

    findings = look(documented, documented.sandbox.state.add_token(GUARD, permissions=less))

    unknown = [finding for finding in findings if finding.severity is UNKNOWN]
    assert {finding.check for finding in unknown} == checks
    assert {finding.found.partition(":")[0] for finding in unknown} == {"unknown"}
    assert any(f"Give the token '{permission}'" in finding.fix for finding in unknown)
    assert [str(finding) for finding in findings if finding.severity is ERROR] == []


def test_to_read_bypass_actors_takes_the_permission_to_write_them(documented: GitHub) -> None:
    less = GUARD_MAY | {"administration": "read"}

    findings = look(documented, documented.sandbox.state.add_token(GUARD, permissions=less))

    (one, other) = [finding for finding in findings if finding.severity is not Severity.OK]
    assert {one.check, other.check} == {"bypass-actors"}
    assert "Give the token 'administration: write'" in one.fix


def test_a_repository_that_the_token_does_not_reach_is_unknown_and_the_others_are_looked_at(
    documented: GitHub,
) -> None:
    token = documented.sandbox.state.add_token(GUARD, permissions=GUARD_MAY, repos=[infra(documented)])

    findings = look(documented, token)

    assert [(finding.check, finding.where) for finding in findings if finding.severity is UNKNOWN] == [
        ("repository", APP)
    ]
    assert len(of(findings, "branch-rules")) == 1


def test_what_the_gates_cannot_read_is_unknown(documented: GitHub) -> None:
    late(documented)
    less = {name: level for name, level in GUARD_MAY.items() if name != "pull_requests"}

    findings = look(documented, documented.sandbox.state.add_token(GUARD, permissions=less))

    assert {finding.severity for finding in of(findings, "held")} == {UNKNOWN}


def test_a_gate_that_cannot_read_its_fact_is_unknown(documented: GitHub) -> None:
    late(documented)
    less = {name: level for name, level in GUARD_MAY.items() if name not in ("actions", "checks", "statuses")}
    app_token = documented.sandbox.state.add_token(GUARD, permissions=less)

    findings = look(documented, app_token=app_token)

    (held,) = [finding for finding in of(findings, "held") if finding.severity is UNKNOWN]
    assert held.what == "changes that the gates keep from staging"
    assert "what the gates of check-envs read in the app repository" in held.fix


def test_whether_there_is_a_merge_queue_can_be_unknown(documented: GitHub) -> None:
    edit("app", PUBLISH, DIRECT, "merge: queue")(documented)
    refused = Fault(status=403, body={"message": "Resource not accessible by integration"})
    documented.sandbox.faults.plan({"GET /repos/{owner}/{repo}/rules/branches/{branch}": refused})

    findings = look(documented)

    assert [finding.severity for finding in of(findings, "merge-queue")] == [UNKNOWN]


def test_whatever_is_refused_the_rest_is_looked_at(documented: GitHub) -> None:
    """First the lists, then what is asked of each of their items. Only its files must be there to be read."""
    look(documented)
    asked = {each for each in documented.operations() if each.startswith("GET")} - {TREE}
    items = {each for each in asked if each.endswith(("_id}", "_name}/secrets", "_slug}"))}
    policies = {each for each in asked if each.endswith("policies")}
    refused = Fault(status=403, body={"message": "Resource not accessible by integration"})

    for operations in (asked - items - policies, items, policies):
        documented.sandbox.faults.plan(dict.fromkeys(operations, refused))
        findings = look(documented)

        assert {finding.severity for finding in findings} == {UNKNOWN, Severity.OK}
        assert len(of(findings, "deployed")) == 3


def test_without_its_files_nothing_can_be_said_of_the_infra_repository(documented: GitHub) -> None:
    refused = Fault(status=403, body={"message": "Resource not accessible by integration"})
    documented.sandbox.faults.plan({TREE: refused})

    result = doctor(documented)

    assert (result.exit_code, result.outputs["reason"]) == (6, "permission-denied")


# Which Apps and repositories are meant


def test_a_user_can_be_the_bot(documented: GitHub) -> None:
    documented.sandbox.state.apps.pop("gitops-bot")
    somebody(documented, "gitops-bot", "write")

    assert {finding.what for finding in of(look(documented), "app-installed")} == {"the App gitops-guard"}


def test_a_bot_is_no_person_who_approves(documented: GitHub) -> None:
    alone(documented)
    somebody(documented, "gitops-bot", "write")

    assert [finding.severity for finding in of(look(documented), "writers") if finding.where == INFRA] == [ERROR]


def test_without_bots_nothing_tells_which_app_is_which(documented: GitHub) -> None:
    edit("infra", "gitops.yml", "bots: [gitops-bot]", "")(documented)

    assert of(look(documented), "app-installed") == []


def test_the_input_names_the_apps_in_place_of_gitops_yml(documented: GitHub) -> None:
    findings = look(documented, apps=("your-org/another",))

    assert [finding.where for finding in of(findings, "repository")] == ["your-org/another"]
    assert {finding.where for finding in of(findings, "branch-rules")} == {INFRA}


def test_infra_and_app_can_be_one_repository(documented: GitHub) -> None:
    edit("infra", "gitops.yml", "services:\n  api: {repo: your-org/app}\n", "")(documented)

    findings = look(documented, apps=(INFRA,))

    assert of(findings, "repository") == []
    assert [finding.severity for finding in of(findings, "service-repositories")] == [Severity.OK]


def test_a_repository_without_any_file_of_ours_is_looked_at(documented: GitHub) -> None:
    git = infra(documented).git
    rewrite(documented, "infra", {path: None for path in git.paths(git.head("main") or "") if path != "README.md"})

    findings = look(documented)

    checks = {finding.check for finding in findings if finding.severity is ERROR}
    assert {"gates", "environment-files", "record-makers"} <= checks


def test_a_repository_that_creates_hotfixes_and_publishes_nothing(documented: GitHub) -> None:
    rewrite(documented, "app", {PUBLISH: None})

    findings = look(documented)

    assert {finding.what for finding in of(findings, "hotfix-prefix")} == {"hotfix-prefix of create-hotfix"}


def test_files_for_the_organization_are_left_alone(documented: GitHub) -> None:
    put("protection/organization/rulesets/main.json", "{}")(documented)

    assert worst(look(documented)) is Severity.OK


def test_what_a_workflow_can_look_like(documented: GitHub) -> None:
    """Nothing that GitHub would refuse, and nothing odd, ends the run."""
    odd = {
        "broken.yml": "jobs: [",
        "none.yml": "on: push\njobs: 3\n",
        "odd.yml": "on: {push: {branches: main}, workflow_dispatch: {inputs: {env: 1, to: {options: x}}}}\n"
        "jobs: {a: 3, b: {steps: 3, uses: [x]}, c: {runs-on: [x], environment: [x], steps: [1, {uses: ./x},"
        " {uses: your-org/gitops-actions/action-open-infra-pr@v1, with: {env: '${{ x }}', service: '${{ y }}'}}]}}\n",
    }
    for name, text_ in odd.items():
        put(f"{FLOWS}/{name}", text_)(documented)

    findings = look(documented)

    assert {finding.check for finding in findings if finding.severity is not Severity.OK} == {
        "our-actions-pinned", "versions",
    }  # fmt: skip


# The action


def test_a_healthy_run_says_so(documented: GitHub) -> None:
    documented.sandbox.exchanges.clear()

    result = doctor(documented)

    assert (result.exit_code, result.outputs["reason"]) == (0, "healthy"), result.log
    assert (result.outputs["healthy"], result.json("findings")) == ("true", [])
    assert re.search(r"^### ✅ Doctor: \d+ ok\n\n\|  \| where \| what \|", result.summary)
    assert "OK       your-org/infra: default permission of GITHUB_TOKEN: read\n" in result.log
    assert [each for each in documented.operations() if not each.startswith(("GET", "query"))] == []


def test_a_run_fails_with_the_worst_that_it_finds_and_shows_that_first(documented: GitHub) -> None:
    infra(documented).runs_may_approve = True
    infra(documented).delete_branch_on_merge = False

    result = doctor(documented)

    assert (result.exit_code, result.outputs["reason"], result.outputs["healthy"]) == (7, "problems-found", "false")
    assert [(each["check"], each["severity"]) for each in result.json("findings")] == [
        ("approval-by-actions", "error"), ("branch-deletion", "warning"),
    ]  # fmt: skip
    assert result.summary.startswith("### ❌ Doctor: 1 error, 1 warning, ")
    first = result.summary.splitlines()[4]
    assert first.startswith("| ❌ | your-org/infra | GitHub Actions may create and approve pull requests | yes | no | ")
    assert first.endswith(f"[open]({documented.sandbox.url}/your-org/infra/settings/actions) |")
    assert "\n         fix:       gh repo edit your-org/infra --delete-branch-on-merge\n" in result.log
    assert "::error::your-org/infra: GitHub Actions may create and approve pull requests: yes; it should be: no" in (
        result.log
    )


def test_a_run_that_cannot_read_everything_fails_with_unknown(documented: GitHub) -> None:
    less = {name: level for name, level in GUARD_MAY.items() if name != "secrets"}
    documented.world.tokens[GUARD] = documented.sandbox.state.add_token(GUARD, permissions=less)

    result = doctor(documented)

    assert (result.exit_code, result.outputs["reason"], result.outputs["healthy"]) == (7, "unknown", "false")


def test_warnings_alone_fail_no_run(documented: GitHub) -> None:
    infra(documented).delete_branch_on_merge = False

    result = doctor(documented)

    assert (result.exit_code, result.outputs["reason"], result.outputs["healthy"]) == (0, "advice", "false")
    assert "::warning::your-org/infra: branches of merged pull requests: kept; it should be: deleted" in result.log


def test_each_repository_is_read_with_its_own_token(documented: GitHub) -> None:
    state = documented.sandbox.state
    token = state.add_token(GUARD, permissions=GUARD_MAY, repos=[infra(documented)])
    app_token = state.add_token(BOT, permissions=GUARD_MAY, repos=[documented.world.app])

    result = documented.run(ACTION, token=token, app_token=app_token, infra_repo=INFRA, app_repo=f"{APP}")

    assert result.outputs["reason"] == "healthy", result.log


@pytest.mark.parametrize("inputs", [{"app_repo": "one, two"}, {"infra_repo": "x"}, {"envs_dir": "../x"}], ids=str)
def test_a_wrong_input_is_refused(documented: GitHub, inputs: dict[str, str]) -> None:
    result = doctor(documented, **inputs)

    assert (result.exit_code, result.outputs["reason"]) == (2, "invalid-input")


def test_a_repository_without_a_commit_cannot_be_looked_at(documented: GitHub) -> None:
    infra(documented).git.delete_ref("refs/heads/main")

    result = doctor(documented)

    assert (result.exit_code, result.outputs["reason"]) == (4, "conflict")
    assert "your-org/infra has no commit yet" in result.log


def test_a_repository_that_has_another_name_is_not_looked_at(documented: GitHub) -> None:
    repo = infra(documented)
    del documented.sandbox.state.repos[repo.full_name.lower()]
    repo.name, repo.former_names = "delivery", {INFRA}
    documented.sandbox.state.repos["your-org/delivery"] = repo

    result = doctor(documented)

    assert (result.exit_code, result.outputs["reason"]) == (5, "renamed")


def test_what_others_wrote_is_no_markup_and_no_command(documented: GitHub) -> None:
    title = "x | <img src=x>](http://x) `::error::y`\n::set-output name=reason::healthy"
    infra(documented).keys.append(DeployKey(1, title, read_only=False))
    put(
        f"{FLOWS}/x](evil).yml",
        "on: {push: {branches: [x]}}\njobs: {a: {steps: [{uses: your-org/gitops-actions/action-setup-flags@v1}]}}\n",
    )(documented)

    result = doctor(documented)

    assert result.outputs["reason"] == "problems-found"
    assert "<img" not in result.summary
    assert "](evil)" not in result.summary
    assert "\n::set-output" not in result.log


def test_the_plain_text_has_a_line_for_what_is_well_and_a_paragraph_for_the_rest(documented: GitHub) -> None:
    documented.world.app.runs_may_approve = True

    shown = text(look(documented)).splitlines()

    assert shown[:5] == [
        "ERROR    your-org/app: GitHub Actions may create and approve pull requests",
        "         is:        yes",
        "         should be: no",
        "         why:       Whoever can push a branch could have a workflow approve their pull request.",
        f"         fix:       {documented.sandbox.url}/your-org/app/settings/actions",
    ]
    assert shown[-1].startswith("1 error, ")
    assert shown[-2].startswith("OK       ")


@pytest.mark.parametrize("who", ["bob", "olivia"])
def test_anybody_can_run_it_on_a_laptop(documented: GitHub, who: str) -> None:
    """An owner of the organization sees everything; for whoever may write, what they cannot see is unknown."""
    findings = look(documented, documented.world.tokens[who])

    severities = {finding.severity for finding in findings}
    assert severities == ({Severity.OK} if who == "olivia" else {Severity.OK, UNKNOWN})
