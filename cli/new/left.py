"""What is left to do on GitHub: two Apps, made by a link each, and commands to be copied as they stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from cli.new.shape import Deploy, Plan

if TYPE_CHECKING:
    from cli.new.shape import Shape

# docs/setup.md says what each is for.
BOT = {
    **dict.fromkeys(("contents", "pull_requests", "deployments", "workflows"), "write"),
    **dict.fromkeys(("actions", "checks", "statuses"), "read"),
}
GUARD = {
    **dict.fromkeys(("contents", "administration"), "write"),
    **dict.fromkeys(("actions", "checks", "deployments", "members", "pull_requests", "statuses"), "read"),
}
ONE_BRANCH = {"protected_branches": "false", "custom_branch_policies": "true"}
LACKS = {
    Plan.FREE: "GitHub Free has environments and rulesets in public repositories only: make both public, or use Team",
    Plan.TEAM: "GitHub Team has no merge queue in private repositories: gates-queue.yml is left out",
    Plan.GHES: "Enterprise Server does not know `deployment: false`: each job with a key files a deployment record too",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do: *why*, and a *command* or a *link* if there is one."""

    why: str
    command: str = ""
    link: str = ""


def steps(shape: Shape, *, folder: str, server: str = "https://github.com") -> list[Step]:
    """Return what is left to do, in order; the repositories are in *folder*."""
    app, infra = f"{shape.org}/{shape.app}", f"{shape.org}/{shape.infra}"
    gh = "gh" if server == "https://github.com" else f"GH_HOST={server.removeprefix('https://')} gh"
    merging = f"{gh} repo edit $repo --enable-squash-merge --delete-branch-on-merge"
    found = [
        Step("Make those of the two repositories that are not there, empty, and let both squash what is merged",
             command=f"{gh} repo create {app} --private; {gh} repo create {infra} --private; "
                     f"for repo in {app} {infra}; do {merging}; done"),
        Step("Make the bot's App, install it on both repositories, and save a private key as bot.pem",
             link=app_link(shape, shape.bot, BOT, server)),
        Step("Make the guard's App, install it on both repositories, and save a private key as guard.pem",
             link=app_link(shape, shape.guard, GUARD, server)),
        Step("Say the client ids of both, which their pages show", command="BOT_ID=Iv… GUARD_ID=Iv…"),
        *(
            Step(f"Put the {key}'s key into {repository}, where only {shape.branch} may use it",
                 command=_key(shape, repository, key, gh))
            for repository, key in ((app, "bot"), (infra, "bot"), (infra, "guard"))
        ),
        Step(f"Push {shape.app}; nothing is published yet", command=_push(folder, shape.app, " [skip ci]")),
        Step(f"Push {shape.infra}; Protect then applies the rulesets and environments of both repositories",
             command=_push(folder, shape.infra)),
    ]  # fmt: skip
    folders = ", ".join(each[0] for each in shape.services.values())
    targets = "install, test and publish" if shape.is_one_service else "test and publish"
    found.insert(0, Step(f"Put your own commands into the targets {targets} of the Makefile in {folders}"))
    if shape.deploy is Deploy.MAKE:
        found.append(Step(f"Put your command into `make deploy` of {shape.infra}, and what it needs into"
                          f" the environments {', '.join(shape.envs)}"))  # fmt: skip
    else:
        secret = f"{gh} secret set KUBECONFIG --env $env -R {infra} <$env.kubeconfig"
        found.append(Step("Put the kubeconfig of each environment into its secret",
                          command=f"for env in {' '.join(shape.envs)}; do {secret}; done"))  # fmt: skip
    return [*found, Step("See whether it is set up", command=f"{gh} workflow run doctor.yml -R {infra}")]


def app_link(shape: Shape, name: str, permissions: dict[str, str], server: str) -> str:
    """Return the address of the form for a new App, filled in.

    docs.github.com, "Registering a GitHub App using URL parameters".
    """
    fields = {
        "name": name,
        "url": f"{server}/{shape.org}/{shape.infra}",
        "public": "false",
        "webhook_active": "false",
        **permissions,
    }
    return f"{server}/organizations/{shape.org}/settings/apps/new?{urlencode(fields)}"


def _push(folder: str, name: str, suffix: str = "") -> str:
    git = f"git -C {folder}/{name}"
    return f"{git} add . && {git} commit -m 'Add the delivery pipeline{suffix}' && {git} push -u origin HEAD"


def _key(shape: Shape, repository: str, key: str, gh: str) -> str:
    """Return one command for the environment of *key*, its one branch, its secret and its variable."""
    env, name = f"gitops-{key}", f"GITOPS_{key.upper()}"
    path = f"repos/{repository}/environments/{env}"
    only = " ".join(f"-F 'deployment_branch_policy[{key}]={value}'" for key, value in ONE_BRANCH.items())
    return " && ".join(
        [
            f"{gh} api -X PUT {path} {only} --silent",
            f"{gh} api {path}/deployment-branch-policies -f name={shape.branch} --silent",
            f"{gh} secret set {name}_KEY --env {env} -R {repository} <{key}.pem",
            f'{gh} variable set {name}_ID -R {repository} --body "${key.upper()}_ID"',
        ]
    )
