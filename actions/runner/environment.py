"""Read the runner's variables: event, checkout, addresses, actors."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def event_payload(environment: Mapping[str, str] = os.environ) -> dict[str, object]:
    """Return the payload of the event that started the run, {} if there is none."""
    path = environment.get("GITHUB_EVENT_PATH")
    if not path or not Path(path).is_file():
        return {}
    payload = json.loads(Path(path).read_text(encoding="utf-8"))
    return payload if isinstance(payload, dict) else {}


def workspace_root() -> Path:
    """Return the folder of the caller's checkout."""
    return Path(os.environ.get("GITHUB_WORKSPACE") or Path.cwd())


def server_url() -> str:
    """Return the address of this GitHub server, without a trailing slash."""
    return os.environ.get("GITHUB_SERVER_URL", "https://github.com")


def run_url() -> str:
    """Return the address of this run."""
    repository, run = os.environ.get("GITHUB_REPOSITORY", ""), os.environ.get("GITHUB_RUN_ID", "")
    return f"{server_url()}/{repository}/actions/runs/{run}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """A run: its number, its attempt, its address."""

    id: str
    attempt: str
    url: str


def this_run() -> Run:
    """Return this run."""
    number = os.environ.get("GITHUB_RUN_ID", "")
    return Run(id=number, attempt=os.environ.get("GITHUB_RUN_ATTEMPT") or "1", url=run_url())


def action_version(path: Path = Path(__file__)) -> str:
    """Return the action at *path*, as `owner/name@ref`, if that is where the runner downloads to; "" elsewhere."""
    parts = path.parts
    if "_actions" not in parts:
        return ""
    owner, name, ref = parts[parts.index("_actions") + 1 :][:3]
    return f"{owner}/{name}@{ref}"


def actors() -> tuple[str, str]:
    """Return who triggered this run or re-run, and who triggered it the first time; "" if unknown or on schedule."""
    if os.environ.get("GITHUB_EVENT_NAME") == "schedule":
        return "", ""
    first = os.environ.get("GITHUB_ACTOR", "")
    return os.environ.get("GITHUB_TRIGGERING_ACTOR") or first, first
