"""Serves an organization until somebody ends it: the examples, or two checkouts of the user's own."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

from sandbox.guide import guide
from sandbox.server import Sandbox
from sandbox.triggers import never_fired
from sandbox.workflows import Workflows
from sandbox.world import ROOT, as_documented, build, examples, publish_actions
from sandbox.worlds.checkout import read_checkout
from sandbox.worlds.reading import Given, describe

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sandbox.act import Run
    from sandbox.state import Event
    from sandbox.worlds.description import Description

LOGS = ROOT / "demo-logs"
SECRET, VARIABLE = "SANDBOX_SECRET_", "SANDBOX_VAR_"


def serve(app: Path | None = None, infra: Path | None = None, given: Given | None = None, *, logs: Path = LOGS) -> int:
    """Serve the checkouts *app* and *infra*, or the examples without them, until SIGINT or SIGTERM comes.

    Raises CheckoutError if a folder cannot be served.
    """
    description = read_pair(app, infra, given) if app and infra else examples()
    logs.mkdir(exist_ok=True)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with Sandbox.start() as sandbox:
        world = as_documented(build(sandbox, description))
        actions = publish_actions(sandbox.state.folder / "actions")
        sandbox.state.listeners.append(tell_of_silence)
        with Workflows(sandbox, actions=actions, logs=logs, told=_tell):
            print(guide(sandbox, world, logs), flush=True)
            ended.wait()
    print("\nended")
    return 0


def read_pair(app: Path, infra: Path, given: Given | None = None) -> Description:
    """Return the organization that two checkouts are made for; raise CheckoutError if one cannot be served."""
    return describe(read_checkout(app), read_checkout(infra), given)


def values_in(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the values of secrets and variables that *environment* has: `SANDBOX_SECRET_NAME`, `SANDBOX_VAR_NAME`."""
    return {
        name.removeprefix(prefix): value
        for name, value in environment.items()
        for prefix in (SECRET, VARIABLE)
        if name.startswith(prefix)
    }


def tell_of_silence(event: Event) -> None:
    """Say of a push to the default branch which of its workflows wait for what never happens here."""
    if event.name == "push" and event.ref == f"refs/heads/{event.repo.default_branch}":
        for path, name in never_fired(event.repo, event.sha):
            print(f"{event.repo.name}: {path}: the sandbox never starts a workflow by {name}", flush=True)


def _tell(run: Run) -> None:
    attempt = f", attempt {run.attempt}" if run.attempt > 1 else ""
    state = f"{run.conclusion}, see {run.log.name}" if run.conclusion else "started"
    print(f"{run.event.repo.name}: run {run.number}{attempt}: {run.name} ({run.event.name}): {state}", flush=True)
