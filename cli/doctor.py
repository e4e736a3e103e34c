"""`gitops-actions doctor`: what is not set up, why it matters, and where it is changed."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from actions.errors import ActionError
from cli import github

if TYPE_CHECKING:
    import argparse


def parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to *commands*."""
    found = commands.add_parser("doctor", help="list what is not set up in both repositories")
    github.add_options(found)
    found.add_argument("--app", action="append", default=[], help="an app repository; default: those of gitops.yml")
    found.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print what there is to be said; return the exit code of the worst."""
    from actions.diagnosis.report import Ground, diagnose, errors, text  # the other commands do without it

    try:
        github.use_server(arguments.server)
        token = github.token()
        infra = arguments.infra or github.repository_here()
        ground = Ground(infra=infra, apps=tuple(arguments.app), token=token, app_token=token, now=datetime.now(UTC))
        findings = diagnose(ground)
    except ActionError as error:
        print(f"gitops-actions: {error}", file=sys.stderr)
        return error.exit_code
    print(text(findings))
    failures = errors(findings)
    return failures[0].exit_code if failures else 0
