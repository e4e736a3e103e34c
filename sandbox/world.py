"""The organization of the demo and of the tests: people, a bot, an app repository and an infra repository."""

from __future__ import annotations

import compileall
import copy
import re
import shutil
import subprocess
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import Distribution, distribution
from pathlib import Path
from py_compile import PycInvalidationMode
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from sandbox.apps import App
from sandbox.environments import Policy, add_environment
from sandbox.gitrepo import GitRepo, Person
from sandbox.state import Repo, RulesetVersion, Team, User, timestamp
from sandbox.worlds.checkout import CheckoutError, fetch, read_folder
from sandbox.worlds.description import READ
from sandbox.worlds.reading import describe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sandbox.server import Sandbox
    from sandbox.state import State
    from sandbox.worlds.description import Description, EnvironmentDescription, RepositoryDescription, Value

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
ORGANIZATION = "your-org"
# Of the dependencies, those that a release leaves out, and the part of PyGithub that it has.
LEFT_OUT = {"cffi", "charset-normalizer", "cryptography", "pycparser", "pyjwt", "pynacl", "typing-extensions"}
REQUESTER = ("__init__.py", "Consts.py", "GithubException.py", "GithubObject.py", "Requester.py")
ZONES = ("__init__.py", "UTC")  # of 600, those that the demo asks for
# The two Apps of the examples, as REST and commits call them.
BOT = "gitops-bot[bot]"
GUARD = "gitops-guard[bot]"
ENVIRONMENTS = ("dev", "staging", "prod")
# What the evidence is exported with. GitHub shows the history of rulesets to none who may not write them.
AUDITED = {**dict.fromkeys(READ[:5], "read"), "contents": "read", "administration": "read"}
# Workflows whose tokens look at the issues that hold, or open one.
FLOWS = ".github/workflows"
MAY_USE_ISSUES = {
    f"app/{FLOWS}/publish.yml": "read", f"infra/{FLOWS}/change.yml": "write", f"infra/{FLOWS}/deploy.yml": "read",
    f"infra/{FLOWS}/evidence.yml": "read", f"infra/{FLOWS}/gates.yml": "read",
}  # fmt: skip
TESTED = 200  # so many of the newest commits of an app count as tested
ROLE_IDS = {"maintain": 2, "write": 4, "admin": 5}


@dataclass(frozen=True, slots=True)
class World:
    """The two repositories of *description* and a token of everybody in them."""

    description: Description
    state: State
    app: Repo
    infra: Repo
    tokens: dict[str, str]


@cache
def examples() -> Description:
    """Return the organization of the examples."""
    return describe(read_folder(EXAMPLES / "app"), read_folder(EXAMPLES / "infra"))


def examples_with_holds(folder: Path) -> Description:
    """Return the organization of copies of the examples in *folder*, with `hold: issues` and what that needs.

    docs/operate.md says which tokens may use issues; the guard's App is one that may read them.
    """
    for name in ("app", "infra"):
        shutil.copytree(EXAMPLES / name, folder / name)
    with (folder / "infra" / "gitops.yml").open("a", encoding="utf-8") as config:
        config.write("hold: issues\n")
    for path, level in MAY_USE_ISSUES.items():
        text = (folder / path).read_text(encoding="utf-8")
        text = text.replace("      deployments: read #", "      issues: read\n      deployments: read #")
        text = re.sub(r"( *permission-)(pull-requests: )", rf"\1issues: {level}\n\1\2", text)
        (folder / path).write_text(text, encoding="utf-8")
    description = describe(read_folder(folder / "app"), read_folder(folder / "infra"))
    guard = replace(description.guard, permissions={**description.guard.permissions, "issues": "read"})
    return replace(description, guard=guard)


def build(sandbox: Sandbox, description: Description | None = None) -> World:
    """Fill *sandbox* with what *description* says, by default with the examples.

    What runs now is what the infra repository says, and was tested. The environments are those of `with_environments`.
    """
    description = description or examples()
    state = sandbox.state
    owner = state.add_user(description.organization, kind="Organization")
    for login in description.people:
        state.add_user(login)
    owner.owners |= {login for login, role in description.people.items() if role == "admin"}
    owner.teams += [Team(state.new_id(), slug, set(members)) for slug, members in description.teams.items()]
    app, infra = (_repository(state, description, each) for each in (description.app, description.infra))
    for each in (description.bot, description.guard):
        made = add_app(state, each.login, dict(each.permissions), [app, infra])
        made.client_id = each.client_id or made.client_id
    _fill(state, app, infra, description)
    _count_as_tested(state, app, description.app.checks)
    for env in description.environments:
        sandbox.behaviour.record_deployment(infra, head_of(infra), env, by=description.bot.login)
    author = state.users[_administrator(description)]
    for repo, described in ((app, description.app), (infra, description.infra)):
        repo.rulesets = [_ruleset(state, owner, ruleset) for ruleset in described.rulesets]
        repo.ruleset_versions = _versions(state, author, repo.rulesets)
    owner.rulesets = [_ruleset(state, owner, ruleset) for ruleset in description.rulesets]
    owner.ruleset_versions = _versions(state, author, owner.rulesets)
    tokens = {login: state.add_token(login) for login in description.people}
    for each in (description.bot, description.guard):
        tokens[each.login] = state.add_token(each.login, permissions=dict(each.permissions))
    return World(description=description, state=state, app=app, infra=infra, tokens=tokens)


def add_app(state: State, login: str, permissions: dict[str, str], repos: list[Repo]) -> App:
    """Have the organization make an App with *permissions* and install it on *repos*."""
    user = state.add_user(login, kind="Bot")
    slug = login.removesuffix("[bot]")
    state.apps[slug] = App(state.new_id(), slug, f"Iv23{user.id}", user, permissions, repos)
    for repo in repos:
        repo.members[login] = "write"
    return state.apps[slug]


def with_environments(world: World) -> World:
    """Make the environments of the description, and the secrets and variables, the Apps' keys among them."""
    state, described = world.state, world.description
    for repo, each in ((world.app, described.app), (world.infra, described.infra)):
        repo.secrets |= {name: _plain(state, value) for name, value in each.secrets.items()}
        repo.variables |= {name: _plain(state, value) for name, value in each.variables.items()}
        for environment in each.environments:
            _add_environment(state, repo, environment)
    return world


def _add_environment(state: State, repo: Repo, described: EnvironmentDescription) -> None:
    policies = [Policy(state.new_id(), name, kind) for name, kind in described.policies or ()]
    made = add_environment(
        repo, state.new_id(), described.name, branches=None if described.policies is None else policies
    )
    made.secrets |= {name: _plain(state, value) for name, value in described.secrets.items()}
    made.reviewers = [(kind, _actor(state, repo.owner, kind, name)) for kind, name in described.reviewers]
    made.prevent_self_review, made.wait = described.prevent_self_review, described.wait


def _plain(state: State, value: Value) -> str:
    if isinstance(value, str):
        return value
    return state.apps[value.slug].private_key if value.what == "key" else state.apps[value.slug].client_id


def head_of(repo: Repo) -> str:
    """Return the commit that the default branch is at."""
    return repo.git.head(repo.default_branch) or ""


def _repository(state: State, description: Description, described: RepositoryDescription) -> Repo:
    members = dict(description.people)
    repo = state.add_repo(description.organization, described.name, members, described.default_branch)
    if described.checkout.head:
        fetch(described.checkout, repo.git.path, described.default_branch)
    else:
        repo.git.add_pack(_pack(described.checkout.folder).files)
    return repo


def _fill(state: State, app: Repo, infra: Repo, description: Description) -> None:
    """Commit the folders that have no history; the env files name the first commit of the app."""
    author = state.users[_administrator(description)]
    if not description.app.checkout.head:
        _commit_all(app, author, description.app.checkout.folder, {})
    if not description.infra.checkout.head:
        folder, tag = description.infra.checkout.folder, f'"tag": "{head_of(app)}"'.encode()
        paths = [f"envs/{env}.json" for env in description.environments]
        files = {path: (folder / path).read_bytes().replace(b'"tag": ""', tag) for path in paths}
        _commit_all(infra, author, folder, files)


def _administrator(description: Description) -> str:
    return next(login for login, role in description.people.items() if role == "admin")


def _count_as_tested(state: State, app: Repo, checks: Sequence[str]) -> None:
    """Report that the *checks* of what the app has released already succeeded: somebody saw to it, before today."""
    tagged = app.git.refs("refs/tags/").values()
    for sha in dict.fromkeys((*app.git.history(head_of(app))[:TESTED], *tagged)):
        for check in checks:
            state.report(app, check, sha, branch=app.default_branch)


def as_documented(world: World) -> World:
    """Set both repositories up as docs/setup.md says."""
    for repo in (with_environments(world).app, world.infra):
        repo.delete_branch_on_merge = True
    return world


def without_gates(world: World) -> World:
    """Have the infra repository ask for its tests alone, whatever a change is."""
    git, olivia = world.infra.git, world.app.authors[head_of(world.app)]
    text = b"environments: {dev: {review: none}, staging: {}, prod: {}}\nservices: {api: {repo: your-org/app}}\n"
    tree = str(git.get(git.head("main") or "").tree_id)
    files = {"gitops.yml": text}
    sha = git.commit(parents=[], message="Initial commit", author=olivia.person, tree=tree, files=files)
    git.set_ref("refs/heads/main", sha)
    world.infra.authors[sha] = olivia
    for deployment in world.infra.deployments:
        deployment.sha = sha
    (checks,) = [rule for rule in world.infra.ruleset("main")["rules"] if rule["type"] == "required_status_checks"]
    checks["parameters"]["required_status_checks"] = checks["parameters"]["required_status_checks"][:1]
    return world


def release(world: World, *versions: str) -> None:
    """Put a commit on main of the app for each of *versions*, tag it so, and have its check succeed."""
    git, author = world.app.git, world.app.authors[head_of(world.app)]
    for version in versions:
        head = git.head("main") or ""
        sha = git.commit(parents=[head], message=version, author=author.person, files={"version": version.encode()})
        world.app.authors[sha] = author
        git.set_ref("refs/heads/main", sha)
        git.set_ref(f"refs/tags/{version}", sha)
        world.state.report(world.app, "gate", sha)


def publish_actions(folder: Path) -> Path:
    """Copy the actions to *folder*, with the dependencies that a release carries: what `@v1` stands for.

    Compiled, and behind a link but for the files of the actions themselves, because act copies the folder for every
    step that uses one.
    """
    copy_repository(folder, "action-*")
    package = copy_repository(folder.with_name(f"{folder.name}-package"), "actions") / "actions"
    lock = (ROOT / "actions" / "requirements.lock").read_text(encoding="utf-8")
    site = package / "site"
    for name in set(re.findall(r"(?m)^([a-z0-9-]+)==", lock)) - LEFT_OUT:
        _copy_modules(distribution(name), site)
    (site / "charset_normalizer.py").write_text('__version__ = "3.0.0"\n', encoding="utf-8")  # requests asks for it
    types = "from typing import ParamSpec, Protocol, Self, TypeVar\n"  # all that PyGithub takes from typing-extensions
    (site / "typing_extensions.py").write_text(types, encoding="utf-8")
    compileall.compile_dir(package, quiet=1, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)
    (folder / "actions").symlink_to(package)
    return folder


def _copy_modules(package: Distribution, site: Path) -> None:
    """Copy the modules and data of an installed *package*, but for what is compiled, as a release has them."""
    for file in package.files or ():
        is_zone = "zoneinfo" in file.parts and file.name not in ZONES
        is_class = file.parts[0] == "github" and file.name not in REQUESTER
        if file.suffix not in (".so", ".pyc", ".pyi") and ".." not in file.parts and not is_zone and not is_class:
            (site / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(str(package.locate_file(file)), site / file)


def copy_repository(folder: Path, *paths: str) -> Path:
    """Copy this repository (or *paths* of it), as far as git keeps or would keep it, to *folder*."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *paths],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for path in listed.stdout.decode().split("\0"):
        if path and (ROOT / path).is_file():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, folder / path)
    return folder


@dataclass(frozen=True, slots=True)
class Pack:
    """A folder as git keeps it: the *files* of a pack, and the *tree* in it."""

    files: dict[str, bytes]
    tree: str


@cache
def _pack(folder: Path) -> Pack:
    """Return *folder* as a pack: two files to write for each new world, not a hundred."""
    with TemporaryDirectory(prefix="gitops-pack-") as path:
        repo, nobody = GitRepo(Path(path)), Person("nobody", "nobody@invalid")
        sha = repo.commit(parents=[], message="Files", author=nobody, files=_files(folder))
        return Pack(repo.pack(), str(repo.get(sha).tree_id))


def _files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts and "dist" not in path.parts
    }


def _commit_all(repo: Repo, author: User, folder: Path, files: Mapping[str, bytes]) -> str:
    """Commit *folder*, with *files* in the place of those of the same names."""
    tree = _pack(folder).tree
    sha = repo.git.commit(parents=[], message="Initial commit", author=author.person, tree=tree, files=files)
    repo.authors[sha] = author
    repo.git.set_ref(f"refs/heads/{repo.default_branch}", sha)
    return sha


def _ruleset(state: State, owner: User, described: Mapping[str, Any]) -> dict[str, Any]:
    """Return a ruleset as GitHub has it, with the ids of the actors that its file names."""
    ruleset = {"target": "branch", "conditions": {}, "bypass_actors": [], "rules": [], **copy.deepcopy(dict(described))}
    for entry in ruleset["bypass_actors"]:
        if "actor" in entry:
            entry["actor_id"] = _actor(state, owner, entry["actor_type"], entry.pop("actor"))
    for rule in ruleset["rules"]:
        for asked in (rule.get("parameters") or {}).get("required_reviewers") or ():
            if "name" in asked["reviewer"]:
                asked["reviewer"] = {"type": "Team", "id": _actor(state, owner, "Team", asked["reviewer"]["name"])}
    return {"id": state.new_id(), "created_at": timestamp(), "updated_at": timestamp(), **ruleset}


def _actor(state: State, owner: User, kind: str, name: str) -> int:
    """Return the id of an actor by its *name*; an App that nobody made is made, and is installed nowhere."""
    if kind == "RepositoryRole":
        if name not in ROLE_IDS:
            raise CheckoutError(f"a ruleset names the role '{name}'; the sandbox knows {', '.join(ROLE_IDS)}")
        return ROLE_IDS[name]
    if kind == "Team":
        return next(team.id for team in owner.teams if team.slug == name)
    login = f"{name}[bot]" if kind == "Integration" else name
    return (state.users.get(login) or state.add_user(login, kind="Bot")).id


def _versions(state: State, author: User, rulesets: Sequence[dict[str, Any]]) -> list[RulesetVersion]:
    return [RulesetVersion(state.new_id(), each["id"], author, copy.deepcopy(each)) for each in rulesets]
