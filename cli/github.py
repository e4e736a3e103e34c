"""Who asks GitHub from a desk, and which server."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

from actions.errors import InputError

if TYPE_CHECKING:
    import argparse

REMOTE = re.compile(r"^(?:https?://|ssh://|[\w.-]+@)[^/:]+(?::\d+)?[:/]([A-Za-z0-9-]+/[A-Za-z0-9._-]+?)(?:\.git)?/?$")
PUBLIC = "https://github.com"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of every command that asks GitHub."""
    parser.add_argument("--infra", help="the infra repository, as owner/name; default: that of this folder")
    parser.add_argument("--server", default=PUBLIC, help="the address of an Enterprise Server")


def use_server(address: str) -> None:
    """Have all that asks GitHub ask the server at *address*; the environment may name another one, as on a runner."""
    if address != PUBLIC:
        os.environ.setdefault("GITHUB_API_URL", f"{address}/api/v3")
        os.environ.setdefault("GITHUB_GRAPHQL_URL", f"{address}/api/graphql")


def token() -> str:
    """Return the token of the environment, or else that of gh; raise InputError if there is none."""
    found = os.environ.get("GH_TOKEN") or os.environ.get("GITHUB_TOKEN") or ""
    gh = shutil.which("gh")
    if not found and gh:
        done = subprocess.run([gh, "auth", "token"], capture_output=True, text=True, check=False)
        found = done.stdout.strip()
    if not found:
        raise InputError("no token: set GH_TOKEN, or log in with gh auth login")
    return found


def repository_here() -> str:
    """Return the repository that the folder is a clone of; raise InputError if that is not known."""
    done = subprocess.run(["git", "remote", "get-url", "origin"], capture_output=True, text=True, check=False)
    found = REMOTE.search(done.stdout.strip()) if done.returncode == 0 else None
    if not found:
        raise InputError("this folder is no clone of a repository; name one, as owner/name")
    return found[1]
