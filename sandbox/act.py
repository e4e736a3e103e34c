"""act, which runs a workflow: how it is started, and what it is given."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping

    from sandbox.server import Sandbox
    from sandbox.state import Event, User

ACT = Path(sys.executable).with_name("act")
PYTHON = Path(getattr(sys, "_base_executable", sys.executable))  # the one behind a virtual environment
MACHINES = ("ubuntu-latest", "ubuntu-24.04", "ubuntu-22.04")  # a job for another machine does not run
# What a runner has and a workflow may expect; nothing of the caller's beside it.
PASSED_ON = ("PATH", "LANG", "TMPDIR", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "HTTPS_PROXY", "https_proxy", "NO_PROXY")
NO_TERMINAL = Path(__file__).with_name("no_terminal.sh")


@dataclass(eq=False, slots=True)
class Run:
    """One run of one workflow: how each job ended, what the steps put out, and where its log is."""

    number: int
    event: Event
    path: str
    name: str
    log: Path
    jobs: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    summaries: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    conclusion: str = ""
    process: subprocess.Popen[str] | None = None
    cancelled: bool = False
    attempt: int = 1
    triggering_actor: User | None = None
    chain: int = 0  # so many runs before it started one another by `workflow_run`


def act_arguments(sandbox: Sandbox, run: Run, event_file: Path, secrets: Path, local: Mapping[str, Path]) -> list[str]:
    """Return the command that carries *run* out; *local* has the actions that its workflows use.

    What is secret is in the file *secrets*: in no argument, and in no environment, which act hands on to every step.
    """
    event = run.event
    variables = {
        **sandbox.environment(),
        "GITHUB_REPOSITORY": event.repo.full_name,
        "GITHUB_RUN_ID": str(run.number),
        "GITHUB_RUN_ATTEMPT": str(run.attempt),
        "GITHUB_TRIGGERING_ACTOR": (run.triggering_actor or event.actor).login,
        "GITHUB_REF": event.ref,
        "GITHUB_SHA": event.sha,
    }
    return [
        str(ACT),
        event.name,
        *("-e", str(event_file), "--actor", event.actor.login, "--json"),
        *(part for machine in MACHINES for part in ("-P", f"{machine}=-self-hosted")),
        *("--no-cache-server", "--artifact-server-addr", "127.0.0.1"),
        "--use-gitignore=false",  # what is committed is there, ignored or not
        *(part for used, folder in local.items() for part in ("--local-repository", f"{used}={folder}")),
        *("--secret-file", str(secrets)),
        *(part for name, value in event.repo.variables.items() for part in ("--var", f"{name}={value}")),
        *(part for name, value in variables.items() for part in ("--env", f"{name}={value}")),
    ]


def write_secrets(folder: Path, secrets: Mapping[str, str]) -> Path:
    """Write *secrets* to a file in *folder* as act reads them; whoever starts act removes it as soon as act has."""
    path = folder / "secrets.yml"
    path.touch(mode=0o600)
    path.write_text(json.dumps(dict(secrets)), encoding="utf-8")  # YAML takes JSON
    return path


def act_environment(home: Path, *programs: Path) -> dict[str, str]:
    """Return the environment that act runs in: a home of its own, and nothing of the caller's that is not needed.

    The folders *programs* have what comes before the programs of the machine.
    """
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return {
        **passed,
        # The Python that runs this comes first: another one may be too old, or a script of pyenv, which is slow. It may
        # have no pip; the uv beside act will do.
        "PATH": os.pathsep.join(
            [*map(str, programs), str(PYTHON.parent), passed.get("PATH", os.defpath), str(ACT.parent)]
        ),
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "GIT_PAGER": "cat",
        "GIT_TERMINAL_PROMPT": "0",  # nobody is there to answer
        "BASH_ENV": str(NO_TERMINAL),
        "TERM": "dumb",
    }
