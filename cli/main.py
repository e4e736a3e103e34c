"""The commands of `gitops-actions`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from cli import where
from cli.new import command as new

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that *arguments* name; return its exit code."""
    parser = argparse.ArgumentParser(prog="gitops-actions", description="What is done at a desk, not in a workflow.")
    commands = parser.add_subparsers(metavar="command", required=True)
    new.parser(commands)
    where.parser(commands)
    parsed = parser.parse_args(arguments)
    return int(parsed.run(parsed))
