"""Ask whether the run that a bot's commit names was there when it was made, and was started by who it says.

A trailer is text: who may push to a bot's branch, or squash into it, can write one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from actions.app.facts import Unknown
from actions.errors import AccessError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from actions.api.client import Client
    from actions.gates.approval import PullCommit

PERMISSION = "actions: read"
RUN = re.compile(r"https?://[^/\s]+/([\w.-]+/[\w.-]+)/actions/runs/(\d+)/attempts/(\d+)")
ACTORS = ("actor", "triggering_actor")
DISPATCH = "workflow_dispatch"
SCHEDULE = "schedule"  # runs on the default branch alone, and nobody asked for it


@dataclass(frozen=True)
class RequestRuns:
    """Read the runs of those repositories for which *client_of* has a client, each once."""

    client_of: Callable[[str], Client | None]
    _runs: dict[str, Mapping[str, Any] | str] = field(default_factory=dict, repr=False)

    def doubt(self, commit: PullCommit) -> str:
        """Return what is doubtful about who asked for *commit*, "" if its run says the same."""
        if commit.run not in self._runs:
            self._runs[commit.run] = self._read(commit.run)
        run = self._runs[commit.run]
        if isinstance(run, str):
            return f"who asked for {commit.sha[:12]}: {run}"
        over = run["status"] == "completed" and commit.at > run["updated_at"]
        if over or commit.at < run["run_started_at"]:
            return f"who asked for {commit.sha[:12]}: it was not made during {commit.run}"
        if run["event"] == SCHEDULE:
            return ""
        starters = {(run[role] or {}).get("login", "") for role in ACTORS}
        if {login.casefold() for login in commit.requesters} != {login.casefold() for login in starters}:
            named, did = (", ".join(sorted(logins)) or "nobody" for logins in (commit.requesters, starters))
            return f"who asked for {commit.sha[:12]}: it says {named}, and {commit.run} was started by {did}"
        return ""

    def dispatchers(self, commit: PullCommit, repository: str, branch: str) -> frozenset[str] | Unknown:
        """Return who started, by hand and on *branch* of *repository*, the run that *commit* names.

        Nobody did if it is another kind of run, or of another repository. Call `doubt` for what else may be wrong.
        """
        doubt, match = self.doubt(commit), RUN.fullmatch(commit.run)
        run = self._runs[commit.run]
        if doubt or not match or isinstance(run, str):
            return Unknown(doubt)
        if match[1].casefold() != repository.casefold():
            return frozenset()
        by_hand = run["event"] == DISPATCH and run["head_branch"] == branch
        return frozenset((run[role] or {}).get("login", "") for role in ACTORS) if by_hand else frozenset()

    def _read(self, url: str) -> Mapping[str, Any] | str:
        """Return the run at *url*, or why it is not known."""
        match = RUN.fullmatch(url)
        client = self.client_of(match[1]) if match else None
        if not match or not client:
            return f"'{url}' is no run of this repository or of an app's"
        path = f"/actions/runs/{match[2]}/attempts/{match[3]}"
        try:
            run = client.rest("GET", path, permission=PERMISSION, absent=[404])
        except AccessError as error:
            return str(error)
        if run is None:
            return f"{url} is gone"
        with client.parsing():
            known = ("status", "event", "updated_at", "run_started_at", "head_branch", *ACTORS)
            return {key: run[key] for key in known}
