"""What an administrator does with repositories: make, list, change and delete them, and let others in."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from sandbox.behaviour import WEB_FLOW, Refusal
from sandbox.gitrepo import BRANCH, GitRepo
from sandbox.rest.call import Answer, Call, found, require_grant, route

if TYPE_CHECKING:
    from sandbox.state import Repo, Role, User

METHODS = {"merge": "allow_merge_commit", "squash": "allow_squash_merge", "rebase": "allow_rebase_merge"}
COLLABORATORS: dict[str, Role] = {"pull": "read", "push": "write", "admin": "admin"}


@route("GET /orgs/{org}/repos")
def _repositories(call: Call) -> Answer:
    owner, user = _organization(call), call.token.user
    repos = [repo for repo in call.state.repos.values() if repo.owner is owner and repo.role(user) != "none"]
    return 200, [call.payloads.repo(repo) for repo in repos]


@route("POST /orgs/{org}/repos")
def _create_repository(call: Call) -> Answer:
    owner, body = _organization(call), call.body
    if call.token.user.login not in owner.owners:  # pulumi/pulumi-github#116
        raise Refusal(403, "You need admin access to the organization before adding a repository to it.")
    require_grant(call.token, "write", "administration")
    if f"{owner.login}/{body['name']}".lower() in call.state.repos:  # dyad-sh/dyad#1914
        message = "name already exists on this account"
        error = {"resource": "Repository", "code": "custom", "field": "name", "message": message}
        raise Refusal(422, "Repository creation failed.", errors=[error])
    members: dict[str, Role] = dict.fromkeys((*owner.apps, *owner.owners), "admin")
    repo = call.state.add_repo(owner.login, body["name"], members)
    repo.allow_auto_merge = False  # AliceJump/ok-end-field#211: nobody has it who did not ask
    _change(repo, body)
    if body.get("auto_init"):
        _initial_commit(repo, call.token.user)
    return 201, call.payloads.repo(repo)


@route("PATCH /repos/{owner}/{repo}")
def _change_repository(call: Call) -> Answer:
    repo, name = _administered(call), call.body.get("name")
    if name and name != repo.name:
        del call.state.repos[repo.full_name.lower()]
        repo.former_names.add(repo.full_name.lower())
        repo.name = name
        call.state.repos[repo.full_name.lower()] = repo
        repo.git = GitRepo(repo.git.path.rename(repo.git.path.with_name(f"{name}.git")))
    _change(repo, call.body)
    return 200, call.payloads.repo(repo)


@route("DELETE /repos/{owner}/{repo}")
def _delete_repository(call: Call) -> Answer:
    repo = _administered(call)
    del call.state.repos[repo.full_name.lower()]
    shutil.rmtree(repo.git.path)
    return 204, None


@route("PUT /repos/{owner}/{repo}/collaborators/{username}")
def _add_collaborator(call: Call) -> Answer:
    repo = _administered(call)
    user: User = found(call.state.users.get(call.path["username"]))
    repo.members[user.login] = COLLABORATORS[(call.body or {}).get("permission", "push")]
    return 204, None  # as for a member of the organization; anybody else would be invited first


def _organization(call: Call) -> User:
    known = call.state.users.get(call.path["org"])
    return found(known if known and known.kind == "Organization" else None)  # type: ignore[no-any-return]


def _administered(call: Call) -> Repo:
    """Return the repository of the path, archived or not, to an administrator (octokit/octokit.rb#1208)."""
    repo = call.repo(permission="administration")
    if repo.role(call.token.user) != "admin" and not call.token.is_of_app:
        raise Refusal(403, "Must have admin rights to Repository.")
    require_grant(call.token, "write", "administration")
    return repo


def _change(repo: Repo, body: dict[str, Any]) -> None:
    repo.allow_auto_merge = body.get("allow_auto_merge", repo.allow_auto_merge)
    repo.delete_branch_on_merge = body.get("delete_branch_on_merge", repo.delete_branch_on_merge)
    repo.archived = body.get("archived", repo.archived)
    repo.merge_methods = {name for name, key in METHODS.items() if body.get(key, name in repo.merge_methods)}


def _initial_commit(repo: Repo, user: User) -> None:
    files = {"README.md": f"# {repo.name}\n".encode()}
    sha = repo.git.commit(parents=[], message="Initial commit", author=user.person, committer=WEB_FLOW, files=files)
    repo.verified.add(sha)
    repo.authors[sha] = user
    repo.git.set_ref(BRANCH + repo.default_branch, sha)
