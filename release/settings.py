"""Read the settings of the release programs from the environment of the workflow."""

from __future__ import annotations

import os
from pathlib import Path

from actions.api.client import Client
from actions.errors import InputError
from actions.runner.inputs import Inputs
from release.checkout import Checkout
from release.project import Project

ROOT = Path(__file__).parent.parent


def project() -> Project:
    """Return the repository of this run, accessed with the input `token`."""
    return Project(Client(os.environ.get("GITHUB_REPOSITORY", ""), Inputs().secret("token")))


def checkout() -> Checkout:
    """Return the checkout of this run."""
    url = f"{os.environ['GITHUB_SERVER_URL']}/{os.environ['GITHUB_REPOSITORY']}"
    return Checkout(root=ROOT, url=url, token=Inputs().secret("token"))


def require_main() -> None:
    """Raise InputError unless the run is on main."""
    ref = os.environ.get("GITHUB_REF", "")
    if ref != "refs/heads/main":
        raise InputError(f"this run is on {ref or 'no ref'}; a release can only be made from main")
