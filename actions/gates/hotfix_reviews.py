"""Find the commits of a hotfix that came to its branch without an approved pull request.

That a hotfix branch has a commit proves no review: whoever may push there, or make such a branch, needs nobody else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actions.api.batches import in_batches
from actions.api.client import query
from actions.app.facts import Unknown
from actions.gates.pull_reader import PERMISSION, read_pulls
from actions.runner.event import is_hotfix

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from actions.api.client import Client
    from actions.api.comparison import Comparison
    from actions.gates.pull_reader import PullJudge

COMMITS_PER_QUERY = 50
PULLS = "associatedPullRequests(first: 10) { nodes { number state baseRefName } }"


def unreviewed_commits(client: Client, judge: PullJudge, beyond: Comparison | None) -> tuple[str, ...] | Unknown:
    """Describe the commits of *beyond*, the comparison of a hotfix with the default branch, that nobody reviewed.

    A commit was reviewed if a pull request into a hotfix branch brought it and a human who did not contribute approved.
    """
    if not beyond or beyond.total > len(beyond.commits):
        return Unknown("all commits that the hotfix adds to the default branch")
    shas = [commit.sha for commit in beyond.commits]
    numbers: dict[str, list[int]] = {}
    for _, nodes in in_batches(shas, COMMITS_PER_QUERY, lambda batch: _ask(client, batch)):
        numbers |= {sha: _pulls_of(node, judge.config.hotfix_prefix) for sha, node in nodes.items()}
    pulls = read_pulls(client, dict.fromkeys(number for known in numbers.values() for number in known))
    verdicts = {number: judge.is_approved(pull) for number, pull in pulls.items()}
    unreviewed = []
    for commit in beyond.commits:
        found = [verdicts[number] for number in numbers.get(commit.sha, ())]
        if True in found:
            continue
        unknown = next((verdict for verdict in found if isinstance(verdict, Unknown)), None)
        if unknown:
            return unknown
        unreviewed.append(f"{commit.sha[:12]} {commit.title[:80]}")
    return tuple(unreviewed)


def _ask(client: Client, shas: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    variables = {f"c{index}": sha for index, sha in enumerate(shas)}
    document = query(
        variables=dict.fromkeys(variables, "GitObjectID!"),
        fields=" ".join(f"{name}: object(oid: ${name}) {{ ... on Commit {{ {PULLS} }} }}" for name in variables),
    )
    answer = client.repository(document, variables, permission=PERMISSION)
    return {sha: answer[name] for name, sha in variables.items() if answer[name]}


def _pulls_of(commit: Mapping[str, Any], hotfix_prefix: str) -> list[int]:
    """Return the pull requests that brought *commit* to a hotfix branch."""
    return [
        int(pull["number"])
        for pull in commit["associatedPullRequests"]["nodes"]
        if pull["state"] == "MERGED" and is_hotfix(pull["baseRefName"], hotfix_prefix)
    ]
