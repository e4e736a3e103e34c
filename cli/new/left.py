"""What is left to do on GitHub: two Apps, made by a link each, and commands to be copied as they stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from actions.tags import is_commit
from cli.github import PUBLIC
from cli.new.shape import Deploy, Plan, Tags

if TYPE_CHECKING:
    from collections.abc import Collection

    from cli.new.shape import Shape

# docs/setup.md says what each is for.
BOT = {
    **dict.fromkeys(("contents", "pull_requests", "deployments", "workflows"), "write"),
    **dict.fromkeys(("actions", "checks", "statuses"), "read"),
}
GUARD = {
    **dict.fromkeys(("contents", "administration"), "write"),
    **dict.fromkeys(("actions", "checks", "deployments", "members", "pull_requests", "statuses"), "read"),
    # for Doctor, which names secrets and Apps
    **dict.fromkeys(("environments", "secrets", "dependabot_secrets", "organization_administration"), "read"),
}
MOVING_IN = (
    "Your files stay as they are, and nothing is deployed again; docs/moving-in.md says more. Makefiles of yours need"
    " the targets of the steps above. Switch off what deploys today before the files are merged."
)
TWO_OF_TEAM = (
    "Two members of {team} approve every change but that of the tags of {first}; one of them may have pushed last. Try"
    " the ruleset first, as docs/rulesets.md says: GitHub's documents and its API disagree about its patterns."
)
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


def steps(shape: Shape, *, folder: str, server: str = PUBLIC, there: Collection[str] = ()) -> list[Step]:
    """Return what is left to do, in order; the repositories are in *folder*, and those in *there* were before."""
    app, infra = f"{shape.org}/{shape.app}", f"{shape.org}/{shape.infra}"
    gh = "gh" if server == PUBLIC else f"GH_HOST={server.removeprefix('https://')} gh"
    return [
        *_own_commands(shape),
        *_repositories(shape, gh, there),
        Step("Make the bot's App, install it on both repositories, and save a private key as bot.pem",
             link=app_link(shape, shape.bot, BOT, server)),
        Step("Make the guard's App, install it on both repositories, and save a private key as guard.pem",
             link=app_link(shape, shape.guard, GUARD, server)),
        Step("Say the client ids of both, which their pages show",
             command="read -rp 'bot: ' BOT_ID && read -rp 'guard: ' GUARD_ID"),
        *(
            Step(f"Put the {key}'s key into {repository}, where only {shape.branch} may use it",
                 command=_key(shape, repository, key, gh))
            for repository, key in ((app, "bot"), (infra, "bot"), (infra, "guard"))
        ),
        _app_step(shape, folder, gh, there),
        _infra_step(shape, folder, gh, there),
        *_secrets(shape, gh),
        Step("Remove the keys from this machine, and see whether all is set up",
             command=f"rm bot.pem guard.pem; {gh} workflow run doctor.yml -R {infra}"),
    ]  # fmt: skip


def notes(shape: Shape) -> list[str]:
    """Return what somebody who follows the steps should know."""
    found = [f"{LACKS[shape.plan]}. docs/plans.md says what follows from it."] if shape.plan in LACKS else []
    if shape.found:
        found.append(MOVING_IN)
        found += [
            f"{service} runs {tag}; what is published from now on is the commit, all 40 digits."
            for service, tag in shape.found.tags.items()
            if tag and not is_commit(tag) and shape.tags is Tags.SHA and service in shape.services
        ]
    if shape.team:
        found.append(TWO_OF_TEAM.format(team=shape.team, first=shape.envs[0]))
    locked = "" if shape.tags is Tags.VERSION else ", and only the bot makes git tags in the app"
    found.append(
        f"Once Protect has run, {shape.branch} and {shape.hotfix_prefix}* take reviewed pull requests alone{locked}."
    )
    return found


def _own_commands(shape: Shape) -> list[Step]:
    folders = ", ".join(each[0] for each in shape.services.values())
    targets = "install, test and publish" if shape.is_one_service else "test and publish"
    found = [Step(f"Put your own commands into the targets {targets} of the Makefile in {folders}")]
    if shape.deploy is Deploy.MAKE:
        found.append(Step(f"Put the command that deploys into `make deploy` of {shape.infra}"))
    return found


def _repositories(shape: Shape, gh: str, there: Collection[str]) -> list[Step]:
    kind = "--public" if shape.plan is Plan.FREE else "--private"
    names = [f"{shape.org}/{name}" for name in (shape.app, shape.infra)]
    new = [name for name in (shape.app, shape.infra) if name not in there]
    create = [f"{gh} repo create {shape.org}/{name} {kind}" for name in new]
    settle = f"for repo in {' '.join(names)}; do {gh} repo edit $repo --enable-squash-merge --delete-branch-on-merge"
    if shape.team:
        settle += f"; {gh} api -X PUT orgs/{shape.org}/teams/{shape.team}/repos/$repo -f permission=push --silent"
    why = "Make the repositories, empty, and have" if create else "Have"
    told = f", and {shape.team} write to them" if shape.team else ""
    return [Step(f"{why} both squash what is merged{told}", command="; ".join([*create, f"{settle}; done"]))]


def _app_step(shape: Shape, folder: str, gh: str, there: Collection[str]) -> Step:
    if shape.app in there:
        return Step(f"Propose the files to {shape.app}; merge them when the next step is done",
                    command=_proposed(folder, shape.app, gh))  # fmt: skip
    return Step(f"Push {shape.app}; nothing is published yet", command=_pushed(folder, shape.app, " [skip ci]"))


def _infra_step(shape: Shape, folder: str, gh: str, there: Collection[str]) -> Step:
    then = "Protect then applies the rulesets and environments of both repositories"
    if shape.infra in there:
        return Step(f"Propose the files to {shape.infra}, and have somebody else approve them; {then}",
                    command=_proposed(folder, shape.infra, gh))  # fmt: skip
    return Step(f"Push {shape.infra}; {then}", command=_pushed(folder, shape.infra))


def _secrets(shape: Shape, gh: str) -> list[Step]:
    infra = f"{shape.org}/{shape.infra}"
    if shape.deploy is Deploy.MAKE:
        return [Step(f"When Protect has run, put what your command needs into the environments {', '.join(shape.envs)}",
                     command=f"{gh} secret set NAME --env {shape.envs[0]} -R {infra}")]  # fmt: skip
    secret = f"{gh} secret set KUBECONFIG --env $env -R {infra} <$env.kubeconfig"
    return [Step("When Protect has run, put the kubeconfig of each environment into its secret",
                 command=f"for env in {' '.join(shape.envs)}; do {secret}; done")]  # fmt: skip


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


def _pushed(folder: str, name: str, suffix: str = "") -> str:
    git = f"git -C {folder}/{name}"
    return f"{git} add . && {git} commit -m 'Add the delivery pipeline{suffix}' && {git} push -u origin HEAD"


def _proposed(folder: str, name: str, gh: str) -> str:
    branch = f"git -C {folder}/{name} switch -c delivery-pipeline"
    return f"{branch} && {_pushed(folder, name)} && (cd {folder}/{name} && {gh} pr create --fill)"


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
