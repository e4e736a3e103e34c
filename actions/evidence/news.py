"""Read what came to the branch since the last export: one query, where the records say all about what was before.

They do where the branch only grew by commits with one parent, none of which changed `gitops.yml`. After a merge commit,
a change of the layout or a rewritten branch, everything is read as the first time. The records are not believed to be
whole: GitHub says whether the branch still contains the commit up to which they are, and the tags there must be those
that the last change led to. The README of action-export-evidence says what somebody might do who can write there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from actions.api.check_reader import required_checks_of
from actions.api.client import file_fields, path_variables, query
from actions.evidence.branch_history import BranchHistory
from actions.evidence.deployments import DEPLOYMENTS, PERMISSION
from actions.evidence.reviews import FILES, PULLS, pull_number
from actions.evidence.timestamps import utc_text
from actions.infra.config import PATH
from actions.runner.event import BRANCH

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from actions.api.checks import RequiredCheck
    from actions.api.client import Client
    from actions.evidence.facts import Listing, Rules

MOST_COMMITS = 50
PULLS_WITH_FILES = PULLS.replace("number ", f"number {FILES} ", 1)
RULES = """rules(first: 100) { totalCount nodes { type repositoryRuleset { databaseId updatedAt } parameters {
    ... on RequiredStatusChecksParameters { requiredStatusChecks { context integrationId } } } } }"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ruleset:
    """A ruleset in force, as it is *since* a moment: the types of its *rules*, and the *checks* that it requires."""

    since: str
    rules: frozenset[str] = frozenset()
    checks: frozenset[RequiredCheck] = frozenset()

    @classmethod
    def of(cls, recorded: Rules) -> Ruleset:
        """Return what is *recorded*, to be compared: what decides about exceptions is not taken from the records."""
        return cls(since=recorded.since, rules=frozenset(recorded.rules), checks=frozenset(recorded.required_checks))


@dataclass(frozen=True, kw_only=True, slots=True)
class News:
    """The *head* of *branch* with the *files* there, those *before* the news, and the *history* as far as it is new.

    *history* holds some older commits too; *touched* are the new commits that changed a file that was asked for, oldest
    first; *brought* has the number of the pull request of each new one, and *listed* each of these with its files.
    *rulesets* are in force, by their ids; None if
    some are hidden. *deployments* is the first page of the deployment records.
    """

    branch: str
    head: str
    files: Mapping[str, str]
    before: Mapping[str, str]
    history: BranchHistory
    touched: tuple[str, ...]
    brought: Mapping[str, int]
    listed: Mapping[int, Any]
    rulesets: Mapping[int, Ruleset] | None
    deployments: Mapping[str, Any]


def read_news(client: Client, branch: str, listing: Listing, also: str) -> News | None:
    """Return what is new on *branch* since *listing*, None if everything has to be read.

    The paths of *listing* are compared, and the file at the path *also* is read.
    """
    seen, paths = listing.head, [*listing.paths, also]
    oids = " ".join(f"o{index}: file(path: $p{index}) {{ oid }}" for index in range(len(listing.paths)))
    history = f"""history(first: {MOST_COMMITS}) {{ nodes {{ oid committedDate {PULLS_WITH_FILES} {oids}
        parents(first: 2) {{ nodes {{ oid }} }} first: parents(first: 1) {{ nodes {{ {oids} }} }} }} }}"""
    document = query(
        variables={"ref": "String!", "seen": "GitObjectID!", "cursor": "String"},
        paths=paths,
        fields=f"""seen: object(oid: $seen) {{ ... on Commit {{ {file_fields(paths)} }} }}
            ref(qualifiedName: $ref) {{ {RULES} target {{ ... on Commit {{ oid {file_fields(paths)} {history} }} }} }}
            {DEPLOYMENTS}""",
    )
    variables = {"ref": BRANCH + branch, "seen": seen, "cursor": None, **path_variables(paths)}
    answer = client.repository(document, variables, permission=f"contents: read, pull requests: read, {PERMISSION}")
    with client.parsing():
        if not answer["ref"]:
            return None
        target = answer["ref"]["target"]
        new = _since(target["history"]["nodes"], seen)
        files, before = (_texts(commit, paths) for commit in (target, answer["seen"] or {}))
        if new is None or files is None or before is None or any(_touches(node, paths.index(PATH)) for node in new):
            return None
        indexes = range(len(listing.paths))
        return News(
            branch=branch,
            head=target["oid"],
            files=files,
            before=before,
            history=BranchHistory.of(target["history"]["nodes"]),
            brought={node["oid"]: pull_number(node, branch) for node in new},
            listed={int(pull["number"]): pull for node in new for pull in node["associatedPullRequests"]["nodes"]},
            touched=tuple(n["oid"] for n in reversed(new) if any(_touches(n, index) for index in indexes)),
            rulesets=rulesets_of(answer["ref"]["rules"]),
            deployments=answer["deployments"],
        )


def _since(nodes: Sequence[Mapping[str, Any]], seen: str) -> list[Mapping[str, Any]] | None:
    """Return the nodes from the head of the branch to *seen*, newest first; None if they are no single line."""
    by_sha = {node["oid"]: node for node in nodes}
    line: list[Mapping[str, Any]] = []
    sha = nodes[0]["oid"] if nodes else ""
    while sha != seen:
        node = by_sha.get(sha)
        if not node or len(node["parents"]["nodes"]) != 1:
            return None
        line.append(node)
        sha = node["parents"]["nodes"][0]["oid"]
    return line


def _touches(node: Mapping[str, Any], index: int) -> bool:
    name = f"o{index}"
    return bool(node[name] != node["first"]["nodes"][0][name])


def _texts(commit: Mapping[str, Any], paths: Sequence[str]) -> dict[str, str] | None:
    """Return the files at *paths* that *commit* has, None if one of them is no text."""
    blobs = {path: (commit.get(f"f{index}") or {}).get("object") or {} for index, path in enumerate(paths)}
    texts = {path: blob["text"] for path, blob in blobs.items() if "text" in blob}
    return None if None in texts.values() or any(blob.get("isTruncated") for blob in blobs.values()) else texts


def rulesets_of(rules: Mapping[str, Any]) -> dict[int, Ruleset] | None:
    """Return the rulesets behind the *rules* of a branch, None if some are hidden."""
    found: dict[int, Ruleset] = {}
    if rules["totalCount"] > len(rules["nodes"]):
        return None
    for node in rules["nodes"]:
        ruleset = node["repositoryRuleset"]
        if not ruleset:
            return None
        known = found.get(ruleset["databaseId"], Ruleset(since=utc_text(ruleset["updatedAt"])))
        checks = required_checks_of({"rules": {"nodes": [node]}, "refUpdateRule": None})
        found[ruleset["databaseId"]] = Ruleset(
            since=known.since, rules=known.rules | {node["type"].lower()}, checks=known.checks | {*checks}
        )
    return found
