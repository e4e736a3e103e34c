"""Say which environments have a commit or a pull request, since when, and what keeps it from the next."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from actions.errors import ActionError, InputError

if TYPE_CHECKING:
    import argparse

TOKEN = "GITHUB_TOKEN"  # noqa: S105 - the name of a variable


def parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to *commands*."""
    found = commands.add_parser("where", help="say which environments have a change, and what keeps it from the next")
    found.add_argument("what", help="a commit, all 40 digits, or the number of a pull request of the app")
    found.add_argument("--app", required=True, help="the app repository, as owner/name")
    found.add_argument("--infra", required=True, help="the infra repository, as owner/name")
    found.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print a line for each environment and service; return the exit code."""
    from actions.status.where import Question, where  # loads the client of GitHub

    try:
        token = os.environ.get(TOKEN, "")
        if not token:
            raise InputError(f"{TOKEN} is not set; with the GitHub CLI: {TOKEN}=$(gh auth token)")
        question = Question(
            what=arguments.what, app_repo=arguments.app, infra_repo=arguments.infra, now=datetime.now(UTC), token=token
        )
        print(*where(question), sep="\n")
    except ActionError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0
