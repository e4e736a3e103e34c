"""A stand-in for actions/checkout where act's copy of the commit will not do: another ref or repository, more history.

By what is in its README: what is fetched is one commit unless `fetch-depth` says more, the token stays in the settings
of git unless `persist-credentials` is false, and a branch is checked out as a branch.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

USES = "sandbox/checkout@1"  # what a step says in place of actions/checkout
INPUTS = ("repository", "ref", "token", "path", "fetch-depth", "fetch-tags", "persist-credentials")
# With these alone, act's copy will do.
COPIED = {"persist-credentials", "path", "clean", "show-progress", "set-safe-directory"}


def write(folder: Path) -> Path:
    """Write the action to *folder*."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "checkout.py").write_text(Path(__file__).read_text(encoding="utf-8"), encoding="utf-8")
    step = {
        "id": "checkout",
        "shell": "bash",
        "env": {_variable(name): f"${{{{ inputs.{name} }}}}" for name in INPUTS},
        "run": f'"{sys.executable}" -I "$GITHUB_ACTION_PATH/checkout.py"',
    }
    action = {
        "name": "Checkout",
        "inputs": {name: {"required": False} for name in INPUTS},
        "outputs": {name: {"value": f"${{{{ steps.checkout.outputs.{name} }}}}"} for name in ("ref", "commit")},
        "runs": {"using": "composite", "steps": [step]},
    }
    (folder / "action.yml").write_text(json.dumps(action), encoding="utf-8")  # YAML takes JSON
    return folder


def main() -> None:
    """Check out what the inputs say, and set the outputs."""
    given = {name: os.environ.get(_variable(name), "").strip() for name in INPUTS}
    here = os.environ["GITHUB_REPOSITORY"]
    own = given["repository"] in ("", here)
    ref = given["ref"] or (os.environ["GITHUB_REF"] if own else "HEAD")
    wanted = os.environ["GITHUB_SHA"] if own and not given["ref"] else ref
    folder = Path(os.environ["GITHUB_WORKSPACE"], given["path"])
    folder.mkdir(parents=True, exist_ok=True)
    server = os.environ["GITHUB_SERVER_URL"]
    basic = base64.b64encode(f"x-access-token:{given['token']}".encode()).decode()
    header = f"AUTHORIZATION: basic {basic}"
    settings = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"http.{server}/.extraheader",
        "GIT_CONFIG_VALUE_0": header,
    }

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, env=os.environ | settings, stdout=subprocess.PIPE, text=True, check=False
        )
        if done.returncode:
            sys.exit(done.returncode)
        return done.stdout.strip()

    git("init", "--quiet")
    if "origin" in git("remote").split():
        git("remote", "remove", "origin")
    git("remote", "add", "origin", f"{server}/{given['repository'] or here}.git")
    if given["fetch-depth"] == "0":
        shallow = ["--unshallow"] if (folder / ".git" / "shallow").exists() else []
        git("fetch", "--quiet", "--tags", "--prune", *shallow, "origin", "+refs/heads/*:refs/remotes/origin/*", wanted)
    else:
        tags = "--tags" if given["fetch-tags"] == "true" else "--no-tags"
        git("fetch", "--quiet", tags, "--depth", given["fetch-depth"] or "1", "origin", wanted)
    branch = ref.removeprefix("refs/heads/")
    at = ["-B", branch] if ref.startswith("refs/heads/") else ["--detach"]
    git("checkout", "--quiet", "--force", *at, "FETCH_HEAD")
    if given["persist-credentials"] != "false":
        with (folder / ".git" / "config").open("a", encoding="utf-8") as config:
            config.write(f'[http "{server}/"]\n\textraheader = {header}\n')
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as outputs:
        outputs.write(f"ref={ref}\ncommit={git('rev-parse', 'HEAD')}\n")


def _variable(name: str) -> str:
    return f"CHECKOUT_{name.replace('-', '_').upper()}"


if __name__ == "__main__":
    main()
