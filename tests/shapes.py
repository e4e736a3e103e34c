"""Shapes of repositories that the tests have `new` write: the flags of each."""

from __future__ import annotations

SHAPES = {
    "the defaults": "",
    "one service, kustomize": "--service web=src --layout kustomize --hotfix-prefix fix/",
    "one service, helm, a team": "--service a.b=src --layout helm --team ops --plan enterprise",
    "three services, kustomize, helm": "--service web=services/web+lib --service api=services/api --service docs=docs"
    " --env dev --env qa --env preprod --env prod --layout kustomize --deploy helm --branch trunk"
    " --hotfix-prefix hotfix/",
    "versions": "--service api=services/api --service web=services/web --tag version --env test --env live",
    "a server, one environment": "--plan ghes --server https://ghe.acme.com --env production",
}
ACTIONS = f"acme/gitops-actions@{'1' * 40} # v1.2.3"


def flags(shape: str, out: object) -> list[str]:
    """Return the arguments of `new` for *shape*, to be written in the folder *out*."""
    names = ["--org", "acme", "--app", "shop", "--yes", "--actions", ACTIONS, "--out", str(out)]
    return ["new", *names, *SHAPES[shape].split()]
