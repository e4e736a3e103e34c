"""How GitHub's answers to GraphQL queries read: commits, what they brought, deployments."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from actions import approval
from actions.approval import login, reviews_of, writing_of
from actions.check_reader import read_check
from actions.errors import GitHubError
from actions.evidence.facts import Check, Commit, Pull

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

TICKET = re.compile(r"\b[A-Z][A-Z0-9]{1,9}-\d+\b")
LOGIN = "{ login __typename }"
CHECKS = """statusCheckRollup { contexts(first: 100) { totalCount nodes { __typename
    ... on CheckRun { name status conclusion completedAt checkSuite { app { databaseId } } }
    ... on StatusContext { context state createdAt } } } }"""
# What a query costs grows with how many nodes it could return, so it asks for what a pull request has as a rule; of one
# with more commits the rest is asked for (docs.github.com, "Rate limits and query limits for the GraphQL API").
FRAGMENTS = f"""
fragment commit on Commit {{
    oid message committedDate author {{ name {approval.USER} }} signature {{ isValid }}
    associatedPullRequests(first: 3) {{ nodes {{ ...pull }} }} }}
fragment pull on PullRequest {{
    number url title body state createdAt mergedAt headRefName headRefOid baseRefName
    author {LOGIN} mergedBy {LOGIN} mergeCommit {{ oid }} labels(first: 50) {{ nodes {{ name }} }}
    closingIssuesReferences(first: 10) {{ nodes {{ url }} }}
    commits(first: 50) {{ {approval.COMMITS} }}
    tested: commits(last: 1) {{ nodes {{ commit {{ {CHECKS} }} }} }}
    reviews(last: 100) {{ {approval.REVIEWS} }} }}"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Versions:
    """The files that matter, before a commit of the infra repository and after it."""

    parents: tuple[str, ...]
    before: Mapping[str, str]
    after: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Brought(Versions):
    """A commit of the infra repository with the files that matter, and what came with it."""

    commit: Commit
    message: str
    unreadable: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployed:
    """A deployment record; *succeeded_at* is "" if it never did."""

    number: int
    name: str
    sha: str
    made: datetime
    creator: str
    created_at: str
    succeeded_at: str
    url: str


def brought(node: Mapping[str, Any] | None, paths: Sequence[str], base: str) -> Brought:
    """Return what a commit brought to the branch *base*, with the files at *paths*; raise GitHubError if it is gone."""
    if not node:
        raise GitHubError("a commit of the branch is gone: its history was rewritten meanwhile")
    found = versions(node, paths)
    return Brought(
        parents=found.parents,
        before=found.before,
        after=found.after,
        commit=commit(node, base),
        message=node["message"],
        unreadable=tuple(path for path, blob in _blobs(node, paths) if blob["isBinary"] or blob["isTruncated"]),
    )


def versions(node: Mapping[str, Any], paths: Sequence[str]) -> Versions:
    """Return the files at *paths* before a commit, which is at its first parent, and after it."""
    parents = node["parents"]["nodes"]
    return Versions(
        parents=tuple(parent["oid"] for parent in parents),
        before=texts(parents[0], paths) if parents else {},
        after=texts(node, paths),
    )


def texts(node: Mapping[str, Any], paths: Sequence[str]) -> dict[str, str]:
    """Return the files that a commit has at *paths*; one that is no text has none in it."""
    return {path: blob["text"] or "" for path, blob in _blobs(node, paths)}


def _blobs(node: Mapping[str, Any], paths: Sequence[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the files that a commit has at *paths*; a folder is none."""
    for index, path in enumerate(paths):
        blob = (node[f"f{index}"] or {}).get("object")
        if blob and "text" in blob:
            yield path, blob


def commit(node: Mapping[str, Any], base: str) -> Commit:
    """Return a commit with the pull request that brought it: one that was merged, to *base* if that is given."""
    merged = [pull for pull in node["associatedPullRequests"]["nodes"] if pull["state"] == "MERGED"]
    fitting = [pull for pull in merged if base in ("", pull["baseRefName"])]
    exact = [pull for pull in fitting if (pull["mergeCommit"] or {}).get("oid") == node["oid"]]
    pull = next(iter([*exact, *fitting]), None)
    author = node["author"] or {}
    return Commit(
        sha=node["oid"],
        title=node["message"].partition("\n")[0],
        author=login(author.get("user")) or author.get("name") or "",
        at=zulu(node["committedDate"]),
        verified=bool(node["signature"] and node["signature"]["isValid"]),
        pull=_pull(pull) if pull else None,
    )


def _pull(node: Mapping[str, Any]) -> Pull:
    writing = writing_of(node["commits"]["nodes"])
    tested = node["tested"]["nodes"][0]["commit"]["statusCheckRollup"] if node["tested"]["nodes"] else None
    issues = [issue["url"] for issue in node["closingIssuesReferences"]["nodes"]]
    return Pull(
        number=node["number"],
        url=node["url"],
        title=node["title"],
        author=login(node["author"]),
        by_bot=(node["author"] or {}).get("__typename") == "Bot",
        branch=node["headRefName"],
        base=node["baseRefName"],
        created_at=zulu(node["createdAt"]),
        merged_at=zulu(node["mergedAt"]),
        merged_by=login(node["mergedBy"]),
        head=node["headRefOid"],
        merge_commit=(node["mergeCommit"] or {}).get("oid", ""),
        labels=tuple(label["name"] for label in node["labels"]["nodes"]),
        tickets=tuple(
            dict.fromkeys([*issues, *TICKET.findall(f"{node['title']}\n{node['headRefName']}\n{node['body']}")])
        ),
        writers=writing.writers,
        strangers=writing.strangers,
        requesters=writing.requesters,
        reviews=reviews_of(node["reviews"]["nodes"]),
        checks=tuple(_check(check) for check in tested["contexts"]["nodes"]) if tested else (),
        complete=all(
            connection["totalCount"] <= len(connection["nodes"])
            for connection in (node["commits"], node["reviews"], *([tested["contexts"]] if tested else []))
        ),
    )


def _check(node: Mapping[str, Any]) -> Check:
    found = read_check(node)
    at = node.get("completedAt") or node.get("createdAt")
    return Check(name=found.name, app=found.app, conclusion=found.conclusion, at=zulu(at))


def deployed(node: Mapping[str, Any]) -> Deployed:
    """Return a deployment record."""
    statuses = node["statuses"]["nodes"]
    succeeded = [zulu(status["createdAt"]) for status in statuses if status["state"] == "SUCCESS"]
    return Deployed(
        number=node["databaseId"],
        name=node["environment"],
        sha=node["commitOid"],
        made=datetime.fromisoformat(node["commit"]["committedDate"] if node["commit"] else node["createdAt"]),
        creator=login(node["creator"]),
        created_at=zulu(node["createdAt"]),
        succeeded_at=min(succeeded, default=""),
        url=next((status["logUrl"] for status in reversed(statuses) if status["logUrl"]), ""),
    )


def earlier(moment: str, span: timedelta) -> str:
    """Return the moment that is *span* before another."""
    return f"{datetime.fromisoformat(moment) - span:%Y-%m-%dT%H:%M:%SZ}"


def zulu(moment: str | None) -> str:
    """Return a moment as it compares with others as text: UTC, to the second."""
    if not moment:
        return ""
    return f"{datetime.fromisoformat(moment).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
