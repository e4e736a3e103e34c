"""`gitops-actions where`: which environments have a change, since when, and what keeps it from the next."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from actions.errors import ActionError
from cli import github

if TYPE_CHECKING:
    import argparse


NUMBER = re.compile(r"#?\d{1,6}")  # git takes seven digits and more for a commit


def parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to *commands*."""
    found = commands.add_parser("where", help="say which environments have a change")
    found.add_argument("what", help="a commit, a branch of this folder, or the number of a pull request of the app")
    github.add_options(found)
    found.add_argument("--app", help="the app repository, as owner/name; default: that of this folder")
    found.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print where the change is; return the exit code."""
    from actions.status.where import Question, where  # the other commands do without it

    try:
        github.use_server(arguments.server)
        app = arguments.app or github.repository_here()
        infra = arguments.infra or f"{app}-infra"
        what = _commit(arguments.what)
        question = Question(what=what, app_repo=app, infra_repo=infra, now=datetime.now(UTC), token=github.token())
        places = where(question)
    except ActionError as error:
        print(f"gitops-actions: {error}", file=sys.stderr)
        return error.exit_code
    print("\n".join(map(str, places)) or f"no service of {infra} is of {app}")
    return 0


def _commit(what: str) -> str:
    """Return the commit that this folder calls *what*, else *what*; a short number is that of a pull request."""
    if NUMBER.fullmatch(what):
        return what
    command = ["git", "rev-parse", "--verify", "--quiet", "--end-of-options", f"{what}^{{commit}}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else what
