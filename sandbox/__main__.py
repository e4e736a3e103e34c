"""`make sandbox`: the two example repositories, or two checkouts, on a GitHub of this machine, to play with."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from pathlib import Path

from sandbox.serve import serve, values_in
from sandbox.worlds.checkout import CheckoutError
from sandbox.worlds.reading import Given


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted."""
    parser = ArgumentParser(prog="make sandbox", description=__doc__)
    parser.add_argument("--app", type=Path, help="the checkout of the app repository")
    parser.add_argument("--infra", type=Path, help="the checkout of the infra repository")
    parser.add_argument("--org", default="", help="the organization, if the workflows do not name it")
    parser.add_argument("--app-name", default="", help="the name of the app repository, if its folder has another one")
    parser.add_argument("--infra-name", default="", help="the name of the infra repository")
    parser.add_argument("--branch", default="", help="the default branch of both repositories")
    asked = parser.parse_args(arguments)
    if bool(asked.app) != bool(asked.infra):
        parser.error("give both --app and --infra (make sandbox APP=../shop INFRA=../shop-infra), or none")
    given = Given(
        organization=asked.org,
        app=asked.app_name,
        infra=asked.infra_name,
        branch=asked.branch,
        values=values_in(os.environ),
    )
    try:
        return serve(asked.app, asked.infra, given)
    except CheckoutError as error:
        parser.error(str(error))


if __name__ == "__main__":
    sys.exit(main())
