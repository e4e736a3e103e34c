"""The organization of the demo and of the tests: people, a bot, an app repository and an infra repository."""

from __future__ import annotations

import compileall
import copy
import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, distribution
from pathlib import Path
from py_compile import PycInvalidationMode
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from sandbox.apps import App
from sandbox.environments import Policy, add_environment
from sandbox.gitrepo import GitRepo, Person
from sandbox.state import Repo, RulesetVersion, User, timestamp

if TYPE_CHECKING:
    from sandbox.server import Sandbox
    from sandbox.state import Role, State

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
ORGANIZATION = "your-org"
# The two Apps, as REST and commits call them.
COMPILED = {"cffi", "cryptography", "pycparser", "pynacl"}  # of the dependencies, and not needed by any action
ZONES = ("__init__.py", "UTC")  # of 600, those that the demo asks for
BOT = "gitops-bot[bot]"
GUARD = "gitops-guard[bot]"
ENVIRONMENTS = ("dev", "staging", "prod")
# What the Apps may do: each token is for less.
BOT_MAY = {
    **dict.fromkeys(("contents", "pull_requests", "deployments", "workflows", "issues"), "write"),
    **dict.fromkeys(("actions", "checks", "statuses", "metadata"), "read"),
}
READ = ("actions", "checks", "deployments", "pull_requests", "statuses", "environments", "members")
NAMES = ("secrets", "dependabot_secrets", "organization_administration")  # for action-doctor alone
GUARD_MAY = {
    **dict.fromkeys((*READ, *NAMES), "read"), "metadata": "read", "administration": "write", "contents": "write",
}  # fmt: skip
# What the evidence is exported with. GitHub shows the history of rulesets to none who may not write them.
AUDITED = {**dict.fromkeys(READ[:5], "read"), "contents": "read", "administration": "read"}


@dataclass(frozen=True, slots=True)
class World:
    """The two repositories and a token of everybody in them."""

    state: State
    app: Repo
    infra: Repo
    tokens: dict[str, str]


def build(sandbox: Sandbox) -> World:
    """Fill *sandbox* with the examples: every environment runs the first commit of the app, which was tested."""
    state = sandbox.state
    state.add_user(ORGANIZATION, kind="Organization").owners.add("olivia")
    people: dict[str, Role] = {"olivia": "admin", "alice": "write", "bob": "write"}
    for login in people:
        state.add_user(login)
    app = state.add_repo(ORGANIZATION, "app", people)
    infra = state.add_repo(ORGANIZATION, "infra", people)
    add_app(state, BOT, BOT_MAY, [app, infra])
    add_app(state, GUARD, GUARD_MAY, [app, infra])
    olivia = state.users["olivia"]
    for repo in (app, infra):
        repo.git.add_pack(_pack(EXAMPLES / repo.name))
    first = _commit_all(app, olivia, _files(EXAMPLES / "app"))
    files = _files(EXAMPLES / "infra")
    for env in ENVIRONMENTS:
        path = f"envs/{env}.json"
        files[path] = files[path].replace(b'"tag": ""', f'"tag": "{first}"'.encode())
    _commit_all(infra, olivia, files)
    state.report(app, "gate", first)
    for env in ENVIRONMENTS:
        sandbox.behaviour.record_deployment(infra, infra.git.head("main") or "", env, by=BOT)
    for repo in (app, infra):
        rulesets = sorted((EXAMPLES / "infra" / "protection" / repo.name / "rulesets").glob("*.json"))
        repo.rulesets = [_ruleset(sandbox, path) for path in rulesets]
        repo.ruleset_versions = [
            RulesetVersion(state.new_id(), ruleset["id"], olivia, copy.deepcopy(ruleset)) for ruleset in repo.rulesets
        ]
    tokens = {login: state.add_token(login) for login in people}
    tokens |= {BOT: state.add_token(BOT, permissions=BOT_MAY), GUARD: state.add_token(GUARD, permissions=GUARD_MAY)}
    return World(state=state, app=app, infra=infra, tokens=tokens)


def add_app(state: State, login: str, permissions: dict[str, str], repos: list[Repo]) -> App:
    """Have the organization make an App with *permissions* and install it on *repos*."""
    user = state.add_user(login, kind="Bot")
    slug = login.removesuffix("[bot]")
    state.apps[slug] = App(state.new_id(), slug, f"Iv23{user.id}", user, permissions, repos)
    for repo in repos:
        repo.members[login] = "write"
    return state.apps[slug]


def with_environments(world: World) -> World:
    """Make the environments of the examples, with the Apps' keys in them: the default branch alone may use them."""
    state = world.state
    for repo, key in ((world.app, "bot"), (world.infra, "bot"), (world.infra, "guard")):
        app = state.apps[f"gitops-{key}"]
        made = add_environment(repo, state.new_id(), app.slug, branches=[Policy(state.new_id(), repo.default_branch)])
        made.secrets[f"GITOPS_{key.upper()}_KEY"] = app.private_key
        repo.variables[f"GITOPS_{key.upper()}_ID"] = app.client_id
    for env in ENVIRONMENTS:
        add_environment(world.infra, state.new_id(), env, branches=[Policy(state.new_id(), "main")])
    return world


def as_documented(world: World) -> World:
    """Set both repositories up as docs/setup.md says."""
    for repo in (with_environments(world).app, world.infra):
        repo.delete_branch_on_merge = True
    return world


def without_gates(world: World) -> World:
    """Have the infra repository ask for its tests alone, whatever a change is."""
    git, olivia = world.infra.git, world.app.authors[world.app.git.head("main") or ""]
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
    git, author = world.app.git, world.app.authors[world.app.git.head("main") or ""]
    for version in versions:
        head = git.head("main") or ""
        sha = git.commit(parents=[head], message=version, author=author.person, files={"version": version.encode()})
        world.app.authors[sha] = author
        git.set_ref("refs/heads/main", sha)
        git.set_ref(f"refs/tags/{version}", sha)
        world.state.report(world.app, "gate", sha)


def publish_actions(folder: Path) -> Path:
    """Copy the actions to *folder*, with the dependencies that a release carries: what `@v1` stands for.

    Just them, and compiled, because act copies the folder for every step that uses one.
    """
    copy_repository(folder, "actions", "action-*")
    lock = (ROOT / "actions" / "requirements.lock").read_text(encoding="utf-8")
    site = folder / "actions" / "site"
    for name in set(re.findall(r"(?m)^([a-z0-9-]+)==", lock)) - COMPILED:
        _copy_modules(distribution(name), site)
    (site / "nacl").mkdir()
    for module in ("__init__", "encoding", "public"):  # PyGithub imports them, and no action uses what they would do
        (site / "nacl" / f"{module}.py").touch()
    compileall.compile_dir(folder, quiet=1, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)
    return folder


def _copy_modules(package: Distribution, site: Path) -> None:
    """Copy the modules and data of an installed *package*, but for what is compiled, as a release has them."""
    for file in package.files or ():
        is_zone = "zoneinfo" in file.parts and file.name not in ZONES
        if file.suffix not in (".so", ".pyc", ".pyi") and ".." not in file.parts and not is_zone:
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


@cache
def _pack(folder: Path) -> dict[str, bytes]:
    """Return the files of *folder* as a pack: two files to write for each new world, not a hundred."""
    with TemporaryDirectory(prefix="gitops-pack-") as path:
        repo = GitRepo(Path(path))
        repo.commit(parents=[], message="Files", author=Person("nobody", "nobody@invalid"), files=_files(folder))
        return repo.pack()


def _files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts and "dist" not in path.parts
    }


def _commit_all(repo: Repo, author: User, files: dict[str, bytes]) -> str:
    sha = repo.git.commit(parents=[], message="Initial commit", author=author.person, files=files)
    repo.authors[sha] = author
    repo.git.set_ref(f"refs/heads/{repo.default_branch}", sha)
    return sha


def _ruleset(sandbox: Sandbox, path: Path) -> dict[str, Any]:
    """Return a ruleset of the examples, with the ids of those who may bypass it."""
    ruleset: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    for entry in ruleset["bypass_actors"]:
        suffix = "[bot]" if entry["actor_type"] == "Integration" else ""
        entry["actor_id"] = sandbox.state.users[f"{entry.pop('actor')}{suffix}"].id
    return {"id": sandbox.state.new_id(), "created_at": timestamp(), "updated_at": timestamp(), **ruleset}
