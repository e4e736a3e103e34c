"""The gh of the sandbox starts workflows as gh does, and asks nobody beyond this machine."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from sandbox import gh_program
from sandbox.server import REST_ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox.scenarios import GitHub

DISPATCH = ("workflow", "run", "publish.yml", "--ref")


def gh(github: GitHub, folder: Path, *arguments: str, token: str = "") -> subprocess.CompletedProcess[str]:
    url = github.sandbox.url
    program = gh_program.write(folder / "bin", url, f"{url}{REST_ROOT}") / "gh"
    environment = {"GH_REPO": "your-org/app", "GH_TOKEN": token or github.world.tokens["alice"]}
    return subprocess.run([program, *arguments], env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("pr", "list"), 'unknown command "pr list" for "gh" of the sandbox'),
        ((*DISPATCH, "main", "--json", "x"), "unknown flag: --json"),
        # OpenAPI's words for a workflow without the event: github/docs, "Create a workflow dispatch event"
        ((*DISPATCH, "main", "-f", "x=y"), "could not create workflow dispatch event: HTTP 422: "),
        (
            ("attestation", "verify", "oci://ghcr.io/your-org/api@sha256:0", "--repo", "your-org/app"),
            "asks nobody beyond this machine, and ghcr.io is",
        ),
    ],
)
def test_what_cannot_be_done_is_said(github: GitHub, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    done = gh(github, tmp_path, *arguments)

    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
