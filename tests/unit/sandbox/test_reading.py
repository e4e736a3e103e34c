"""What two checkouts say of the organization that they are made for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.main import main
from sandbox.server import Sandbox
from sandbox.world import build, examples
from sandbox.worlds.checkout import Checkout, CheckoutError, read_checkout
from sandbox.worlds.description import BOT_MAY, GUARD_MAY, Description, OfApp
from sandbox.worlds.reading import Given, describe
from tests.pairs import commit, git, other_pair
from tests.shapes import SHAPES, flags

MINT = "actions/create-github-app-token@v3"
KEY = {"client-id": "${{ vars.BOT_ID }}", "private-key": "${{ secrets.BOT_KEY }}"}


def checkout(name: str, files: Mapping[str, object] | None = None) -> Checkout:
    """Return a checkout of *files*; what is no text is written as YAML."""
    texts = {path: each if isinstance(each, str) else yaml.safe_dump(each) for path, each in (files or {}).items()}
    return Checkout(folder=Path("/somewhere") / name, files=texts, paths=tuple(texts), branch="main")


def workflow(*steps: dict[str, object], **job: object) -> dict[str, object]:
    return {"on": "push", "jobs": {"job": {"runs-on": "x", "steps": list(steps), **job}}}


def token_step(**given: str) -> dict[str, object]:
    return {"uses": MINT, "with": {**KEY, **{name.replace("_", "-"): value for name, value in given.items()}}}


def pair(
    app: Mapping[str, object] | None = None, infra: Mapping[str, object] | None = None
) -> tuple[Checkout, Checkout]:
    return checkout("web", app), checkout("ops", infra)


def names(described: Description) -> tuple[str, str, str]:
    return described.organization, described.app.name, described.infra.name


def test_folders_that_say_nothing_give_their_names() -> None:
    described = describe(*pair())

    assert names(described) == ("your-org", "web", "ops")
    assert (described.app.default_branch, described.infra.default_branch) == ("main", "main")
    assert (described.environments, described.app.rulesets, described.absent, described.made_up) == ((), (), (), ())


CHANGE = workflow(token_step(owner="acme", repositories="shop, shop-infra"))
OPEN = workflow({"uses": "x/gitops-actions/action-open-infra-pr@v1", "with": {"infra-repo": "acme/shop-infra"}})
DYNAMIC = {"infra-repo": "${{ github.repository_owner }}/shop-infra"}


@pytest.mark.parametrize(
    ("app", "infra", "expected"),
    [
        pytest.param({"a.yml": OPEN}, {}, ("acme", "web", "shop-infra"), id="the input infra-repo"),
        pytest.param(
            {"a.yml": workflow({"uses": "x", "with": DYNAMIC})},
            {},
            ("your-org", "web", "shop-infra"),
            id="an owner that only a run knows",
        ),
        pytest.param({"a.yml": OPEN, "b.yml": CHANGE}, {}, ("acme", "shop", "shop-infra"), id="the steps for tokens"),
        pytest.param({}, {"a.yml": CHANGE}, ("acme", "web", "ops"), id="several, of which none is told apart"),
    ],
)
def test_workflows_say_the_names(
    app: dict[str, object], infra: dict[str, object], expected: tuple[str, str, str]
) -> None:
    folder = ".github/workflows/"

    described = describe(*pair(*({folder + path: each for path, each in files.items()} for files in (app, infra))))

    assert names(described) == expected


def test_gitops_yml_says_the_app_and_the_environments() -> None:
    gitops = {"environments": {"dev": {}, "qa": {}}, "services": {"api": {"repo": "acme/shop"}, "db": {"repo": "none"}}}

    described = describe(*pair(infra={"gitops.yml": gitops}))

    assert names(described) == ("acme", "shop", "ops")
    assert described.environments == ("dev", "qa")
    assert [each.name for each in described.infra.environments] == ["dev", "qa"]
    assert described.infra.environments[0].policies is None  # nothing protects it


def test_what_is_given_wins() -> None:
    files = {".github/workflows/a.yml": OPEN}
    given = Given(organization="other", app="one", infra="two", branch="trunk")

    described = describe(*pair(files), given)

    assert names(described) == ("other", "one", "two")
    assert (described.app.default_branch, described.infra.default_branch) == ("trunk", "trunk")


@pytest.mark.parametrize("name", ["a b", "../x", ".hidden", "x" * 101])
def test_a_name_that_github_does_not_know_is_refused(name: str) -> None:
    with pytest.raises(CheckoutError, match="is no name that GitHub knows"):
        describe(*pair(), Given(app=name))


def test_two_repositories_of_one_name_are_refused() -> None:
    with pytest.raises(CheckoutError, match="both repositories would be your-org/Web"):
        describe(checkout("Web"), checkout("web"))


@pytest.mark.parametrize(
    ("files", "environments"),
    [
        pytest.param({"envs/b.json": "", "envs/a.yaml": "", "envs/x.txt": ""}, ("b", "a"), id="in envs/"),
        pytest.param(
            {
                "gitops.yml": "files: 'apps/{service}/{env}.yaml'",
                "apps/api/qa.yaml": "",
                "apps/web/qa.yaml": "",
                "README": "",
            },
            ("qa",),
            id="where gitops.yml says",
        ),
        pytest.param({"gitops.yml": "files: all.yaml", "all.yaml": ""}, (), id="in no file of their own"),
        pytest.param({"gitops.yml": "not: [YAML", "envs/a.json": ""}, ("a",), id="a broken gitops.yml"),
        pytest.param({"gitops.yml": "- a list", "envs/a.json": ""}, ("a",), id="gitops.yml is no mapping"),
    ],
)
def test_environments_that_nothing_names_are_those_with_files(
    files: dict[str, object], environments: tuple[str, ...]
) -> None:
    assert describe(*pair(infra=files)).environments == environments


@pytest.mark.parametrize(
    ("facts", "policies", "branch"),
    [
        pytest.param({}, [], "main", id="the branch that is checked out"),
        pytest.param({"default": "develop"}, [], "develop", id="that of the clone's origin"),
        pytest.param({"default": "develop"}, [{"name": "trunk", "type": "branch"}], "trunk", id="that of a policy"),
        pytest.param({}, [{"name": "v*", "type": "tag"}, {"name": "rel/*", "type": "branch"}], "main", id="patterns"),
    ],
)
def test_the_default_branch(facts: dict[str, Any], policies: list[dict[str, str]], branch: str) -> None:
    environment = json.dumps({"name": "bot", "deployment_branch_policies": policies})
    infra = checkout("ops", {"protection/WEB/environments/bot.json": environment})

    described = describe(replace(checkout("web"), **facts), infra)

    assert described.app.default_branch == branch
    assert described.app.environments[0].policies == tuple((each["name"], each["type"]) for each in policies)


def test_keys_and_ids_are_those_of_the_apps_where_the_jobs_look_for_them() -> None:
    guard = {
        "client-id": "Iv23guard",
        "private-key": "${{ secrets['GUARD_KEY'] }}",
        "permission-administration": "write",
    }
    files = {
        ".github/workflows/a.yml": workflow(token_step(), environment={"name": "bot", "deployment": False}),
        ".github/workflows/b.yml": workflow({"uses": MINT, "with": guard}, environment="guard"),
        ".github/workflows/c.yml": workflow({"run": "x", "env": {"A": "${{ secrets.SHARED }}"}}),
        ".github/workflows/d.yml": workflow(
            {"run": "${{ secrets.KUBE }} ${{ vars.REGION }} ${{ secrets.GITHUB_TOKEN }}"},
            environment="${{ matrix.env }}",
        ),
        ".github/workflows/e.yml": "broken: [",
        "gitops.yml": {"environments": {"dev": {}, "prod": {}}, "bots": ["acme-bot[bot]"]},
    }

    described = describe(*pair(infra=files), Given(values={"REGION": "eu"}))

    kept = {each.name: dict(each.secrets) for each in described.infra.environments}
    assert kept == {
        "bot": {"BOT_KEY": OfApp("acme-bot", "key")},
        "guard": {"GUARD_KEY": OfApp("gitops-guard", "key")},
        "dev": {"KUBE": "made-up"},
        "prod": {"KUBE": "made-up"},
    }
    assert described.infra.secrets == {"SHARED": "made-up"}
    assert described.infra.variables == {"BOT_ID": OfApp("acme-bot", "id"), "REGION": "eu"}
    assert (described.bot.client_id, described.guard.client_id) == ("", "Iv23guard")
    assert set(described.made_up) == {"KUBE", "SHARED"}


def test_one_app_that_does_both_is_the_bot_and_may_do_both() -> None:
    both = workflow(token_step(permission_administration="write"))

    described = describe(*pair(infra={".github/workflows/a.yml": both}))

    assert described.infra.variables == {"BOT_ID": OfApp("gitops-bot", "id")}
    assert described.bot.permissions == GUARD_MAY | BOT_MAY


def test_people_and_teams_are_those_that_the_files_name() -> None:
    environment = {
        "name": "prod",
        "deployment_branch_policies": [{"name": "main", "type": "branch"}],
        "reviewers": [{"type": "User", "name": "carol"}, {"type": "Team", "name": "ops-team"}],
        "prevent_self_review": True,
        "wait_timer": 5,
    }
    reviewer = {"reviewer": {"type": "Team", "name": "platform"}, "minimum_approvals": 1, "file_patterns": ["*"]}
    ruleset = {
        "name": "main",
        "bypass_actors": [{"actor": "acme-guard", "actor_type": "Integration", "bypass_mode": "always"}],
        "rules": [{"type": "pull_request", "parameters": {"required_reviewers": [reviewer]}}],
    }
    files = {
        "CODEOWNERS": "* @your-org/owners @dave # @nobody\n*.md mail@example.com\n",
        "protection/ops/environments/prod.json": json.dumps(environment),
        "protection/ops/environments/broken.json": "{",
        "protection/ops/rulesets/main.json": json.dumps(ruleset),
        "gitops.yml": {"bots": ["gitops-bot"]},
    }

    described = describe(*pair(infra=files))

    assert described.people == {
        "dave": "write", "carol": "write", "olivia": "admin", "alice": "write", "bob": "write",
    }  # fmt: skip
    everybody = ("dave", "carol", "olivia", "alice", "bob")
    assert described.teams == dict.fromkeys(("owners", "ops-team", "platform"), everybody)
    (prod,) = described.infra.environments
    assert (prod.reviewers, prod.prevent_self_review, prod.wait) == (
        (("User", "carol"), ("Team", "ops-team")), True, 5,
    )  # fmt: skip
    assert (described.bot.slug, described.guard.slug) == ("gitops-bot", "acme-guard")


def test_rulesets_of_the_organization_are_made_with_the_teams_that_they_name() -> None:
    reviewer = {"reviewer": {"type": "Team", "name": "platform"}, "minimum_approvals": 1, "file_patterns": ["*"]}
    ruleset = {
        "name": "all",
        "enforcement": "active",
        "bypass_actors": [
            {"actor": "admin", "actor_type": "RepositoryRole", "bypass_mode": "always"},
            {"actor": "on-call", "actor_type": "Team", "bypass_mode": "always"},
            {"actor": "other-app", "actor_type": "Integration", "bypass_mode": "always"},
        ],
        "rules": [{"type": "pull_request", "parameters": {"required_reviewers": [reviewer]}}],
    }
    files = {"protection/organization/rulesets/all.json": json.dumps(ruleset)}

    with Sandbox.start() as sandbox:
        world = build(sandbox, replace(examples(), **organization(describe(*pair(infra=files)))))

        owner = world.app.owner
        (made,) = owner.rulesets
        teams = {team.slug: team.id for team in owner.teams}
        assert [entry["actor_id"] for entry in made["bypass_actors"]] == [
            5, teams["on-call"], sandbox.state.users["other-app[bot]"].id,
        ]  # fmt: skip
        assert made["rules"][0]["parameters"]["required_reviewers"][0]["reviewer"]["id"] == teams["platform"]
        assert made["conditions"] == {}


def organization(described: Description) -> dict[str, Any]:
    return {"rulesets": described.rulesets, "teams": described.teams}


def test_a_role_that_the_sandbox_does_not_know_is_said() -> None:
    entry = {"actor": "reviewer", "actor_type": "RepositoryRole", "bypass_mode": "always"}
    ruleset = {"name": "all", "enforcement": "active", "bypass_actors": [entry], "rules": []}

    with Sandbox.start() as sandbox, pytest.raises(CheckoutError, match="names the role 'reviewer'"):
        build(sandbox, replace(examples(), rulesets=(ruleset,)))


def test_repositories_that_are_named_and_not_served_are_listed() -> None:
    files = {".github/workflows/a.yml": workflow(token_step(repositories="web\nops\nother"))}
    gitops = {"services": {"api": {"repo": "your-org/web"}, "jobs": {"repo": "your-org/jobs"}}}

    described = describe(*pair(files, {"gitops.yml": gitops}))

    assert described.absent == ("your-org/jobs", "your-org/other")


def test_the_examples_are_read_like_any_other_pair() -> None:
    described = examples()

    assert names(described) == ("your-org", "app", "infra")
    assert described.environments == ("dev", "staging", "prod")
    assert (described.app.checks, described.infra.checks) == (["gate"], ["test", "gates"])
    assert (described.absent, described.made_up) == ((), ())


def test_two_checkouts_are_read_as_they_are_committed(tmp_path: Path) -> None:
    app, infra = other_pair(tmp_path)
    head = git(app, "rev-parse", "HEAD")
    (app / "new").write_text("x")
    git(app, "tag", "v1")

    described = describe(read_checkout(app), read_checkout(infra))

    assert names(described) == ("acme", "shop", "shop-infra")
    assert (described.app.default_branch, described.environments) == ("trunk", ("dev", "qa", "prod"))
    assert (described.app.checkout.head, described.app.checkout.uncommitted) == (head, 1)
    assert (described.absent, described.made_up) == ((), ())


def test_a_branch_of_the_checkout_is_served_as_the_default_branch(tmp_path: Path) -> None:
    app, infra = other_pair(tmp_path)
    git(app, "switch", "-q", "-c", "try-it")
    (app / "new").write_text("x")
    head = commit(app)

    described = describe(read_checkout(app), read_checkout(infra))

    assert (described.app.default_branch, described.app.checkout.branch) == ("trunk", "try-it")
    assert described.app.checkout.head == head


def test_what_is_no_checkout_is_refused(tmp_path: Path) -> None:
    empty, below = tmp_path / "empty", tmp_path / "repo" / "below"
    for folder in (empty, below):
        folder.mkdir(parents=True)
    git(tmp_path / "repo", "init", "-q")

    for folder, why in (
        (tmp_path / "none", "there is no such folder"),
        (empty, "not the root of a git repository"),
        (below, "not the root of a git repository"),
        (tmp_path / "repo", "nothing is committed"),
    ):
        with pytest.raises(CheckoutError, match=why):
            read_checkout(folder)


@pytest.mark.parametrize("shape", SHAPES)
def test_what_new_writes_is_read_as_it_was_asked_for(shape: str, tmp_path: Path) -> None:
    """Nothing has to be given: each pair says who it is."""
    assert main(flags(shape, tmp_path)) == 0
    asked = SHAPES[shape].split()
    options = [asked[at + 1] for at, word in enumerate(asked) if word == "--env"] or ["dev", "staging", "prod"]
    branch = asked[asked.index("--branch") + 1] if "--branch" in asked else "main"
    for name in ("shop", "shop-infra"):
        commit(tmp_path / name, "elsewhere")

    described = describe(read_checkout(tmp_path / "shop"), read_checkout(tmp_path / "shop-infra"))

    assert names(described) == ("acme", "shop", "shop-infra")
    assert list(described.environments) == options
    assert {described.app.default_branch, described.infra.default_branch} <= {branch, "elsewhere"}
    assert described.absent == ()
    assert described.made_up == (("KUBECONFIG",) if "--layout" in asked else ())
    for repo in (described.app, described.infra):
        kept = [value for each in repo.environments for value in each.secrets.values()]
        assert {value.what for value in kept if isinstance(value, OfApp)} == {"key"}
