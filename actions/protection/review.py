"""Tell whether a run has the newest files of protection, and whether a human who did not contribute approved them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from actions.api.client import file_fields, path_variables, query
from actions.api.repository import ZEROS
from actions.app.facts import Unknown
from actions.errors import ReviewRequiredError, UnknownFactError
from actions.gates.pull_reader import PERMISSION, PullJudge, read_pulls
from actions.gates.request_runs import RequestRuns
from actions.infra.config import PATH as CONFIG_PATH
from actions.infra.config import Config
from actions.infra.config_file import parse_config
from actions.protection.workflow_checks import FOLDER as WORKFLOWS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from actions.api.client import Client
    from actions.errors import ActionError

PATHS_PER_QUERY = 25
CHANGED = """... on Commit {
    files: history(first: 1, path: $folder) { nodes { oid } }
    workflows: history(first: 1, path: $workflows) { nodes { oid } } }"""
HEAD = query(
    variables={"oid": "GitObjectID!", "folder": "String!", "workflows": "String!"},
    fields=f"defaultBranchRef {{ name target {{ oid {CHANGED} }} }} object(oid: $oid) {{ {CHANGED} }}",
)
LAST_COMMIT = """history(first: 1, path: $p%d) { nodes {
    oid parents(first: 1) { totalCount } associatedPullRequests(first: 5) { nodes { number state baseRefName } } } }"""
REMEDY = "change it by a pull request that somebody else approves"


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """The commit *sha* at the end of the default *branch*, and whether the run *has_its_files*."""

    branch: str
    sha: str
    has_its_files: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class LastChange:
    """The commit *sha* that changed a file last, by the pull request *pull* (0: by none), and its *text* since.

    With an empty *sha* the file is not there.
    """

    sha: str = ""
    pull: int = 0
    is_first: bool = False
    text: str = ""


def read_head(client: Client, run_sha: str, folder: str) -> Head:
    """Return the head of the default branch, compared with the commit *run_sha* of the run.

    The run has its files if it is of that commit, or if neither *folder* nor a workflow has changed since.
    """
    variables = {"oid": run_sha or ZEROS, "folder": folder, "workflows": WORKFLOWS}
    answer = client.repository(HEAD, variables)
    with client.parsing():
        head, ours = answer["defaultBranchRef"]["target"], answer["object"] or {"files": None}
        same = ours["files"] == head["files"] and ours["workflows"] == head["workflows"]
        has_its_files = run_sha == head["oid"] or (same and bool(head["files"]["nodes"]))
        return Head(branch=answer["defaultBranchRef"]["name"], sha=head["oid"], has_its_files=has_its_files)


def find_unapproved(client: Client, head: Head, files: Mapping[str, str | None]) -> list[ActionError]:
    """Return an error for each of *files* that *head* has otherwise, or whose last change nobody approved.

    *files* are texts by path, None for a folder. A file of the first commit counts as approved: nobody could approve it
    yet.
    """
    changes = _last_changes(client, head, [CONFIG_PATH, *files])
    config = parse_config(changes[CONFIG_PATH].text) if changes[CONFIG_PATH].text else Config()
    judge = PullJudge(config, RequestRuns({client.name: client}.get))
    pulls = read_pulls(client, dict.fromkeys(change.pull for path in files if (change := changes[path]).pull))

    def problem(path: str, text: str | None) -> ActionError | None:
        change = changes[path]
        if not change.sha or (text is not None and _plain(text) != _plain(change.text)):
            message = f"{path}: {head.branch} has another file; check out {head.sha[:12]}"
            return ReviewRequiredError(message, file=path, line=1)
        by = f"commit {change.sha[:12]}" + (f" of #{change.pull}" if change.pull else "")
        approved = judge.is_approved(pulls[change.pull]) if change.pull else change.is_first
        if isinstance(approved, Unknown):
            message = f"{path}: {by} changed it, and whether that was approved is unknown: {approved.missing}"
            return UnknownFactError(message, file=path, line=1)
        message = f"{path}: {by} changed it, and no human who did not contribute approved that; {REMEDY}"
        return None if approved else ReviewRequiredError(message, file=path, line=1)

    return [error for path, text in files.items() if (error := problem(path, text))]


def _last_changes(client: Client, head: Head, paths: Sequence[str]) -> dict[str, LastChange]:
    changes = {}
    for start in range(0, len(paths), PATHS_PER_QUERY):
        batch = paths[start : start + PATHS_PER_QUERY]
        histories = " ".join(f"h{index}: {LAST_COMMIT % index}" for index in range(len(batch)))
        document = query(
            variables={"oid": "GitObjectID!"},
            paths=batch,
            fields=f"object(oid: $oid) {{ ... on Commit {{ {histories} {file_fields(batch)} }} }}",
        )
        variables = {"oid": head.sha, **path_variables(batch)}
        answer = client.repository(document, variables, permission=PERMISSION)["object"]
        with client.parsing():
            for index, path in enumerate(batch):
                file = (answer[f"f{index}"] or {}).get("object") or {}
                (commit,) = answer[f"h{index}"]["nodes"] or [None]
                changes[path] = _last_change(commit, head.branch, file.get("text") or "")
    return changes


def _last_change(commit: Mapping[str, Any] | None, branch: str, text: str) -> LastChange:
    if commit is None:
        return LastChange()
    pulls = (
        int(pull["number"])
        for pull in commit["associatedPullRequests"]["nodes"]
        if (pull["state"], pull["baseRefName"]) == ("MERGED", branch)
    )
    first = commit["parents"]["totalCount"] == 0
    return LastChange(sha=commit["oid"], pull=next(pulls, 0), is_first=first, text=text)


def _plain(text: str) -> str:
    """Return *text* as git keeps it: a checkout on Windows can end its lines otherwise."""
    return text.replace("\r\n", "\n")
